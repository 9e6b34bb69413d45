"""Networks to and from a GeoPackage with a layer of nodes and a layer of edges, NULL where a row lacks an attribute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from osgeo import ogr

from .geopackage import LayerToWrite, write_geopackage
from .network_columns import NetworkColumns, flattened, regrouped
from .vector_io import VectorLayer

NODES, EDGES = "nodes", "edges"
_FACTS = "DRIFTWAY_NETWORK"


def write_network(
    path: str | Path, network: NetworkColumns, metadata: dict[str, str] | None = None, parameter: str = "NETWORK"
) -> None:
    """Write a network; nodes with columns `x` and `y` and no geometry become points, their edges lines.

    Raises
    ------
    OutputError
        When the file cannot be written whole.
    """
    nodes, edges = network.node_geometry, network.edge_geometry
    if nodes is None and {"x", "y"} <= set(network.nodes):
        nodes, edges = _drawn(network)
    facts = {"directed": network.directed, "globals": {n: np.asarray(v).tolist() for n, v in network.globals.items()}}
    layers = [
        LayerToWrite(NODES, flattened(network.nodes), nodes, network.crs),
        LayerToWrite(EDGES, flattened(network.edges), edges, network.crs),
    ]
    write_geopackage(path, layers, {**(metadata or {}), _FACTS: json.dumps(facts)}, parameter)


def read_network(path: str | Path, parameter: str = "NETWORK") -> NetworkColumns:
    """Return the network of a GeoPackage that `write_network` wrote, edited since or not.

    Raises
    ------
    InputError
        When it has no layers `nodes` and `edges`.
    """
    nodes = VectorLayer(f"{path}|layername={NODES}", parameter)
    edges = VectorLayer(f"{path}|layername={EDGES}", parameter)
    facts = json.loads(nodes.metadata().get(_FACTS, "{}"))
    node_table, edge_table = nodes.read(geometry=True), edges.read(geometry=True)
    return NetworkColumns(
        regrouped(node_table.columns),
        regrouped(edge_table.columns),
        bool(facts.get("directed", False)),
        node_table.geometry,
        edge_table.geometry,
        nodes.crs,
        {name: np.asarray(value) for name, value in facts.get("globals", {}).items()},
    )


def _drawn(network: NetworkColumns) -> tuple[list[bytes | None], list[bytes | None]]:
    x, y = (np.asarray(network.nodes[name], float) for name in ("x", "y"))
    place = {int(name): row for row, name in enumerate(network.nodes["index"])}
    points = [_wkb([(x[row], y[row])]) for row in range(len(x))]
    ends = zip(network.edges["from"].tolist(), network.edges["to"].tolist())
    lines = [_wkb([(x[place[u]], y[place[u]]), (x[place[v]], y[place[v]])]) for u, v in ends]
    return points, lines


def _wkb(places: list[tuple[float, float]]) -> bytes | None:
    if not np.isfinite(places).all():
        return None
    shape = ogr.Geometry(ogr.wkbPoint if len(places) == 1 else ogr.wkbLineString)
    for place in places:
        shape.AddPoint_2D(float(place[0]), float(place[1]))
    return bytes(shape.ExportToWkb())
