"""What every node and link is worth: the loss of PC when it is removed.

Nothing is computed anew but what changes: from a source only the nodes behind the removed one in the tree of shortest
paths can change, so only these are searched again, from their neighbours outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_indices import Silent, in_chunks
from .network_search import OPTIONS, Adjacency, distances_from, lay_out_tree, pop, push, search

_LARGEST_EXPONENT = 745.2


@dataclass(frozen=True)
class NodeParts:
    """The loss of a numerator without each node, as its three parts; all in units of the numerator.

    Parameters
    ----------
    numerator : float
        Of the whole network.
    intra : array, shape (nodes,)
        ``a_k^2``.
    flux : array, shape (nodes,)
        ``2 (a_k sum_j f_kj a_j - a_k^2)``: what flows from and to the node.
    connector : array, shape (nodes,)
        What the other nodes lose without it.
    links : array, shape (links,)
        Loss without each link.
    """

    numerator: float
    intra: NDArray[np.float64]
    flux: NDArray[np.float64]
    connector: NDArray[np.float64]
    links: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """Loss without each node."""
        return self.intra + self.flux + self.connector

    def percent(self, part: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a part in per cent of the numerator (0 where that is 0)."""
        return 100 * part / self.numerator if self.numerator > 0 else np.zeros_like(part)


def removals(
    links: Adjacency,
    capacity: NDArray[np.float64],
    rate: float,
    *,
    integral: bool = False,
    each_link: bool = True,
    report: Any = None,
) -> NodeParts:
    """Return what the numerator of PC (or IIC) loses without each node, and without each link.

    Parameters
    ----------
    links : Adjacency
        The network.
    capacity : array, shape (nodes,)
        a_i >= 0.
    rate : float
        k of ``p = exp(-k d)``; not used for IIC.
    integral : bool
        IIC: ``f = 1 / (1 + links)`` in place of ``p*``.
    each_link : bool
        Whether links are removed too (else `links` is 0).

    Notes
    -----
    Paths so improbable that all pairs joined by such paths are less than the rounding of the numerator are left out.
    """
    used = links.with_lengths(np.ones(links.links)) if integral else links
    limit = np.inf if integral else _exponent_that_counts(capacity) / rate
    rank = _rank_from_the_rim(used)
    reach = np.zeros(links.nodes)
    by_node: list[NDArray[np.float64]] = []
    by_link: list[NDArray[np.float64]] = []

    def part(first: int, last: int) -> int:
        nodes, edges = np.zeros(links.nodes), np.zeros(links.links)
        _losses(first, last, limit, *used.arrays, capacity, rank, rate, integral, each_link, reach, nodes, edges)
        by_node.append(nodes)
        by_link.append(edges)
        return 0

    in_chunks(part, links.nodes, report or Silent(), "Removing nodes and links")
    intra = capacity**2
    return NodeParts(
        math.fsum(capacity * reach),
        intra,
        2 * (capacity * reach - intra),
        np.sum(by_node, axis=0) if by_node else np.zeros(links.nodes),
        np.sum(by_link, axis=0) if by_link else np.zeros(links.links),
    )


def _exponent_that_counts(capacity: NDArray[np.float64]) -> float:
    """Return the exponent beyond which all pairs together are less than the rounding of the numerator."""
    own = float((capacity**2).sum())
    if own == 0:
        return _LARGEST_EXPONENT
    most = (len(capacity) * float(capacity.max())) ** 2
    return min(_LARGEST_EXPONENT, math.log(most / own) - math.log(np.finfo(np.float64).eps / 2))


def _rank_from_the_rim(links: Adjacency) -> NDArray[np.int64]:
    """Return places in an order that sweeps across the network.

    A pair is looked at from the end that comes first; with such an order about half of every tree holds no other end, and
    nothing there has to be searched again.
    """
    if links.nodes == 0:
        return np.zeros(0, np.int64)
    far = np.empty((1, links.nodes))
    start = 0
    for _ in range(2):
        distances_from(np.array([start]), np.inf, *links.arrays, far)
        start = int(np.argmax(np.where(np.isfinite(far[0]), far[0], -1)))
    distances_from(np.array([start]), np.inf, *links.arrays, far)
    rank = np.empty(links.nodes, np.int64)
    rank[np.argsort(far[0], kind="stable")] = np.arange(links.nodes)
    return rank


@njit(**OPTIONS)
def _value(distance, k, integral):
    return 1.0 / (1.0 + distance) if integral else np.exp(-k * distance)


@njit(**OPTIONS)
def _losses(
    low, high, limit, first, other, length, link, capacity, rank, k, integral, each_link, reach, by_node, by_link
):
    nodes = len(first) - 1
    distance, parent, parent_link = np.empty(nodes), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    order, keys, names = np.empty(nodes, np.int64), np.empty(len(other) + 1), np.empty(len(other) + 1, np.int64)
    size, begin, sequence = np.empty(nodes, np.int64), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    value, around, below, weight = np.empty(nodes), np.full(nodes, np.inf), np.empty(nodes), np.empty(nodes)
    for source in range(low, high):
        reached = search(source, limit, first, other, length, link, distance, parent, parent_link, order, keys, names)
        total = 0.0
        for place in range(reached):
            node = order[place]
            value[node] = _value(distance[node], k, integral)
            total += capacity[node] * value[node]
            # Each pair counts from one of its ends, twice.
            weight[node] = 2 * capacity[node] if rank[node] > rank[source] else 0.0
            below[node] = weight[node] * value[node]
        reach[source] = total
        if capacity[source] == 0.0:
            continue
        for place in range(reached - 1, 0, -1):
            below[parent[order[place]]] += below[order[place]]
        lay_out_tree(order, reached, parent, size, begin, sequence)
        for place in range(1, reached):
            node = order[place]
            start, stop = begin[node], begin[node] + size[node]
            if size[node] > 1 and below[node] - weight[node] * value[node] > 0:
                left = _still_reached(
                    start + 1, stop, start, -1, limit, first, other, length, link, weight, distance, begin,
                    sequence, around, keys, names, k, integral,
                )  # fmt: skip
                by_node[node] += capacity[source] * max(0.0, _sum(start + 1, stop, sequence, weight, value) - left)
            if each_link and below[node] > 0:
                left = _still_reached(
                    start, stop, start, parent_link[node], limit, first, other, length, link, weight, distance, begin,
                    sequence, around, keys, names, k, integral,
                )  # fmt: skip
                lost = _sum(start, stop, sequence, weight, value) - left
                by_link[parent_link[node]] += capacity[source] * max(0.0, lost)
    return 0


@njit(**OPTIONS)
def _sum(start, stop, sequence, weight, value):
    total = 0.0
    for place in range(start, stop):
        total += weight[sequence[place]] * value[sequence[place]]
    return total


@njit(**OPTIONS)
def _still_reached(
    start, stop, closed, without, limit, first, other, length, link, weight, distance, begin, sequence, around, keys,
    names, k, integral,
):  # fmt: skip
    """Return sum w_j f_j of ``sequence[start:stop]`` where nothing from ``sequence[closed]`` on and no link `without` helps.

    `around` is inf everywhere, before and after. The sum runs in the order of `sequence`, like the one it is taken from,
    so that what does not change cancels exactly.
    """
    entries = 0
    for place in range(start, stop):
        node = sequence[place]
        best = np.inf
        for at in range(first[node], first[node + 1]):
            near = other[at]
            outside = begin[near] >= 0 and (begin[near] < closed or begin[near] >= stop)
            if outside and link[at] != without:
                best = min(best, distance[near] + length[at])
        if best <= limit:
            around[node] = best
            entries = push(keys, names, entries, best, node)
    while entries > 0:
        near, node = keys[0], names[0]
        entries = pop(keys, names, entries)
        if near > around[node]:
            continue
        for at in range(first[node], first[node + 1]):
            next_node = other[at]
            if begin[next_node] < start or begin[next_node] >= stop or link[at] == without:
                continue
            far = near + length[at]
            if far < around[next_node] and far <= limit:
                around[next_node] = far
                entries = push(keys, names, entries, far, next_node)
    total = 0.0
    for place in range(start, stop):
        node = sequence[place]
        if around[node] < np.inf:
            total += weight[node] * _value(around[node], k, integral)
            around[node] = np.inf
    return total
