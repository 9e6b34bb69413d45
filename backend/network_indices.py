"""Indices of a habitat network: probability of connectivity, integral index, their parts and their derivatives.

Lengths are in the units of the links; a dispersal distance d0 and the probability p0 at it give
``p = exp(-k d)``, ``k = -ln(p0) / d0``. Links can be gone both ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_search import OPTIONS, Adjacency, accumulate_back, distances_from, search
from .solvers.threads import in_parts

_LARGEST_EXPONENT = 745.2  # exp(-745.2) is 0 in double precision
_CHUNKS = 40


def decay_rate(dispersal_distance: float, probability: float) -> float:
    """Return k of ``p = exp(-k d)`` such that p is `probability` at `dispersal_distance`."""
    return -math.log(probability) / dispersal_distance


@dataclass(frozen=True)
class NetworkSums:
    """PC for several decay rates.

    Parameters
    ----------
    reach : array, shape (rates, nodes)
        ``sum_j p*_ij a_j``, j = i included.
    intra : float
        ``sum_i a_i^2``.
    direct : array, shape (rates,)
        ``sum_{i != j} a_i a_j p_ij`` of the links themselves.
    numerator : array, shape (rates,)
        ``sum_ij a_i a_j p*_ij``.
    """

    reach: NDArray[np.float64]
    intra: float
    direct: NDArray[np.float64]
    numerator: NDArray[np.float64]


class Silent:
    """A report that nobody reads."""

    def message(self, text: str) -> None:
        """Say nothing."""

    warning = message

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""

    def raise_if_cancelled(self) -> None:
        """Go on."""


def in_chunks(task: Callable[[int, int], int], items: int, report: Any, step: str) -> None:
    """Run ``task(first, last)`` over all items in parallel, with progress and a chance to stop in between."""
    chunks = max(1, min(_CHUNKS, items))
    bounds = [items * number // chunks for number in range(chunks + 1)]
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        report.raise_if_cancelled()
        in_parts(lambda first, last, low=low: task(low + first, low + last), high - low)
        report.progress(high / max(1, items), step)


def probability_sums(
    links: Adjacency, capacity: NDArray[np.float64], rates: Sequence[float], report: Any = None
) -> NetworkSums:
    """Return the sums behind PC for several decay rates; shortest paths are found once.

    Parameters
    ----------
    links : Adjacency
        The network.
    capacity : array, shape (nodes,)
        a_i >= 0.
    rates : sequence of float
        k > 0 of each dispersal distance.
    """
    k = np.asarray(rates, np.float64)
    reach = np.zeros((len(k), links.nodes))
    limit = _LARGEST_EXPONENT / k.min()

    def part(first: int, last: int) -> int:
        return _reach(first, last, limit, *links.arrays, capacity, k, reach)

    in_chunks(part, links.nodes, report or Silent(), "Shortest paths")
    numerator = np.array([math.fsum(capacity * row) for row in reach])
    return NetworkSums(reach, math.fsum(capacity**2), _direct(links, capacity, k), numerator)


def _direct(links: Adjacency, capacity: NDArray[np.float64], k: NDArray[np.float64]) -> NDArray[np.float64]:
    tail = np.repeat(np.arange(links.nodes), np.diff(links.first))
    order = np.lexsort((links.length, links.other, tail))
    tail, head, length = tail[order], links.other[order], links.length[order]
    new = np.ones(len(tail), bool)
    new[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
    weight = capacity[tail[new]] * capacity[head[new]]
    return np.array([math.fsum(weight * np.exp(-rate * length[new])) for rate in k])


@njit(**OPTIONS)
def _reach(low, high, limit, first, other, length, link, capacity, k, reach):
    nodes = len(first) - 1
    distance, parent, parent_link = np.empty(nodes), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    order, keys, names = np.empty(nodes, np.int64), np.empty(len(other) + 1), np.empty(len(other) + 1, np.int64)
    for source in range(low, high):
        reached = search(source, limit, first, other, length, link, distance, parent, parent_link, order, keys, names)
        for rate in range(len(k)):
            total = 0.0
            for place in range(reached):
                node = order[place]
                total += capacity[node] * np.exp(-k[rate] * distance[node])
            reach[rate, source] = total
    return 0


def integral_numerator(links: Adjacency, capacity: NDArray[np.float64], report: Any = None) -> float:
    """Return the numerator of IIC, ``sum_ij a_i a_j / (1 + links on the shortest path)``; 0 for pairs not connected."""
    steps = links.with_lengths(np.ones(links.links))
    sums = np.zeros(links.nodes)

    def part(first: int, last: int) -> int:
        return _inverse_reach(first, last, *steps.arrays, capacity, sums)

    in_chunks(part, links.nodes, report or Silent(), "Numbers of links between nodes")
    return math.fsum(capacity * sums)


@njit(**OPTIONS)
def _inverse_reach(low, high, first, other, length, link, capacity, sums):
    nodes = len(first) - 1
    steps, queue = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    for source in range(low, high):
        steps[:] = -1
        steps[source] = 0
        queue[0] = source
        head, tail = 0, 1
        total = 0.0
        while head < tail:
            node = queue[head]
            head += 1
            total += capacity[node] / (1.0 + steps[node])
            for place in range(first[node], first[node + 1]):
                near = other[place]
                if steps[near] < 0:
                    steps[near] = steps[node] + 1
                    queue[tail] = near
                    tail += 1
        sums[source] = total
    return 0


def all_distances(links: Adjacency, report: Any = None) -> NDArray[np.float64]:
    """Return the (nodes, nodes) matrix of distances along shortest paths; inf where there is none."""
    result = np.empty((links.nodes, links.nodes))
    every = np.arange(links.nodes)

    def part(first: int, last: int) -> int:
        return distances_from(every[first:last], np.inf, *links.arrays, result[first:last])

    in_chunks(part, links.nodes, report or Silent(), "Shortest paths")
    return result


@dataclass(frozen=True)
class NetworkGradient:
    """Exact derivatives of the numerator of PC.

    Parameters
    ----------
    numerator : float
        ``sum_ij a_i a_j p*_ij``.
    by_length : array, shape (links,)
        d numerator / d length of each link; where paths tie, the links into a node share equally.
    by_capacity : array, shape (nodes,)
        d numerator / d a_i, ``2 sum_j a_j p*_ij``.
    """

    numerator: float
    by_length: NDArray[np.float64]
    by_capacity: NDArray[np.float64]


def gradient(links: Adjacency, capacity: NDArray[np.float64], rate: float, report: Any = None) -> NetworkGradient:
    """Return the derivatives of PC's numerator with respect to every length and capacity, in one pass.

    From each source i the derivative with respect to each distance, ``-k a_i a_j p*_ij``, is sent back along the tree of
    shortest paths: what arrives at a link is the share of it that the link's length answers for.
    """
    reach = np.zeros(links.nodes)
    parts: list[NDArray[np.float64]] = []

    def part(first: int, last: int) -> int:
        by_link = np.zeros(links.links)
        _gradient(first, last, _LARGEST_EXPONENT / rate, *links.arrays, capacity, rate, reach, by_link)
        parts.append(by_link)
        return 0

    in_chunks(part, links.nodes, report or Silent(), "Gradient")
    by_length = np.zeros(links.links) if not parts else np.sum(parts, axis=0)
    return NetworkGradient(math.fsum(capacity * reach), by_length, 2 * reach)


@njit(**OPTIONS)
def _gradient(low, high, limit, first, other, length, link, capacity, k, reach, by_link):
    nodes = len(first) - 1
    distance, parent, parent_link = np.empty(nodes), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    order, keys, names = np.empty(nodes, np.int64), np.empty(len(other) + 1), np.empty(len(other) + 1, np.int64)
    pull, rank = np.zeros(nodes), np.empty(nodes, np.int64)
    for source in range(low, high):
        reached = search(source, limit, first, other, length, link, distance, parent, parent_link, order, keys, names)
        rank[:] = nodes
        total = 0.0
        for place in range(reached):
            node = order[place]
            found = capacity[node] * np.exp(-k * distance[node])
            total += found
            pull[node] = -k * capacity[source] * found
        reach[source] = total
        accumulate_back(order, reached, first, other, length, link, distance, rank, pull, by_link)
    return 0
