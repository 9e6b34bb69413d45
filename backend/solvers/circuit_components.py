"""Which cells of a circuit hang together: trees that are joined edge by edge, in Numba."""

from typing import Any

import numpy as np
from numba import njit

from .row_sweeps import INNER
from .row_sweeps import OUTER as _OUTER

OUTER: dict[str, Any] = dict(_OUTER)


@njit(**INNER)
def _root(parent, cell):
    while parent[cell] != cell:
        parent[cell] = parent[parent[cell]]
        cell = parent[cell]
    return cell


@njit(**INNER)
def _join(parent, one, other):
    one, other = _root(parent, one), _root(parent, other)
    if one < other:
        parent[other] = one
    elif other < one:
        parent[one] = other


@njit(**OUTER)
def label_components(east, south, southeast, southwest, node, first, second, labels):
    """Fill the number of each node's component, in the order of rows, 0 elsewhere; return how many there are.

    `first` and `second` are flat indices of cells that are joined besides.
    """
    rows, columns = node.shape
    # The first cell of each tree is its root.
    parent = np.arange(rows * columns).astype(np.int32)
    for i in range(rows):
        for j in range(columns):
            here = i * columns + j
            if east[i, j] > 0.0:
                _join(parent, here, here + 1)
            if south[i, j] > 0.0:
                _join(parent, here, here + columns)
            if southeast[i, j] > 0.0:
                _join(parent, here, here + columns + 1)
            if southwest[i, j] > 0.0:
                _join(parent, here, here + columns - 1)
    for k in range(len(first)):
        _join(parent, first[k], second[k])
    count = 0
    for i in range(rows):
        for j in range(columns):
            here = i * columns + j
            if not node[i, j]:
                labels[i, j] = 0
            elif parent[here] == here:
                count += 1
                labels[i, j] = count
            else:
                root = _root(parent, here)
                labels[i, j] = labels[root // columns, root % columns]
    return count


@njit(**OUTER)
def centre(potential, labels, floats):
    """Subtract its mean from the potential of each component for which `floats` says so, and write NaN where no node is."""
    rows, columns = potential.shape
    total, size = np.zeros(len(floats)), np.zeros(len(floats))
    for i in range(rows):
        for j in range(columns):
            label = labels[i, j]
            if floats[label]:
                total[label] += potential[i, j]
                size[label] += 1.0
    for label in range(len(floats)):
        total[label] = total[label] / size[label] if size[label] > 0.0 else 0.0
    for i in range(rows):
        for j in range(columns):
            label = labels[i, j]
            potential[i, j] = potential[i, j] - total[label] if label > 0 else np.nan
