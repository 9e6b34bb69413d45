"""The sources that corridors and paths join, as cells of the movement raster.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math
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
from .vector_io import VectorLayer
from .wording import counted

_SHOWN = 5


@dataclass(frozen=True)
class Sources:
    """Sources in the order of their features.

    Parameters
    ----------
    names : list of int, float or str
        What the id field holds, or feature ids.
    cells : list of int array
        Flat numbers of their cells; no cell belongs to two.
    """

    names: list[Any]
    cells: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: list[int]) -> Sources:
        """Return some of them."""
        return Sources([self.names[row] for row in rows], [self.cells[row] for row in rows])

    def column(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return names of sources as a column of a table."""
        kind = np.array(self.names).dtype
        names = np.array(self.names, object if kind.kind not in "if" else kind)
        return names[rows]


def listed(names: list[Any]) -> str:
    """Return names as people read them, the first few."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(str(name) for name in names[:_SHOWN]) + more


def say_who_is_alone(sources: Sources, pairs: list[tuple[int, int]], report: Report) -> None:
    """Warn of sources that are in none of the pairs that were found."""
    joined = {place for pair in pairs for place in pair}
    alone = [name for place, name in enumerate(sources.names) if place not in joined]
    if alone:
        report.warning(f"{counted(len(alone), 'source reaches', 'sources reach')} no other ({listed(alone)}).")


def read_sources(layer: VectorLayer, field: str | None, grid: Grid, report: Report, area: str = "MOVEMENT") -> Sources:
    """Return the sources of a layer that lie on a raster, and say which do not; `area` is what to call it.

    Raises
    ------
    InputError
        When the layer has no feature with geometry, or names are missing.
    """
    table = layer.read([field] if field else [], geometry=True)
    shapes = table.geometry or []
    held = [row for row, shape in enumerate(shapes) if shape is not None]
    if not held:
        raise InputError(
            "SOURCES",
            "The layer has no feature with a geometry.",
            "Check its filter, or whether only selected ones are used.",
        )
    names = _names(table, field, held)
    move = _transformation(layer.crs, grid, report)
    geometries = []
    for row in held:
        geometry = ogr.CreateGeometryFromWkb(shapes[row])
        if move is not None:
            quietly(geometry.Transform, move)
        geometries.append(geometry)
    number = {name: row for row, name in enumerate(dict.fromkeys(names))}
    owner = _burn(geometries, [number[name] for name in names], grid)
    outside, shared = [], []
    for name, geometry in zip(names, geometries):
        inside, free = _put(geometry, number[name], owner, grid)
        if not inside:
            outside.append(name)
        elif not free:
            shared.append(name)
    if outside:
        report.warning(
            f"{counted(len(outside), 'feature lies', 'features lie')} outside {area}: left out (sources {listed(outside)})."
        )
    if shared:
        report.warning(
            f"{counted(len(shared), 'feature lies', 'features lie')} in the cell of a source before: left out (sources {listed(shared)})."
        )
    flat = owner.ravel()
    cells = np.flatnonzero(flat >= 0)
    cells = cells[np.argsort(flat[cells], kind="stable")]
    first = np.searchsorted(flat[cells], np.arange(len(number) + 1))
    found = Sources(list(number), [cells[low:high] for low, high in zip(first[:-1], first[1:])])
    return found.take([row for row, own in enumerate(found.cells) if len(own)])


def _names(table: Any, field: str | None, held: list[int]) -> list[Any]:
    if field is None:
        return [int(table.fid[row]) for row in held]
    values = table.columns[field]
    there = present(table.columns, field)
    missing = [row for row in held if not there[row]]
    if missing:
        raise InputError(
            "ID_FIELD",
            f"'{field}' is empty in {counted(len(missing), 'feature')} (first: feature id {table.fid[missing[0]]}).",
            "Fill it in, or leave ID_FIELD empty.",
        )
    return [values[row].item() if isinstance(values[row], np.generic) else values[row] for row in held]


def _transformation(crs: str, grid: Grid, report: Report) -> Any:
    """Return what moves geometries to the raster's CRS, None where they are in it."""
    if not crs or not grid.crs:
        return None
    here, there = osr.SpatialReference(crs), osr.SpatialReference(grid.crs)
    if here.IsSame(there):
        return None
    for each in (here, there):
        each.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    move, why = quietly(osr.CoordinateTransformation, here, there)
    if move is None:
        raise InputError("SOURCES", f"They cannot be moved to the CRS of MOVEMENT. {why}".strip(), "Reproject them.")
    report.message(f"SOURCES are reprojected from {here.GetName()} to {there.GetName()}.")
    return move


def _burn(geometries: list[Any], numbers: list[int], grid: Grid) -> NDArray[np.int32]:
    """Return the number of the line or polygon in each cell, -1 where there is none."""
    raster = gdal.GetDriverByName("MEM").Create("", grid.columns, grid.rows, 1, gdal.GDT_Int32)
    raster.SetGeoTransform(grid.geotransform)
    raster.GetRasterBand(1).Fill(-1)
    store = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = store.CreateLayer("sources", None, ogr.wkbUnknown)
    layer.CreateField(ogr.FieldDefn("number", ogr.OFTInteger))
    for number, geometry in zip(numbers, geometries):
        if geometry.GetDimension() > 0:
            feature = ogr.Feature(layer.GetLayerDefn())
            feature.SetField(0, number)
            feature.SetGeometry(geometry)
            layer.CreateFeature(feature)
    quietly(gdal.RasterizeLayer, raster, [1], layer, options=["ATTRIBUTE=number"])
    data = raster.GetRasterBand(1).ReadRaster(0, 0, grid.columns, grid.rows, buf_type=gdal.GDT_Int32)
    return np.frombuffer(data, np.int32).reshape(grid.rows, grid.columns).copy()


def _put(geometry: Any, number: int, owner: NDArray[np.int32], grid: Grid) -> tuple[bool, bool]:
    """Give a feature its cells where burning gave it none; return whether it lies on the raster, and whether it has a cell."""
    if geometry.GetDimension() > 0:
        if _holds(geometry, number, owner, grid):
            return True, True
        inner, _ = quietly(geometry.PointOnSurface)
        points = [inner if inner is not None else geometry.Centroid()]
    else:
        parts = geometry.GetGeometryCount()
        points = [geometry.GetGeometryRef(part) for part in range(parts)] if parts else [geometry]
    inside = free = False
    for point in points:
        place = _cell(point.GetX(), point.GetY(), grid)
        if place is None:
            continue
        inside = True
        if owner[place] in (-1, number):
            owner[place] = number
            free = True
    return inside, free


def _holds(geometry: Any, number: int, owner: NDArray[np.int32], grid: Grid) -> bool:
    """Whether a line or polygon has a cell within its extent."""
    left, right, bottom, top = geometry.GetEnvelope()
    transform = grid.geotransform
    rows = sorted(math.floor((y - transform[3]) / transform[5]) for y in (bottom, top))
    columns = [math.floor((x - transform[0]) / transform[1]) for x in (left, right)]
    part = owner[max(0, rows[0]) : max(0, rows[1] + 1), max(0, columns[0]) : max(0, columns[1] + 1)]
    return bool((part == number).any())


def _cell(x: float, y: float, grid: Grid) -> tuple[int, int] | None:
    transform = grid.geotransform
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    row, column = math.floor((y - transform[3]) / transform[5]), math.floor((x - transform[0]) / transform[1])
    return (row, column) if 0 <= row < grid.rows and 0 <= column < grid.columns else None
