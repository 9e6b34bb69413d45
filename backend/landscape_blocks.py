"""A raster cut into blocks of sources and their windows, for any choice of blocks and any variant of the landscape."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .answers import UnderWay
from .connectivity import LandscapeModel
from .job import Report
from .window_plan import WindowPlan
from .window_shape import WindowShape

#: Rasters of up to this many cells that lie within everyone's reach become one block without a halo.
_ONE_BLOCK = 2500
_BATCH_BYTES = 24_000_000
#: Of rasters that are one block, or few.
_SMALL_BATCH_BYTES = 4_000_000
_LARGEST_BATCH = 512
_ROUNDING = 4e-6


@dataclass(frozen=True)
class Ground:
    """A landscape with margins, ready to be cut into windows.

    Parameters
    ----------
    resistance, quality : array, shape (padded rows, padded columns)
        Inf and 0 beyond the raster; quality is 0 where there is no node.
    cost : array of the same shape, or None
        Movement cost.
    smallest : list of array, each of shape (block rows, block columns)
        Per size of halo: a lower bound of the resistance in and just around the window of each block.
    """

    resistance: NDArray[np.floating]
    quality: NDArray[np.floating]
    cost: NDArray[np.floating] | None
    smallest: list[NDArray[np.floating]]


@dataclass(frozen=True)
class Edits:
    """Changes of single cells that hold in some windows only, by variant.

    Parameters
    ----------
    cells : list of int array
        Flat numbers of the changed cells of each variant.
    resistance, quality : list of array
        Their values there.
    """

    cells: list[NDArray[np.intp]]
    resistance: list[NDArray[np.floating]]
    quality: list[NDArray[np.floating]]


class Blocks:
    """A raster cut into blocks of sources, each in the smallest of a few windows that is certain to hold its reach.

    A path that leaves a halo of h cells costs more than h + 1 cells of the smallest resistance in and around it, so a block whose
    surroundings are hard to cross needs a small window only. The results are those of the plan's window.

    Parameters
    ----------
    model : LandscapeModel
    plan : WindowPlan
    local : bool
        Whether what lies beyond the reach has no influence (least cost in uncapped windows). Where it has, the windows are those of
        the plan.
    """

    def __init__(self, model: LandscapeModel, plan: WindowPlan, local: bool) -> None:
        self.model, self.plan, self.local = model, plan, local
        window, self.around = plan.window, plan.around
        self.rows, self.columns = plan.rows, plan.columns
        whole = self.rows * self.columns
        if local and not self.around and whole <= _ONE_BLOCK and window.height * window.width >= whole:
            window = WindowShape(self.rows, self.columns, 0, 0)
        self.side = window.block_rows, window.block_columns
        self.halo = window.halo_rows, window.halo_columns
        self.shape = math.ceil(self.rows / self.side[0]), math.ceil(self.columns / self.side[1])
        self.windows = [window]
        if local:
            for share in (0.75, 0.5, 0.25):
                smaller = WindowShape(*self.side, math.ceil(self.halo[0] * share), math.ceil(self.halo[1] * share))
                if smaller.height * smaller.width < 0.8 * self.windows[0].height * self.windows[0].width:
                    self.windows.insert(0, smaller)
        #: Hears of the batches that are done, where an interrupted run goes on.
        self.under_way: UnderWay | None = None

    @property
    def count(self) -> int:
        """Number of blocks."""
        return self.shape[0] * self.shape[1]

    def ground(
        self,
        resistance: NDArray[np.floating],
        quality: NDArray[np.floating],
        cost: NDArray[np.floating] | None = None,
    ) -> Ground:
        """Return a landscape with margins; inf resistance is no node, NaN quality is 0."""
        node = np.isfinite(resistance)
        quality = np.where(node & ~np.isnan(quality), quality, 0).astype(resistance.dtype)
        costs = None if cost is None else self._padded(np.nan_to_num(cost).astype(resistance.dtype), 0)
        return Ground(self._padded(resistance, np.inf), self._padded(quality, 0), costs, self._smallest(resistance))

    def _padded(self, values: NDArray[np.floating], filling: float) -> NDArray[np.floating]:
        margins = [
            (halo, halo + blocks * side - cells)
            for halo, blocks, side, cells in zip(self.halo, self.shape, self.side, (self.rows, self.columns))
        ]
        if self.around:  # which blocks divide
            values = np.pad(values, ((0, 0), margins[1]), mode="wrap")
            margins[1] = (0, 0)
        return np.pad(values, margins, constant_values=filling)

    def unpad(self, values: NDArray) -> NDArray:
        """Return the part of a padded raster that is the raster."""
        top, left = self.halo
        return values[top : top + self.rows, left : left + self.columns]

    def gathered(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the raster's part of a padded raster of sums, those at other places of a cell around the globe added to it."""
        if not self.around:
            return self.unpad(totals)
        before = -self.halo[1] % self.columns
        after = -(before + totals.shape[1]) % self.columns
        whole = np.pad(totals[self.halo[0] : self.halo[0] + self.rows], ((0, 0), (before, after)))
        return whole.reshape(self.rows, -1, self.columns).sum(axis=1)

    def places_of(self, cells: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return all places of cells, given by flat numbers, in a padded raster: number in `cells`, row, column."""
        most = math.ceil(self.halo[1] / self.columns) if self.around else 0
        turns = np.arange(-most, most + 1)
        number = np.repeat(np.arange(len(cells)), len(turns))
        row = cells[number] // self.columns + self.halo[0]
        column = cells[number] % self.columns + self.halo[1] + np.tile(turns, len(cells)) * self.columns
        return number, row, column

    def _smallest(self, resistance: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        by_block = self.by_block(resistance, np.minimum, np.inf)
        found = []
        for window in self.windows:
            # One more cell on every side: the step that leaves the window counts half of the cell outside.
            spans = [
                2 * math.ceil((halo + 1) / side) + 1
                for halo, side in zip((window.halo_rows, window.halo_columns), self.side)
            ]
            sides = "wrap" if self.around else "nearest"
            down = ndimage.minimum_filter1d(by_block, spans[0], axis=0, mode="nearest")
            found.append(ndimage.minimum_filter1d(down, spans[1], axis=1, mode=sides))
        return found

    def by_block(self, values: NDArray, reduce: np.ufunc, filling: float | bool) -> NDArray:
        """Return one value per block, of any raster."""
        down, right = (blocks * side - cells for blocks, side, cells in zip(self.shape, self.side, values.shape))
        padded = np.pad(values, ((0, down), (0, right)), constant_values=filling)
        cut = padded.reshape(self.shape[0], self.side[0], self.shape[1], self.side[1])
        return reduce.reduce(reduce.reduce(cut, axis=3), axis=1)

    def kinds(self, ground: Ground, blocks: NDArray[np.intp], lowest: NDArray[np.floating] | float = np.inf) -> NDArray:
        """Return which of the windows each block needs, if resistances may also fall to `lowest`."""
        kind = np.full(len(blocks), len(self.windows) - 1)
        cell = self.model.neighbourhood.cell_height, self.model.neighbourhood.cell_width
        for number in range(len(self.windows) - 2, -1, -1):
            window = self.windows[number]
            smallest = np.minimum(ground.smallest[number].ravel()[blocks], lowest)
            steps = float(self.model.limit) / smallest * (1 + _ROUNDING)
            fits = (steps < (window.halo_rows + 0.999) * cell[0]) & (steps < (window.halo_columns + 0.999) * cell[1])
            kind[fits] = number
        return kind

    def block_of(self, cells: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the block that each cell, by flat number, lies in."""
        row, column = cells // self.columns, cells % self.columns
        return (row // self.side[0]) * self.shape[1] + column // self.side[1]

    def with_sources(self, quality: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return, per block, whether a source has a quality above 0."""
        return self.by_block(np.nan_to_num(quality) > 0, np.logical_or, False).ravel()

    def batches(
        self,
        ground: Ground,
        blocks: NDArray[np.intp],
        report: Report,
        edits: Edits | None = None,
        variant: NDArray[np.intp] | None = None,
        skip: int = 0,
    ) -> Iterator[tuple[WindowShape, NDArray[np.intp], tuple[Any, Any, Any, Any]]]:
        """Yield windows of blocks in batches: their shape, places in `blocks`, and (resistance, quality, cost, latitude).

        The batches of the first `skip` blocks are left out.
        """
        lowest: NDArray[np.floating] | float = np.inf
        if edits is not None and variant is not None:
            lowest = np.array([values.min(initial=np.inf) for values in edits.resistance])[variant]
        kind = self.kinds(ground, blocks, lowest)
        for number, window in enumerate(self.windows):
            places = np.flatnonzero(kind == number)
            for chosen, size in _parts(places, self._batch(window, ground.resistance.itemsize)):
                report.raise_if_cancelled()
                if skip > 0:
                    skip -= len(chosen)
                    continue
                cut = self._cut(ground, window, blocks[chosen], size)
                if edits is not None and variant is not None:
                    self._edit(cut, window, blocks[chosen], edits, variant[chosen])
                yield window, chosen, cut

    def _batch(self, window: WindowShape, item: int) -> int:
        one = window.height * window.width * window.lanes * item
        widest = self.plan.window
        # The plan has room for so many of its windows at once, and not for more.
        planned = self.plan.under_way * self.plan.batch * widest.height * widest.width * widest.lanes * item
        return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // one, max(planned, _SMALL_BATCH_BYTES) // one))

    def corner(self, window: WindowShape, blocks: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return row and column of the first cell of the blocks' windows in a padded raster."""
        rows = blocks // self.shape[1] * self.side[0] + self.halo[0] - window.halo_rows
        columns = blocks % self.shape[1] * self.side[1] + self.halo[1] - window.halo_columns
        return rows, columns

    def _cut(
        self, ground: Ground, window: WindowShape, blocks: NDArray[np.intp], size: int
    ) -> tuple[Any, Any, Any, Any]:
        tops, lefts = self.corner(window, blocks)
        found: list[Any] = []
        for values, filling in ((ground.resistance, np.inf), (ground.quality, 0), (ground.cost, 0)):
            if values is None:
                found.append(None)
                continue
            views = np.lib.stride_tricks.sliding_window_view(values, (window.height, window.width))
            cut = np.full((size, window.height, window.width), filling, values.dtype)
            cut[: len(blocks)] = views[tops, lefts]
            found.append(cut)
        return found[0], found[1], found[2], self._latitude(tops, window, size)

    def _latitude(self, tops: NDArray[np.intp], window: WindowShape, size: int) -> NDArray[np.float64] | None:
        """Return the latitudes of the windows' rows, radians, shape (size, height), where there is a sphere."""
        sphere = self.model.neighbourhood.sphere
        if sphere is None:
            return None
        first_rows = np.zeros(size, np.intp)
        first_rows[: len(tops)] = tops - self.halo[0]
        return sphere.latitudes(first_rows, window.height)

    def _edit(
        self,
        cut: tuple[Any, Any, Any, Any],
        window: WindowShape,
        blocks: NDArray[np.intp],
        edits: Edits,
        variant: NDArray[np.intp],
    ) -> None:
        resistance, quality, *_ = cut
        tops, lefts = self.corner(window, blocks)
        for place, number in enumerate(variant):
            cell, row, column = self.places_of(edits.cells[number])
            row, column = row - tops[place], column - lefts[place]
            inside = (row >= 0) & (row < window.height) & (column >= 0) & (column < window.width)
            resistance[place, row[inside], column[inside]] = edits.resistance[number][cell[inside]]
            quality[place, row[inside], column[inside]] = edits.quality[number][cell[inside]]


def _parts(places: NDArray[np.intp], largest: int) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Cut into batches of two sizes only, so that little is compiled and little is computed for nothing."""
    small = max(1, largest // 8)
    first = 0
    while first < len(places):
        size = largest if len(places) - first > largest // 2 else small
        yield places[first : first + size], size
        first += size
