"""What the distances of randomised shortest paths share."""

from abc import abstractmethod
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..grid import Neighbourhood
from ..random_walk import StepCost
from ..solvers.window_results import with_own_windows, within_limit
from ..window_shape import WindowShape
from .abstract import AbstractDistance


class AbstractWalkDistance(AbstractDistance):
    """Distance of a random walker who shuns costs.

    Parameters
    ----------
    theta : scalar array
        How strongly costs are shunned, > 0, in 1 / unit of the cost.
    step_cost : {"minus_log", "inverse", "raster"}
        See ``walk_steps``; with ``raster`` the distance takes the costs as a further argument.
    """

    theta: Float[Array, ""] = eqx.field(converter=lambda theta: jnp.asarray(theta, float), default=1.0)
    step_cost: StepCost = eqx.field(static=True, default="minus_log")

    @classmethod
    def from_parameters(cls, values: dict[str, Any]) -> Self:
        """Return the distance that a job's parameters describe."""
        return cls(values["THETA"], values["STEP_COST"])

    @abstractmethod
    def in_whole_windows(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        movement_cost: Float[Array, "blocks height width"] | None,
    ) -> tuple[Float[Array, "blocks height width lanes"], Bool[Array, "blocks height width lanes"]]:
        """Return the distances where all lanes share the window, and which cells are joined with their source."""

    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
        movement_cost: Float[Array, "blocks height width"] | None = None,
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the distances of each window."""
        if window.own_windows:
            rasters = (resistance,) if movement_cost is None else (resistance, movement_cost)
            return with_own_windows(lambda one, r, *cost: self(r, neighbourhood, one, limit, *cost), window, *rasters)
        found, joined = self.in_whole_windows(resistance, neighbourhood, window, movement_cost)
        return within_limit(found, joined, window, limit).astype(resistance.dtype)
