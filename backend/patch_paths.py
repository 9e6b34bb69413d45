"""Least-cost links between patches over a resistance raster."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_indices import in_chunks
from .network_search import OPTIONS, pop, push
from .patch_links import Links
from .raster_io import Grid

#: What the search for neighbours holds for each cell of the raster, in bytes: resistance, cost, zone, step, heap.
BYTES_PER_CELL = 72
_DOWN = np.array([-1, 1, 0, 0, -1, -1, 1, 1])
_RIGHT = np.array([0, 0, -1, 1, -1, 1, -1, 1])


def planar_paths(
    resistance: NDArray[np.float64], zone: NDArray[np.int32], grid: Grid, neighbours: int, report: Any
) -> Links:
    """Return the links of the minimum planar graph.

    Every cell belongs to the patch that it is cheapest to reach from; patches whose regions touch are linked by the cheapest
    path across the border between them. Costs run from cell centre to cell centre, l (r_i + r_j) / 2 a step.

    Parameters
    ----------
    resistance : array, shape (rows, columns)
        > 0; inf where nothing passes.
    zone : array of int, shape (rows, columns)
        Row of the patch in each cell, -1 outside.
    grid : Grid
        Cell size and place.
    neighbours : int
        4 or 8.

    References
    ----------
    Fall, A. et al. (2007) Spatial graphs: principles and applications for habitat connectivity. Ecosystems 10, 448-461,
    doi:10.1007/s10021-007-9038-7.
    """
    report.progress(0.0, "Regions around the patches")
    lengths = _step_lengths(grid, neighbours)
    owner = zone.copy()
    cost, step = np.full(zone.shape, np.inf), np.full(zone.shape, -1, np.int8)
    _grow(resistance, owner, cost, step, lengths)
    report.raise_if_cancelled()
    report.progress(0.8, "Links across the borders")
    first, second, total, cell, way = _borders(resistance, owner, cost, lengths)
    order = np.lexsort((total, second, first))
    first, second, total, cell, way = first[order], second[order], total[order], cell[order], way[order]
    new = np.ones(len(first), bool)
    new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    rows = np.flatnonzero(new)
    lines = []
    columns = zone.shape[1]
    for row in rows.tolist():
        here = int(cell[row])
        there = here + int(_DOWN[way[row]]) * columns + int(_RIGHT[way[row]])
        one, other = _trace(step, here), _trace(step, there)
        lines.append(_places(np.concatenate([one[::-1], other]), grid))
    return Links(first[rows].astype(np.int64), second[rows].astype(np.int64), total[rows], lines)


def all_paths(
    resistance: NDArray[np.float64],
    zone: NDArray[np.int32],
    grid: Grid,
    neighbours: int,
    limit: float,
    patches: int,
    report: Any,
) -> Links:
    """Return the cheapest path between every two patches that cost no more than `limit`; patches side by side in threads.

    Each patch is searched from in the window that its paths can get to: its extent and ``limit / smallest resistance``.
    """
    lengths = _step_lengths(grid, neighbours)
    smallest = float(resistance[np.isfinite(resistance)].min())
    reach = limit / smallest / min(grid.cell_width, grid.cell_height)
    halo = int(min(reach, max(zone.shape))) + 1
    held = np.argsort(zone.ravel(), kind="stable")
    first = np.searchsorted(zone.ravel()[held], np.arange(patches + 1))
    found: list[list[tuple[int, float, list[tuple[float, float]]]]] = [[] for _ in range(patches)]

    def part(low: int, high: int) -> int:
        for patch in range(low, high):
            cells = held[first[patch] : first[patch + 1]]
            if len(cells):
                found[patch] = _from_patch(patch, cells, resistance, zone, grid, lengths, halo, limit)
        return 0

    in_chunks(part, patches, report, "Least-cost paths from each patch")
    flat = [(patch, *link) for patch, links in enumerate(found) for link in links]
    return Links(
        np.array([link[0] for link in flat], np.int64),
        np.array([link[1] for link in flat], np.int64),
        np.array([link[2] for link in flat], float),
        [link[3] for link in flat],
    )


def _from_patch(
    patch: int,
    cells: NDArray[np.int64],
    resistance: NDArray[np.float64],
    zone: NDArray[np.int32],
    grid: Grid,
    lengths: NDArray[np.float64],
    halo: int,
    limit: float,
) -> list[tuple[int, float, list[tuple[float, float]]]]:
    rows, columns = np.divmod(cells, zone.shape[1])
    top, left = max(0, rows.min() - halo), max(0, columns.min() - halo)
    window = (slice(top, rows.max() + halo + 1), slice(left, columns.max() + halo + 1))
    part = np.ascontiguousarray(zone[window])
    cost, step = np.full(part.shape, np.inf), np.full(part.shape, -1, np.int8)
    targets, costs, ends = _reach_others(
        np.ascontiguousarray(resistance[window]), part, patch, cost, step, lengths, limit
    )
    own = grid.part(top, left, *part.shape)
    links = []
    for target, total, end in zip(targets.tolist(), costs.tolist(), ends.tolist(), strict=True):
        links.append((target, total, _places(_trace(step, end)[::-1], own)))
    return links


def _step_lengths(grid: Grid, neighbours: int) -> NDArray[np.float64]:
    straight = [grid.cell_height] * 2 + [grid.cell_width] * 2
    return np.array(straight + [math.hypot(grid.cell_width, grid.cell_height)] * (neighbours - 4))


def _places(cells: NDArray[np.int64], grid: Grid) -> list[tuple[float, float]]:
    """Return the centres of cells, those on a straight run left out."""
    rows, columns = np.divmod(cells, grid.columns)
    transform = grid.geotransform
    x = transform[0] + (columns + 0.5) * transform[1]
    y = transform[3] + (rows + 0.5) * transform[5]
    turn = np.ones(len(cells), bool)
    if len(cells) > 2:
        turn[1:-1] = (np.diff(rows, 2) != 0) | (np.diff(columns, 2) != 0)
    places = list(zip(x[turn].tolist(), y[turn].tolist(), strict=True))
    return places if len(places) > 1 else places * 2


@njit(**OPTIONS)
def _trace(step, cell):
    """Return the cells from `cell` back to where its path began."""
    columns = step.shape[1]
    flat = step.ravel()
    count, here = 1, cell
    while flat[here] >= 0:
        here -= _DOWN[flat[here]] * columns + _RIGHT[flat[here]]
        count += 1
    cells = np.empty(count, np.int64)
    here = cell
    for place in range(count):
        cells[place] = here
        if flat[here] >= 0:
            here -= _DOWN[flat[here]] * columns + _RIGHT[flat[here]]
    return cells


@njit(**OPTIONS)
def _step_cost(resistance, i, j, way, lengths):
    """Return the cost of a step out of a cell, inf where there is none."""
    k, m = i + _DOWN[way], j + _RIGHT[way]
    rows, columns = resistance.shape
    if k < 0 or m < 0 or k >= rows or m >= columns:
        return np.inf
    if way >= 4 and not (np.isfinite(resistance[i, m]) or np.isfinite(resistance[k, j])):
        return np.inf
    return lengths[way] * (resistance[i, j] + resistance[k, m]) / 2


@njit(**OPTIONS)
def _bigger(keys, names):
    more_keys, more_names = np.empty(2 * len(keys)), np.empty(2 * len(names), np.int64)
    more_keys[: len(keys)] = keys
    more_names[: len(names)] = names
    return more_keys, more_names


@njit(**OPTIONS)
def _grow(resistance, owner, cost, step, lengths):
    """Fill the cost from the nearest patch, its row and the step into each cell."""
    rows, columns = owner.shape
    keys, names = np.empty(rows * columns // 4 + 16), np.empty(rows * columns // 4 + 16, np.int64)
    size = 0
    for i in range(rows):
        for j in range(columns):
            if owner[i, j] >= 0 and np.isfinite(resistance[i, j]):
                cost[i, j] = 0.0
                inner = True
                for way in range(len(lengths)):
                    k, m = i + _DOWN[way], j + _RIGHT[way]
                    if 0 <= k < rows and 0 <= m < columns and owner[k, m] != owner[i, j]:
                        inner = False
                if not inner:
                    if size + 1 >= len(keys):
                        keys, names = _bigger(keys, names)
                    size = push(keys, names, size, 0.0, i * columns + j)
            else:
                owner[i, j] = -1
    while size > 0:
        near, cell = keys[0], names[0]
        size = pop(keys, names, size)
        i, j = cell // columns, cell % columns
        if near > cost[i, j]:
            continue
        for way in range(len(lengths)):
            far = near + _step_cost(resistance, i, j, way, lengths)
            if far < np.inf:
                k, m = i + _DOWN[way], j + _RIGHT[way]
                if far < cost[k, m]:
                    cost[k, m] = far
                    owner[k, m] = owner[i, j]
                    step[k, m] = way
                    if size + 1 >= len(keys):
                        keys, names = _bigger(keys, names)
                    size = push(keys, names, size, far, k * columns + m)


@njit(**OPTIONS)
def _borders(resistance, owner, cost, lengths):
    """Return (patch, other patch, cost, cell, way) of every step across a border, the patch of the smaller row first."""
    rows, columns = owner.shape
    first, second = np.empty(0, np.int32), np.empty(0, np.int32)
    total, cell, ways = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int8)
    count = 0
    for fill in range(2):
        if fill == 1:
            first, second = np.empty(count, np.int32), np.empty(count, np.int32)
            total, cell, ways = np.empty(count), np.empty(count, np.int64), np.empty(count, np.int8)
            count = 0
        for i in range(rows):
            for j in range(columns):
                one = owner[i, j]
                if one < 0:
                    continue
                for way in range(len(lengths)):
                    k, m = i + _DOWN[way], j + _RIGHT[way]
                    if not (0 <= k < rows and 0 <= m < columns) or owner[k, m] <= one:
                        continue
                    price = _step_cost(resistance, i, j, way, lengths)
                    if price == np.inf:
                        continue
                    if fill == 1:
                        first[count], second[count] = one, owner[k, m]
                        total[count] = cost[i, j] + price + cost[k, m]
                        cell[count], ways[count] = i * columns + j, way
                    count += 1
    return first, second, total, cell, ways


@njit(**OPTIONS)
def _reach_others(resistance, zone, patch, cost, step, lengths, limit):
    """Return the patches of larger row that are reached, their costs and the cells where the paths end."""
    rows, columns = zone.shape
    keys, names = np.empty(1024), np.empty(1024, np.int64)
    size = 0
    targets, costs, ends = [patch], [0.0], [np.int64(0)]
    seen = {patch}
    for i in range(rows):
        for j in range(columns):
            if zone[i, j] == patch and np.isfinite(resistance[i, j]):
                cost[i, j] = 0.0
                if size + 1 >= len(keys):
                    keys, names = _bigger(keys, names)
                size = push(keys, names, size, 0.0, i * columns + j)
    while size > 0:
        near, cell = keys[0], names[0]
        size = pop(keys, names, size)
        i, j = cell // columns, cell % columns
        if near > cost[i, j]:
            continue
        other = zone[i, j]
        if other > patch and other not in seen:
            seen.add(other)
            targets.append(other)
            costs.append(near)
            ends.append(cell)
        for way in range(len(lengths)):
            far = near + _step_cost(resistance, i, j, way, lengths)
            if far <= limit and far < np.inf:
                k, m = i + _DOWN[way], j + _RIGHT[way]
                if far < cost[k, m]:
                    cost[k, m] = far
                    step[k, m] = way
                    if size + 1 >= len(keys):
                        keys, names = _bigger(keys, names)
                    size = push(keys, names, size, far, k * columns + m)
    return np.array(targets[1:], np.int64), np.array(costs[1:]), np.array(ends[1:], np.int64)
