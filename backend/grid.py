"""The graph of a raster: which cells are joined and what a step between them costs."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .neighbourhood import Corners, EdgeRule, Neighbourhood

__all__ = ["Corners", "EdgeCosts", "EdgeRule", "Neighbourhood", "edge_costs", "is_node"]


class EdgeCosts(NamedTuple):
    """Costs of the undirected edges of a raster, each of the raster's shape; ``inf`` where there is no edge.

    At ``[i, j]``, ``east`` joins ``(i, j)`` with ``(i, j + 1)``, ``south`` with ``(i + 1, j)``, ``southeast`` with
    ``(i + 1, j + 1)`` and ``southwest`` with ``(i + 1, j - 1)``.
    """

    east: Float[Array, "... height width"]
    south: Float[Array, "... height width"]
    southeast: Float[Array, "... height width"]
    southwest: Float[Array, "... height width"]


def is_node(resistance: Float[Array, "... height width"]) -> Bool[Array, "... height width"]:
    """Say which cells are nodes: those whose resistance is finite."""
    return jnp.isfinite(resistance)


def edge_costs(resistance: Float[Array, "... height width"], neighbourhood: Neighbourhood) -> EdgeCosts:
    """Return the cost of every edge of a raster, in resistance times map units.

    The cost of a step follows ``neighbourhood.edge_rule``; its length is ``cell_width``, ``cell_height`` or
    ``hypot(cell_width, cell_height)``. Differentiable: the derivative is 0 where there is no edge.

    Parameters
    ----------
    resistance : (..., height, width)
        Resistance of each cell, > 0; ``inf`` or ``nan`` where the cell is no node.
    neighbourhood : Neighbourhood
        Cell size, number of neighbours, edge rule and corner rule.

    Returns
    -------
    EdgeCosts
        ``inf`` where either cell is no node or lies outside the raster, where a diagonal is closed by the corner rule, and
        on every diagonal with 4 neighbours.
    """
    node = is_node(resistance)
    # The second `where` keeps inf and nan out of the arithmetic, and so out of its derivative.
    r = jnp.where(node, resistance, jnp.ones_like(resistance))
    width, height = neighbourhood.cell_width, neighbourhood.cell_height
    above, below = (..., slice(None, -1), slice(None)), (..., slice(1, None), slice(None))
    left, right = (..., slice(None, -1)), (..., slice(1, None))

    def cost(
        one: Float[Array, "..."], other: Float[Array, "..."], joined: Bool[Array, "..."], length: float
    ) -> Float[Array, "..."]:
        if neighbourhood.edge_rule == "average_resistance":
            value = (one + other) * (length / 2)
        else:
            value = 2 * length / (1 / one + 1 / other)
        return jnp.where(joined, value, jnp.inf)

    east = cost(r[left], r[right], node[left] & node[right], width)
    south = cost(r[above], r[below], node[above] & node[below], height)
    east = _pad(east, after_columns=1)
    south = _pad(south, after_rows=1)
    if neighbourhood.neighbours == 4:
        none = jnp.full_like(r, jnp.inf)
        return EdgeCosts(east, south, none, none)
    length = math.hypot(width, height)
    r_above, r_below, node_above, node_below = r[above], r[below], node[above], node[below]
    falling = node_above[left] & node_below[right]
    rising = node_above[right] & node_below[left]
    if neighbourhood.corners == "closed":
        beside_falling = node_above[right] | node_below[left]
        beside_rising = node_above[left] | node_below[right]
        falling, rising = falling & beside_falling, rising & beside_rising
    southeast = cost(r_above[left], r_below[right], falling, length)
    southwest = cost(r_above[right], r_below[left], rising, length)
    return EdgeCosts(
        east, south, _pad(southeast, after_rows=1, after_columns=1), _pad(southwest, after_rows=1, before_columns=1)
    )


def _pad(
    values: Float[Array, "..."], after_rows: int = 0, before_columns: int = 0, after_columns: int = 0
) -> Float[Array, "..."]:
    widths = [(0, 0)] * (values.ndim - 2) + [(0, after_rows), (before_columns, after_columns)]
    return jnp.pad(values, widths, constant_values=jnp.inf)
