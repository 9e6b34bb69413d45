"""Links between patches: what each joins, its length and the places that its line runs through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_search import OPTIONS


@dataclass
class Links:
    """Links, each between two patches once.

    Parameters
    ----------
    start, end : array of int, shape (links,)
        Rows of the patches, start < end.
    distance : array, shape (links,)
        Length or cost.
    lines : list of list of (x, y)
        Where each runs.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    distance: NDArray[np.float64]
    lines: list[list[tuple[float, float]]]

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[np.int64]) -> Links:
        """Return some of the links."""
        lines = [self.lines[row] for row in rows.tolist()]
        return Links(self.start[rows], self.end[rows], self.distance[rows], lines)

    def within(self, limit: float) -> Links:
        """Return the links that are no longer than `limit`."""
        return self.take(np.flatnonzero(self.distance <= limit * (1 + 1e-12)))

    def spanning_tree(self, nodes: int) -> Links:
        """Return the shortest links that keep joined what is joined (Kruskal); ties go to the first."""
        order = np.argsort(self.distance, kind="stable")
        return self.take(np.sort(_kruskal(order, self.start, self.end, nodes)))


@njit(**OPTIONS)
def _kruskal(order, start, end, nodes):
    root = np.arange(nodes)
    kept = np.empty(max(0, nodes - 1), np.int64)
    count = 0
    for row in order:
        ends = (start[row], end[row])
        tops = [0, 0]
        for side in range(2):
            node = ends[side]
            while root[node] != node:
                root[node] = root[root[node]]
                node = root[node]
            tops[side] = node
        if tops[0] != tops[1]:
            root[tops[0]] = tops[1]
            kept[count] = row
            count += 1
    return kept[:count]
