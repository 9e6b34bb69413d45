"""Habitat patches as polygons: read, checked, repaired, split.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import ogr

from .errors import InputError
from .gdal_messages import quietly
from .job import Report
from .network_columns import present
from .vector_io import VectorLayer
from .wording import counted

_OVERLAP_SHARE = 1e-9


@dataclass
class Patches:
    """Polygons of habitat.

    Parameters
    ----------
    shapes : list of bytes
        WKB of each patch.
    area : array, shape (patches,)
        Square map units.
    columns : dict of str to array
        Attributes that patches came with.
    crs : str
        WKT.
    """

    shapes: list[bytes]
    area: NDArray[np.float64]
    columns: dict[str, NDArray[Any]]
    crs: str

    def __len__(self) -> int:
        return len(self.shapes)

    def take(self, rows: NDArray[np.int64]) -> Patches:
        """Return some of the patches."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Patches([self.shapes[row] for row in rows], self.area[rows], columns, self.crs)

    def boxes(self) -> NDArray[np.float64]:
        """Return xmin, xmax, ymin, ymax of each patch."""
        found = [ogr.CreateGeometryFromWkb(shape).GetEnvelope() for shape in self.shapes]
        return np.array(found, float).reshape(-1, 4)


def read_patches(layer: VectorLayer, report: Report, *, repair: bool, split: bool) -> Patches:
    """Read polygons and say what cannot be worked with.

    Parameters
    ----------
    layer : VectorLayer
        Of polygons.
    repair : bool
        Whether invalid polygons are made valid and overlapping ones merged; else they are errors.
    split : bool
        Whether each part of a multipart polygon is a patch of its own.

    Raises
    ------
    InputError
        No polygons, empty, invalid or overlapping ones; with count and place.
    """
    table = layer.read(geometry=True)
    name = layer.parameter
    report.raise_if_cancelled()
    if len(table.fid) == 0 or table.geometry is None:
        raise InputError(
            name, "The layer has no polygons.", "Check its filter, or whether only selected ones are used."
        )
    shapes: list[Any] = []
    rows: list[int] = []
    empty, broken, parts = [], [], 0
    for row, shape in enumerate(table.geometry):
        geometry = ogr.CreateGeometryFromWkb(shape) if shape is not None else None
        if geometry is None or geometry.GetDimension() != 2:
            empty.append(row)
            continue
        geometry = ogr.ForceToPolygon(geometry) if geometry.GetGeometryCount() == 1 else geometry
        geometry.FlattenTo2D()
        valid, _ = quietly(geometry.IsValid)
        if not valid:
            broken.append(row)
            geometry = _mended(geometry)
            if geometry is None:
                broken.pop()
                empty.append(row)
                continue
        if geometry.Area() == 0:
            empty.append(row)
            continue
        pieces = list(_parts(geometry))
        parts += len(pieces) > 1
        shapes += pieces if split else [geometry]
        rows += [row] * (len(pieces) if split else 1)
    if broken and not repair:
        raise InputError(
            name,
            f"Invalid polygons, such as self-intersecting: {len(broken)} (first: feature id {table.fid[broken[0]]}).",
            "Set REPAIR to repair, or use 'Fix geometries'.",
        )
    if empty:
        report.warning(
            f"Features without an area: {len(empty)} (first: feature id {table.fid[empty[0]]}). They are left out."
        )
    if broken:
        report.warning(f"Invalid polygons that were repaired: {len(broken)}.")
    if not shapes:
        raise InputError(name, "No feature has an area.", "Give polygons.")
    if parts and not split:
        report.message(f"Polygons of several parts that count as one patch each: {parts}; see MULTIPART.")
    kept = np.array(rows)
    columns = {"source_id": table.fid[kept], **{field: values[kept] for field, values in table.columns.items()}}
    found = _patches(shapes, columns, layer.crs)
    return _without_overlaps(found, table.fid[kept], name, report, repair=repair)


def _patches(shapes: list[Any], columns: dict[str, NDArray[Any]], crs: str) -> Patches:
    area = np.array([shape.Area() for shape in shapes])
    return Patches([bytes(shape.ExportToWkb()) for shape in shapes], area, columns, crs)


def _mended(geometry: Any) -> Any:
    made, _ = quietly(geometry.MakeValid)
    if made is None:
        made, _ = quietly(geometry.Buffer, 0.0)
    if made is None or made.IsEmpty():
        return None
    polygons = list(_parts(made))
    if not polygons:
        return None
    whole = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygon in polygons:
        whole.AddGeometry(polygon)
    return polygons[0] if len(polygons) == 1 else whole


def _parts(geometry: Any) -> Iterator[Any]:
    """Give the polygons of a geometry."""
    if ogr.GT_Flatten(geometry.GetGeometryType()) == ogr.wkbPolygon:
        yield geometry.Clone()
        return
    for number in range(geometry.GetGeometryCount()):
        if geometry.GetGeometryRef(number).GetDimension() == 2:
            yield from _parts(geometry.GetGeometryRef(number))


def near_pairs(boxes: NDArray[np.float64], distance: float) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Give each box with those after it whose boxes are no farther than `distance`."""
    for row in range(len(boxes) - 1):
        low_x, high_x, low_y, high_y = boxes[row]
        rest = boxes[row + 1 :]
        dx = np.maximum(0, np.maximum(rest[:, 0] - high_x, low_x - rest[:, 1]))
        dy = np.maximum(0, np.maximum(rest[:, 2] - high_y, low_y - rest[:, 3]))
        yield row, row + 1 + np.flatnonzero(np.hypot(dx, dy) <= distance)


def _without_overlaps(found: Patches, fid: NDArray[np.int64], name: str, report: Report, *, repair: bool) -> Patches:
    """Return the patches with overlapping ones merged, or say which overlap."""
    shapes = [ogr.CreateGeometryFromWkb(shape) for shape in found.shapes]
    group = np.arange(len(shapes))
    pairs = []
    for row, others in near_pairs(found.boxes(), 0.0):
        report.raise_if_cancelled()
        for other in others.tolist():
            if not shapes[row].Intersects(shapes[other]):
                continue
            common, _ = quietly(shapes[row].Intersection, shapes[other])
            if (
                common is not None
                and common.GetDimension() == 2
                and common.Area() > _OVERLAP_SHARE * min(found.area[row], found.area[other])
            ):
                pairs.append((row, other))
                group[group == group[other]] = group[row]
    if not pairs:
        return found
    if not repair:
        row, other = pairs[0]
        raise InputError(
            name,
            f"Pairs of polygons that overlap: {len(pairs)} (first: feature ids {fid[row]} and {fid[other]}).",
            "Set REPAIR to repair, which merges them, or dissolve them first.",
        )
    report.warning(
        f"Pairs of polygons that overlap: {len(pairs)}. Each group became one patch, with the first's attributes."
    )
    first = np.unique(group, return_index=True)[1]
    first.sort()
    merged = []
    for row in first.tolist():
        whole = shapes[row]
        for other in np.flatnonzero(group == group[row]).tolist():
            if other != row:
                whole = whole.Union(shapes[other])
        merged.append(whole)
    return _patches(merged, {field: values[first] for field, values in found.columns.items()}, found.crs)


def field_capacity(patches: Patches, name: str) -> NDArray[np.float64]:
    """Return the capacity that a field holds.

    Raises
    ------
    InputError
        When it is missing or negative somewhere.
    """
    values = patches.columns[name].astype(float)
    wrong = ~present(patches.columns, name) | ~np.isfinite(values)
    if wrong.any():
        first = patches.columns["source_id"][wrong][0]
        raise InputError(
            "CAPACITY_FIELD",
            f"'{name}' is empty in {counted(int(wrong.sum()), 'patch')} (first: feature id {first}).",
            "Fill it in.",
        )
    if (values < 0).any():
        first = patches.columns["source_id"][values < 0][0]
        raise InputError(
            "CAPACITY_FIELD",
            f"'{name}' is negative in {counted(int((values < 0).sum()), 'patch')} (first: feature id {first}), down to "
            f"{values.min():g}; capacity must be >= 0.",
            "Correct it.",
        )
    return values


def spacing(patches: Patches) -> float:
    """Return the side of the square that each patch has for itself, map units."""
    boxes = patches.boxes()
    width, height = boxes[:, 1].max() - boxes[:, 0].min(), boxes[:, 3].max() - boxes[:, 2].min()
    return math.sqrt(max(width * height, 1e-300) / len(patches))
