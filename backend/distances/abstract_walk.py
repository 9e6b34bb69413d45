"""What the distances of randomised shortest paths share."""

from abc import abstractmethod
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..grid import Neighbourhood
from ..random_walk import StepCost, walk_log_survival
from ..solvers.both_modes import in_both_modes
from ..solvers.window_results import with_own_windows, within_limit
from ..window_shape import WindowShape
from .abstract import AbstractDistance


class Walk(eqx.Module):
    """What a walker finds: rasters of windows, latitudes of their rows, how cells are joined, what steps cost."""

    resistance: Float[Array, "blocks height width"]
    movement_cost: Float[Array, "blocks height width"] | None
    latitude: Float[Array, "blocks height"] | None
    neighbourhood: Neighbourhood = eqx.field(static=True)
    window: WindowShape = eqx.field(static=True)
    step_cost: StepCost = eqx.field(static=True)

    def log_survival(
        self, theta: Float[Array, ""], *, by_theta: bool = False, forward_mode: bool
    ) -> tuple[Float[Array, "blocks height width lanes"], Bool[Array, "blocks height width lanes"]]:
        """Return the log of the probability to survive, or its derivative by theta, see `walk_log_survival`."""
        return walk_log_survival(
            self.resistance,
            self.neighbourhood,
            self.window,
            self.step_cost,
            theta,
            self.movement_cost,
            latitude=self.latitude,
            by_theta=by_theta,
            forward_mode=forward_mode,
        )


class AbstractWalkDistance(AbstractDistance):
    """Distance of a random walker who shuns costs.

    Parameters
    ----------
    theta : float or scalar array
        How strongly costs are shunned, > 0, in 1 / unit of the cost.
    step_cost : {"minus_log", "inverse", "raster"}
        See ``walk_steps``; with ``raster`` the distance takes the costs as a further argument.
    """

    theta: float | Float[Array, ""] = 1.0
    step_cost: StepCost = eqx.field(static=True, default="minus_log")

    @classmethod
    def from_parameters(cls, values: dict[str, Any]) -> Self:
        """Return the distance that a job's parameters describe."""
        return cls(jnp.asarray(values["THETA"], float), values["STEP_COST"])

    @abstractmethod
    def in_whole_windows(
        self, walk: Walk, theta: Float[Array, ""], *, forward_mode: bool
    ) -> tuple[Float[Array, "blocks height width lanes"], Bool[Array, "blocks height width lanes"]]:
        """Return the distances where all lanes share the window, and which cells are joined with their source.

        To be differentiated with respect to `theta` and the arrays of the walk; with `forward_mode` forwards, else backwards.
        """

    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
        movement_cost: Float[Array, "blocks height width"] | None = None,
        latitude: Float[Array, "blocks height"] | None = None,
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the distances of each window."""
        if window.own_windows:
            return with_own_windows(
                lambda one, r, *others: self(r, neighbourhood, one, limit, *others),
                window,
                *(resistance, movement_cost, latitude),
            )
        operands = jnp.asarray(self.theta, float), resistance, movement_cost, latitude, jnp.asarray(limit, float)
        return in_both_modes(self._found, neighbourhood, window)(*operands)

    def _found(
        self,
        forward_mode: bool,
        neighbourhood: Neighbourhood,
        window: WindowShape,
        theta: Float[Array, ""],
        resistance: Float[Array, "blocks height width"],
        movement_cost: Float[Array, "blocks height width"] | None,
        latitude: Float[Array, "blocks height"] | None,
        limit: Float[Array, ""],
    ) -> Float[Array, "blocks height width lanes"]:
        walk = Walk(resistance, movement_cost, latitude, neighbourhood, window, self.step_cost)
        found, joined = self.in_whole_windows(walk, theta, forward_mode=forward_mode)
        return within_limit(found, joined, window, limit).astype(resistance.dtype)
