"""What becomes of least-cost distances when a cell is taken away, for every source and every cell, in Numba.

From a source there is one tree of cheapest paths. Without a cell only what lies beyond it in the tree can become more distant,
and what lies beyond a diagonal step that the cell alone holds open. That part of the tree, mostly small, is searched again from
the cells around it; everything else stays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .corridor_search import step_cost, step_lengths
from .neighbourhood import Neighbourhood
from .network_search import OPTIONS, pop, push
from .raster_steps import DOWN, RIGHT


class Steps(NamedTuple):
    """The steps out of each cell, each array of shape (cells, ways).

    Parameters
    ----------
    other : array of int
        Flat number of the cell that a step leads to, -1 where there is none.
    cost : array
        Inf where there is none.
    holder : array of int
        The one cell that holds a diagonal step open, -1 where two do or none need to.
    """

    other: NDArray[np.int64]
    cost: NDArray[np.float64]
    holder: NDArray[np.int64]


def steps_of(resistance: NDArray[np.float64], neighbourhood: Neighbourhood) -> Steps:
    """Return the steps of a raster, shape (rows, columns); inf resistance is no node."""
    lengths = step_lengths(neighbourhood, len(resistance))
    of_conductance = neighbourhood.edge_rule == "average_conductance"
    closed = neighbourhood.corners == "closed"
    return Steps(*_steps(np.ascontiguousarray(resistance), lengths, of_conductance, closed, neighbourhood.around > 0))


@njit(**OPTIONS)
def _steps(resistance, lengths, of_conductance, closed, around):
    rows, columns = resistance.shape
    ways = lengths.shape[1]
    other = np.full((rows * columns, ways), -1, np.int64)
    cost = np.full((rows * columns, ways), np.inf)
    holder = np.full((rows * columns, ways), -1, np.int64)
    for i in range(rows):
        for j in range(columns):
            if not np.isfinite(resistance[i, j]):
                continue
            for way in range(ways):
                k, m = i + DOWN[way], j + RIGHT[way]
                if around:
                    m %= columns
                if k < 0 or k >= rows or m < 0 or m >= columns or not np.isfinite(resistance[k, m]):
                    continue
                one, two = np.isfinite(resistance[i, m]), np.isfinite(resistance[k, j])
                if closed and way >= 4 and not (one or two):
                    continue
                cell = i * columns + j
                other[cell, way] = k * columns + m
                cost[cell, way] = step_cost(resistance[i, j], resistance[k, m], lengths[i, way], of_conductance)
                if closed and way >= 4 and one != two:
                    holder[cell, way] = i * columns + m if one else k * columns + j
    return other, cost, holder


class Changes(NamedTuple):
    """Pairs of a source and a cell whose distance changes without a cell; each array of shape (changes,).

    Parameters
    ----------
    without : array of int
        Flat number of the cell that is taken away.
    weight : array
        Product of the qualities of the pair.
    before, after : array
        Distance with and without that cell; inf beyond the limit, and where the cell is an end of the pair.
    """

    without: NDArray[np.int64]
    weight: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def changes_of(steps: Steps, quality: NDArray[np.float64], sources: NDArray[np.int64], limit: float) -> Changes:
    """Return all changes of the pairs of some sources, of quality > 0, with all cells of quality > 0.

    Parameters
    ----------
    steps : Steps
    quality : array, shape (cells,)
    sources : array of int
        Flat numbers of cells.
    limit : float
        Largest distance that counts.
    """
    return Changes(*_changes(*steps, quality, sources, limit))


@njit(**OPTIONS)
def _grown(values, count):
    if count < len(values):
        return values
    found = np.empty(2 * len(values), values.dtype)
    found[:count] = values
    return found


@njit(**OPTIONS)
def _changes(other, cost, holder, quality, sources, limit):
    cells, ways = other.shape
    distance, fresh = np.full(cells, np.inf), np.full(cells, np.inf)
    parent, held, next_held = np.full(cells, -1), np.full(cells, -1), np.full(cells, -1)
    order, size, begin, free, sequence = (
        np.empty(cells, np.int64),
        np.empty(cells, np.int64),
        np.full(cells, -1),
        np.empty(cells, np.int64),
        np.empty(cells, np.int64),
    )
    mark, part, holders = np.full(cells, -1), np.empty(cells, np.int64), np.empty(cells, np.int64)
    keys, names = np.empty(cells * ways + 1), np.empty(cells * ways + 1, np.int64)
    without, weight = np.empty(4096, np.int64), np.empty(4096)
    before, after = np.empty(4096), np.empty(4096)
    count, stamp = 0, 0
    for source in sources:
        # The tree of cheapest paths.
        distance[source] = 0.0
        heap, reached, holding = push(keys, names, 0, 0.0, source), 0, 0
        while heap > 0:
            near, cell = keys[0], names[0]
            heap = pop(keys, names, heap)
            if near > distance[cell] or begin[cell] == -2:
                continue
            begin[cell] = -2
            order[reached] = cell
            reached += 1
            for way in range(ways):
                to = other[cell, way]
                if to < 0:
                    continue
                far = near + cost[cell, way]
                if far <= limit and far < distance[to]:
                    distance[to] = far
                    parent[to] = cell * ways + way
                    heap = push(keys, names, heap, far, to)
        # Its parts side by side, and who holds steps of it open.
        for place in range(reached):
            size[order[place]] = 1
        for place in range(reached - 1, 0, -1):
            size[parent[order[place]] // ways] += size[order[place]]
        begin[source], free[source], sequence[0] = 0, 1, source
        for place in range(1, reached):
            cell = order[place]
            above = parent[cell] // ways
            begin[cell] = free[above]
            free[above] += size[cell]
            free[cell] = begin[cell] + 1
            sequence[begin[cell]] = cell
            by = holder[above, parent[cell] % ways]
            if by >= 0:
                if held[by] < 0:
                    holders[holding] = by
                    holding += 1
                next_held[cell] = held[by]
                held[by] = cell
        for place in range(reached + holding):
            gone = order[place] if place < reached else holders[place - reached]
            if place >= reached and np.isfinite(distance[gone]):
                continue  # came with the others
            within = place < reached
            if within and gone != source:
                # As an end of the pair, there and here.
                for end in (gone, source):
                    if quality[gone] > 0:
                        without, weight = _grown(without, count), _grown(weight, count)
                        before, after = _grown(before, count), _grown(after, count)
                        without[count], weight[count] = end, quality[source] * quality[gone]
                        before[count], after[count] = distance[gone], np.inf
                        count += 1
            if gone == source or (not (within and size[gone] > 1) and held[gone] < 0):
                continue
            # What lies beyond it.
            stamp += 1
            parts = 0
            if within:
                mark[gone] = stamp
                for at in range(begin[gone] + 1, begin[gone] + size[gone]):
                    mark[sequence[at]] = stamp
                    part[parts] = sequence[at]
                    parts += 1
            root = held[gone]
            while root >= 0:
                if mark[root] != stamp:
                    for at in range(begin[root], begin[root] + size[root]):
                        if mark[sequence[at]] != stamp:
                            mark[sequence[at]] = stamp
                            part[parts] = sequence[at]
                            parts += 1
                root = next_held[root]
            heap = 0
            for at in range(parts):
                cell = part[at]
                best = np.inf
                for way in range(ways):
                    to = other[cell, way]
                    if to >= 0 and to != gone and mark[to] != stamp and holder[cell, way] != gone:
                        best = min(best, distance[to] + cost[cell, way])
                fresh[cell] = best if best <= limit else np.inf
                if best <= limit:
                    heap = push(keys, names, heap, best, cell)
            while heap > 0:
                near, cell = keys[0], names[0]
                heap = pop(keys, names, heap)
                if near > fresh[cell]:
                    continue
                for way in range(ways):
                    to = other[cell, way]
                    if to < 0 or to == gone or mark[to] != stamp or holder[cell, way] == gone:
                        continue
                    far = near + cost[cell, way]
                    if far <= limit and far < fresh[to]:
                        fresh[to] = far
                        heap = push(keys, names, heap, far, to)
            for at in range(parts):
                cell = part[at]
                if quality[cell] > 0 and fresh[cell] != distance[cell]:
                    without, weight = _grown(without, count), _grown(weight, count)
                    before, after = _grown(before, count), _grown(after, count)
                    without[count], weight[count] = gone, quality[source] * quality[cell]
                    before[count], after[count] = distance[cell], fresh[cell]
                    count += 1
        for place in range(reached):
            cell = order[place]
            distance[cell], begin[cell], held[cell], next_held[cell] = np.inf, -1, -1, -1
        for place in range(holding):
            held[holders[place]] = -1
    return without[:count], weight[:count], before[:count], after[:count]
