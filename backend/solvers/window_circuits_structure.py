"""In which order the cells of a window are eliminated, and what meets what: found once for all windows of a shape.

Nested dissection: a line of cells splits the window in two halves that are eliminated before it, and so on down to small
blocks. Lines and blocks are *fronts*: their cells (pivots), then the later cells they meet (boundary), then one more row that
carries the right-hand side. Cells that a window lacks keep their place, as equations of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .window_circuits_tiles import SIDE

_LEAF = 16
_ENTRIES = SIDE * SIDE

Numbers = NDArray[np.int64]


class Structure(NamedTuple):
    """Fronts in the order of elimination; offsets have one entry more than there are fronts.

    Cells are numbered row by row in a frame that has one ring of cells around the window.

    Parameters
    ----------
    shape : array of int, shape (2,)
        Rows and columns of the frame.
    cells : array of int
        Cells of the window, the centre left out, row by row.
    pivots, pivot_first : array of int
        Cells that each front eliminates.
    boundary, boundary_first : array of int
        Later cells that each front meets, in their order of elimination.
    factor_first : array of int
        Where the factor of a front begins, in vectors.
    update_first : array of int
        Where a front leaves what it has to say to the next one, in vectors.
    entry_tile, entry_one, entry_other, entry_kind, entry_first : array of int
        Couplings: place among the pivot tiles, the two cells, and whether the step is along a row (0), along a column (1)
        or diagonal (2).
    child, child_first : array of int
        Fronts whose updates a front takes up.
    position, position_first : array of int
        Row in the next front of each boundary cell and of the right-hand side.
    sizes : array of int, shape (4,)
        Vectors of all factors, of all updates at once, of the largest front's pivot tiles, rows of the largest front.
    """

    shape: Numbers
    cells: Numbers
    pivots: Numbers
    pivot_first: Numbers
    boundary: Numbers
    boundary_first: Numbers
    factor_first: Numbers
    update_first: Numbers
    entry_tile: Numbers
    entry_one: Numbers
    entry_other: Numbers
    entry_kind: Numbers
    entry_first: Numbers
    child: Numbers
    child_first: Numbers
    position: Numbers
    position_first: Numbers
    sizes: Numbers


def panels(count: int) -> int:
    """Return how many panels of four rows hold that many."""
    return -(-count // SIDE)


def window_structure(inside: NDArray[np.bool_], centre: tuple[int, int], neighbours: int) -> Structure:
    """Return the order and the places for windows of a shape.

    Parameters
    ----------
    inside : array of bool, shape (rows, columns)
        Cells that a window may have.
    centre : tuple of int
        Row and column of the grounded cell; it is no unknown.
    neighbours : int
        4 or 8.
    """
    frame = np.pad(inside, 1)
    unknown = frame.copy()
    unknown[centre[0] + 1, centre[1] + 1] = False
    pivots, children = _dissect(unknown)
    order = np.full(unknown.size, -1)
    order[np.concatenate(pivots)] = np.arange(unknown.sum())
    boundary = _boundaries(order, pivots, children, unknown.shape[1])
    parent = np.full(len(pivots), -1)
    for front, below in enumerate(children):
        parent[below] = front
    entries = _couplings(order, pivots, boundary, unknown.shape[1], neighbours)
    positions = [_positions(front, parent, pivots, boundary) for front in range(len(pivots))]
    factor, update, pivot_tiles = _sizes(pivots, boundary)
    update_first, update_size = _places(children, update)
    largest = max((panels(len(p)) + panels(len(b) + 1)) * SIDE for p, b in zip(pivots, boundary, strict=True))
    return Structure(
        shape=np.array(unknown.shape),
        cells=np.flatnonzero(unknown),
        pivots=np.concatenate(pivots),
        pivot_first=_offsets([len(p) for p in pivots]),
        boundary=np.concatenate(boundary),
        boundary_first=_offsets([len(b) for b in boundary]),
        factor_first=_offsets(factor),
        update_first=update_first,
        entry_tile=np.concatenate([e[0] for e in entries]),
        entry_one=np.concatenate([e[1] for e in entries]),
        entry_other=np.concatenate([e[2] for e in entries]),
        entry_kind=np.concatenate([e[3] for e in entries]),
        entry_first=_offsets([len(e[0]) for e in entries]),
        child=np.array([c for below in children for c in below], np.int64),
        child_first=_offsets([len(below) for below in children]),
        position=np.concatenate(positions),
        position_first=_offsets([len(p) for p in positions]),
        sizes=np.array([sum(factor), update_size, max(pivot_tiles), largest]),
    )


def _offsets(counts: list[int]) -> Numbers:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _dissect(unknown: NDArray[np.bool_]) -> tuple[list[Numbers], list[list[int]]]:
    """Return the cells of each front, in the order of elimination, and the fronts below it."""
    pivots: list[Numbers] = []
    children: list[list[int]] = []
    columns = unknown.shape[1]

    def add(part: NDArray[np.bool_], top: int, left: int, below: list[int]) -> list[int]:
        row, column = np.nonzero(part)
        if not len(row):
            return below
        pivots.append((row + top) * columns + column + left)
        children.append(below)
        return [len(pivots) - 1]

    def split(top: int, left: int, height: int, width: int) -> list[int]:
        part = unknown[top : top + height, left : left + width]
        if not part.any():
            return []
        rows, cols = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        top, left = top + rows[0], left + cols[0]
        height, width = rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1
        if height * width <= _LEAF:
            return add(unknown[top : top + height, left : left + width], top, left, [])
        if height >= width:
            half = height // 2
            below = split(top, left, half, width) + split(top + half + 1, left, height - half - 1, width)
            return add(unknown[top + half : top + half + 1, left : left + width], top + half, left, below)
        half = width // 2
        below = split(top, left, height, half) + split(top, left + half + 1, height, width - half - 1)
        return add(unknown[top : top + height, left + half : left + half + 1], top, left + half, below)

    split(0, 0, *unknown.shape)
    return pivots, children


def _boundaries(order: Numbers, pivots: list[Numbers], children: list[list[int]], columns: int) -> list[Numbers]:
    around = np.array([down * columns + right for down in (-1, 0, 1) for right in (-1, 0, 1)])
    cell = np.empty(order.max() + 1, np.int64)
    cell[order[order >= 0]] = np.flatnonzero(order >= 0)
    found: list[Numbers] = []
    for own, below in zip(pivots, children, strict=True):
        # All eight are taken as neighbours even where four are: a diagonal of zeros costs little.
        met = np.concatenate([order[(own[:, None] + around).ravel()], *(order[found[child]] for child in below)])
        met = np.unique(met)
        found.append(cell[met[met > order[own[-1]]]])
    return found


def _couplings(
    order: Numbers, pivots: list[Numbers], boundary: list[Numbers], columns: int, neighbours: int
) -> list[tuple[Numbers, Numbers, Numbers, Numbers]]:
    steps = [(1, 0), (-1, 0), (columns, 1), (-columns, 1)]
    if neighbours == 8:
        steps += [(columns + 1, 2), (columns - 1, 2), (-columns + 1, 2), (-columns - 1, 2)]
    row_of = np.full(order.size, -1)
    found = []
    for own, met in zip(pivots, boundary, strict=True):
        aligned = panels(len(own)) * SIDE
        rows_of_tiles = panels(len(own)) + panels(len(met) + 1)
        row_of[own] = np.arange(len(own))
        row_of[met] = aligned + np.arange(len(met))
        parts = []
        for step, kind in steps:
            other = own + step
            later = order[other] > order[own]
            one, other = own[later], other[later]
            column, row = row_of[one], row_of[other]
            tile = _column_base(column // SIDE, rows_of_tiles) + row // SIDE - column // SIDE
            place = tile * _ENTRIES + column % SIDE * SIDE + row % SIDE
            parts.append((place, one, other, np.full(len(one), kind)))
        found.append(tuple(np.concatenate(p) for p in zip(*parts, strict=True)))
    return found


def _column_base(panel: Numbers, rows: int) -> Numbers:
    """Return the number of the tile on the diagonal, tiles being counted down the lower half's columns."""
    return panel * rows - panel * (panel - 1) // 2


def _positions(front: int, parent: Numbers, pivots: list[Numbers], boundary: list[Numbers]) -> Numbers:
    above = parent[front]
    if above < 0:
        return np.zeros(1, np.int64)
    aligned = panels(len(pivots[above])) * SIDE
    rows = np.concatenate([np.arange(len(pivots[above])), aligned + np.arange(len(boundary[above]))])
    cells = np.concatenate([pivots[above], boundary[above]])
    sorting = np.argsort(cells)
    found = rows[sorting[np.searchsorted(cells[sorting], boundary[front])]]
    return np.append(found, aligned + len(boundary[above]))


def _sizes(pivots: list[Numbers], boundary: list[Numbers]) -> tuple[list[int], list[int], list[int]]:
    """Return the vectors of each front's factor, update and pivot tiles."""
    factor, update, tiles = [], [], []
    for own, met in zip(pivots, boundary, strict=True):
        first, last = panels(len(own)), panels(len(met) + 1)
        factor.append((first + last) * first * _ENTRIES)
        update.append(last * (last + 1) // 2 * _ENTRIES)
        tiles.append((first * (first + last) - first * (first - 1) // 2) * _ENTRIES)
    return factor, update, tiles


def _places(children: list[list[int]], sizes: list[int]) -> tuple[Numbers, int]:
    """Give every update a place of its own for as long as it is needed; return places and total."""
    place = np.zeros(len(sizes), np.int64)
    taken: list[tuple[int, int]] = []
    total = 0
    for front, below in enumerate(children):
        start, at = 0, len(taken)
        for number, (first, after) in enumerate(taken):
            if first - start >= sizes[front]:
                at = number
                break
            start = after
        place[front] = start
        taken.insert(at, (start, start + sizes[front]))
        total = max(total, start + sizes[front])
        over = {int(place[child]) for child in below}
        taken = [each for each in taken if each[0] not in over]
    return place, total
