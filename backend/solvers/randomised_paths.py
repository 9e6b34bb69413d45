"""Randomised shortest paths inside windows: how likely a walker that is punished for costs gets from source to cell."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ..grid import EdgeCosts
from ..window_shape import WindowShape
from .block_elimination import (
    Stencil,
    diagonal_of_inverse,
    eliminate,
    solve,
    split,
    transpose,
    transposed,
    unit_sources,
)
from .components import component_labels

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
    steps: Steps, edges: EdgeCosts, is_node: Bool[Array, "windows height width"], window: WindowShape, theta: Array
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
    """
    labels = component_labels(edges)
    sources = window.block(labels).reshape(-1, window.lanes)
    is_source = window.block(is_node).reshape(-1, window.lanes)
    joined = is_node[..., None] & is_source[:, None, None] & (labels[..., None] == sources[:, None, None])
    every = jnp.arange(window.lanes)
    found, smallest = _from_sources(steps, joined, window, theta, every)
    if window.lanes == 1:
        return found, joined

    @jax.checkpoint
    def one_by_one(steps: Steps, theta: Array) -> Array:
        def one(lane: Array) -> Array:
            of_lane = lax.dynamic_slice_in_dim(joined, lane, 1, axis=-1)
            return _from_sources(steps, of_lane, window, theta, lane[None])[0][..., 0]

        return jnp.moveaxis(lax.map(one, every), 0, -1)

    # Sources that lie far apart in terms of costs do not fit into one scaling.
    apart = lax.stop_gradient(smallest) < _TINY
    return lax.cond(apart, one_by_one, lambda *_: found, steps, theta), joined


def _from_sources(steps: Steps, joined: Array, window: WindowShape, theta: Array, lanes: Array) -> tuple[Array, Array]:
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
    least = lax.stop_gradient(_least_costs(exists, cost, starts))
    least = jnp.where(of_source, least, 0)
    excess = jnp.where(exists, cost + least - over_there(least, 0), 0)
    survives = probability * jnp.exp(-theta * excess)
    killed = -(probability * jnp.expm1(-theta * cost)).sum(axis=(0, 1))

    is_first = is_source.diagonal(axis1=1, axis2=2) & (first == jnp.arange(len(lanes)))
    ground = _spread(is_first, window, lanes).astype(float)
    matrix = (-survives).at[1, 1].add(1 + ground)
    elimination = eliminate(matrix, window, definite=False)
    scale = jnp.exp(-theta * least)
    columns = solve(elimination, *split(jnp.stack([ground, killed * scale], axis=-1), window))
    to_ground, lost = columns[..., 0], columns[..., 1]
    units = unit_sources(window, len(least), least.dtype)[..., lanes]
    rows = solve(transpose(elimination, matrix, window), units)
    own = diagonal_of_inverse(elimination)[..., None]

    rows_of_first = jnp.take_along_axis(rows, first[:, None, None], axis=-1)
    lost_here = _at(lost[..., None], window, lanes)[..., 0]
    lost_first = jnp.take_along_axis(lost_here, first, axis=1)[:, None, None]
    lost_here = lost_here[:, None, None]
    reached = rows * lost_first + _at(to_ground[..., None], window, lanes)[..., 0][:, None, None] * rows_of_first
    whole = own * lost_first + to_ground[..., None] * rows_of_first
    scale = scale[..., None]
    died = (own - scale * rows) * lost_first + (lost_here * scale - lost[..., None]) * rows_of_first

    counts = joined & (reached > 0) & (whole > 0)
    reached, whole = jnp.where(counts, reached, 1), jnp.where(counts, whole, 1)
    share = jnp.where(counts, died, 0) / whole
    near = share < 0.5
    by_death = jnp.log1p(-jnp.where(near, share, 0))
    by_survival = jnp.log(reached) - jnp.log(whole) - theta * least[..., None]
    found = jnp.where(near, by_death, by_survival)
    smallest = jnp.where(joined, jnp.where(counts, reached, 0), 1).min()
    return jnp.where(joined, found, 0), smallest


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
