"""Windows of a raster in groups of target rows, one strip of the raster in memory at a time.

A strip holds the rows that a group's windows reach, with margins of no cells around the raster. Within a group, windows that
the raster's edge cuts in the same way stand together, so that their null models share one factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .moving_window import MovingWindow
from .omnidirectional_rows import Condition, RowSource
from .solvers.window_circuits_gather import Conditions, Targets, WindowCells, are_complete

#: Windows of a kind in a group from which on they get batches of their own.
_FEW = 4

Values = NDArray[np.float64]
Cut = tuple[int, int, int, int]


class Batch(NamedTuple):
    """Windows that are computed side by side: `size` targets from `first` on; how the edge cuts them if all alike."""

    first: int
    size: int
    cut: Cut | None
    complete: bool


@dataclass
class Strip:
    """Rows of the raster, from `first` on (which may lie above it), as wide as the raster and two margins."""

    first: int
    conductance: Values
    strength: Values
    target: Values
    present: list[Values]
    future: list[Values]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.conductance.shape[0]

    @property
    def stride(self) -> int:
        """Cells of a row, margins included."""
        return self.conductance.shape[1]


@dataclass
class Group:
    """Some rows of targets: their strip, the targets in the order of the batches, the batches."""

    number: int
    strip: Strip
    targets: Targets
    batches: list[Batch]
    conditions: Conditions
    #: Rows and columns of the raster in the strip: first and after the last.
    bounds: tuple[int, int, int, int]
    #: Offset of the artefact factors of each target, shape (targets, 2).
    shift: NDArray[np.int64]


class Groups:
    """All groups of a raster's windows.

    Parameters
    ----------
    source : RowSource
        The rasters.
    window : MovingWindow
    rows_per_group : int
        Rows of targets in a group.
    lanes : int
        Windows in a batch.
    cells : WindowCells
        Cells of a window.
    """

    def __init__(
        self, source: RowSource, window: MovingWindow, rows_per_group: int, lanes: int, cells: WindowCells
    ) -> None:
        self.source, self.window, self.lanes, self._cells = source, window, lanes, cells
        grid = source.grid
        self._rows = np.array(window.target_rows(grid.rows))
        self._columns = np.array(window.target_rows(grid.columns))
        self._per_group = rows_per_group
        self._strip: Strip | None = None

    def __len__(self) -> int:
        """Return the number of groups."""
        return -(-len(self._rows) // self._per_group)

    def span(self, number: int) -> tuple[int, int]:
        """Return the first row and the row after the last that a group's windows reach, beyond the raster too."""
        rows = self._rows[number * self._per_group : (number + 1) * self._per_group]
        return int(rows[0]) - self.window.reach[0], int(rows[-1]) + self.window.reach[0] + 1

    def finished(self, number: int) -> int:
        """Return the row up to which no later group reaches."""
        if number + 1 >= len(self):
            return self.source.grid.rows
        return max(0, self.span(number + 1)[0])

    def __getitem__(self, number: int) -> Group:
        """Read a group."""
        first, after = self.span(number)
        self._strip = strip = read_strip(self.source, self.window, first, after, self._strip)
        rows = self._rows[number * self._per_group : (number + 1) * self._per_group]
        return self._group(number, strip, rows)

    def _group(self, number: int, strip: Strip, rows: NDArray[np.int64]) -> Group:
        window, grid = self.window, self.source.grid
        reach_rows, reach_columns = window.reach
        amount = _block_sums(strip.target, rows - strip.first, self._columns + reach_columns, window.half_block)
        i, j = np.nonzero(amount > 0)
        row, column = rows[i], self._columns[j]
        bounds = (-strip.first, grid.rows - strip.first, reach_columns, reach_columns + grid.columns)
        cut = np.stack(
            [
                np.maximum(0, reach_rows - row),
                np.maximum(0, row + reach_rows + 1 - grid.rows),
                np.maximum(0, reach_columns - column),
                np.maximum(0, column + reach_columns + 1 - grid.columns),
            ],
            axis=1,
        )
        complete = are_complete(
            strip.conductance.ravel(),
            strip.stride,
            self._cells,
            row - strip.first,
            column + reach_columns,
            *bounds,
        )
        order, batches = self._batches(cut, complete)
        row, column, cut, amount = row[order], column[order], cut[order], amount[i, j][order]
        if window.compatible:  # upstream counts from the window's corner as if the raster never cut it
            block_down, block_right = cut[:, 0], cut[:, 2]
            both = (cut[:, 0] > 0) & (cut[:, 1] > 0), (cut[:, 2] > 0) & (cut[:, 3] > 0)
            shift = np.stack([np.where(both[0], -cut[:, 0], 0), np.where(both[1], -cut[:, 2], 0)], axis=1)
        else:
            block_down = block_right = np.zeros(len(row), np.int64)
            shift = np.zeros((len(row), 2), np.int64)
        values = _condition_values(strip, self.source.conditions, row - strip.first, column + reach_columns, window)
        targets = Targets(
            row - strip.first, column + reach_columns, amount, block_down, block_right, window.half_block, values
        )
        return Group(number, strip, targets, batches, _conditions(strip, self.source.conditions), bounds, shift)

    def _batches(self, cut: NDArray[np.int64], complete: NDArray[np.bool_]) -> tuple[NDArray[np.int64], list[Batch]]:
        """Return the order of the targets and the batches of that order."""
        alike: dict[Cut, list[int]] = {}
        rest: list[int] = []
        for number, key in enumerate(map(tuple, cut.tolist())):
            alike.setdefault(key, []).append(number)
        order: list[int] = []
        batches: list[Batch] = []

        def put(numbers: list[int], key: Cut | None, whole: bool) -> None:
            for start in range(0, len(numbers), self.lanes):
                count = min(self.lanes, len(numbers) - start)
                batches.append(Batch(len(order) + start, count, key, whole))
            order.extend(numbers)

        for key, numbers in alike.items():
            if self.window.compatible:
                whole, others = numbers, []
            else:
                whole = [n for n in numbers if complete[n]]
                others = [n for n in numbers if not complete[n]]
            if len(whole) >= _FEW and self._is_frequent(key):
                put(whole, key, not self.window.compatible)
            else:
                others = numbers
            rest.extend(others)
        put(sorted(rest), None, False)
        return np.array(order, np.int64), batches

    def _is_frequent(self, cut: Cut) -> bool:
        """Whether the raster has enough windows cut like this for a factor of their own."""
        return (cut[0] == cut[1] == 0) or (cut[2] == cut[3] == 0)


def read_strip(source: RowSource, window: MovingWindow, first: int, after: int, before: Strip | None) -> Strip:
    """Return the rows first .. after, taken from the strip before where it has them."""
    reach, grid = window.reach[1], source.grid
    shape = (after - first, grid.columns + 2 * reach)
    conditions = source.conditions
    separate = "TARGET" in source.bands
    conductance, strength = np.zeros(shape), np.zeros(shape)
    target = np.zeros(shape) if separate else strength
    present = [np.full(shape, np.nan) for _ in conditions]
    future = [p if c.future == c.present else np.full(shape, np.nan) for p, c in zip(present, conditions)]
    have = first
    if before is not None and before.first <= first < before.first + before.rows:
        have = min(after, before.first + before.rows)
        old, new = slice(first - before.first, have - before.first), slice(0, have - first)
        pairs = [(conductance, before.conductance), (strength, before.strength), (target, before.target)]
        for to, values in [*pairs, *zip(present, before.present), *zip(future, before.future)]:
            to[new] = values[old]
    start, end = max(have, 0), min(after, grid.rows)
    if start < end:
        place = np.s_[start - first : end - first, reach : reach + grid.columns]
        movement = source.movement(start, end - start)
        conductance[place] = source.conductance(movement)
        strength[place] = source.strength(movement, start, end - start)
        if separate:
            target[place] = source.target(strength[place], movement, start, end - start)
        for condition, now, then in zip(conditions, present, future):
            now[place] = source.read(condition.present, start, end - start)
            if then is not now:
                then[place] = source.read(condition.future, start, end - start)
    return Strip(first, conductance, strength, target, present, future)


def _block_sums(values: Values, rows: NDArray[np.int64], columns: NDArray[np.int64], half: int) -> Values:
    """Return the sums of the blocks around rows x columns; blocks lie side by side."""
    side = 2 * half + 1
    part = values[rows[0] - half : rows[-1] + half + 1, columns[0] - half : columns[-1] + half + 1]
    return part.reshape(len(rows), side, len(columns), side).sum(axis=(1, 3))


def _conditions(strip: Strip, conditions: tuple[Condition, ...]) -> Conditions:
    return Conditions(
        np.stack([p.ravel() for p in strip.present]) if conditions else np.zeros((0, 0)),
        np.array([c.comparison == "equal" for c in conditions], bool),
        np.array([c.lower for c in conditions], float),
        np.array([c.upper for c in conditions], float),
    )


def _condition_values(
    strip: Strip,
    conditions: tuple[Condition, ...],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    window: MovingWindow,
) -> Values:
    """Return the median or the mode of each condition in the block of each target, NaN where it has no value."""
    half = window.half_block
    found = np.full((len(row), len(conditions)), np.nan)
    for number, condition in enumerate(conditions):
        value = _mode if condition.comparison == "equal" else _median
        for target in range(len(row)):
            i, j = row[target], column[target]
            found[target, number] = value(strip.future[number][i - half : i + half + 1, j - half : j + half + 1])
    return found


def _median(block: Values) -> float:
    values = block[~np.isnan(block)]
    return float(np.median(values)) if values.size else np.nan


def _mode(block: Values) -> float:
    """Return the most frequent value; of several the one that is first so often, column by column."""
    values = block.T.ravel()
    values = values[~np.isnan(values)]
    if not values.size:
        return np.nan
    kinds, which = np.unique(values, return_inverse=True)
    rank = np.empty(len(values), np.int64)
    for kind in range(len(kinds)):
        places = np.flatnonzero(which == kind)
        rank[places] = np.arange(1, len(places) + 1)
    return float(values[np.argmax(rank)])
