"""The eight steps from a cell of a raster, by number, and the way back along those that a search has noted."""

from __future__ import annotations

import numpy as np
from numba import njit

from .network_search import OPTIONS

#: Steps to the neighbours of a cell: up, down, left, right, then the diagonals.
DOWN = np.array([-1, 1, 0, 0, -1, -1, 1, 1])
RIGHT = np.array([0, 0, -1, 1, -1, 1, -1, 1])


@njit(**OPTIONS)
def trace_back(step, cell):
    """Return the flat numbers of the cells from `cell` back to where its path began."""
    columns = step.shape[1]
    flat = step.ravel()
    count, here = 1, cell
    while flat[here] >= 0:
        here -= DOWN[flat[here]] * columns + RIGHT[flat[here]]
        count += 1
    cells = np.empty(count, np.int64)
    here = cell
    for place in range(count):
        cells[place] = here
        if flat[here] >= 0:
            here -= DOWN[flat[here]] * columns + RIGHT[flat[here]]
    return cells
