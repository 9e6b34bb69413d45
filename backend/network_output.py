"""A network with results, as one GeoPackage with the layers `nodes` and `edges`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import ogr

from .geopackage import LayerToWrite, write_geopackage
from .job import Job
from .network_geopackage import EDGES, NODES
from .network_input import PatchNetwork
from .outputs import Outputs


def with_results(columns: dict[str, NDArray[Any]], results: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return columns with results; those of the same name (in any case) give way."""
    taken = {name.lower() for name in results}
    taken |= {f"has_{name}" for name in taken}
    return {**{name: values for name, values in columns.items() if name.lower() not in taken}, **results}


def write_network_results(
    outputs: Outputs,
    name: str,
    job: Job,
    network: PatchNetwork,
    node_results: dict[str, NDArray[Any]],
    edge_results: dict[str, NDArray[Any]],
) -> None:
    """Write the layers that were read with their results, geometry and feature ids kept.

    Links without geometry become straight lines between their nodes.
    """
    nodes, edges = network.node_table, network.edge_table
    lines = edges.geometry
    crs = network.headers.edges.crs
    if lines is None and nodes.geometry is not None:
        lines, crs = straight_lines(nodes.geometry, network.start, network.end), network.headers.nodes.crs
    # Feature ids may change in other hands: where they name the nodes, they become a field.
    has_index = "index" in {name.lower() for name in nodes.columns}
    index = {} if network.named_by or has_index else {"index": nodes.fid}
    layers = [
        LayerToWrite(
            NODES,
            with_results({**index, **nodes.columns}, node_results),
            nodes.geometry,
            network.headers.nodes.crs,
            nodes.fid,
        ),
        LayerToWrite(EDGES, with_results(edges.columns, edge_results), lines, crs, edges.fid),
    ]
    outputs.write(name, lambda path: write_geopackage(path, layers, job.provenance(), name))


def straight_lines(shapes: list[bytes | None], start: NDArray[np.int64], end: NDArray[np.int64]) -> list[bytes | None]:
    """Return lines between points that lie in the shapes."""
    places = [inner_point(shape) for shape in shapes]
    lines: list[bytes | None] = []
    for u, v in zip(start.tolist(), end.tolist()):
        one, other = places[u], places[v]
        lines.append(None if one is None or other is None else line([one, other]))
    return lines


def inner_point(shape: bytes | None) -> tuple[float, float] | None:
    """Return the centroid of a shape, or a point on it where the centroid lies outside."""
    if shape is None:
        return None
    geometry = ogr.CreateGeometryFromWkb(shape)
    centre = geometry.Centroid()
    if geometry.GetDimension() == 2 and not geometry.Contains(centre):
        centre = geometry.PointOnSurface()
    return centre.GetX(), centre.GetY()


def line(places: list[tuple[float, float]]) -> bytes:
    """Return a line through some points."""
    shape = ogr.Geometry(ogr.wkbLineString)
    for x, y in places:
        shape.AddPoint_2D(x, y)
    return bytes(shape.ExportToWkb())
