"""Shortest paths over a network, one source at a time, in Numba.

Dijkstra with a binary heap whose stale entries are skipped. Besides the distances it leaves the order in which nodes were
settled and the tree, from which all else follows: subtrees, tight edges, reverse accumulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .kernel_cache import is_writable

OPTIONS = {"nogil": True, "cache": is_writable(), "boundscheck": False, "error_model": "numpy"}
#: Paths whose lengths differ by no more than this share are ties: rounding along a path, no more.
TIE = 1e-12


@dataclass(frozen=True)
class Adjacency:
    """Links by node, compressed: those of node v are the places ``first[v]`` to ``first[v + 1]``.

    Parameters
    ----------
    first : array of int, shape (nodes + 1,)
        Where the links of each node begin.
    other : array of int, shape (places,)
        The node at the other end.
    length : array of float, shape (places,)
        Length of the link, >= 0.
    link : array of int, shape (places,)
        Row of the link.
    links : int
        Number of links, those that lead nowhere included.
    """

    first: NDArray[np.int64]
    other: NDArray[np.int64]
    length: NDArray[np.float64]
    link: NDArray[np.int64]
    links: int

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.first) - 1

    @property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """What the kernels take."""
        return self.first, self.other, self.length, self.link

    def with_lengths(self, length: NDArray[np.float64]) -> Adjacency:
        """Return the same links with other lengths, one per link."""
        return Adjacency(self.first, self.other, np.ascontiguousarray(length[self.link]), self.link, self.links)


def adjacency(
    nodes: int,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    length: NDArray[np.float64],
    *,
    directed: bool = False,
    simple: bool = False,
) -> Adjacency:
    """Return the links by node.

    Parameters
    ----------
    nodes : int
        Number of nodes.
    start, end : array of int, shape (links,)
        Rows of the nodes that each link joins; links that end out of range, and loops, are no links.
    length : array of float, shape (links,)
        >= 0; infinite or NaN where there is no link.
    directed : bool
        Whether a link can be gone from `start` to `end` only.
    simple : bool
        Keep only the shortest of several links between the same two nodes.
    """
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    length = np.asarray(length, np.float64)
    real = (start != end) & np.isfinite(length) & (start < nodes) & (end < nodes) & (start >= 0) & (end >= 0)
    link = np.flatnonzero(real)
    tail, head = start[link], end[link]
    if not directed:
        tail, head, link = np.concatenate([tail, head]), np.concatenate([head, tail]), np.concatenate([link, link])
    order = np.lexsort((length[link], head, tail))
    tail, head, link = tail[order], head[order], link[order]
    if simple and len(tail):
        new = np.concatenate([[True], (np.diff(tail) != 0) | (np.diff(head) != 0)])
        tail, head, link = tail[new], head[new], link[new]
    first = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=nodes))]).astype(np.int64)
    return Adjacency(first, head, np.ascontiguousarray(length[link]), link.astype(np.int64), len(start))


@njit(**OPTIONS)
def push(keys, names, size, key, name):
    """Put an entry on a heap of `size` entries and return the new size."""
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if keys[above] <= key:
            break
        keys[place] = keys[above]
        names[place] = names[above]
        place = above
    keys[place] = key
    names[place] = name
    return size + 1


@njit(**OPTIONS)
def pop(keys, names, size):
    """Take the first entry off a heap whose first entry has been read; return the new size."""
    size -= 1
    key, name = keys[size], names[size]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and keys[below + 1] < keys[below]:
            below += 1
        if keys[below] >= key:
            break
        keys[place] = keys[below]
        names[place] = names[below]
        place = below
    keys[place] = key
    names[place] = name
    return size


@njit(**OPTIONS)
def search(source, limit, first, other, length, link, distance, parent, parent_link, order, keys, names):
    """Fill `distance` (inf: not reached within `limit`), the tree and the settling order; return how many were reached.

    `keys` and `names` are a heap with room for one entry per place and one more.
    """
    distance[:] = np.inf
    parent[:] = -1
    parent_link[:] = -1
    distance[source] = 0.0
    size = push(keys, names, 0, 0.0, source)
    reached = 0
    while size > 0:
        near, node = keys[0], names[0]
        size = pop(keys, names, size)
        if near > distance[node]:
            continue
        if reached > 0 and node == source:
            continue
        order[reached] = node
        reached += 1
        for place in range(first[node], first[node + 1]):
            far = near + length[place]
            next_node = other[place]
            if far < distance[next_node] and far <= limit:
                distance[next_node] = far
                parent[next_node] = node
                parent_link[next_node] = link[place]
                size = push(keys, names, size, far, next_node)
    return reached


@njit(**OPTIONS)
def lay_out_tree(order, reached, parent, size, begin, sequence):
    """Lay the tree out so that each subtree is contiguous: that of v is ``sequence[begin[v] : begin[v] + size[v]]``.

    `begin` is -1 where a node was not reached.
    """
    begin[:] = -1
    next_free = np.empty(len(begin), np.int64)
    for place in range(reached):
        size[order[place]] = 1
    for place in range(reached - 1, 0, -1):
        node = order[place]
        size[parent[node]] += size[node]
    for place in range(reached):
        node = order[place]
        if place == 0:
            begin[node] = 0
        else:
            above = parent[node]
            begin[node] = next_free[above]
            next_free[above] += size[node]
        next_free[node] = begin[node] + 1
        sequence[begin[node]] = node


@njit(**OPTIONS)
def distances_from(sources, limit, first, other, length, link, result):
    """Fill a row of distances per source."""
    nodes = len(first) - 1
    parent, parent_link, order = np.empty(nodes, np.int64), np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    keys, names = np.empty(len(other) + 1), np.empty(len(other) + 1, np.int64)
    for row in range(len(sources)):
        search(
            sources[row], limit, first, other, length, link, result[row], parent, parent_link, order, keys, names
        )  # fmt: skip
    return 0


@njit(**OPTIONS)
def accumulate_back(order, reached, first, other, length, link, distance, rank, pull, by_link):
    """Send `pull`, a derivative with respect to each node's distance, back along tight edges and add it to `by_link`.

    An edge u - v is tight where d(u) + length equals d(v) up to rounding and u was settled before v. Edges into a node
    share equally. `pull` is used up; `rank` holds the place of each node in `order`.
    """
    for place in range(reached):
        rank[order[place]] = place
    for place in range(reached - 1, 0, -1):
        node = order[place]
        if pull[node] == 0:
            continue
        far = distance[node]
        slack = TIE * far
        tight = 0
        for at in range(first[node], first[node + 1]):
            near = other[at]
            if rank[near] < place and abs(distance[near] + length[at] - far) <= slack:
                tight += 1
        share = pull[node] / tight
        for at in range(first[node], first[node + 1]):
            near = other[at]
            if rank[near] < place and abs(distance[near] + length[at] - far) <= slack:
                by_link[link[at]] += share
                pull[near] += share
