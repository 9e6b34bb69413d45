"""The graph of a raster against its definition."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend import grid
from backend.grid import Neighbourhood

INF = np.inf
edge_costs = jax.jit(grid.edge_costs, static_argnums=1)


def test_edges_of_a_small_raster_by_hand():
    resistance = jnp.array([[1.0, 3.0], [2.0, 4.0]])
    costs = edge_costs(resistance, Neighbourhood(2.0, 1.0))
    diagonal = math.sqrt(5)
    np.testing.assert_allclose(costs.east, [[4.0, INF], [6.0, INF]])
    np.testing.assert_allclose(costs.south, [[1.5, 3.5], [INF, INF]])
    np.testing.assert_allclose(costs.southeast, [[2.5 * diagonal, INF], [INF, INF]])
    np.testing.assert_allclose(costs.southwest, [[INF, 2.5 * diagonal], [INF, INF]])


def test_average_conductance_is_the_harmonic_mean():
    costs = edge_costs(jnp.array([[1.0, 3.0]]), Neighbourhood(10.0, 10.0, edge_rule="average_conductance"))
    assert costs.east[0, 0] == pytest.approx(10 / ((1 + 1 / 3) / 2))


def test_both_rules_agree_on_a_uniform_raster():
    resistance = jnp.full((4, 5), 7.0)
    one = edge_costs(resistance, Neighbourhood(2.0, 3.0))
    other = edge_costs(resistance, Neighbourhood(2.0, 3.0, edge_rule="average_conductance"))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-15), one, other)


def test_four_neighbours_have_no_diagonals():
    costs = edge_costs(jnp.ones((3, 3)), Neighbourhood(1.0, 1.0, neighbours=4))
    assert np.isinf(costs.southeast).all()
    assert np.isinf(costs.southwest).all()


@pytest.mark.parametrize("nodata", [np.inf, np.nan])
def test_no_node_no_edge(nodata):
    costs = edge_costs(jnp.ones((3, 3)).at[1, 1].set(nodata), Neighbourhood(1.0, 1.0))
    assert np.isinf(costs.east[1, :2]).all()
    assert np.isinf(costs.south[:2, 1]).all()
    assert np.isinf([costs.southeast[0, 0], costs.southeast[1, 1], costs.southwest[0, 2], costs.southwest[1, 1]]).all()
    assert np.isfinite(
        [costs.southeast[0, 1], costs.southeast[1, 0], costs.southwest[0, 1], costs.southwest[1, 2]]
    ).all()


@pytest.mark.parametrize("corners", ["closed", "open"])
def test_corner_rule(corners):
    """Of a 2 x 2 raster with some cells missing, a diagonal is closed only where both cells beside it are missing."""
    for missing in itertools.product([False, True], repeat=4):
        resistance = jnp.where(jnp.array(missing).reshape(2, 2), INF, 1.0)
        costs = edge_costs(resistance, Neighbourhood(1.0, 1.0, corners=corners))
        (nw, ne), (sw, se) = np.isfinite(resistance)
        assert np.isfinite(costs.southeast[0, 0]) == (nw and se and (ne or sw or corners == "open"))
        assert np.isfinite(costs.southwest[0, 1]) == (ne and sw and (nw or se or corners == "open"))


def test_batches_are_rasters_side_by_side(landscape):
    rasters = np.stack([landscape(5, 6, seed) for seed in range(3)])
    neighbourhood = Neighbourhood(1.0, 2.0)
    together = edge_costs(jnp.asarray(rasters), neighbourhood)
    for k, raster in enumerate(rasters):
        alone = edge_costs(jnp.asarray(raster), neighbourhood)
        jax.tree.map(lambda a, b, k=k: np.testing.assert_array_equal(a[k], b), together, alone)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
def test_thin_rasters(shape):
    costs = edge_costs(jnp.ones(shape), Neighbourhood(1.0, 1.0))
    assert sum(int(np.isfinite(each).sum()) for each in costs) == max(shape) - 1


@pytest.mark.parametrize("rule", ["average_resistance", "average_conductance"])
def test_gradient_is_finite_beside_no_nodes_and_right(rule):
    random = np.random.default_rng(0)
    resistance = 10 ** random.uniform(-1, 1, (4, 5))
    resistance[1, 2], resistance[3, 0] = np.inf, np.nan
    weights = random.random((4, 4, 5))
    neighbourhood = Neighbourhood(1.0, 2.0, edge_rule=rule)

    @jax.jit
    def weighted(r):
        costs = edge_costs(r, neighbourhood)
        return sum((jnp.where(jnp.isfinite(c), c, 0) * w).sum((-2, -1)) for c, w in zip(costs, weights, strict=True))

    gradient = np.asarray(jax.grad(weighted)(jnp.asarray(resistance)))
    assert np.isfinite(gradient).all()
    steps = np.where(np.isfinite(resistance), 1e-5 * resistance, 0)
    changes = np.eye(resistance.size).reshape(-1, *resistance.shape) * steps
    rise = np.asarray(weighted(jnp.asarray(resistance + changes)) - weighted(jnp.asarray(resistance - changes)))
    slope = rise / np.where(steps > 0, 2 * steps, 1).ravel()
    # Central differences: truncation of order 1e-10, rounding of order 1e-16 / 1e-5.
    np.testing.assert_allclose(gradient.ravel(), slope, rtol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell_width": 0.0}, "must be > 0"),
        ({"cell_height": INF}, "finite"),
        ({"neighbours": 6}, "give 4 or 8"),
        ({"edge_rule": "mean"}, "edge rule 'mean'"),
        ({"corners": "ajar"}, "corner rule 'ajar'"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Neighbourhood(**{"cell_width": 1.0, "cell_height": 1.0, **arguments})
