"""Where nodes lie in the network: betweenness, closeness, degree, clustering, components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from .network_indices import Silent, in_chunks
from .network_search import OPTIONS, TIE, Adjacency, search

_DENSE_NODES = 6000
_DENSE_SHARE = 0.05


def betweenness_and_closeness(
    links: Adjacency, capacity: NDArray[np.float64], rate: float, report: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return betweenness weighted by the flows, and closeness.

    Betweenness of k is ``sum_{i < j} a_i a_j p*_ij s_ij(k)`` over pairs other than k, with s the share of the shortest
    paths between i and j that lead through k. Closeness is ``(r - 1) / (sum of distances) x (r - 1) / (n - 1)`` with r the
    number of nodes in the component; 0 for a node on its own.

    Parameters
    ----------
    links : Adjacency
        The network, `simple`: several links between two nodes are no different paths.
    capacity : array, shape (nodes,)
        a_i >= 0.
    rate : float
        k of ``p = exp(-k d)``.

    References
    ----------
    Foltête, J.-C. et al. (2012) Integrating graph-based connectivity metrics into species distribution models. Landscape
    Ecology 27, 557-569, doi:10.1007/s10980-012-9709-4. Brandes, U. (2001) A faster algorithm for betweenness centrality,
    doi:10.1080/0022250X.2001.9990249.
    """
    closeness = np.zeros(links.nodes)
    parts: list[NDArray[np.float64]] = []

    def part(first: int, last: int) -> int:
        between = np.zeros(links.nodes)
        _between(first, last, *links.arrays, capacity, rate, between, closeness)
        parts.append(between)
        return 0

    in_chunks(part, links.nodes, report or Silent(), "Betweenness")
    return (np.sum(parts, axis=0) / 2 if parts else np.zeros(links.nodes)), closeness


@njit(**OPTIONS)
def _between(low, high, first, other, length, link, capacity, k, between, closeness):
    nodes = len(first) - 1
    distance, parent, parent_link = np.empty(nodes), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    order, keys, names = np.empty(nodes, np.int64), np.empty(len(other) + 1), np.empty(len(other) + 1, np.int64)
    rank, paths, flow = np.empty(nodes, np.int64), np.empty(nodes), np.empty(nodes)
    for source in range(low, high):
        reached = search(source, np.inf, first, other, length, link, distance, parent, parent_link, order, keys, names)
        total = 0.0
        rank[:] = nodes
        for place in range(reached):
            rank[order[place]] = place
        for place in range(reached):
            node = order[place]
            total += distance[node]
            flow[node] = 0.0
            paths[node] = 1.0 if place == 0 else 0.0
            for at in range(first[node], first[node + 1]):
                near = other[at]
                if rank[near] < place and abs(distance[near] + length[at] - distance[node]) <= TIE * distance[node]:
                    paths[node] += paths[near]
        if reached > 1 and total > 0:
            closeness[source] = (reached - 1) / total * (reached - 1) / (nodes - 1)
        for place in range(reached - 1, 0, -1):
            node = order[place]
            between[node] += flow[node]
            share = (flow[node] + capacity[source] * capacity[node] * np.exp(-k * distance[node])) / paths[node]
            for at in range(first[node], first[node + 1]):
                near = other[at]
                if rank[near] < place and abs(distance[near] + length[at] - distance[node]) <= TIE * distance[node]:
                    flow[near] += share * paths[near]
    return 0


def degree_and_clustering(simple: Adjacency) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many neighbours each node has, and which share of the pairs of them are neighbours themselves.

    Parameters
    ----------
    simple : Adjacency
        The network with at most one link between two nodes.
    """
    degree = np.diff(simple.first)
    pairs = degree * (degree - 1.0)
    # SciPy has no annotations; what is inferred for its products is wrong.
    joined: Any = csr_matrix(
        (np.ones(len(simple.other), np.float32), simple.other, simple.first), shape=(simple.nodes,) * 2
    )
    if simple.nodes <= _DENSE_NODES and len(simple.other) > _DENSE_SHARE * simple.nodes**2:
        dense = joined.toarray()
        twice = ((dense @ dense) * dense).sum(axis=1, dtype=np.float64)
    else:
        twice = np.asarray((joined @ joined).multiply(joined).sum(axis=1, dtype=np.float64)).ravel()
    return degree, np.divide(twice, pairs, out=np.zeros(simple.nodes), where=pairs > 0)


def components(links: Adjacency, capacity: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the component of each node, numbered from 1 by falling capacity, and the capacity of each component."""
    joined = csr_matrix((np.ones(len(links.other)), links.other, links.first), shape=(links.nodes,) * 2)
    count, label = connected_components(joined, directed=False)
    # With weights bincount gives float64, which NumPy's stubs do not know.
    total = np.asarray(np.bincount(label, capacity, count), np.float64)
    place = np.empty(count, np.int64)
    order = np.argsort(-total, kind="stable")
    place[order] = np.arange(1, count + 1)
    return place[label], total[order]
