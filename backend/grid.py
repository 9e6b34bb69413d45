"""The graph of a raster: which cells are joined and what a step between them costs."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from .neighbourhood import Corners, EdgeRule, Neighbourhood, Sphere

__all__ = ["Corners", "EdgeCosts", "EdgeRule", "Neighbourhood", "Sphere", "edge_costs", "is_node", "step_lengths"]


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


def cell_widths(
    neighbourhood: Neighbourhood, latitude: Float[Array, "... height"] | None
) -> float | Float[Array, "... height"]:
    """Return the width of the cells of each row, from the latitudes of their centres (radians) where there is a sphere.

    Raises
    ------
    ValueError
        When there is a sphere and there are no latitudes, or the other way round.
    """
    sphere = neighbourhood.sphere
    if (sphere is None) != (latitude is None):
        raise ValueError("latitudes go with a sphere: give both or none.")
    if sphere is None or latitude is None:
        return neighbourhood.cell_width
    return lax.stop_gradient(sphere.radius * sphere.longitude_step * jnp.cos(latitude))


def step_lengths(
    neighbourhood: Neighbourhood, latitude: Float[Array, "windows height"] | None
) -> Float[Array, "3 3 windows height one"]:
    """Return the length of the step from each row by (down - 1, right - 1), at [down, right]; 1 where that is no step.

    With one window of one row where they are the same everywhere.
    """
    height = neighbourhood.cell_height
    width = jnp.atleast_2d(cell_widths(neighbourhood, latitude))
    above = (jnp.concatenate([width[:, :1], width[:, :-1]], axis=1) + width) / 2
    below = (jnp.concatenate([width[:, 1:], width[:, -1:]], axis=1) + width) / 2
    straight = jnp.full_like(width, height)
    rows = [
        [jnp.hypot(above, height), straight, jnp.hypot(above, height)],
        [width, jnp.ones_like(width), width],
        [jnp.hypot(below, height), straight, jnp.hypot(below, height)],
    ]
    return jnp.stack([jnp.stack(row) for row in rows])[..., None]


def edge_costs(
    resistance: Float[Array, "... height width"],
    neighbourhood: Neighbourhood,
    latitude: Float[Array, "... height"] | None = None,
) -> EdgeCosts:
    """Return the cost of every edge of a raster, in resistance times map units.

    The cost of a step follows ``neighbourhood.edge_rule``; its length is ``cell_width``, ``cell_height`` or
    ``hypot(cell_width, cell_height)``. Differentiable: the derivative is 0 where there is no edge.

    Parameters
    ----------
    resistance : (..., height, width)
        Resistance of each cell, > 0; ``inf`` or ``nan`` where the cell is no node.
    neighbourhood : Neighbourhood
        Cell size, number of neighbours, edge rule and corner rule.
    latitude : (..., height), optional
        Of the centres of the rows, radians, where the neighbourhood has a sphere.

    Returns
    -------
    EdgeCosts
        ``inf`` where either cell is no node or lies outside the raster, where a diagonal is closed by the corner rule, and
        on every diagonal with 4 neighbours.
    """
    node = is_node(resistance)
    # The second `where` keeps inf and nan out of the arithmetic, and so out of its derivative.
    r = jnp.where(node, resistance, jnp.ones_like(resistance))
    width, height = cell_widths(neighbourhood, latitude), neighbourhood.cell_height
    length: float | Array = math.hypot(neighbourhood.cell_width, height)
    if latitude is not None:
        width = jnp.asarray(width, r.dtype)[..., None]
        length = jnp.hypot((width[..., :-1, :] + width[..., 1:, :]) / 2, height)
    above, below = (..., slice(None, -1), slice(None)), (..., slice(1, None), slice(None))
    left, right = (..., slice(None, -1)), (..., slice(1, None))

    def cost(
        one: Float[Array, ...], other: Float[Array, ...], joined: Bool[Array, ...], length: float | Array
    ) -> Float[Array, ...]:
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


def edge_cost_slopes(
    resistance: Float[Array, "... height width"],
    neighbourhood: Neighbourhood,
    latitude: Float[Array, "... height"] | None = None,
) -> tuple[EdgeCosts, EdgeCosts]:
    """Return the derivative of every edge cost with respect to the resistance of its first end, and of its other one.

    The first end is the cell at whose place an edge is kept; 0 where there is no edge. Arguments are those of `edge_costs`.
    """
    rows, columns = jnp.ogrid[: resistance.shape[-2], : resistance.shape[-1]]

    def along(cells: Bool[Array, ...]) -> EdgeCosts:
        direction = jnp.where(cells, jnp.ones_like(resistance), 0)
        return jax.jvp(lambda r: edge_costs(r, neighbourhood, latitude), (resistance,), (direction,))[1]

    # Each edge to the east joins an even column with an odd one, all others an even row with an odd one.
    of_even, of_odd = (EdgeCosts(along(columns % 2 == each)[0], *along(rows % 2 == each)[1:]) for each in (0, 1))
    even_first = EdgeCosts(columns % 2 == 0, *[rows % 2 == 0] * 3)
    first = EdgeCosts(*map(jnp.where, even_first, of_even, of_odd))
    return first, EdgeCosts(*map(jnp.where, even_first, of_odd, of_even))


def _pad(
    values: Float[Array, ...], after_rows: int = 0, before_columns: int = 0, after_columns: int = 0
) -> Float[Array, ...]:
    widths = [(0, 0)] * (values.ndim - 2) + [(0, after_rows), (before_columns, after_columns)]
    return jnp.pad(values, widths, constant_values=jnp.inf)
