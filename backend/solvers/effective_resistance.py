"""Effective resistances between the sources of a window and all of its cells."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ..grid import EdgeCosts
from ..window_shape import WindowShape
from .block_elimination import unit_sources
from .components import at_sources, source_components
from .selected_inverse import selected_inverse


class EffectiveResistances(NamedTuple):
    """What a window's circuit says.

    Parameters
    ----------
    resistance : array, shape (windows, height, width, lanes)
        Effective resistance between the source of a lane and each cell; meaningless where they are not joined.
    joined : array of bool, shape (windows, height, width, lanes)
        Whether source and cell are joined by edges; a source is joined with itself.
    degree : array, shape (windows, height, width)
        Sum of the conductances of a cell's edges.
    """

    resistance: Float[Array, "windows height width lanes"]
    joined: Bool[Array, "windows height width lanes"]
    degree: Float[Array, "windows height width"]


def effective_resistances(
    costs: EdgeCosts,
    is_node: Bool[Array, "windows height width"],
    window: WindowShape,
    *,
    forward_mode: bool = False,
) -> EffectiveResistances:
    r"""Solve a window's circuit, whose edges have the conductance 1 / cost.

    With the Laplacian :math:`L` of a component grounded at one of its cells, and :math:`G` the inverse,
    :math:`R_{ij} = G_{ii} + G_{jj} - 2 G_{ij}`. The ground takes no current, whatever its conductance: the first source of a
    component is grounded through the sum of its own conductances. Components without a source are left out. Computed in float64 (where JAX
    has it), whatever the type of the costs.

    Parameters
    ----------
    costs : EdgeCosts
        (windows, height, width), > 0; inf where there is no edge.
    is_node : (windows, height, width)
    window : WindowShape
        Where the sources lie; static.
    forward_mode : bool
        Whether it will be differentiated forwards instead of backwards; static.
    """
    joined, is_ground = source_components(costs, is_node, window)
    of_source = joined.any(axis=-1)
    conductances = [_conductance(cost.astype(float), of_source) for cost in costs]
    stencil, degree = _laplacian(conductances)
    grounds = at_sources(is_ground.astype(float), window)
    # Cells that are joined with nothing are grounded through 1, so that the matrix has no empty row.
    alone = degree == 0
    grounding = lax.stop_gradient(jnp.where(alone, 1, grounds * degree))
    units = unit_sources(window, len(degree), degree.dtype)
    matrix = stencil.at[1, 1].add(grounding)
    own, columns, _ = selected_inverse(matrix, units, None, window, definite=True, forward_mode=forward_mode)
    of_lane = window.block(own).reshape(-1, 1, 1, window.lanes)
    return EffectiveResistances(of_lane + own[..., None] - 2 * columns, joined, degree)


def _conductance(cost: Array, counts: Array) -> Array:
    """Return 1 / cost, 0 without an edge or where its first cell does not count; no inf reaches the derivative."""
    edge = jnp.isfinite(cost) & counts
    return jnp.where(edge, 1 / jnp.where(edge, cost, 1), 0)


def _laplacian(conductances: list[Array]) -> tuple[Array, Array]:
    """Return the Laplacian's stencil and its diagonal."""
    east, south, southeast, southwest = conductances

    def shifted(values: Array, down: int, right: int) -> Array:
        """Return at each cell the value of the cell `down` rows below and `right` columns to the right, 0 outside."""
        height, width = values.shape[1:]
        padded = jnp.pad(values, ((0, 0), (1, 1), (1, 1)))
        return padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]

    above = [shifted(southeast, -1, -1), shifted(south, -1, 0), shifted(southwest, -1, 1)]
    below = [southwest, south, southeast]
    west = shifted(east, 0, -1)
    degree = sum(above) + sum(below) + east + west
    rows = [[-g for g in above], [-west, degree, -east], [-g for g in below]]
    return jnp.stack([jnp.stack(row) for row in rows]), degree
