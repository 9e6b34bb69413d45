"""The probability to survive a walk, from parts of the inverse of the walk's matrix, and its gradient."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ..window_shape import WindowShape
from .selected_inverse import Selected
from .walk_system import Graph, at_lanes, is_first


class Walks(NamedTuple):
    """What the survival of walks is made of: of cells and sources, of cells, of sources, and theta.

    With N scaled by the least costs and its inverse G, the first source r of a cell's component and K = G (1 - W 1): `rows` G_ij;
    of cells `own` G_jj, `to_ground` G_jr, `of_first` G_rj, `lost` K_j, `lost_first` K_r; of sources `ground_here` G_ir and
    `lost_here` K_i.
    """

    rows: Array
    own: Array
    to_ground: Array
    of_first: Array
    lost: Array
    lost_first: Array
    ground_here: Array
    lost_here: Array
    least: Array
    theta: Array


def walks_of(window: WindowShape, selected: Selected, theta: Array, graph: Graph, least: Array) -> Walks:
    """Return what the survival is made of, from the parts of the inverse."""
    own, rows, columns = selected
    to_ground, lost = columns[..., 0], columns[..., 1]
    lost_here = at_lanes(lost[..., None], window, graph.lanes)[..., 0]
    first = is_first(graph, window).astype(rows.dtype)
    windows = len(least)
    # By the labels of components, which are numbers of cells.
    by_label = jnp.zeros((windows, window.height * window.width), rows.dtype)
    here = jnp.arange(windows)[:, None]
    sources = at_lanes(graph.labels[..., None], window, graph.lanes)[..., 0]
    by_label = by_label.at[here, sources].add(first * lost_here)
    return Walks(
        rows=rows,
        own=own,
        to_ground=to_ground,
        of_first=jnp.einsum("bhwl,bl->bhw", rows, first),
        lost=lost,
        lost_first=by_label[here, graph.labels.reshape(windows, -1)].reshape(least.shape),
        ground_here=at_lanes(to_ground[..., None], window, graph.lanes)[..., 0],
        lost_here=lost_here,
        least=least,
        theta=theta,
    )


def survival_of(walks: Walks, joined: Array) -> tuple[Array, Array]:
    """Return the log survival, and the smallest number on the way to it."""
    whole = _whole(walks)
    known = whole > 0
    whole = jnp.where(known, whole, 1)
    scale = jnp.exp(-walks.theta * walks.least)
    of_row, of_ground = _ratio(walks.lost_first, whole), _ratio(walks.of_first, whole)
    of_whole = _ratio(walks.own * walks.lost_first - walks.lost * walks.of_first, whole)
    of_cells = of_row, of_ground, of_whole, scale * of_row, scale * of_ground
    # Written out, or each lane would compute them again.
    of_row, of_ground, of_whole, row_died, lost = (each[..., None] for each in lax.optimization_barrier(of_cells))
    here, lost_here = walks.ground_here[:, None, None], walks.lost_here[:, None, None]
    survived = walks.rows * of_row + here * of_ground
    counts = joined & known[..., None] & (survived > 0)
    died = jnp.where(counts, of_whole - walks.rows * row_died + lost_here * lost, 0)
    near = died < 0.5
    by_death = jnp.log1p(-jnp.where(near, died, 0))
    by_survival = jnp.log(jnp.where(counts, survived, 1)) - (walks.theta * walks.least)[..., None]
    found = jnp.where(near, by_death, by_survival)
    smallest = jnp.where(joined, jnp.where(counts, survived, 0), 1).min()
    return jnp.where(joined, found, 0), smallest


def _whole(walks: Walks) -> Array:
    """Return of each cell what is proportional to Z_jj."""
    return walks.own * walks.lost_first + walks.to_ground * walks.of_first


@jax.custom_jvp
def _ratio(one: Array, other: Array) -> Array:
    """Return one / other; JAX's own derivative squares the other, which underflows."""
    return one / other


@_ratio.defjvp
def _ratio_tangent(values: tuple[Array, Array], changes: tuple[Array, Array]) -> tuple[Array, Array]:
    ratio = _ratio(*values)
    return ratio, changes[0] / values[1] - ratio * (changes[1] / values[1])


def survival_gradient(walks: Walks, joined: Array, weight: Array) -> Walks:
    """Differentiate log(reached / whole), which is the same on both ways to compute it."""
    whole = _whole(walks)
    known = whole > 0
    reached = walks.rows * walks.lost_first[..., None] + walks.ground_here[:, None, None] * walks.of_first[..., None]
    counts = joined & known[..., None] & (reached > 0)
    weight = jnp.where(counts, weight, 0)
    # Written out before they are summed up in several ways, each of which would else divide anew.
    of_reached, weight = lax.optimization_barrier((_ratio(weight, jnp.where(counts, reached, 1)), weight))
    of_rows = lax.optimization_barrier(of_reached * walks.rows)
    # Products with matrices sum faster than sums do.
    ones = lax.optimization_barrier(jnp.ones((len(whole), joined.shape[-1]), whole.dtype))

    def over_lanes(values: Array, factors: Array) -> Array:
        return jnp.einsum("bhwl,bl->bhw", values, factors)

    total = over_lanes(weight, ones)
    of_whole = -_ratio(total, jnp.where(known, whole, 1))
    return Walks(
        rows=of_reached * walks.lost_first[..., None],
        own=of_whole * walks.lost_first,
        to_ground=of_whole * walks.of_first,
        of_first=of_whole * walks.to_ground + over_lanes(of_reached, walks.ground_here),
        lost=jnp.zeros_like(walks.lost),
        lost_first=of_whole * walks.own + over_lanes(of_rows, ones),
        ground_here=jnp.einsum("bhwl,bhw->bl", of_reached, walks.of_first),
        lost_here=jnp.zeros_like(walks.lost_here),
        least=jnp.zeros_like(walks.least),
        theta=-(total * walks.least).sum(),
    )
