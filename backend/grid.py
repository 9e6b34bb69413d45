"""The graph of a raster: which cells are joined and what a step between them costs."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

EdgeRule = Literal["average_resistance", "average_conductance"]
Corners = Literal["closed", "open"]


@dataclass(frozen=True)
class Neighbourhood:
    """State how the cells of a raster are joined.

    Parameters
    ----------
    cell_width, cell_height : float
        Size of a cell in map units, > 0.
    neighbours : {4, 8}
        Steps to the four sides only, or to the corners as well.
    edge_rule : {"average_resistance", "average_conductance"}
        Cost of a step of length ``l`` between cells of resistance ``r_i`` and ``r_j``: ``l (r_i + r_j) / 2``, or
        ``l / ((1 / r_i + 1 / r_j) / 2)``.
    corners : {"closed", "open"}
        Whether a diagonal step may squeeze between two cells that are no nodes. ``closed``: it may not, so that a barrier
        one cell wide holds in every direction.
    """

    cell_width: float
    cell_height: float
    neighbours: Literal[4, 8] = 8
    edge_rule: EdgeRule = "average_resistance"
    corners: Corners = "closed"

    def __post_init__(self) -> None:
        if not (0 < self.cell_width < math.inf and 0 < self.cell_height < math.inf):
            raise ValueError(
                f"cells of {self.cell_width} x {self.cell_height} map units; both sizes must be > 0 and finite."
            )
        if self.neighbours not in (4, 8):
            raise ValueError(f"{self.neighbours} neighbours; give 4 or 8.")
        if self.edge_rule not in ("average_resistance", "average_conductance"):
            raise ValueError(f"edge rule {self.edge_rule!r}; give 'average_resistance' or 'average_conductance'.")
        if self.corners not in ("closed", "open"):
            raise ValueError(f"corner rule {self.corners!r}; give 'closed' or 'open'.")


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
