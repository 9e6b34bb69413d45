"""What the distances of circuits share."""

from abc import abstractmethod

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..grid import Neighbourhood, edge_costs, is_node
from ..solvers.both_modes import in_both_modes
from ..solvers.effective_resistance import EffectiveResistances, effective_resistances
from ..solvers.window_results import with_own_windows, within_limit
from ..window_shape import WindowShape
from .abstract import AbstractDistance


class AbstractCircuitDistance(AbstractDistance):
    """Distance that follows from the effective resistances of a window's circuit."""

    @abstractmethod
    def of_circuit(self, circuit: EffectiveResistances) -> Float[Array, "blocks height width lanes"]:
        """Return the distances between cells and sources that are joined; finite everywhere."""

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
                lambda one, r, at: self(r, neighbourhood, one, limit, None, at), window, resistance, latitude
            )
        operands = resistance, jnp.asarray(limit, float), latitude
        return in_both_modes(self._found, neighbourhood, window)(*operands)

    def _found(
        self,
        forward_mode: bool,
        neighbourhood: Neighbourhood,
        window: WindowShape,
        resistance: Float[Array, "blocks height width"],
        limit: Float[Array, ""],
        latitude: Float[Array, "blocks height"] | None,
    ) -> Float[Array, "blocks height width lanes"]:
        costs = edge_costs(resistance, neighbourhood, latitude)
        circuit = effective_resistances(costs, is_node(resistance), window, forward_mode=forward_mode)
        return within_limit(self.of_circuit(circuit), circuit.joined, window, limit).astype(resistance.dtype)
