"""The equations of a walker who is punished for costs, scaled by the least costs from the sources."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..window_shape import WindowShape
from .block_elimination import Stencil, transposed


class Graph(NamedTuple):
    """What is not differentiated: steps that exist, labels of components, cells joined with sources, lanes of the sources."""

    exists: Array
    labels: Array
    joined: Array
    lanes: Array


class System(NamedTuple):
    """The matrix N and two right-hand sides: the ground, and what is killed at each cell."""

    matrix: Stencil
    right: Array


def scaling(cost: Array, window: WindowShape, graph: Graph) -> Array:
    """Return the least cost from the nearest source, 0 where there is none."""
    of_source = graph.joined.any(axis=-1)
    exists = graph.exists & of_source
    starts = spread_lanes(sources_of(graph, window), window, graph.lanes)
    # Any scaling is exact; one by costs below 0 might have no end.
    least = _least_costs(exists, jnp.where(exists, jnp.maximum(cost.astype(float), 0), 0), starts)
    return lax.stop_gradient(jnp.where(of_source, least, 0))


def system_of(window: WindowShape, affinity: Array, cost: Array, theta: Array, graph: Graph, least: Array) -> System:
    """Return the equations; cells that no source is joined with have no steps."""
    exists = graph.exists & graph.joined.any(axis=-1)
    cost = jnp.where(exists, cost.astype(float), 0)
    affinity = jnp.where(exists, affinity.astype(float), 0)
    total = affinity.sum(axis=(0, 1))
    probability = affinity / jnp.where(total > 0, total, 1)
    excess = jnp.where(exists, cost + least - over_there(least, 0), 0)
    survives = probability * jnp.exp(-theta * excess)
    killed = -(probability * jnp.expm1(-theta * cost)).sum(axis=(0, 1))
    ground = spread_lanes(is_first(graph, window), window, graph.lanes).astype(float)
    matrix = (-survives).at[1, 1].add(1 + ground)
    return System(matrix, jnp.stack([ground, killed * jnp.exp(-theta * least)], axis=-1))


def sources_of(graph: Graph, window: WindowShape) -> Array:
    """Return which lanes are sources."""
    return at_lanes(graph.joined, window, graph.lanes).diagonal(axis1=1, axis2=2)


def is_first(graph: Graph, window: WindowShape) -> Array:
    """Return which lanes are the first of their component."""
    is_source = sources_of(graph, window)
    first = jnp.argmax(at_lanes(graph.joined, window, graph.lanes) & is_source[..., None], axis=1)
    return is_source & (first == jnp.arange(len(graph.lanes)))


def at_lanes(values: Array, window: WindowShape, lanes: Array) -> Array:
    """Return values (windows, height, width, any) at the sources of some lanes: (windows, lanes, any)."""
    rows = window.halo_rows + lanes // window.block_columns
    columns = window.halo_columns + lanes % window.block_columns
    return values[:, rows, columns]


def spread_lanes(values: Array, window: WindowShape, lanes: Array) -> Array:
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
