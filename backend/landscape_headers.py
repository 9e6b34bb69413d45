"""A landscape as the analyses take it: two rasters on one grid, and all that can be wrong with them before a value is read.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import registry
from .dispersal import Dispersal, dispersal
from .distance_constants import distance_constant, has_step_cost
from .errors import InputError
from .geographic import narrowest_cell, row_areas, spans_the_globe, sphere_of
from .job import Job, Report
from .movement import Movement
from .neighbourhood import Sphere
from .output_checks import check_outputs
from .raster_grid import Grid, extent_window, grid_difference, strips
from .raster_io import RasterBand

_DEFAULT_DISPERSAL_CELLS = 4.0


@dataclass(frozen=True)
class LandscapeHeaders:
    """What is known before any value is read.

    Parameters
    ----------
    bands : dict
        The opened rasters by parameter name, on one grid.
    grid : Grid
        The part of the grid that is used.
    corner : tuple of int
        Row and column of that part's first cell in the rasters.
    movement : Movement
        How the movement raster is read.
    dispersal : Dispersal
        Proximity kernel with scale and reach.
    sphere : Sphere, optional
        Of rasters of longitudes and latitudes; lengths are then in metres.
    wraps : bool
        Whether the last column is joined with the first, around the globe.
    """

    bands: dict[str, RasterBand]
    grid: Grid
    corner: tuple[int, int]
    movement: Movement
    dispersal: Dispersal
    sphere: Sphere | None = None
    wraps: bool = False

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell, map units; on longitudes and latitudes of the narrowest cells, metres."""
        return _cell_size(self.grid, self.sphere)

    @property
    def length_unit(self) -> str:
        """What lengths are in."""
        return "metres" if self.sphere else "map units"

    @property
    def around(self) -> int:
        """Columns around the globe, 0 where they do not close."""
        return self.grid.columns if self.wraps else 0

    def area(self, counts: NDArray[np.integer]) -> float:
        """Return the area of so many cells in each row, square map units, or square metres on longitudes and latitudes."""
        if self.sphere:
            return float(counts @ row_areas(self.sphere, self.grid.rows))
        return float(counts.sum()) * self.grid.cell_width * self.grid.cell_height

    def read(self, name: str, first: int, rows: int) -> NDArray[np.float64]:
        """Return a strip of rows of the used part, NaN where there is no value."""
        row, column = self.corner
        return self.bands[name].read(row + first, column, rows, self.grid.columns)


def check_headers(job: Job, rasters: tuple[str, ...] = ()) -> LandscapeHeaders:
    """Check all that can be checked without reading values: files, bands, CRS, grids, ranges, outputs.

    Parameters
    ----------
    job : Job
        With the landscape parameters.
    rasters : tuple of str
        Further rasters that must share the grid, where they are given.

    Raises
    ------
    InputError
        Names the parameter, the place and the remedy.
    """
    values = job.parameters
    quality = RasterBand(values["QUALITY"], values["QUALITY_BAND"], "QUALITY")
    bands = {"QUALITY": quality}
    for name in ("MOVEMENT", *_cost_raster(values), *rasters):
        if values.get(name):
            bands[name] = _aligned(name, values, quality.grid)
    if values["EXTENT"] is None:
        row, column, grid = 0, 0, quality.grid
    else:
        row, column, rows, columns = extent_window(quality.grid, values["EXTENT"])
        grid = quality.grid.part(row, column, rows, columns)
    check_outputs(job, grid)
    if values["BLOCK"] % 2 == 0:
        raise InputError(
            "BLOCK", f"It is {values['BLOCK']}, and a block has a cell at its centre.", "Give an odd number of cells."
        )
    movement = Movement(values["MOVEMENT_KIND"], values["TRANSFORMATION"], values["EXPONENT"])
    sphere, wraps = sphere_of(grid), values.get("WRAP") == "automatic" and spans_the_globe(grid)
    if wraps:
        _check_window_around(values, grid)
    return LandscapeHeaders(bands, grid, (row, column), movement, _dispersal(values, grid, sphere), sphere, wraps)


def _cell_size(grid: Grid, sphere: Sphere | None) -> tuple[float, float]:
    return narrowest_cell(sphere, grid.rows) if sphere else (grid.cell_width, grid.cell_height)


def _check_window_around(values: dict[str, Any], grid: Grid) -> None:
    """Refuse declared windows that would meet themselves around the globe, or whose blocks do not fit around it."""
    if distance_constant(values["DISTANCE"], "HALO_FOLLOWS") != "radius":
        return
    widest = (grid.columns - values["BLOCK"]) // 2
    if values["RADIUS"] > widest:
        raise InputError(
            "RADIUS",
            f"The raster closes around the globe (WRAP), where a window of {values['BLOCK']} + 2 x {values['RADIUS']} columns would "
            f"meet itself: there are {grid.columns}.",
            f"Set RADIUS to {widest} or less, or WRAP to never.",
        )
    if grid.columns % values["BLOCK"]:
        raise InputError(
            "BLOCK",
            f"The raster closes around the globe (WRAP), where blocks of {values['BLOCK']} columns do not fit: there are {grid.columns}.",
            "Choose a divisor of the number of columns, such as 1, or set WRAP to never.",
        )


def _aligned(name: str, values: dict[str, Any], grid: Grid) -> RasterBand:
    band = RasterBand(values[name], values.get(f"{name}_BAND") or 1, name)
    difference = grid_difference(grid, band.grid)
    if difference and values["ALIGN"] == "stop":
        raise InputError(
            name,
            f"Its grid is not that of QUALITY: {difference}.",
            "Warp it to the grid of QUALITY, or set ALIGN to nearest or bilinear to have it done for this run.",
        )
    if difference:
        if not (grid.crs and band.grid.crs) and bool(grid.crs) != bool(band.grid.crs):
            raise InputError(name, f"It cannot be aligned: {difference}.", "Assign the missing CRS to the raster.")
        band.align(grid, values["ALIGN"])
    return band


def _dispersal(values: dict[str, Any], grid: Grid, sphere: Sphere | None) -> Dispersal:
    smaller = min(_cell_size(grid, sphere))
    length = "metres" if sphere else "map units"
    distance = values["DISPERSAL_DISTANCE"]
    unit = registry.constant("distances", values["DISTANCE"], "UNIT", "map units")
    if unit != "map units":
        return _dispersal_in_unit(values, unit)
    if distance is None:
        distance = _DEFAULT_DISPERSAL_CELLS * smaller
    if not math.isfinite(distance) or distance < 0.5 * smaller:
        raise InputError(
            "DISPERSAL_DISTANCE",
            f"{distance:g} {length} is less than half a cell, whose side is {smaller:g} {length}: too short for this raster.",
            "The raster has longitudes and latitudes: give the distance in metres, not in degrees."
            if sphere
            else "Give the distance in map units (metres in most projected CRS), or use finer rasters.",
        )
    return dispersal(values["PROXIMITY"], distance, values["DISPERSAL_MEANING"], values["CUTOFF"])


def _cost_raster(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the name of the raster of step costs, if the distance takes one."""
    if not has_step_cost(values["DISTANCE"]) or values["STEP_COST"] != "raster":
        return ()
    if not values["MOVEMENT_COST"]:
        raise InputError("MOVEMENT_COST", "STEP_COST is a raster, but there is none.", "Give MOVEMENT_COST.")
    return ("MOVEMENT_COST",)


def _dispersal_in_unit(values: dict[str, Any], unit: str) -> Dispersal:
    distance = values["DISPERSAL_DISTANCE"]
    if distance is None:
        raise InputError(
            "DISPERSAL_DISTANCE",
            f"It is empty, and {values['DISTANCE'].replace('_', ' ')} is a distance in {unit}, for which there is no usual value.",
            f"State it in {unit}.",
        )
    if not math.isfinite(distance) or distance <= 0:
        raise InputError("DISPERSAL_DISTANCE", f"It is {distance:g}.", f"State a number > 0, in {unit}.")
    return dispersal(values["PROXIMITY"], distance, values["DISPERSAL_MEANING"], values["CUTOFF"])


def read_whole(headers: LandscapeHeaders, name: str, report: Report) -> NDArray[np.float64]:
    """Return all values of one raster, NaN where there are none."""
    values = np.empty((headers.grid.rows, headers.grid.columns))
    for first, rows in strips(headers.grid):
        report.raise_if_cancelled()
        values[first : first + rows] = headers.read(name, first, rows)
    return values
