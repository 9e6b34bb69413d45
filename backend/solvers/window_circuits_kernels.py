"""Elimination, substitution and currents of several windows side by side, compiled by Numba.

All arrays are flat, the windows innermost. Conductances are 0 where a window has no cell.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from ..kernel_cache import is_writable
from .lanes import fill, load, plus, store, times, where_below
from .window_circuits_tiles import (
    SIDE,
    call,
    panel_back,
    panel_forward,
    splat,
    tile_back,
    tile_factor,
    tile_forward,
    tile_solve,
    tile_update,
)

_ENTRIES = SIDE * SIDE
_COMPILED: dict[str, Any] = {"nogil": True, "cache": is_writable(), "boundscheck": False}
#: Currents along an edge below this share of what the ground receives are rounding, and count as 0.
NOISE = 1e-9
#: Columns of a factor that are multiplied at once, so that two panels stay in the first cache.
_DEPTH = 64


def _instruction(typing: Callable[..., Any]) -> Callable[..., Any]:
    return intrinsic(typing)


@_instruction
def coupling(typing_context, one, other, scale):
    """Return the conductance of an edge: ``scale`` x (one + other) where both cells are there, 0 else."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, other, scale = arguments
        zero = ir.Constant(one.type, [0.0] * one.type.count)
        both = builder.and_(builder.fcmp_ordered(">", one, zero), builder.fcmp_ordered(">", other, zero))
        value = builder.fmul(builder.fadd(one, other), splat(builder, scale, one.type.count))
        return builder.select(both, value, zero)

    return one(one, other, types.float64), generate


@_instruction
def one_where_zero(typing_context, value):
    """Return the value, 1 where it is 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        zero = ir.Constant(value.type, [0.0] * value.type.count)
        one = ir.Constant(value.type, [1.0] * value.type.count)
        return builder.select(builder.fcmp_ordered("==", value, zero), one, value)

    return value(value), generate


@_instruction
def minus(typing_context, one, other):
    """Subtract lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fsub(*arguments)

    return one(one, other), generate


@_instruction
def magnitude(typing_context, value):
    """Return the absolute value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return call(builder, "fabs", arguments[0])

    return value(value), generate


@_instruction
def with_sign_of(typing_context, value, other):
    """Return the value with the sign of the other, 0 where the other is 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, other = arguments
        zero = ir.Constant(value.type, [0.0] * value.type.count)
        signed = call(builder, "copysign", value, other)
        return builder.select(builder.fcmp_ordered("==", other, zero), zero, signed)

    return value(value, other), generate


@njit(**_COMPILED)
def _take_up(structure, front, child, rows, own, updates, tiles, width):
    """Add a child's update to the tiles of a front and to its update."""
    first = structure.position_first[child]
    count = structure.position_first[child + 1] - first
    child_panels = (count + SIDE - 1) // SIDE
    source = structure.update_first[child]
    target = structure.update_first[front]
    last = rows - own
    for column in range(count - 1):
        to = structure.position[first + column]
        panel, rest = to // SIDE, to % SIDE
        child_panel = column // SIDE
        base = source + (child_panel * child_panels - child_panel * (child_panel - 1) // 2 - child_panel) * _ENTRIES
        base += column % SIDE * SIDE
        if panel < own:
            onto = (panel * rows - panel * (panel - 1) // 2 - panel) * _ENTRIES + rest * SIDE
            for row in range(column, count):
                at = structure.position[first + row]
                value = load(updates, base + row // SIDE * _ENTRIES + row % SIDE, width)
                place = onto + at // SIDE * _ENTRIES + at % SIDE
                store(tiles, place, plus(load(tiles, place, width), value))
        else:
            panel -= own
            onto = target + (panel * last - panel * (panel - 1) // 2 - panel) * _ENTRIES + rest * SIDE
            for row in range(column, count):
                at = structure.position[first + row] - own * SIDE
                value = load(updates, base + row // SIDE * _ENTRIES + row % SIDE, width)
                place = onto + at // SIDE * _ENTRIES + at % SIDE
                store(updates, place, plus(load(updates, place, width), value))


@njit(**_COMPILED)
def _put_down(structure, front, rows, own, conductance, source, scales, diagonals, tiles, width):
    """Put a front's own couplings, diagonal and right-hand side into its pivot tiles."""
    zero = fill(0.0, width)
    for place in range((own * rows - own * (own - 1) // 2) * _ENTRIES):
        store(tiles, place, zero)
    for number in range(structure.entry_first[front], structure.entry_first[front + 1]):
        one = load(conductance, structure.entry_one[number], width)
        other = load(conductance, structure.entry_other[number], width)
        value = coupling(one, other, scales[structure.entry_kind[number]])
        store(tiles, structure.entry_tile[number], minus(zero, value))
    first, after = structure.pivot_first[front], structure.pivot_first[front + 1]
    boundary = structure.boundary_first[front + 1] - structure.boundary_first[front]
    right_panel, right_rest = own + boundary // SIDE, boundary % SIDE
    columns = structure.shape[1]
    for pivot in range(own * SIDE):
        panel, rest = pivot // SIDE, pivot % SIDE
        base = panel * rows - panel * (panel - 1) // 2 - panel
        place = (base + panel) * _ENTRIES + rest * SIDE + rest
        if first + pivot >= after:
            store(tiles, place, fill(1.0, width))
            continue
        cell = structure.pivots[first + pivot]
        here = load(conductance, cell, width)
        total = coupling(here, load(conductance, cell - 1, width), scales[0])
        total = plus(total, coupling(here, load(conductance, cell + 1, width), scales[0]))
        total = plus(total, coupling(here, load(conductance, cell - columns, width), scales[1]))
        total = plus(total, coupling(here, load(conductance, cell + columns, width), scales[1]))
        if diagonals:
            total = plus(total, coupling(here, load(conductance, cell - columns - 1, width), scales[2]))
            total = plus(total, coupling(here, load(conductance, cell - columns + 1, width), scales[2]))
            total = plus(total, coupling(here, load(conductance, cell + columns - 1, width), scales[2]))
            total = plus(total, coupling(here, load(conductance, cell + columns + 1, width), scales[2]))
        store(tiles, place, one_where_zero(total))
        store(tiles, (base + right_panel) * _ENTRIES + rest * SIDE + right_rest, load(source, cell, width))


@njit(**_COMPILED)
def factorise(structure, conductance, source, scales, diagonals, factor, updates, tiles, width):
    """Eliminate all cells; the factor's last rows are the right-hand side after elimination."""
    zero = fill(0.0, width)
    for front in range(len(structure.factor_first) - 1):
        count = structure.pivot_first[front + 1] - structure.pivot_first[front]
        boundary = structure.boundary_first[front + 1] - structure.boundary_first[front]
        own, last = (count + SIDE - 1) // SIDE, boundary // SIDE + 1
        rows = own + last
        update = structure.update_first[front]
        for place in range(update, update + last * (last + 1) // 2 * _ENTRIES):
            store(updates, place, zero)
        _put_down(structure, front, rows, own, conductance, source, scales, diagonals, tiles, width)
        for number in range(structure.child_first[front], structure.child_first[front + 1]):
            _take_up(structure, front, structure.child[number], rows, own, updates, tiles, width)
        base, panel = structure.factor_first[front], own * _ENTRIES
        for column in range(own):
            above = base + column * panel
            diagonal = above + column * _ENTRIES
            for row in range(column, rows):
                tile = (column * rows - column * (column - 1) // 2 + row - column) * _ENTRIES
                here = base + row * panel
                tile_update(tiles, tile, factor, here, above, column * SIDE, width)
                if row == column:
                    tile_factor(tiles, tile, factor, diagonal, width)
                else:
                    tile_solve(tiles, tile, factor, diagonal, here + column * _ENTRIES, width)
        for start in range(0, count, _DEPTH):
            depth = min(_DEPTH, count - start)
            for column in range(last):
                above = base + (own + column) * panel + start * SIDE
                tile = update + (column * last - column * (column - 1) // 2) * _ENTRIES
                for row in range(column, last):
                    here = base + (own + row) * panel + start * SIDE
                    tile_update(updates, tile, factor, here, above, depth, width)
                    tile += _ENTRIES


@njit(**_COMPILED)
def substitute_forward(structure, factor, values, work, factor_width, width):
    """Eliminate a right-hand side, given per cell, by a factor that is there; in place."""
    for front in range(len(structure.factor_first) - 1):
        first, boundary = structure.pivot_first[front], structure.boundary_first[front]
        count = structure.pivot_first[front + 1] - first
        met = structure.boundary_first[front + 1] - boundary
        own, last = (count + SIDE - 1) // SIDE, met // SIDE + 1
        base, panel = structure.factor_first[front], own * _ENTRIES
        zero = fill(0.0, width)
        for place in range((own + last) * SIDE):
            store(work, place, zero)
        for place in range(count):
            store(work, place, load(values, structure.pivots[first + place], width))
        for column in range(own):
            row = base + column * panel
            panel_forward(factor, row, column * SIDE, work, work, column * SIDE, factor_width, width)
            tile_forward(factor, row + column * _ENTRIES, work, column * SIDE, factor_width, width)
        for row in range(own, own + last):
            panel_forward(factor, base + row * panel, count, work, work, row * SIDE, factor_width, width)
        for place in range(count):
            store(values, structure.pivots[first + place], load(work, place, width))
        for place in range(met):
            cell = structure.boundary[boundary + place]
            store(values, cell, plus(load(values, cell, width), load(work, own * SIDE + place, width)))


@njit(**_COMPILED)
def substitute_back(structure, factor, values, work, carried, factor_width, width):
    """Find all unknowns; ``carried`` is -1 where the factor carries the right-hand side, 0 where ``values`` does."""
    zero = fill(0.0, width)
    for front in range(len(structure.factor_first) - 2, -1, -1):
        first, boundary = structure.pivot_first[front], structure.boundary_first[front]
        count = structure.pivot_first[front + 1] - first
        met = structure.boundary_first[front + 1] - boundary
        own, last = (count + SIDE - 1) // SIDE, met // SIDE + 1
        base, panel = structure.factor_first[front], own * _ENTRIES
        for place in range((own + last) * SIDE):
            store(work, place, zero)
        for place in range(met):
            store(work, own * SIDE + place, load(values, structure.boundary[boundary + place], width))
        store(work, own * SIDE + met, fill(carried, width))
        if carried == 0:
            for place in range(count):
                store(work, place, load(values, structure.pivots[first + place], width))
        for row in range(own, own + last):
            panel_back(factor, base + row * panel, count, work, row * SIDE, work, factor_width, width)
        for row in range(own - 1, -1, -1):
            here = base + row * panel
            tile_back(factor, here + row * _ENTRIES, work, row * SIDE, factor_width, width)
            panel_back(factor, here, row * SIDE, work, row * SIDE, work, factor_width, width)
        for place in range(count):
            store(values, structure.pivots[first + place], load(work, place, width))


@njit(**_COMPILED)
def _flow(conductance, voltage, cell, other, scale, floor, width):
    here, there = load(conductance, cell, width), load(conductance, other, width)
    difference = minus(load(voltage, cell, width), load(voltage, other, width))
    value = times(coupling(here, there, scale), magnitude(difference))
    return where_below(value, floor, fill(0.0, width), value)


@njit(**_COMPILED)
def _edge_currents(structure, conductance, voltage, cell, scales, diagonals, floor, width):
    """Return the sum of the currents along all edges of a cell, without those below the floor."""
    columns = structure.shape[1]
    total = _flow(conductance, voltage, cell, cell - 1, scales[0], floor, width)
    total = plus(total, _flow(conductance, voltage, cell, cell + 1, scales[0], floor, width))
    total = plus(total, _flow(conductance, voltage, cell, cell - columns, scales[1], floor, width))
    total = plus(total, _flow(conductance, voltage, cell, cell + columns, scales[1], floor, width))
    if diagonals:
        total = plus(total, _flow(conductance, voltage, cell, cell - columns - 1, scales[2], floor, width))
        total = plus(total, _flow(conductance, voltage, cell, cell - columns + 1, scales[2], floor, width))
        total = plus(total, _flow(conductance, voltage, cell, cell + columns - 1, scales[2], floor, width))
        total = plus(total, _flow(conductance, voltage, cell, cell + columns + 1, scales[2], floor, width))
    return total


@njit(**_COMPILED)
def node_currents(structure, conductance, source, voltage, cells, centre, scales, diagonals, out, width):
    """Write the current through each cell of each window: half of what its edges and its source carry."""
    lanes = len(width)
    half = fill(0.5, width)
    row = np.empty(lanes)
    floor = fill(-1.0, width)
    ground = _edge_currents(structure, conductance, voltage, centre, scales, diagonals, floor, width)
    floor = times(ground, fill(NOISE, width))
    for number in range(len(cells)):
        cell = cells[number]
        total = ground
        if cell != centre:
            total = _edge_currents(structure, conductance, voltage, cell, scales, diagonals, floor, width)
            total = times(plus(total, load(source, cell, width)), half)
        store(row, 0, total)
        for lane in range(lanes):
            out[lane, number] = row[lane]
