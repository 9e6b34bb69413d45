"""Accumulated cost over a whole raster from some cells, and the least-cost paths back to them, in Numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .neighbourhood import Neighbourhood
from .network_search import OPTIONS, pop, push
from .raster_steps import DOWN, RIGHT


def accumulated_cost(
    resistance: NDArray[np.float64], cells: NDArray[np.int64], neighbourhood: Neighbourhood, limit: float = np.inf
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return the least cost from some cells to every cell, and the step by which it is reached.

    Parameters
    ----------
    resistance : array, shape (rows, columns)
        > 0; inf where there is no node.
    cells : array of int
        Flat numbers of nodes.
    neighbourhood : Neighbourhood
        How cells are joined and what a step costs.
    limit : float
        Costs beyond it count as unreachable.

    Returns
    -------
    cost : array, shape (rows, columns)
        0 at the cells, inf where it cannot be reached.
    step : array of int8, shape (rows, columns)
        Number of the last step of the cheapest path, -1 where a path begins or nothing arrives.
    """
    lengths = step_lengths(neighbourhood, len(resistance))
    cost, step = np.full(resistance.shape, np.inf), np.full(resistance.shape, -1, np.int8)
    of_conductance = neighbourhood.edge_rule == "average_conductance"
    closed = neighbourhood.corners == "closed"
    _search(np.ascontiguousarray(resistance), cells, lengths, of_conductance, closed, limit, cost, step)
    return cost, step


def step_lengths(neighbourhood: Neighbourhood, rows: int) -> NDArray[np.float64]:
    """Return the length of each step out of the cells of each row, (rows, steps)."""
    sphere, height = neighbourhood.sphere, neighbourhood.cell_height
    width = np.full(rows, neighbourhood.cell_width)
    if sphere is not None:
        width = sphere.radius * sphere.longitude_step * np.cos(sphere.latitudes(np.array(0), rows))
    straight = np.full(rows, height)
    above = np.hypot((np.append(width[:1], width[:-1]) + width) / 2, height)
    below = np.hypot((np.append(width[1:], width[-1:]) + width) / 2, height)
    steps = [straight, straight, width, width, above, above, below, below]
    return np.ascontiguousarray(np.stack(steps, axis=1)[:, : neighbourhood.neighbours])


@njit(**OPTIONS)
def step_cost(here, there, length, of_conductance):
    """Return the cost of a step between cells of two resistances, inf where the second is no node."""
    if of_conductance:
        return 2 * length / (1 / here + 1 / there) if np.isfinite(there) else np.inf
    return length * (here + there) / 2


@njit(**OPTIONS)
def _step_cost(resistance, i, j, way, lengths, of_conductance, closed):
    """Return the cost of a step out of a cell to another one of the raster, inf where there is none."""
    k, m = i + DOWN[way], j + RIGHT[way]
    if closed and way >= 4 and not (np.isfinite(resistance[i, m]) or np.isfinite(resistance[k, j])):
        return np.inf
    return step_cost(resistance[i, j], resistance[k, m], lengths[i, way], of_conductance)


@njit(**OPTIONS)
def _search(resistance, cells, lengths, of_conductance, closed, limit, cost, step):
    rows, columns = resistance.shape
    keys, names = np.empty(len(cells) + 1024), np.empty(len(cells) + 1024, np.int64)
    size = 0
    for cell in cells:
        cost[cell // columns, cell % columns] = 0.0
        size = push(keys, names, size, 0.0, cell)
    while size > 0:
        near, cell = keys[0], names[0]
        size = pop(keys, names, size)
        i, j = cell // columns, cell % columns
        if near > cost[i, j]:
            continue
        for way in range(lengths.shape[1]):
            k, m = i + DOWN[way], j + RIGHT[way]
            # Costs are > 0: no step betters a cell that is as near as this one.
            if k < 0 or m < 0 or k >= rows or m >= columns or cost[k, m] <= near:
                continue
            far = near + _step_cost(resistance, i, j, way, lengths, of_conductance, closed)
            if far <= limit and far < cost[k, m]:
                cost[k, m] = far
                step[k, m] = way
                if size + 1 >= len(keys):
                    more_keys, more_names = np.empty(2 * len(keys)), np.empty(2 * len(names), np.int64)
                    more_keys[: len(keys)] = keys
                    more_names[: len(names)] = names
                    keys, names = more_keys, more_names
                size = push(keys, names, size, far, k * columns + m)
    return 0


@njit(**OPTIONS)
def lay_corridor(first, last, one, other, least, most, excess, count):
    """Lay a corridor over those so far, in rows `first` to `last`: the smallest excess over the least cost, and how many.

    `one` and `other` are the accumulated costs from both ends; cells whose excess is above `most` are not in the corridor.
    """
    for i in range(first, last):
        for j in range(one.shape[1]):
            # Rounding must not put a cell of the path itself outside.
            above = max(one[i, j] + other[i, j] - least, 0.0)
            if above <= most:
                excess[i, j] = min(excess[i, j], above)
                count[i, j] += 1
    return 0
