"""Least-cost distances against SciPy's Dijkstra on a graph written out cell by cell, and against closed forms."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend.distances import LeastCostDistance
from backend.grid import Neighbourhood
from backend.window_shape import WindowShape

WINDOW = WindowShape(2, 2, 5, 4)
SQUARE = Neighbourhood(1.0, 1.0)
compiled = jax.jit(lambda r, n, w, limit: LeastCostDistance()(r, n, w, limit), static_argnums=(1, 2))


def distances(resistance, neighbourhood=SQUARE, window=WINDOW, limit=np.inf, dtype=jnp.float64):
    rasters = jnp.asarray(np.asarray(resistance).reshape(-1, window.height, window.width), dtype)
    return np.asarray(compiled(rasters, neighbourhood, window, limit))


@pytest.mark.parametrize("cell", [(25.0, 25.0), (10.0, 30.0)])
@pytest.mark.parametrize("rule", ["average_resistance", "average_conductance"])
@pytest.mark.parametrize(("neighbours", "corners"), [(4, "closed"), (8, "closed"), (8, "open")])
def test_equals_dijkstra_over_six_decades(neighbours, corners, rule, cell, expected_distances, landscape):
    neighbourhood = Neighbourhood(*cell, neighbours, rule, corners)
    rasters = [
        landscape(WINDOW.height, WINDOW.width, seed, holes=holes) for seed, holes in enumerate((0.0, 0.15, 0.35))
    ]
    ours = distances(rasters, neighbourhood)
    for raster, found in zip(rasters, ours, strict=True):
        # Sums of some tens of terms of one sign, in double precision.
        np.testing.assert_allclose(found, expected_distances(raster, neighbourhood, WINDOW), rtol=1e-13)


@pytest.mark.parametrize(
    ("block", "halo"),
    [((1, 1), (6, 6)), ((3, 3), (4, 0)), ((4, 4), (3, 5)), ((1, 5), (0, 3)), ((5, 7), (2, 1)), ((8, 8), (1, 2))],
)
def test_any_block(block, halo, expected_distances, landscape):
    window = WindowShape(*block, *halo)
    raster = landscape(window.height, window.width, 7)
    np.testing.assert_allclose(
        distances(raster, window=window)[0], expected_distances(raster, SQUARE, window), rtol=1e-13
    )


def test_uniform_landscape_gives_octile_distances():
    window = WindowShape(2, 2, 6, 9)
    ours = distances(np.full((window.height, window.width), 3.0), Neighbourhood(20.0, 20.0), window)[0]
    for lane in range(window.lanes):
        row, column = window.source_cell(lane)
        down = np.abs(np.arange(window.height)[:, None] - row)
        right = np.abs(np.arange(window.width)[None, :] - column)
        octile = 60 * (np.maximum(down, right) + (math.sqrt(2) - 1) * np.minimum(down, right))
        np.testing.assert_allclose(ours[..., lane], octile, rtol=1e-13)


def test_resistance_one_gives_the_length_of_the_path():
    window = WindowShape(1, 1, 0, 7)
    np.testing.assert_allclose(
        distances(np.ones((1, 15)), Neighbourhood(25.0, 30.0), window)[0, 0, :, 0], 25.0 * np.abs(np.arange(-7, 8))
    )


@pytest.mark.parametrize("corners", ["closed", "open"])
@pytest.mark.parametrize("direction", ["row", "column", "falling", "rising"])
def test_a_barrier_of_one_cell_holds(direction, corners):
    """Straight barriers hold under both rules; diagonal ones leak only where corners are open."""
    n = 9
    window = WindowShape(1, 1, 4, 4)
    i, j = np.mgrid[:n, :n]
    side = {"row": i - 3, "column": j - 3, "falling": i - j - 1, "rising": i + j - 7}[direction]
    raster = np.where(side == 0, np.inf, 1.0)
    reached = np.isfinite(distances(raster, Neighbourhood(1.0, 1.0, corners=corners), window)[0, ..., 0])
    leaks = corners == "open" and direction in ("falling", "rising")
    same_side = np.sign(side) == np.sign(side[4, 4])
    np.testing.assert_array_equal(reached, (side != 0) & (same_side | leaks))


def test_sources_that_are_no_nodes_reach_nothing(landscape):
    raster = landscape(WINDOW.height, WINDOW.width, 1, holes=0.0)
    raster[WINDOW.source_cell(2)] = np.nan
    ours = distances(raster)[0]
    assert np.isinf(ours[..., 2]).all()
    assert all(ours[(*WINDOW.source_cell(lane), lane)] == 0 for lane in (0, 1, 3))


def test_isolated_source_reaches_itself_only():
    raster = np.full((WINDOW.height, WINDOW.width), np.inf)
    raster[WINDOW.source_cell(1)] = 1.0
    ours = distances(raster)[0]
    assert np.isfinite(ours).sum() == 1
    assert ours[(*WINDOW.source_cell(1), 1)] == 0


def test_all_nodata():
    assert np.isinf(distances(np.full((2, WINDOW.height, WINDOW.width), np.nan))).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_limit_is_inclusive_also_at_ties(dtype):
    window = WindowShape(3, 3, 5, 5)
    neighbourhood = Neighbourhood(0.1, 0.1)
    raster = np.full((window.height, window.width), 3.0)
    whole = distances(raster, neighbourhood, window)
    for about in np.unique(np.round(whole, 9))[::4]:
        limit = whole[np.abs(whole - about) < 1e-8].min()
        ours = distances(raster, neighbourhood, window, limit, dtype)
        np.testing.assert_array_equal(np.isfinite(ours), whole <= limit + 1e-7)


@pytest.mark.parametrize("limit", [0.0, 3.0, 30.0, 300.0, 1e5])
def test_limit_cuts_and_changes_nothing_else(limit, expected_distances, landscape):
    window = WindowShape(2, 3, 8, 8)
    raster = landscape(window.height, window.width, 3, decades=3)
    ours = distances(raster, window=window, limit=limit)[0]
    np.testing.assert_allclose(ours, expected_distances(raster, SQUARE, window, limit), rtol=1e-13)


def test_negative_limit_leaves_nothing():
    assert np.isinf(distances(np.ones((WINDOW.height, WINDOW.width)), limit=-1.0)).all()


def test_single_precision_agrees_with_double(landscape):
    window = WindowShape(6, 6, 3, 4)
    raster = landscape(window.height, window.width, 5).astype(np.float32)
    single, double = distances(raster, window=window, dtype=jnp.float32), distances(raster, window=window)
    assert single.dtype == np.float32
    # Some tens of roundings of 6e-8.
    np.testing.assert_allclose(single, double, rtol=1e-6)


def test_distances_are_symmetric(landscape):
    window = WindowShape(3, 3, 3, 3)
    ours = distances(landscape(9, 9, 11), window=window)[0]
    between = window.block(np.moveaxis(ours, -1, 0)).reshape(9, 9)
    np.testing.assert_allclose(between, between.T, rtol=1e-13)


def test_scaling_resistance_scales_distances(landscape):
    raster = landscape(WINDOW.height, WINDOW.width, 2)
    np.testing.assert_array_equal(distances(raster * 4), distances(raster) * 4)


def test_block_size_changes_nothing_where_the_halo_holds_the_limit(landscape):
    """Every source of an 8 x 8 raster, in blocks of 1, 2, 4 and 8 cells with a halo that the limit cannot leave."""
    halo, size, limit = 6, 8, 6.0
    raster = np.pad(landscape(size, size, 4, decades=0.3), halo, constant_values=np.inf)
    results = []
    for block in (1, 2, 4, 8):
        window = WindowShape(block, block, halo, halo)
        starts = list(itertools.product(range(0, size, block), repeat=2))
        windows = [raster[i : i + window.height, j : j + window.width] for i, j in starts]
        found = distances(windows, window=window, limit=limit)
        spread = np.full((size * size, *raster.shape), np.inf)
        for (i, j), each in zip(starts, found, strict=True):
            for lane in range(window.lanes):
                source = (i + lane // block) * size + j + lane % block
                spread[source, i : i + window.height, j : j + window.width] = each[..., lane]
        results.append(spread)
    assert np.isfinite(results[0]).sum() > 1000
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize("halo", [(2, 3), (4, 1)])
def test_own_windows(halo, expected_distances, landscape):
    window = WindowShape(2, 2, *halo, own_windows=True)
    raster = landscape(window.height, window.width, 6, holes=0.3)
    ours = distances(raster, window=window)[0]
    np.testing.assert_allclose(ours, expected_distances(raster, SQUARE, window), rtol=1e-13)
    for lane in range(window.lanes):
        row, column = lane // 2, lane % 2
        alone = raster[row : row + 2 * halo[0] + 1, column : column + 2 * halo[1] + 1]
        single = distances(alone, window=WindowShape(1, 1, *halo))[0, ..., 0]
        np.testing.assert_array_equal(ours[row : row + alone.shape[0], column : column + alone.shape[1], lane], single)


def spiral(n: int) -> np.ndarray:
    """Return a raster with one long corridor that winds inwards, walls of one cell."""
    raster = np.full((n, n), np.inf)
    i = j = 0
    down, right = 0, 1
    raster[0, 0] = 1.0
    while True:
        for _ in range(2):
            ahead, beyond = (i + down, j + right), (i + 2 * down, j + 2 * right)
            free = 0 <= ahead[0] < n and 0 <= ahead[1] < n and not np.isfinite(raster[ahead])
            wall = 0 <= beyond[0] < n and 0 <= beyond[1] < n and np.isfinite(raster[beyond])
            if free and not wall:
                break
            down, right = right, -down
        else:
            return raster
        i, j = ahead
        raster[i, j] = 1.0


def test_spiral(expected_distances):
    window = WindowShape(1, 1, 10, 10)
    raster = spiral(21)
    neighbourhood = Neighbourhood(1.0, 1.0, neighbours=4)
    ours = distances(raster, neighbourhood, window)[0]
    assert ours[0, 0, 0] > 150
    np.testing.assert_array_equal(ours, expected_distances(raster, neighbourhood, window))


def test_maze(expected_distances):
    window = WindowShape(4, 4, 12, 12)
    raster = np.where(np.random.default_rng(3).random((28, 28)) < 0.4, np.inf, 1.0)
    neighbourhood = Neighbourhood(1.0, 1.0, neighbours=4)
    np.testing.assert_array_equal(
        distances(raster, neighbourhood, window)[0], expected_distances(raster, neighbourhood, window)
    )


def test_window_and_raster_must_agree():
    with pytest.raises(ValueError, match="give whole windows"):
        LeastCostDistance()(jnp.ones((1, 5, 5)), SQUARE, WINDOW, 1.0)


def test_under_jit_and_gradient(landscape):
    raster = jnp.asarray(landscape(WINDOW.height, WINDOW.width, 9))[None]

    @jax.jit
    @jax.value_and_grad
    def total(r):
        found = LeastCostDistance()(r, SQUARE, WINDOW, np.inf)
        return jnp.where(jnp.isfinite(found), found, 0).sum()

    value, gradient = total(raster)
    # Euler: the distances are homogeneous of degree 1 in the resistance.
    assert value == pytest.approx(
        float(jnp.where(jnp.isfinite(raster), raster, 0).ravel() @ gradient.ravel()), rel=1e-12
    )
