"""A run of the moving window from files to files: sums on disk, maps made of them row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .html_report import HtmlReport
from .job import Report
from .journal import Journal
from .omnidirectional import normalised, omnidirectional_current
from .omnidirectional_checks import Prepared
from .omnidirectional_gradient import conductance_sensitivity
from .outputs import Outputs
from .raster_grid import strips
from .raster_io import NODATA
from .row_file import RowFile

_DRAWN_CELLS = 4_000_000
#: Bytes of a cell in the journal: cumulative current, flow potential, sensitivity; the sums of a strip come on top.
_STORED = 8

Values = NDArray[np.float64]


class MapRows:
    """Rows of a map, made when they are read.

    Parameters
    ----------
    make : callable
        From a slice of rows to their values, NaN for nodata.
    dtype : str
        Type of the values that come out, with -9999 for nodata.
    """

    def __init__(self, make: Callable[[slice], Values], dtype: str = "float32") -> None:
        self._make = make
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Return some rows."""
        values = self._make(rows)
        return np.where(np.isnan(values), NODATA, values).astype(self.dtype)

    def values(self, rows: slice) -> Values:
        """Return some rows with NaN for nodata."""
        return self._make(rows)


@dataclass
class Maps:
    """The maps of a run.

    Parameters
    ----------
    cumulative : RowFile
        NaN where nodata is masked.
    potential : RowFile or None
    windows : int
        Number of windows computed.
    """

    cumulative: RowFile
    potential: RowFile | None
    windows: int

    def cumulative_rows(self, rows: slice) -> Values:
        """Return cumulative current."""
        return self.cumulative[rows]

    def potential_rows(self, rows: slice) -> Values:
        """Return flow potential."""
        if self.potential is None:
            raise ValueError("flow potential was not computed")
        return self.potential[rows]

    def normalised_rows(self, rows: slice) -> Values:
        """Return normalised current."""
        potential = self.potential_rows(rows)
        values = normalised(self.cumulative[rows], np.nan_to_num(potential))
        return np.where(np.isnan(potential), np.nan, values)


def run_currents(
    prepared: Prepared, outputs: Outputs, report: Report, *, null: bool, mask: bool, gradient: bool
) -> tuple[Maps, Journal]:
    """Compute the sums of all windows, or take up what an interrupted run has left.

    Parameters
    ----------
    prepared : Prepared
    outputs : Outputs
        Of the run, whose journal holds the sums.
    report : Report
    null : bool
        Whether flow potential is wanted.
    mask : bool
        Whether barriers become nodata.
    gradient : bool
        Whether the sensitivity follows.
    """
    grid = prepared.source.grid
    needed = grid.cells * _STORED * (1 + null + gradient)
    journal = outputs.journal({"rasters": prepared.content, "setting": _setting(prepared, null, mask)}, needed)
    if journal.holds_work:
        journal.say_continued(report, "the windows that it had finished are known")
    names = ("cumulative", "potential") if null else ("cumulative",)
    files = [journal.rows(name, grid.rows, grid.columns, "float64") for name in names]

    def take(first: int, sums: Values, cell: NDArray[np.bool_]) -> None:
        for file, rows in zip(files, sums):
            file.write(first, np.where(cell, rows, np.nan) if mask else rows)

    windows = journal.entry("windows")
    if windows is None:
        windows = omnidirectional_current(
            prepared.source, prepared.window, prepared.plan, take, report, null=null, journal=journal
        )
        if gradient:
            journal.enter("windows", windows)
    return Maps(files[0], files[1] if null else None, windows), journal


def _setting(prepared: Prepared, null: bool, mask: bool) -> str:
    """Return all that the sums depend on besides the rasters: an ini file may say what no parameter of the job does."""
    source = prepared.source
    read = source.is_conductance, source.strengths, source.conditions, source.single, sorted(source.bands)
    return repr((prepared.window, *read, null, mask))


def run_sensitivity(prepared: Prepared, maps: Maps, journal: Journal, of: str, report: Report) -> RowFile:
    """Compute the gradient of the current with respect to the raster as given; NaN where there is no cell."""
    source = prepared.source
    grid = source.grid
    file = journal.rows("sensitivity", grid.rows, grid.columns, "float64")
    weigh = _weights(prepared, maps, of)

    def take(first: int, sums: Values, cell: NDArray[np.bool_]) -> None:
        movement = source.movement(first, len(cell))
        by_value = sums[0] if source.is_conductance else -sums[0] * source.conductance(movement) ** 2
        file.write(first, np.where(cell, by_value, np.nan))

    conductance_sensitivity(source, prepared.window, prepared.plan, weigh, take, report, journal=journal)
    return file


def _weights(prepared: Prepared, maps: Maps, of: str) -> Callable[[int, int], Values]:
    source = prepared.source

    def counted(first: int, rows: int) -> NDArray[np.bool_]:
        there = source.conductance(source.movement(first, rows)) > 0
        if "SENSITIVITY_MASK" in source.bands:
            there &= source.read("SENSITIVITY_MASK", first, rows) > 0
        return there

    if of == "cumulative":
        return lambda first, rows: counted(first, rows).astype(float)
    number = max(1, sum(int(counted(first, rows).sum()) for first, rows in strips(source.grid)))

    def weigh(first: int, rows: int) -> Values:
        potential = np.nan_to_num(maps.potential_rows(slice(first, first + rows)))
        flows = counted(first, rows) & (potential > 0)  # where nothing does, normalised current is 0 and stays so
        return np.where(flows, 1 / (np.where(flows, potential, 1.0) * number), 0.0)

    return weigh


def statistics(prepared: Prepared, values: Callable[[slice], Values]) -> tuple[float, float, float]:
    """Return sum, mean and largest of a map over the cells that can be crossed."""
    source = prepared.source
    total, count, largest = [], 0, -math.inf
    for first, rows in strips(source.grid):
        there = values(slice(first, first + rows))[source.conductance(source.movement(first, rows)) > 0]
        if there.size:
            total.append(float(there.sum()))
            count += there.size
            largest = max(largest, float(there.max()))
    summed = math.fsum(total)
    return summed, summed / count if count else math.nan, largest


def show(page: HtmlReport, name: str, prepared: Prepared, values: Callable[[slice], Values]) -> None:
    """Add a map to a report, drawn from every so many cells where there are very many."""
    grid = prepared.source.grid
    step = max(1, math.ceil(math.sqrt(grid.cells / _DRAWN_CELLS)))
    drawn = np.concatenate([values(slice(row, row + 1))[:, ::step] for row in range(0, grid.rows, step)])
    page.add_map(name, np.nan_to_num(drawn), ~np.isnan(drawn), step=step)
