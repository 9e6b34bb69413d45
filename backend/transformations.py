"""From rasters as they come to permeability: steps of a landscape model, trainable where they hold JAX arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Sequential(eqx.Module):
    """Steps one after the other: the result of each is the input of the next.

    Parameters
    ----------
    steps : tuple of callables
        Modules, whose floating JAX arrays are trainable; Python numbers in them are fixed. Other callables are fixed, and a new
        lambda is a new program to compile.
    """

    steps: tuple[Callable[[Any], Any], ...]

    def __call__(self, values: Any) -> Any:
        """Return what the last step makes of what the first one is given."""
        for step in self.steps:
            values = step(values)
        return values


class LogLinearPermeability(eqx.Module):
    r"""Permeability :math:`p = e^{\sum_k \beta_k x_k}` of covariates :math:`x_k`.

    Nodata in any covariate is nodata in the result.

    Parameters
    ----------
    coefficients : (covariates,)
        :math:`\beta`, 1 / unit of the covariates.
    """

    coefficients: Float[Array, " covariates"]

    def __call__(self, covariates: Float[Array, "covariates height width"]) -> Float[Array, "height width"]:
        """Return the permeability of each cell, > 0; NaN where a covariate is not finite."""
        valid = jnp.isfinite(covariates).all(axis=0)
        exponent = jnp.tensordot(self.coefficients, jnp.where(valid, covariates, 0), axes=1)
        return jnp.where(valid, jnp.exp(exponent), jnp.nan)


class PowerTransformation(eqx.Module):
    """x to the power of an exponent.

    Parameters
    ----------
    exponent : float or scalar array
    """

    exponent: float | Float[Array, ""]

    def __call__(self, values: Float[Array, "height width"]) -> Float[Array, "height width"]:
        """Return the transformed values; those that are not finite or not above 0 stay as they are."""
        counts = jnp.isfinite(values) & (values > 0)
        return jnp.where(counts, jnp.where(counts, values, 1) ** self.exponent, values)


class ExponentialTransformation(eqx.Module):
    r""":math:`e^{c (x - 1)}`, so that 1 stays 1.

    Parameters
    ----------
    exponent : float or scalar array
        c.
    """

    exponent: float | Float[Array, ""]

    def __call__(self, values: Float[Array, "height width"]) -> Float[Array, "height width"]:
        """Return the transformed values; those that are not finite or not above 0 stay as they are."""
        counts = jnp.isfinite(values) & (values > 0)
        return jnp.where(counts, jnp.exp(self.exponent * (jnp.where(counts, values, 1) - 1)), values)
