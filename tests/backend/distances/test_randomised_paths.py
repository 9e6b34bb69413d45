"""Randomised shortest paths against the formulas of the papers, written out over dense matrices, and against their limits."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, dijkstra

from backend.connectivity import LandscapeModel, window_connectivity
from backend.dispersal import load_kernel
from backend.distances import DISTANCES, CommuteDistance, ExpectedCostDistance, FreeEnergyDistance
from backend.grid import Neighbourhood
from backend.proximity import Proximity
from backend.window_shape import WindowShape

# Compiled for correctness, not for speed.
QUICK = {"xla_backend_optimization_level": 0}
EIGHT, FOUR = Neighbourhood(1.0, 1.0), Neighbourhood(2.0, 3.0, 4)
ONE, BLOCK = WindowShape(1, 1, 3, 4), WindowShape(2, 2, 3, 3)


@functools.cache
def solver(name: str, step_cost: str, neighbourhood: Neighbourhood, window: WindowShape):
    """Return a function of resistance, theta and, for the step cost of a raster, the raster."""

    def distances(resistance, theta, *cost):
        return DISTANCES[name](theta, step_cost)(resistance, neighbourhood, window, np.inf, *cost)

    return jax.jit(distances, compiler_options=QUICK)


def walk(resistance: np.ndarray, neighbourhood: Neighbourhood, step_cost: str, graph) -> tuple[np.ndarray, np.ndarray]:
    """Return dense affinities and costs; both 0 where there is no step."""
    rows, columns = resistance.shape
    affinity, cost = np.zeros((2, resistance.size, resistance.size))
    for i, j in np.argwhere(graph.toarray() > 0):
        down, right = i // columns - j // columns, i % columns - j % columns
        length = math.sqrt((down * neighbourhood.cell_height) ** 2 + (right * neighbourhood.cell_width) ** 2)
        r = resistance.flat[j]
        affinity[i, j] = 1 / r / (length / min(neighbourhood.cell_width, neighbourhood.cell_height))
        cost[i, j] = -math.log(affinity[i, j]) if step_cost == "minus_log" else length * r
    return affinity, cost


def components(affinity: np.ndarray, resistance: np.ndarray):
    _, labels = connected_components(affinity > 0)
    for label in range(labels.max() + 1):
        cells = np.flatnonzero((labels == label) & np.isfinite(resistance).ravel())
        if len(cells):
            yield np.ix_(cells, cells)


def literal(resistance: np.ndarray, affinity: np.ndarray, cost: np.ndarray, theta: float) -> dict[str, np.ndarray]:
    """Return all three distances between all cells, as definitions have it, per component."""
    found = {name: np.full_like(affinity, np.inf) for name in ("expected_cost", "free_energy", "survival")}
    for part in components(affinity, resistance):
        A, C = affinity[part], cost[part]
        degree = A.sum(axis=1, keepdims=True)
        W = np.divide(A, degree, out=np.zeros_like(A), where=degree > 0) * np.exp(-theta * C)
        Z = np.linalg.inv(np.eye(len(A)) - W)
        mean = Z @ (C * W) @ Z / Z
        found["expected_cost"][part] = mean - np.diag(mean)
        found["survival"][part] = -np.log(Z / np.diag(Z))
        found["free_energy"][part] = found["survival"][part] / theta
    return found


def of_window(matrix: np.ndarray, window: WindowShape) -> np.ndarray:
    """Return rows of a (cells, cells) matrix as (height, width, lanes)."""
    shape = (window.height, window.width)
    sources = [np.ravel_multi_index(window.source_cell(lane), shape) for lane in range(window.lanes)]
    return np.moveaxis(matrix[sources].reshape(window.lanes, *shape), 0, -1)


def landscapes(landscape, window: WindowShape, decades: float = 1.0) -> np.ndarray:
    shapes = (window.height, window.width)
    return np.stack([landscape(*shapes, seed, decades, holes) for seed, holes in enumerate((0.0, 0.25, 0.45))])


@pytest.mark.parametrize("name", ["expected_cost", "free_energy", "survival"])
@pytest.mark.parametrize(
    ("window", "neighbourhood", "step_cost"),
    [(ONE, EIGHT, "minus_log"), (BLOCK, FOUR, "inverse")],
    ids=["one source", "block"],
)
def test_agrees_with_the_dense_formulas(name, window, neighbourhood, step_cost, landscape, graph_of):
    resistance = landscapes(landscape, window)
    for theta in (0.01, 0.5, 3.0):
        found = np.asarray(solver(name, step_cost, neighbourhood, window)(resistance, theta))
        for one, r in zip(found, resistance, strict=True):
            expected = literal(r, *walk(r, neighbourhood, step_cost, graph_of(r, neighbourhood)), theta)[name]
            # The dense formulas lose digits as theta falls, ours do not.
            np.testing.assert_allclose(one, of_window(expected, window), 1e-10, 1e-11)


def test_the_numbers_of_conscape():
    """Four cells of affinity and cost 1, theta 2, as ConScape 0.3.0 prints them."""
    found = solver("expected_cost", "raster", Neighbourhood(1.0, 1.0, 4), WindowShape(2, 2, 0, 0))(
        jnp.ones((1, 2, 2)), 2.0, jnp.ones((1, 2, 2))
    )
    np.testing.assert_allclose(found[0, ..., 0], [[0, 1.01848], [1.01848, 2.01848]], atol=5e-6)


@pytest.mark.parametrize("window", [ONE, BLOCK], ids=["one source", "block"])
def test_a_large_theta_is_least_cost(window, landscape, graph_of):
    """Sources of a block lie further apart than theta leaves digits for: each is scaled by itself."""
    resistance = landscapes(landscape, window, decades=3)
    neighbourhood = EIGHT if window is ONE else FOUR
    name = "minus_log" if window is ONE else "inverse"
    steps = [walk(r, neighbourhood, name, graph_of(r, neighbourhood)) for r in resistance]
    expected = [of_window(dijkstra(np.where(a > 0, c, 0)), window) for a, c in steps]
    expected = np.where(np.isfinite(of_nodes(resistance, window)), np.stack(expected), np.inf)
    for theta in (1e4, 1e9):
        found = np.asarray(solver("expected_cost", name, neighbourhood, window)(resistance, theta))
        np.testing.assert_allclose(found, expected, 1e-9, 1e-12)
    free = np.asarray(solver("free_energy", name, neighbourhood, window)(resistance, 1e9))
    # What is left is the log probability of the path, over theta.
    np.testing.assert_allclose(free, expected, 1e-7, 1e-7)


def of_nodes(resistance: np.ndarray, window: WindowShape) -> np.ndarray:
    """Return inf where a source is no node."""
    sources = window.block(resistance).reshape(-1, 1, 1, window.lanes)
    return np.where(np.isfinite(resistance)[..., None], sources, np.inf)


@pytest.mark.parametrize("name", ["expected_cost", "free_energy"])
def test_a_small_theta_is_the_random_walk(name, landscape, graph_of):
    """The mean cost until a random walker first gets to a cell, by one linear system per cell."""
    resistance = landscapes(landscape, ONE)
    found = np.asarray(solver(name, "minus_log", EIGHT, ONE)(resistance, 1e-9))
    for one, r in zip(found, resistance, strict=True):
        affinity, cost = walk(r, EIGHT, "minus_log", graph_of(r, EIGHT))
        expected = np.full_like(affinity, np.inf)
        for part in components(affinity, r):
            A, C = affinity[part], cost[part]
            P = A / np.maximum(A.sum(axis=1, keepdims=True), 1e-300)
            hitting = np.zeros_like(A)
            for j in range(len(A)):
                rest = np.arange(len(A)) != j
                if rest.any():
                    system = np.eye(len(A) - 1) - P[np.ix_(rest, rest)]
                    hitting[rest, j] = np.linalg.solve(system, (P * C).sum(axis=1)[rest])
            expected[part] = hitting
        # Of the order of theta times the variance of the cost, relative to its mean.
        np.testing.assert_allclose(one, of_window(expected, ONE), 1e-6)


def test_there_and_back_at_random_is_the_commute_time():
    """Of even affinities and costs of 1: steps, and those of circuits with unit edges."""
    ones = jnp.ones((1, ONE.height, ONE.width))
    four = Neighbourhood(1.0, 1.0, 4)
    whole = WindowShape(ONE.height, ONE.width, 0, 0)
    hitting = np.asarray(
        jax.jit(lambda r: FreeEnergyDistance(1e-9, "raster")(r, four, whole, np.inf, r), compiler_options=QUICK)(ones)
    )
    commute = jax.jit(lambda r: CommuteDistance()(r, four, whole, np.inf), compiler_options=QUICK)(ones)
    hitting = hitting.reshape(whole.lanes, whole.lanes)
    np.testing.assert_allclose(hitting + hitting.T, np.asarray(commute).reshape(whole.lanes, -1), 1e-6, 1e-9)


def test_free_steps_make_all_distances_zero():
    """Permeability 1 under -log has cost 0 with 4 neighbours: nothing is punished."""
    found = solver("expected_cost", "minus_log", Neighbourhood(1.0, 1.0, 4), ONE)(jnp.ones((1, 7, 9)), 1.0)
    np.testing.assert_allclose(found, 0, atol=1e-14)


def model(name: str, theta: float, step_cost: str) -> LandscapeModel:
    proximity = Proximity(load_kernel("exponential"), jnp.asarray(3.0))
    return LandscapeModel(
        DISTANCES[name](jnp.asarray(theta), step_cost), proximity, FOUR if step_cost == "inverse" else EIGHT, np.inf
    )


@pytest.mark.parametrize(
    ("name", "step_cost", "window"),
    [("expected_cost", "raster", BLOCK), ("expected_cost", "minus_log", ONE), ("free_energy", "inverse", ONE)],
)
def test_gradients_equal_central_differences(name, step_cost, window, landscape):
    random = np.random.default_rng(5)
    resistance = landscapes(landscape, window)[1:]
    node = np.isfinite(resistance)
    quality = np.where(node, random.uniform(0.1, 1, node.shape), 0)
    cost = jnp.asarray(random.uniform(0.1, 2, node.shape)) if step_cost == "raster" else None
    start = (model(name, 0.7, step_cost), jnp.asarray(resistance), jnp.asarray(quality), cost)

    def total(inputs):
        landscape_model, resistance, quality, cost = inputs
        return window_connectivity(landscape_model, resistance, quality, window, cost)

    both = jax.jit(lambda inputs: eqx.filter_value_and_grad(total)(inputs), compiler_options=QUICK)
    gradient = both(start)[1]
    assert isinstance(gradient[0], LandscapeModel)
    wanted = {
        "theta": lambda inputs: inputs[0].distance.theta,
        "scale": lambda inputs: inputs[0].proximity.scale,
        "resistance": lambda inputs: inputs[1],
        "quality": lambda inputs: inputs[2],
    }
    if cost is not None:
        wanted["movement cost"] = lambda inputs: inputs[3]
    for label, where in wanted.items():
        value = where(start)
        direction = random.normal(size=value.shape) * np.where(np.isfinite(value), value, 0) * 1e-4
        higher, lower = (
            eqx.tree_at(where, start, jnp.where(jnp.isfinite(value), value + s * direction, value)) for s in (1, -1)
        )
        difference = float(both(higher)[0] - both(lower)[0]) / 2
        assert np.isfinite(where(gradient)).all(), label
        assert float((where(gradient) * direction).sum()) == pytest.approx(difference, rel=1e-6), label
    assert (np.asarray(gradient[1])[~node] == 0).all()


def test_a_raster_of_costs_is_needed_where_it_is_named():
    with pytest.raises(ValueError, match="give movement_cost"):
        ExpectedCostDistance(1.0, "raster")(jnp.ones((1, 7, 9)), EIGHT, ONE, np.inf)
