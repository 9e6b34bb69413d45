"""Effective resistance against dense circuits, and against the laws of circuits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from backend.distances import ResistanceDistance
from backend.grid import Neighbourhood
from backend.window_shape import WindowShape

# Compiled for correctness, not for speed.
QUICK = {"xla_backend_optimization_level": 0}
EIGHT = Neighbourhood(1.0, 1.0)
# Resistances over four decades lose as many of the 16 digits, at most.
RTOL = 1e-10


@functools.cache
def solver(neighbourhood: Neighbourhood, window: WindowShape, limit: float = np.inf):
    distance = ResistanceDistance()
    return jax.jit(lambda r: distance(r, neighbourhood, window, limit), compiler_options=QUICK)


def everywhere(rows: int, columns: int) -> WindowShape:
    """Return a window whose cells are all sources."""
    return WindowShape(rows, columns, 0, 0)


def matrix(found: np.ndarray) -> np.ndarray:
    """Return distances (source, cell) of one window whose cells are all sources."""
    return np.asarray(found)[0].reshape(-1, found.shape[-1]).T


def laplacian(conductances: np.ndarray) -> np.ndarray:
    return np.diag(conductances.sum(axis=1)) - conductances


def dense(costs: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Return all effective resistances of a graph by the pseudo-inverse of each component's Laplacian."""
    conductances = np.divide(1, costs, out=np.zeros_like(costs), where=costs > 0)
    _, labels = connected_components(costs > 0)
    found = np.full_like(costs, np.inf)
    for label in range(labels.max() + 1):
        cells = np.flatnonzero((labels == label) & node)
        if len(cells):
            inverse = np.linalg.pinv(laplacian(conductances[np.ix_(cells, cells)]))
            own = np.diag(inverse)
            found[np.ix_(cells, cells)] = own[:, None] + own - 2 * inverse
    return found


def expected(resistance: np.ndarray, graph, window: WindowShape) -> np.ndarray:
    found = dense(graph.toarray(), np.isfinite(resistance).ravel())
    sources = [np.ravel_multi_index(window.source_cell(lane), resistance.shape) for lane in range(window.lanes)]
    return np.moveaxis(found[sources].reshape(window.lanes, *resistance.shape), 0, -1)


@pytest.mark.parametrize(
    "window",
    [WindowShape(1, 1, 4, 5), WindowShape(3, 2, 3, 4), WindowShape(4, 5, 0, 0), WindowShape(1, 3, 0, 2)],
    ids=["one source", "block", "all sources", "one row"],
)
@pytest.mark.parametrize(
    "neighbourhood",
    [
        Neighbourhood(2.0, 3.0, 4, "average_conductance"),
        Neighbourhood(2.0, 3.0, 8),
        Neighbourhood(1.0, 1.0, 8, corners="open"),
    ],
    ids=["4 neighbours", "8 neighbours", "open corners"],
)
def test_agrees_with_the_pseudo_inverse(window, neighbourhood, graph_of, landscape):
    resistance = np.stack(
        [
            landscape(window.height, window.width, seed, decades=4, holes=holes)
            for seed, holes in enumerate((0, 0.2, 0.35, 0.6))
        ]
    )
    found = np.asarray(solver(neighbourhood, window)(jnp.asarray(resistance)))
    for one, r in zip(found, resistance, strict=True):
        np.testing.assert_allclose(one, expected(r, graph_of(r, neighbourhood), window), RTOL, 1e-9)


def test_resistances_in_series_add_up():
    """Along a single row there is one way only: the cost of the path."""
    resistance = np.array([[1.0, 5.0, 2.0, 1000.0, 3.0]])
    steps = (resistance[0, 1:] + resistance[0, :-1]) / 2 * 7
    found = solver(Neighbourhood(7.0, 1.0), WindowShape(1, 1, 0, 2))(jnp.asarray(resistance)[None])
    np.testing.assert_allclose(found[0, 0, :, 0], [steps[:2].sum(), steps[1], 0, steps[2], steps[2:].sum()], 1e-13)


def test_resistances_in_parallel_add_their_conductances():
    """Around a ring of four cells with sides 1 two ways of length 1 and 3 lie side by side."""
    found = matrix(solver(Neighbourhood(1.0, 1.0, 4), everywhere(2, 2))(jnp.ones((1, 2, 2))))
    np.testing.assert_allclose(
        found, [[0, 0.75, 0.75, 1], [0.75, 0, 1, 0.75], [0.75, 1, 0, 0.75], [1, 0.75, 0.75, 0]], 1e-14
    )


def test_is_a_metric(landscape):
    found = matrix(solver(EIGHT, everywhere(4, 5))(jnp.asarray(landscape(4, 5, 3, holes=0.1))[None]))
    np.testing.assert_allclose(found, found.T, 1e-9)
    assert (np.diag(found)[np.isfinite(np.diag(found))] == 0).all()
    finite = np.where(np.isfinite(found), found, 1e30)
    assert (finite[:, None, :] <= (finite[:, :, None] + finite[None]).clip(max=1e30) * (1 + 1e-9)).all()


def test_foster(landscape, graph_of):
    """Conductance times effective resistance, summed over the edges, is the number of nodes minus that of components."""
    resistance = landscape(4, 5, 8, decades=5, holes=0.2)
    costs = graph_of(resistance, EIGHT).toarray()
    found = matrix(solver(EIGHT, everywhere(4, 5))(jnp.asarray(resistance)[None]))
    joined = np.triu(costs > 0)
    node = np.isfinite(resistance).ravel()
    count, _ = connected_components((costs > 0)[np.ix_(node, node)])
    assert (found[joined] / costs[joined]).sum() == pytest.approx(node.sum() - count, rel=1e-9)


def test_rayleigh(landscape):
    """A larger resistance anywhere lowers no effective resistance."""
    resistance = landscape(4, 5, 4, holes=0.1)
    higher = resistance.copy()
    higher[1, 1:3] *= 3
    before, after = (matrix(solver(EIGHT, everywhere(4, 5))(jnp.asarray(r)[None])) for r in (resistance, higher))
    assert (after >= before * (1 - 1e-9)).all()
    assert (after > before * 1.001).any()


def test_scales_with_resistance_and_cell_size(landscape):
    window = WindowShape(3, 2, 3, 4)
    resistance = jnp.asarray(landscape(9, 10, 1))[None]
    unit = np.asarray(solver(EIGHT, window)(resistance))
    np.testing.assert_allclose(solver(EIGHT, window)(resistance * 1e3), unit * 1e3, 1e-9)
    np.testing.assert_allclose(solver(Neighbourhood(30.0, 30.0), window)(resistance), unit * 30, 1e-9)


@pytest.mark.parametrize("neighbours", [4, 8])
def test_is_never_above_the_least_cost(neighbours, landscape, expected_distances):
    window, neighbourhood = WindowShape(3, 2, 3, 4), Neighbourhood(1.0, 1.0, neighbours)
    resistance = landscape(9, 10, 6)
    found = np.asarray(solver(neighbourhood, window)(jnp.asarray(resistance)[None]))[0]
    least = expected_distances(resistance, neighbourhood, window)
    np.testing.assert_array_equal(np.isinf(found), np.isinf(least))
    assert (found <= least * (1 + 1e-9)).all()


def test_thousands_of_isolated_cells_and_islands():
    """A checkerboard without diagonals: every cell alone, but for an island of two."""
    window = WindowShape(1, 1, 20, 20)
    resistance = np.where(np.indices((41, 41)).sum(axis=0) % 2 == 0, 1.0, np.inf)
    resistance[20, 21] = 3.0
    found = np.asarray(solver(Neighbourhood(1.0, 1.0, 4), window)(jnp.asarray(resistance)[None]))[0, ..., 0]
    reached = np.argwhere(np.isfinite(found)).tolist()
    assert reached == [[19, 21], [20, 20], [20, 21], [20, 22], [21, 21]]
    assert found[20, 20] == 0
    assert found[20, 21] == pytest.approx(2)
    assert found[20, 22] == pytest.approx(4)


def test_the_limit_is_inclusive():
    window = WindowShape(1, 1, 0, 3)
    found = solver(EIGHT, window, 2.0)(jnp.ones((1, 1, 7)))
    np.testing.assert_allclose(found[0, 0, :, 0], [np.inf, 2, 1, 0, 1, 2, np.inf], 1e-14)


def test_own_windows_are_those_of_single_sources(landscape):
    resistance = jnp.asarray(landscape(8, 9, 2, holes=0.2))[None]
    found = solver(EIGHT, WindowShape(2, 3, 3, 3, own_windows=True))(resistance)
    one = solver(EIGHT, WindowShape(1, 1, 3, 3))(resistance[:, 1:8, 2:9])
    np.testing.assert_allclose(found[:, 1:8, 2:9, 5], one[..., 0], 1e-12)
    assert np.isinf(found[:, 0, :, 5]).all()
    assert np.isinf(found[:, :, :2, 5]).all()


def test_single_precision_is_computed_in_double(landscape):
    window = WindowShape(3, 2, 3, 4)
    resistance = landscape(9, 10, 5).astype(np.float32)
    single = solver(EIGHT, window)(jnp.asarray(resistance)[None])
    double = solver(EIGHT, window)(jnp.asarray(resistance.astype(float))[None])
    assert single.dtype == jnp.float32
    # The costs of the edges are rounded to single precision, the circuit is not.
    np.testing.assert_allclose(single, double, 1e-6)


@functools.cache
def gradients(window: WindowShape):
    distance = ResistanceDistance()

    def total(resistance, weights):
        found = distance(resistance, EIGHT, window, np.inf)
        return (jnp.where(jnp.isfinite(found), found, 0) * weights).sum()

    return jax.jit(jax.value_and_grad(total), compiler_options=QUICK)


@pytest.mark.parametrize("window", [WindowShape(1, 1, 3, 4), WindowShape(3, 2, 3, 4)], ids=["one source", "block"])
def test_gradient_equals_central_differences(window, landscape):
    random = np.random.default_rng(3)
    resistance = np.stack(
        [landscape(window.height, window.width, seed, 2, holes) for seed, holes in enumerate((0.1, 0.4))]
    )
    node = np.isfinite(resistance)
    weights = random.normal(size=(*resistance.shape, window.lanes))
    both = gradients(window)
    gradient = np.asarray(both(jnp.asarray(resistance), weights)[1])
    assert (gradient[~node] == 0).all()
    for _ in range(3):
        direction = np.where(node, random.normal(size=resistance.shape), 0)
        step = 1e-5 * np.where(node, resistance, 0) * direction
        difference = (both(resistance + step, weights)[0] - both(resistance - step, weights)[0]) / 2
        assert (gradient[node] * step[node]).sum() == pytest.approx(float(difference), rel=1e-6)


def test_gradient_beyond_reach_is_zero():
    """Islands that no source lies on change nothing."""
    resistance = np.ones((2, 7, 8))
    resistance[:, :, 6] = np.inf
    window = WindowShape(3, 2, 2, 3)
    gradient = gradients(window)(resistance, np.ones((2, 7, 8, 6)))[1]
    assert (np.asarray(gradient)[:, :, 6:] == 0).all()
    assert (np.asarray(gradient)[:, :, :6] > 0).all()
