"""A landscape's cells put together to coarse cells, and which pairs are left to them."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from .cells import Cells, Strip
from .distances.abstract import AbstractDistance
from .neighbourhood import Neighbourhood
from .window_shape import WindowShape


class CoarseCells:
    """The coarse cells of a landscape.

    A coarse cell is a node where any of its cells is one. Its quality is the sum of theirs, its permeability the mean of those of
    the nodes: its resistance is n / (sum of 1 / r).

    Parameters
    ----------
    cells : Cells
    side : int
        Cells on each side of a coarse cell.
    """

    def __init__(self, cells: Cells, side: int) -> None:
        self._cells, self._side = cells, side
        self.rows, self.columns = -(-cells.rows // side), -(-cells.columns // side)

    def strip(self, first: int, last: int) -> Strip:
        """Return the rows from `first` up to `last`."""
        fine = self._cells.strip(first * self._side, min(last * self._side, self._cells.rows))
        nodes, ease = sum_of_coarse(fine.node, self._side), sum_of_coarse(1 / fine.resistance, self._side)
        with np.errstate(divide="ignore", invalid="ignore"):
            resistance = np.where(nodes > 0, nodes / ease, np.inf).astype(fine.resistance.dtype)
        return Strip(first, resistance, sum_of_coarse(fine.quality, self._side))

    def sources(self, first: int, last: int, *, habitat_only: bool) -> NDArray[np.bool_]:
        """Return which coarse cells of these rows are nodes, or nodes with habitat."""
        stop = min(last * self._side, self._cells.rows)
        fine = self._cells.sources(first * self._side, stop, habitat_only=habitat_only)
        return sum_of_coarse(fine, self._side) > 0


def sum_of_coarse(values: NDArray, side: int) -> NDArray[np.float64]:
    """Return the sum of the values of each coarse cell; what it lacks at the raster's edge counts as 0."""
    down, right = -len(values) % side, -values.shape[1] % side
    whole = np.pad(values.astype(float), ((0, down), (0, right)))
    return whole.reshape(whole.shape[0] // side, side, -1, side).sum(axis=(1, 3))


def of_coarse(values: NDArray, side: int, rows: int, columns: int) -> NDArray:
    """Return the value of its coarse cell for every cell of the first rows and columns."""
    return values.repeat(side, axis=0).repeat(side, axis=1)[:rows, :columns]


class DistanceOfSomePairs(AbstractDistance):
    """A distance between the pairs of cells whose coarse cells lie near each other, or between all others.

    Parameters
    ----------
    distance : AbstractDistance
    side : int
        Cells on each side of a coarse cell; blocks of sources consist of whole ones, and so do halos.
    most : int
        Coarse cells are near up to this difference of rows and of columns.
    near : bool
        Whether the near pairs count, or the others.
    """

    distance: AbstractDistance
    side: int
    most: int
    near: bool
    unit: ClassVar[str] = "map units"

    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
        movement_cost: Float[Array, "blocks height width"] | None = None,
        latitude: Float[Array, "blocks height"] | None = None,
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the distances of each window, inf for the pairs that do not count."""
        found = self.distance(resistance, neighbourhood, window, limit, movement_cost, latitude)
        return jnp.where(self._counts(window, neighbourhood.around), found, jnp.inf)

    def _counts(self, window: WindowShape, around: int) -> NDArray[np.bool_]:
        lanes = np.arange(window.lanes)
        rows = lanes // window.block_columns // self.side
        columns = lanes % window.block_columns // self.side
        # The halo is a whole number of coarse cells: counted from the block's first cell.
        down = (np.arange(window.height) - window.halo_rows) // self.side
        right = (np.arange(window.width) - window.halo_columns) // self.side
        near_rows = np.abs(down[:, None] - rows) <= self.most
        apart = np.abs(right[:, None] - columns)
        if around:
            apart %= around // self.side
            apart = np.minimum(apart, around // self.side - apart)
        near_columns = apart <= self.most
        near = near_rows[:, None] & near_columns[None]
        return near if self.near else ~near
