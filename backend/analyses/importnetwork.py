"""`driftway:importnetwork`: files of Conefor or GraphML as layers of nodes and links."""

from __future__ import annotations

from ..declarations import Declaration, File, NumberOutput, VectorStyle
from ..errors import InputError
from ..job import Job, Report
from ..network_columns import NetworkColumns
from ..network_conefor import read_conefor
from ..network_geopackage import write_network
from ..network_graphml import read_graphml
from ..network_parameters import network_output
from ..output_checks import check_outputs
from ..outputs import Outputs

DECLARATION = Declaration(
    id="importnetwork",
    label="Import a habitat network",
    group="Habitat networks",
    group_id="networks",
    summary="Reads Conefor node and connection files or a GraphML file as layers of nodes and links.",
    help=(
        "Conefor files have no header; values are apart by tabs or blanks: number and capacity of each patch, both numbers "
        "and the distance of each link. The layers have no geometry then. The nodes of a GraphML file that have the values x "
        "and y become points, and links lines between them.",
    ),
    tags=("network", "graph", "Conefor", "GraphML", "import", "NetworkX", "igraph"),
    parameters=(
        File("CONEFOR_NODES", "Conefor node file", "Number and capacity of each patch.", optional=True),
        File(
            "CONEFOR_CONNECTIONS",
            "Conefor connection file",
            "Two numbers and the distance of each link.",
            optional=True,
        ),
        File("GRAPHML", "GraphML file", "In place of Conefor files.", optional=True),
    ),
    outputs=(
        network_output(
            "Nodes with index and capacity, edges with from, to and distance; of GraphML all values.",
            VectorStyle("capacity", "viridis", "quantile", size_by="capacity"),
            VectorStyle("distance", "mako", "quantile"),
        ),
        NumberOutput("PATCH_COUNT", "Patches", "Number of nodes."),
        NumberOutput("LINK_COUNT", "Links", "Number of links."),
    ),
)


def check_headers(job: Job) -> None:
    """Check that files are given as they belong together, and the outputs; raises `InputError`."""
    given = {name: job.parameters[name] for name in ("CONEFOR_NODES", "CONEFOR_CONNECTIONS", "GRAPHML")}
    if given["GRAPHML"] and (given["CONEFOR_NODES"] or given["CONEFOR_CONNECTIONS"]):
        raise InputError("GRAPHML", "Files of Conefor are given as well.", "Give either.")
    if not given["GRAPHML"] and not (given["CONEFOR_NODES"] and given["CONEFOR_CONNECTIONS"]):
        missing = "CONEFOR_CONNECTIONS" if given["CONEFOR_NODES"] else "CONEFOR_NODES"
        raise InputError(missing, "The file is missing.", "Give both files of Conefor, or one of GraphML.")
    check_outputs(job, None)


def check(job: Job, report: Report) -> NetworkColumns:
    """Check and read everything; raises `InputError`."""
    check_headers(job)
    given = job.parameters
    report.progress(0.0, "Reading the files")
    if given["GRAPHML"]:
        return read_graphml(given["GRAPHML"], "GRAPHML")
    return read_conefor(given["CONEFOR_NODES"], given["CONEFOR_CONNECTIONS"])


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Read the files and write the layers."""
    network = check(job, report)
    outputs.write("NETWORK", lambda path: write_network(path, network, job.provenance()))
    return {"PATCH_COUNT": len(network.nodes["index"]), "LINK_COUNT": len(network.edges["from"])}
