"""Least-cost distances on the CPU: row sweeps over several sources at once, in Numba.

Distances lie in rows with the sources innermost. A sweep goes down and then up through the rows; a row takes over what
changed in the row it comes from and settles itself by one pass to the right and one to the left (in a row a shortest path
never turns back, so two passes are enough). Only the columns that can have changed are visited. Every value starts just
beyond the limit, so that nothing beyond it ever counts as an improvement and the sweeps stop there by themselves.

Inside the kernels a window is flat and framed by one cell on every side: cell ``(i, j)`` counted from 1 has the index
``i * (columns + 2) + j``.
"""

import numpy as np
from numba import njit

from ..kernel_cache import is_writable
from .lanes import any_below, at, fill, least, load, plus, store, store_from, where_below

#: How functions are compiled that only other kernels call, and those that Python calls.
INNER = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
OUTER = {"error_model": "numpy", "nogil": True, "cache": is_writable()}


@njit(**INNER)
def frame_costs(east, south, southeast, southwest):
    """Return the four edge costs of a window, flat and framed, without the edges that would leave it."""
    rows, columns = east.shape
    stride = columns + 2
    framed = np.full((4, (rows + 2) * stride), np.inf, east.dtype)
    for i in range(rows):
        for j in range(columns):
            cell = (i + 1) * stride + j + 1
            if j + 1 < columns:
                framed[0, cell] = east[i, j]
            if i + 1 < rows:
                framed[1, cell] = south[i, j]
                if j + 1 < columns:
                    framed[2, cell] = southeast[i, j]
                if j > 0:
                    framed[3, cell] = southwest[i, j]
    return framed[0], framed[1], framed[2], framed[3]


@njit(**INNER)
def _improve(distance, cell, offered, outside, width):
    """Let a cell take what it is offered where that is shorter; return the new value and whether any lane changed."""
    old = load(distance, cell, width)
    if outside is not None:
        offered = plus(offered, load(outside, cell, width))
    new = least(offered, old)
    store(distance, cell, new)
    return new, any_below(new, old)


@njit(**INNER)
def _pass_right(distance, east, row, columns, first, stop, outside, width):
    """Pass to the right from column ``first`` beyond ``stop`` and on while the row changes; return the last changed column."""
    previous = load(distance, row + first, width)
    last = first
    moving = True
    j = first + 1
    while j <= columns and (moving or j <= stop + 1):
        previous, moving = _improve(distance, row + j, plus(previous, at(east, row + j - 1)), outside, width)
        if moving:
            last = j
        j += 1
    return last


@njit(**INNER)
def _pass_left(distance, east, row, last, stop, outside, width):
    """Pass to the left from column ``last`` beyond ``stop`` and on while the row changes; return the first changed column."""
    previous = load(distance, row + last, width)
    first = last
    moving = True
    j = last - 1
    while j >= 1 and (moving or j >= stop - 1):
        previous, moving = _improve(distance, row + j, plus(previous, at(east, row + j)), outside, width)
        if moving:
            first = j
        j -= 1
    return first


@njit(**INNER)
def _relax_row(distance, east, row, other, middle, left, right, columns, first, last, outside, width):
    """Take over what changed in columns ``first`` to ``last`` of the row ``other``.

    ``middle``, ``left`` and ``right`` hold, by column of this row, the costs from the cell of the other row in the same
    column, one to the left and one to the right. Returns the changed columns; none if the first is beyond the last.
    """
    start, stop = max(first - 1, 1), min(last + 1, columns)
    lowest, highest = columns + 1, 0
    previous = load(distance, row + start - 1, width)
    one = load(distance, other + start - 1, width)
    two = load(distance, other + start, width)
    for j in range(start, stop + 1):
        three = load(distance, other + j + 1, width)
        offered = least(least(plus(one, at(left, j)), plus(three, at(right, j))), plus(two, at(middle, j)))
        offered = least(offered, plus(previous, at(east, row + j - 1)))
        previous, changed = _improve(distance, row + j, offered, outside, width)
        if changed:
            highest = j
            lowest = min(lowest, j)
        one, two = two, three
    if highest == 0:
        return lowest, highest
    if highest == stop:
        highest = _pass_right(distance, east, row, columns, stop, stop, outside, width)
    return min(lowest, _pass_left(distance, east, row, highest, lowest, outside, width)), highest


@njit(**INNER)
def _widen(spans, row, first, last):
    spans[row, 0] = min(spans[row, 0], first)
    spans[row, 1] = max(spans[row, 1], last)


@njit(**INNER)
def sweep_window(distance, costs, sources, rows, columns, outside, reach, width):
    """Fill the distances from the source cells of every lane; return False if they do not settle.

    ``distance`` (flat, framed, lanes innermost) holds a value beyond the limit everywhere. ``sources`` holds the cell index
    of each lane, or -1. ``reach`` (framed rows, 2) becomes the first and last column that any lane reaches in each row; the
    first is beyond the last where none does.
    """
    east, south, southeast, southwest = costs
    stride = columns + 2
    # Columns that changed since the row below (above) last looked at them: first, last.
    news = np.empty((2, rows + 2, 2), np.int64)
    news[:, :, 0] = columns + 1
    news[:, :, 1] = 0
    reach[:, 0] = columns + 1
    reach[:, 1] = 0
    count = len(width)
    for lane in range(count):
        if sources[lane] >= 0:
            distance[sources[lane] * count + lane] = 0
            _widen(news[0], sources[lane] // stride, sources[lane] % stride, sources[lane] % stride)
    for i in range(1, rows + 1):
        first, last = news[0, i]
        if first <= last:
            last = max(last, _pass_right(distance, east, i * stride, columns, first, last, outside, width))
            first = min(first, _pass_left(distance, east, i * stride, last, first, outside, width))
            news[0, i] = first, last
            news[1, i] = first, last
            reach[i] = first, last
    # Every round settles at least one more cell of each shortest path.
    for _ in range(rows * columns + 1):
        busy = False
        for downwards in (True, False):
            for step in range(1, rows + 1):
                i = step if downwards else rows + 1 - step
                above = i - 1 if downwards else i + 1
                mine = news[0] if downwards else news[1]
                first, last = mine[above]
                if first > last:
                    continue
                mine[above] = columns + 1, 0
                row, other = i * stride, above * stride
                if downwards:
                    middle, left, right = south[other:], southeast[other - 1 :], southwest[other + 1 :]
                else:
                    middle, left, right = south[row:], southwest[row:], southeast[row:]
                first, last = _relax_row(
                    distance, east, row, other, middle, left, right, columns, first, last, outside, width
                )
                if first <= last:
                    _widen(news[0], i, first, last)
                    _widen(news[1], i, first, last)
                    _widen(reach, i, first, last)
                    busy = True
        if not busy:
            return True
    return False


@njit(**INNER)
def source_cells(is_source, first_lane, count, halo_rows, halo_columns, block_columns, stride):
    """Return the framed cell index of each lane's source from ``first_lane`` on; -1 where there is none."""
    cells = np.full(count, -1, np.int64)
    for lane in range(first_lane, min(first_lane + count, is_source.shape[0])):
        if is_source[lane]:
            i, j = lane // block_columns, lane % block_columns
            cells[lane - first_lane] = (halo_rows + 1 + i) * stride + halo_columns + 1 + j
    return cells


@njit(**INNER)
def _read_out(distance, beyond, first_lane, out, width):
    """Copy the framed distances of some lanes to the result, ``inf`` where they stayed beyond the limit."""
    rows, columns, lanes = out.shape
    count = len(width)
    flat = out.reshape(-1)
    most, unreachable = fill(beyond, width), fill(out.dtype.type(np.inf), width)
    for i in range(rows):
        for j in range(columns):
            cell = (i + 1) * (columns + 2) + j + 1
            if first_lane + count <= lanes:
                value = load(distance, cell, width)
                store_from(flat, (i * columns + j) * lanes + first_lane, where_below(value, most, value, unreachable))
            else:
                for lane in range(lanes - first_lane):
                    single = distance[cell * count + lane]
                    out[i, j, first_lane + lane] = single if single < beyond else np.inf


@njit(**OUTER)
def sweep_windows(costs, is_source, halo, block_columns, beyond, outside, first_lane, width, out, first, last):
    """Fill the lanes from ``first_lane`` on of ``out[first:last]`` (window, row, column, lane) with distances.

    ``beyond`` is the smallest distance that no longer counts; ``outside`` (flat, framed, lanes innermost) holds ``inf`` where a
    cell is not in the lane's own window, or is None. Returns the first window that did not settle, or -1.
    """
    count = len(width)
    rows, columns = out.shape[1:3]
    distance = np.empty((rows + 2) * (columns + 2) * count, out.dtype)
    reach = np.empty((rows + 2, 2), np.int64)
    for window in range(first, last):
        framed = frame_costs(costs[0][window], costs[1][window], costs[2][window], costs[3][window])
        sources = source_cells(is_source[window], first_lane, count, halo[0], halo[1], block_columns, columns + 2)
        distance[:] = beyond
        if not sweep_window(distance, framed, sources, rows, columns, outside, reach, width):
            return window
        _read_out(distance, beyond, first_lane, out[window], width)
    return -1
