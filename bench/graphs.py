"""The graph of a raster for the peers, made by NumPy alone: 8 neighbours, mean resistance times length, open corners."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Rows and columns from a cell to its east, south, southeast and southwest neighbours.
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def edge_costs(resistance: NDArray[np.floating], cell: float) -> list[NDArray[np.floating]]:
    """Return the cost of each of the four `STEPS` out of every cell, inf where there is none."""
    rows, columns = resistance.shape
    costs = []
    for down, right in STEPS:
        cost = np.full_like(resistance, np.inf)
        here = slice(0, rows - down), slice(max(0, -right), columns - max(0, right))
        there = slice(down, rows), slice(max(0, right), columns + min(0, right))
        cost[here] = (resistance[here] + resistance[there]) * (np.hypot(down, right) * cell / 2)
        costs.append(cost)
    return costs


def edge_list(costs: list[NDArray[np.floating]]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.floating]]:
    """Return first cell, second cell and cost of every edge, once, without those that are not there."""
    rows, columns = costs[0].shape
    cells = np.arange(rows * columns).reshape(rows, columns)
    first, second, weight = [], [], []
    for (down, right), cost in zip(STEPS, costs, strict=True):
        there = np.isfinite(cost)
        first.append(cells[there])
        second.append(cells[there] + down * columns + right)
        weight.append(cost[there])
    return np.concatenate(first), np.concatenate(second), np.concatenate(weight)


def sparse_matrix(costs: list[NDArray[np.floating]]) -> Any:
    """Return the symmetric matrix of costs in SciPy's compressed rows."""
    import scipy.sparse

    first, second, weight = edge_list(costs)
    size = costs[0].size
    one, other = np.concatenate([first, second]), np.concatenate([second, first])
    return scipy.sparse.csr_matrix((np.concatenate([weight, weight]), (one, other)), shape=(size, size))
