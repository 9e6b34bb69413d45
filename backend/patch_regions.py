"""The cells that are cheapest to reach from each patch, tile by tile and several tiles at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_search import OPTIONS, pop, push
from .raster_steps import DOWN, RIGHT
from .solvers.threads import in_parts, thread_count

_TILE = 256


@dataclass(frozen=True)
class Regions:
    """To which patch each cell belongs.

    Parameters
    ----------
    owner : array of int, shape (rows, columns)
        Row of the patch that the cell is cheapest to reach from (of several, the smallest row); -1 where none reaches it.
    cost : array, shape (rows, columns)
        From that patch; 0 on patches, inf where none reaches it.
    step : array of int, shape (rows, columns)
        Which step leads into the cell (`DOWN`, `RIGHT`); -1 where a path begins.
    """

    owner: NDArray[np.int32]
    cost: NDArray[np.float64]
    step: NDArray[np.int8]


def grow_regions(
    resistance: NDArray[np.float64],
    zone: NDArray[np.int32],
    lengths: NDArray[np.float64],
    report: Any,
    tile: int = _TILE,
) -> Regions:
    """Return the region of each patch; `zone` is used up and becomes the owner.

    Each tile is searched by itself from what its neighbours have found so far, and again whenever they found better. Tiles
    that touch never run at once. What comes out is the one state that no step can better, so that neither tiles nor threads
    matter: the cheapest cost and, where patches tie, the smallest row.

    Parameters
    ----------
    resistance : array, shape (rows, columns)
        > 0; inf where nothing passes.
    zone : array of int, shape (rows, columns)
        Row of the patch in each cell, -1 outside.
    lengths : array, shape (neighbours,)
        Length of each step.
    tile : int
        Cells along the side of a tile.
    """
    regions = Regions(zone, np.empty(zone.shape), np.empty(zone.shape, np.int8))
    in_parts(lambda low, high: _begin(low, high, resistance, zone, regions.cost, regions.step), len(zone))
    down, across = (-(-size // tile) for size in zone.shape)
    waits, fresh = np.ones((down, across), bool), np.ones((down, across), bool)
    settled = 0.0
    while waits.any():
        # Four colours: tiles of one colour do not even touch at corners.
        for colour in range(4):
            own = np.zeros_like(waits)
            own[colour // 2 :: 2, colour % 2 :: 2] = True
            places = np.argwhere(waits & own)
            for first in range(0, len(places), 4 * thread_count()):
                report.raise_if_cancelled()
                some = places[first : first + 4 * thread_count()]
                seeds = fresh[some[:, 0], some[:, 1]]
                spread = np.zeros((len(some), 9), bool)

                def part(low: int, high: int, some: Any = some * tile, seeds: Any = seeds, spread: Any = spread) -> int:
                    return _grow_tiles(
                        low, high, some, seeds, spread, tile, resistance, zone, regions.cost, regions.step, lengths
                    )

                in_parts(part, len(some))
                waits[some[:, 0], some[:, 1]] = fresh[some[:, 0], some[:, 1]] = False
                _pass_on(some, spread, waits)
                settled = max(settled, 1 - float(waits.mean()))
                report.progress(0.8 * settled, "Regions around the patches")
    return regions


def _pass_on(tiles: NDArray[np.int64], spread: NDArray[np.bool_], waits: NDArray[np.bool_]) -> None:
    """Let tiles wait that have a neighbour with better costs at the border between them."""
    for (i, j), ways in zip(tiles, spread, strict=True):
        for way in np.flatnonzero(ways):
            k, m = i + way // 3 - 1, j + way % 3 - 1
            if 0 <= k < waits.shape[0] and 0 <= m < waits.shape[1]:
                waits[k, m] = True


@njit(**OPTIONS)
def step_cost(resistance, i, j, way, lengths):
    """Return the cost of a step out of a cell, inf where there is none."""
    k, m = i + DOWN[way], j + RIGHT[way]
    rows, columns = resistance.shape
    if k < 0 or m < 0 or k >= rows or m >= columns:
        return np.inf
    if way >= 4 and not (np.isfinite(resistance[i, m]) or np.isfinite(resistance[k, j])):
        return np.inf
    return lengths[way] * (resistance[i, j] + resistance[k, m]) / 2


@njit(**OPTIONS)
def bigger(keys, names):
    """Return the arrays of a heap at twice their length."""
    more_keys, more_names = np.empty(2 * len(keys)), np.empty(2 * len(names), np.int64)
    more_keys[: len(keys)] = keys
    more_names[: len(names)] = names
    return more_keys, more_names


@njit(**OPTIONS)
def _begin(low, high, resistance, owner, cost, step):
    for i in range(low, high):
        for j in range(owner.shape[1]):
            step[i, j] = -1
            cost[i, j] = np.inf
            if not np.isfinite(resistance[i, j]):
                owner[i, j] = -1
            elif owner[i, j] >= 0:
                cost[i, j] = 0.0
    return 0


@njit(**OPTIONS)
def _is_rim(cost, i, j, ways):
    rows, columns = cost.shape
    for way in range(ways):
        k, m = i + DOWN[way], j + RIGHT[way]
        if 0 <= k < rows and 0 <= m < columns and cost[k, m] > 0:
            return True
    return False


@njit(**OPTIONS)
def _reaches(i, j, way, resistance, owner, cost, step, lengths):
    """Take a step out of a cell and return whether it betters where it leads, by cost or else by the patch's row."""
    price = step_cost(resistance, i, j, way, lengths)
    near = cost[i, j]
    far = near + price
    if not far < np.inf:
        return False
    k, m = i + DOWN[way], j + RIGHT[way]
    before = cost[k, m]
    if before == 0.0 or far > before:
        return False
    if far < before or owner[i, j] < owner[k, m]:
        cost[k, m], owner[k, m], step[k, m] = far, owner[i, j], way
        return True
    if owner[i, j] == owner[k, m] and near < far and way < step[k, m]:
        step[k, m] = way
    return False


@njit(**OPTIONS)
def _grow_tiles(low, high, corners, seeds, spread, tile, resistance, owner, cost, step, lengths):
    """Search some tiles; `spread` says in which of the 3 x 3 directions costs at a tile's border became better."""
    rows, columns = owner.shape
    keys, names = np.empty(1024), np.empty(1024, np.int64)
    for number in range(low, high):
        top, left = corners[number, 0], corners[number, 1]
        bottom, right = min(rows, top + tile), min(columns, left + tile)
        size = 0
        for i in range(top, bottom):
            for j in range(left, right):
                if size + 1 >= len(keys):
                    keys, names = bigger(keys, names)
                if seeds[number] and cost[i, j] == 0.0 and _is_rim(cost, i, j, len(lengths)):
                    _mark(spread[number], i, j, top, left, bottom, right)
                    size = push(keys, names, size, 0.0, i * columns + j)
                elif i == top or i == bottom - 1 or j == left or j == right - 1:
                    better = False
                    for way in range(len(lengths)):
                        # the step from outside into this cell
                        k, m = i - DOWN[way], j - RIGHT[way]
                        inside = top <= k < bottom and left <= m < right
                        if not inside and 0 <= k < rows and 0 <= m < columns:
                            better |= _reaches(k, m, way, resistance, owner, cost, step, lengths)
                    if better:
                        _mark(spread[number], i, j, top, left, bottom, right)
                        size = push(keys, names, size, cost[i, j], i * columns + j)
        while size > 0:
            near, cell = keys[0], names[0]
            size = pop(keys, names, size)
            i, j = cell // columns, cell % columns
            if near > cost[i, j]:
                continue
            for way in range(len(lengths)):
                k, m = i + DOWN[way], j + RIGHT[way]
                if k < top or k >= bottom or m < left or m >= right:
                    continue
                if _reaches(i, j, way, resistance, owner, cost, step, lengths):
                    _mark(spread[number], k, m, top, left, bottom, right)
                    if size + 1 >= len(keys):
                        keys, names = bigger(keys, names)
                    size = push(keys, names, size, cost[k, m], k * columns + m)
    return 0


@njit(**OPTIONS)
def _mark(spread, i, j, top, left, bottom, right):
    up, down, west, east = i == top, i == bottom - 1, j == left, j == right - 1
    if not (up or down or west or east):
        return
    spread[1] |= up
    spread[7] |= down
    spread[3] |= west
    spread[5] |= east
    spread[0] |= up and west
    spread[2] |= up and east
    spread[6] |= down and west
    spread[8] |= down and east
