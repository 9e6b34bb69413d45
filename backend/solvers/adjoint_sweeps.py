"""The adjoint of the least-cost distances on the CPU, by the same row sweeps.

An edge ``u -> v`` is tight where ``d[u] + w <= d[v] (1 + tolerance)`` and ``d[u] < d[v]``. Each cell gathers its own cotangent and
what its tight successors pass on, ``lambda[u] = g[u] + sum of share[v] lambda[v]``, with ``share[v]`` = 1 / (tight edges into
``v``). Strictly growing distances make the tight edges free of cycles, so the sweeps settle exactly, whatever their order.
"""

import numpy as np
from numba import njit

from .lanes import (
    any_different,
    either,
    equal_share,
    fill,
    load,
    plus,
    store,
    tight_bit,
    times,
    total,
    where_bit,
)
from .row_sweeps import OPTIONS, frame_costs, source_cells

# Where the cell lies from which a tight edge comes.
WEST, NORTHWEST, NORTH, NORTHEAST = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
EAST, SOUTHEAST, SOUTH, SOUTHWEST = np.uint8(16), np.uint8(32), np.uint8(64), np.uint8(128)


@njit(**OPTIONS)
def _read_in(distance, cotangent, first_lane, framed_distance, framed_cotangent, reach, count):
    """Frame distances (``nan`` where unreachable) and cotangents (0 there); note each row's reached columns."""
    rows, columns, lanes = distance.shape
    lanes = min(lanes - first_lane, count)
    framed_distance[:] = np.nan
    framed_cotangent[:] = 0
    reach[:, 0] = columns + 1
    reach[:, 1] = 0
    for i in range(rows):
        for j in range(columns):
            cell = ((i + 1) * (columns + 2) + j + 1) * count
            reached = False
            for lane in range(lanes):
                value = distance[i, j, first_lane + lane]
                finite = value < np.inf
                framed_distance[cell + lane] = value if finite else np.nan
                framed_cotangent[cell + lane] = cotangent[i, j, first_lane + lane] if finite else 0
                reached |= finite
            if reached:
                reach[i + 1, 0] = min(reach[i + 1, 0], j + 1)
                reach[i + 1, 1] = j + 1


@njit(**OPTIONS)
def _mark_tight(distance, costs, row, stride, first, last, slack, bits, share, width):
    """Mark the tight edges into the cells of a row, and the share that each of them carries."""
    east, south, southeast, southwest = costs
    above, below = row - stride, row + stride
    factor = fill(slack, width)
    for j in range(first, last + 1):
        here = row + j
        far = load(distance, here, width)
        most = times(far, factor)
        found = tight_bit(load(distance, here - 1, width), east[here - 1], far, most, WEST)
        found = either(found, tight_bit(load(distance, here + 1, width), east[here], far, most, EAST))
        found = either(
            found, tight_bit(load(distance, above + j - 1, width), southeast[above + j - 1], far, most, NORTHWEST)
        )
        found = either(found, tight_bit(load(distance, above + j, width), south[above + j], far, most, NORTH))
        found = either(
            found, tight_bit(load(distance, above + j + 1, width), southwest[above + j + 1], far, most, NORTHEAST)
        )
        found = either(found, tight_bit(load(distance, below + j - 1, width), southwest[here], far, most, SOUTHWEST))
        found = either(found, tight_bit(load(distance, below + j, width), south[here], far, most, SOUTH))
        found = either(found, tight_bit(load(distance, below + j + 1, width), southeast[here], far, most, SOUTHEAST))
        store(bits, here, found)
        store(share, here, equal_share(found, far))


@njit(**OPTIONS)
def _gather_row(cotangent, bits, share, passed, gathered, row, stride, first, last, width):
    """Gather a row anew from the rows beside it; return whether what its cells pass on changed.

    ``passed`` holds ``share lambda``; ``gathered`` is room for two rows.
    """
    above, below = row - stride, row + stride
    zero = fill(share.dtype.type(0), width)
    from_right = zero
    for k in range(last - first + 1):
        j = last - k
        own = load(cotangent, row + j, width)
        own = plus(own, where_bit(load(bits, above + j - 1, width), SOUTHEAST, load(passed, above + j - 1, width)))
        own = plus(own, where_bit(load(bits, above + j, width), SOUTH, load(passed, above + j, width)))
        own = plus(own, where_bit(load(bits, above + j + 1, width), SOUTHWEST, load(passed, above + j + 1, width)))
        own = plus(own, where_bit(load(bits, below + j - 1, width), NORTHEAST, load(passed, below + j - 1, width)))
        own = plus(own, where_bit(load(bits, below + j, width), NORTH, load(passed, below + j, width)))
        own = plus(own, where_bit(load(bits, below + j + 1, width), NORTHWEST, load(passed, below + j + 1, width)))
        store(gathered, j, own)
        own = plus(own, from_right)
        store(gathered, stride + j, own)
        from_right = where_bit(load(bits, row + j, width), WEST, times(own, load(share, row + j, width)))
    changed = False
    from_left = zero
    for j in range(first, last + 1):
        part = load(share, row + j, width)
        new = times(plus(load(gathered, stride + j, width), from_left), part)
        changed |= any_different(new, load(passed, row + j, width))
        store(passed, row + j, new)
        from_left = where_bit(load(bits, row + j, width), EAST, times(plus(load(gathered, j, width), from_left), part))
    return changed


@njit(**OPTIONS)
def _gather(cotangent, bits, share, passed, gathered, reach, sources, rows, columns, width):
    """Gather all rows until nothing changes; return False if they do not settle."""
    stride = columns + 2
    stale = np.zeros(rows + 2, np.bool_)
    top, bottom = rows, 1
    for i in range(1, rows + 1):
        stale[i] = reach[i, 0] <= reach[i, 1]
    for lane in range(len(width)):
        if sources[lane] >= 0:
            top = min(top, sources[lane] // stride)
            bottom = max(bottom, sources[lane] // stride)
    # Towards the sources first, as most of the mass goes there: down to them, then up to them, then up and down.
    first_row, last_row, step = 1, top - 1, 1
    # A row is final once the rows that pass mass to it are; each round makes at least one more cell of each path final.
    for turn in range(2 * rows * columns + 3):
        if turn == 1:
            first_row, last_row, step = rows, 1, -1
        elif turn > 1:
            first_row, last_row, step = last_row, first_row, -step
        for i in range(first_row, last_row + step, step):
            if not stale[i]:
                continue
            stale[i] = False
            if _gather_row(
                cotangent, bits, share, passed, gathered, i * stride, stride, reach[i, 0], reach[i, 1], width
            ):
                stale[i - 1] = reach[i - 1, 0] <= reach[i - 1, 1]
                stale[i + 1] = reach[i + 1, 0] <= reach[i + 1, 1]
        if turn > 0 and not stale.any():
            return True
    return False


@njit(**OPTIONS)
def _sum_edges(bits, passed, reach, gradients, width):
    """Add what passes through each edge, over all lanes and in both directions."""
    east, south, southeast, southwest = gradients
    rows, columns = east.shape
    stride = columns + 2
    for i in range(1, rows + 1):
        first = min(reach[i, 0], reach[i + 1, 0]) - 1
        last = max(reach[i, 1], reach[i + 1, 1]) + 1
        for j in range(max(first, 1), min(last, columns) + 1):
            here, below = i * stride + j, (i + 1) * stride + j
            set_here, mass = load(bits, here, width), load(passed, here, width)
            set_there, other = load(bits, here + 1, width), load(passed, here + 1, width)
            east[i - 1, j - 1] += total(plus(where_bit(set_here, EAST, mass), where_bit(set_there, WEST, other)))
            set_there, other = load(bits, below, width), load(passed, below, width)
            south[i - 1, j - 1] += total(plus(where_bit(set_here, SOUTH, mass), where_bit(set_there, NORTH, other)))
            set_there, other = load(bits, below + 1, width), load(passed, below + 1, width)
            southeast[i - 1, j - 1] += total(
                plus(where_bit(set_here, SOUTHEAST, mass), where_bit(set_there, NORTHWEST, other))
            )
            set_there, other = load(bits, below - 1, width), load(passed, below - 1, width)
            southwest[i - 1, j - 1] += total(
                plus(where_bit(set_here, SOUTHWEST, mass), where_bit(set_there, NORTHEAST, other))
            )


@njit(**OPTIONS)
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
    cotangent, share, passed = np.empty_like(distance), np.empty_like(distance), np.empty_like(distance)
    gathered = np.empty(2 * stride * count, distances.dtype)
    bits = np.empty(size, np.uint8)
    reach = np.empty((rows + 2, 2), np.int64)
    for window in range(first, last):
        sources = source_cells(is_source[window], first_lane, count, halo[0], halo[1], block_columns, stride)
        if sources.max() < 0:
            continue
        framed = frame_costs(costs[0][window], costs[1][window], costs[2][window], costs[3][window])
        ours = (gradients[0][window], gradients[1][window], gradients[2][window], gradients[3][window])
        _read_in(distances[window], cotangents[window], first_lane, distance, cotangent, reach, count)
        bits[:] = 0
        passed[:] = 0
        for i in range(1, rows + 1):
            _mark_tight(distance, framed, i * stride, stride, reach[i, 0], reach[i, 1], slack, bits, share, width)
        if not _gather(cotangent, bits, share, passed, gathered, reach, sources, rows, columns, width):
            return window
        _sum_edges(bits, passed, reach, ours, width)
        for lane in range(min(count, lanes - first_lane)):
            if sources[lane] >= 0:
                arrived[window, first_lane + lane] = passed[sources[lane] * count + lane]
    return -1
