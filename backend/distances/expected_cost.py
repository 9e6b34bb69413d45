"""Expected cost of randomised shortest paths."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..grid import Neighbourhood
from ..random_walk import StepCost, walk_log_survival
from ..window_shape import WindowShape
from .abstract_walk import AbstractWalkDistance

#: The window is part of the definition: it reaches a declared radius beyond the block of sources.
HALO_FOLLOWS = "radius"
#: Of the distance, and so of the dispersal distance.
UNIT = "units of cost"
#: Whether the cost of a step is asked for.
HAS_STEP_COST = True
#: Of the plan: blocks of memory, and nanoseconds per height x width^3; see `EliminationCost`.
COST = (8, 4.0)
GRADIENT_COST = (17, 12.0)


class ExpectedCostDistance(AbstractWalkDistance):
    r"""Mean cost of the randomised shortest paths between two cells.

    .. math:: c_{ij} = \frac{[Z (C \circ W) Z]_{ij}}{Z_{ij}} - \frac{[Z (C \circ W) Z]_{jj}}{Z_{jj}}, \quad
        W = P \circ e^{-\theta C}, \quad Z = (I - W)^{-1}

    It is computed as the derivative of :math:`-\log (Z_{ij} / Z_{jj})` with respect to theta. In the unit of the cost.

    Walks take steps in proportion to their affinity, as if every step of cost C were survived with the probability
    :math:`e^{-\theta C}` only. Cells of other components are infinitely far away; only the window's cells are walked on. Not
    symmetric: from the source to the cell.


    Parameters
    ----------
    theta : scalar array
        How strongly costs are shunned, > 0, in 1 / unit of the cost. Towards 0 the walk becomes random, towards infinity it
        takes the path of least cost.
    step_cost : {"minus_log", "inverse", "raster"}
        See ``walk_steps``; with ``raster`` the distance takes the costs as a further argument.

    References
    ----------
    Saerens, M. et al. (2009) Randomized shortest-path problems: two related models. Neural Computation 21, 2363-2404.
    doi:10.1162/neco.2009.11-07-643.
    Kivimaki, I. et al. (2014) Developments in the theory of randomized shortest paths with a comparison of graph node distances.
    Physica A 393, 600-616. doi:10.1016/j.physa.2013.09.016.
    Van Moorter, B. et al. (2023) Accelerating advances in landscape connectivity modelling with the ConScape library. Methods
    in Ecology and Evolution 14, 133-145. doi:10.1111/2041-210X.13850.
    """

    unit: ClassVar[str] = UNIT

    def in_whole_windows(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        movement_cost: Float[Array, "blocks height width"] | None,
    ) -> tuple[Float[Array, "blocks height width lanes"], Bool[Array, "blocks height width lanes"]]:
        """Return the expected costs of each window."""
        return _expected_cost(  # type: ignore[misc]
            resistance, self.theta, movement_cost, neighbourhood, window, self.step_cost
        )


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def _expected_cost(
    resistance: Array,
    theta: Array,
    movement_cost: Array | None,
    neighbourhood: Neighbourhood,
    window: WindowShape,
    step_cost: StepCost,
) -> tuple[Array, Array]:
    def log_survival(theta: Array) -> tuple[Array, Array]:
        return walk_log_survival(resistance, neighbourhood, window, step_cost, theta, movement_cost, forward_mode=True)

    _, by_theta, joined = jax.jvp(log_survival, (theta,), (jnp.ones_like(theta),), has_aux=True)
    return -by_theta, joined


def _forward(
    resistance: Array,
    theta: Array,
    movement_cost: Array | None,
    neighbourhood: Neighbourhood,
    window: WindowShape,
    step_cost: StepCost,
) -> tuple[tuple[Array, Array], tuple[Array, Array, Array | None]]:
    found = _expected_cost(resistance, theta, movement_cost, neighbourhood, window, step_cost)
    return found, (resistance, theta, movement_cost)  # type: ignore[return-value]


def _backward(
    neighbourhood: Neighbourhood,
    window: WindowShape,
    step_cost: StepCost,
    saved: tuple[Array, Array, Array | None],
    cotangents: tuple[Array, Array],
) -> tuple[Array, Array, Array | None]:
    """Differentiate by theta last: the gradient of the log survival is less work than that of its derivative."""
    resistance, theta, movement_cost = saved

    def gradient(theta: Array) -> tuple[Array, Array, Array | None]:
        def log_survival(resistance: Array, theta: Array, movement_cost: Array | None) -> Array:
            return walk_log_survival(resistance, neighbourhood, window, step_cost, theta, movement_cost)[0]

        _, pull = jax.vjp(log_survival, resistance, theta, movement_cost)
        return pull(-cotangents[0])

    return jax.jvp(gradient, (theta,), (jnp.ones_like(theta),))[1]


_expected_cost.defvjp(_forward, _backward)
