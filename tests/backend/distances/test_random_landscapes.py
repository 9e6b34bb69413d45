"""Laws of every distance over landscapes that hypothesis makes up: barriers, even land and six decades of contrast, in any mixture."""

import functools
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csgraph, csr_matrix

from backend import LandscapeModel
from backend.dispersal import load_kernel
from backend.distances import DISTANCES
from backend.grid import Neighbourhood
from backend.proximity import Proximity
from backend.window_shape import WindowShape

SIDE = 5
#: All cells are sources, and the window is the raster.
WINDOW = WindowShape(SIDE, SIDE, 0, 0)
NEIGHBOURHOODS = (
    Neighbourhood(2.0, 3.0, 4, "average_resistance"),
    Neighbourhood(1.0, 1.0, 8, "average_conductance"),
    Neighbourhood(1.5, 1.0, 8, "average_resistance", "open"),
    Neighbourhood(1.0, 1.0, 4, "average_conductance"),
)
#: Walks know no edge rule, and take long to compile.
FOR_WALKS, FOR_COMMUTE = {"survival": NEIGHBOURHOODS[1:3]}, NEIGHBOURHOODS[:2]
QUICK = {"xla_backend_optimization_level": 0}
METRICS = ("euclidean", "least_cost", "resistance")
ON_GRAPH = sorted(set(DISTANCES) - {"euclidean"})
WALKS = ("expected_cost", "free_energy", "survival")
#: Distances in units of resistance times length.
PROPORTIONAL = ("least_cost", "resistance")

#: Powers of ten.
decades = st.one_of(
    st.just(np.inf), st.sampled_from([-3.0, 0.0, 3.0]), st.floats(-3, 3, allow_nan=False, allow_infinity=False)
)
landscapes = arrays.arrays(np.float64, (SIDE, SIDE), elements=decades).map(lambda power: 10.0**power)
neighbourhoods = st.sampled_from(NEIGHBOURHOODS)


def neighbourhoods_of(name: str) -> tuple[Neighbourhood, ...]:
    if name in WALKS:
        return FOR_WALKS.get(name, NEIGHBOURHOODS[1:2])
    return FOR_COMMUTE if name == "commute" else NEIGHBOURHOODS


def laws(examples: int = 25):
    def decorate(test):
        return settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )(test)

    return decorate


@functools.cache
def compiled(name: str, neighbourhood: Neighbourhood):
    distance = DISTANCES[name]()
    return jax.jit(lambda r: distance(r, neighbourhood, WINDOW, np.inf), compiler_options=QUICK)


def distances(name: str, resistance: np.ndarray, neighbourhood: Neighbourhood) -> np.ndarray:
    """Return (source, cell) distances between all cells."""
    if name in WALKS:
        resistance = resistance * 1e3  # steps of a cost below 0 would have no meaning
    found = np.asarray(compiled(name, neighbourhood)(resistance[None]))[0]
    return found.reshape(SIDE * SIDE, SIDE * SIDE).T


@pytest.mark.parametrize(
    ("name", "neighbourhood"),
    [(name, each) for name in sorted(DISTANCES) for each in neighbourhoods_of(name)],
    ids=lambda value: value if isinstance(value, str) else f"{value.neighbours}-{value.edge_rule}-{value.corners}",
)
@laws()
@given(resistance=landscapes)
def test_reaches_what_is_joined_and_nothing_else(name, resistance, neighbourhood, graph_of):
    found = distances(name, resistance, neighbourhood)
    node = np.isfinite(resistance).ravel()
    assert not np.isnan(found).any()
    if name in ON_GRAPH:
        labels = csgraph.connected_components(graph_of(resistance, neighbourhood))[1]
        joined = (labels[:, None] == labels) & node[:, None] & node
    else:
        joined = node[:, None] & node
    np.testing.assert_array_equal(np.isfinite(found), joined)
    np.testing.assert_array_equal(np.diag(found)[node], 0)
    assert (found >= -1e-12).all()  # a walker who certainly arrives does so but for rounding


@pytest.mark.parametrize("name", METRICS)
@laws()
@given(resistance=landscapes, neighbourhood=neighbourhoods)
def test_is_a_metric(name, resistance, neighbourhood):
    found = distances(name, resistance, neighbourhood)
    finite = np.where(np.isfinite(found), found, 1e300)
    np.testing.assert_allclose(finite, finite.T, 1e-9)
    # Over six decades differences lose digits of the larger of the two.
    by_way_of_a_third = (finite[:, :, None] + finite[None]).min(axis=1)
    assert (finite <= by_way_of_a_third * (1 + 1e-9)).all()


@laws(60)
@given(resistance=landscapes, neighbourhood=neighbourhoods)
def test_least_cost_is_that_of_dijkstra(resistance, neighbourhood, graph_of):
    expected = csgraph.dijkstra(graph_of(resistance, neighbourhood))
    node = np.isfinite(resistance).ravel()
    expected[~node] = np.inf
    np.testing.assert_allclose(distances("least_cost", resistance, neighbourhood), expected, 1e-12)


@laws(40)
@given(resistance=landscapes, neighbourhood=neighbourhoods)
def test_around_the_globe_least_cost_is_that_of_dijkstra_on_a_cylinder(resistance, neighbourhood, graph_of):
    """In windows so wide that a path may wind around as often as there are rows."""
    tiled = graph_of(np.tile(resistance, (1, 3)), neighbourhood).tocoo()
    row, column = np.divmod(np.stack([tiled.row, tiled.col]), 3 * SIDE)
    middle = column[0] // SIDE == 1
    start, end = (row * SIDE + column % SIDE)[:, middle]
    expected = csgraph.dijkstra(csr_matrix((tiled.data[middle], (start, end)), (SIDE * SIDE, SIDE * SIDE)))
    node = np.isfinite(resistance).ravel()
    expected[~node | np.eye(SIDE * SIDE, dtype=bool)] = np.inf
    wide = np.tile(resistance, (1, 2 * SIDE + 1))[None]
    found = np.asarray(around_the_globe(neighbourhood)(wide))[0].reshape(SIDE, 2 * SIDE + 1, SIDE, -1)
    np.testing.assert_allclose(found.min(axis=1).reshape(SIDE * SIDE, -1).T, expected, 1e-12)
    assert (np.isfinite(found).sum(axis=1) <= 1).all()


@functools.cache
def around_the_globe(neighbourhood: Neighbourhood):
    model = LandscapeModel(
        DISTANCES["least_cost"](),
        Proximity(load_kernel("exponential"), 1.0),
        replace(neighbourhood, around=SIDE),
        np.inf,
    )
    window = WindowShape(SIDE, SIDE, 0, SIDE * SIDE)
    return jax.jit(lambda r: model.distances(r, window), compiler_options=QUICK)


@laws(40)
@given(resistance=landscapes, neighbourhood=neighbourhoods)
def test_resistance_is_that_of_the_pseudo_inverse(resistance, neighbourhood, graph_of):
    found = distances("resistance", resistance, neighbourhood)
    graph = graph_of(resistance, neighbourhood)
    conductance = csr_matrix((1 / graph.data, graph.indices, graph.indptr), graph.shape).toarray()
    node = np.isfinite(resistance).ravel()
    labels = csgraph.connected_components(graph)[1]
    for label in np.unique(labels[node]):
        cells = np.flatnonzero((labels == label) & node)
        part = conductance[np.ix_(cells, cells)]
        laplacian = np.diag(part.sum(axis=1)) - part
        inverse = np.zeros_like(laplacian)
        inverse[1:, 1:] = np.linalg.inv(laplacian[1:, 1:])
        own = np.diag(inverse)
        expected = own[:, None] + own - 2 * inverse
        # Both take differences of numbers as large as the largest.
        np.testing.assert_allclose(found[np.ix_(cells, cells)], expected, 1e-7, 1e-9 * max(own.max(), 1e-9))


@laws(40)
@given(resistance=landscapes, neighbourhood=neighbourhoods)
def test_resistance_obeys_foster(resistance, neighbourhood, graph_of):
    found = distances("resistance", resistance, neighbourhood)
    graph = graph_of(resistance, neighbourhood).tocoo()
    node = np.isfinite(resistance).ravel()
    components = csgraph.connected_components(graph)[0] - (~node).sum()
    total = (found[graph.row, graph.col] / graph.data).sum() / 2
    assert total == pytest.approx(node.sum() - components, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", PROPORTIONAL)
@laws()
@given(resistance=landscapes, neighbourhood=neighbourhoods, power=st.integers(-20, 20))
def test_scales_with_the_resistance(name, resistance, neighbourhood, power):
    factor = 2.0**power  # exact in binary
    found = distances(name, resistance, neighbourhood)
    np.testing.assert_allclose(distances(name, resistance * factor, neighbourhood), found * factor, 1e-9)


@pytest.mark.parametrize("name", PROPORTIONAL)
@laws()
@given(
    resistance=landscapes,
    neighbourhood=neighbourhoods,
    cell=st.integers(0, SIDE * SIDE - 1),
    factor=st.sampled_from([1.5, 100.0, np.inf]),
)
def test_more_resistance_brings_nobody_nearer(name, resistance, neighbourhood, cell, factor):
    """For circuits this is Rayleigh's law; an infinite factor removes the cell."""
    harder = resistance.copy()
    harder.flat[cell] *= factor
    before, after = (distances(name, each, neighbourhood) for each in (resistance, harder))
    others = np.arange(SIDE * SIDE) != cell
    pairs = np.ix_(others, others)
    assert (after[pairs] >= before[pairs] * (1 - 1e-7)).all()


@laws()
@given(resistance=landscapes, neighbourhood=neighbourhoods)
def test_circuits_are_never_longer_than_the_least_cost(resistance, neighbourhood):
    circuit, path = (distances(name, resistance, neighbourhood) for name in ("resistance", "least_cost"))
    joined = np.isfinite(path)
    assert (circuit[joined] <= path[joined] * (1 + 1e-7)).all()


@pytest.mark.parametrize("name", PROPORTIONAL)
@laws(10)
@given(resistance=landscapes, neighbourhood=st.sampled_from(NEIGHBOURHOODS[:2]), seed=st.integers(0, 9))
def test_gradient_is_finite(name, resistance, neighbourhood, seed):
    found, pull = gradient_of(name, neighbourhood)(resistance[None], np.random.default_rng(seed).normal(size=SIDE**4))
    assert np.isfinite(np.asarray(pull)).all()
    assert (np.asarray(pull)[0][~np.isfinite(resistance)] == 0).all()


@functools.cache
def gradient_of(name: str, neighbourhood: Neighbourhood):
    distance = DISTANCES[name]()

    def both(resistance, weights):
        found, pull = jax.vjp(lambda r: distance(r, neighbourhood, WINDOW, np.inf), resistance)
        return found, pull(weights.reshape(found.shape))[0]

    return jax.jit(both, compiler_options=QUICK)
