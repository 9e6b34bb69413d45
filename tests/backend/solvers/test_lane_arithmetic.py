"""Formulas on lanes: the exponential over its whole range, and every proximity's own formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from backend.proximities import exponential, gaussian, inverse, threshold
from backend.solvers import lane_arithmetic
from backend.solvers.lanes import load, store
from backend.solvers.proximity_lanes import on_lanes

LANES = 16
WIDTH = ((),) * LANES


@njit
def _exponentials(values, out, width):
    for vector in range(values.size // len(width)):
        store(out, vector, lane_arithmetic.exp(load(values, vector, width)))


def exponentials(values: np.ndarray) -> np.ndarray:
    out = np.empty_like(values)
    _exponentials(values, out, WIDTH)
    return out


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_exponential_is_right_to_two_units_in_the_last_place(precision):
    """Wherever the result is a normal number, by half of one at its lower end."""
    info = np.finfo(precision)
    random = np.random.default_rng(1)
    low, high = np.log(2.1 * float(info.tiny)), np.log(float(info.max)) * (1 - 1e-6)
    ranges = (low, high), (-1, 1), (-1e-6, 1e-6)
    values = np.concatenate([random.uniform(*each, 16_000) for each in ranges]).astype(precision)
    wanted = np.exp(values.astype(np.longdouble))
    spacing = np.spacing(wanted.astype(precision)).astype(np.longdouble)
    assert (np.abs(exponentials(values) - wanted) / spacing).max() < 2


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_exponential_at_the_ends(precision):
    values = np.zeros(LANES, precision)
    values[:9] = 0, -0.0, np.inf, -np.inf, np.nan, -1e30, 1e30, -800, 800
    wanted = np.ones(LANES, precision)
    wanted[:9] = 1, 1, np.inf, 0, np.nan, 0, np.inf, 0, np.inf
    assert np.array_equal(exponentials(values), wanted, equal_nan=True)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("module", [exponential, gaussian, inverse, threshold])
def test_proximities_have_one_formula(module, precision):
    kernel = module.Kernel()
    u = np.linspace(0, 6, LANES).astype(precision)
    k, slope = np.empty_like(u), np.empty_like(u)
    on_lanes(kernel, u, k, slope, WIDTH)
    tolerance = 8 * np.finfo(precision).eps
    assert np.allclose(k, kernel.value(u, np), rtol=tolerance)
    assert np.allclose(slope, kernel.slope(u, kernel.value(u, np), np), rtol=tolerance)
