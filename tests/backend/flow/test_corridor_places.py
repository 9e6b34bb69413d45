"""Corridors and paths on longitudes and latitudes, and in an extent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from corridor_runs import COLUMNS, PLACES, ROWS, check, corridors, flat, layer, paths, points
from scipy.sparse.csgraph import dijkstra
from small_landscapes import ORIGIN

from backend.errors import InputError


def _sphere_graph(values: np.ndarray, north: float, step: float) -> np.ndarray:
    """Return the costs of all steps of a raster of longitudes and latitudes of WGS 84, written out cell by cell."""
    radius = (2 * 6_378_137.0 + 6_356_752.314245179) / 3
    rows, columns = values.shape
    height = radius * math.radians(step)
    width = [height * math.cos(math.radians(north - (i + 0.5) * step)) for i in range(rows)]
    graph = np.full((values.size, values.size), np.inf)
    for i in range(rows):
        for j in range(columns):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                k, m = i + down, j + right
                if k < rows and 0 <= m < columns:
                    length = math.hypot(abs(right) * (width[i] + width[k]) / 2, down * height)
                    cost = length * (values[i, j] + values[k, m]) / 2
                    graph[i * columns + j, k * columns + m] = graph[k * columns + m, i * columns + j] = cost
    return graph


def test_longitudes_and_latitudes_have_true_lengths(laboratory):
    """Costs against SciPy's on the same sphere; lengths along a meridian and a parallel in closed form."""
    values = np.random.default_rng(3).uniform(1, 5, (ROWS, COLUMNS))
    raster = {"cell": (0.5, 0.5), "origin": (10.0, 65.0), "crs": "EPSG:4326"}
    places = {n: (10.25 + 0.5 * c, 64.75 - 0.5 * r) for n, (r, c) in PLACES.items()}
    sources = layer(
        laboratory.folder, [(n, f"POINT({x} {y})") for n, (x, y) in places.items()], crs="EPSG:4326", name="degrees"
    )
    outcome, found = paths(laboratory, sources, laboratory.raster(values, **raster))
    costs = dijkstra(_sphere_graph(values, 65.0, 0.5), indices=flat(PLACES))
    pairs = [(one, other) for one in range(4) for other in range(one + 1, 4)]
    np.testing.assert_allclose(found["cost"], [costs[i, flat(PLACES)[j]] for i, j in pairs], 1e-12)
    assert any("metres, on the sphere" in text for text in outcome.heard.messages)
    assert (found["detour"] > 0.999).all()
    made = corridors(laboratory, sources, laboratory.raster(values, **raster), SLACK=0)
    edges = np.sin(np.radians(65 - 0.5 * np.arange(ROWS + 1)))
    radius = (2 * 6_378_137.0 + 6_356_752.314245179) / 3
    area = radius**2 * math.radians(0.5) * -np.diff(edges)
    inside = ~np.isnan(made.map("CORRIDORS"))
    assert made.numbers["CORRIDOR_AREA"] == pytest.approx(float(inside.sum(axis=1) @ area))
    upright, level = "POINT(10.25 64.75)", "POINT(10.25 60.75)"
    straight = layer(
        laboratory.folder, [(1, upright), (2, level), (3, "POINT(15.25 64.75)")], crs="EPSG:4326", name="straight"
    )
    _, found = paths(laboratory, straight, laboratory.raster(np.ones((ROWS, COLUMNS)), **raster), NEIGHBOURS="4")
    assert found["length"][0] == pytest.approx(radius * math.radians(4.0))
    assert found["length"][1] == pytest.approx(radius * math.radians(5.0) * math.cos(math.radians(64.75)), rel=1e-9)
    assert found["detour"][0] == pytest.approx(1)


def test_an_extent_is_a_clipped_raster(laboratory, resistance):
    x, y = ORIGIN
    box = [x + 20, x + 110, y - 90, y - 10]
    sources = points(laboratory.folder, {"b": (7, 9), "c": (8, 2), "d": (1, 8), "out": (0, 5)})
    whole = corridors(laboratory, sources, resistance, EXTENT=box)
    clipped = laboratory.raster(resistance[1:, 2:], origin=(x + 20, y - 10))
    alone = corridors(laboratory, sources, clipped)
    np.testing.assert_array_equal(whole.map("CORRIDORS"), alone.map("CORRIDORS"))
    assert whole.heard.warnings == ["1 feature lies outside EXTENT: left out (sources out)."]
    _, part = paths(laboratory, sources, resistance, EXTENT=box)
    _, other = paths(laboratory, sources, clipped)
    assert part["geometry"] == other["geometry"]
    with pytest.raises(InputError, match=r"^EXTENT: .* holds no cell of MOVEMENT"):
        check(laboratory, "leastcostpaths", sources, resistance, EXTENT=[0, 1, 0, 1])
    bad = resistance.copy()
    bad[2, 6] = 0
    with pytest.raises(InputError, match=r"first at row 3, column 7"):
        check(laboratory, "leastcostpaths", sources, bad, EXTENT=box)
