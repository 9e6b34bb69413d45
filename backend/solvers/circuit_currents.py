"""Currents in the branches and through the nodes of a raster circuit, in Numba."""

import numpy as np
from numba import njit

from .row_sweeps import OUTER

#: Branches with less than this share of the largest current count as 0.
NEGLIGIBLE = 1e-8


@njit(**OUTER)
def largest_branch(east, south, southeast, southwest, merged, potential, first, last):
    """Return the largest current in a branch that begins in rows `first` to `last`; NaN counts for nothing."""
    rows, columns = potential.shape
    most = 0.0
    for i in range(first, last):
        for j in range(columns):
            here = potential[i, j]
            if j + 1 < columns and not _same(merged, i, j, i, j + 1):
                most = max(most, abs(_branch(east[i, j], here, potential[i, j + 1])))
            if i + 1 < rows:
                if not _same(merged, i, j, i + 1, j):
                    most = max(most, abs(_branch(south[i, j], here, potential[i + 1, j])))
                if j + 1 < columns and not _same(merged, i, j, i + 1, j + 1):
                    most = max(most, abs(_branch(southeast[i, j], here, potential[i + 1, j + 1])))
                if j > 0 and not _same(merged, i, j, i + 1, j - 1):
                    most = max(most, abs(_branch(southwest[i, j], here, potential[i + 1, j - 1])))
    return most


@njit(**OUTER)
def flows(east, south, southeast, southwest, merged, potential, least, inflow, outflow, first, last):
    """Fill what flows into and out of the cells of some rows; branches of less than `least` count as 0."""
    rows, columns = potential.shape
    for i in range(first, last):
        for j in range(columns):
            here = potential[i, j]
            into, out = 0.0, 0.0
            for down in range(-1, 2):
                for right in range(-1, 2):
                    k, m = i + down, j + right
                    if (down == 0 and right == 0) or k < 0 or k >= rows or m < 0 or m >= columns:
                        continue
                    if down == 0:
                        g = east[i, j] if right == 1 else east[i, m]
                    elif down == 1:
                        g = south[i, j] if right == 0 else (southeast[i, j] if right == 1 else southwest[i, j])
                    else:
                        g = south[k, j] if right == 0 else (southeast[k, m] if right == -1 else southwest[k, m])
                    if g == 0.0 or _same(merged, i, j, k, m):
                        continue
                    current = _branch(g, here, potential[k, m])
                    if abs(current) < least:
                        continue
                    if current > 0.0:
                        out += current
                    else:
                        into -= current
            inflow[i, j], outflow[i, j] = into, out


@njit(error_model="numpy", inline="always")
def _same(merged, i, j, k, m):
    """Say whether two cells are one node; `merged` may have no rows."""
    return merged.shape[0] > 0 and merged[i, j] > 0 and merged[i, j] == merged[k, m]


@njit(error_model="numpy", inline="always")
def _branch(g, here, there):
    """Return the current from here to there, 0 without an edge."""
    return g * (here - there) if g > 0.0 else 0.0


def no_merged() -> np.ndarray:
    """Return what stands for no merged cells."""
    return np.empty((0, 0), np.int32)
