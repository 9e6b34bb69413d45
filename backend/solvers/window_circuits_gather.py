"""From strips of rasters to windows side by side, and back: compiled by Numba.

A strip holds some rows of the raster with a margin as wide as a window's reach; its arrays are flat, `stride` cells a row.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..kernel_cache import is_writable

_COMPILED: dict[str, Any] = {"nogil": True, "cache": is_writable(), "boundscheck": False}


class WindowCells(NamedTuple):
    """The cells of a window: place in the frame, offset from the target, weight as a source; the frame's columns."""

    place: NDArray[np.int64]
    down: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.float64]
    frame_columns: int
    centre: int
    diagonals: bool


class Targets(NamedTuple):
    """Targets in the rows and columns of a strip, what flows to them, and where the block lies that sends nothing.

    Parameters
    ----------
    row, column : array of int, shape (targets,)
        In the strip, margins included.
    amount : array of float, shape (targets,)
    block_down, block_right : array of int, shape (targets,)
        Offset of the centre of the block that sends nothing.
    block_half : int
    condition : array of float, shape (targets, conditions)
        Value of each condition in the target's block; NaN where there is none.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    amount: NDArray[np.float64]
    block_down: NDArray[np.int64]
    block_right: NDArray[np.int64]
    block_half: int
    condition: NDArray[np.float64]


class Conditions(NamedTuple):
    """Conditions of cells: strips of shape (conditions, cells), whether they have to be equal, and else their bounds."""

    present: NDArray[np.float64]
    equal: NDArray[np.bool_]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


@njit(**_COMPILED)
def _is_allowed(conditions, values, cell):
    """Say whether a cell's conditions suit those of the target's block."""
    for number in range(len(values)):
        here, there = conditions.present[number, cell], values[number]
        if np.isnan(here) or np.isnan(there):
            continue
        if conditions.equal[number]:
            if here != there:
                return False
        elif here - there > conditions.upper[number] or here - there < conditions.lower[number]:
            return False
    return True


@njit(**_COMPILED)
def are_complete(conductance, stride, cells, row, column, top, bottom, left, right):
    """Return for each target whether its window has all cells of the raster: rows top .. bottom, columns left .. right."""
    found = np.empty(len(row), np.bool_)
    for target in range(len(row)):
        whole = True
        for number in range(len(cells.place)):
            i, j = row[target] + cells.down[number], column[target] + cells.right[number]
            if top <= i < bottom and left <= j < right and conductance[i * stride + j] == 0:
                whole = False
                break
        found[target] = whole
    return found


@njit(**_COMPILED)
def gather(conductance, strength, stride, cells, targets, first, count, conditions, late, into, source, lanes):
    """Fill the lanes with the windows of `count` targets from `first` on; return whether any window lacks a cell.

    ``late`` is Omniscape's order: conditions take sources away after these were scaled.
    """
    lacking = False
    for lane in range(lanes):
        if lane >= count:
            for number in range(len(cells.place)):
                into[cells.place[number] * lanes + lane] = 0
                source[cells.place[number] * lanes + lane] = 0
            continue
        target = first + lane
        base = targets.row[target] * stride + targets.column[target]
        half, down, right = targets.block_half, targets.block_down[target], targets.block_right[target]
        total = 0.0
        for number in range(len(cells.place)):
            cell = base + cells.down[number] * stride + cells.right[number]
            place = cells.place[number] * lanes + lane
            into[place] = conductance[cell]
            lacking |= conductance[cell] == 0
            strong = strength[cell] * cells.weight[number]
            if abs(cells.down[number] - down) <= half and abs(cells.right[number] - right) <= half:
                strong = 0.0
            if late:
                total += strong
            if strong != 0 and len(conditions.equal) and not _is_allowed(conditions, targets.condition[target], cell):
                strong = 0.0
            if not late:
                total += strong
            source[place] = strong
        scale = targets.amount[target] / total if total > 0 else 0.0
        for number in range(len(cells.place)):
            source[cells.place[number] * lanes + lane] *= scale
    return lacking


@njit(**_COMPILED)
def leave_out_unreachable(cells, conductance, source, reached, waiting, lanes):
    """Take away cells that are not connected to the centre, and the sources in them."""
    columns = cells.frame_columns
    steps = np.array([1, -1, columns, -columns, columns + 1, columns - 1, 1 - columns, -1 - columns])
    if not cells.diagonals:
        steps = steps[:4]
    for lane in range(lanes):
        reached[:] = False
        count = 0
        if conductance[cells.centre * lanes + lane] > 0:
            reached[cells.centre] = True
            waiting[0] = cells.centre
            count = 1
        while count:
            count -= 1
            cell = waiting[count]
            for step in steps:
                other = cell + step
                if not reached[other] and conductance[other * lanes + lane] > 0:
                    reached[other] = True
                    waiting[count] = other
                    count += 1
        for number in range(len(cells.place)):
            cell = cells.place[number]
            if not reached[cell]:
                conductance[cell * lanes + lane] = 0
                source[cell * lanes + lane] = 0


@njit(**_COMPILED)
def fill_null(cells, targets, first, count, top, bottom, left, right, into, lanes):
    """Give conductance 1 to all cells of the windows that lie in the raster."""
    for lane in range(lanes):
        for number in range(len(cells.place)):
            value = 0.0
            if lane < count:
                i = targets.row[first + lane] + cells.down[number]
                j = targets.column[first + lane] + cells.right[number]
                value = 1.0 if top <= i < bottom and left <= j < right else 0.0
            into[cells.place[number] * lanes + lane] = value


@njit(**_COMPILED)
def add_windows(total, stride, cells, targets, first, count, currents, factor, shift):
    """Add the currents of windows, times the factors of their cells, to a strip.

    ``factor`` is flat over the square around the window, empty where there is none; ``shift`` offsets it for each target.
    """
    reach_rows, reach_columns = np.max(cells.down), np.max(cells.right)
    side = 2 * reach_columns + 1
    for window in range(count):
        target = first + window
        base = targets.row[target] * stride + targets.column[target]
        for number in range(len(cells.place)):
            down, right = cells.down[number], cells.right[number]
            value = currents[window, number]
            if len(factor):
                row = down + shift[target, 0] + reach_rows
                value *= factor[row * side + right + shift[target, 1] + reach_columns]
            total[base + down * stride + right] += value
