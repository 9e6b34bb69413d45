"""`driftway:exportnetwork`: a habitat network as files of Conefor or GraphML."""

from __future__ import annotations

import numpy as np

from ..declarations import Declaration, FileOutput, NumberOutput
from ..errors import InputError
from ..job import Job, Report
from ..network_columns import NetworkColumns
from ..network_conefor import conefor_connections, conefor_nodes
from ..network_graphml import graphml
from ..network_input import PatchNetwork, check_network_headers, read_patch_network
from ..network_parameters import IDENTIFIER, NETWORK
from ..outputs import Outputs

_FILES = ("CONEFOR_NODES", "CONEFOR_CONNECTIONS", "GRAPHML")

DECLARATION = Declaration(
    id="exportnetwork",
    label="Export a habitat network",
    group="Habitat networks",
    group_id="networks",
    summary="Writes a habitat network as Conefor node and connection files or as GraphML.",
    help=(
        "Conefor's node file holds number and capacity of each patch, the connection file both numbers and the distance of "
        "each link. GraphML takes along all fields; geometry is left out. Numbers are written to their last digit.",
        "Patches that are not named by whole numbers are numbered in the order of the layer; GraphML keeps their names in "
        "the field label.",
    ),
    tags=("network", "graph", "Conefor", "GraphML", "export", "NetworkX", "igraph"),
    parameters=(*NETWORK, IDENTIFIER),
    outputs=(
        FileOutput("CONEFOR_NODES", "Conefor node file", "Number and capacity.", optional=True, ending="txt"),
        FileOutput(
            "CONEFOR_CONNECTIONS", "Conefor connection file", "Numbers and distance.", optional=True, ending="txt"
        ),
        FileOutput(
            "GRAPHML",
            "GraphML file",
            "Nodes, links and all fields.",
            optional=True,
            ending="graphml",
            format="GraphML files",
        ),
        NumberOutput("PATCH_COUNT", "Patches", "Number of nodes."),
        NumberOutput("LINK_COUNT", "Links", "Number of links."),
    ),
)


def check_headers(job: Job) -> None:
    """Check layers, fields and outputs without reading features; raises `InputError`."""
    check_network_headers(job)


def check(job: Job, report: Report) -> PatchNetwork:
    """Check everything; raises `InputError`."""
    headers = check_network_headers(job)
    if not any(job.outputs.get(name) for name in _FILES):
        raise InputError(_FILES[0], "No file is asked for.", f"Name one of {', '.join(_FILES)}.")
    return read_patch_network(job, headers, report)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Write the files."""
    network = check(job, report)
    columns = _columns(network, report)
    headers = network.headers
    outputs.write_text("CONEFOR_NODES", conefor_nodes(columns, headers.capacity))
    outputs.write_text("CONEFOR_CONNECTIONS", conefor_connections(columns, headers.distance))
    outputs.write_text("GRAPHML", graphml(columns))
    return {"PATCH_COUNT": len(network.names), "LINK_COUNT": len(network.start)}


def _columns(network: PatchNetwork, report: Report) -> NetworkColumns:
    numbered = all(name.isdecimal() and str(int(name)) == name for name in network.names)
    index = np.array([int(name) for name in network.names] if numbered else range(len(network.names)), np.int64)
    nodes = {"index": index}
    if not numbered:
        report.warning("The patches are not named by whole numbers: they are numbered from 0.")
        nodes["label"] = np.array(network.names, object)
    taken = {"index", "label", "from", "to"}
    nodes.update({name: values for name, values in network.node_table.columns.items() if name.lower() not in taken})
    edges = {
        "index": np.arange(len(network.start)),
        "from": index[network.start],
        "to": index[network.end],
        **{name: values for name, values in network.edge_table.columns.items() if name.lower() not in taken},
    }
    return NetworkColumns(nodes, edges)
