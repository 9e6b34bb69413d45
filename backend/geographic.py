"""Rasters of longitudes and latitudes: the sphere that they lie on, the true sizes of their cells, whether they close around it.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from osgeo import osr

from .errors import InputError
from .neighbourhood import Sphere
from .raster_grid import Grid, is_geographic

LARGEST_LATITUDE = 85.0
_TOLERANCE = 1e-6
#: Slack of a reach, for single precision too.
_ROUNDING = 1e-5


def sphere_of(grid: Grid) -> Sphere | None:
    """Return the sphere of a raster of longitudes and latitudes, None for other rasters.

    Its radius is the mean one of the CRS's ellipsoid, (2 a + b) / 3: lengths differ from those on the ellipsoid by less than
    0.6 %.

    Raises
    ------
    InputError
        When the grid reaches further than 85 degrees north or south.
    """
    if not is_geographic(grid):
        return None
    reference = osr.SpatialReference(grid.crs)
    unit = reference.GetAngularUnits()
    _, south, _, north = grid.bounds
    furthest = math.degrees(max(abs(south), abs(north)) * unit)
    if furthest > LARGEST_LATITUDE + _TOLERANCE:
        raise InputError(
            "EXTENT",
            f"The raster reaches to a latitude of {furthest:.6g} degrees. Beyond {LARGEST_LATITUDE:g} degrees cells of longitudes and "
            "latitudes are too narrow to work with.",
            f"Set EXTENT to latitudes from -{LARGEST_LATITUDE:g} to {LARGEST_LATITUDE:g}, or reproject the rasters, for example to a "
            "polar stereographic projection.",
        )
    step = grid.geotransform[5]
    return Sphere(
        radius=(2 * reference.GetSemiMajor() + reference.GetSemiMinor()) / 3,
        longitude_step=grid.cell_width * unit,
        first_latitude=(grid.top + step / 2) * unit,
        latitude_step=step * unit,
    )


def narrowest_cell(sphere: Sphere, rows: int) -> tuple[float, float]:
    """Return the width of the narrowest cells of so many rows, and the height of all, metres."""
    widths = np.cos(sphere.latitudes(np.array(0), rows))
    return sphere.radius * sphere.longitude_step * float(widths.min()), sphere.radius * abs(sphere.latitude_step)


def columns_of_rows(sphere: Sphere, rows: int, reach: float, halo_rows: int, *, straight: bool) -> NDArray[np.float64]:
    r"""Return how many columns away each row's cells get within `reach` metres; inf for any, shape (rows,).

    Along steps from cell to cell: a way that comes to a row `k` rows away, whose cells are its narrowest, and `c` columns away is no
    shorter than on a raster of such cells alone. Along great circles, which may lead over a pole:
    :math:`\sin^2 (d / 2 R) = \sin^2 (\Delta \phi / 2) + \cos \phi_i \cos \phi_j \sin^2 (\Delta \lambda / 2)`.

    Parameters
    ----------
    sphere : Sphere
    rows : int
        Of the raster; ways do not leave it.
    reach : float
        Of steps: divided by the smallest resistance.
    halo_rows : int
        How many rows away they get.
    straight : bool
        Along great circles instead of steps.
    """
    latitudes = sphere.latitudes(np.array(0), rows)
    cosines, found = np.cos(latitudes), np.zeros(rows)
    half, height = min(reach / (2 * sphere.radius), math.pi / 2), sphere.radius * abs(sphere.latitude_step)
    for k in range(-halo_rows, halo_rows + 1):
        here = slice(max(0, -k), max(0, rows - max(0, k)))
        there = slice(max(0, k), max(0, rows + min(0, k)))
        if straight:
            apart = np.sin(abs(k * sphere.latitude_step) / 2) ** 2
            sines = np.maximum(math.sin(half) ** 2 - apart, 0) / (cosines[here] * cosines[there])
            columns = np.where(sines < 1, 2 * np.arcsin(np.sqrt(np.minimum(sines, 1))) / sphere.longitude_step, np.inf)
        else:
            columns = _columns_of_steps(reach, abs(k), sphere.radius * sphere.longitude_step * cosines[there], height)
        found[here] = np.maximum(found[here], columns)
    return found


def columns_reached(
    sphere: Sphere, rows: int, columns: int, reach: float, halo_rows: int, follows: str, *, wraps: bool
) -> NDArray[np.int64]:
    """Return the halo in columns that windows of sources of each row need, shape (rows,).

    Parameters
    ----------
    sphere, rows, reach, halo_rows
        See `columns_of_rows`.
    columns : int
        Of the raster.
    follows : {"resistance", "length"}
        What the halo of the distance follows: along steps, or straight.
    wraps : bool
        Whether columns close around the globe. There a path may get further than there are columns, a straight line not
        beyond half of them.
    """
    straight = follows == "length"
    found = columns_of_rows(sphere, rows, reach * (1 + _ROUNDING), halo_rows, straight=straight)
    most = columns - 1
    if wraps:
        most = columns // 2 if straight else rows * columns - 1
    return np.floor(np.minimum(found, most)).astype(np.int64)


def _columns_of_steps(reach: float, rows: int, width: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """Return how many columns steps within reach lead away that lead so many rows away as well; 0 where they cannot."""
    diagonal = np.hypot(width, height)
    flat = (reach - rows * (diagonal - width)) / width
    steep = (reach - rows * height) / (diagonal - height)
    return np.maximum(np.where(flat >= rows, flat, steep), 0)


def row_areas(sphere: Sphere, rows: int) -> NDArray[np.float64]:
    """Return the area of a cell of each row, square metres."""
    edges = sphere.first_latitude + sphere.latitude_step * (np.arange(rows + 1) - 0.5)
    return sphere.radius**2 * sphere.longitude_step * np.abs(np.diff(np.sin(edges)))


def columns_around(grid: Grid) -> float:
    """Return how many columns of a raster of longitudes go around the globe, inf for other rasters."""
    if not is_geographic(grid):
        return math.inf
    return 2 * math.pi / (grid.cell_width * osr.SpatialReference(grid.crs).GetAngularUnits())


def spans_the_globe(grid: Grid) -> bool:
    """Whether the columns of a raster of longitudes cover 360 degrees exactly."""
    return abs(grid.columns - columns_around(grid)) < 0.01
