"""GeoPackages of several layers, written whole or not at all; light."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from .errors import OutputError
from .gdal_messages import quietly
from .network_columns import is_companion, present

_OGR_TYPES = {
    "bool": (ogr.OFTInteger, ogr.OFSTBoolean),
    "int8": (ogr.OFTInteger, ogr.OFSTInt16),
    "int16": (ogr.OFTInteger, ogr.OFSTInt16),
    "int32": (ogr.OFTInteger, ogr.OFSTNone),
    "int64": (ogr.OFTInteger64, ogr.OFSTNone),
    "float32": (ogr.OFTReal, ogr.OFSTFloat32),
    "float64": (ogr.OFTReal, ogr.OFSTNone),
    "object": (ogr.OFTString, ogr.OFSTNone),
}


@dataclass
class LayerToWrite:
    """A layer of a GeoPackage.

    Parameters
    ----------
    name : str
        Its name in the file.
    columns : dict of str to array
        One value per feature each.
    geometry : list of bytes or None
        WKB; None for a table without geometry.
    crs : str
        WKT, may be empty.
    fid : array of int, optional
        Feature ids to keep.
    """

    name: str
    columns: dict[str, NDArray[Any]]
    geometry: list[bytes | None] | None = None
    crs: str = ""
    fid: NDArray[np.int64] | None = None
    geometry_type: int | None = field(default=None)


def write_geopackage(path: str | Path, layers: list[LayerToWrite], metadata: dict[str, str], parameter: str) -> None:
    """Write layers to a new GeoPackage.

    Raises
    ------
    OutputError
        When it cannot be written whole.
    """
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
    dataset, why = quietly(gdal.GetDriverByName("GPKG").Create, str(path), 0, 0, 0, gdal.GDT_Unknown)
    failures = [] if dataset is not None else [why or "it cannot be created"]
    if dataset is not None:
        dataset.SetMetadata(metadata)
        for layer in layers:
            failures += _write_layer(dataset, layer)
        dataset = None
        failures = failures or _incomplete(path, layers)
    if failures:
        text = " ".join(dict.fromkeys(failures))
        raise OutputError(f"'{path}' could not be written whole. {text}", "Is the disk full?", parameter)


def _incomplete(path: str | Path, layers: list[LayerToWrite]) -> list[str]:
    """Return what a file that was closed lacks."""
    dataset, why = quietly(gdal.OpenEx, str(path), gdal.OF_VECTOR | gdal.OF_READONLY)
    if dataset is None:
        return [why or "it cannot be read"]
    found = {layer.name: dataset.GetLayerByName(layer.name) for layer in layers}
    return [
        f"layer {layer.name} is not whole"
        for layer in layers
        if found[layer.name] is None or found[layer.name].GetFeatureCount() != _rows(layer)
    ]


def _rows(layer: LayerToWrite) -> int:
    if layer.geometry is not None:
        return len(layer.geometry)
    return len(next(iter(layer.columns.values()), ()))


def _write_layer(dataset: Any, layer: LayerToWrite) -> list[str]:
    names = [name for name in layer.columns if not is_companion(layer.columns, name)]
    reference = osr.SpatialReference(layer.crs) if layer.crs else None
    taken = {name.lower() for name in names}
    key = "fid" if "fid" not in taken else "feature_id"
    kind = _common_type(layer)
    made, why = quietly(dataset.CreateLayer, layer.name, reference, kind, [f"FID={key}", "SPATIAL_INDEX=YES"])
    if made is None:
        return [why or f"layer {layer.name} cannot be created"]
    for name in names:
        one = ogr.FieldDefn(name, _OGR_TYPES[layer.columns[name].dtype.name][0])
        one.SetSubType(_OGR_TYPES[layer.columns[name].dtype.name][1])
        code, why = quietly(made.CreateField, one)
        if code != 0:
            return [why or f"field {name} cannot be created"]
    return _write_features(dataset, made, layer, names, kind)


def _write_features(dataset: Any, made: Any, layer: LayerToWrite, names: list[str], kind: int) -> list[str]:
    there = [present(layer.columns, name) for name in names]
    values = [layer.columns[name].tolist() for name in names]
    texts = [layer.columns[name].dtype.kind == "O" for name in names]
    count = _rows(layer)
    # The layer's real field numbers: a field may have been renamed or reordered by the driver.
    place = [made.GetLayerDefn().GetFieldIndex(name) for name in names]
    dataset.StartTransaction()
    for row in range(count):
        feature = ogr.Feature(made.GetLayerDefn())
        if layer.fid is not None:
            feature.SetFID(int(layer.fid[row]))
        for number, has, column_values, text in zip(place, there, values, texts):
            value = column_values[row]
            if not has[row] or (isinstance(value, float) and value != value):
                feature.SetFieldNull(number)
            elif text or isinstance(value, float):
                feature.SetField(number, value)
            else:
                feature.SetFieldInteger64(number, int(value))
        shape = layer.geometry[row] if layer.geometry is not None else None
        if shape is not None:
            feature.SetGeometryDirectly(_as_type(ogr.CreateGeometryFromWkb(shape), kind))
        code, why = quietly(made.CreateFeature, feature)
        if code != 0:
            return [why or f"feature {row} of {layer.name} cannot be written"]
    code, why = quietly(dataset.CommitTransaction)
    return [why or f"layer {layer.name} cannot be written"] if code != 0 else []


def _common_type(layer: LayerToWrite) -> int:
    if layer.geometry is None:
        return ogr.wkbNone
    kinds = {ogr.GT_Flatten(_wkb_type(shape)) for shape in layer.geometry if shape is not None}
    if not kinds and layer.geometry_type is not None:
        return layer.geometry_type
    if len(kinds) == 1:
        return kinds.pop()
    for single, several in ((ogr.wkbPolygon, ogr.wkbMultiPolygon), (ogr.wkbLineString, ogr.wkbMultiLineString)):
        if kinds and kinds <= {single, several}:
            return several
    return ogr.wkbUnknown


def _wkb_type(shape: bytes) -> int:
    order = "<" if shape[0] == 1 else ">"
    return int(np.frombuffer(shape[1:5], f"{order}u4")[0])


def _as_type(shape: Any, kind: int) -> Any:
    flat = ogr.GT_Flatten(shape.GetGeometryType())
    if kind == ogr.wkbMultiPolygon and flat == ogr.wkbPolygon:
        return ogr.ForceToMultiPolygon(shape)
    if kind == ogr.wkbMultiLineString and flat == ogr.wkbLineString:
        return ogr.ForceToMultiLineString(shape)
    return shape
