"""A proximity kernel with its scale, as a differentiable module."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .proximities.abstract import AbstractKernel


class Proximity(eqx.Module):
    r"""Proximity :math:`k(d) = f(d / d_0)`; 0 for pairs that cannot reach each other (d = inf).

    Parameters
    ----------
    kernel : AbstractKernel
        f, in units of the scale.
    scale : float or scalar array
        d0, map units, > 0.
    """

    kernel: AbstractKernel = eqx.field(static=True)
    scale: float | Float[Array, ""]

    def __call__(self, distance: Float[Array, ...]) -> Float[Array, ...]:
        """Return the proximity of each distance, in [0, 1]."""
        reached = jnp.isfinite(distance)
        u = jnp.where(reached, distance, 0) / jnp.asarray(self.scale, distance.dtype)
        return jnp.where(reached, self.kernel.value(u, jnp), 0)

    def slope(self, distance: Float[Array, ...], proximity: Float[Array, ...]) -> Float[Array, ...]:
        """Return the derivative of each proximity by its distance, from both; 0 for pairs that cannot reach each other."""
        reached = jnp.isfinite(distance)
        scale = jnp.asarray(self.scale, distance.dtype)
        u = jnp.where(reached, distance, 0) / scale
        return jnp.where(reached, self.kernel.slope(u, proximity, jnp) / scale, 0)
