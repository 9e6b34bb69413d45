"""Rasters of longitudes and latitudes: true lengths, areas, the wrap around the globe, and what is refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from small_landscapes import Laboratory, Listener

from backend.analyses import connectivity
from backend.errors import InputError

RADIUS = (2 * 6378137.0 + 6356752.314245179) / 3
ROWS, COLUMNS, STEP = 5, 12, 30.0
TOP = 60.0
SETTINGS = {"DISPERSAL_DISTANCE": 1.5e6, "CUTOFF": 0.01, "SELF": False}


@pytest.fixture
def laboratory(tmp_path):
    return Laboratory(tmp_path)


def world(rows: int = ROWS, holes: bool = True) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    quality, permeability = random.uniform(0.1, 1, (rows, COLUMNS)), random.uniform(0.3, 1, (rows, COLUMNS))
    if holes:
        permeability[1, 3:9] = 0
        permeability[3, 0] = np.nan
    return quality, permeability


def raster(laboratory, values, step=(STEP, 20.0), top=TOP, left=-180.0) -> str:
    return laboratory.raster(values, cell=step, origin=(left, top), crs="EPSG:4326")


def graph(permeability, step, top, wrap) -> csr_matrix:
    """Write the graph out, cell by cell, with SciPy's matrix at the end; corners closed."""
    rows, columns = permeability.shape
    node = np.nan_to_num(permeability) > 0
    width = [RADIUS * math.radians(step[0]) * math.cos(math.radians(top - (i + 0.5) * step[1])) for i in range(rows)]
    height = RADIUS * math.radians(step[1])
    ends: list[tuple[int, int, float]] = []
    for i in range(rows):
        for j in range(columns):
            for down, right in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
                k, m = i + down, j + right
                if wrap:
                    m %= columns
                if not (0 <= k < rows and 0 <= m < columns and node[i, j] and node[k, m]):
                    continue
                if down and right and not node[i, m] and not node[k, j]:
                    continue
                length = math.hypot(height * abs(down), (width[i] + width[k]) / 2 * abs(right))
                mean = (1 / permeability[i, j] + 1 / permeability[k, m]) / 2
                ends.append((i * columns + j, k * columns + m, length * mean))
    starts, stops, costs = zip(*ends, strict=True)
    return csr_matrix((costs, (starts, stops)), shape=(rows * columns,) * 2)


def functional(quality, permeability, distances, reach, scale) -> np.ndarray:
    node = (np.nan_to_num(permeability) > 0).ravel()
    q = np.where(node, quality.ravel(), 0)
    near = (distances <= reach) & ~np.eye(len(q), dtype=bool) & node[:, None] & node
    h = q * (np.where(near, np.exp(-np.where(near, distances, 0) / scale), 0) @ q)
    return np.where(node, h, np.nan).reshape(quality.shape)


@pytest.mark.parametrize("wrap", [False, True])
def test_least_cost_has_true_lengths_and_closes_around_the_globe(laboratory, wrap):
    """Windows here are wider than the globe, so that each cell has several places in them."""
    quality, permeability = world()
    outcome = laboratory.run(
        "connectivity",
        raster(laboratory, quality),
        raster(laboratory, permeability),
        WRAP="automatic" if wrap else "never",
        outputs=("FUNCTIONAL_HABITAT",),
        **SETTINGS,
    )
    distances = dijkstra(graph(permeability, (STEP, 20.0), TOP, wrap))
    wanted = functional(quality, permeability, distances, 1.5e6 * math.log(100), 1.5e6)
    np.testing.assert_allclose(outcome.map("FUNCTIONAL_HABITAT"), wanted, rtol=1e-6)
    assert outcome.numbers["C"] == pytest.approx(np.nansum(wanted), rel=1e-12)


@pytest.mark.parametrize("distance", ["least_cost", "euclidean", "resistance"])
def test_rolling_the_columns_rolls_the_result(laboratory, distance):
    quality, permeability = world()
    settings = {**SETTINGS, "DISPERSAL_DISTANCE": 2e6, "DISTANCE": distance, "RADIUS": 2}
    found = []
    for roll in (0, 5) if distance == "resistance" else (0, 1, 5, 11):
        rolled = [raster(laboratory, np.roll(values, roll, axis=1)) for values in (quality, permeability)]
        one = laboratory.run("connectivity", *rolled, outputs=("FUNCTIONAL_HABITAT",), **settings)
        found.append([np.roll(one.bands("FUNCTIONAL_HABITAT"), -roll, axis=2)])
        if distance != "resistance":  # whose gradient takes long to compile
            to = {"WITH_RESPECT_TO": ["movement", "quality"]}
            other = laboratory.run("sensitivity", *rolled, outputs=("SENSITIVITY",), **to, **settings)
            found[-1].append(np.roll(other.bands("SENSITIVITY"), -roll, axis=2))
            assert one.numbers["C"] == pytest.approx(other.numbers["C"], rel=1e-12)
    for first, *others in zip(*found, strict=True):
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-5, atol=1e-9 * np.nanmax(abs(first)))


def test_a_path_leads_across_the_180th_meridian_but_not_across_a_pole(laboratory):
    quality, permeability = np.zeros((3, 36)), np.zeros((3, 36))
    # Three cells on either side of the meridian, and one on the other side of the pole.
    permeability[0, [0, 1, 34, 35, 17]] = 1
    quality[0, [0, 35, 17]] = 1
    rasters = [raster(laboratory, values, (10.0, 10.0), 80.0) for values in (quality, permeability)]
    settings = {"DISPERSAL_DISTANCE": 1e6, "DISPERSAL_MEANING": "scale", "CUTOFF": 1e-6}
    step = RADIUS * math.radians(10) * math.cos(math.radians(75))
    assert laboratory.run("connectivity", *rasters, **settings).numbers["C"] == pytest.approx(
        2 * math.exp(-step / 1e6), rel=1e-12
    )
    assert laboratory.run("connectivity", *rasters, WRAP="never", **settings).numbers["C"] == 0


def test_euclidean_is_the_great_circle_and_areas_are_those_of_a_sphere(laboratory):
    quality, permeability = np.zeros((18, 36)), np.ones((18, 36))
    quality[3, 2] = quality[10, 30] = 1
    rasters = [raster(laboratory, values, (10.0, 9.0), 81.0) for values in (quality, permeability)]
    outcome = laboratory.run("connectivity", *rasters, DISTANCE="euclidean", DISPERSAL_DISTANCE=1e7, CUTOFF=0.1)
    points = []
    for row, column in ((3, 2), (10, 30)):
        latitude, longitude = math.radians(81 - 9 * (row + 0.5)), math.radians(-180 + 10 * (column + 0.5))
        points.append(
            np.array(
                [math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)]
            )
        )
    apart = RADIUS * math.acos(points[0] @ points[1])
    assert outcome.numbers["MEAN_DISTANCE"] == pytest.approx(apart, rel=1e-9)
    assert outcome.numbers["C"] == pytest.approx(2 * math.exp(-apart / 1e7), rel=1e-9)
    area = sum(
        RADIUS**2 * math.radians(10) * (math.sin(math.radians(81 - 9 * row)) - math.sin(math.radians(72 - 9 * row)))
        for row in (3, 10)
    )
    assert outcome.numbers["HABITAT_AREA"] == pytest.approx(area, rel=1e-12)


def test_a_great_circle_leads_over_the_pole(laboratory):
    """Which is shorter than along the parallels, so that the window must be wider than these say."""
    quality, permeability = np.zeros((3, 36)), np.ones((3, 36))
    quality[0, [0, 18]] = 1
    rasters = [raster(laboratory, values, (10.0, 2.0), 85.0) for values in (quality, permeability)]
    apart = RADIUS * math.radians(12)
    settings = {"DISTANCE": "euclidean", "PROXIMITY": "threshold", "DISPERSAL_DISTANCE": apart * 1.001}
    for wrap in ("automatic", "never"):
        assert laboratory.run("connectivity", *rasters, WRAP=wrap, **settings).numbers["C"] == 2.0


@pytest.mark.parametrize(
    ("settings", "step", "top", "message"),
    [
        ({}, (30.0, 20.0), 90.0, r"EXTENT: The raster reaches to a latitude of 90 degrees.*-85 to 85"),
        (
            {"DISPERSAL_DISTANCE": 2.0},
            (30.0, 20.0),
            60.0,
            "2 metres is less than half a cell.*in metres, not in degrees",
        ),
        (
            {"DISTANCE": "resistance", "RADIUS": 6},
            (30.0, 20.0),
            60.0,
            "RADIUS: .*Set RADIUS to 5 or less, or WRAP to never",
        ),
        ({"DISTANCE": "resistance", "RADIUS": 1, "BLOCK": 5}, (30.0, 20.0), 60.0, "BLOCK: .*do not fit"),
    ],
)
def test_bad_input(laboratory, settings, step, top, message):
    quality, permeability = world()
    rasters = [raster(laboratory, values, step, top) for values in (quality, permeability)]
    with pytest.raises(InputError, match=message):
        laboratory.check("connectivity", *rasters, **{**SETTINGS, **settings})


@pytest.mark.parametrize(
    ("left", "columns", "settings", "closes", "says"),
    [
        (-180.0, COLUMNS, {}, True, r"span 360 degrees: the last one is taken to lie beside the first \(WRAP\)"),
        (0.0, COLUMNS, {}, True, r"span 360 degrees: the last one"),
        (-180.0, COLUMNS, {"WRAP": "never"}, False, r"span 360 degrees, but nothing leads from the last one"),
        (-180.0, COLUMNS - 1, {}, False, ""),
        (-180.0, COLUMNS, {"EXTENT": [-150.0, 150.0, -40.0, 60.0]}, False, ""),
        (-180.0, COLUMNS + 1, {}, False, r"span more than 360 degrees: places appear twice.*Set EXTENT to 12 columns"),
        (None, COLUMNS, {}, False, ""),
    ],
)
def test_a_raster_closes_by_itself_where_it_spans_the_globe(laboratory, left, columns, settings, closes, says):
    values = np.ones((ROWS, columns))
    rasters = [values, values]
    if left is not None:
        rasters = [raster(laboratory, values, left=left)] * 2
    reach = {"DISPERSAL_DISTANCE": 20.0} if left is None else {}
    heard = Listener()
    plan = connectivity.check(laboratory.job("connectivity", *rasters, **{**SETTINGS, **reach, **settings}), heard)
    assert plan.headers.wraps == closes
    assert plan.windows.around == (columns if closes else 0)
    said = " ".join((*heard.messages, *heard.warnings))
    assert (re.search(says, said) is not None) if says else ("360" not in said)
