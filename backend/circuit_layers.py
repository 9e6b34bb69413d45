"""Features of vector layers as cells of a raster. Light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from .errors import InputError
from .gdal_messages import quietly
from .raster_grid import Grid
from .vector_io import VectorLayer


@dataclass(frozen=True)
class LayerCells:
    """Where the features of a layer lie.

    Parameters
    ----------
    feature : array of int64, shape (cells,)
        Row of the feature in the table that was read.
    cell : array of int64, shape (cells,)
        Flat index of each cell.
    outside : list of (int, float, float)
        Features with a point outside the raster: (row, x, y).
    empty : list of int
        Features without geometry.
    """

    feature: NDArray[np.int64]
    cell: NDArray[np.int64]
    outside: list[tuple[int, float, float]]
    empty: list[int]


def layer_cells(layer: VectorLayer, shapes: list[bytes | None], grid: Grid) -> LayerCells:
    """Return the cells of each feature, in the order of the features.

    A point takes the cell that it lies in. A polygon takes the cells whose centre it holds, a line those that it touches; where
    there is none, the cell below a point of it. Layers in another reference system are transformed.

    Raises
    ------
    InputError
        When the reference systems cannot be brought together.
    """
    transformation = _transformation(layer, grid)
    feature: list[int] = []
    cell: list[int] = []
    outside: list[tuple[int, float, float]] = []
    empty: list[int] = []
    areas: list[tuple[int, Any]] = []
    for row, shape in enumerate(shapes):
        if shape is None:
            empty.append(row)
            continue
        geometry = ogr.CreateGeometryFromWkb(shape)
        if transformation is not None and geometry.Transform(transformation) != 0:
            raise InputError(
                layer.parameter, f"Feature {row + 1} cannot be transformed to the raster's CRS.", "Reproject it."
            )
        if geometry.GetDimension() == 0:
            for x, y in _points(geometry):
                place = cell_of(grid, x, y)
                if place is None:
                    outside.append((row, x, y))
                else:
                    feature.append(row)
                    cell.append(place)
        else:
            areas.append((row, geometry))
    for row, geometry in areas:
        found = _burnt(geometry, grid)
        if len(found) == 0:
            point = geometry.PointOnSurface() if geometry.GetDimension() == 2 else geometry.Centroid()
            place = cell_of(grid, point.GetX(), point.GetY())
            if place is None:
                outside.append((row, point.GetX(), point.GetY()))
                continue
            found = np.array([place])
        feature.extend([row] * len(found))
        cell.extend(found.tolist())
    order = np.argsort(np.array(feature, np.int64), kind="stable")
    return LayerCells(np.array(feature, np.int64)[order], np.array(cell, np.int64)[order], outside, empty)


def cell_of(grid: Grid, x: float, y: float) -> int | None:
    """Return the flat index of the cell that holds a place, None outside. The raster's outer edges belong to it."""
    step = grid.geotransform
    across, down = (x - step[0]) / step[1], (y - step[3]) / step[5]
    column = grid.columns - 1 if across == grid.columns else math.floor(across)
    row = grid.rows - 1 if down == grid.rows else math.floor(down)
    if not (0 <= row < grid.rows and 0 <= column < grid.columns):
        return None
    return row * grid.columns + column


def centre_of(grid: Grid, cell: int) -> tuple[float, float]:
    """Return the coordinates of a cell's centre."""
    row, column = divmod(int(cell), grid.columns)
    step = grid.geotransform
    return step[0] + (column + 0.5) * step[1], step[3] + (row + 0.5) * step[5]


def _transformation(layer: VectorLayer, grid: Grid) -> Any:
    if not layer.crs or not grid.crs:
        return None
    one, other = osr.SpatialReference(layer.crs), osr.SpatialReference(grid.crs)
    if one.IsSame(other):
        return None
    for reference in (one, other):
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    transformation, why = quietly(osr.CoordinateTransformation, one, other)
    if transformation is None:
        raise InputError(
            layer.parameter, f"Its CRS cannot be transformed to the raster's. {why}".strip(), "Reproject it."
        )
    return transformation


def _points(geometry: Any) -> list[tuple[float, float]]:
    if geometry.GetGeometryCount() == 0:
        return [(geometry.GetX(), geometry.GetY())]
    parts = (geometry.GetGeometryRef(number) for number in range(geometry.GetGeometryCount()))
    return [(part.GetX(), part.GetY()) for part in parts]


def _burnt(geometry: Any, grid: Grid) -> NDArray[np.int64]:
    """Return the cells of a polygon or a line, from a raster of its bounding box alone."""
    xmin, xmax, ymin, ymax = geometry.GetEnvelope()
    step = grid.geotransform
    rows = sorted(((ymin - step[3]) / step[5], (ymax - step[3]) / step[5]))
    first_row, last_row = max(0, math.floor(rows[0])), min(grid.rows, math.floor(rows[1]) + 1)
    first_column = max(0, math.floor((xmin - step[0]) / step[1]))
    last_column = min(grid.columns, math.floor((xmax - step[0]) / step[1]) + 1)
    if first_row >= last_row or first_column >= last_column:
        return np.empty(0, np.int64)
    part = grid.part(first_row, first_column, last_row - first_row, last_column - first_column)
    raster = gdal.GetDriverByName("MEM").Create("", part.columns, part.rows, 1, gdal.GDT_Byte)
    raster.SetGeoTransform(part.geotransform)
    store = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = store.CreateLayer("shape", None, ogr.wkbUnknown)
    one = ogr.Feature(layer.GetLayerDefn())
    one.SetGeometry(geometry)
    layer.CreateFeature(one)
    options = ["ALL_TOUCHED=TRUE"] if geometry.GetDimension() == 1 else []
    quietly(gdal.RasterizeLayer, raster, [1], layer, burn_values=[1], options=options)
    data = raster.GetRasterBand(1).ReadRaster(0, 0, part.columns, part.rows, buf_type=gdal.GDT_Byte)
    row, column = np.nonzero(np.frombuffer(data, np.uint8).reshape(part.rows, part.columns))
    return (row + first_row) * grid.columns + column + first_column
