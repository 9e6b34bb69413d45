"""Least-cost distances and their adjoint in plain JAX, for accelerators and as the reference.

Every cell looks at all its neighbours at once, until nothing changes. Simple, parallel, and slow on a CPU.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, UInt8

from ..grid import EdgeCosts
from ..window_shape import WindowShape

Distances = Float[Array, "blocks height width lanes"]

# Where the neighbour lies: west, east, north, south, northwest, southeast, northeast, southwest.
_STEPS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, 1), (-1, 1), (1, -1))


class TightEdges(NamedTuple):
    """Which of the eight edges into each cell are tight (one bit each), and the share that each of them carries."""

    bits: UInt8[Array, "blocks height width lanes"]
    share: Distances


def relax_distances(
    costs: EdgeCosts, is_source: Bool[Array, "blocks lanes"], window: WindowShape, limit: Float[Array, ""]
) -> Distances:
    """Return the least-cost distance from every source to every cell; ``inf`` beyond ``limit``."""
    blocks, dtype = costs.east.shape[0], costs.east.dtype
    incoming = _incoming(costs)
    rows, columns = _source_cells(window)
    start = jnp.full((blocks, window.height, window.width, window.lanes), jnp.inf, dtype)
    start = start.at[:, rows, columns, np.arange(window.lanes)].set(jnp.where(is_source, 0.0, jnp.inf).astype(dtype))
    inside = _own_windows(window)

    def relax(distance: Distances) -> Distances:
        new = distance
        for step, cost in zip(_STEPS, incoming, strict=True):
            new = jnp.minimum(new, _shifted(distance, step, math.inf) + cost[..., None])
        new = jnp.where(new <= limit, new, jnp.inf)
        return new if inside is None else jnp.where(inside, new, jnp.inf)

    def again(state: tuple[Distances, Array, Array]) -> Array:
        return state[1] & (state[2] <= window.height * window.width)

    def step(state: tuple[Distances, Array, Array]) -> tuple[Distances, Array, Array]:
        new = relax(state[0])
        return new, jnp.any(new < state[0]), state[2] + 1

    # A shortest path visits no cell twice: as many rounds as there are cells are always enough.
    distance, _, _ = lax.while_loop(again, step, (relax(start), jnp.bool_(True), jnp.int32(0)))
    return jnp.where(limit >= 0, distance, jnp.inf)


def gather_cotangents(
    costs: EdgeCosts, distances: Distances, cotangents: Distances, slack: float
) -> tuple[EdgeCosts, Distances]:
    """Return the gradient of every edge cost, and the mass gathered by every cell.

    ``slack`` is 1 + the relative tolerance within which two paths tie.
    """
    own = jnp.where(jnp.isfinite(distances), cotangents, 0)
    tight = _tight_edges(costs, distances, slack)

    def gather(mass: Distances) -> Distances:
        new = own
        for bit, (down, right) in enumerate(_STEPS):
            new = new + _shifted(_through(tight, bit, mass), (-down, -right), 0.0)
        return new

    def again(state: tuple[Distances, Array, Array]) -> Array:
        return state[1] & (state[2] <= distances.shape[1] * distances.shape[2])

    def step(state: tuple[Distances, Array, Array]) -> tuple[Distances, Array, Array]:
        new = gather(state[0])
        return new, jnp.any((new != state[0]) & ~jnp.isnan(state[0])), state[2] + 1

    # Along tight edges the distance grows, so no chain of them is longer than the number of cells.
    mass, _, _ = lax.while_loop(again, step, (own, jnp.bool_(True), jnp.int32(0)))
    west, east, north, south, northwest, southeast, northeast, southwest = (
        jnp.sum(_through(tight, bit, mass), axis=-1) for bit in range(8)
    )
    gradients = EdgeCosts(
        east + _shifted(west, (0, 1), 0.0),
        south + _shifted(north, (1, 0), 0.0),
        southeast + _shifted(northwest, (1, 1), 0.0),
        southwest + _shifted(northeast, (1, -1), 0.0),
    )
    return gradients, mass


def push_tangents(costs: EdgeCosts, changes: EdgeCosts, distances: Distances, slack: float) -> Distances:
    """Return the derivative of every distance along a change of the edge costs, 0 where it is infinite; see `gather_cotangents`."""
    tight = _tight_edges(costs, distances, slack)
    into = [jnp.where(jnp.isfinite(each), each, 0)[..., None] for each in _incoming(changes)]

    def push(tangents: Distances) -> Distances:
        new = jnp.zeros_like(tangents)
        for bit, (step, change) in enumerate(zip(_STEPS, into, strict=True)):
            new = new + _through(tight, bit, _shifted(tangents, step, 0.0) + change)
        return new

    def again(state: tuple[Distances, Array, Array]) -> Array:
        return state[1] & (state[2] <= distances.shape[1] * distances.shape[2])

    def step(state: tuple[Distances, Array, Array]) -> tuple[Distances, Array, Array]:
        new = push(state[0])
        return new, jnp.any((new != state[0]) & ~jnp.isnan(state[0])), state[2] + 1

    start = push(jnp.zeros_like(distances))
    return lax.while_loop(again, step, (start, jnp.bool_(True), jnp.int32(0)))[0]


def _shifted(values: Array, step: tuple[int, int], fill: float) -> Array:
    """Return at each (block, row, column) the value one step away, ``fill`` outside the window."""
    widths = [(0, 0, 0)] * values.ndim
    for axis, offset in zip((1, 2), step, strict=True):
        widths[axis] = (-offset, offset, 0)
    return lax.pad(values, jnp.asarray(fill, values.dtype), widths)


def _incoming(costs: EdgeCosts) -> tuple[Float[Array, "blocks height width"], ...]:
    """Return the cost of stepping into each cell from its neighbours, in the order of ``_STEPS``."""
    out = math.inf
    # Edges that would leave the window lead nowhere: their far end holds no distance.
    return (
        _shifted(costs.east, (0, -1), out),
        costs.east,
        _shifted(costs.south, (-1, 0), out),
        costs.south,
        _shifted(costs.southeast, (-1, -1), out),
        costs.southeast,
        _shifted(costs.southwest, (-1, 1), out),
        costs.southwest,
    )


def _tight_edges(costs: EdgeCosts, distances: Distances, slack: float) -> TightEdges:
    reached = jnp.isfinite(distances)
    bits = jnp.zeros(distances.shape, jnp.uint8)
    count = jnp.zeros(distances.shape, distances.dtype)
    for bit, (step, cost) in enumerate(zip(_STEPS, _incoming(costs), strict=True)):
        near = _shifted(distances, step, math.inf)
        tight = reached & (near + cost[..., None] <= distances * slack) & (near < distances)
        bits = bits | jnp.where(tight, jnp.uint8(1 << bit), jnp.uint8(0))
        count = count + tight
    return TightEdges(bits, 1 / jnp.maximum(count, 1))


def _through(tight: TightEdges, bit: int, mass: Distances) -> Distances:
    return jnp.where(tight.bits & jnp.uint8(1 << bit) != 0, mass * tight.share, 0)


def _source_cells(window: WindowShape) -> tuple[np.ndarray, np.ndarray]:
    lanes = np.arange(window.lanes)
    return window.halo_rows + lanes // window.block_columns, window.halo_columns + lanes % window.block_columns


def _own_windows(window: WindowShape) -> np.ndarray | None:
    """Return which cells lie in each lane's own window, (height, width, lanes); None if all do."""
    if not window.own_windows:
        return None
    rows, columns = _source_cells(window)
    near_row = np.abs(np.arange(window.height)[:, None, None] - rows) <= window.halo_rows
    near_column = np.abs(np.arange(window.width)[None, :, None] - columns) <= window.halo_columns
    return near_row & near_column
