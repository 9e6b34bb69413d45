"""Straight-line distances by their closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend.distances import DISTANCES, AbstractDistance, EuclideanDistance
from backend.grid import Neighbourhood
from backend.window_shape import WindowShape

CELLS = Neighbourhood(10.0, 30.0)


def by_hand(resistance, window, limit):
    result = np.full((window.height, window.width, window.lanes), np.inf)
    for lane in range(window.lanes):
        row, column = window.source_cell(lane)
        for i, j in np.ndindex(window.height, window.width):
            length = np.sqrt((30.0 * (i - row)) ** 2 + (10.0 * (j - column)) ** 2)
            inside = not window.own_windows or (
                abs(i - row) <= window.halo_rows and abs(j - column) <= window.halo_columns
            )
            if np.isfinite(resistance[i, j]) and np.isfinite(resistance[row, column]) and length <= limit and inside:
                result[i, j, lane] = length
    return result


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("limit", [np.inf, 75.0])
def test_equals_the_closed_form(own, limit, landscape):
    window = WindowShape(2, 3, 3, 2, own_windows=own)
    raster = landscape(window.height, window.width, 2, holes=0.3)
    ours = EuclideanDistance()(jnp.asarray(raster)[None], CELLS, window, limit)[0]
    np.testing.assert_allclose(ours, by_hand(raster, window, limit), rtol=1e-14)


def test_barriers_do_not_stop_it():
    window = WindowShape(1, 1, 0, 2)
    raster = jnp.array([[[1.0, jnp.inf, 1.0, jnp.inf, 1.0]]])
    np.testing.assert_array_equal(
        EuclideanDistance()(raster, CELLS, window, 20.0)[0, 0, :, 0], [20, np.inf, 0, np.inf, 20]
    )


def test_limit_is_inclusive_in_single_precision():
    window = WindowShape(1, 1, 0, 3)
    cells = Neighbourhood(0.1, 0.1)
    found = EuclideanDistance()(jnp.ones((1, 1, 7), jnp.float32), cells, window, 0.3)
    assert found.dtype == jnp.float32
    assert np.isfinite(found).all()


def test_gradient_is_zero():
    window = WindowShape(1, 1, 1, 1)
    slope = jax.grad(lambda r: EuclideanDistance()(r, CELLS, window, np.inf).sum())(jnp.ones((1, 3, 3)))
    np.testing.assert_array_equal(slope, np.zeros((1, 3, 3)))


def test_every_distance_declares_its_unit():
    for each in DISTANCES.values():
        assert issubclass(each, AbstractDistance)
        assert each.unit
        assert each() == each()
