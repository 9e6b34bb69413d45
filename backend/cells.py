"""The cells of a landscape, given out by strips of rows: from arrays, or from files that never are in memory whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Strip:
    """Some rows of a landscape.

    Parameters
    ----------
    first : int
        Number of the first row in the raster.
    resistance : array, shape (rows, columns)
        In the working precision; inf where there is no node.
    quality : array, shape (rows, columns)
        >= 0; 0 where there is none or no node.
    movement_cost : array, shape (rows, columns), or None
        For distances that take one.
    movement : array, shape (rows, columns), or None
        The movement raster as given, where there is one.
    """

    first: int
    resistance: NDArray[np.floating]
    quality: NDArray[np.float64]
    movement_cost: NDArray[np.float64] | None = None
    movement: NDArray[np.float64] | None = None

    @property
    def node(self) -> NDArray[np.bool_]:
        """Which cells are nodes."""
        return np.isfinite(self.resistance)

    def part(self, first: int, last: int) -> Strip:
        """Return the rows from `first` up to `last`, which are counted in the raster."""
        rows = slice(first - self.first, last - self.first)
        arrays = (self.resistance, self.quality, self.movement_cost, self.movement)
        return Strip(first, *(array if array is None else array[rows] for array in arrays))  # type: ignore[arg-type]


class Cells(Protocol):
    """What a pass over windows takes its cells from."""

    rows: int
    columns: int

    def strip(self, first: int, last: int) -> Strip:
        """Return the rows from `first` up to `last`."""
        ...

    def sources(self, first: int, last: int, *, habitat_only: bool) -> NDArray[np.bool_]:
        """Return which cells of these rows are nodes, or nodes with habitat, without reading rasters."""
        ...


class ArrayCells:
    """A landscape in memory.

    Parameters
    ----------
    resistance : array, shape (rows, columns)
        Inf where there is no node; its type is the working precision.
    quality : array, shape (rows, columns)
        NaN counts as 0.
    movement_cost, movement : array, shape (rows, columns), or None
        See `Strip`.
    """

    def __init__(
        self,
        resistance: NDArray[np.floating],
        quality: NDArray[np.floating],
        movement_cost: NDArray[np.floating] | None = None,
        movement: NDArray[np.float64] | None = None,
    ) -> None:
        self.rows, self.columns = resistance.shape
        counted = np.isfinite(resistance) & ~np.isnan(quality)
        whole: NDArray[np.float64] = np.where(counted, quality, 0).astype(np.float64)
        cost: Any = movement_cost
        self._whole = Strip(0, resistance, whole, cost, movement)

    def strip(self, first: int, last: int) -> Strip:
        """Return the rows from `first` up to `last`."""
        return self._whole.part(first, last)

    def sources(self, first: int, last: int, *, habitat_only: bool) -> NDArray[np.bool_]:
        """Return which cells of these rows are nodes, or nodes with habitat."""
        strip = self.strip(first, last)
        return strip.quality > 0 if habitat_only else strip.node
