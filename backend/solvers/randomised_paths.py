"""Randomised shortest paths inside windows: how likely a walker that is punished for costs gets from source to cell."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..grid import EdgeCosts
from ..window_shape import WindowShape
from .block_elimination import Stencil, transposed, unit_sources
from .components import component_labels
from .selected_inverse import selected_inverse

#: Numbers below this have lost digits, or are about to.
_TINY = 1e-280


class Steps(NamedTuple):
    """A random walker's steps: stencils of shape (3, 3, windows, height, width), see `Stencil`.

    Parameters
    ----------
    exists : array of bool
        Whether there is a step; if there is, there is one back.
    affinity : array
        Likelihood of a step, > 0, up to a factor for each cell.
    cost : array
        Cost of a step, >= 0.
    """

    exists: Bool[Array, "3 3 windows height width"]
    affinity: Stencil
    cost: Stencil


def existing_steps(edges: EdgeCosts) -> Bool[Array, "3 3 windows height width"]:
    """Return the steps in both directions along the edges of a graph, whose cost is finite."""
    none = jnp.zeros(edges.east.shape, bool)
    east, south, southeast, southwest = (jnp.isfinite(cost) for cost in edges)
    forth = jnp.stack([jnp.stack([none] * 3), jnp.stack([none, none, east]), jnp.stack([southwest, south, southeast])])
    return forth | transposed(forth)


def log_survival(
    steps: Steps,
    edges: EdgeCosts,
    is_node: Bool[Array, "windows height width"],
    window: WindowShape,
    theta: Array,
    *,
    forward_mode: bool = False,
    lanes: Int[Array, " chosen"] | None = None,
) -> tuple[Float[Array, "windows height width lanes"], Bool[Array, "windows height width lanes"]]:
    r"""Return the logarithm of the probability to survive from each source to each cell, and which cells are joined.

    With :math:`P = D^{-1} A`, :math:`W = P \circ e^{-\theta C}` and :math:`Z = (I - W)^{-1}` it is
    :math:`\log(Z_{ij} / Z_{jj})`. Two things keep its digits, whatever theta:

    - Rows and columns are scaled by the least cost from the sources, so that only the excess over it is punished.
    - As theta falls to 0, I - W loses its inverse. So :math:`N = I - W + \sum_r e_r e_r^T` is inverted, with one source r in each
      component, and the difference undone with :math:`K = N^{-1} (1 - W 1)`, which needs no difference of large numbers.

    Parameters
    ----------
    steps : Steps
    edges : EdgeCosts
        The graph of the steps.
    is_node : (windows, height, width)
    window : WindowShape
        Where the sources lie; static.
    theta : scalar
        > 0, 1 / unit of the costs.
    forward_mode : bool
        Whether it will be differentiated forwards instead of backwards; static.
    lanes : (chosen,), optional
        Only from these sources, each named once; by default from all.
    """
    every = jnp.arange(window.lanes) if lanes is None else lanes
    labels = component_labels(edges)
    sources = window.block(labels).reshape(-1, window.lanes)[:, every]
    is_source = window.block(is_node).reshape(-1, window.lanes)[:, every]
    joined = is_node[..., None] & is_source[:, None, None] & (labels[..., None] == sources[:, None, None])
    found, smallest = _from_sources(steps, joined, window, theta, every, forward_mode)
    if len(every) == 1:
        return found, joined

    def one_by_one(steps: Steps, theta: Array) -> Array:
        # Computed again for the gradient: the memory of one source at a time.
        @jax.checkpoint
        def one(steps: Steps, theta: Array, place: Array) -> Array:
            of_lane = lax.dynamic_slice_in_dim(joined, place, 1, axis=-1)
            return _from_sources(steps, of_lane, window, theta, every[place][None], forward_mode)[0][..., 0]

        return jnp.moveaxis(lax.map(lambda place: one(steps, theta, place), jnp.arange(len(every))), 0, -1)

    # Sources that lie far apart in terms of costs do not fit into one scaling.
    apart = lax.stop_gradient(smallest) < _TINY
    return lax.cond(apart, one_by_one, lambda *_: found, steps, theta), joined


def _from_sources(
    steps: Steps, joined: Array, window: WindowShape, theta: Array, lanes: Array, forward_mode: bool
) -> tuple[Array, Array]:
    """Return the log survival from some sources, and the smallest number on the way to it."""
    of_source = joined.any(axis=-1)
    exists = steps.exists & of_source
    cost = jnp.where(exists, steps.cost.astype(float), 0)
    affinity = jnp.where(exists, steps.affinity.astype(float), 0)
    total = affinity.sum(axis=(0, 1))
    probability = affinity / jnp.where(total > 0, total, 1)
    theta = theta.astype(float)

    is_source = _at(joined, window, lanes)
    first = jnp.argmax(is_source, axis=1)
    starts = _spread(is_source.diagonal(axis1=1, axis2=2), window, lanes)
    # Any scaling is exact; one by costs below 0 might have no end.
    least = lax.stop_gradient(_least_costs(exists, jnp.maximum(cost, 0), starts))
    least = jnp.where(of_source, least, 0)
    excess = jnp.where(exists, cost + least - over_there(least, 0), 0)
    survives = probability * jnp.exp(-theta * excess)
    killed = -(probability * jnp.expm1(-theta * cost)).sum(axis=(0, 1))

    is_first = is_source.diagonal(axis1=1, axis2=2) & (first == jnp.arange(len(lanes)))
    ground = _spread(is_first, window, lanes).astype(float)
    matrix = (-survives).at[1, 1].add(1 + ground)
    scale = jnp.exp(-theta * least)
    units = unit_sources(window, len(least), least.dtype, lanes)
    right = jnp.stack([ground, killed * scale], axis=-1)
    own, rows, columns = selected_inverse(matrix, units, right, window, definite=False, forward_mode=forward_mode)
    to_ground, lost = columns[..., 0], columns[..., 1]

    lost_here = _at(lost[..., None], window, lanes)[..., 0]
    # Products where one would gather, whose derivative would scatter.
    is_first_of = (first[..., None] == jnp.arange(len(lanes))).astype(rows.dtype)
    walks = _Walks(
        rows=rows,
        rows_of_first=jnp.einsum("bhwf,blf->bhwl", rows, is_first_of),
        own=own,
        to_ground=to_ground,
        lost=lost,
        ground_here=_at(to_ground[..., None], window, lanes)[..., 0],
        lost_here=lost_here,
        lost_first=jnp.einsum("bf,blf->bl", lost_here, is_first_of),
        least=least,
        theta=theta,
    )
    return (_combined if forward_mode else _combined_with_gradient)(walks, joined)


class _Walks(NamedTuple):
    """What the survival of walks is made of: of cells and sources, of cells, of sources, and theta.

    With N scaled by the least costs and its inverse G, the first source r of a component and K = G (1 - W 1): `rows` G_ij,
    `rows_of_first` G_rj, `own` G_jj, `to_ground` G_jr, `lost` K_j, `ground_here` G_ir, `lost_here` K_i, `lost_first` K_r.
    """

    rows: Array
    rows_of_first: Array
    own: Array
    to_ground: Array
    lost: Array
    ground_here: Array
    lost_here: Array
    lost_first: Array
    least: Array
    theta: Array


def _combined(walks: _Walks, joined: Array) -> tuple[Array, Array]:
    """Return the log survival, and the smallest number on the way to it."""
    reached, whole, counts = _reached_and_whole(walks, joined)
    of_first, here = walks.lost_first[:, None, None], walks.lost_here[:, None, None]
    scale = jnp.exp(-walks.theta * walks.least)[..., None]
    died = (walks.own[..., None] - scale * walks.rows) * of_first
    died = died + (here * scale - walks.lost[..., None]) * walks.rows_of_first
    share = _ratio(jnp.where(counts, died, 0), whole)
    near = share < 0.5
    by_death = jnp.log1p(-jnp.where(near, share, 0))
    by_survival = jnp.log(reached) - jnp.log(whole) - walks.theta * walks.least[..., None]
    found = jnp.where(near, by_death, by_survival)
    smallest = jnp.where(joined, jnp.where(counts, reached, 0), 1).min()
    return jnp.where(joined, found, 0), smallest


@jax.custom_jvp
def _ratio(one: Array, other: Array) -> Array:
    """Return one / other; JAX's own derivative squares the other, which underflows."""
    return one / other


@_ratio.defjvp
def _ratio_tangent(values: tuple[Array, Array], changes: tuple[Array, Array]) -> tuple[Array, Array]:
    ratio = _ratio(*values)
    return ratio, changes[0] / values[1] - ratio * (changes[1] / values[1])


def _reached_and_whole(walks: _Walks, joined: Array) -> tuple[Array, Array, Array]:
    """Return what is proportional to Z_ij and to Z_jj, 1 where it is not known, and where it is known."""
    of_first = walks.lost_first[:, None, None]
    reached = walks.rows * of_first + walks.ground_here[:, None, None] * walks.rows_of_first
    whole = walks.own[..., None] * of_first + walks.to_ground[..., None] * walks.rows_of_first
    counts = joined & (reached > 0) & (whole > 0)
    return jnp.where(counts, reached, 1), jnp.where(counts, whole, 1), counts


@jax.custom_vjp
def _combined_with_gradient(walks: _Walks, joined: Array) -> tuple[Array, Array]:
    return _combined(walks, joined)


def _combined_forward(walks: _Walks, joined: Array) -> tuple[tuple[Array, Array], tuple[_Walks, Array]]:
    return _combined(walks, joined), (walks, joined)


def _combined_backward(saved: tuple[_Walks, Array], cotangents: tuple[Array, Array]) -> tuple[_Walks, None]:
    """Differentiate log(reached / whole), which is the same on both ways to compute it."""
    walks, joined = saved
    reached, whole, counts = _reached_and_whole(walks, joined)
    weight = jnp.where(counts, cotangents[0], 0)
    # Written out before they are summed up in several ways, each of which would else divide anew.
    of_reached, of_whole, weight = lax.optimization_barrier((_ratio(weight, reached), -_ratio(weight, whole), weight))

    def over_lanes(one: Array, other: Array) -> Array:
        return jnp.einsum("bhwl,bl->bhw", one, other)

    def over_cells(one: Array, other: Array) -> Array:
        return (one * other).sum(axis=(1, 2))

    of_first = walks.lost_first[:, None, None]
    gradient = _Walks(
        rows=of_reached * of_first,
        rows_of_first=of_reached * walks.ground_here[:, None, None] + of_whole * walks.to_ground[..., None],
        own=over_lanes(of_whole, walks.lost_first),
        to_ground=(of_whole * walks.rows_of_first).sum(axis=-1),
        lost=jnp.zeros_like(walks.lost),
        ground_here=over_cells(of_reached, walks.rows_of_first),
        lost_here=jnp.zeros_like(walks.lost_here),
        lost_first=over_cells(of_reached, walks.rows) + over_cells(of_whole, walks.own[..., None]),
        least=jnp.zeros_like(walks.least),
        theta=-(weight.sum(axis=-1) * walks.least).sum(),
    )
    return gradient, None


_combined_with_gradient.defvjp(_combined_forward, _combined_backward)


def _at(values: Array, window: WindowShape, lanes: Array) -> Array:
    """Return values (windows, height, width, any) at the sources of some lanes: (windows, lanes, any)."""
    rows = window.halo_rows + lanes // window.block_columns
    columns = window.halo_columns + lanes % window.block_columns
    return values[:, rows, columns]


def _spread(values: Array, window: WindowShape, lanes: Array) -> Array:
    """Return values (windows, lanes) at the cells of their sources, 0 elsewhere."""
    rows = window.halo_rows + lanes // window.block_columns
    columns = window.halo_columns + lanes % window.block_columns
    shape = (values.shape[0], window.height, window.width)
    return jnp.zeros(shape, values.dtype).at[:, rows, columns].set(values)


def over_there(values: Float[Array, "windows height width"], outside: float) -> Stencil:
    """Return at each cell the values of its neighbours, as a stencil; `outside` beyond the window."""
    height, width = values.shape[1:]
    padded = jnp.pad(values, ((0, 0), (1, 1), (1, 1)), constant_values=outside)
    return jnp.stack([jnp.stack([padded[:, a : a + height, b : b + width] for b in range(3)]) for a in range(3)])


def _least_costs(exists: Array, cost: Array, starts: Array) -> Array:
    """Return the least cost from the nearest start to each cell, inf where there is none."""
    into = jnp.where(transposed(exists), transposed(cost), jnp.inf)

    def relax(state: tuple[Array, Array]) -> tuple[Array, Array]:
        found, _ = state
        height, width = found.shape[1:]
        padded = jnp.pad(found, ((0, 0), (1, 1), (1, 1)), constant_values=jnp.inf)
        better = found
        for down in range(3):
            for right in range(3):
                better = jnp.minimum(better, padded[:, down : down + height, right : right + width] + into[down, right])
        return better, (better < found).any()

    start = jnp.where(starts, 0.0, jnp.inf).astype(cost.dtype)
    return lax.while_loop(lambda state: state[1], relax, (start, jnp.array(True)))[0]
