"""Sources on a small raster, and corridors and paths between them as the analyses make them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import ogr, osr
from scipy.sparse.csgraph import dijkstra
from small_landscapes import CELL, CRS, ORIGIN, Laboratory, Listener, Outcome, run_job

from backend import registry
from backend.grid import Neighbourhood
from backend.job import Job
from backend.vector_io import VectorLayer

ROWS, COLUMNS = 9, 11
PLACES = {"a": (0, 0), "b": (7, 9), "c": (8, 1), "d": (1, 8)}
ENDINGS = {"raster": ".tif", "vector": ".gpkg", "report": ".html"}


def centre(row: float, column: float) -> tuple[float, float]:
    return ORIGIN[0] + (column + 0.5) * CELL[0], ORIGIN[1] - (row + 0.5) * CELL[1]


def layer(folder: Path, features: list[tuple[Any, str]], crs: str = CRS, name: str = "sources") -> str:
    """Write features of (id, WKT)."""
    path = folder / f"{name}.gpkg"
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(crs)
    made = dataset.CreateLayer("sources", reference, ogr.wkbUnknown)
    kind = ogr.OFTString if isinstance(features[0][0], str) else ogr.OFTInteger
    made.CreateField(ogr.FieldDefn("site", kind))
    for site, wkt in features:
        feature = ogr.Feature(made.GetLayerDefn())
        if site is not None:
            feature.SetField(0, site)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        made.CreateFeature(feature)
    dataset = made = None
    return str(path)


def points(folder: Path, places: Mapping[Any, tuple[float, float]] = PLACES, **options: str) -> str:
    return layer(folder, [(n, "POINT({} {})".format(*centre(*place))) for n, place in places.items()], **options)


def job(laboratory: Laboratory, analysis: str, sources: str, values: np.ndarray | str, outputs=(), **given: Any) -> Job:
    settings = given.pop("settings", {})
    movement = values if isinstance(values, str) else laboratory.raster(values)
    parameters = {"SOURCES": sources, "ID_FIELD": "site", "MOVEMENT": movement, "MOVEMENT_KIND": "resistance", **given}
    kinds = {o.name: o.kind for o in registry.load("analyses", analysis).DECLARATION.outputs}
    paths = {name: str(laboratory.folder / f"{name.lower()}{ENDINGS[kinds[name]]}") for name in outputs}
    return Job.from_dict({"analysis": analysis, "parameters": parameters, "outputs": paths, **settings})


def corridors(
    laboratory: Laboratory, sources: str, values: np.ndarray, outputs=("CORRIDORS",), **given: Any
) -> Outcome:
    return run_job(job(laboratory, "leastcostcorridors", sources, values, outputs, **given))


def paths(laboratory: Laboratory, sources: str, values: np.ndarray, **given: Any) -> tuple[Outcome, dict[str, Any]]:
    outcome = run_job(job(laboratory, "leastcostpaths", sources, values, ("PATHS",), **given))
    table = VectorLayer(f"{outcome.paths['PATHS']}|layername=paths", "PATHS").read(geometry=True)
    return outcome, {**table.columns, "geometry": table.geometry}


def check(laboratory: Laboratory, *given: Any, **more: Any) -> Listener:
    heard, made = Listener(), job(laboratory, *given, **more)
    registry.load("analyses", made.analysis).check(made, heard)
    return heard


def flat(places: Mapping[Any, tuple[int, int]]) -> list[int]:
    return [row * COLUMNS + column for row, column in places.values()]


def expected_costs(resistance: np.ndarray, graph_of, cells: list[int], **rules: Any) -> np.ndarray:
    """Return costs (sources, cells)."""
    graph = graph_of(np.where(np.isnan(resistance), np.inf, resistance), Neighbourhood(*CELL, **rules))
    return dijkstra(graph, indices=cells)
