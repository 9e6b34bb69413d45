"""The adjoint of the least-cost distances on the CPU, by the same row sweeps.

An edge ``u -> v`` is tight where ``d[u] + w <= d[v] (1 + tolerance)`` and ``d[u] < d[v]``. Each cell gathers its own cotangent and
what its tight successors pass on, ``lambda[u] = g[u] + sum of share[v] lambda[v]``, with ``share[v]`` = 1 / (tight edges into
``v``). Strictly growing distances make the tight edges free of cycles, so the sweeps settle exactly, whatever their order.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from .lanes import (
    any_below,
    any_bit,
    any_nonzero,
    but_lowest,
    equal_share,
    fill,
    load,
    load_from,
    plus,
    plus_where_bit,
    store,
    times,
    where_below,
    where_bit,
)
from .row_sweeps import INNER, OUTER, frame_costs, source_cells
from .tight_edges import (
    ABOVE,
    ANY,
    BELOW,
    EAST,
    NORTH,
    NORTHEAST,
    NORTHWEST,
    SOUTH,
    SOUTHEAST,
    SOUTHWEST,
    WEST,
    mark_tight,
    sum_edges,
)


@njit(**INNER)
def _read_in(distance, cotangent, first_lane, framed_distance, framed_cotangent, reach, width):
    """Frame distances (``nan`` where unreachable) and cotangents (0 there); note each row's reached columns."""
    rows, columns, lanes = distance.shape
    count = len(width)
    distances, cotangents = distance.reshape(-1), cotangent.reshape(-1)
    kind = distance.dtype.type
    most, unreachable, zero = fill(kind(np.inf), width), fill(kind(np.nan), width), fill(kind(0), width)
    stride = columns + 2
    for j in range(stride):
        store(framed_distance, j, unreachable)
        store(framed_distance, (rows + 1) * stride + j, unreachable)
    reach[:, 0] = columns + 1
    reach[:, 1] = 0
    for i in range(rows):
        store(framed_distance, (i + 1) * stride, unreachable)
        store(framed_distance, (i + 2) * stride - 1, unreachable)
        for j in range(columns):
            cell = (i + 1) * stride + j + 1
            element = (i * columns + j) * lanes + first_lane
            if first_lane + count <= lanes:
                value = load_from(distances, element, width)
                own = where_below(value, most, load_from(cotangents, element, width), zero)
                store(framed_distance, cell, where_below(value, most, value, unreachable))
                store(framed_cotangent, cell, own)
                reached = any_below(value, most)
            else:
                reached = False
                store(framed_distance, cell, unreachable)
                store(framed_cotangent, cell, zero)
                for lane in range(lanes - first_lane):
                    if distances[element + lane] < np.inf:
                        framed_distance[cell * count + lane] = distances[element + lane]
                        framed_cotangent[cell * count + lane] = cotangents[element + lane]
                        reached = True
            if reached:
                reach[i + 1, 0] = min(reach[i + 1, 0], j + 1)
                reach[i + 1, 1] = j + 1


@njit(**INNER)
def _pull(bits, waiting, other, j, ways, width):
    """Return what waits in the three neighbours of column ``j`` in another row and goes this way."""
    found = where_bit(load(bits, other + j - 1, width), ways[0], load(waiting, other + j - 1, width))
    found = plus_where_bit(found, load(bits, other + j + 1, width), ways[2], load(waiting, other + j + 1, width))
    return plus_where_bit(found, load(bits, other + j, width), ways[1], load(waiting, other + j, width))


@njit(**INNER)
def _collect(arrived, cotangent, fresh, ties, bits, waiting, row, other, ways, stride, first, start, stop, width):
    """Collect columns ``start`` to ``stop`` of a row, and on to the left as far as mass goes; return the first column.

    ``arrived`` is room for two rows: what comes from the other row (and ``cotangent``, the row's own, if it is fresh), and the
    same with what comes from the right.
    """
    zero = fill(arrived.dtype.type(0), width)
    moving = zero
    j = stop
    while j >= start or (j >= first and any_nonzero(moving)):
        own = zero
        if j >= start:
            own = _pull(bits, waiting, other, j, ways, width)
            if fresh:
                own = plus(own, load(cotangent, j, width))
        store(arrived, j, own)
        own = plus(own, moving)
        store(arrived, stride + j, own)
        set_here = load(bits, row + j, width)
        moving = where_bit(set_here, WEST, own)
        if ties and any_bit(but_lowest(set_here), ANY):
            moving = times(moving, equal_share(set_here, own))
        j -= 1
    return min(j + 1, start)


@njit(**INNER)
def _hand_on(arrived, fresh, ties, bits, passed, upwards, downwards, row, stride, last, start, stop, width):
    """Hand on what a row collected, on to the right as far as mass goes; return the columns where some waits, each way.

    Mass that goes to the left never turns back to the right, so one pass each way is enough.
    """
    up_first, up_last, down_first, down_last = stride, 0, stride, 0
    moving = fill(arrived.dtype.type(0), width)
    j = start
    while j <= stop or (j <= last and any_nonzero(moving)):
        cell = row + j
        set_here = load(bits, cell, width)
        own, mass = moving, moving
        if j <= stop:
            own = plus(own, load(arrived, j, width))
            mass = plus(mass, load(arrived, stride + j, width))
        # Division is dear and ties are rare.
        if ties and any_bit(but_lowest(set_here), ANY):
            part = equal_share(set_here, mass)
            own, mass = times(own, part), times(mass, part)
        moving = where_bit(set_here, EAST, own)
        store(passed, cell, mass if fresh else plus(load(passed, cell, width), mass))
        if any_nonzero(mass):
            if any_bit(set_here, ABOVE):
                store(upwards, cell, plus(load(upwards, cell, width), mass))
                up_first, up_last = min(up_first, j), j
            if any_bit(set_here, BELOW):
                store(downwards, cell, plus(load(downwards, cell, width), mass))
                down_first, down_last = min(down_first, j), j
        j += 1
    return up_first, up_last, down_first, down_last


def gathering(fill_row: Callable[..., None]) -> Callable[..., bool]:
    """Return a kernel that carries all cotangents along the tight edges to the sources; False from it if some never arrive.

    Its arguments: ``given``, whatever ``fill_row`` takes; ``passed``, which becomes what each tight edge into a cell carries, where it
    is reached; ``upwards`` and ``downwards``, all 0 before and after, for what each row still has to hand to the row above and
    below (lanes of it that are not bound for that row are passed over there); ``reach``, each row's first and last reached
    column.

    Parameters
    ----------
    fill_row : compiled function
        ``fill_row(given, row, first, last, cotangent, bits, width)`` is called once for each row before anything else happens there;
        it fills the row's cotangents from column ``first`` to ``last`` and the bits of the tight edges into its cells, and returns
        whether any cell has several.
    """

    @njit(**INNER)
    def gather(given, bits, passed, upwards, downwards, reach, sources, rows, columns, width):
        stride = columns + 2
        arrived = np.empty(2 * stride * len(width), passed.dtype)
        cotangent = np.empty(stride * len(width), passed.dtype)
        zero = fill(passed.dtype.type(0), width)
        # Columns in which something waits for the row above (0) and below (1): first, last.
        spans = np.empty((2, rows + 2, 2), np.int64)
        spans[:, :, 0] = stride
        spans[:, :, 1] = 0
        fresh, ties = np.zeros(rows + 2, np.bool_), np.zeros(rows + 2, np.bool_)
        fresh[1 : rows + 1] = reach[1 : rows + 1, 0] <= reach[1 : rows + 1, 1]
        top = rows
        for lane in range(len(width)):
            if sources[lane] >= 0:
                top = min(top, sources[lane] // stride)
        quiet = 0
        # Down to the sources first and up to them next, which is where most goes. Mass moves at least one edge in two turns.
        for turn in range(2 * rows * columns + 4):
            down = turn % 2 == 0
            ways = (SOUTHEAST, SOUTH, SOUTHWEST) if down else (NORTHEAST, NORTH, NORTHWEST)
            waiting = downwards if down else upwards
            mine = spans[1] if down else spans[0]
            quiet += 1
            for step in range(1, top if turn == 0 else rows + 1):
                i = step if down else rows + 1 - step
                other = i - 1 if down else i + 1
                first, last = mine[other]
                if first > last and not fresh[i]:
                    continue
                quiet = 0
                left, right = reach[i]
                start, stop = max(first - 1, left), min(last + 1, right)
                if fresh[i]:
                    start, stop = left, right
                    ties[i] = fill_row(given, i, left, right, cotangent, bits, width)
                row, beside = i * stride, other * stride
                start = _collect(
                    arrived,
                    cotangent,
                    fresh[i],
                    ties[i],
                    bits,
                    waiting,
                    row,
                    beside,
                    ways,
                    stride,
                    left,
                    start,
                    stop,
                    width,
                )
                mine[other] = stride, 0
                for j in range(first, last + 1):
                    store(waiting, beside + j, zero)
                up_first, up_last, down_first, down_last = _hand_on(
                    arrived, fresh[i], ties[i], bits, passed, upwards, downwards, row, stride, right, start, stop, width
                )
                fresh[i] = False
                spans[0, i] = min(spans[0, i, 0], up_first), max(spans[0, i, 1], up_last)
                spans[1, i] = min(spans[1, i, 0], down_first), max(spans[1, i, 1], down_last)
            if quiet == 2:
                return True
        return False

    return gather


@njit(**INNER)
def _own_row(given, i, first, last, row_cotangent, bits, width):
    distance, cotangent, costs, slack, stride = given
    for j in range(first, last + 1):
        store(row_cotangent, j, load(cotangent, i * stride + j, width))
    return mark_tight(distance, costs, i * stride, stride, first, last, slack, bits, None, width)


_gather = gathering(_own_row)


@njit(**OUTER)
def gather_windows(
    costs,
    is_source,
    halo,
    block_columns,
    slack,
    distances,
    cotangents,
    first_lane,
    width,
    gradients,
    arrived,
    first,
    last,
):
    """Add to the gradients of edge costs what the lanes from ``first_lane`` on of windows ``first`` to ``last`` contribute.

    ``slack`` is 1 + the tolerance of a tie. ``arrived[window, lane]`` becomes the mass that reached the source. Returns the
    first window that did not settle, or -1.
    """
    count = len(width)
    rows, columns, lanes = distances.shape[1:]
    stride = columns + 2
    size = (rows + 2) * stride * count
    distance = np.empty(size, distances.dtype)
    cotangent, passed = np.empty_like(distance), np.empty_like(distance)
    upwards, downwards = np.zeros(size, distances.dtype), np.zeros(size, distances.dtype)
    bits = np.empty(size, np.uint8)
    edges = np.empty((rows + 2) * stride * 4, distances.dtype)
    reach = np.empty((rows + 2, 2), np.int64)
    for window in range(first, last):
        sources = source_cells(is_source[window], first_lane, count, halo[0], halo[1], block_columns, stride)
        if sources.max() < 0:
            continue
        framed = frame_costs(costs[0][window], costs[1][window], costs[2][window], costs[3][window])
        _read_in(distances[window], cotangents[window], first_lane, distance, cotangent, reach, width)
        bits[:] = 0
        given = (distance, cotangent, framed, slack, stride)
        if not _gather(given, bits, passed, upwards, downwards, reach, sources, rows, columns, width):
            return window
        edges[:] = 0
        sum_edges(bits, passed, reach, edges, columns, width)
        by_edge = edges.reshape((rows + 2, stride, 4))[1 : rows + 1, 1 : columns + 1]
        for direction in range(4):
            gradients[direction][window] += by_edge[:, :, direction]
        for lane in range(min(count, lanes - first_lane)):
            if sources[lane] >= 0:
                arrived[window, first_lane + lane] = passed[sources[lane] * count + lane]
    return -1
