"""Everything that can be wrong with the inputs of a moving window, found before any work; light."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .job import Job, Report
from .moving_window import MovingWindow
from .omnidirectional_parameters import conditions_of, strengths_of, window_of
from .omnidirectional_plan import OmnidirectionalPlan, omnidirectional_plan
from .omnidirectional_rows import RowSource
from .output_checks import check_outputs
from .processors import available_processors
from .raster_grid import Grid, extent_window, grid_difference, is_geographic, strips
from .raster_io import RasterBand

_RASTERS = (
    "SOURCE",
    "TARGET",
    "CONDITION1",
    "CONDITION1_FUTURE",
    "CONDITION2",
    "CONDITION2_FUTURE",
    "SENSITIVITY_MASK",
)


@dataclass(frozen=True)
class Prepared:
    """What a run works on.

    Parameters
    ----------
    source : RowSource
    window : MovingWindow
    plan : OmnidirectionalPlan
    cells : int
        Cells that can be crossed.
    content : str
        Digest of all values that were read.
    """

    source: RowSource
    window: MovingWindow
    plan: OmnidirectionalPlan
    cells: int
    content: str


def check_headers(job: Job) -> tuple[RowSource, MovingWindow, list[str]]:
    """Check all that can be checked without reading values; return rasters, window and warnings.

    Raises
    ------
    InputError
        Names the parameter, the place and the remedy.
    """
    values = job.parameters
    resistance = RasterBand(values["RESISTANCE"], values["RESISTANCE_BAND"], "RESISTANCE")
    check_projected(resistance.grid, "RESISTANCE")
    bands = {"RESISTANCE": resistance}
    for name in _RASTERS:
        if name == "SOURCE" and values["SOURCE_FROM"] == "resistance":
            continue
        if values[name]:
            bands[name] = RasterBand(values[name], values.get(f"{name}_BAND") or 1, name)
            difference = grid_difference(resistance.grid, bands[name].grid).replace("QUALITY", "RESISTANCE")
            if difference:
                raise InputError(name, f"Its grid is not that of RESISTANCE: {difference}.", "Warp it to that grid.")
    if values["SOURCE_FROM"] == "raster" and "SOURCE" not in bands:
        raise InputError("SOURCE", "SOURCE_FROM is raster, but there is none.", "Give SOURCE.")
    row, column, grid = 0, 0, resistance.grid
    if values["EXTENT"] is not None:
        try:
            row, column, rows, columns = extent_window(grid, values["EXTENT"])
        except InputError as error:
            raise InputError("EXTENT", error.message.replace("QUALITY", "RESISTANCE"), error.remedy) from error
        grid = grid.part(row, column, rows, columns)
    check_outputs(job, grid)
    window, warnings = window_of(values, grid)
    check_window(window, grid)
    source = RowSource(
        bands,
        grid,
        (row, column),
        values["RESISTANCE_KIND"] == "conductance",
        strengths_of(values),
        read_table(values["RECLASS_TABLE"]),
        conditions_of(values),
    )
    return source, window, warnings


def check_projected(grid: Grid, name: str) -> None:
    """Refuse longitudes and latitudes."""
    if is_geographic(grid):
        raise InputError(
            name,
            "Its coordinates are longitudes and latitudes: a circle of cells would be no circle on the ground.",
            "Reproject the rasters to a projected CRS, for example the UTM zone or an equal-area projection.",
        )


def check_window(
    window: MovingWindow, grid: Grid, radius: str = "RADIUS", block: str = "BLOCK", buffer: str = "BUFFER"
) -> None:
    """Check the window's sizes against each other and against the raster; the names are those for messages.

    Raises
    ------
    InputError
        Radius below a cell or beyond the raster, block larger than the radius or than the raster.
    """
    unit = "cells" if window.cell_width == 1 else "map units"
    cell = min(window.cell_width, window.cell_height)
    if window.radius < cell:
        raise InputError(
            radius, f"The radius is {window.radius:g} {unit}: less than a cell.", f"Give {cell:g} or more."
        )
    longest = math.hypot(grid.rows * window.cell_height, grid.columns * window.cell_width)
    if window.radius > longest:
        raise InputError(
            radius,
            f"The radius is {window.radius:g} {unit}, but the whole raster ({grid.rows} rows x {grid.columns} columns) is only "
            f"{longest:g} {unit} from corner to corner.",
            "Give a smaller radius, in the unit that is meant: cells or map units.",
        )
    if window.block * cell > window.radius:
        raise InputError(
            block,
            f"Blocks of {window.block} cells are larger than the radius, {window.radius / cell:g} cells.",
            "Use smaller blocks (about a tenth of the radius) or a larger radius.",
        )
    if window.block > min(grid.rows, grid.columns):
        raise InputError(
            block, f"No block of {window.block} cells fits into {grid.rows} x {grid.columns} cells.", "Lower it."
        )
    if window.buffer > longest:
        raise InputError(buffer, f"The buffer is {window.buffer:g} {unit}: wider than the raster.", "Lower it.")


def read_table(path: str | Path | None, name: str = "RECLASS_TABLE") -> dict[float, float] | None:
    """Return new values by old ones, NaN where the table says missing.

    Raises
    ------
    InputError
        When a line is not two values.
    """
    if not path:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(name, f"'{path}' cannot be read: {error}.", "Give a text file with two columns.") from error
    table: dict[float, float] = {}
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").replace(";", " ").replace('"', " ").split()
        if not words:
            continue
        try:
            old, new = (math.nan if word.lower() == "missing" else float(word) for word in words)
        except ValueError as error:
            raise InputError(
                name, f"Line {number} of '{path}' is not two numbers: '{line.strip()}'.", "Write: old value, new value."
            ) from error
        table[old] = new
    if not table:
        raise InputError(name, f"'{path}' is empty.", "Write a line for each value: old value, new value.")
    return table


def prepare(
    source: RowSource,
    window: MovingWindow,
    report: Report,
    *,
    null: bool,
    gradient: bool,
    threads: int,
    memory_limit: int,
    names: dict[str, str] | None = None,
) -> Prepared:
    """Look at every cell once, say what cannot be worked with, and plan the run.

    Parameters
    ----------
    names : dict, optional
        Names of the parameters in messages, where they differ.

    Raises
    ------
    InputError, MemoryPlanError
    """
    names = names or {}
    digest = hashlib.blake2b(repr((source.grid.geotransform, source.grid.rows, source.grid.columns)).encode())
    digest.update(repr(sorted((source.table or {}).items())).encode())
    blocks = _Blocks(source.grid, window)
    cells, dropped = 0, 0.0
    total = 0.0
    for first, rows in strips(source.grid):
        report.raise_if_cancelled()
        movement = source.movement(first, rows)
        _check_movement(movement, first, source, names.get("RESISTANCE", "RESISTANCE"))
        conductance = source.conductance(movement)
        strength = source.strength(movement, first, rows)
        target = source.target(strength, movement, first, rows)
        for name in (n for n in ("SOURCE", "TARGET") if n in source.bands):
            _check_strength(source.read(name, first, rows), first, source, names.get(name, name), name)
        for name in source.bands:
            digest.update(source.read(name, first, rows).tobytes())
        blocks.add(first, target, conductance > 0)
        cells += int((conductance > 0).sum())
        total += float(target.sum())
        report.progress((first + rows) / source.grid.rows, "Looking at the rasters")
    targets, dropped = blocks.count()
    if not cells:
        raise InputError(
            names.get("RESISTANCE", "RESISTANCE"), "No cell can be crossed.", "Check nodata and the table."
        )
    if not targets:
        raise InputError(
            names.get("SOURCE", "RESISTANCE" if source.strengths.from_resistance else "SOURCE"),
            "No block of cells has any source strength, so that there is no target.",
            "Check the threshold, the greatest resistance of sources, and BLOCK.",
        )
    if dropped:
        report.warning(
            f"{blocks.without_ground} of {targets} blocks have a barrier at their centre, where the ground would be: no current "
            f"flows to them, {100 * dropped / total:.2g} % of all target strength. Smaller blocks lose less."
        )
    plan = omnidirectional_plan(
        source.grid,
        window,
        targets,
        rasters=len(source.bands) + 1,
        null=null,
        gradient=gradient,
        threads=threads or available_processors(),
        memory_limit=memory_limit,
    )
    report.message(f"Plan: {plan}.")
    return Prepared(source, window, plan, cells, digest.hexdigest())


class _Blocks:
    """Counts the blocks that have strength, rows of cells at a time."""

    def __init__(self, grid: Grid, window: MovingWindow) -> None:
        self._side = window.block
        self._rows, self._columns = grid.rows // window.block, grid.columns // window.block
        self._sums = np.zeros(self._columns)
        self._ground = np.zeros(self._columns, bool)
        self._targets = self.without_ground = 0
        self._lost = 0.0

    def add(self, first: int, target: NDArray[np.float64], cell: NDArray[np.bool_]) -> None:
        used = self._columns * self._side
        sums = target[:, :used].reshape(len(target), self._columns, self._side).sum(axis=2)
        for row in range(len(target)):
            at = (first + row) % self._side
            if (first + row) // self._side >= self._rows:
                return
            self._sums += sums[row]
            if at == self._side // 2:
                self._ground = cell[row, self._side // 2 : used : self._side].copy()
            if at == self._side - 1:
                there = self._sums > 0
                self._targets += int(there.sum())
                lost = there & ~self._ground
                self.without_ground += int(lost.sum())
                self._lost += float(self._sums[lost].sum())
                self._sums[:] = 0

    def count(self) -> tuple[int, float]:
        """Return the number of targets, and the strength of those without a ground."""
        return self._targets, self._lost


def _check_movement(values: NDArray[np.float64], first: int, source: RowSource, name: str) -> None:
    if source.is_conductance:
        wrong, rule = (values < 0) | np.isinf(values), "conductance must be >= 0 and finite"
    else:
        wrong, rule = values <= 0, "resistance must be > 0"
    if wrong.any():
        _refuse(wrong, values, first, source, name, rule)


def _check_strength(values: NDArray[np.float64], first: int, source: RowSource, name: str, what: str) -> None:
    wrong = (values < 0) | np.isinf(values)
    if wrong.any():
        _refuse(wrong, values, first, source, name, f"{what.lower()} strength must be >= 0 and finite")


def _refuse(
    wrong: NDArray[np.bool_], values: NDArray[np.float64], first: int, source: RowSource, name: str, rule: str
) -> None:
    row, column = np.argwhere(wrong)[0]
    top, left = source.corner
    raise InputError(
        name,
        f"Cells that cannot be used: {int(wrong.sum())} (first at row {top + first + row + 1}, column {left + column + 1}), "
        f"value {values[wrong][0]:g}; {rule}.",
        "Reclassify them or set them to nodata.",
    )
