"""Habitat patches from a raster, and back onto a raster."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr
from scipy import ndimage

from .gdal_messages import quietly
from .patch_polygons import Patches
from .raster_grid import Grid, strips


def patches_of_raster(habitat: NDArray[np.bool_], grid: Grid, neighbours: int, minimum_area: float) -> Patches:
    """Return a patch per group of habitat cells that touch.

    Parameters
    ----------
    habitat : array of bool, shape (rows, columns)
        Which cells are habitat.
    grid : Grid
        Where they lie.
    neighbours : int
        4: cells touch at their sides; 8: at corners too.
    minimum_area : float
        Smaller groups are no patches, square map units.

    Returns
    -------
    Patches
        In the order in which rows meet them; `cells` is the number of cells.
    """
    structure = np.ones((3, 3), int) if neighbours == 8 else None
    # SciPy has no annotations; it returns this pair wherever `output` is a type.
    label, count = cast(tuple[NDArray[np.int32], int], ndimage.label(habitat, structure, output=np.int32))
    cells = np.bincount(label.ravel(), minlength=count + 1)[1:]
    area = cells.astype(float) * grid.cell_width * grid.cell_height
    kept = area >= minimum_area * (1 - 1e-12)
    number = np.zeros(count + 1, np.int32)
    number[1:][kept] = np.arange(1, int(kept.sum()) + 1)
    shapes = _outlines(number[label], grid, int(kept.sum()))
    columns = {"cells": cells[kept].astype(np.int64)}
    return Patches(shapes, area[kept], columns, grid.crs)


def _memory_raster(values: NDArray[np.int32], grid: Grid) -> Any:
    dataset = gdal.GetDriverByName("MEM").Create("", grid.columns, grid.rows, 1, gdal.GDT_Int32)
    dataset.SetGeoTransform(grid.geotransform)
    if grid.crs:
        dataset.SetProjection(grid.crs)
    for first, rows in strips(grid):
        data = np.ascontiguousarray(values[first : first + rows], np.int32).tobytes()
        dataset.GetRasterBand(1).WriteRaster(0, first, grid.columns, rows, data, buf_type=gdal.GDT_Int32)
    return dataset


def _outlines(label: NDArray[np.int32], grid: Grid, count: int) -> list[bytes]:
    raster = _memory_raster(label, grid)
    store = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = store.CreateLayer("patches", None, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("number", ogr.OFTInteger))
    band = raster.GetRasterBand(1)
    gdal.Polygonize(band, band, layer, 0, [])
    parts: list[list[Any]] = [[] for _ in range(count)]
    for feature in layer:
        parts[feature.GetField(0) - 1].append(feature.GetGeometryRef().Clone())
    shapes = []
    for pieces in parts:
        whole = pieces[0]
        if len(pieces) > 1:
            whole = ogr.Geometry(ogr.wkbMultiPolygon)
            for piece in pieces:
                whole.AddGeometry(piece)
        shapes.append(bytes(whole.ExportToWkb()))
    return shapes


def patches_on_grid(patches: Patches, grid: Grid) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the patch of each cell (its row, -1: none), and the rows of patches that hold no cell of the grid.

    A cell belongs to the patch that holds its centre; a patch too small for any centre takes the cell below a point of it.
    """
    raster = _memory_raster(np.broadcast_to(np.int32(-1), (grid.rows, grid.columns)), grid)
    reference = osr.SpatialReference(grid.crs) if grid.crs else None
    store = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = store.CreateLayer("patches", reference, ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn("number", ogr.OFTInteger))
    for row, shape in enumerate(patches.shapes):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField(0, row)
        feature.SetGeometryDirectly(ogr.CreateGeometryFromWkb(shape))
        layer.CreateFeature(feature)
    quietly(gdal.RasterizeLayer, raster, [1], layer, options=["ATTRIBUTE=number"])
    zone = np.empty((grid.rows, grid.columns), np.int32)
    held = np.zeros(len(patches), bool)
    for first, rows in strips(grid):
        data = raster.GetRasterBand(1).ReadRaster(0, first, grid.columns, rows, buf_type=gdal.GDT_Int32)
        strip = zone[first : first + rows]
        strip[:] = np.frombuffer(data, np.int32).reshape(rows, grid.columns)
        held[strip[strip >= 0]] = True
    raster = None
    outside = []
    for row in np.flatnonzero(~held).tolist():
        point = ogr.CreateGeometryFromWkb(patches.shapes[row]).PointOnSurface()
        step = grid.geotransform
        i = math.floor((point.GetY() - step[3]) / step[5])
        j = math.floor((point.GetX() - step[0]) / step[1])
        if not (0 <= i < grid.rows and 0 <= j < grid.columns):
            outside.append(row)
        elif zone[i, j] < 0:
            zone[i, j] = row
    return zone, np.array(outside, np.int64)
