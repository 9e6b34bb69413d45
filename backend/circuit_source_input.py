"""Sources and grounds as they are given: layers of points or rasters. Light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .circuit_checks import CircuitHeaders, one_of, read_band
from .circuit_layers import centre_of, layer_cells
from .errors import InputError
from .job import Job, Report
from .network_columns import present
from .wording import counted

_SHOWN = 5


def check_sources(job: Job, headers: CircuitHeaders) -> None:
    """Check what needs no values: that there are sources and grounds, and their fields; raises `InputError`."""
    for kind in ("SOURCE", "GROUND"):
        given = one_of(job, (f"{kind}S", f"{kind}_RASTER"), f"{kind.lower()}s")
        field = job.parameters[f"{kind}_FIELD"]
        if field and given != f"{kind}S":
            raise InputError(f"{kind}_FIELD", f"It belongs to {kind}S, which is empty.", "Leave it empty.")
        if field:
            headers.layers[given].field(field, f"{kind}_FIELD", numeric=True)


def read_sources(job: Job, headers: CircuitHeaders, node: NDArray[np.bool_], report: Report) -> NDArray[np.float64]:
    """Return the current that enters each cell, amperes, 0 elsewhere.

    Raises
    ------
    InputError
        Values that are none, places outside the raster or on gaps, no source at all.
    """
    cells, values, name = _given(job, headers, "SOURCE", node, report)
    _refuse(~np.isfinite(values), values, cells, headers, name, "a finite number of amperes")
    source = np.zeros(node.shape)
    kept = values != 0
    ones = np.ones(int(kept.sum())) if job.parameters["UNIT_SOURCES"] else values[kept]
    np.add.at(source.ravel(), cells[kept], ones)
    if not source.any():
        raise InputError(
            name, "No current enters anywhere on the raster.", "Give sources with a strength other than 0."
        )
    return source


def read_grounds(job: Job, headers: CircuitHeaders, node: NDArray[np.bool_], report: Report) -> NDArray[np.float64]:
    """Return the conductance of each cell to ground, inf where tied, 0 elsewhere.

    Raises
    ------
    InputError
        Negative values, places outside the raster or on gaps, no ground at all.
    """
    cells, values, name = _given(job, headers, "GROUND", node, report)
    _refuse(~(values >= 0), values, cells, headers, name, ">= 0")
    has_values = name == "GROUND_RASTER" or bool(job.parameters["GROUND_FIELD"])
    if not has_values:
        conductance = np.full(len(values), np.inf)
    elif job.parameters["GROUND_KIND"] == "resistance":
        with np.errstate(divide="ignore"):
            conductance = 1 / values
    else:
        conductance = values
    if job.parameters["TIED_GROUNDS"]:
        conductance = np.where(conductance > 0, np.inf, 0.0)
    ground = np.zeros(node.shape)
    np.add.at(ground.ravel(), cells, conductance)
    if not ground.any():
        raise InputError(name, "There is no ground on the raster.", "Give grounds: current has to leave somewhere.")
    return ground


def _given(
    job: Job, headers: CircuitHeaders, kind: str, node: NDArray[np.bool_], report: Report
) -> tuple[NDArray[np.int64], NDArray[np.float64], str]:
    """Return cells, their values, and the parameter that gave them; places off the circuit are refused or left out."""
    raster, drop = f"{kind}_RASTER", job.parameters["POINT_PROBLEMS"] == "drop"
    if raster in headers.bands:
        values = read_band(headers, raster, report)
        there = ~np.isnan(values) if kind == "GROUND" else np.nan_to_num(values) != 0
        cells = np.flatnonzero(there)
        found, name = values.ravel()[cells], raster
    else:
        cells, found = _of_layer(job, headers, kind, report, drop)
        name = f"{kind}S"
    off = ~node.ravel()[cells]
    if off.any():
        places = [(centre_of(headers.grid, cell)) for cell in cells[off][:_SHOWN].tolist()]
        shown = ", ".join(f"({x:.10g}, {y:.10g})" for x, y in places)
        text = f"{int(off.sum())} of {len(cells)} {kind.lower()}s lie on a gap (nodata) of RESISTANCE: {shown}."
        if not drop:
            raise InputError(name, text, "Move them, or set POINT_PROBLEMS to drop.")
        report.warning(f"{name}: {text} Left out.")
    return cells[~off], found[~off], name


def _of_layer(
    job: Job, headers: CircuitHeaders, kind: str, report: Report, drop: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    layer, grid = headers.layers[f"{kind}S"], headers.grid
    name = job.parameters[f"{kind}_FIELD"]
    field = layer.field(name, f"{kind}_FIELD", numeric=True) if name else None
    table = layer.read([field] if field else [], geometry=True)
    values = np.ones(len(table.fid))
    if field is not None:
        has = present(table.columns, field)
        if not has.all():
            raise InputError(
                f"{kind}_FIELD",
                f"'{field}' is empty in {counted(int((~has).sum()), 'feature')}, the first {table.fid[~has][0]}.",
                "Fill it.",
            )
        values = table.columns[field].astype(float)
    found = layer_cells(layer, table.geometry or [], grid)
    if found.outside:
        left, bottom, right, top = grid.bounds
        shown = ", ".join(f"({x:.10g}, {y:.10g})" for _, x, y in found.outside[:_SHOWN])
        text = (
            f"{counted(len(found.outside), 'point lies', 'points lie')} outside the raster (x {left:.10g} to {right:.10g}, y {bottom:.10g} to {top:.10g}): "
            f"{shown}."
        )
        if not drop:
            raise InputError(f"{kind}S", text, "Move them, or set POINT_PROBLEMS to drop.")
        report.warning(f"{kind}S: {text} Left out.")
    return found.cell, values[found.feature]


def _refuse(
    wrong: NDArray[np.bool_],
    values: NDArray[np.float64],
    cells: NDArray[np.int64],
    headers: CircuitHeaders,
    name: str,
    rule: str,
) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        x, y = centre_of(headers.grid, int(cells[first]))
        raise InputError(
            name,
            f"{counted(int(wrong.sum()), 'value is', 'values are')} not {rule}, the first {values[first]:g} at ({x:.10g}, {y:.10g}).",
            "Mend them.",
        )
