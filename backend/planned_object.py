"""A planned object - a road, a settlement - on the cells of a raster; light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import ogr

from .errors import InputError
from .job import Report
from .parcels import burn, polygon_layer
from .raster_grid import Grid
from .wording import counted


@dataclass(frozen=True)
class PlannedObject:
    """What is to be built.

    Parameters
    ----------
    cells : array of bool, shape (rows, columns)
        Cells that the object takes.
    disturbed : array of bool, shape (rows, columns)
        Cells around it whose quality it lowers.
    """

    cells: NDArray[np.bool_]
    disturbed: NDArray[np.bool_]


def read_object(values: dict[str, Any], grid: Grid, report: Report) -> PlannedObject:
    """Lay the object of a job onto a grid.

    A line becomes a band of WIDTH; every cell that a line or its band touches belongs to it, so that it has no gaps. A polygon takes the
    cells whose centres it holds, and one at least.

    Raises
    ------
    InputError
        When it is missing, empty, or lies outside.
    """
    layer = polygon_layer(values["OBJECT"], grid, "OBJECT", ("polygon", "line", "point"))
    table = layer.read([], geometry=True)
    shapes = [ogr.CreateGeometryFromWkb(shape) for shape in table.geometry or [] if shape is not None]
    if not shapes:
        raise InputError(
            "OBJECT", "The layer has no features.", "Check its filter, or whether only selected ones are used."
        )
    width = float(values["WIDTH"] or 0)
    cells = np.zeros((grid.rows, grid.columns), bool)
    around = cells.copy()
    distance = float(values["DISTURBANCE_DISTANCE"] or 0)
    outside = 0
    for shape in shapes:
        report.raise_if_cancelled()
        solid = shape.GetDimension() == 2
        wide = shape.Buffer(width / 2) if width > 0 else shape
        here = burn([(wide, 1)], grid, touched=not solid) == 1
        if not here.any():
            here = burn([(wide, 1)], grid, touched=True) == 1
        outside += not here.any()
        cells |= here
        if distance > 0:
            around |= burn([(wide.Buffer(distance), 1)], grid) == 1
    if not cells.any():
        raise InputError("OBJECT", "It lies on no cell of the raster.", "Check its position and CRS, and EXTENT.")
    if outside:
        report.warning(f"OBJECT: left out, as outside the raster: {outside} of {counted(len(shapes), 'feature')}.")
    return PlannedObject(cells, around & ~cells)
