"""How the cells of a raster are joined: a description for every module, with JAX and without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

EdgeRule = Literal["average_resistance", "average_conductance"]
Corners = Literal["closed", "open"]


@dataclass(frozen=True)
class Neighbourhood:
    """State how the cells of a raster are joined.

    Parameters
    ----------
    cell_width, cell_height : float
        Size of a cell in map units, > 0.
    neighbours : {4, 8}
        Steps to the four sides only, or to the corners as well.
    edge_rule : {"average_resistance", "average_conductance"}
        Cost of a step of length ``l`` between cells of resistance ``r_i`` and ``r_j``: ``l (r_i + r_j) / 2``, or
        ``l / ((1 / r_i + 1 / r_j) / 2)``.
    corners : {"closed", "open"}
        Whether a diagonal step may squeeze between two cells that are no nodes. ``closed``: it may not, so that a barrier
        one cell wide holds in every direction.
    """

    cell_width: float
    cell_height: float
    neighbours: Literal[4, 8] = 8
    edge_rule: EdgeRule = "average_resistance"
    corners: Corners = "closed"

    def __post_init__(self) -> None:
        if not (0 < self.cell_width < math.inf and 0 < self.cell_height < math.inf):
            raise ValueError(
                f"cells of {self.cell_width} x {self.cell_height} map units; both sizes must be > 0 and finite."
            )
        if self.neighbours not in (4, 8):
            raise ValueError(f"{self.neighbours} neighbours; give 4 or 8.")
        if self.edge_rule not in ("average_resistance", "average_conductance"):
            raise ValueError(f"edge rule {self.edge_rule!r}; give 'average_resistance' or 'average_conductance'.")
        if self.corners not in ("closed", "open"):
            raise ValueError(f"corner rule {self.corners!r}; give 'closed' or 'open'.")
