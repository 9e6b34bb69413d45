"""Small plans: the settings that their tests share, how they are run, and parcels on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from osgeo import ogr, osr
from small_landscapes import CRS, ORIGIN, Laboratory, Outcome

OUTPUTS = ("SELECTION", "RANK", "CURVE", "REPORT")
SETTINGS: dict[str, Any] = {"BUDGET": 3, "AMOUNT": 0.5, "ROUNDS": 3, "RANDOM_DRAWS": 2}
TINY = [(0, 1), (1, 4), (2, 1), (3, 1), (4, 2), (5, 2), (5, 5), (6, 4)]


def run(laboratory: Laboratory, quality: np.ndarray, movement: np.ndarray, **parameters: Any) -> Outcome:
    given = {"outputs": OUTPUTS, **SETTINGS, **parameters}
    return laboratory.run("prioritisation", quality, movement, **given)


def only(cells: list[tuple[int, int]]) -> np.ndarray:
    mask = np.zeros((9, 11))
    for cell in cells:
        mask[cell] = 1
    return mask


def raised(values: np.ndarray, cells: Any, amount: float = 0.5) -> np.ndarray:
    changed = values.copy()
    for cell in cells:
        changed[cell] = (0.0 if np.isnan(changed[cell]) else changed[cell]) + amount
    return changed


def chosen(outcome: Outcome) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(outcome.map("SELECTION") == 1)}


def polygons(path: Path, boxes: list[tuple[int, int, int, int]], cost: list[float | None] | None = None) -> str:
    """Write boxes of cells: first row, first column, one past the last row and column."""
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(CRS)
    layer = dataset.CreateLayer("parcels", reference, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("price", ogr.OFTReal))
    for number, (top, left, bottom, right) in enumerate(boxes):
        x, y = ORIGIN[0] + 10 * left, ORIGIN[1] - 10 * top
        u, v = ORIGIN[0] + 10 * right, ORIGIN[1] - 10 * bottom
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON(({x} {y},{u} {y},{u} {v},{x} {v},{x} {y}))"))
        if cost is not None and cost[number] is not None:
            feature.SetField("price", cost[number])
        layer.CreateFeature(feature)
    return str(path)
