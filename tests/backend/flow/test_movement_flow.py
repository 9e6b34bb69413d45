"""Movement flow against sums over all pairs: least-cost paths by SciPy and NetworkX, randomised ones by dense matrices."""

from __future__ import annotations

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra
from small_landscapes import Listener

from backend import movement_flow as movement_flow_module
from backend.connectivity import LandscapeModel
from backend.dispersal import load_kernel
from backend.distances import DISTANCES, EuclideanDistance, ExpectedCostDistance, FreeEnergyDistance, LeastCostDistance
from backend.grid import Neighbourhood
from backend.movement_flow import STEPS, Ends, movement_flow
from backend.movement_flow_whole import WholeRaster
from backend.neighbourhood import Sphere
from backend.proximity import Proximity
from backend.solvers import set_thread_count
from backend.window_plan import WindowPlan
from backend.window_shape import WindowShape

pytestmark = pytest.mark.usefixtures("quick_to_compile")
ROWS, COLUMNS = 5, 6
SCALE, THETA = 3.0, 0.7
TILE = 8
NEIGHBOURHOOD = Neighbourhood(1.0, 1.0)
SMALL = WindowShape(2, 2, ROWS - 1, COLUMNS - 1)
OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1))


def model(distance, limit=math.inf) -> LandscapeModel:
    return LandscapeModel(distance, Proximity(load_kernel("exponential"), jnp.asarray(SCALE)), NEIGHBOURHOOD, limit)


def plan(window: WindowShape = SMALL, batch: int = 3) -> WindowPlan:
    return WindowPlan(ROWS, COLUMNS, window, batch, 0, 0.0)


def expected_cost(theta: float = THETA) -> ExpectedCostDistance:
    """With an array, so that every theta is the same program."""
    return ExpectedCostDistance(jnp.asarray(theta))


@pytest.fixture(scope="module")
def cells() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    resistance, quality = random.uniform(1, 4, (ROWS, COLUMNS)), random.uniform(0, 1, (ROWS, COLUMNS))
    resistance[2, 3] = resistance[4, 1] = np.inf
    quality[0, 0] = 0
    quality[3, 3] = np.nan
    return resistance, quality


def habitat(resistance: np.ndarray, quality: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(resistance) & ~np.isnan(quality), quality, 0).ravel()


def movement(distance: np.ndarray, q: np.ndarray, weight: str, limit: float = math.inf) -> np.ndarray:
    """Return m (cells, cells)."""
    counts = np.isfinite(distance) & (distance <= limit * (1 + 1e-9)) & ~np.eye(len(q), dtype=bool)
    k = np.where(counts, np.exp(-np.where(counts, distance, 0) / SCALE), 0) if weight == "proximity" else counts
    return np.outer(q, q) * k


def along_tight_edges(graph, distance: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Return the flow (cells, cells) from cell to cell: each cell passes what it gets on to the last steps of its cheapest paths."""
    costs, flow = graph.toarray(), np.zeros(m.shape)
    for source in range(len(m)):
        waiting = m[source].copy()
        for cell in np.argsort(-np.where(np.isfinite(distance[source]), distance[source], -1), kind="stable"):
            if cell == source or waiting[cell] == 0:
                continue
            near = np.flatnonzero(costs[:, cell])
            through = distance[source, near] + costs[near, cell]
            tight = near[through <= distance[source, cell] * (1 + 1e-12)]
            flow[tight, cell] += waiting[cell] / len(tight)
            waiting[tight] += waiting[cell] / len(tight)
    return flow


def expect(found, flow: np.ndarray, m: np.ndarray, node: np.ndarray, rtol: float = 1e-10) -> None:
    """Compare all that a flow holds with the flow (cells, cells) from cell to cell."""
    small = rtol * flow.max()
    starts, ends, leaving = m.sum(axis=1), m.sum(axis=0), flow.sum(axis=1)
    np.testing.assert_allclose(found.starts.ravel(), starts, rtol, small)
    np.testing.assert_allclose(found.ends.ravel(), ends, rtol, small)
    np.testing.assert_allclose(found.through("start").ravel(), leaving, rtol, small)
    np.testing.assert_allclose(found.through("both").ravel(), leaving + ends, rtol, small)
    np.testing.assert_allclose(found.through("neither").ravel(), leaving - starts, rtol, small)
    both = flow + flow.T
    for name, (down, right) in zip(STEPS, OFFSETS, strict=True):
        expected = np.zeros(node.shape)
        for i, j in np.argwhere(node):
            if i + down < ROWS and 0 <= j + right < COLUMNS:
                expected[i, j] = both[i * COLUMNS + j, (i + down) * COLUMNS + j + right]
        np.testing.assert_allclose(found.steps[name], expected, rtol, small)


# --- least cost -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "limit"), [("proximity", math.inf), ("quality", 6.0)])
@pytest.mark.parametrize("ties", [False, True])
def test_least_cost_is_the_sum_over_all_paths(cells, graph_of, weight, limit, ties):
    resistance, quality = cells
    if ties:
        resistance = np.where(np.isfinite(resistance), 1.0, np.inf)
    graph = graph_of(resistance, NEIGHBOURHOOD)
    distance = dijkstra(graph)
    m = movement(distance, habitat(resistance, quality), weight, limit)
    found = movement_flow(model(LeastCostDistance(), limit), plan(), resistance, quality, Listener(), weight=weight)
    expect(found, along_tight_edges(graph, distance, m), m, np.isfinite(resistance))
    assert found.total == pytest.approx(m.sum())


def test_least_cost_is_the_betweenness_of_networkx(cells, graph_of):
    networkx = pytest.importorskip("networkx")
    resistance, _ = cells
    graph = networkx.from_scipy_sparse_array(graph_of(resistance, NEIGHBOURHOOD), create_using=networkx.DiGraph)
    ones = np.ones_like(resistance)
    found = movement_flow(model(LeastCostDistance()), plan(), resistance, ones, Listener(), weight="quality")
    ways: list[tuple[Ends, bool]] = [("neither", False), ("both", True)]
    for ends, endpoints in ways:
        expected = networkx.betweenness_centrality(graph, normalized=False, weight="weight", endpoints=endpoints)
        flow = found.through(ends).ravel()
        for cell in np.flatnonzero(np.isfinite(resistance)):
            assert flow[cell] == pytest.approx(expected[cell], abs=1e-9)
    steps = networkx.edge_betweenness_centrality(graph, normalized=False, weight="weight")
    for cell in range(ROWS * COLUMNS - 1):
        if (cell, cell + 1) in steps:
            assert found.steps["east"].flat[cell] == pytest.approx(steps[cell, cell + 1] + steps[cell + 1, cell])


def test_a_corridor_carries_what_crosses_it():
    """Two cells of quality 1 at the ends of a row: the path passes through all cells between."""
    quality = np.zeros((1, 6))
    quality[0, [0, 5]] = 1
    row = WindowPlan(1, 6, WindowShape(1, 2, 0, 5), 1, 0, 0.0)
    found = movement_flow(model(LeastCostDistance()), row, np.ones((1, 6)), quality, Listener())
    k = math.exp(-5 / SCALE)
    np.testing.assert_allclose(found.through("neither"), [[0, 2 * k, 2 * k, 2 * k, 2 * k, 0]])
    np.testing.assert_allclose(found.through("start"), [[k, 2 * k, 2 * k, 2 * k, 2 * k, k]])
    np.testing.assert_allclose(found.through("both"), 2 * k * np.ones((1, 6)))


def test_a_symmetric_landscape_has_a_symmetric_flow():
    found = movement_flow(
        model(LeastCostDistance(), 5.0), plan(), np.ones((ROWS, COLUMNS)), np.ones((ROWS, COLUMNS)), Listener()
    )
    flow = found.through()
    for mirrored in (flow[::-1], flow[:, ::-1], flow[::-1, ::-1]):
        np.testing.assert_allclose(mirrored, flow, 1e-12)
    assert np.unravel_index(flow.argmax(), flow.shape) in [(2, 2), (2, 3)]


@pytest.mark.parametrize("window", [WindowShape(1, 1, 5, 5), WindowShape(3, 4, 4, 5)])
def test_least_cost_does_not_depend_on_blocks_batches_and_threads(cells, window, request):
    request.addfinalizer(lambda: set_thread_count(0))
    resistance, quality = cells
    reference = movement_flow(model(LeastCostDistance(), 6.0), plan(), resistance, quality, Listener())
    set_thread_count(2)
    found = movement_flow(model(LeastCostDistance(), 6.0), plan(window, 2), resistance, quality, Listener())
    np.testing.assert_allclose(found.through(), reference.through(), 1e-12, 1e-14)


# --- randomised shortest paths --------------------------------------------------------------------------------------


def dense(resistance: np.ndarray, graph) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes, W, Z and expected cost with affinity 1 / (r l) and cost log(r l) of a step, as definitions have them."""
    nodes = np.flatnonzero(np.isfinite(resistance).ravel())
    A, C = np.zeros((2, resistance.size, resistance.size))
    columns = resistance.shape[1]
    for i, j in np.argwhere(graph.toarray() > 0):
        weight = resistance.flat[j] * math.hypot(i // columns - j // columns, i % columns - j % columns)
        A[i, j], C[i, j] = 1 / weight, math.log(weight)
    A, C = A[np.ix_(nodes, nodes)], C[np.ix_(nodes, nodes)]
    W = A / A.sum(axis=1, keepdims=True) * np.exp(-THETA * C)
    Z = np.linalg.inv(np.eye(len(nodes)) - W)
    mean = Z @ (C * W) @ Z / Z
    return nodes, W, Z, mean - np.diag(mean)


def conscape(resistance: np.ndarray, quality: np.ndarray, graph, weight: str, sources=None):
    """Return the flow (cells, cells) over directed steps and m (cells, cells); with some sources, m by the free energy."""
    nodes, W, Z, distance = dense(resistance, graph)
    if sources is not None:
        distance = -np.log(Z / np.diag(Z)) / THETA
    q = habitat(resistance, quality)[nodes]
    m = movement(distance, q, weight)
    if sources is not None:
        m = m * sources.ravel()[nodes][:, None]
    M = m / Z
    M[np.diag_indices(len(M))] -= m.sum(axis=0) / np.diag(Z)
    steps = W * (Z.T @ M @ Z.T)
    betweenness = ((Z.T @ M) * Z).sum(axis=1)
    np.testing.assert_allclose(steps.sum(axis=1), betweenness, 1e-10)
    whole = np.zeros((2, resistance.size, resistance.size))
    whole[0][np.ix_(nodes, nodes)], whole[1][np.ix_(nodes, nodes)] = steps, m
    return whole[0], whole[1]


@pytest.mark.parametrize("weight", ["proximity", "quality"])
def test_randomised_paths_have_the_betweenness_of_conscape(cells, graph_of, weight):
    """Over the whole raster, by tiles of sources. Rows of the flow over steps sum up to the flow through cells."""
    resistance, quality = cells
    flow, m = conscape(resistance, quality, graph_of(resistance, NEIGHBOURHOOD), weight)
    whole = WholeRaster(model(expected_cost()), resistance, quality, tile=TILE)
    expect(whole.flow(Listener(), weight), flow, m, np.isfinite(resistance))


def test_randomised_paths_in_windows(cells, graph_of):
    """Each source has its window; nothing outside takes part."""
    resistance, quality = cells
    shape = WindowShape(1, 1, 2, 2)
    found = movement_flow(
        model(FreeEnergyDistance(jnp.asarray(THETA))), plan(shape, 8), resistance, quality, Listener()
    )
    flow, m = np.zeros((2, ROWS * COLUMNS, ROWS * COLUMNS))
    for top in range(ROWS):
        for left in range(COLUMNS):
            near = np.zeros(resistance.shape, bool)
            near[max(0, top - 2) : top + 3, max(0, left - 2) : left + 3] = True
            sources = np.zeros(resistance.shape)
            sources[top, left] = 1
            inside = np.where(near, resistance, np.inf)
            of_block = conscape(inside, quality, graph_of(inside, NEIGHBOURHOOD), "proximity", sources)
            flow, m = flow + of_block[0], m + of_block[1]
    expect(found, flow, m, np.isfinite(resistance))


def test_declared_windows_are_eliminated_one_batch_at_a_time(cells, monkeypatch):
    """Two eliminations under way at once may wait for each other for ever: each is waited for before the next begins."""
    events = []
    waits, distances, pulls = (
        jax.block_until_ready,
        movement_flow_module._distances,
        movement_flow_module.survival_and_pull,
    )

    def told(name, function):
        def call(*arguments):
            events.append(name)
            return function(*arguments)

        return call

    monkeypatch.setattr(jax, "block_until_ready", told("wait", waits))
    monkeypatch.setattr(movement_flow_module, "_distances", told("distances", distances))
    monkeypatch.setattr(movement_flow_module, "survival_and_pull", told("survival", pulls))
    one_by_one = replace(plan(WindowShape(1, 1, 2, 2), 8), under_way=1)
    movement_flow(model(FreeEnergyDistance(jnp.asarray(THETA))), one_by_one, *cells, Listener())
    rounds = len(events) // 4
    assert rounds > 1
    assert events == ["distances", "wait", "survival", "wait"] * rounds


@pytest.mark.parametrize("name", ["expected_cost", "survival"])
def test_distances_over_the_whole_raster(cells, graph_of, name):
    resistance, quality = cells
    nodes, _, Z, expected = dense(resistance, graph_of(resistance, NEIGHBOURHOOD))
    if name != "expected_cost":
        expected = -np.log(Z / np.diag(Z))
    chosen = DISTANCES[name].from_parameters({"THETA": THETA, "STEP_COST": "minus_log"})
    whole = WholeRaster(model(chosen), resistance, quality, tile=TILE)
    seen = []
    for lanes, found in whole.distances(Listener()):
        seen += lanes.tolist()
        flat = found.reshape(-1, len(lanes))
        np.testing.assert_allclose(flat[nodes], expected[np.searchsorted(nodes, lanes)].T, 1e-10, 1e-12)
        assert np.isinf(flat[np.isinf(resistance).ravel()]).all()
    assert sorted(seen) == nodes.tolist()


def test_a_large_theta_goes_along_least_cost_paths(cells, graph_of):
    """Cost and affinity of a step depend on the cell it leads to; with theta large only the cheapest path is left."""
    resistance, quality = cells
    costs = graph_of(resistance, NEIGHBOURHOOD)
    tail, head = costs.nonzero()
    lengths = np.hypot(tail // COLUMNS - head // COLUMNS, tail % COLUMNS - head % COLUMNS)
    costs[tail, head] = np.log(resistance.ravel()[head] * lengths)
    m = movement(dijkstra(costs), habitat(resistance, quality), "quality")
    expected = along_tight_edges(costs, dijkstra(costs), m).sum(axis=1)
    whole = WholeRaster(model(expected_cost(1e5)), resistance, quality, tile=TILE)
    found = whole.flow(Listener(), "quality").through()
    np.testing.assert_allclose(found.ravel(), expected, 1e-6, 1e-6)


def test_longitudes_and_latitudes(cells, graph_of):
    """Cells are narrower in the north: the graph is that of a raster of planar cells, row by row."""
    resistance, quality = cells
    sphere = Sphere(1.0, 1.0, 1.2, -0.2)
    joined = Neighbourhood(0.1, 0.2, neighbours=4, sphere=sphere)
    widths = np.cos(sphere.latitudes(np.zeros(1, np.intp), ROWS)[0])
    costs = graph_of(resistance, Neighbourhood(1.0, 0.2, neighbours=4)).tolil()
    for one, other in np.argwhere(costs.toarray() > 0):
        if one // COLUMNS == other // COLUMNS:
            costs[one, other] *= widths[one // COLUMNS]
    distance = dijkstra(costs.tocsr())
    m = movement(distance, habitat(resistance, quality), "proximity")
    chosen = LandscapeModel(LeastCostDistance(), model(LeastCostDistance()).proximity, joined, math.inf)
    found = movement_flow(chosen, plan(), resistance, quality, Listener())
    expect(found, along_tight_edges(costs, distance, m), m, np.isfinite(resistance))


def test_other_distances_have_no_paths(cells):
    with pytest.raises(TypeError, match="EuclideanDistance is no distance along paths"):
        movement_flow(model(EuclideanDistance(), 3.0), plan(), cells[0], cells[1], Listener())
