"""Resistances as tables and lines, and maps of current as they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .circuit_focal import FocalNodes
from .circuit_layers import centre_of
from .job import Job
from .network_output import line
from .outputs import Outputs
from .raster_grid import Grid
from .raster_io import NODATA
from .vector_io import LayerToWrite, write_geopackage


def shown_current(current: NDArray[np.float64], node: NDArray[np.bool_], *, log_scale: bool) -> Any:
    """Return a map of current as it is stored: nodata in gaps, and where there is no current on a log scale."""
    if not log_scale:
        return np.where(node, current, NODATA).astype(np.float32)
    found = np.full(current.shape, NODATA, np.float32)
    there = node & (current > 0)
    found[there] = np.log10(current[there])
    return found


def pairs_table(ids: NDArray[np.int64], resistance: NDArray[np.float64], counted: NDArray[np.bool_]) -> str:
    """Return a CSV table with a row for each pair that counts; -1 where it is not connected."""
    one, other = np.nonzero(np.triu(counted, 1))
    rows = zip(ids[one].tolist(), ids[other].tolist(), resistance[one, other].tolist())
    return "from,to,resistance\n" + "".join(f"{a},{b},{value:.12g}\n" for a, b, value in rows)


def matrix_table(ids: NDArray[np.int64], resistance: NDArray[np.float64]) -> str:
    """Return a CSV matrix with ids in its first row and column; -1 where a pair is not connected or does not count."""
    lines = [",".join(["id", *map(str, ids.tolist())])]
    for identity, row in zip(ids.tolist(), resistance.tolist()):
        lines.append(",".join([str(identity), *(f"{value:.12g}" for value in row)]))
    return "\n".join(lines) + "\n"


def places_of(focal: FocalNodes, grid: Grid) -> NDArray[np.float64]:
    """Return x and y of each focal node: the centre of its cell, or of its region's cells; (nodes, 2)."""
    places = np.array([centre_of(grid, cell) for cell in focal.cells.tolist()]).reshape(-1, 2)
    count = np.bincount(focal.owner, minlength=len(focal))
    sums = [np.bincount(focal.owner, places[:, axis], len(focal)) for axis in (0, 1)]
    return np.column_stack(sums) / count[:, None]


def write_lines(
    outputs: Outputs,
    name: str,
    job: Job,
    grid: Grid,
    focal: FocalNodes,
    resistance: NDArray[np.float64],
    counted: NDArray[np.bool_],
) -> None:
    """Write a straight line for each connected pair, its resistance as the attribute `resistance`."""
    if not outputs.wants(name):
        return
    one, other = np.nonzero(np.triu(counted, 1) & (resistance >= 0))
    places = places_of(focal, grid)
    columns: dict[str, NDArray[Any]] = {
        "from": focal.ids[one],
        "to": focal.ids[other],
        "resistance": resistance[one, other],
        "distance": np.hypot(*(places[one] - places[other]).T),
    }
    lines: list[bytes | None] = [
        line([(float(a[0]), float(a[1])), (float(b[0]), float(b[1]))]) for a, b in zip(places[one], places[other])
    ]
    layer = LayerToWrite("resistances", columns, lines, grid.crs)
    outputs.write(name, lambda path: write_geopackage(path, [layer], job.provenance(), name))
