"""Corridors and paths against SciPy's shortest paths on the graph written out cell by cell, and what can be wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import ogr, osr
from scipy.sparse.csgraph import dijkstra
from small_landscapes import CELL, CRS, ORIGIN, Laboratory, Listener, Outcome, read_raster, run_job

from backend import registry
from backend.corridor_search import accumulated_cost
from backend.corridors import cheapest
from backend.errors import InputError, MemoryPlanError
from backend.grid import Neighbourhood
from backend.job import Job
from backend.solvers import set_thread_count
from backend.vector_io import VectorLayer

ROWS, COLUMNS = 9, 11
PLACES = {"a": (0, 0), "b": (7, 9), "c": (8, 1), "d": (1, 8)}
ENDINGS = {"raster": ".tif", "vector": ".gpkg", "report": ".html"}


@pytest.fixture(scope="module")
def resistance() -> np.ndarray:
    values = np.random.default_rng(8).uniform(1, 5, (ROWS, COLUMNS))
    values[3, 2:9] = values[6, 4] = values[5, 5] = np.nan
    return values


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


def test_pairs_of_a_table(laboratory, resistance):
    table = laboratory.folder / "pairs.csv"
    table.write_text("from,to\nc,a\nb,nobody\na,c\n", encoding="utf-8")
    outcome, found = paths(laboratory, points(laboratory.folder), resistance, PAIRS="table", PAIR_TABLE=str(table))
    assert (found["from"].tolist(), found["to"].tolist()) == (["a"], ["c"])
    assert outcome.heard.warnings == ["1 rows of PAIR_TABLE name sources that are not there (nobody)."]
    table.write_text("from,to\nx,y\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"^PAIR_TABLE: None of its 1 rows names two .*unknown: x.*sources are a, b, c, d"
    ):
        check(laboratory, "leastcostpaths", points(laboratory.folder), resistance, PAIRS="table", PAIR_TABLE=str(table))


def test_what_is_left_out_is_said(laboratory, resistance):
    """A point outside, one on nodata, one in a cell that is taken, and one beyond a wall."""
    walled = resistance.copy()
    walled[:, 10] = 1
    walled[:, 9] = np.nan
    places = {**PLACES, "b": (7, 8), "out": (40, 2), "hole": (3, 4), "twin": (0.2, 0.1), "far": (4, 10)}
    outcome, found = paths(laboratory, points(laboratory.folder, places), walled)
    assert outcome.heard.warnings == [
        "1 features lie outside MOVEMENT and are left out (sources out).",
        "1 features share their cell with a source before them and are left out (sources twin).",
        "1 sources lie on barriers or nodata and are left out (hole).",
        "4 pairs have no path and are left out (a - far, b - far, c - far, d - far).",
    ]
    assert outcome.numbers["PATH_COUNT"] == len(found["from"]) == 6
    assert outcome.numbers["UNREACHABLE_COUNT"] == 4
    same = corridors(laboratory, points(laboratory.folder, places, name="again"), walled)
    assert same.numbers["UNREACHABLE_COUNT"] == 4
    assert np.isnan(same.map("CORRIDORS")[:, 9:]).all()


def test_no_pair_at_all_is_no_failure(laboratory):
    split = np.ones((ROWS, COLUMNS))
    split[:, 5] = np.nan
    sources = points(laboratory.folder, {1: (0, 0), 2: (0, 10)})
    outcome, found = paths(laboratory, sources, split)
    assert len(found["from"]) == 0
    same = corridors(laboratory, sources, split, ("CORRIDORS", "OVERLAP", "ACCUMULATED_COST", "REPORT"))
    assert np.isnan(same.map("CORRIDORS")).all()
    assert same.numbers["PAIR_COUNT"] == 0
    assert math.isnan(same.numbers["MEAN_COST"])
    assert outcome.numbers["UNREACHABLE_COUNT"] == 1
    for run in (corridors, paths):
        found = run(laboratory, sources, split, PAIRS="nearest")
        heard = (found[0] if isinstance(found, tuple) else found).heard
        assert heard.warnings == ["2 sources reach no other (1, 2)."]


def test_sources_of_another_crs(laboratory, resistance, graph_of):
    here, there = osr.SpatialReference(), osr.SpatialReference()
    here.SetFromUserInput(CRS)
    there.SetFromUserInput("EPSG:4326")
    for each in (here, there):
        each.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    move = osr.CoordinateTransformation(here, there)
    features = [(n, "POINT({} {})".format(*move.TransformPoint(*centre(*p))[:2])) for n, p in PLACES.items()]
    outcome, found = paths(laboratory, layer(laboratory.folder, features, crs="EPSG:4326"), resistance)
    costs = expected_costs(resistance, graph_of, flat(PLACES))
    assert found["cost"][0] == pytest.approx(costs[0, flat(PLACES)[1]])
    assert any(text.startswith("SOURCES are reprojected from WGS 84") for text in outcome.heard.messages)


def test_features_of_one_id_are_one_source(laboratory):
    sources = layer(
        laboratory.folder,
        [(n, "POINT({} {})".format(*centre(0, c))) for n, c in ((1, 0), (2, 9), (1, 6))],
    )
    outcome, found = paths(laboratory, sources, np.ones((ROWS, COLUMNS)))
    assert found["cost"].tolist() == pytest.approx([30])
    assert outcome.numbers["SOURCE_COUNT"] == 2


def test_threads_change_nothing(laboratory, resistance, request):
    request.addfinalizer(lambda: set_thread_count(0))
    maps = []
    for threads in (1, 3):
        set_thread_count(threads)
        maps.append(corridors(laboratory, points(laboratory.folder), resistance, SLACK=20).map("CORRIDORS"))
    np.testing.assert_array_equal(*maps)


def test_too_little_memory_says_how_many_sources_fit(laboratory, resistance):
    large = laboratory.raster(np.ones((1500, 1500)))
    limit = {"settings": {"memory_limit": 560_000_000, "threads": 1}}
    sources = points(laboratory.folder, {n: (n, n) for n in range(10)})
    with pytest.raises(
        MemoryPlanError, match=r"^MOVEMENT: 10 sources on 1500 x 1500 cells need .* 8 sources would fit"
    ):
        check(laboratory, "leastcostcorridors", sources, large, **limit)


WRONG = {
    "one source": ({1: (0, 0)}, {}, r"^SOURCES: One source is left on cells"),
    "no such field": (PLACES, {"ID_FIELD": "name"}, r"^ID_FIELD: SOURCES has no field 'name'. It has: site"),
    "no table": (PLACES, {"PAIRS": "table"}, r"^PAIR_TABLE: .* none is given"),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_input(laboratory, resistance, what):
    places, given, words = WRONG[what]
    with pytest.raises(InputError, match=words):
        check(laboratory, "leastcostpaths", points(laboratory.folder, places), resistance, **given)


@pytest.mark.parametrize(("kind", "value"), [("resistance", 0.0), ("permeability", -1.0)])
def test_bad_values(laboratory, resistance, kind, value):
    values = resistance.copy()
    values[2, 6] = value
    with pytest.raises(
        InputError, match=rf"^MOVEMENT: .*1 \(first at row 3, column 7\), value {value:g}; {kind} must be"
    ):
        check(laboratory, "leastcostcorridors", points(laboratory.folder), values, MOVEMENT_KIND=kind)


def test_too_many_bands(laboratory):
    places = {n: divmod(n, COLUMNS) for n in range(33)}
    with pytest.raises(InputError, match=r"^PAIR_CORRIDORS: 528 pairs would make 528 bands, more than 500"):
        check(
            laboratory,
            "leastcostcorridors",
            points(laboratory.folder, places),
            np.ones((ROWS, COLUMNS)),
            ("PAIR_CORRIDORS",),
        )


def test_a_report_shows_the_maps(laboratory, resistance):
    page = corridors(laboratory, points(laboratory.folder), resistance, ("REPORT",)).text("REPORT")
    assert page.count("<img") == 2


def test_maps_are_written_where_asked(laboratory, resistance):
    outcome = corridors(laboratory, points(laboratory.folder), resistance)
    assert read_raster(outcome.paths["CORRIDORS"]).shape == (1, ROWS, COLUMNS)


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
    assert whole.heard.warnings == ["1 features lie outside EXTENT and are left out (sources out)."]
    _, part = paths(laboratory, sources, resistance, EXTENT=box)
    _, other = paths(laboratory, sources, clipped)
    assert part["geometry"] == other["geometry"]
    with pytest.raises(InputError, match=r"^EXTENT: .* holds no cell of MOVEMENT"):
        check(laboratory, "leastcostpaths", sources, resistance, EXTENT=[0, 1, 0, 1])
    bad = resistance.copy()
    bad[2, 6] = 0
    with pytest.raises(InputError, match=r"first at row 3, column 7"):
        check(laboratory, "leastcostpaths", sources, bad, EXTENT=box)


def test_ties_of_the_nearest_are_the_same_for_paths_and_corridors(laboratory):
    """Two neighbours on either side whose costs differ by rounding alone: the first is taken, forth and back."""
    values = np.full((1, 21), 0.1)
    values[0, :10] = values[0, 20:10:-1] = np.random.default_rng(2).uniform(0.1, 1, 10)
    sources = points(laboratory.folder, {1: (0, 0), 2: (0, 20), 3: (0, 10)})
    _, found = paths(laboratory, sources, values, PAIRS="nearest", NEAREST=1)
    made = corridors(laboratory, sources, values, ("PAIR_CORRIDORS",), PAIRS="nearest", NEAREST=1)
    assert len(found["cost"]) == made.numbers["PAIR_COUNT"] == 2
    assert cheapest(np.array([0.3, 0.1 + 0.2, 0.0, np.inf, 0.2]), 2, 2) == [4, 0]


def test_bands_of_sources_and_pairs_are_in_the_plan(laboratory, resistance):
    large = laboratory.raster(np.ones((1500, 1500)))
    sources = points(laboratory.folder, {n: (n, n) for n in range(10)})
    limit = {"settings": {"memory_limit": 700_000_000, "threads": 1}}
    check(laboratory, "leastcostcorridors", sources, large, **limit)
    with pytest.raises(MemoryPlanError, match="Leave out the outputs with a band per source or pair"):
        check(laboratory, "leastcostcorridors", sources, large, ("CORRIDORS", "PAIR_CORRIDORS"), **limit)
