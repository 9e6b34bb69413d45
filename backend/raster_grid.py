"""Where the cells of a raster lie: its grid, parts of it, and how two grids differ; light."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from osgeo import osr

from .errors import InputError

_STRIP_CELLS = 2**19
_GRID_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Grid:
    """The cells of a raster, north up.

    Parameters
    ----------
    rows, columns : int
        Number of cells.
    left, top : float
        Outer corner of the first cell, map units.
    cell_width, cell_height : float
        Size of a cell, map units, > 0.
    south_up : bool
        Whether row 0 is the southernmost.
    crs : str
        WKT of the coordinate system, empty when there is none.
    """

    rows: int
    columns: int
    left: float
    top: float
    cell_width: float
    cell_height: float
    south_up: bool
    crs: str

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.rows * self.columns

    @property
    def geotransform(self) -> tuple[float, float, float, float, float, float]:
        """GDAL's six numbers."""
        step = self.cell_height if self.south_up else -self.cell_height
        return (self.left, self.cell_width, 0.0, self.top, 0.0, step)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax)."""
        far = self.top + self.geotransform[5] * self.rows
        return (self.left, min(self.top, far), self.left + self.cell_width * self.columns, max(self.top, far))

    def part(self, first_row: int, first_column: int, rows: int, columns: int) -> Grid:
        """Return the grid of a rectangle of the cells."""
        return replace(
            self,
            rows=rows,
            columns=columns,
            left=self.left + first_column * self.cell_width,
            top=self.top + first_row * self.geotransform[5],
        )


def strips(grid: Grid) -> Iterator[tuple[int, int]]:
    """Yield (first row, number of rows) of strips that are small enough to be read at once."""
    step = max(1, _STRIP_CELLS // max(1, grid.columns))
    for first in range(0, grid.rows, step):
        yield first, min(step, grid.rows - first)


def is_geographic(grid: Grid) -> bool:
    """Whether the grid's coordinates are longitudes and latitudes."""
    if not grid.crs:
        return False
    return bool(osr.SpatialReference(grid.crs).IsGeographic())


def grid_difference(grid: Grid, other: Grid) -> str:
    """Return in words how `other` differs from `grid`, empty when the cells coincide."""
    if bool(grid.crs) != bool(other.crs):
        return f"its CRS is {_crs_name(other)}, that of QUALITY is {_crs_name(grid)}"
    if grid.crs and not osr.SpatialReference(grid.crs).IsSame(osr.SpatialReference(other.crs)):
        return f"its CRS is {_crs_name(other)}, that of QUALITY is {_crs_name(grid)}"
    width, height = grid.cell_width, grid.cell_height
    span = max(grid.rows, grid.columns)
    if max(abs(other.cell_width - width) / width, abs(other.cell_height - height) / height) * span > _GRID_TOLERANCE:
        return (
            f"its cells are {other.cell_width:g} x {other.cell_height:g} map units, "
            f"those of QUALITY {width:g} x {height:g}"
        )
    if abs(other.left - grid.left) > _GRID_TOLERANCE * width or abs(other.top - grid.top) > _GRID_TOLERANCE * height:
        return (
            f"its first corner lies at ({other.left:.10g}, {other.top:.10g}), "
            f"that of QUALITY at ({grid.left:.10g}, {grid.top:.10g})"
        )
    if (other.rows, other.columns) != (grid.rows, grid.columns):
        return (
            f"it has {other.rows} rows and {other.columns} columns, QUALITY {grid.rows} rows and {grid.columns} columns"
        )
    return "" if other.south_up == grid.south_up else "one is stored north up, the other south up"


def _crs_name(grid: Grid) -> str:
    if not grid.crs:
        return "not set"
    reference = osr.SpatialReference(grid.crs)
    authority = reference.GetAuthorityCode(None)
    name = reference.GetName() or "unnamed"
    return f"{reference.GetAuthorityName(None)}:{authority} ({name})" if authority else name


def extent_window(grid: Grid, extent: list[float], name: str = "QUALITY") -> tuple[int, int, int, int]:
    """Return (first row, first column, rows, columns) of the cells that an extent touches.

    Parameters
    ----------
    extent : list of float
        xmin, xmax, ymin, ymax in the coordinates of the grid.
    name : str
        Of the raster, for messages.

    Raises
    ------
    InputError
        When it holds no cell of the grid.
    """
    xmin, xmax, ymin, ymax = extent
    left, bottom, right, top = grid.bounds
    tolerance = _GRID_TOLERANCE
    first_column = max(0, math.floor((xmin - left) / grid.cell_width + tolerance))
    last_column = min(grid.columns, math.ceil((xmax - left) / grid.cell_width - tolerance))
    near, far = ((ymin - bottom), (ymax - bottom)) if grid.south_up else ((top - ymax), (top - ymin))
    first_row = max(0, math.floor(near / grid.cell_height + tolerance))
    last_row = min(grid.rows, math.ceil(far / grid.cell_height - tolerance))
    if first_row >= last_row or first_column >= last_column:
        raise InputError(
            "EXTENT",
            f"x {xmin:.10g} to {xmax:.10g}, y {ymin:.10g} to {ymax:.10g} holds no cell of {name} "
            f"(x {left:.10g} to {right:.10g}, y {bottom:.10g} to {top:.10g}).",
            "Choose an extent that overlaps the rasters.",
        )
    return first_row, first_column, last_row - first_row, last_column - first_column
