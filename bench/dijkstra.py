"""The peer "plain Numba Dijkstra": one source at a time with a binary heap, as one would write it in an afternoon.

With its adjoint along the settled cells in reverse, it is also the independent reference of our gradients.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

DOWN = np.array([0, 0, 1, -1, 1, -1, 1, -1])
RIGHT = np.array([1, -1, 0, 0, 1, -1, -1, 1])


@njit(cache=True)
def _push(keys, cells, size, key, cell):
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if keys[parent] <= key:
            break
        keys[child], cells[child] = keys[parent], cells[parent]
        child = parent
    keys[child], cells[child] = key, cell
    return size + 1


@njit(cache=True)
def _pop(keys, cells, size):
    size -= 1
    key, cell = keys[size], cells[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[parent], cells[parent] = keys[child], cells[child]
        parent = child
    keys[parent], cells[parent] = key, cell
    return size


@njit(cache=True)
def framed_costs(east, south, southeast, southwest):
    """Return the costs of the eight steps out of each cell, (cells of the raster with a frame, 8); inf where none is."""
    rows, columns = east.shape
    costs = np.full(((rows + 2) * (columns + 2), 8), np.inf, east.dtype)
    for i in range(rows):
        for j in range(columns):
            here = (i + 1) * (columns + 2) + j + 1
            below = here + columns + 2
            costs[here, 0] = costs[here + 1, 1] = east[i, j]
            costs[here, 2] = costs[below, 3] = south[i, j]
            costs[here, 4] = costs[below + 1, 5] = southeast[i, j]
            costs[here, 6] = costs[below - 1, 7] = southwest[i, j]
    return costs


@njit(cache=True)
def single_source(costs, stride, source, limit, distance, settled, keys, cells):
    """Fill `distance` (inf beyond the limit) and `settled` in the order of distance; return how many are settled."""
    distance[:] = np.inf
    distance[source] = 0
    size = _push(keys, cells, 0, distance[source], source)
    count = 0
    while size > 0:
        key, cell = keys[0], cells[0]
        size = _pop(keys, cells, size)
        if key > distance[cell]:
            continue
        settled[count] = cell
        count += 1
        for way in range(8):
            other = cell + DOWN[way] * stride + RIGHT[way]
            far = key + costs[cell, way]
            if far < distance[other] and far <= limit:
                distance[other] = far
                size = _push(keys, cells, size, far, other)
    return count


@njit(cache=True)
def distances(east, south, southeast, southwest, sources, limit):
    """Return the distances from every source (row, column) to every cell, (sources, rows, columns)."""
    rows, columns = east.shape
    stride = columns + 2
    costs = framed_costs(east, south, southeast, southwest)
    total = len(costs)
    distance = np.empty(total, east.dtype)
    settled, cells = np.empty(total, np.int64), np.empty(9 * total, np.int64)
    keys = np.empty(9 * total, east.dtype)
    found = np.empty((len(sources), rows, columns), east.dtype)
    for lane in range(len(sources)):
        source = (sources[lane, 0] + 1) * stride + sources[lane, 1] + 1
        single_source(costs, stride, source, limit, distance, settled, keys, cells)
        found[lane] = distance.reshape(rows + 2, stride)[1:-1, 1:-1]
    return found


@njit(cache=True)
def connectivity(east, south, southeast, southwest, quality, sources, limit, scale, with_gradient):
    """Return what the sources add to C under an exponential proximity: each source's sum of k q, and gradients.

    The gradients are those of sum over sources i of q_i sum over j != i of k q_j, with respect to quality and to the cost of
    every step (framed cells, 8), in each direction apart. Tied last steps share equally.
    """
    rows, columns = east.shape
    stride = columns + 2
    costs = framed_costs(east, south, southeast, southwest)
    total = len(costs)
    q = np.zeros((rows + 2, stride))
    q[1:-1, 1:-1] = quality
    q = q.ravel()
    distance = np.empty(total, east.dtype)
    settled, cells = np.empty(total, np.int64), np.empty(9 * total, np.int64)
    keys = np.empty(9 * total, east.dtype)
    accessible = np.zeros(len(sources))
    by_quality, by_cost = np.zeros(total), np.zeros((total, 8))
    adjoint = np.zeros(total)
    for lane in range(len(sources)):
        source = (sources[lane, 0] + 1) * stride + sources[lane, 1] + 1
        count = single_source(costs, stride, source, limit, distance, settled, keys, cells)
        for k in range(1, count):
            cell = settled[k]
            proximity = math.exp(-distance[cell] / scale)
            accessible[lane] += proximity * q[cell]
            if with_gradient:
                by_quality[cell] += q[source] * proximity
                adjoint[cell] = -q[source] * q[cell] * proximity / scale
        if not with_gradient:
            continue
        by_quality[source] += accessible[lane]
        for k in range(count - 1, 0, -1):
            cell = settled[k]
            most = distance[cell] * (1 + 1e-12)
            ties = 0
            for way in range(8):
                before = cell + DOWN[way] * stride + RIGHT[way]
                if distance[before] + costs[cell, way] <= most and distance[before] < distance[cell]:
                    ties += 1
            for way in range(8):
                before = cell + DOWN[way] * stride + RIGHT[way]
                if distance[before] + costs[cell, way] <= most and distance[before] < distance[cell]:
                    adjoint[before] += adjoint[cell] / ties
                    by_cost[cell, way] += adjoint[cell] / ties
            adjoint[cell] = 0
        adjoint[source] = 0
    return accessible, by_quality, by_cost


def by_resistance(by_cost, shape, cell):
    """Turn the gradient with respect to the costs of steps, average resistance, into one with respect to resistance."""
    rows, columns = shape
    lengths = cell * np.hypot(DOWN, RIGHT) / 2
    each = (by_cost * lengths).reshape(rows + 2, columns + 2, 8)
    total = each.sum(2)
    for way in range(8):
        total += np.roll(each[:, :, way], (DOWN[way], RIGHT[way]), (0, 1))
    return total[1:-1, 1:-1]
