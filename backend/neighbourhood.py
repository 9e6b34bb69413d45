"""How the cells of a raster are joined: a description for every module, with JAX and without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

EdgeRule = Literal["average_resistance", "average_conductance"]
Corners = Literal["closed", "open"]
_NEAR_POLE = math.radians(89.9)


@dataclass(frozen=True)
class Sphere:
    """The globe that a raster of longitudes and latitudes lies on.

    Parameters
    ----------
    radius : float
        Metres, > 0.
    longitude_step : float
        Width of a cell, radians, > 0.
    first_latitude, latitude_step : float
        Latitude of the centres of the first row, and from there to the next, radians.
    """

    radius: float
    longitude_step: float
    first_latitude: float
    latitude_step: float

    def coarser(self, side: int) -> Sphere:
        """Return the same for a raster of coarse cells of so many cells on each side."""
        first = self.first_latitude + self.latitude_step * (side - 1) / 2
        return Sphere(self.radius, self.longitude_step * side, first, self.latitude_step * side)

    def latitudes(self, first_rows: NDArray[np.integer], rows: int) -> NDArray[np.float64]:
        """Return the latitudes of so many rows from each first row on, radians; rows beyond a pole are held near it."""
        found = self.first_latitude + self.latitude_step * (np.asarray(first_rows)[..., None] + np.arange(rows))
        return np.asarray(np.clip(found, -_NEAR_POLE, _NEAR_POLE), float)


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
    sphere : Sphere, optional
        For rasters of longitudes and latitudes, whose cells are ``radius longitude_step cos(latitude)`` wide: the length of a
        diagonal step follows from the mean of the widths of its two rows. Then `cell_width` is that of the narrowest
        cells, both sizes are in metres, and distances take the latitudes of the rows.
    around : int
        Columns around the globe, where the last one of a raster is joined with the first; 0 where it is not.
    """

    cell_width: float
    cell_height: float
    neighbours: Literal[4, 8] = 8
    edge_rule: EdgeRule = "average_resistance"
    corners: Corners = "closed"
    sphere: Sphere | None = None
    around: int = 0

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
