"""Least-cost links between patches over a resistance raster."""

from __future__ import annotations

import math
from queue import SimpleQueue
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .network_indices import in_chunks
from .network_search import OPTIONS, pop, push
from .patch_links import Links
from .patch_regions import Regions, bigger, grow_regions, step_cost
from .raster_grid import Grid
from .raster_steps import DOWN, RIGHT, trace_back

_STRIP = 64


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
        Row of the patch in each cell, -1 outside; used up.
    grid : Grid
        Cell size and place.
    neighbours : int
        4 or 8.

    References
    ----------
    Fall, A. et al. (2007) Spatial graphs: principles and applications for habitat connectivity. Ecosystems 10, 448-461,
    doi:10.1007/s10021-007-9038-7.
    """
    lengths = _step_lengths(grid, neighbours)
    regions = grow_regions(resistance, zone, lengths, report)
    report.progress(0.8, "Links across the borders")
    first, second, total, cell, way = _cheapest_crossings(resistance, regions, lengths, report)
    lines = []
    columns = zone.shape[1]
    for row in range(len(first)):
        here = int(cell[row])
        there = here + int(DOWN[way[row]]) * columns + int(RIGHT[way[row]])
        one, other = trace_back(regions.step, here), trace_back(regions.step, there)
        lines.append(_places(np.concatenate([one[::-1], other]), grid))
    return Links(first.astype(np.int64), second.astype(np.int64), total, lines)


def _cheapest_crossings(
    resistance: NDArray[np.float64], regions: Regions, lengths: NDArray[np.float64], report: Any
) -> tuple[NDArray[Any], ...]:
    """Return (patch, other patch, cost, cell, way) of the cheapest step across the border of every two regions that touch."""
    rows = len(resistance)
    bounds = [*range(0, rows, _STRIP), rows]
    found: list[tuple[NDArray[Any], ...]] = [()] * (len(bounds) - 1)

    def part(low: int, high: int) -> int:
        for number in range(low, high):
            steps = _borders(bounds[number], bounds[number + 1], resistance, regions.owner, regions.cost, lengths)
            found[number] = _cheapest(steps)
        return 0

    in_chunks(part, len(found), report, "Links across the borders")
    return _cheapest(tuple(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _cheapest(steps: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
    first, second, total, cell, way = steps
    order = np.lexsort((way, cell, total, second, first))
    new = np.ones(len(first), bool)
    new[1:] = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
    kept = order[new]
    return tuple(column[kept] for column in steps)


def all_paths(
    resistance: NDArray[np.float64],
    zone: NDArray[np.int32],
    grid: Grid,
    neighbours: int,
    limit: float,
    patches: int,
    searches: int,
    report: Any,
) -> Links:
    """Return the cheapest path between every two patches that cost no more than `limit`; patches side by side in threads.

    Parameters
    ----------
    searches : int
        How many searches may be under way at once: each holds costs and steps of the whole raster.
    """
    lengths = _step_lengths(grid, neighbours)
    held = np.flatnonzero(zone >= 0)
    held = held[np.argsort(zone.ravel()[held], kind="stable")]
    first = np.searchsorted(zone.ravel()[held], np.arange(patches + 1))
    spaces: SimpleQueue[Any] = SimpleQueue()
    for _ in range(searches):
        spaces.put((np.full(zone.shape, np.inf), np.empty(zone.shape, np.int8)))
    found: list[list[tuple[int, float, list[tuple[float, float]]]]] = [[] for _ in range(patches)]

    def part(low: int, high: int) -> int:
        space = spaces.get()
        try:
            for patch in range(low, high):
                cells = held[first[patch] : first[patch + 1]]
                found[patch] = _from_patch(patch, cells, resistance, zone, grid, lengths, limit, space)
        finally:
            spaces.put(space)
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
    limit: float,
    space: tuple[NDArray[np.float64], NDArray[np.int8]],
) -> list[tuple[int, float, list[tuple[float, float]]]]:
    """Return target, cost and line of the links of a patch; leaves `space` as it was: inf everywhere."""
    cost, step = space
    targets, costs, ends, touched = _reach_others(resistance, zone, patch, cells, cost, step, lengths, limit)
    links = []
    for target, total, end in zip(targets.tolist(), costs.tolist(), ends.tolist(), strict=True):
        links.append((target, total, _places(trace_back(step, end)[::-1], grid)))
    cost.ravel()[touched] = np.inf
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
def _borders(top, bottom, resistance, owner, cost, lengths):
    """Return (patch, other patch, cost, cell, way) of every step out of some rows across a border to a larger patch row."""
    rows, columns = owner.shape
    first, second = np.empty(0, np.int32), np.empty(0, np.int32)
    total, cell, ways = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int8)
    count = 0
    for fill in range(2):
        if fill == 1:
            first, second = np.empty(count, np.int32), np.empty(count, np.int32)
            total, cell, ways = np.empty(count), np.empty(count, np.int64), np.empty(count, np.int8)
            count = 0
        for i in range(top, bottom):
            for j in range(columns):
                one = owner[i, j]
                if one < 0:
                    continue
                for way in range(len(lengths)):
                    k, m = i + DOWN[way], j + RIGHT[way]
                    if not (0 <= k < rows and 0 <= m < columns) or owner[k, m] <= one:
                        continue
                    price = step_cost(resistance, i, j, way, lengths)
                    if price == np.inf:
                        continue
                    if fill == 1:
                        first[count], second[count] = one, owner[k, m]
                        total[count] = cost[i, j] + price + cost[k, m]
                        cell[count], ways[count] = i * columns + j, way
                    count += 1
    return first, second, total, cell, ways


@njit(**OPTIONS)
def _reach_others(resistance, zone, patch, cells, cost, step, lengths, limit):
    """Return the patches of larger row that are reached, their costs, where the paths end, and all cells that were reached."""
    rows, columns = zone.shape
    keys, names = np.empty(1024), np.empty(1024, np.int64)
    touched, count = np.empty(1024, np.int64), 0
    size = 0
    targets, costs, ends = [patch], [0.0], [np.int64(0)]
    seen = {patch}
    for cell in cells:
        i, j = cell // columns, cell % columns
        if np.isfinite(resistance[i, j]):
            cost[i, j], step[i, j] = 0.0, -1
            touched = _with_room(touched, count)
            touched[count] = cell
            count += 1
            if size + 1 >= len(keys):
                keys, names = bigger(keys, names)
            size = push(keys, names, size, 0.0, cell)
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
            k, m = i + DOWN[way], j + RIGHT[way]
            # Costs are > 0: no step betters a cell that is as near as this one.
            if k < 0 or m < 0 or k >= rows or m >= columns or cost[k, m] <= near:
                continue
            far = near + step_cost(resistance, i, j, way, lengths)
            if far <= limit and far < cost[k, m]:
                if cost[k, m] == np.inf:
                    touched = _with_room(touched, count)
                    touched[count] = k * columns + m
                    count += 1
                cost[k, m] = far
                step[k, m] = way
                if size + 1 >= len(keys):
                    keys, names = bigger(keys, names)
                size = push(keys, names, size, far, k * columns + m)
    return np.array(targets[1:], np.int64), np.array(costs[1:]), np.array(ends[1:], np.int64), touched[:count]


@njit(**OPTIONS)
def _with_room(places, count):
    if count < len(places):
        return places
    more = np.empty(2 * len(places), np.int64)
    more[:count] = places
    return more
