"""Vector layers on disk for the tests of circuits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from osgeo import ogr, osr
from small_landscapes import CELL, CRS, ORIGIN


def place(cell: int, columns: int, shift: float = 0.5) -> tuple[float, float]:
    """Return coordinates inside a cell of a raster as `small_landscapes` writes it."""
    row, column = divmod(int(cell), columns)
    return ORIGIN[0] + CELL[0] * (column + shift), ORIGIN[1] - CELL[1] * (row + shift)


def layer(path: Path, shapes: list[str | None], crs: str | None = CRS, **fields: list[Any]) -> str:
    """Write shapes, given as WKT, with fields; returns the path."""
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = None
    if crs:
        reference = osr.SpatialReference()
        reference.SetFromUserInput(crs)
    made = dataset.CreateLayer("features", reference, ogr.wkbUnknown)
    for name, values in fields.items():
        kind = (
            ogr.OFTInteger64 if all(isinstance(v, (int, np.integer)) for v in values if v is not None) else ogr.OFTReal
        )
        kind = ogr.OFTString if any(isinstance(v, str) for v in values) else kind
        made.CreateField(ogr.FieldDefn(name, kind))
    for row, shape in enumerate(shapes):
        feature = ogr.Feature(made.GetLayerDefn())
        for name, values in fields.items():
            if values[row] is not None:
                feature.SetField(name, values[row])
        if shape is not None:
            feature.SetGeometry(ogr.CreateGeometryFromWkt(shape))
        made.CreateFeature(feature)
    return str(path)


def points(path: Path, cells: list[int], columns: int, **fields: list[Any]) -> str:
    """Write a point in each cell, not at its centre."""
    shapes = ["POINT({} {})".format(*place(cell, columns, 0.3)) for cell in cells]
    return layer(path, shapes, **fields)


def box(first: int, last: int, columns: int) -> str:
    """Return a polygon around the cells between two corners, a little larger than their centres' box."""
    (west, north), (east, south) = place(first, columns, 0.2), place(last, columns, 0.8)
    return f"POLYGON(({west} {north},{east} {north},{east} {south},{west} {south},{west} {north}))"
