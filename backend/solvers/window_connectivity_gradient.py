"""The gradient of connectivity of windows by least cost: see `window_connectivity`.

The adjoint sweeps ask for a row's derivatives with respect to distances when they first come to it, so that these never leave the
innermost cache.
"""

import numpy as np
from numba import njit

# The second lets Numba know proximities.
from . import lane_arithmetic, proximity_lanes  # noqa: F401
from .adjoint_sweeps import gathering
from .lane_arithmetic import in_precision, plus_product
from .lanes import fill, load, plus, store, times, total, where_below
from .row_sweeps import INNER, OUTER
from .tight_edges import mark_tight, smallest_cost, sum_edges
from .window_lanes import (
    counted,
    fill_row,
    frame,
    hide_sources,
    places_of_cell,
    rows_of_sources,
    show_sources,
    sources_of_group,
    sweep_group,
)


@njit(**INNER)
def _weigh_row(given, i, first, last, cotangent, bits, width):
    """Fill the derivatives with respect to a row's distances, mark its tight edges, return whether cells have several.

    Adds to the derivatives with respect to the quality of targets, to each source's sum of k q, and to what makes up the
    derivative with respect to the scale.
    """
    distance, costs, sources, quality, weights, top, left, columns, around, kernel, scale, beyond, slack = given[:13]
    by_quality, sums, kept, strict, source_rows = given[13:]
    one, nil = quality.dtype.type(1), quality.dtype.type(0)
    rate, none = fill(one / scale, width), fill(nil, width)
    most, weight = fill(beyond, width), load(weights, 0, width)
    weighted_rate = times(weight, rate)
    accessible, by_scale = none, none
    row = i * (columns + 2)
    holds_sources = source_rows[0] <= i <= source_rows[1]
    if holds_sources:
        hide_sources(distance, sources, i, columns, around, beyond, kept)
    for j in range(first, last + 1):
        q = fill(quality[top + i - 1, left + j - 1], width)
        far = counted(distance, row, j, columns, around, most, width)
        u = times(in_precision(far, nil), rate)
        k = kernel.value(u, lane_arithmetic)
        slope = kernel.slope(u, k, lane_arithmetic)
        k = where_below(far, most, k, none)
        by_distance = where_below(far, most, times(times(slope, q), weighted_rate), none)
        store(cotangent, j, by_distance)
        accessible = plus_product(accessible, k, q)
        # k depends on d / scale alone.
        by_scale = plus_product(by_scale, where_below(far, most, u, none), by_distance)
        by_quality[i - 1, j - 1] += total(times(k, weight))
    store(sums, 0, plus(load(sums, 0, width), in_precision(accessible, 0.0)))
    store(sums, 1, plus(load(sums, 1, width), in_precision(by_scale, 0.0)))
    if holds_sources:
        show_sources(distance, sources, i, columns, around, kept)
    if strict:
        return mark_tight(distance, costs, row, columns + 2, first, last, slack, bits, (), width)
    return mark_tight(distance, costs, row, columns + 2, first, last, slack, bits, None, width)


_gather = gathering(_weigh_row)


@njit(**INNER)
def _to_cells(edges, slopes, top, left, by_resistance):
    """Pass the derivatives with respect to edge costs on to the cells at both ends."""
    rows, columns = by_resistance.shape
    by_resistance[:] = 0
    for i in range(rows):
        for j in range(columns):
            cell = 4 * ((i + 1) * (columns + 2) + j + 1)
            east, south, southeast, southwest = edges[cell], edges[cell + 1], edges[cell + 2], edges[cell + 3]
            # The first end, then the other.
            here = east * slopes[0][top + i, left + j] + south * slopes[1][top + i, left + j]
            here += southeast * slopes[2][top + i, left + j] + southwest * slopes[3][top + i, left + j]
            by_resistance[i, j] += here
            if j + 1 < columns:
                by_resistance[i, j + 1] += east * slopes[4][top + i, left + j]
            if i + 1 < rows:
                by_resistance[i + 1, j] += south * slopes[5][top + i, left + j]
                if j + 1 < columns:
                    by_resistance[i + 1, j + 1] += southeast * slopes[6][top + i, left + j]
                if j > 0:
                    by_resistance[i + 1, j - 1] += southwest * slopes[7][top + i, left + j]


@njit(**OUTER)
def gradients_of_windows(
    costs,
    slopes,
    node,
    quality,
    tops,
    lefts,
    size,
    groups,
    outside,
    around,
    kernel,
    scale,
    beyond,
    slack,
    width,
    by_resistance,
    by_quality,
    numbers,
    first,
    last,
):
    """Fill the derivatives of what the windows ``first`` to ``last`` add to C.

    Parameters
    ----------
    slopes : eight arrays, shape (height, width)
        Derivative of each edge cost with respect to the resistance of its first cell, then of its other one; 0 where there
        is no edge.
    slack : float
        1 + the tolerance of a tie.
    by_resistance, by_quality : array, shape (windows, rows, columns)
        Filled; ``by_quality`` must be 0 before.
    numbers : array, shape (windows, 2)
        Filled with what each window adds to C, and its derivative with respect to the scale.

    For the others see `sums_of_windows`.

    Returns
    -------
    int
        The first window whose distances do not settle, or -1.
    """
    rows, columns = size
    count, stride = len(width), columns + 2
    cells = (rows + 2) * stride
    distance = np.full(cells * count, beyond)
    passed = np.empty(cells * count, quality.dtype)
    upwards, downwards = np.zeros(cells * count, quality.dtype), np.zeros(cells * count, quality.dtype)
    bits = np.zeros(cells * count, np.uint8)
    most, nothing = fill(beyond, width), fill(np.uint8(0), width)
    reach = np.empty((rows + 2, 2), np.int64)
    sums, weights = np.empty(2 * count), np.empty(count, quality.dtype)
    edges, kept = np.empty(4 * cells), np.empty((count, places_of_cell(columns, around)))
    for window in range(first, last):
        top, left = tops[window], lefts[window]
        framed = frame(costs, top, left, rows, columns)
        strict = smallest_cost(framed) > 4 * (slack - 1) * beyond
        edges[:] = 0
        numbers[window] = 0
        for group in range(len(groups)):
            places = groups[group]
            sources = sources_of_group(node, top, left, places, stride)
            if sources.max() < 0:
                continue
            for lane in range(count):
                i, j = places[lane]
                weights[lane] = quality[top + i, left + j] if sources[lane] >= 0 else 0
            if not sweep_group(distance, framed, sources, rows, columns, outside, group, reach, width):
                return window
            sums[:] = 0
            what = (
                distance,
                framed,
                sources,
                quality,
                weights,
                top,
                left,
                columns,
                around,
                kernel,
                scale,
                beyond,
                slack,
            )
            given = (*what, by_quality[window], sums, kept, strict, rows_of_sources(sources, stride))
            if not _gather(given, bits, passed, upwards, downwards, reach, sources, rows, columns, width):
                return window
            for lane in range(count):
                if sources[lane] >= 0:
                    i, j = places[lane]
                    numbers[window, 0] += weights[lane] * sums[lane]
                    numbers[window, 1] -= sums[count + lane]
                    by_quality[window, i, j] += sums[lane]
            sum_edges(bits, passed, reach, edges, columns, width)
            for i in range(1, rows + 1):
                fill_row(distance, i * stride, reach[i, 0], reach[i, 1], most)
                fill_row(bits, i * stride, reach[i, 0], reach[i, 1], nothing)
        _to_cells(edges, slopes, top, left, by_resistance[window])
    return -1
