"""Forward derivatives of the least-cost distances on the CPU: along the shortest paths, from near cells to far ones.

``d'[v]`` is the mean over the tight edges ``u -> v`` of ``d'[u] + w'``: the transpose of what `adjoint_sweeps` does. Cells are taken
in the order of their distance, so that one pass over them is enough.
"""

import numpy as np
from numba import njit

from .row_sweeps import INNER, OUTER


@njit(**INNER)
def _follow(row, column, distances, tangents, costs, changes, slack):
    """Return the derivative of one cell's distance from those of its tight predecessors."""
    rows, columns = distances.shape
    own = distances[row, column]
    total, count = 0.0, 0
    for down in range(-1, 2):
        for right in range(-1, 2):
            i, j = row + down, column + right
            if (down == 0 and right == 0) or i < 0 or j < 0 or i >= rows or j >= columns:
                continue
            top = min(row, i)
            if down == 0:
                way, at = 0, min(column, j)
            elif right == 0:
                way, at = 1, column
            elif down == right:
                way, at = 2, min(column, j)
            else:
                way, at = 3, max(column, j)
            near = distances[i, j]
            if near < own and near + costs[way][top, at] <= own * slack:
                total += tangents[i, j] + changes[way][top, at]
                count += 1
    return total / count if count > 0 else 0.0


@njit(**OUTER)
def push_windows(costs, changes, slack, distances, tangents, first, last):
    """Fill the derivatives of the distances in windows ``first`` to ``last``; 0 where they are infinite. Returns -1."""
    rows, columns, lanes = distances.shape[1:]
    one = np.empty((rows, columns), distances.dtype)
    into = np.empty((rows, columns), np.float64)
    for window in range(first, last):
        of_costs = (costs[0][window], costs[1][window], costs[2][window], costs[3][window])
        of_changes = (changes[0][window], changes[1][window], changes[2][window], changes[3][window])
        for lane in range(lanes):
            one[:] = distances[window, :, :, lane]
            into[:] = 0
            for cell in np.argsort(one.ravel()):
                row, column = cell // columns, cell % columns
                if not one[row, column] < np.inf:
                    break
                into[row, column] = _follow(row, column, one, into, of_costs, of_changes, slack)
            tangents[window, :, :, lane] = into
    return -1
