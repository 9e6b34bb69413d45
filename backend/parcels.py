"""Parcels: polygons laid onto the cells of a raster; light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from .errors import InputError
from .gdal_messages import quietly
from .job import Report
from .network_columns import present
from .raster_grid import Grid
from .vector_io import VectorLayer, VectorTable
from .wording import counted


@dataclass(frozen=True)
class Parcels:
    """Polygons on a grid.

    Parameters
    ----------
    number : int32 array, shape (rows, columns)
        Which polygon holds the centre of each cell, in the order of the layer; -1 for none.
    table : VectorTable
        Features with their fields and geometry.
    crs : str
        WKT.
    """

    number: NDArray[np.int32]
    table: VectorTable
    crs: str


def polygon_layer(source: str, grid: Grid, parameter: str, families: tuple[str, ...] = ("polygon",)) -> VectorLayer:
    """Open a layer that is to be laid onto a grid.

    Raises
    ------
    InputError
        When it cannot be opened, holds other geometries, or lies in another CRS.
    """
    layer = VectorLayer(source, parameter)
    if layer.family not in (*families, "any"):
        raise InputError(
            parameter, f"The layer holds {layer.family}s.", f"Give a layer of {' or '.join(f'{f}s' for f in families)}."
        )
    if grid.crs and layer.crs and not osr.SpatialReference(grid.crs).IsSame(osr.SpatialReference(layer.crs)):
        raise InputError(
            parameter,
            f"Its CRS is {osr.SpatialReference(layer.crs).GetName()}, that of QUALITY is "
            f"{osr.SpatialReference(grid.crs).GetName()}.",
            "Reproject the layer.",
        )
    return layer


def read_parcels(layer: VectorLayer, grid: Grid, report: Report) -> Parcels:
    """Lay polygons onto a grid; a cell belongs to the polygon that holds its centre.

    Raises
    ------
    InputError
        No polygons, none over the raster, or some that share the centre of a cell.
    """
    table = layer.read(geometry=True)
    name = layer.parameter
    shapes = [ogr.CreateGeometryFromWkb(shape) if shape is not None else None for shape in table.geometry or []]
    solid = [number for number, shape in enumerate(shapes) if shape is not None and shape.GetDimension() == 2]
    if not solid:
        raise InputError(
            name, "The layer has no polygons.", "Check its filter, or whether only selected ones are used."
        )
    if len(solid) < len(shapes):
        report.warning(
            f"{name}: {counted(len(shapes) - len(solid), 'feature has', 'features have')} no area: left out."
        )
    last = burn([(shapes[number], number) for number in solid], grid)
    first = burn([(shapes[number], number) for number in reversed(solid)], grid)
    shared = last != first
    if shared.any():
        row, column = np.argwhere(shared)[0]
        one, other = table.fid[first[row, column]], table.fid[last[row, column]]
        raise InputError(
            name,
            f"Polygons overlap in {counted(int(shared.sum()), 'cell')} (first: features {one} and {other} at row {row + 1}, column "
            f"{column + 1}), which would be paid for and acted on twice.",
            "Make them disjoint, for example with 'Difference' or 'Union'.",
        )
    here = np.unique(last[last >= 0])
    if not len(here):
        raise InputError(name, "No polygon holds the centre of a cell of the raster.", "Check CRS and EXTENT.")
    missing = len(solid) - len(here)
    if missing:
        report.warning(
            f"{name}: left out: {counted(missing, 'polygon')} outside, or with the centre of no cell inside."
        )
    return Parcels(last, table, layer.crs)


def burn(shapes: list[tuple[Any, int]], grid: Grid, *, touched: bool = False) -> NDArray[np.int32]:
    """Return the number of the last shape over the centre of each cell (or touching the cell), -1 where there is none."""
    raster = gdal.GetDriverByName("MEM").Create("", grid.columns, grid.rows, 1, gdal.GDT_Int32)
    raster.SetGeoTransform(grid.geotransform)
    raster.SetProjection(grid.crs)
    raster.GetRasterBand(1).Fill(-1)
    source = ogr.GetDriverByName("Memory").CreateDataSource("")
    reference = osr.SpatialReference(grid.crs) if grid.crs else None
    layer = source.CreateLayer("shapes", reference, ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn("number", ogr.OFTInteger))
    for shape, number in shapes:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("number", number)
        feature.SetGeometry(shape)
        layer.CreateFeature(feature)
    options = ["ATTRIBUTE=number", *(["ALL_TOUCHED=TRUE"] if touched else [])]
    quietly(gdal.RasterizeLayer, raster, [1], layer, options=options)
    data = raster.GetRasterBand(1).ReadRaster(buf_type=gdal.GDT_Int32)
    return np.frombuffer(data, np.int32).reshape(grid.rows, grid.columns).copy()


def field_of_costs(parcels: Parcels, name: str) -> NDArray[np.float64]:
    """Return the costs that a field holds, NaN where it is empty.

    Raises
    ------
    InputError
        When one is not above 0.
    """
    values = np.where(present(parcels.table.columns, name), parcels.table.columns[name].astype(float), np.nan)
    wrong = (values <= 0) | np.isinf(values)
    if wrong.any():
        raise InputError(
            "COST_FIELD",
            f"{counted(int(wrong.sum()), 'polygon costs', 'polygons cost')} nothing, less or infinitely much (first: feature "
            f"{parcels.table.fid[wrong][0]}, {values[wrong][0]:g}).",
            "Give every candidate a cost > 0; an empty field means that it is no candidate.",
        )
    return values
