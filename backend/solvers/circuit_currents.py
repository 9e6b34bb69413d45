"""Currents in the branches and through the nodes of a raster circuit, in Numba.

Potentials may be NaN where there is no node: a branch that carries NaN carries nothing.
"""

import numpy as np
from numba import njit

from .row_sweeps import INNER, OUTER

#: Branches with less than this share of the largest current count as 0.
NEGLIGIBLE = 1e-8


@njit(**INNER)
def _larger(most, conductance, here, there):
    """Return the greater of `most` and the current between two rows of cells."""
    for j in range(np.uint64(len(conductance))):
        current = abs(conductance[j] * (here[j] - there[j]))
        most = current if current > most else most
    return most


@njit(**OUTER)
def largest_branches(east, south, southeast, southwest, potential, largest, begin, end):
    """Fill the largest current among the branches that begin in each of some rows."""
    rows = len(potential)
    for i in range(begin, end):
        here = potential[i]
        most = _larger(0.0, east[i, :-1], here[:-1], here[1:])
        if i + 1 < rows:
            below = potential[i + 1]
            most = _larger(most, south[i], here, below)
            most = _larger(most, southeast[i, :-1], here[:-1], below[1:])
            most = _larger(most, southwest[i, 1:], here[1:], below[:-1])
        largest[i] = most


@njit(**INNER)
def _add(net, gross, conductance, here, there, least):
    """Add the currents from a row of cells to another."""
    for j in range(np.uint64(len(conductance))):
        current = conductance[j] * (here[j] - there[j])
        # Not the other way around: NaN is no current.
        current = current if abs(current) >= least else 0.0
        net[j] += current
        gross[j] += abs(current)


@njit(**OUTER)
def node_currents(east, south, southeast, southwest, ground, potential, least, net, gross, begin, end):
    """Fill what leaves the cells of some rows, net and gross (in and out); branches of less than `least` count as 0.

    If `net` has no rows, `gross` gets the greater of inflow and outflow instead. `ground` may have no rows.
    """
    rows, columns = potential.shape
    total = np.empty(columns)
    for i in range(begin, end):
        here, sum_of = potential[i], gross[i]
        total[:] = 0.0
        sum_of[:] = 0.0
        _add(total[:-1], sum_of[:-1], east[i, :-1], here[:-1], here[1:], least)
        _add(total[1:], sum_of[1:], east[i, :-1], here[1:], here[:-1], least)
        if i + 1 < rows:
            below = potential[i + 1]
            _add(total, sum_of, south[i], here, below, least)
            _add(total[:-1], sum_of[:-1], southeast[i, :-1], here[:-1], below[1:], least)
            _add(total[1:], sum_of[1:], southwest[i, 1:], here[1:], below[:-1], least)
        if i > 0:
            above = potential[i - 1]
            _add(total, sum_of, south[i - 1], here, above, least)
            _add(total[1:], sum_of[1:], southeast[i - 1, :-1], here[1:], above[:-1], least)
            _add(total[:-1], sum_of[:-1], southwest[i - 1, 1:], here[:-1], above[1:], least)
        if ground.shape[0] > 0:
            for j in range(columns):
                if ground[i, j] > 0.0:
                    current = ground[i, j] * here[j]
                    total[j] += current
                    sum_of[j] += abs(current)
        if net.shape[0] > 0:
            net[i, :] = total
        else:
            for j in range(np.uint64(columns)):
                sum_of[j] = (sum_of[j] + abs(total[j])) / 2
