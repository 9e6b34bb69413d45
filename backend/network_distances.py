"""Distances over a graph as a JAX function: under `jit`, `grad` and `vmap`, over sources, lengths and ends of links alike."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numba import njit

from .network import Graph, endpoints
from .network_search import OPTIONS, Adjacency, accumulate_back, adjacency, distances_from, search
from .solvers.threads import in_parts


def network_distances(graph: Graph, length: str, sources: Int[Array, " sources"]) -> Float[Array, "sources nodes"]:
    """Return distances along shortest paths from some nodes to all.

    Differentiable with respect to the lengths: the derivative is that of the shortest paths; where several tie, the edges
    into a node share equally. Computed on the CPU by Dijkstra's algorithm, several sources at once.

    Parameters
    ----------
    graph : Graph
        Any graph; padding takes no part.
    length : str
        Column of the edges, >= 0; edges without a length (NaN) or of infinite length are none.
    sources : (sources,)
        Rows of the nodes to start from.

    Returns
    -------
    (sources, nodes)
        inf where there is no path.
    """
    start, end = endpoints(graph)
    return _distances(start, end, graph.edges[length], sources, len(graph.nodes), graph.directed)


def probability_of_connectivity(
    graph: Graph, capacity: str, length: str, rate: float | Float[Array, ""]
) -> Float[Array, ""]:
    """Return the numerator of PC, ``sum_ij a_i a_j exp(-k d_ij)``, i = j included; nodes without a capacity count as 0.

    Parameters
    ----------
    graph : Graph
        Any graph.
    capacity, length : str
        Columns of the nodes and of the edges.
    rate : scalar
        k > 0.
    """
    a = graph.nodes[capacity]
    a = jnp.where(jnp.isnan(a), 0, a)
    distance = network_distances(graph, length, jnp.arange(len(graph.nodes)))
    reached = jnp.isfinite(distance)
    p = jnp.where(reached, jnp.exp(-rate * jnp.where(reached, distance, 0)), 0)
    return a @ p @ a


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _distances(start: Array, end: Array, length: Array, sources: Array, nodes: int, directed: bool) -> Array:
    result = jax.ShapeDtypeStruct((sources.shape[-1], nodes), length.dtype)
    host = functools.partial(_host_distances, nodes, directed)
    return jax.pure_callback(host, result, start, end, length, sources, vmap_method="expand_dims")


def _forward(start: Array, end: Array, length: Array, sources: Array, nodes: int, directed: bool) -> Any:
    return _distances(start, end, length, sources, nodes, directed), (start, end, length, sources)


def _backward(nodes: int, directed: bool, saved: Any, cotangents: Array) -> tuple[None, None, Array, None]:
    start, end, length, sources = saved
    result = jax.ShapeDtypeStruct(length.shape, length.dtype)
    host = functools.partial(_host_gradient, nodes, directed)
    pulled = jax.pure_callback(host, result, start, end, length, sources, cotangents, vmap_method="expand_dims")
    return None, None, pulled, None


_distances.defvjp(_forward, _backward)


def _host_distances(nodes: int, directed: bool, *given: Any) -> np.ndarray:
    start, end, length, sources = (np.asarray(values) for values in given)
    batch = np.broadcast_shapes(*(values.shape[:-1] for values in (start, end, length, sources)))
    result = np.empty((*batch, sources.shape[-1], nodes))
    for at, links in _each(batch, nodes, directed, start, end, length):
        origin, rows = _one(sources, at).astype(np.int64), result[at]

        def part(low: int, high: int, links: Adjacency = links, origin: Any = origin, rows: Any = rows) -> int:
            return distances_from(origin[low:high], np.inf, *links.arrays, rows[low:high])

        in_parts(part, len(origin))
    return result.astype(length.dtype)


def _host_gradient(nodes: int, directed: bool, *given: Any) -> np.ndarray:
    start, end, length, sources, pull = (np.asarray(values) for values in given)
    batch = np.broadcast_shapes(*(values.shape[:-1] for values in (start, end, length, sources)), pull.shape[:-2])
    result = np.zeros((*batch, length.shape[-1]))
    for at, links in _each(batch, nodes, directed, start, end, length):
        back = (
            links if not directed else adjacency(nodes, _one(end, at), _one(start, at), _one(length, at), directed=True)
        )
        pulls = np.array(pull[tuple(0 if n == 1 else k for k, n in zip(at, pull.shape[:-2], strict=True))], np.float64)
        _pull_back(_one(sources, at).astype(np.int64), *links.arrays, *back.arrays, pulls, result[at])
    return result.astype(length.dtype)


def _each(
    batch: tuple[int, ...], nodes: int, directed: bool, start: Any, end: Any, length: Any
) -> Iterator[tuple[tuple[int, ...], Adjacency]]:
    """Give each place of a batch with its links, built anew only where they differ."""
    known: Any = None
    for at in np.ndindex(batch):
        key = tuple(_place(values, at) for values in (start, end, length))
        if known is None or known[0] != key:
            links = adjacency(nodes, _one(start, at), _one(end, at), _one(length, at), directed=directed)
            known = (key, links)
        yield at, known[1]


def _place(values: np.ndarray, at: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(0 if size == 1 else number for number, size in zip(at, values.shape[:-1], strict=True))


def _one(values: np.ndarray, at: tuple[int, ...]) -> np.ndarray:
    return values[_place(values, at)]


@njit(**OPTIONS)
def _pull_back(
    sources, first, other, length, link, back_first, back_other, back_length, back_link, pulls, by_link
):  # fmt: skip
    nodes = len(first) - 1
    distance, parent, parent_link = np.empty(nodes), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    order, keys, names = np.empty(nodes, np.int64), np.empty(len(other) + 1), np.empty(len(other) + 1, np.int64)
    rank = np.empty(nodes, np.int64)
    for row in range(len(sources)):
        reached = search(
            sources[row], np.inf, first, other, length, link, distance, parent, parent_link, order, keys, names
        )
        rank[:] = nodes
        accumulate_back(
            order, reached, back_first, back_other, back_length, back_link, distance, rank, pulls[row], by_link
        )
    return 0
