"""Proximity kernels: values, inverses, means and medians; and what a stated dispersal distance becomes."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from backend import registry
from backend.dispersal import dispersal, load_kernel
from backend.errors import InputError
from backend.proximity import Proximity

NAMES = registry.names("proximities")
SMOOTH = [name for name in NAMES if name != "threshold"]


def test_all_four_are_there():
    assert NAMES == ["exponential", "gaussian", "inverse", "threshold"]


@pytest.mark.parametrize("name", NAMES)
def test_one_at_distance_zero_and_never_rising(name):
    u = np.linspace(0, 1 if name == "threshold" else 30, 301)
    k = load_kernel(name).value(u, np)
    assert k[0] == 1
    assert ((k >= 0) & (k <= 1)).all()
    assert (np.diff(k) <= 0).all()


@pytest.mark.parametrize("name", SMOOTH)
def test_the_inverse_is_the_inverse(name):
    kernel = load_kernel(name)
    for u in (0.01, 0.1, 1.0, 3.7):
        assert kernel.inverse(float(kernel.value(np.float64(u), np))) == pytest.approx(u, rel=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_the_slope_is_the_derivative(name):
    kernel = load_kernel(name)
    u = np.linspace(0.05, 0.9, 7)
    k = kernel.value(u, np)
    by_jax = jax.vmap(jax.grad(lambda u: jnp.sum(kernel.value(u, jnp))))(jnp.asarray(u))
    np.testing.assert_allclose(kernel.slope(u, k, np), by_jax, rtol=1e-14)
    proximity = Proximity(kernel, jnp.asarray(2.0))
    distances = jnp.asarray([0.3, 1.5, jnp.inf])
    slopes = proximity.slope(distances, proximity(distances))
    np.testing.assert_allclose(slopes, jax.vmap(jax.grad(proximity))(distances), rtol=1e-14)


@pytest.mark.parametrize("name", ["exponential", "gaussian"])
def test_the_mean_is_the_integral_of_the_survivors(name):
    kernel = load_kernel(name)
    assert kernel.mean == pytest.approx(quad(lambda u: kernel.value(np.float64(u), np), 0, math.inf)[0], rel=1e-9)


def test_the_inverse_proximity_has_no_mean():
    assert load_kernel("inverse").mean is None
    with pytest.raises(
        InputError, match=r"DISPERSAL_MEANING: The inverse proximity has no finite mean.*State the scale"
    ):
        dispersal("inverse", 100.0, "mean", 0.01)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        (name, meaning)
        for name in NAMES
        for meaning in ("scale", "mean", "median", "maximum")
        if meaning != "mean" or load_kernel(name).mean is not None
    ],
)
def test_the_stated_distance_is_what_it_is_said_to_be(name, meaning):
    found = dispersal(name, 120.0, meaning, 0.02)
    kernel = load_kernel(name)
    k = lambda d: float(kernel.value(np.float64(d / found.scale), np))  # noqa: E731
    if name == "threshold":
        assert (found.scale, found.reach) == (120, 120)
    elif meaning == "scale":
        assert found.scale == 120
    elif meaning == "mean":
        assert quad(k, 0, math.inf, limit=200)[0] == pytest.approx(120, rel=1e-6)
    else:
        assert k(120) == pytest.approx(0.5 if meaning == "median" else 0.02, rel=1e-12)
    assert found.scale_per_distance == pytest.approx(found.scale / 120, rel=1e-15)
    if name != "threshold":
        assert k(found.reach) == pytest.approx(0.02, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_pairs_that_cannot_reach_each_other_have_proximity_and_gradient_zero(name):
    proximity = Proximity(load_kernel(name), jnp.asarray(3.0))
    distance = jnp.array([0.0, 1.0, jnp.inf])
    assert proximity(distance)[2] == 0
    slope = jax.grad(lambda d: proximity(d).sum())(distance)
    by_scale = jax.grad(lambda s: Proximity(load_kernel(name), s)(distance).sum())(jnp.asarray(3.0))
    assert np.isfinite(slope).all()
    assert slope[2] == 0
    assert np.isfinite(by_scale)
