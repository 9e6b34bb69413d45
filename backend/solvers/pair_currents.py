"""Currents through the cells between two terminals, added up over pairs in one pass, in Numba.

A potential is the difference of two fields; rows are flat and the inner loops run over columns, so that they compile to SIMD.
"""

import numpy as np
from numba import njit

from .row_sweeps import INNER, OUTER


@njit(**INNER)
def _drop(minus, plus, i, row):
    """Put the potential of a row into a buffer."""
    for j in range(row.shape[0]):
        row[j] = plus[i, j] - minus[i, j]


@njit(**OUTER)
def largest_branches(edges, minus, plus, largest, first, last):
    """Fill the largest current of the branches that begin in each of some rows."""
    east, south, southeast, southwest = edges
    rows, columns = plus.shape
    here, below = np.empty(columns), np.empty(columns)
    if first < last:
        _drop(minus, plus, first, here)
    for i in range(first, last):
        most = 0.0
        for j in range(columns - 1):
            f = abs(east[i, j] * (here[j] - here[j + 1]))
            most = f if f > most else most
        if i + 1 < rows:
            _drop(minus, plus, i + 1, below)
            for j in range(columns):
                f = abs(south[i, j] * (here[j] - below[j]))
                most = f if f > most else most
            for j in range(columns - 1):
                f = abs(southeast[i, j] * (here[j] - below[j + 1]))
                most = f if f > most else most
                f = abs(southwest[i, j + 1] * (here[j + 1] - below[j]))
                most = f if f > most else most
            here, below = below, here
        largest[i] = most


@njit(**INNER)
def _to_the_side(east, i, here, least, inflow, outflow):
    for j in range(here.shape[0] - 1):
        f = east[i, j] * (here[j] - here[j + 1])
        f = f if abs(f) >= least else 0.0
        out = f if f > 0.0 else 0.0
        outflow[j] += out
        inflow[j] += out - f
        inflow[j + 1] += out
        outflow[j + 1] += out - f


@njit(**INNER)
def _downwards(south, southeast, southwest, i, here, below, least, inflow, outflow, inflow_below, outflow_below):
    columns = here.shape[0]
    for j in range(columns):
        f = south[i, j] * (here[j] - below[j])
        f = f if abs(f) >= least else 0.0
        out = f if f > 0.0 else 0.0
        outflow[j] += out
        inflow[j] += out - f
        inflow_below[j] += out
        outflow_below[j] += out - f
    for j in range(columns - 1):
        f = southeast[i, j] * (here[j] - below[j + 1])
        f = f if abs(f) >= least else 0.0
        out = f if f > 0.0 else 0.0
        outflow[j] += out
        inflow[j] += out - f
        inflow_below[j + 1] += out
        outflow_below[j + 1] += out - f
    for j in range(columns - 1):
        f = southwest[i, j + 1] * (here[j + 1] - below[j])
        f = f if abs(f) >= least else 0.0
        out = f if f > 0.0 else 0.0
        outflow[j + 1] += out
        inflow[j + 1] += out - f
        inflow_below[j] += out
        outflow_below[j] += out - f


@njit(**OUTER)
def add_currents(edges, minus, plus, least, total, most, single, first, last):
    """Add the current through each cell of some rows to `total`, and put it into `most` and `single` where these have rows.

    The current is the greater of what flows in and what flows out; branches with less than `least` count as 0.
    """
    east, south, southeast, southwest = edges
    rows, columns = plus.shape
    here, below = np.empty(columns), np.empty(columns)
    inflow, outflow = np.zeros(columns), np.zeros(columns)
    inflow_below, outflow_below = np.zeros(columns), np.zeros(columns)
    if first > 0 and first < last:
        _drop(minus, plus, first - 1, below)
        _drop(minus, plus, first, here)
        _downwards(
            south, southeast, southwest, first - 1, below, here, least, inflow_below, outflow_below, inflow, outflow
        )
        inflow_below[:] = 0.0
        outflow_below[:] = 0.0
    elif first < last:
        _drop(minus, plus, first, here)
    for i in range(first, last):
        _to_the_side(east, i, here, least, inflow, outflow)
        if i + 1 < rows:
            _drop(minus, plus, i + 1, below)
            _downwards(south, southeast, southwest, i, here, below, least, inflow, outflow, inflow_below, outflow_below)
        for j in range(columns):
            inflow[j] = inflow[j] if inflow[j] > outflow[j] else outflow[j]
        if total.shape[0] > 0:
            for j in range(columns):
                total[i, j] += inflow[j]
        if most.shape[0] > 0:
            for j in range(columns):
                most[i, j] = most[i, j] if most[i, j] > inflow[j] else inflow[j]
        if single.shape[0] > 0:
            for j in range(columns):
                single[i, j] = inflow[j]
        here, below = below, here
        inflow, inflow_below = inflow_below, inflow
        outflow, outflow_below = outflow_below, outflow
        inflow_below[:] = 0.0
        outflow_below[:] = 0.0


@njit(**OUTER)
def flows_at(edges, minus, plus, least, cells, inflow, outflow):
    """Fill what flows into and out of some cells, given by flat indices."""
    east, south, southeast, southwest = edges
    rows, columns = plus.shape
    for number in range(cells.shape[0]):
        i, j = divmod(cells[number], columns)
        here = plus[i, j] - minus[i, j]
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
                f = g * (here - (plus[k, m] - minus[k, m]))
                if abs(f) >= least:
                    out += max(f, 0.0)
                    into += max(-f, 0.0)
        inflow[number], outflow[number] = into, out


@njit(**OUTER)
def add_squared_drops(minus, plus, weight, drops, first, last):
    """Add the squared potential drops along the edges that begin in some rows, times a weight."""
    east, south, southeast, southwest = drops
    rows, columns = plus.shape
    here, below = np.empty(columns), np.empty(columns)
    if first < last:
        _drop(minus, plus, first, here)
    for i in range(first, last):
        for j in range(columns - 1):
            d = here[j] - here[j + 1]
            east[i, j] += weight * d * d
        if i + 1 < rows:
            _drop(minus, plus, i + 1, below)
            for j in range(columns):
                d = here[j] - below[j]
                south[i, j] += weight * d * d
            for j in range(columns - 1):
                d = here[j] - below[j + 1]
                southeast[i, j] += weight * d * d
                d = here[j + 1] - below[j]
                southwest[i, j + 1] += weight * d * d
            here, below = below, here
