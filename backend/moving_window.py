"""The moving window of omnidirectional currents: how far it reaches, and which cells in it send current; light.

Offsets are those of a cell from the target, (rows down, columns right).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9


@dataclass(frozen=True)
class MovingWindow:
    """A window around each block of targets.

    Parameters
    ----------
    radius, buffer : float
        How far sources lie from the target, and how much farther currents run, in the unit of the cell sizes.
    block : int
        Cells along the side of a block of targets, odd.
    cell_height, cell_width : float
        Size of a cell in that unit: 1 where radii are counted in cells.
    neighbours : int
        4 or 8.
    step_height, step_width : float
        Lengths of steps along a column and along a row, relative to each other.
    compatible : bool
        Whether Omniscape's results are reproduced, its flaws included.
    correct_artefacts : bool
        Whether the effect of blocks larger than a cell is corrected.
    decay : str
        How a source's weight falls with its distance: none, exponential, gaussian or linear.
    decay_distance : float
        Scale of that decay, in the unit of the cell sizes.
    direction : float or None
        Direction of movement, degrees clockwise from north; None is all directions.
    wedge : float
        Opening angle in which sources lie, degrees.
    """

    radius: float
    buffer: float = 0.0
    block: int = 1
    cell_height: float = 1.0
    cell_width: float = 1.0
    neighbours: int = 8
    step_height: float = 1.0
    step_width: float = 1.0
    compatible: bool = False
    correct_artefacts: bool = True
    decay: str = "none"
    decay_distance: float = 1.0
    direction: float | None = None
    wedge: float = 90.0

    @property
    def half_block(self) -> int:
        """Cells between a block's centre and its edge."""
        return self.block // 2

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns from the target to the window's edge."""
        far = (self.radius + self.buffer) * (1 + _ROUNDING)
        return int(far // self.cell_height), int(far // self.cell_width)

    @property
    def corrects(self) -> bool:
        """Whether there is anything to correct."""
        return self.correct_artefacts and self.block > 1

    @property
    def edge_scales(self) -> NDArray[np.float64]:
        """Half the inverse lengths of steps along a row, along a column and diagonally."""
        lengths = self.step_width, self.step_height, math.hypot(self.step_width, self.step_height)
        return 0.5 / np.array(lengths)

    def offsets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows down and columns right of the square around the circle, shape (rows, columns) each."""
        rows, columns = self.reach
        down, right = np.mgrid[-rows : rows + 1, -columns : columns + 1]
        return down, right

    def inside(self) -> NDArray[np.bool_]:
        """Return which cells of the square lie in the circle of radius + buffer."""
        return self._away() <= (self.radius + self.buffer) * (1 + _ROUNDING)

    def source_weights(self) -> NDArray[np.float64]:
        """Return the weight of a source in each cell of the square; 0 beyond the radius and outside the wedge."""
        away = self._away()
        weight = np.where(away <= self.radius * (1 + _ROUNDING), 1.0, 0.0)
        if self.decay == "exponential":
            weight *= np.exp(-away / self.decay_distance)
        elif self.decay == "gaussian":
            weight *= np.exp(-0.5 * (away / self.decay_distance) ** 2)
        elif self.decay == "linear":
            weight *= np.maximum(0, 1 - away / self.decay_distance)
        if self.direction is not None:
            down, right = self.offsets()
            # Towards north is up the rows; what moves towards `direction` comes from the opposite side.
            bearing = np.degrees(np.arctan2(-right * self.cell_width, down * self.cell_height))
            off = np.abs((bearing - self.direction + 180) % 360 - 180)
            weight *= off <= self.wedge / 2 + _ROUNDING
        return weight

    def in_block(self) -> NDArray[np.bool_]:
        """Return which cells of the square belong to the target's own block."""
        down, right = self.offsets()
        return (np.abs(down) <= self.half_block) & (np.abs(right) <= self.half_block)

    def target_rows(self, rows: int) -> range:
        """Return the rows (or columns) of targets in a raster of so many; only where a block fits."""
        return range(self.half_block, rows - self.half_block, self.block)

    def _away(self) -> NDArray[Any]:
        down, right = self.offsets()
        return np.hypot(down * self.cell_height, right * self.cell_width)
