"""Focal nodes as they are given: a layer or a raster. Light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .circuit_checks import CircuitHeaders, one_of, read_band, whole_numbers
from .circuit_focal import FocalNodes
from .circuit_layers import centre_of, layer_cells
from .circuit_pairs import PairRule, parse_pairs
from .errors import InputError
from .job import Job, Report
from .network_columns import present
from .raster_grid import Grid
from .vector_io import VectorLayer
from .wording import counted

_SHOWN = 5


def check_focal(job: Job, headers: CircuitHeaders) -> None:
    """Check what needs no values: that there are focal nodes, their field, the file of pairs; raises `InputError`."""
    one_of(job, ("FOCAL_NODES", "FOCAL_RASTER"), "focal nodes")
    if "FOCAL_NODES" in headers.layers and job.parameters["FOCAL_ID"]:
        headers.layers["FOCAL_NODES"].field(job.parameters["FOCAL_ID"], "FOCAL_ID", numeric=True)
    read_pairs(job)


def read_pairs(job: Job) -> PairRule | None:
    """Return the pairs that count, None for all."""
    path = job.parameters["PAIRS_FILE"]
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError("PAIRS_FILE", f"'{path}' cannot be read: {error.strerror}.", "Check the path.") from error
    return parse_pairs(text, "PAIRS_FILE")


def read_focal(
    job: Job, headers: CircuitHeaders, conductance: NDArray[np.float64], report: Report
) -> tuple[FocalNodes, NDArray[np.int64]]:
    """Return the focal nodes, and the row in the layer of each one's first feature (its position where there is none).

    Cells of focal regions that lie on gaps are left out.

    Raises
    ------
    InputError
        Ids that are none, places outside the raster or on gaps, two ids in one cell, fewer than two focal nodes.
    """
    drop = job.parameters["FOCAL_PROBLEMS"] == "drop"
    grid = headers.grid
    if "FOCAL_RASTER" in headers.bands:
        ids = whole_numbers(read_band(headers, "FOCAL_RASTER", report), "FOCAL_RASTER")
        cells = np.flatnonzero(ids)
        identity, feature = ids.ravel()[cells], np.zeros(len(cells), np.int64)
        name = "FOCAL_RASTER"
    else:
        identity, cells, feature = _of_layer(job, headers.layers["FOCAL_NODES"], grid, report, drop)
        name = "FOCAL_NODES"
    identity, cells, feature = _each_once(identity, cells, feature, grid, name)
    on_node = conductance.ravel()[cells] > 0
    gone = np.setdiff1d(identity, identity[on_node])
    if len(gone):
        places = [(int(i), *centre_of(grid, int(cells[identity == i][0]))) for i in gone[:_SHOWN]]
        _refuse_or_drop("on a gap (nodata) of RESISTANCE", places, len(gone), name, report, drop=drop)
    elif not on_node.all():
        report.message(
            f"{counted(int((~on_node).sum()), 'cell of focal regions lies on a gap', 'cells of focal regions lie on gaps')}: left out."
        )
    focal = FocalNodes.of_cells(identity[on_node], cells[on_node])
    if len(focal) < 2:
        held = "is one focal node" if len(focal) == 1 else "are no focal nodes"
        raise InputError(name, f"There {held} on the raster.", "Give two or more, with different ids.")
    first = np.array([feature[on_node][identity[on_node] == i][0] for i in focal.ids], np.int64)
    return focal, first


def _of_layer(
    job: Job, layer: VectorLayer, grid: Grid, report: Report, drop: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    name = job.parameters["FOCAL_ID"]
    field = layer.field(name, "FOCAL_ID", numeric=True) if name else None
    table = layer.read([field] if field else [], geometry=True)
    if field is None:
        ids = np.arange(1, len(table.fid) + 1, dtype=np.int64)
    else:
        values = table.columns[field].astype(float)
        wrong = ~present(table.columns, field) | (values != np.floor(values)) | (values <= 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            shown = f"{values[row]:g}" if present(table.columns, field)[row] else "empty"
            raise InputError(
                "FOCAL_ID",
                f"'{field}' holds {counted(int(wrong.sum()), 'value that is no id', 'values that are no ids')}, the first in feature {table.fid[row]}: {shown}.",
                "Ids are whole numbers > 0. Choose another field, or none to count the features through.",
            )
        ids = values.astype(np.int64)
    found = layer_cells(layer, table.geometry or [], grid)
    if found.empty:
        report.warning(f"FOCAL_NODES: left out without geometry: {counted(len(found.empty), 'feature')}.")
    if found.outside:
        places = [(int(ids[row]), x, y) for row, x, y in found.outside[:_SHOWN]]
        left, bottom, right, top = grid.bounds
        where = f"outside the raster (x {left:.10g} to {right:.10g}, y {bottom:.10g} to {top:.10g})"
        _refuse_or_drop(where, places, len(found.outside), "FOCAL_NODES", report, drop=drop)
    return ids[found.feature], found.cell, found.feature


def _refuse_or_drop(
    where: str, places: list[tuple[int, float, float]], count: int, name: str, report: Report, *, drop: bool
) -> None:
    shown = ", ".join(f"{identity} at ({x:.10g}, {y:.10g})" for identity, x, y in places)
    more = f" and {count - len(places)} more" if count > len(places) else ""
    text = f"{count} focal node{'s lie' if count > 1 else ' lies'} {where}: {shown}{more}."
    if drop:
        report.warning(f"{name}: {text} Left out.")
    else:
        raise InputError(name, text, "Move them, or set FOCAL_PROBLEMS to drop.")


def _each_once(
    identity: NDArray[np.int64], cells: NDArray[np.int64], feature: NDArray[np.int64], grid: Grid, name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Leave out cells that a focal node has twice; refuse cells that two have."""
    order = np.lexsort((identity, cells))
    identity, cells, feature = identity[order], cells[order], feature[order]
    same_cell = cells[1:] == cells[:-1]
    clash = same_cell & (identity[1:] != identity[:-1])
    if clash.any():
        at = int(np.argmax(clash))
        x, y = centre_of(grid, int(cells[at]))
        row, column = divmod(int(cells[at]), grid.columns)
        raise InputError(
            name,
            f"The focal nodes {identity[at]} and {identity[at + 1]} lie in one cell (row {row + 1}, column {column + 1}, centre "
            f"{x:.10g}, {y:.10g}); there are {int(clash.sum())} such cells.",
            "Use a finer raster, move one of them, or give them one id.",
        )
    kept = np.append(True, ~same_cell) if len(cells) else np.zeros(0, bool)
    return identity[kept], cells[kept], feature[kept]


def read_strengths(
    job: Job, headers: CircuitHeaders, focal: FocalNodes, feature: NDArray[np.int64], report: Report
) -> NDArray[np.float64]:
    """Return the strength of each focal node, 1 where none is given; `feature` is the row of its first feature.

    Raises
    ------
    InputError
        Negative or missing strengths, or a file that cannot be read.
    """
    if job.parameters["STRENGTH_FIELD"]:
        layer = headers.layers["FOCAL_NODES"]
        field = layer.field(job.parameters["STRENGTH_FIELD"], "STRENGTH_FIELD", numeric=True)
        columns = layer.read([field]).columns
        found = np.where(present(columns, field), columns[field].astype(float), np.nan)[feature]
        parameter = "STRENGTH_FIELD"
    elif job.parameters["STRENGTHS_FILE"]:
        named = _strengths_of_file(job.parameters["STRENGTHS_FILE"])
        found = np.array([named.get(identity, 1.0) for identity in focal.ids.tolist()])
        missing = [identity for identity in focal.ids.tolist() if identity not in named]
        if missing:
            shown = ", ".join(map(str, missing[:10]))
            report.warning(f"STRENGTHS_FILE does not name {len(missing)} focal nodes, which get 1 A: {shown}.")
        parameter = "STRENGTHS_FILE"
    else:
        return np.ones(len(focal))
    wrong = ~((found >= 0) & np.isfinite(found))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            parameter,
            f"The strength of focal node {focal.ids[first]} is {found[first]:g}; {int(wrong.sum())} cannot be used.",
            "Strengths are numbers >= 0.",
        )
    return found


def _strengths_of_file(path: str) -> dict[int, float]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError("STRENGTHS_FILE", f"'{path}' cannot be read: {error.strerror}.", "Check the path.") from error
    found = {}
    for number, text in enumerate(lines, 1):
        words = text.replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            found[int(float(words[0]))] = float(words[1])
        except (ValueError, IndexError) as error:
            if number == 1:
                continue  # a header
            raise InputError("STRENGTHS_FILE", f"Line {number} is no id and strength.", "Mend it.") from error
    return found
