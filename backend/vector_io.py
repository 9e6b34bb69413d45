"""Vector layers in through OGR; out, as GeoPackages, through `geopackage`.

Light: used by the toolbox for its checks as well as by the worker. A source is written as QGIS writes it:
``/path/file.gpkg|layername=nodes``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

from .errors import InputError
from .gdal_messages import quietly
from .geopackage import LayerToWrite, write_geopackage
from .network_columns import column

__all__ = ["LayerToWrite", "VectorLayer", "VectorTable", "is_geographic_crs", "split_source", "write_geopackage"]

_NUMERIC = ("f", "i", "b")
_KINDS = {
    ogr.OFTInteger: np.dtype(np.int32),
    ogr.OFTInteger64: np.dtype(np.int64),
    ogr.OFTReal: np.dtype(np.float64),
}
_SUBTYPES = {
    ogr.OFSTBoolean: np.dtype(bool),
    ogr.OFSTInt16: np.dtype(np.int16),
    ogr.OFSTFloat32: np.dtype(np.float32),
}


def split_source(source: str) -> tuple[str, str]:
    """Return the file and the layer's name (empty: the first) of ``path|layername=name``."""
    path, *options = str(source).split("|")
    name = next((option.partition("=")[2] for option in options if option.startswith("layername=")), "")
    return path, name


@dataclass
class VectorTable:
    """What a layer holds.

    Parameters
    ----------
    fid : array of int
        Feature ids.
    columns : dict of str to array
        Fields; absent values as in `network_columns`.
    geometry : list of bytes or None
        WKB of each feature, None where it has none; None when not read or when the layer has no geometry.
    """

    fid: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    geometry: list[bytes | None] | None = None


class VectorLayer:
    """A layer, opened for reading.

    Parameters
    ----------
    source : str
        ``path`` or ``path|layername=name``.
    parameter : str
        Name of the parameter that gave it, for messages.

    Raises
    ------
    InputError
        When it cannot be opened or has no such layer.
    """

    def __init__(self, source: str, parameter: str) -> None:
        self.parameter = parameter
        self.source = str(source)
        path, name = split_source(source)
        options = ["AUTODETECT_TYPE=YES"] if path.lower().endswith(".csv") else []
        self._dataset, why = quietly(gdal.OpenEx, path, gdal.OF_VECTOR | gdal.OF_READONLY, open_options=options)
        if self._dataset is None:
            raise InputError(
                parameter, f"'{path}' cannot be opened as a vector layer. {why}".strip(), "Check the path."
            )
        known = [self._dataset.GetLayer(number).GetName() for number in range(self._dataset.GetLayerCount())]
        if not known or (name and name not in known):
            raise InputError(
                parameter,
                f"'{path}' has no layer '{name}'." if name else f"'{path}' holds no vector layer.",
                f"It has: {', '.join(known)}." if known else "Choose another file.",
            )
        self._layer = self._dataset.GetLayerByName(name) if name else self._dataset.GetLayer(0)
        self.name = self._layer.GetName()
        self.geometry_type = self._layer.GetGeomType()
        reference = self._layer.GetSpatialRef()
        self.crs = reference.ExportToWkt() if reference else ""
        self.fields = self._kinds()

    def _kinds(self) -> dict[str, np.dtype[Any]]:
        definition = self._layer.GetLayerDefn()
        kinds = {}
        for number in range(definition.GetFieldCount()):
            one = definition.GetFieldDefn(number)
            kind = _KINDS.get(one.GetType(), np.dtype(object))
            if kind.kind != "O":
                kind = _SUBTYPES.get(one.GetSubType(), kind)
            kinds[one.GetName()] = kind
        return kinds

    def __len__(self) -> int:
        return int(self._layer.GetFeatureCount())

    @property
    def family(self) -> str:
        """``"point"``, ``"line"``, ``"polygon"``, ``"none"`` or ``"any"``."""
        flat = ogr.GT_Flatten(self.geometry_type)
        families = {
            "point": (ogr.wkbPoint, ogr.wkbMultiPoint),
            "line": (ogr.wkbLineString, ogr.wkbMultiLineString, ogr.wkbCompoundCurve, ogr.wkbMultiCurve),
            "polygon": (ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbCurvePolygon, ogr.wkbMultiSurface),
            "none": (ogr.wkbNone,),
        }
        return next((name for name, kinds in families.items() if flat in kinds), "any")

    def field(self, name: str, parameter: str, *, numeric: bool = False) -> str:
        """Return the layer's own spelling of a field's name.

        Raises
        ------
        InputError
            When there is no such field, or it holds text where a number is needed.
        """
        found = name if name in self.fields else None
        if found is None:
            found = next((known for known in self.fields if known.lower() == name.lower()), None)
        if found is None:
            raise InputError(
                parameter,
                f"{self.parameter} has no field '{name}'.",
                f"It has: {', '.join(self.fields) or 'no fields at all'}.",
            )
        if numeric and self.fields[found].kind not in _NUMERIC:
            raise InputError(parameter, f"The field '{found}' holds text.", "Choose a field of numbers.")
        return found

    def read(self, names: Iterable[str] | None = None, *, geometry: bool = False) -> VectorTable:
        """Return feature ids, some or all fields, and the geometry if asked for.

        Raises
        ------
        InputError
            When the file breaks off.
        """
        wanted = list(self.fields if names is None else names)
        place = [self._layer.GetLayerDefn().GetFieldIndex(name) for name in wanted]
        getters = [_getter(self.fields[name]) for name in wanted]
        values: list[list[Any]] = [[] for _ in wanted]
        fid: list[int] = []
        shapes: list[bytes | None] = []
        self._layer.ResetReading()
        feature, why = quietly(self._layer.GetNextFeature)
        while feature is not None:
            fid.append(feature.GetFID())
            for number, getter, kept in zip(place, getters, values):
                kept.append(getter(feature, number) if feature.IsFieldSetAndNotNull(number) else None)
            if geometry:
                shape = feature.GetGeometryRef()
                shapes.append(None if shape is None or shape.IsEmpty() else bytes(shape.ExportToWkb()))
            feature = self._layer.GetNextFeature()
        if why and not fid:
            raise InputError(self.parameter, f"'{self.source}' cannot be read: {why}", "The file may be damaged.")
        columns: dict[str, NDArray[Any]] = {}
        for name, kept in zip(wanted, values):
            columns.update(column(name, kept, self.fields[name]))
        has_geometry = geometry and self.family != "none"
        return VectorTable(np.array(fid, np.int64), columns, shapes if has_geometry else None)

    def metadata(self) -> dict[str, str]:
        """Return the metadata of the file."""
        return dict(self._dataset.GetMetadata() or {})


def _getter(kind: np.dtype[Any]) -> Any:
    if kind.kind in "ib":
        return ogr.Feature.GetFieldAsInteger64
    return ogr.Feature.GetFieldAsDouble if kind.kind == "f" else ogr.Feature.GetFieldAsString


def is_geographic_crs(crs: str) -> bool:
    """Whether coordinates in a CRS are longitudes and latitudes."""
    return bool(crs) and bool(osr.SpatialReference(crs).IsGeographic())
