"""Zones of latitude: as narrow as their rows allow, few shapes, and results that are those of the whole raster."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from small_landscapes import Laboratory

from backend import latitude_zones, window_plan
from backend.geographic import columns_of_rows
from backend.journal import Journal
from backend.latitude_zones import MOST_SHAPES, zones_of
from backend.neighbourhood import Sphere
from backend.window_shape import WindowShape

RADIUS = 6371008.7714


def sphere(rows: int, top: float, step: tuple[float, float]) -> Sphere:
    down, across = (math.radians(each) for each in step)
    return Sphere(RADIUS, across, math.radians(top) - down / 2, -down)


def open_ground(sphere: Sphere, rows: int, columns: int) -> csr_matrix:
    """Write the graph of cells of resistance 1 out, without an end to the east or west."""
    width = RADIUS * sphere.longitude_step * np.cos(sphere.latitudes(np.array(0), rows))
    height = RADIUS * abs(sphere.latitude_step)
    ends = []
    for i, j, down, right in itertools.product(range(rows), range(columns), (-1, 0, 1), (-1, 0, 1)):
        k, m = i + down, j + right
        if (down or right) and 0 <= k < rows and 0 <= m < columns:
            length = math.hypot(height * abs(down), (width[i] + width[k]) / 2 * abs(right))
            ends.append((i * columns + j, k * columns + m, length))
    starts, stops, lengths = zip(*ends, strict=True)
    return csr_matrix((lengths, (starts, stops)), shape=(rows * columns,) * 2)


@pytest.mark.parametrize(("rows", "top", "reach"), [(30, 84.0, 9e5), (24, 12.0, 5e5), (6, 84.0, 9e5), (9, -70.0, 4e5)])
def test_no_way_leaves_the_columns_of_its_row(rows, top, reach):
    globe = sphere(rows, top, (1.0, 1.0))
    halo_rows = min(rows - 1, math.floor(reach / (RADIUS * math.radians(1))))
    bound = np.floor(columns_of_rows(globe, rows, reach * (1 + 1e-9), halo_rows, straight=False))
    columns = int(bound.max()) + 3
    distances = dijkstra(open_ground(globe, rows, columns), indices=np.arange(rows) * columns)
    furthest = np.array([(np.flatnonzero(each <= reach) % columns).max() for each in distances])
    assert (furthest <= bound).all()
    # No wider than what the narrowest row demands, and not much wider than what is reached.
    narrowest = RADIUS * globe.longitude_step * np.cos(globe.latitudes(np.array(0), rows)).min()
    assert bound.max() <= reach / narrowest
    assert (bound - furthest <= 0.2 * bound + 1).all()


@pytest.mark.parametrize(("top", "reach"), [(85.0, 4e5), (85.0, 1.5e6), (20.0, 3e6), (-60.0, 2e6), (80.0, 2.5e7)])
def test_no_great_circle_leaves_the_columns_of_its_row(top, reach):
    rows, columns = 20, 360
    globe = sphere(rows, top, (1.0, 1.0))
    halo_rows = min(rows - 1, math.floor(reach / (RADIUS * math.radians(1))))
    bound = np.minimum(columns_of_rows(globe, rows, reach, halo_rows, straight=True), columns // 2)
    latitude = globe.latitudes(np.array(0), rows)
    apart = np.radians(np.arange(columns // 2 + 1))
    for i in range(rows):
        cosine = np.sin(latitude[i]) * np.sin(latitude[:, None]) + np.cos(latitude[i]) * np.cos(
            latitude[:, None]
        ) * np.cos(apart)
        near = RADIUS * np.arccos(np.clip(cosine, -1, 1)) <= reach * (1 - 1e-9)
        furthest = np.flatnonzero(near.any(axis=0)).max()
        assert furthest == pytest.approx(math.floor(bound[i]), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 5))
def test_zones_hold_the_fewest_cells(reached, block):
    columns_of = np.array(reached)
    window = WindowShape(block, 2, 7, int(columns_of.max()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latitude_zones, "WORTHWHILE_PAIRS", 0.0)
        zones = zones_of(window, columns_of, 50, 8, largest_batch=64)
        patch.setattr(latitude_zones, "_WORTHWHILE_SHARE", 0.0)
        finest = zones_of(window, columns_of, 50, 8, largest_batch=64)
    for found in (zones, finest):
        for before, after in itertools.pairwise(found):
            assert before.last == after.first
            assert before.window != after.window
        assert len({zone.window for zone in found}) <= MOST_SHAPES
        for zone in found:
            assert zone.first % block == 0
            assert columns_of[zone.first : zone.last].max() <= zone.window.halo_columns
            assert zone.batch * zone.window.width <= max(8 * window.width, zone.window.width)
    if finest:
        assert (finest[0].first, finest[-1].last) == (0, len(columns_of))
    of_blocks = np.maximum.reduceat(columns_of, range(0, len(columns_of), block))
    values = sorted({int(each) for each in of_blocks})
    best = min(
        sum(2 + 2 * min(edge for edge in (*edges, values[-1]) if edge >= halo) for halo in of_blocks)
        for edges in itertools.combinations(values[:-1], min(MOST_SHAPES, len(values)) - 1)
    )
    mine = sum(
        math.ceil((zone.last - zone.first) / block) * zone.window.width for zone in finest
    ) or window.width * len(of_blocks)
    assert mine == best


def test_a_globe_has_few_zones_and_a_small_raster_one():
    rows, columns = 640, 1440
    globe = sphere(rows, 80.0, (0.25, 0.25))
    reached = np.floor(columns_of_rows(globe, rows, 3e5, 10, straight=False)).astype(int)
    plan = window_plan.WindowPlan(rows, columns, WindowShape(4, 4, 10, int(reached.max())), 8, 0, 100.0)
    zoned = window_plan.in_zones(plan, reached)
    assert 2 <= len({zone.window for zone in zoned.zones}) <= MOST_SHAPES
    cells = sum((zone.last - zone.first) * zone.window.width for zone in zoned.zones)
    assert cells < 0.55 * rows * plan.window.width
    assert zoned.seconds == pytest.approx(100 * cells / (rows * plan.window.width))
    assert "wider towards the poles" in str(zoned)
    small = window_plan.in_zones(window_plan.WindowPlan(20, 30, plan.window, 8, 0, 1.0), reached[:20])
    assert (small.zones, small.seconds) == ((), 1.0)


def test_an_interrupted_run_keeps_its_zones(tmp_path, monkeypatch):
    monkeypatch.setattr(latitude_zones, "WORTHWHILE_PAIRS", 0.0)
    rows, columns = 160, 360
    reached = np.linspace(3, 40, rows).astype(int)
    plan = window_plan.WindowPlan(rows, columns, WindowShape(4, 4, 10, 40), 8, 10**6, 100.0)
    zoned = window_plan.in_zones(plan, reached)
    assert zoned.zones
    journal = Journal({"job": 1}, tmp_path)
    assert window_plan.settled(zoned, journal, 10**9) == zoned
    journal.enter("done", 1)
    journal.close(keep=True)
    # With other settings of what is worth while, or another limit of memory, the plan would be another one.
    assert window_plan.settled(plan, Journal({"job": 1}, tmp_path), 10**9).zones == zoned.zones


@pytest.fixture
def laboratory(tmp_path):
    return Laboratory(tmp_path)


ROWS, COLUMNS, STEP = 14, 36, (10.0, 2.0)


@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
@pytest.mark.parametrize("wrap", ["automatic", "never"])
def test_zones_change_no_result(laboratory, monkeypatch, distance, wrap):
    random = np.random.default_rng(3)
    quality, permeability = random.uniform(0.1, 1, (ROWS, COLUMNS)), random.uniform(0.4, 1, (ROWS, COLUMNS))
    permeability[4, 3:20] = 0
    permeability[7, 0] = np.nan
    rasters = [
        laboratory.raster(values, cell=STEP, origin=(-180.0, 78.0), crs="EPSG:4326")
        for values in (quality, permeability)
    ]
    given = {"DISPERSAL_DISTANCE": 4e5, "CUTOFF": 0.1, "SELF": False, "DISTANCE": distance, "WRAP": wrap}
    found, texts = [], []
    for worthwhile in (math.inf, 0.0):
        monkeypatch.setattr(latitude_zones, "WORTHWHILE_PAIRS", worthwhile)
        one = laboratory.run("connectivity", *rasters, outputs=("FUNCTIONAL_HABITAT", "ISOLATION"), **given)
        to = {"WITH_RESPECT_TO": ["movement", "quality"]}
        other = laboratory.run("sensitivity", *rasters, outputs=("SENSITIVITY",), **to, **given)
        names = (one, "FUNCTIONAL_HABITAT"), (one, "ISOLATION"), (other, "SENSITIVITY")
        found.append([outcome.bands(name) for outcome, name in names])
        texts.append(" ".join(one.heard.messages))
        assert one.numbers["C"] == pytest.approx(other.numbers["C"], rel=1e-12)
    assert "zone of latitude" in texts[1]
    assert "zone of latitude" not in texts[0]
    for before, after in zip(*found, strict=True):
        # Maps are written in single precision.
        np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-9 * np.nanmax(abs(before)))
