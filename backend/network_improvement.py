"""What PC gains when a link gets better, or is built."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_indices import Silent, all_distances, in_chunks
from .network_search import OPTIONS, Adjacency


def improvements(
    links: Adjacency,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    improved: NDArray[np.float64],
    capacity: NDArray[np.float64],
    rate: float,
    report: Any = None,
) -> NDArray[np.float64]:
    """Return what the numerator of PC gains when each link alone gets a new length.

    With p the matrix of best products and q the link's new probability, a pair's best product becomes the largest of
    ``p_ij``, ``p_iu q p_vj`` and ``p_iv q p_uj``. Holds a (nodes, nodes) matrix.

    Parameters
    ----------
    links : Adjacency
        The network as it is.
    start, end : array of int, shape (links,)
        Rows of the nodes that each link joins; the network may lack the link as yet.
    improved : array of float, shape (links,)
        The new length; at most the old one.
    capacity : array, shape (nodes,)
        a_i >= 0.
    rate : float
        k of ``p = exp(-k d)``.
    """
    listener = report or Silent()
    product = np.exp(-rate * all_distances(links, listener))
    gain = np.zeros(len(start))
    chance = np.exp(-rate * np.asarray(improved, np.float64))
    ends = np.asarray(start, np.int64), np.asarray(end, np.int64)

    def part(low: int, high: int) -> int:
        return _gains(low, high, *ends, chance, product, capacity, gain)

    in_chunks(part, len(start), listener, "Improving links")
    return gain


@njit(**OPTIONS)
def _gains(low, high, start, end, chance, product, capacity, gain):
    nodes = len(capacity)
    near, weight, far, target = np.empty(nodes, np.int64), np.empty(nodes), np.empty(nodes), np.empty(nodes, np.int64)
    for at in range(low, high):
        u, v, q = start[at], end[at], chance[at]
        if u == v:
            continue
        sources = targets = 0
        for node in range(nodes):
            if capacity[node] == 0.0:
                continue
            to_u, to_v = product[u, node], product[v, node]
            if to_u * q > to_v:
                near[sources] = node
                weight[sources] = to_u * q
                sources += 1
            if to_v * q > to_u:
                target[targets] = node
                far[targets] = to_v
                targets += 1
        total = 0.0
        for i in range(sources):
            row = product[near[i]]
            found = 0.0
            for j in range(targets):
                more = weight[i] * far[j] - row[target[j]]
                found += capacity[target[j]] * (more if more > 0.0 else 0.0)
            total += capacity[near[i]] * found
        gain[at] = 2.0 * total
    return 0
