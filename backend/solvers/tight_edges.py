"""The last steps of the shortest paths to every cell: which edges are tight, and what passes through them."""

import numpy as np
from numba import njit

from .lane_arithmetic import in_precision, totals
from .lanes import (
    any_bit,
    at,
    but_lowest,
    either,
    fill,
    load,
    plus,
    plus_where_bit,
    reached_bit,
    store,
    tight_bit,
    times,
    where_bit,
)
from .row_sweeps import INNER

# Where the cell lies from which a tight edge comes.
WEST, NORTHWEST, NORTH, NORTHEAST = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
EAST, SOUTHEAST, SOUTH, SOUTHWEST = np.uint8(16), np.uint8(32), np.uint8(64), np.uint8(128)
ABOVE, BELOW, ANY = np.uint8(2 + 4 + 8), np.uint8(32 + 64 + 128), np.uint8(255)


@njit(**INNER)
def smallest_cost(costs):
    """Return the smallest edge cost of a framed window."""
    smallest = np.inf
    for direction in range(4):
        for each in costs[direction]:
            smallest = min(smallest, each)
    return smallest


@njit(**INNER)
def _tight(near, cost, far, most, bit, strict):
    return tight_bit(near, cost, far, most, bit) if strict is None else reached_bit(near, cost, most, bit)


@njit(**INNER)
def mark_tight(distance, costs, row, stride, first, last, slack, bits, strict, width):
    """Mark the tight edges into the cells of a row; return whether there are several into any of them.

    ``strict`` is None, or says that every cost is so large beside the tolerance that no tight edge leads to a cell that is not
    farther.
    """
    east, south, southeast, southwest = costs
    above, below = row - stride, row + stride
    factor, several = fill(slack, width), fill(np.uint8(0), width)
    for j in range(first, last + 1):
        here = row + j
        far = load(distance, here, width)
        most = times(far, factor)
        found = _tight(load(distance, here - 1, width), at(east, here - 1), far, most, WEST, strict)
        near = load(distance, here + 1, width)
        found = either(found, _tight(near, at(east, here), far, most, EAST, strict))
        near = load(distance, above + j - 1, width)
        found = either(found, _tight(near, at(southeast, above + j - 1), far, most, NORTHWEST, strict))
        near = load(distance, above + j, width)
        found = either(found, _tight(near, at(south, above + j), far, most, NORTH, strict))
        near = load(distance, above + j + 1, width)
        found = either(found, _tight(near, at(southwest, above + j + 1), far, most, NORTHEAST, strict))
        near = load(distance, below + j - 1, width)
        found = either(found, _tight(near, at(southwest, here), far, most, SOUTHWEST, strict))
        near = load(distance, below + j, width)
        found = either(found, _tight(near, at(south, here), far, most, SOUTH, strict))
        near = load(distance, below + j + 1, width)
        found = either(found, _tight(near, at(southeast, here), far, most, SOUTHEAST, strict))
        store(bits, here, found)
        several = either(several, but_lowest(found))
    return any_bit(several, ANY)


@njit(**INNER)
def sum_edges(bits, passed, reach, edges, columns, width):
    """Add what passes through each edge, over all lanes and in both directions.

    ``edges`` (flat, framed) holds those of a cell to the east, south, southeast and southwest side by side.
    """
    four = ((), (), (), ())
    stride = columns + 2
    for i in range(1, len(reach) - 1):
        first = min(reach[i, 0], reach[i + 1, 0]) - 1
        last = max(reach[i, 1], reach[i + 1, 1]) + 1
        for j in range(max(first, 1), min(last, columns) + 1):
            here, below = i * stride + j, (i + 1) * stride + j
            set_here, mass = load(bits, here, width), load(passed, here, width)
            set_there, other = load(bits, here + 1, width), load(passed, here + 1, width)
            east = plus_where_bit(where_bit(set_here, EAST, mass), set_there, WEST, other)
            set_there, other = load(bits, below, width), load(passed, below, width)
            south = plus_where_bit(where_bit(set_here, SOUTH, mass), set_there, NORTH, other)
            set_there, other = load(bits, below + 1, width), load(passed, below + 1, width)
            southeast = plus_where_bit(where_bit(set_here, SOUTHEAST, mass), set_there, NORTHWEST, other)
            set_there, other = load(bits, below - 1, width), load(passed, below - 1, width)
            southwest = plus_where_bit(where_bit(set_here, SOUTHWEST, mass), set_there, NORTHEAST, other)
            sums = in_precision(totals(east, south, southeast, southwest), edges[0])
            store(edges, here, plus(load(edges, here, four), sums))
