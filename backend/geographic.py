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


def columns_within(sphere: Sphere, rows: int, reach: float) -> float:
    r"""Return how many columns apart two cells can be whose great circle is no longer than `reach` metres; inf for any.

    Over a pole it is shorter than along the parallels: :math:`\sin (d / 2 R) \ge \cos \phi \sin (\Delta \lambda / 2)` with the largest
    latitude :math:`\phi`.
    """
    if reach >= math.pi * sphere.radius:
        return math.inf
    cosine = float(np.cos(sphere.latitudes(np.array(0), rows)).min())
    sine = math.sin(reach / (2 * sphere.radius)) / cosine
    return 2 * math.asin(sine) / sphere.longitude_step if sine < 1 else math.inf


def row_areas(sphere: Sphere, rows: int) -> NDArray[np.float64]:
    """Return the area of a cell of each row, square metres."""
    edges = sphere.first_latitude + sphere.latitude_step * (np.arange(rows + 1) - 0.5)
    return sphere.radius**2 * sphere.longitude_step * np.abs(np.diff(np.sin(edges)))


def spans_the_globe(grid: Grid) -> bool:
    """Whether the columns of a raster of longitudes cover 360 degrees exactly."""
    if not is_geographic(grid):
        return False
    unit = osr.SpatialReference(grid.crs).GetAngularUnits()
    return abs(grid.columns * grid.cell_width * unit - 2 * math.pi) < 0.01 * grid.cell_width * unit


def check_wrap(grid: Grid) -> None:
    """Raise `InputError` unless the columns of a raster can be closed around the globe."""
    if spans_the_globe(grid):
        return
    if not is_geographic(grid):
        problem = "The coordinates of QUALITY are not longitudes and latitudes."
    else:
        unit = osr.SpatialReference(grid.crs).GetAngularUnits()
        span = math.degrees(grid.columns * grid.cell_width * unit)
        problem = f"The raster (or EXTENT) spans {span:.6g} degrees of longitude, not 360."
    raise InputError("WRAP", f"It cannot be closed around the globe. {problem}", "Switch WRAP off.")
