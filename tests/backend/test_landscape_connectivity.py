"""A landscape model as one function of arrays: trainable or fixed, composed, differentiated in both modes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backend
from backend.dispersal import load_kernel

CELL = 10.0
ROWS, COLUMNS = 7, 9
QUICK = {"xla_backend_optimization_level": 0}


def landscape() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(6)
    permeability = random.uniform(0.2, 1, (ROWS, COLUMNS))
    permeability[2, 3:6] = 0
    permeability[5, 1] = np.nan
    quality = random.uniform(0, 1, (ROWS, COLUMNS))
    quality[0, 0] = np.nan
    return permeability, quality


def model(distance: str = "least_cost", **options) -> backend.LandscapeModel:
    return backend.LandscapeModel(
        backend.DISTANCES[distance](**options),
        backend.Proximity(load_kernel("exponential"), jnp.asarray(25.0)),
        backend.Neighbourhood(CELL, CELL),
        60.0,
    )


def expected(permeability, quality, distances) -> float:
    """Return C of a whole raster, from distances (cells, cells)."""
    node = np.isfinite(permeability) & (permeability > 0)
    q = np.where(node, np.nan_to_num(quality), 0).ravel()
    near = np.isfinite(distances) & (distances <= 60) & ~np.eye(len(q), dtype=bool)
    return float(q @ np.where(near, np.exp(-np.where(near, distances, 0) / 25), 0) @ q)


def test_equals_the_whole_raster(graph_of):
    from scipy.sparse.csgraph import dijkstra

    permeability, quality = landscape()
    node = np.isfinite(permeability) & (permeability > 0)
    resistance = np.where(node, 1 / np.where(node, permeability, 1), np.inf)
    wanted = expected(permeability, quality, dijkstra(graph_of(resistance, model().neighbourhood)))
    window = backend.landscape_window(model(), permeability)
    assert window.halo_rows == 5
    q = np.where(node, np.nan_to_num(quality), 0)
    for count_self, own in ((False, 0.0), (True, (q**2).sum())):
        found = backend.landscape_connectivity(model(), permeability, quality, window, count_self=count_self)
        assert float(found) == pytest.approx(wanted + own, rel=1e-12)


def test_is_trainable_or_fixed_and_composed():
    """JAX's arrays are trainable, Python's numbers are not; the gradient has the structure of the model."""
    permeability, quality = landscape()
    covariates = jnp.asarray(
        np.stack([np.log(np.where(permeability > 0, permeability, np.nan)), np.ones_like(quality)])
    )
    window = backend.landscape_window(model(), permeability)

    def composed(exponent, coefficients=(1.0, 0.0)):
        return backend.Sequential(
            (
                backend.LogLinearPermeability(jnp.asarray(coefficients)),
                backend.PowerTransformation(exponent),
                backend.LandscapeConnectivity(model(), jnp.asarray(quality), window),
            )
        )

    whole = composed(1.0)
    direct = backend.landscape_connectivity(model(), permeability, quality, window)
    assert float(whole(covariates)) == pytest.approx(float(direct), rel=1e-12)

    gradient = eqx.filter_jit(eqx.filter_grad(lambda m: m(covariates)))
    of_fixed, of_trainable = gradient(whole), gradient(composed(jnp.asarray(1.0)))
    assert jax.tree.structure(of_trainable) == jax.tree.structure(composed(jnp.asarray(1.0)))
    assert of_fixed.steps[1].exponent is None
    assert np.isfinite(np.asarray(of_fixed.steps[2].quality)).all()
    step = 1e-6
    for place, by in ((0, of_fixed.steps[0].coefficients[0]), (1, of_fixed.steps[0].coefficients[1])):
        change = np.eye(2)[place] * step
        higher, lower = (float(composed(1.0, np.array([1.0, 0.0]) + s * change)(covariates)) for s in (1, -1))
        assert float(by) == pytest.approx((higher - lower) / (2 * step), rel=1e-6)
    assert float(of_trainable.steps[1].exponent) == pytest.approx(
        float(composed(1.0 + step)(covariates) - composed(1.0 - step)(covariates)) / (2 * step), rel=1e-6
    )


@pytest.mark.parametrize("distance", ["least_cost", "resistance"])
def test_forward_mode_by_numbers_equals_reverse_mode(distance):
    """By the scale of the proximity and that of the permeabilities, through the public function."""
    permeability, quality = landscape()
    window = backend.WindowShape(4, 9, 2, 0)

    def total(numbers):
        chosen = eqx.tree_at(lambda m: m.proximity.scale, model(distance), numbers[0])
        # 0, not NaN: NaN times the derivative 0 would be NaN, before the function is reached.
        return backend.landscape_connectivity(chosen, np.nan_to_num(permeability) * numbers[1], quality, window)

    at = jnp.asarray([25.0, 0.9])
    forwards = jax.jit(jax.jacfwd(total), compiler_options=QUICK)(at)
    backwards = jax.jit(jax.grad(total), compiler_options=QUICK)(at)
    np.testing.assert_allclose(forwards, backwards, rtol=1e-9)
    # Distances are in proportion to the resistances.
    assert forwards[0] * at[0] == pytest.approx(float(forwards[1] * at[1]), rel=1e-9)


def test_a_window_that_belongs_to_the_definition_is_to_be_said():
    with pytest.raises(ValueError, match="give a WindowShape"):
        backend.landscape_window(model("resistance"), np.ones((3, 3)))


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Landscpe'"):
        backend.Landscpe  # noqa: B018 - it is the access that raises
