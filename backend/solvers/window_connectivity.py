"""Connectivity of windows by least cost and its gradient, from edge costs in one go.

Window by window and lane group by lane group: distances by row sweeps, proximities and sums over the reached cells, and for the
gradient the adjoint sweeps right after, all in scratch of one window that stays in the processor's cache. Nothing with lanes is
ever stored for more than one window.

Distances are in double precision whatever that of the rasters: which paths tie is decided by differences far below a rounding
of single precision. Proximities and what flows back along the paths have the precision of `quality`.
"""

import numpy as np
from numba import njit

# The second lets Numba know proximities.
from . import lane_arithmetic, proximity_lanes  # noqa: F401
from .lane_arithmetic import in_precision, plus_product
from .lanes import fill, plus, store, times, where_below
from .row_sweeps import INNER, OUTER
from .window_lanes import (
    counted,
    fill_row,
    frame,
    hide_sources,
    places_of_cell,
    rows_of_sources,
    sources_of_group,
    sweep_group,
)


@njit(**INNER)
def _sums(distance, sources, quality, top, left, reach, columns, around, kernel, scale, beyond, lengths, kept, width):
    """Return the sums of k q, and with ``lengths`` those of q and d q, over the cells that count.

    Leaves ``distance`` as it was before any path was found.
    """
    one, nil = quality.dtype.type(1), quality.dtype.type(0)
    rate, none = fill(one / scale, width), fill(nil, width)
    most = fill(beyond, width)
    accessible = in_precision(none, 0.0)
    reached, length = accessible, accessible
    stride = columns + 2
    first, last = rows_of_sources(sources, stride)
    for i in range(1, len(reach) - 1):
        row_accessible, row_reached, row_length = none, none, none
        if first <= i <= last:
            hide_sources(distance, sources, i, columns, around, beyond, kept)
        for j in range(reach[i, 0], reach[i, 1] + 1):
            own = quality[top + i - 1, left + j - 1]
            if own == 0:
                continue
            q = fill(own, width)
            far = counted(distance, i * stride, j, columns, around, most, width)
            d = in_precision(far, nil)
            k = kernel.value(times(d, rate), lane_arithmetic)
            row_accessible = plus_product(row_accessible, where_below(far, most, k, none), q)
            if lengths is not None:
                row_reached = plus(row_reached, where_below(far, most, q, none))
                row_length = plus_product(row_length, where_below(far, most, d, none), q)
        accessible = plus(accessible, in_precision(row_accessible, 0.0))
        if lengths is not None:
            reached = plus(reached, in_precision(row_reached, 0.0))
            length = plus(length, in_precision(row_length, 0.0))
        fill_row(distance, i * stride, reach[i, 0], reach[i, 1], most)
    return accessible, reached, length


@njit(**OUTER)
def sums_of_windows(
    costs,
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
    lengths,
    width,
    out,
    first,
    last,
):
    """Fill ``out[:, first:last]`` (sums, window, group, lane) with what `_sums` returns for each source.

    Parameters
    ----------
    costs : four arrays of float64, shape (height, width)
        Edge costs of a raster in which the windows lie, in the order of `EdgeCosts`.
    node : array of bool, shape (height, width)
    quality : array, shape (height, width)
        In the working precision.
    tops, lefts : int array, shape (windows,)
        First row and column of each window.
    size : (rows, columns)
        Of the windows.
    groups : int array, shape (groups, lanes, 2)
        Row and column of each lane's source in the window; -1 where there is none.
    outside : array, shape (groups, framed cells times lanes), or None
        ``inf`` where a cell is not in the lane's own window, else 0.
    around : int or None
        Columns around the globe, where a window is wider.
    kernel : AbstractKernel
    scale : scalar
        Of the proximity, in the working precision.
    beyond : float
        The smallest distance that does not count.
    lengths : tuple or None
        Whether to return sums of q and d q.
    width : tuple
        As long as there are lanes in a group.

    Returns
    -------
    int
        The first window whose distances do not settle, or -1.
    """
    rows, columns = size
    count, stride = len(width), columns + 2
    distance = np.full((rows + 2) * stride * count, beyond)
    reach = np.empty((rows + 2, 2), np.int64)
    found, kept = np.empty(3 * count), np.empty((count, places_of_cell(columns, around)))
    for window in range(first, last):
        top, left = tops[window], lefts[window]
        framed = frame(costs, top, left, rows, columns)
        for group in range(len(groups)):
            sources = sources_of_group(node, top, left, groups[group], stride)
            if sources.max() < 0:
                continue
            if not sweep_group(distance, framed, sources, rows, columns, outside, group, reach, width):
                return window
            sums = _sums(
                distance,
                sources,
                quality,
                top,
                left,
                reach,
                columns,
                around,
                kernel,
                scale,
                beyond,
                lengths,
                kept,
                width,
            )
            store(found, 0, sums[0])
            store(found, 1, sums[1])
            store(found, 2, sums[2])
            for each in range(len(out)):
                out[each, window, group] = found[each * count : (each + 1) * count]
    return -1
