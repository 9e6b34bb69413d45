"""What holds for every distance, those of new files as well."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from backend import registry
from backend.distances import DISTANCES
from backend.grid import Neighbourhood
from backend.radius_plan import EliminationCost
from backend.window_shape import WindowShape

WINDOW = WindowShape(2, 3, 2, 2)
NEIGHBOURHOODS = {
    "4, average resistance": Neighbourhood(2.0, 3.0, 4, "average_resistance"),
    "8, average conductance": Neighbourhood(2.0, 3.0, 8, "average_conductance"),
}
# Compiled for correctness, not for speed.
QUICK = {"xla_backend_optimization_level": 0}
# What depends on the direction: the cost of a step is that of the cell that it leads to.
DIRECTED = {"expected_cost", "free_energy", "survival"}
# Barriers do not stop it.
GRAPHLESS = {"euclidean"}


def landscapes() -> np.ndarray:
    """Return resistances of even and rough windows, with islands, single nodes and none, in one batch."""
    random = np.random.default_rng(4)
    shape = (WINDOW.height, WINDOW.width)
    rough = [10 ** random.uniform(0, decades, shape) for decades in (0, 2, 4, 4, 4)]
    for window, holes in zip(rough, (0, 0, 0.2, 0.5, 0.8), strict=True):
        window[random.random(shape) < holes] = np.inf
    alone, empty = np.full(shape, np.inf), np.full(shape, np.inf)
    alone[2, 3] = 5.0
    return np.stack([*rough, alone, empty])


@functools.cache
def computed(name: str, neighbourhood: Neighbourhood):
    """Return a function to distances and the gradient of a weighted sum of the finite ones."""
    # Costs of thousands, which no walk survives with a probability that a number of 64 bits can hold.
    distance = DISTANCES[name](1.0, "inverse") if name in DIRECTED else DISTANCES[name]()

    def both(resistance, limit, weights):
        found, pull = jax.vjp(lambda r: distance(r, neighbourhood, WINDOW, limit), resistance)
        return found, pull(weights)[0]

    return jax.jit(both, compiler_options=QUICK)


@functools.cache
def distances(name: str, neighbourhood: Neighbourhood):
    """Return a function to distances alone, which takes less time to compile."""
    distance = DISTANCES[name]()
    return jax.jit(lambda r, limit: distance(r, neighbourhood, WINDOW, limit), compiler_options=QUICK)


@pytest.fixture(params=sorted(DISTANCES))
def name(request) -> str:
    return request.param


@pytest.fixture(params=list(NEIGHBOURHOODS))
def neighbourhood(request) -> Neighbourhood:
    return NEIGHBOURHOODS[request.param]


@pytest.fixture
def found(name, neighbourhood) -> np.ndarray:
    return np.asarray(distances(name, neighbourhood)(landscapes(), np.inf))


def test_every_file_is_offered():
    assert sorted(DISTANCES) == registry.names("distances")


def test_every_distance_declares_its_unit_and_its_window(name):
    assert DISTANCES[name].unit
    follows = registry.constant("distances", name, "HALO_FOLLOWS")
    assert follows in ("length", "resistance", "radius")
    if follows == "radius":
        assert registry.constant("distances", name, "UNIT") == DISTANCES[name].unit
        for cost in ("COST", "GRADIENT_COST"):
            assert EliminationCost(*registry.constant("distances", name, cost)).window_bytes(WINDOW) > 0


def test_is_zero_to_itself_and_positive_to_others(found):
    resistance = landscapes()
    assert not np.isnan(found).any()
    assert (found >= 0).all()
    for lane in range(WINDOW.lanes):
        cell = (slice(None), *WINDOW.source_cell(lane))
        np.testing.assert_array_equal(found[cell][:, lane], np.where(np.isfinite(resistance[cell]), 0, np.inf))


def test_is_infinite_where_there_is_no_way(name, found, neighbourhood, graph_of):
    for resistance, distances in zip(landscapes(), found, strict=True):
        node = np.isfinite(resistance)
        _, labels = connected_components(graph_of(resistance, neighbourhood))
        labels = labels.reshape(node.shape)
        for lane in range(WINDOW.lanes):
            cell = WINDOW.source_cell(lane)
            reached = node & node[cell] & ((labels == labels[cell]) | (name in GRAPHLESS))
            np.testing.assert_array_equal(np.isfinite(distances[..., lane]), reached)


def test_is_symmetric(name, found):
    within = WINDOW.block(np.moveaxis(found, -1, 1)).reshape(-1, WINDOW.lanes, WINDOW.lanes)
    mirrored = np.swapaxes(within, 1, 2)
    np.testing.assert_array_equal(np.isfinite(within), np.isfinite(mirrored))
    if name not in DIRECTED:
        np.testing.assert_allclose(within, mirrored, 1e-9)


def test_limit_cuts_and_changes_nothing_else(name, neighbourhood, found):
    finite = found[np.isfinite(found)]
    limit = float(np.median(finite)) * (1 + 1e-9)
    within = np.asarray(distances(name, neighbourhood)(landscapes(), limit))
    np.testing.assert_allclose(within, np.where(found <= limit, found, np.inf), 1e-12)


def test_gradient_is_finite_and_zero_where_there_is_no_node(name):
    neighbourhood = NEIGHBOURHOODS["8, average conductance"]
    resistance = landscapes()
    weights = np.random.default_rng(2).normal(size=(*resistance.shape, WINDOW.lanes))
    found, gradient = (np.asarray(each) for each in computed(name, neighbourhood)(resistance, np.inf, weights))
    assert np.isfinite(gradient).all()
    assert (gradient[~np.isfinite(resistance)] == 0).all()
    assert name in GRAPHLESS or (gradient != 0).any()
    unreached = np.where(np.isfinite(found), 0, weights)
    ignored = np.asarray(computed(name, neighbourhood)(resistance, np.inf, unreached)[1])
    np.testing.assert_array_equal(ignored, 0)


# Those of free energy and survival are part of that of the expected cost, and take as long to compile.
@pytest.mark.parametrize("name", sorted(set(DISTANCES) - {"free_energy", "survival"}))
def test_forward_mode_equals_central_differences(name):
    """By one number that changes resistances and theta; without ties, at which a direction has a derivative of its own."""
    resistance = landscapes()[1:5]
    node = np.isfinite(resistance)
    weights = np.random.default_rng(3).normal(size=(*resistance.shape, WINDOW.lanes))
    directed = name in DIRECTED

    def total(exponent):
        distance = DISTANCES[name](0.5 * exponent, "inverse") if directed else DISTANCES[name]()
        changed = jnp.where(node, jnp.where(node, resistance, 1) ** exponent, jnp.inf)
        found = distance(changed, NEIGHBOURHOODS["8, average conductance"], WINDOW, np.inf)
        return jnp.where(jnp.isfinite(found), found * weights, 0).sum()

    forwards = jax.jit(jax.jacfwd(total), compiler_options=QUICK)(1.3)
    alone = jax.jit(total, compiler_options=QUICK)
    difference = float(alone(1.3 + 1e-6) - alone(1.3 - 1e-6)) / 2e-6
    assert forwards == pytest.approx(difference, rel=1e-6)
    assert (forwards == 0) == (name in GRAPHLESS)


def test_keeps_single_precision(name):
    kind = jax.eval_shape(
        lambda r: DISTANCES[name]()(r, NEIGHBOURHOODS["4, average resistance"], WINDOW, np.inf),
        jax.ShapeDtypeStruct((1, WINDOW.height, WINDOW.width), jnp.float32),
    )
    assert kind.dtype == jnp.float32
    assert kind.shape == (1, WINDOW.height, WINDOW.width, WINDOW.lanes)
