"""The kernels behind least-cost distances: both implementations, their adjoint, limits, threads."""

import itertools
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend import grid, solvers
from backend.grid import EdgeCosts, Neighbourhood
from backend.processors import available_processors
from backend.solvers import set_thread_count, thread_count
from backend.solvers.host_sweeps import gradients_and_arrived
from backend.solvers.relaxation import gather_cotangents
from backend.solvers.shortest_paths import tie_tolerance
from backend.window_shape import WindowShape

WINDOW = WindowShape(2, 2, 5, 4)
SQUARE = Neighbourhood(1.0, 1.0)
edge_costs = jax.jit(grid.edge_costs, static_argnums=1)
shortest_paths = jax.jit(solvers.shortest_paths.shortest_paths, static_argnums=1, static_argnames="method")


def weighted_sum(resistance, weights, neighbourhood, window, limit=np.inf, method="automatic"):
    found = solvers.shortest_paths.shortest_paths(
        grid.edge_costs(resistance, neighbourhood), window, limit, method=method
    )
    return jnp.where(jnp.isfinite(found), found * weights, 0).sum((-3, -2, -1))


gather = jax.jit(gather_cotangents)
value = jax.jit(weighted_sum, static_argnums=(2, 3), static_argnames="method")
gradient = jax.jit(
    jax.grad(lambda *a, **k: weighted_sum(*a, **k).sum()), static_argnums=(2, 3), static_argnames="method"
)


def weights_for(window, blocks=1, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(blocks, window.height, window.width, window.lanes)))


@pytest.fixture
def restore_threads():
    yield
    set_thread_count(0)


@pytest.mark.parametrize(("own", "limit"), [(False, np.inf), (False, 40.0), (True, np.inf)])
def test_relaxation_equals_row_sweeps(own, limit, landscape):
    """Also at ties: one of the rasters is flat."""
    window = WindowShape(2, 2, 5, 4, own_windows=own)
    shape = window.height, window.width
    rasters = jnp.asarray([landscape(*shape, 0, decades=2), landscape(*shape, 1, decades=2, holes=0.3), np.ones(shape)])
    costs = edge_costs(rasters, SQUARE)
    is_source = jnp.isfinite(window.block(rasters)).reshape(3, -1)
    sweeps = shortest_paths(costs, window, limit, is_source, method="row_sweeps")
    relaxed = shortest_paths(costs, window, limit, is_source, method="relaxation")
    # Both are the fixed point of the same rounded sums.
    np.testing.assert_array_equal(sweeps, relaxed)
    weights = weights_for(window, 3)
    ours = gradient(rasters, weights, SQUARE, window, limit, method="row_sweeps")
    theirs = gradient(rasters, weights, SQUARE, window, limit, method="relaxation")
    # The same sums in another order.
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * float(jnp.abs(theirs).max()))


def test_automatic_takes_the_sweeps_on_a_cpu(monkeypatch):
    from backend.solvers import host_sweeps

    called = []
    kernel = host_sweeps.row_sweeps.sweep_windows
    monkeypatch.setattr(host_sweeps.row_sweeps, "sweep_windows", lambda *a: called.append(1) or kernel(*a))
    costs = edge_costs(jnp.ones((1, WINDOW.height, WINDOW.width)), SQUARE)
    shortest_paths(costs, WINDOW, np.inf).block_until_ready()
    assert called == ([1] if jax.default_backend() == "cpu" else [])


@pytest.mark.parametrize(
    ("neighbours", "rule", "cell"), [(8, "average_resistance", (1.0, 1.0)), (4, "average_conductance", (2.0, 3.0))]
)
def test_gradient_equals_central_differences(neighbours, rule, cell, landscape):
    """At every cell: interior, border, beside nodata, and where sources and cells are cut off from each other."""
    neighbourhood = Neighbourhood(*cell, neighbours, rule)
    window = WindowShape(2, 2, 3, 4)
    raster = landscape(window.height, window.width, 12, decades=1.5, holes=0.2)
    raster[:, 2] = np.inf
    weights = weights_for(window)
    exact = np.asarray(gradient(jnp.asarray(raster)[None], weights, neighbourhood, window))[0]
    steps = np.where(np.isfinite(raster), 1e-6 * raster, 0)
    changes = np.eye(raster.size).reshape(-1, *raster.shape) * steps
    rise = np.asarray(value(jnp.asarray(raster + changes), weights, neighbourhood, window))
    fall = np.asarray(value(jnp.asarray(raster - changes), weights, neighbourhood, window))
    slope = ((rise - fall) / np.where(steps > 0, 2 * steps, 1).ravel()).reshape(raster.shape)
    # Between changes of route distances are linear (average resistance); rounding is 1e-16 / 1e-6 of a sum of some hundreds.
    np.testing.assert_allclose(exact, slope, rtol=1e-6, atol=1e-6 * np.abs(slope).max())
    assert np.abs(exact[:, :2]).max() == 0
    assert (exact[~np.isfinite(raster)] == 0).all()


def test_gradient_within_a_limit_counts_only_pairs_within_it(landscape):
    window = WindowShape(2, 2, 4, 4)
    raster = landscape(window.height, window.width, 5, decades=1, holes=0.1)
    whole = shortest_paths(edge_costs(jnp.asarray(raster)[None], SQUARE), window, np.inf)
    weights = weights_for(window)
    limit = 12.3
    ours = gradient(jnp.asarray(raster)[None], weights, SQUARE, window, limit)
    masked = gradient(jnp.asarray(raster)[None], jnp.where(whole <= limit, weights, 0), SQUARE, window)
    assert 0 < int((whole <= limit).sum()) < int(jnp.isfinite(whole).sum())
    np.testing.assert_allclose(ours, masked, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dtype", "neighbours"), [(jnp.float32, 8), (jnp.float64, 8), (jnp.float64, 4)])
def test_ties_are_shared_equally(dtype, neighbours):
    """On a flat raster the gradient of the middle source has all the symmetries of the square."""
    window = WindowShape(3, 3, 5, 5)
    weights = jnp.zeros((1, 13, 13, 9), dtype).at[..., 4].set(1)
    found = np.asarray(
        gradient(jnp.full((1, 13, 13), 0.7, dtype), weights, Neighbourhood(0.3, 0.3, neighbours), window)
    )[0]
    for same in (found[::-1], found[:, ::-1], found.T):
        np.testing.assert_allclose(found, same, rtol=1e-5 if dtype == jnp.float32 else 1e-12)


def test_two_equal_ways_carry_half_each():
    """Round a hole, by closed form: each of two detours carries half of the mass."""
    raster = jnp.asarray([[1.0, 1.0, 1.0], [1.0, jnp.inf, 1.0], [1.0, 1.0, 1.0]])[None]
    window = WindowShape(1, 3, 1, 0)
    weights = jnp.zeros((1, 3, 3, 3)).at[0, 1, 2, 0].set(1.0)
    found = gradient(raster, weights, Neighbourhood(1.0, 1.0, 4), window)[0]
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0.5]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["flat", "six decades", "whole numbers"])
def test_all_mass_arrives_at_the_source(kind, dtype, landscape):
    window = WindowShape(4, 4, 7, 7)
    shape = window.height, window.width
    whole_numbers = np.random.default_rng(1).integers(1, 4, shape).astype(float)
    raster = {"flat": np.ones(shape), "six decades": landscape(*shape, 3), "whole numbers": whole_numbers}[kind]
    costs = edge_costs(jnp.asarray(raster, dtype)[None], SQUARE)
    is_source = jnp.isfinite(window.block(jnp.asarray(raster))).reshape(1, -1)
    found = shortest_paths(costs, window, np.inf, is_source)
    mass = jnp.asarray(np.random.default_rng(2).random(found.shape), dtype)
    sums = np.asarray(jnp.where(jnp.isfinite(found), mass, 0).sum((1, 2)))
    slack = 1 + tie_tolerance(dtype)
    arrived = gradients_and_arrived(window, slack, EdgeCosts(*map(np.asarray, costs)), is_source, found, mass)[1]
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(arrived, sums, rtol=tolerance)
    if dtype == np.float64:
        relaxed = np.asarray(gather(costs, found, mass, slack)[1])
        for lane in range(window.lanes):
            np.testing.assert_allclose(relaxed[(0, *window.source_cell(lane), lane)], sums[0, lane], rtol=tolerance)


def test_single_precision_with_absorbed_edges_ends():
    """Edges too cheap to change a long distance in single precision make plateaus, not cycles."""
    window = WindowShape(4, 4, 7, 7)
    raster = jnp.asarray(10 ** np.random.default_rng(0).choice([-6.0, 6.0], (1, 18, 18)), jnp.float32)
    found = gradient(raster, jnp.ones((1, 18, 18, 16), jnp.float32), SQUARE, window)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("method", ["row_sweeps", "relaxation"])
def test_cotangents_at_infinite_entries_are_ignored(method):
    costs = edge_costs(jnp.ones((1, WINDOW.height, WINDOW.width)), SQUARE)
    found = shortest_paths(costs, WINDOW, 3.0, method=method)
    pull = jax.jit(lambda ct: jax.vjp(lambda c: shortest_paths(c, WINDOW, 3.0, method=method), costs)[1](ct)[0])
    plain = jnp.where(jnp.isfinite(found), 1.0, 0.0)
    dirty = jnp.where(jnp.isfinite(found), plain, jnp.nan)
    jax.tree.map(np.testing.assert_array_equal, pull(plain), pull(dirty))


def test_lanes_without_source_have_no_gradient():
    costs = edge_costs(jnp.ones((1, WINDOW.height, WINDOW.width)), SQUARE)
    is_source = jnp.array([[True, False, False, True]])
    found, pull = jax.vjp(lambda c: shortest_paths(c, WINDOW, np.inf, is_source), costs)
    assert np.isinf(found[..., 1:3]).all()
    (both,) = pull(jnp.ones_like(found))
    (only,) = pull(jnp.ones_like(found).at[..., 1:3].set(5.0))
    jax.tree.map(np.testing.assert_array_equal, both, only)


def test_threads_change_nothing(landscape, restore_threads):
    window = WindowShape(4, 4, 6, 6)
    rasters = jnp.asarray([landscape(window.height, window.width, seed, decades=2) for seed in range(11)])
    weights = weights_for(window, 11)
    results = []
    for count in (1, 2, 5):
        set_thread_count(count)
        found = jax.block_until_ready(shortest_paths(edge_costs(rasters, SQUARE), window, np.inf))
        results.append((found, jax.block_until_ready(gradient(rasters, weights, SQUARE, window))))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0][0], other[0])
        np.testing.assert_array_equal(results[0][1], other[1])


def test_thread_setting(restore_threads):
    assert thread_count() == available_processors() >= 1
    set_thread_count(3)
    assert thread_count() == 3
    with pytest.raises(ValueError, match="-1 threads"):
        set_thread_count(-1)


def test_callbacks_do_not_lock_up(restore_threads):
    """Large arguments, a loop of compiled steps, and two callers at once, each with its own pool tasks."""
    set_thread_count(2)
    window = WindowShape(4, 4, 10, 10)
    rasters = jnp.ones((64, window.height, window.width))
    step = jax.jit(lambda r: r + 1e-3 * jax.value_and_grad(lambda s: weighted_sum(s, 1.0, SQUARE, window).sum())(r)[1])

    def many(results, k):
        state = rasters
        for _ in range(5):
            state = step(state)
        results[k] = np.asarray(state)

    results = [None, None]
    callers = [threading.Thread(target=many, args=(results, k), daemon=True) for k in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()
    np.testing.assert_array_equal(results[0], results[1])


ON_ONE_PROCESSOR = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
from backend.distances import LeastCostDistance
from backend.grid import Neighbourhood
from backend.window_shape import WindowShape
window = WindowShape(4, 4, 10, 10)
total = lambda r: jnp.exp(-LeastCostDistance()(r, Neighbourhood(1.0, 1.0), window, 9.0)).sum()
step = jax.jit(lambda r: r + 1e-3 * jax.grad(total)(r))
state = jnp.ones((32, 24, 24))
for _ in range(3):
    state = step(state * 1.0)
assert jnp.isfinite(state).all()
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a way to leave one processor")
def test_one_processor_does_not_wait_for_itself():
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", ON_ONE_PROCESSOR], cwd=root, timeout=120, check=True)


def test_inside_a_compiled_loop():
    window = WindowShape(2, 2, 3, 3)

    @jax.jit
    def grow(raster):
        return jax.lax.fori_loop(
            0, 4, lambda _, r: r + 0.1 * jax.grad(lambda s: weighted_sum(s, 1.0, SQUARE, window).sum())(r), raster
        )

    assert np.isfinite(grow(jnp.ones((2, 8, 8)))).all()


def test_negative_costs_raise():
    east = jnp.full((1, WINDOW.height, WINDOW.width), -1.0)
    none = jnp.full_like(east, jnp.inf)
    with pytest.raises(jax.errors.JaxRuntimeError, match="do not settle"):
        shortest_paths(EdgeCosts(east, none, none, none), WINDOW, np.inf).block_until_ready()


@pytest.mark.parametrize("method", ["row_sweeps", "relaxation"])
def test_edges_that_leave_the_window_are_ignored(method):
    ones = jnp.ones((1, WINDOW.height, WINDOW.width))
    open_border = EdgeCosts(ones, ones, ones * math.sqrt(2), ones * math.sqrt(2))
    closed = edge_costs(ones, SQUARE)
    run = jax.jit(shortest_paths, static_argnums=(1,), static_argnames="method")
    np.testing.assert_array_equal(
        run(open_border, WINDOW, np.inf, method=method), run(closed, WINDOW, np.inf, method=method)
    )


def test_order_of_blocks_changes_nothing(landscape):
    rasters = jnp.asarray([landscape(WINDOW.height, WINDOW.width, seed) for seed in range(4)])
    found = shortest_paths(edge_costs(rasters, SQUARE), WINDOW, 1e4)
    turned = shortest_paths(edge_costs(rasters[::-1], SQUARE), WINDOW, 1e4)
    np.testing.assert_array_equal(found, turned[::-1])


def test_source_cells_of_a_window():
    window = WindowShape(2, 3, 4, 5)
    assert (window.height, window.width, window.lanes) == (10, 13, 6)
    assert [window.source_cell(lane) for lane in range(6)] == list(itertools.product((4, 5), (5, 6, 7)))
