"""Corridors and paths against SciPy's shortest paths on the graph written out cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
from corridor_runs import COLUMNS, PLACES, ROWS, centre, corridors, expected_costs, flat, layer, paths, points
from osgeo import ogr
from scipy.sparse.csgraph import dijkstra
from small_landscapes import CELL, ORIGIN, read_raster

from backend.corridor_search import accumulated_cost
from backend.corridors import cheapest
from backend.grid import Neighbourhood
from backend.solvers import set_thread_count


@pytest.mark.parametrize(
    "rules", [{}, {"neighbours": 4}, {"edge_rule": "average_conductance"}, {"corners": "open"}], ids=str
)
def test_accumulated_cost(resistance, graph_of, rules):
    values = np.where(np.isnan(resistance), np.inf, resistance)
    neighbourhood = Neighbourhood(10.0, 25.0, **rules)
    expected = dijkstra(graph_of(values, neighbourhood), indices=[0, 80]).min(axis=0)
    found, step = accumulated_cost(values, np.array([0, 80]), neighbourhood)
    np.testing.assert_allclose(found.ravel(), expected, 1e-12)
    assert ((step < 0) == (np.isinf(found) | (found == 0))).all()
    limited, _ = accumulated_cost(values, np.array([0, 80]), neighbourhood, 60.0)
    np.testing.assert_allclose(limited.ravel(), np.where(expected <= 60, expected, np.inf), 1e-12)


@pytest.mark.parametrize(("slack", "unit"), [(10.0, "percent"), (25.0, "cost"), (0.0, "cost")])
def test_corridors_are_sums_less_the_least(laboratory, resistance, graph_of, slack, unit):
    wanted = ("CORRIDORS", "OVERLAP", "ACCUMULATED_COST", "SOURCE_COSTS", "PAIR_CORRIDORS")
    outcome = corridors(laboratory, points(laboratory.folder), resistance, wanted, SLACK=slack, SLACK_UNIT=unit)
    costs = expected_costs(resistance, graph_of, flat(PLACES))
    bands = []
    for i in range(4):
        for j in range(i + 1, 4):
            least = costs[i, flat(PLACES)[j]]
            excess = np.maximum(costs[i] + costs[j] - least, 0)
            most = slack * least / 100 if unit == "percent" else slack
            bands.append(np.where(excess <= most + 1e-9, excess, np.nan).reshape(ROWS, COLUMNS))
    smallest = np.where(np.isnan(bands).all(axis=0), np.nan, np.nanmin(np.nan_to_num(bands, nan=np.inf), axis=0))
    np.testing.assert_allclose(outcome.map("CORRIDORS"), smallest, 1e-6, 1e-5)
    np.testing.assert_allclose(outcome.bands("PAIR_CORRIDORS"), bands, 1e-6, 1e-5)
    np.testing.assert_array_equal(np.nan_to_num(outcome.map("OVERLAP")), (~np.isnan(bands)).sum(axis=0))
    finite = np.where(np.isfinite(costs), costs, np.nan).reshape(4, ROWS, COLUMNS)
    np.testing.assert_allclose(outcome.bands("SOURCE_COSTS"), finite, 1e-6)
    np.testing.assert_allclose(outcome.map("ACCUMULATED_COST"), finite.min(axis=0), 1e-6)
    assert outcome.numbers["PAIR_COUNT"] == 6
    assert outcome.numbers["CORRIDOR_AREA"] == (~np.isnan(smallest)).sum() * 100


def test_paths_have_the_least_cost_and_lie_in_the_corridor(laboratory, resistance, graph_of):
    _, found = paths(laboratory, points(laboratory.folder), resistance)
    thin = corridors(laboratory, points(laboratory.folder, name="again"), resistance, SLACK=0).map("CORRIDORS")
    costs = expected_costs(resistance, graph_of, flat(PLACES))
    names = list(PLACES)
    assert list(zip(found["from"], found["to"], strict=True)) == [
        (a, b) for i, a in enumerate(names) for b in names[i + 1 :]
    ]
    for one, other, cost, length, shape in zip(
        *(found[n] for n in ("from", "to", "cost", "length", "geometry")), strict=True
    ):
        assert cost == pytest.approx(costs[names.index(one), flat(PLACES)[names.index(other)]], rel=1e-12)
        geometry = ogr.CreateGeometryFromWkb(shape)
        assert length == pytest.approx(geometry.Length(), rel=1e-12)
        places = geometry.GetPoints()
        assert places[0] == pytest.approx(centre(*PLACES[one]))
        assert places[-1] == pytest.approx(centre(*PLACES[other]))
        for x, y in places:
            assert thin[int((ORIGIN[1] - y) // CELL[1]), int((x - ORIGIN[0]) // CELL[0])] <= 1e-6
    assert (found["detour"] >= 1 - 1e-12).all()


def test_polygons_are_joined_from_edge_to_edge(laboratory):
    """Two blocks of cells, three cells apart, on a raster of resistance 2."""
    x, y = ORIGIN
    west, east = (
        f"POLYGON(({x} {y}, {x + 30} {y}, {x + 30} {y - 90}, {x} {y - 90}, {x} {y}))",
        f"POINT({x + 65} {y - 45})",
    )
    sources = layer(laboratory.folder, [(5, west), (7, east)])
    _, found = paths(laboratory, sources, np.full((ROWS, COLUMNS), 2.0))
    assert (found["from"].tolist(), found["to"].tolist()) == ([5], [7])
    assert found["cost"] == pytest.approx(80)
    assert found["length"] == pytest.approx(40)


def test_nearest_pairs(laboratory):
    """On a line at 0, 2, 5 and 10 steps; each with its nearest."""
    places = {1: (0, 0), 2: (0, 2), 3: (0, 5), 4: (0, 10)}
    outcome, found = paths(
        laboratory, points(laboratory.folder, places), np.ones((ROWS, COLUMNS)), PAIRS="nearest", NEAREST=1
    )
    assert list(zip(found["from"].tolist(), found["to"].tolist(), strict=True)) == [(1, 2), (2, 3), (3, 4)]
    assert outcome.numbers["TOTAL_LENGTH"] == pytest.approx(100)
    _, found = paths(laboratory, points(laboratory.folder, places), np.ones((ROWS, COLUMNS)), MAXIMUM_COST=30)
    assert list(zip(found["from"].tolist(), found["to"].tolist(), strict=True)) == [(1, 2), (2, 3)]
    same = corridors(
        laboratory, points(laboratory.folder, places), np.ones((ROWS, COLUMNS)), PAIRS="nearest", NEAREST=1, SLACK=0
    )
    assert same.numbers["PAIR_COUNT"] == 3
    assert same.numbers["MEAN_COST"] == pytest.approx(100 / 3)


def test_threads_change_nothing(laboratory, resistance, request):
    request.addfinalizer(lambda: set_thread_count(0))
    maps = []
    for threads in (1, 3):
        set_thread_count(threads)
        maps.append(corridors(laboratory, points(laboratory.folder), resistance, SLACK=20).map("CORRIDORS"))
    np.testing.assert_array_equal(*maps)


def test_a_report_shows_the_maps(laboratory, resistance):
    page = corridors(laboratory, points(laboratory.folder), resistance, ("REPORT",)).text("REPORT")
    assert page.count("<img") == 2


def test_maps_are_written_where_asked(laboratory, resistance):
    outcome = corridors(laboratory, points(laboratory.folder), resistance)
    assert read_raster(outcome.paths["CORRIDORS"]).shape == (1, ROWS, COLUMNS)


def test_ties_of_the_nearest_are_the_same_for_paths_and_corridors(laboratory):
    """Two neighbours on either side whose costs differ by rounding alone: the first is taken, forth and back."""
    values = np.full((1, 21), 0.1)
    values[0, :10] = values[0, 20:10:-1] = np.random.default_rng(2).uniform(0.1, 1, 10)
    sources = points(laboratory.folder, {1: (0, 0), 2: (0, 20), 3: (0, 10)})
    _, found = paths(laboratory, sources, values, PAIRS="nearest", NEAREST=1)
    made = corridors(laboratory, sources, values, ("PAIR_CORRIDORS",), PAIRS="nearest", NEAREST=1)
    assert len(found["cost"]) == made.numbers["PAIR_COUNT"] == 2
    assert cheapest(np.array([0.3, 0.1 + 0.2, 0.0, np.inf, 0.2]), 2, 2) == [4, 0]
