"""Windows of a raster as the compiled passes take them: frames, sources by groups of lanes, and which cells count."""

import numpy as np
from numba import njit

from .lanes import load, store, where_below
from .row_sweeps import INNER, frame_costs, sweep_window


@njit(**INNER)
def sources_of_group(node, top, left, places, stride):
    """Return the framed cell index of each lane's source; -1 where there is none."""
    cells = np.full(len(places), -1, np.int64)
    for lane in range(len(places)):
        i, j = places[lane]
        if i >= 0 and node[top + i, left + j]:
            cells[lane] = (i + 1) * stride + j + 1
    return cells


@njit(**INNER)
def sweep_group(distance, framed, sources, rows, columns, outside, group, reach, width):
    """Fill the distances of a lane group; return False if they do not settle."""
    if outside is None:
        return sweep_window(distance, framed, sources, rows, columns, None, reach, width)
    return sweep_window(distance, framed, sources, rows, columns, outside[group], reach, width)


@njit(**INNER)
def frame(costs, top, left, rows, columns):
    """Return the edge costs of a window, flat and framed."""
    bottom, right = top + rows, left + columns
    return frame_costs(
        costs[0][top:bottom, left:right],
        costs[1][top:bottom, left:right],
        costs[2][top:bottom, left:right],
        costs[3][top:bottom, left:right],
    )


@njit(**INNER)
def places_of_cell(columns, around):
    """Return how often a cell can occur in a row of a window."""
    return 1 if around is None else columns // around + 1


@njit(**INNER)
def rows_of_sources(sources, stride):
    """Return the first and last row that holds a source."""
    first, last = stride * stride, 0
    for source in sources:
        if source >= 0:
            first, last = min(first, source // stride), max(last, source // stride)
    return first, last


@njit(**INNER)
def hide_sources(distance, sources, i, columns, around, beyond, kept):
    """Put the sources in a row out of reach, at all their places around the globe, and keep what was there."""
    row, count = i * (columns + 2), len(sources)
    step = columns if around is None else around
    for lane in range(count):
        column = sources[lane] - row
        if 0 < column <= columns:
            for turn, j in enumerate(range((column - 1) % step + 1, columns + 1, step)):
                kept[lane, turn] = distance[(row + j) * count + lane]
                distance[(row + j) * count + lane] = beyond


@njit(**INNER)
def show_sources(distance, sources, i, columns, around, kept):
    """Put back what `hide_sources` has kept."""
    row, count = i * (columns + 2), len(sources)
    step = columns if around is None else around
    for lane in range(count):
        column = sources[lane] - row
        if 0 < column <= columns:
            for turn, j in enumerate(range((column - 1) % step + 1, columns + 1, step)):
                distance[(row + j) * count + lane] = kept[lane, turn]


@njit(**INNER)
def fill_row(values, row, first, last, value):
    """Give some columns of a row the same lanes."""
    for j in range(first, last + 1):
        store(values, row + j, value)


@njit(**INNER)
def counted(distance, row, j, columns, around, most, width):
    """Return the distances of a cell; ``most`` where it lies nearer at another place around the globe.

    Where two ways are equally long, that to the east counts.
    """
    here = load(distance, row + j, width)
    if around is None:
        return here
    found = here
    for other in range((j - 1) % around + 1, columns + 1, around):
        there = load(distance, row + other, width)
        if other < j:
            found = where_below(there, here, most, found)
        elif other > j:
            found = where_below(here, there, found, most)
    return found
