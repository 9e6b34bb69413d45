"""`driftway:buildnetwork`: patches and links against GEOS, SciPy and what can be worked out by hand."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import ogr, osr
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from small_landscapes import write_raster
from small_networks import NetworkOutcome, run

from backend.errors import InputError, MemoryPlanError
from backend.geopackage import LayerToWrite, write_geopackage
from backend.grid import Neighbourhood
from backend.network_raster import raster_graph

CRS = osr.SpatialReference()
CRS.ImportFromEPSG(3112)
WKT = CRS.ExportToWkt()
NONE = {"PATCHES": None, "HABITAT": None}


def polygons(folder: Path, *shapes: str, crs: str = WKT, **columns: Any) -> str:
    wkb = [bytes(ogr.CreateGeometryFromWkt(shape).ExportToWkb()) for shape in shapes]
    path = folder / "patches.gpkg"
    write_geopackage(path, [LayerToWrite("patches", columns, wkb, crs)], {}, "PATCHES")
    return f"{path}|layername=patches"


def square(x: float, y: float, side: float = 1.0) -> str:
    return f"POLYGON(({x} {y},{x + side} {y},{x + side} {y + side},{x} {y + side},{x} {y}))"


def build(folder: Path, **parameters: Any) -> NetworkOutcome:
    return run("buildnetwork", folder, **parameters)


def links(found: NetworkOutcome) -> dict[tuple[int, int], float]:
    edges = found.layer("edges").columns
    pairs = zip(edges["from"].tolist(), edges["to"].tolist(), strict=True)
    return dict(zip(pairs, edges["distance"].tolist(), strict=True))


def scattered(count: int = 14, seed: int = 3) -> list[str]:
    """Return irregular polygons that do not overlap, one with a hole that holds another."""
    random = np.random.default_rng(seed)
    shapes = []
    for cell in range(count):
        centre = np.array([cell % 4, cell // 4]) * 100 + random.uniform(-20, 20, 2)
        angle = np.sort(random.uniform(0, 2 * np.pi, 9))
        corners = centre + random.uniform(8, 28, 9)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        ring = ",".join(f"{x} {y}" for x, y in [*corners, corners[0]])
        shapes.append(ogr.CreateGeometryFromWkt(f"POLYGON(({ring}))").MakeValid().Buffer(0.01).ExportToWkt())
    outer, inner = "0 -200,60 -200,60 -140,0 -140,0 -200", "10 -190,50 -190,50 -150,10 -150,10 -190"
    return [*shapes, f"POLYGON(({outer}),({inner}))", square(25, -175, 10)]


def test_edge_distances_are_those_of_geos(tmp_path: Path) -> None:
    shapes = scattered()
    found = links(build(tmp_path, PATCHES=polygons(tmp_path, *shapes), LINKS="all"))
    made = [ogr.CreateGeometryFromWkt(shape) for shape in shapes]
    for u, v in itertools.combinations(range(len(shapes)), 2):
        assert found[u + 1, v + 1] == pytest.approx(made[u].Distance(made[v]), rel=1e-9)
    near = links(build(tmp_path, PATCHES=polygons(tmp_path, *shapes), LINKS="all", MAXIMUM_DISTANCE=60.0))
    assert near == {pair: distance for pair, distance in found.items() if distance <= 60}


@pytest.mark.parametrize("distance", ["edge", "centroid"])
def test_the_planar_graph_keeps_the_spanning_tree(tmp_path: Path, distance: str) -> None:
    source = polygons(tmp_path, *scattered())
    every = links(build(tmp_path, PATCHES=source, LINKS="all", DISTANCE=distance))
    planar = links(build(tmp_path, PATCHES=source, LINKS="planar", DISTANCE=distance))
    tree = links(build(tmp_path, PATCHES=source, LINKS="tree", DISTANCE=distance))
    rows, columns = np.array(list(every)).T - 1
    expected = minimum_spanning_tree(coo_matrix((list(every.values()), (rows, columns)), shape=(16, 16))).sum()
    assert sum(tree.values()) == pytest.approx(expected, rel=1e-12)
    assert set(tree) <= set(planar) <= set(every)
    assert len(tree) == 15
    assert len(planar) <= 3 * 16
    assert all(every[pair] == planar[pair] for pair in planar)


def test_lines_are_as_long_as_the_distance(tmp_path: Path) -> None:
    found = build(tmp_path, PATCHES=polygons(tmp_path, *scattered()), CAPACITY="area")
    edges = found.layer("edges")
    lengths = [ogr.CreateGeometryFromWkb(shape).Length() for shape in edges.geometry]
    np.testing.assert_allclose(lengths, edges.columns["distance"], rtol=1e-9)
    nodes = found.layer("nodes")
    areas = [ogr.CreateGeometryFromWkb(shape).Area() for shape in nodes.geometry]
    np.testing.assert_allclose(nodes.columns["capacity"], areas, rtol=1e-12)
    assert found.numbers["COMPONENTS"] == 1


def test_patches_of_a_raster(tmp_path: Path) -> None:
    cover = np.array([[1, 1, 0, 0, 2], [0, 0, 1, 0, 2], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1]])
    source = str(write_raster(tmp_path / "cover.tif", cover, kind="uint8", nodata=None))
    eight = build(tmp_path, HABITAT=source, HABITAT_VALUES="1")
    assert sorted(eight.layer("nodes").columns["area"].tolist()) == [100, 100, 300]
    areas = [ogr.CreateGeometryFromWkb(shape).Area() for shape in eight.layer("nodes").geometry]
    assert sorted(areas) == pytest.approx([100, 100, 300])
    four = build(tmp_path, HABITAT=source, HABITAT_VALUES="1; 2", PATCH_NEIGHBOURS="4")
    assert sorted(four.layer("nodes").columns["area"].tolist()) == [100, 100, 100, 200, 200]
    large = build(tmp_path, HABITAT=source, HABITAT_THRESHOLD=1.0, MINIMUM_AREA=150.0, LINKS="all")
    assert large.numbers["PATCH_COUNT"] == 2
    assert list(links(large).values()) == pytest.approx([10.0])


def test_capacity_by_quality_and_by_field(tmp_path: Path) -> None:
    quality = np.full((10, 10), 0.5)
    quality[:, 5:] = 0.25
    raster = str(write_raster(tmp_path / "quality.tif", quality))
    left, top = 200_000, 1_300_000
    shapes = [square(left, top - 20, 20), square(left + 60, top - 100, 30)]
    source = polygons(tmp_path, *shapes, worth=np.array([3, 4]), index=np.array([9, 9]))
    found = build(tmp_path, PATCHES=source, CAPACITY="area_quality", QUALITY=raster)
    np.testing.assert_allclose(found.layer("nodes").columns["capacity"], [200, 225])
    found = build(tmp_path, PATCHES=source, CAPACITY="field", CAPACITY_FIELD="Worth")
    assert found.layer("nodes").columns["capacity"].tolist() == [3, 4]
    assert found.layer("nodes").columns["index"].tolist() == [1, 2]


def landscape(folder: Path) -> tuple[str, str, np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    resistance = 10 ** random.uniform(0, 2, (30, 40))
    resistance[random.random((30, 40)) < 0.1] = np.nan
    zone = np.full((30, 40), -1)
    habitat = np.zeros((30, 40))
    for number, (i, j) in enumerate([(2, 3), (3, 35), (4, 20), (14, 25), (15, 8), (25, 4), (26, 33)]):
        block = (slice(i, i + 3), slice(j, j + 3))
        zone[block], habitat[block], resistance[block] = number, 1, 5.0
    movement = str(write_raster(folder / "movement.tif", resistance))
    return movement, str(write_raster(folder / "habitat.tif", habitat)), resistance, zone


def path_costs(resistance: np.ndarray, zone: np.ndarray) -> dict[tuple[int, int], float]:
    plain = raster_graph(np.where(np.isnan(resistance), np.inf, resistance), Neighbourhood(10.0, 10.0)).to_columns()
    ends = plain.edges["from"], plain.edges["to"]
    graph = coo_matrix((plain.edges["distance"], ends), shape=(zone.size, zone.size)).tocsr()
    graph = graph + graph.T
    found = {}
    count = zone.max() + 1
    for patch in range(count):
        far = dijkstra(graph, indices=np.flatnonzero(zone == patch), min_only=True)
        for other in range(patch + 1, count):
            found[patch + 1, other + 1] = far[zone.ravel() == other].min()
    return found


def test_least_cost_links_are_those_of_scipy(tmp_path: Path) -> None:
    movement, habitat, resistance, zone = landscape(tmp_path)
    given = {"HABITAT": habitat, "HABITAT_THRESHOLD": 0.5, "DISTANCE": "least_cost", "MOVEMENT": movement}
    given |= {"MOVEMENT_KIND": "resistance"}
    expected = path_costs(resistance, zone)
    every = build(tmp_path, **given, LINKS="all")
    found = links(every)
    assert set(found) == set(expected)
    for pair, cost in expected.items():
        assert found[pair] == pytest.approx(cost, rel=1e-12)
    limited = links(build(tmp_path, **given, LINKS="all", MAXIMUM_DISTANCE=1500.0))
    assert set(limited) == {pair for pair, cost in expected.items() if cost <= 1500}
    planar = links(build(tmp_path, **given, LINKS="planar"))
    tree = links(build(tmp_path, **given, LINKS="tree"))
    rows, columns = np.array(list(expected)).T - 1
    shortest = minimum_spanning_tree(coo_matrix((list(expected.values()), (rows, columns)), shape=(7, 7))).sum()
    assert sum(tree.values()) == pytest.approx(shortest, rel=1e-12)
    assert set(tree) <= set(planar)
    assert all(planar[pair] >= expected[pair] * (1 - 1e-12) for pair in planar)
    # the line visits the cells whose steps cost what the link costs
    edges = every.layer("edges")
    for shape, cost in zip(edges.geometry, edges.columns["distance"], strict=True):
        assert cost_along(ogr.CreateGeometryFromWkb(shape).GetPoints(), resistance) == pytest.approx(cost, rel=1e-12)


def cost_along(points: list[tuple[float, float]], resistance: np.ndarray) -> float:
    cells = [(round((1_300_000 - y) / 10 - 0.5), round((x - 200_000) / 10 - 0.5)) for x, y, *_ in points]
    total = 0.0
    for (i, j), (k, m) in itertools.pairwise(cells):
        steps = max(abs(k - i), abs(m - j))
        run_of = [(i + (k - i) * s // steps, j + (m - j) * s // steps) for s in range(steps + 1)] if steps else []
        for one, other in itertools.pairwise(run_of):
            total += 10 * math.dist(one, other) * (resistance[one] + resistance[other]) / 2
    return total


def test_permeability_and_barriers(tmp_path: Path) -> None:
    permeability = np.ones((5, 9))
    permeability[:, 4] = 0
    movement = str(write_raster(tmp_path / "movement.tif", permeability))
    left, top = 200_000, 1_300_000
    places = [(left, top - 30), (left + 30, top - 30), (left + 80, top - 30)]
    source = polygons(tmp_path, *(square(x, y, 10) for x, y in places))
    given = {"PATCHES": source, "DISTANCE": "least_cost", "MOVEMENT": movement}
    for kind in ("planar", "all", "tree"):
        found = build(tmp_path, **given, LINKS=kind)
        assert links(found) == {(1, 2): 30}
        assert found.numbers["COMPONENTS"] == 2


def test_one_patch_and_patches_in_a_row(tmp_path: Path) -> None:
    alone = build(tmp_path, PATCHES=polygons(tmp_path, square(0, 0)))
    assert (alone.numbers["PATCH_COUNT"], alone.numbers["LINK_COUNT"]) == (1, 0)
    assert any("one patch alone" in text for text in alone.heard.warnings)
    row = build(tmp_path, PATCHES=polygons(tmp_path, *(square(10 * x, 0) for x in range(4))), DISTANCE="centroid")
    assert links(row) == {(1, 2): 10, (2, 3): 10, (3, 4): 10}
    beside = build(tmp_path, PATCHES=polygons(tmp_path, square(0, 0), square(1, 0)))
    assert links(beside) == {(1, 2): 0}


def test_several_parts(tmp_path: Path) -> None:
    shape = "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))"
    whole = build(tmp_path, PATCHES=polygons(tmp_path, shape, square(9, 9)))
    assert whole.numbers["PATCH_COUNT"] == 2
    split = build(tmp_path, PATCHES=polygons(tmp_path, shape, square(9, 9)), MULTIPART="split")
    assert split.numbers["PATCH_COUNT"] == 3


BOW = "POLYGON((0 0,2 2,2 0,0 2,0 0))"


def test_repair(tmp_path: Path) -> None:
    found = build(tmp_path, PATCHES=polygons(tmp_path, BOW, square(9, 9, 2), square(10, 10, 2)), REPAIR="repair")
    assert found.layer("nodes").columns["area"].tolist() == pytest.approx([2, 7])
    assert len(found.heard.warnings) == 2


@pytest.mark.parametrize(
    ("shapes", "given", "why"),
    [
        ((BOW,), {}, "Invalid polygons, such as .*: 1 .*feature id 1.*REPAIR"),
        ((square(0, 0, 2), square(1, 1, 2)), {}, "Pairs of polygons that overlap: 1 .*1 and 2"),
        ((), {}, "no polygons"),
        (("LINESTRING(0 0,1 1)",), {}, "The layer holds lines"),
        ((square(0, 0),), {"MINIMUM_AREA": 5.0}, "MINIMUM_AREA: No patch is left"),
        ((square(0, 0),), {"CAPACITY": "field"}, "CAPACITY_FIELD: .*none is named"),
        ((square(0, 0),), {"CAPACITY": "field", "CAPACITY_FIELD": "no"}, "has no field 'no'"),
        ((square(0, 0),), {"CAPACITY": "field", "CAPACITY_FIELD": "worth"}, "negative in 1 patch .*-1"),
        ((square(0, 0),), {"CAPACITY": "area_quality"}, "QUALITY: "),
        ((square(0, 0),), {"DISTANCE": "least_cost"}, "MOVEMENT: Least-cost links need"),
        (
            (square(0, 0),),
            {"DISTANCE": "least_cost", "MOVEMENT": "movement.tif"},
            "Patches outside MOVEMENT: 1 of 1",
        ),
    ],
)
def test_bad_polygons_are_named(tmp_path: Path, shapes: tuple[str, ...], given: dict[str, Any], why: str) -> None:
    source = polygons(tmp_path, *shapes, worth=np.full(len(shapes), -1.0))
    if "MOVEMENT" in given:
        given = {**given, "MOVEMENT": str(write_raster(tmp_path / "movement.tif", np.ones((4, 4))))}
    with pytest.raises(InputError, match=why):
        build(tmp_path, PATCHES=source, **given)


def test_degrees_are_refused(tmp_path: Path) -> None:
    degrees = osr.SpatialReference()
    degrees.ImportFromEPSG(4326)
    with pytest.raises(InputError, match="longitudes"):
        build(tmp_path, PATCHES=polygons(tmp_path, square(0, 0), crs=degrees.ExportToWkt()))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "not said which cells are habitat"),
        ({"HABITAT_VALUES": "41 a"}, "'41 a' are not all numbers"),
        ({"HABITAT_VALUES": "7"}, "No cell has the values 7"),
        ({"HABITAT_THRESHOLD": 5.0}, "No cell has a value >= 5"),
        ({"HABITAT_VALUES": "1", "HABITAT_THRESHOLD": 5.0}, "Values and a threshold"),
        ({"HABITAT_VALUES": "1", "CAPACITY": "field"}, "have no fields"),
        ({"HABITAT_VALUES": "1", "PATCHES": "x"}, "Both a polygon layer and"),
    ],
)
def test_bad_rasters_are_named(tmp_path: Path, given: dict[str, Any], why: str) -> None:
    source = str(write_raster(tmp_path / "habitat.tif", np.ones((4, 4))))
    with pytest.raises(InputError, match=why):
        build(tmp_path, **{"HABITAT": source, **given})


def test_nothing_given(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Nothing holds the patches"):
        build(tmp_path)


def test_counts_and_memory_are_stated_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend import patch_checks, patch_memory

    monkeypatch.setattr(patch_checks, "MOST_PAIRS", 2)
    with pytest.raises(InputError, match="3 patches make 3 links"):
        build(tmp_path, PATCHES=polygons(tmp_path, *(square(3 * x, 0) for x in range(3))), LINKS="all")
    monkeypatch.setattr(patch_memory, "available_memory", lambda: 100)
    with pytest.raises(MemoryPlanError, match="The raster needs"):
        build(tmp_path, HABITAT=str(write_raster(tmp_path / "h.tif", np.ones((9, 9)))), HABITAT_VALUES="1")


@pytest.mark.parametrize("neighbours", [4, 8])
def test_regions_do_not_depend_on_tiles_or_threads(neighbours: int) -> None:
    from small_landscapes import Listener

    from backend.patch_regions import grow_regions
    from backend.solvers.threads import set_thread_count

    random = np.random.default_rng(neighbours)
    resistance = random.choice([1.0, 1.0, 2.0, 7.5], (37, 53))  # ties everywhere
    resistance[random.random(resistance.shape) < 0.25] = np.inf
    zone = np.full(resistance.shape, -1, np.int32)
    for number, place in enumerate(random.permutation(resistance.size)[:40]):
        i, j = divmod(int(place), 53)
        zone[i : i + 1 + number % 3, j : j + 2] = number
    lengths = np.array([10.0] * 4 + [math.hypot(10, 10)] * (neighbours - 4))
    whole = grow_regions(resistance, zone.copy(), lengths, Listener(), tile=64)
    graph = raster_graph(resistance, Neighbourhood(10.0, 10.0, neighbours)).to_columns()
    joined = coo_matrix((graph.edges["distance"], (graph.edges["from"], graph.edges["to"])), shape=(zone.size,) * 2)
    joined = joined.tocsr() + joined.T.tocsr()
    numbers = np.unique(zone[(zone >= 0) & np.isfinite(resistance)])
    open_cells = np.isfinite(resistance.ravel())
    far = [dijkstra(joined, indices=np.flatnonzero((zone.ravel() == k) & open_cells), min_only=True) for k in numbers]
    best = np.min(far, axis=0).reshape(zone.shape)
    np.testing.assert_allclose(whole.cost, np.where(np.isfinite(resistance), best, np.inf), rtol=1e-12)
    reached = np.isfinite(whole.cost)
    tied = np.isclose(far, np.min(far, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(whole.owner[reached], numbers[np.argmax(tied, axis=0)].reshape(zone.shape)[reached])
    for tile, threads in ((5, 3), (16, 1), (1, 2)):
        set_thread_count(threads)
        other = grow_regions(resistance, zone.copy(), lengths, Listener(), tile=tile)
        for name in ("owner", "cost", "step"):
            np.testing.assert_array_equal(getattr(other, name), getattr(whole, name), err_msg=name)
    set_thread_count(0)


def test_searches_from_every_patch_are_planned() -> None:
    from small_landscapes import Listener

    from backend.job import Job
    from backend.patch_memory import searches_at_once

    heard = Listener()
    assert searches_at_once(Job("buildnetwork", {}, threads=4, memory_limit=10**9), 10**6, heard) == 4
    assert heard.messages == ["Peak memory about 420 MB: 4 at once search from patches."]
    assert searches_at_once(Job("buildnetwork", {}, threads=4, memory_limit=75 * 10**6), 10**6, heard) == 2
    small = Job("buildnetwork", {}, threads=4, memory_limit=40 * 10**6)
    with pytest.raises(MemoryPlanError, match="needs 45 MB .* 888,888 cells would fit"):
        searches_at_once(small, 10**6, heard)
    assert searches_at_once(small, 888_888, heard) == 1


def test_paths_do_not_depend_on_how_many_are_searched_at_once(tmp_path: Path) -> None:
    from small_landscapes import Listener

    from backend.patch_paths import all_paths
    from backend.raster_io import RasterBand
    from backend.solvers.threads import set_thread_count

    movement, _, resistance, zone = landscape(tmp_path)
    grid = RasterBand(movement, 1, "MOVEMENT").grid
    costs = np.where(np.isnan(resistance), np.inf, resistance)
    found = []
    for threads, searches in ((1, 1), (3, 3), (3, 1)):
        set_thread_count(threads)
        found.append(all_paths(costs, zone.astype(np.int32), grid, 8, 1500.0, 7, searches, Listener()))
    set_thread_count(0)
    for other in found[1:]:
        np.testing.assert_array_equal(other.distance, found[0].distance)
        assert other.lines == found[0].lines
