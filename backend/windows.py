"""Blocks of sources, each in a window with a halo, gathered into batches of one fixed shape."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .neighbourhood import Neighbourhood
from .window_plan import WindowPlan
from .window_shape import WindowShape


@dataclass(frozen=True)
class Batch:
    """Windows that are computed at once.

    Parameters
    ----------
    tops, lefts : int array, shape (windows,)
        First row and column of each window in the padded raster, which are those of its block in the raster.
    windows : Windows
        The raster that they are cut from.
    done : float
        Share of all windows that lie before or in this batch.
    """

    tops: NDArray[np.intp]
    lefts: NDArray[np.intp]
    windows: Windows
    done: float

    @property
    def window(self) -> WindowShape:
        """Block and halo."""
        return self.windows.plan.window

    @functools.cached_property
    def resistance(self) -> NDArray[np.floating]:
        """Resistance, shape (batch, height, width), padded with empty windows (no nodes) up to the batch size."""
        return self._cut(self.windows.resistance, np.inf)

    @functools.cached_property
    def quality(self) -> NDArray[np.floating]:
        """Quality, shape (batch, height, width)."""
        return self._cut(self.windows.quality, 0)

    @functools.cached_property
    def movement_cost(self) -> NDArray[np.floating] | None:
        """Movement cost, shape (batch, height, width), where there is one; 0 beyond the raster."""
        return None if self.windows.movement_cost is None else self._cut(self.windows.movement_cost, 0)

    @property
    def first_rows(self) -> NDArray[np.intp]:
        """Number of each window's first row in the raster, shape (batch,); below 0 where the halo reaches beyond it."""
        rows = np.zeros(self.windows.plan.batch, np.intp)
        rows[: len(self.tops)] = self.windows.first_row + self.tops
        return rows

    def _cut(self, raster: NDArray[np.floating], beyond: float) -> NDArray[np.floating]:
        window = self.window.height, self.window.width
        found = np.full((self.windows.plan.batch, *window), beyond, raster.dtype)
        found[: len(self.tops)] = np.lib.stride_tricks.sliding_window_view(raster, window)[self.tops, self.lefts]
        return found

    def arrays(self, neighbourhood: Neighbourhood) -> tuple[Any, ...]:
        """Return resistance, quality, movement cost and latitudes, as the kernels take them."""
        return self.resistance, self.quality, self.movement_cost, self.latitude(neighbourhood)

    def latitude(self, neighbourhood: Neighbourhood) -> NDArray[np.float64] | None:
        """Return the latitudes of the windows' rows, radians, shape (batch, height), where there is a sphere."""
        if neighbourhood.sphere is None:
            return None
        return neighbourhood.sphere.latitudes(self.first_rows, self.resistance.shape[1])


class Windows:
    """A raster cut into windows.

    Cells beyond the raster's edge are no nodes. Blocks without a source are left out, so that they cost nothing.

    Parameters
    ----------
    plan : WindowPlan
        Block, halo and batch.
    resistance : array, shape (rows, columns)
        Inf where there is no node.
    quality : array, shape (rows, columns)
        >= 0; NaN or a cell that is no node counts as 0.
    habitat_only : bool
        Leave out blocks whose sources all have quality 0.
    movement_cost : array, shape (rows, columns), or None
        For distances that take one; NaN counts as 0.
    above, below : int
        First and last rows of the arrays that hold no sources: they are halo only. At most the halo's rows.
    first : int
        Number of the first row with sources in the raster.
    """

    def __init__(
        self,
        plan: WindowPlan,
        resistance: NDArray[np.floating],
        quality: NDArray[np.floating],
        *,
        habitat_only: bool = False,
        movement_cost: NDArray[np.floating] | None = None,
        above: int = 0,
        below: int = 0,
        first: int = 0,
    ) -> None:
        self.plan = plan
        shape = plan.window
        self.rows, self.columns = len(resistance) - above - below, resistance.shape[1]
        down, right = -self.rows % shape.block_rows, -self.columns % shape.block_columns
        margins = (
            (shape.halo_rows - above, shape.halo_rows + down - below),
            (shape.halo_columns, shape.halo_columns + right),
        )
        #: Number of the first padded row in the raster.
        self.first_row = first - shape.halo_rows
        node = np.isfinite(resistance)
        quality = np.where(node & ~np.isnan(quality), quality, 0).astype(resistance.dtype)
        self.resistance = self._padded(resistance, margins, np.inf)
        self.quality = self._padded(quality, margins, 0)
        self.movement_cost = None
        if movement_cost is not None:
            self.movement_cost = self._padded(np.nan_to_num(movement_cost).astype(resistance.dtype), margins, 0)
        sources = (quality > 0 if habitat_only else node)[above : above + self.rows]
        wanted = _any_in_block(np.pad(sources, ((0, down), (0, right))), shape.block_rows, shape.block_columns)
        block_rows, block_columns = np.nonzero(wanted)
        self._tops = block_rows * shape.block_rows
        self._lefts = block_columns * shape.block_columns

    def _padded(
        self, values: NDArray[np.floating], margins: tuple[tuple[int, int], tuple[int, int]], beyond: float
    ) -> NDArray[np.floating]:
        """Return a raster with margins: beyond it, or around the globe."""
        rows, columns = margins
        if self.plan.around:
            values = np.pad(values, ((0, 0), columns), mode="wrap")
            columns = (0, 0)
        return np.pad(values, (rows, columns), constant_values=beyond)

    def __len__(self) -> int:
        """Return the number of windows that are computed."""
        return len(self._tops)

    def starting_at(self, left: int) -> NDArray[np.intp]:
        """Return the numbers of the windows whose block starts at a column."""
        return np.flatnonzero(self._lefts == left)

    def latitude(self, neighbourhood: Neighbourhood) -> NDArray[np.float64] | None:
        """Return the latitudes of the padded rows, radians, where there is a sphere."""
        if neighbourhood.sphere is None:
            return None
        return neighbourhood.sphere.latitudes(np.array([self.first_row]), len(self.resistance))[0]

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Rows and columns of the raster with halo and remainder."""
        rows, columns = self.resistance.shape
        return rows, columns

    def batches(self, chosen: NDArray[np.intp] | None = None, *, skip: int = 0) -> Iterator[Batch]:
        """Yield all windows, or those of the chosen numbers, in order, `plan.batch` at a time, without the first batches."""
        size = self.plan.batch
        tops, lefts = (each if chosen is None else each[chosen] for each in (self._tops, self._lefts))
        for first in range(skip * size, len(tops), size):
            part = slice(first, first + size)
            yield Batch(tops[part], lefts[part], self, min(1.0, (first + size) / len(tops)))

    def add_windows(self, total: NDArray[np.float64], batch: Batch, values: NDArray[np.floating]) -> None:
        """Add values of whole windows, shape (batch, height, width), to a padded raster."""
        shape = self.plan.window
        for top, left, window in zip(batch.tops, batch.lefts, values):
            total[top : top + shape.height, left : left + shape.width] += window

    def put_blocks(self, total: NDArray[np.float64], batch: Batch, values: NDArray[np.floating]) -> None:
        """Put values of the sources, shape (batch, block rows, block columns), into a padded raster."""
        shape = self.plan.window
        for top, left, block in zip(batch.tops, batch.lefts, values):
            row, column = top + shape.halo_rows, left + shape.halo_columns
            total[row : row + shape.block_rows, column : column + shape.block_columns] = block

    def unpad(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of a padded raster that is the raster."""
        first = self.plan.window.halo_rows
        return self.without_side_halos(total[first : first + self.rows])

    def without_side_halos(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an array (..., padded columns) without the halos to the left and right, added up where they are around the globe."""
        left = self.plan.window.halo_columns
        if not self.plan.around:
            return total[..., left : left + self.columns]
        before = -left % self.columns
        after = -(before + total.shape[-1]) % self.columns
        whole = np.pad(total, ((0, 0),) * (total.ndim - 1) + ((before, after),))
        return whole.reshape(*total.shape[:-1], -1, self.columns).sum(axis=-2)


def _any_in_block(cells: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.bool_]:
    height, width = cells.shape
    return np.any(cells.reshape(height // rows, rows, width // columns, columns), axis=(1, 3))
