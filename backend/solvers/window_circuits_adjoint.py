"""How a weighted sum of a window's node currents changes with its conductances: the adjoint, compiled by Numba.

J = sum_i w_i I_i with I_i half of what the edges and the source of cell i carry (all of it at the ground). With L v = s and
L lambda = dJ/dv, dJ/dg_ij = (w_i + w_j) / 2 |v_i - v_j| - (lambda_i - lambda_j) (v_i - v_j), and an edge's conductance is its
scale x (c_i + c_j). Sources are held.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from ..kernel_cache import is_writable
from .lanes import fill, load, plus, store, times, where_below
from .window_circuits_kernels import NOISE, coupling, magnitude, minus, with_sign_of
from .window_circuits_tiles import splat

_COMPILED: dict[str, Any] = {"nogil": True, "cache": is_writable(), "boundscheck": False}


def _instruction(typing: Callable[..., Any]) -> Callable[..., Any]:
    return intrinsic(typing)


@_instruction
def scale_where_both(typing_context, one, other, scale):
    """Return the scale where both cells are there, 0 else."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, other, scale = arguments
        zero = ir.Constant(one.type, [0.0] * one.type.count)
        both = builder.and_(builder.fcmp_ordered(">", one, zero), builder.fcmp_ordered(">", other, zero))
        return builder.select(both, splat(builder, scale, one.type.count), zero)

    return one(one, other, types.float64), generate


@njit(**_COMPILED)
def _steps(columns, diagonals):
    steps = np.array([1, -1, columns, -columns, columns + 1, columns - 1, 1 - columns, -1 - columns])
    return steps if diagonals else steps[:4]


@njit(**_COMPILED)
def adjoint_source(structure, conductance, voltage, weight, cells, centre, scales, diagonals, out, width):
    """Write dJ/dv of every cell."""
    steps = _steps(structure.shape[1], diagonals)
    half, zero = fill(0.5, width), fill(0.0, width)
    floor = zero
    for number in range(len(steps)):
        other = centre + steps[number]
        scale = scales[number // 2] if number < 4 else scales[2]
        edge = coupling(load(conductance, centre, width), load(conductance, other, width), scale)
        floor = plus(floor, times(edge, magnitude(load(voltage, other, width))))
    floor = times(floor, fill(NOISE, width))
    for number in range(len(cells)):
        cell = cells[number]
        here, potential = load(conductance, cell, width), load(voltage, cell, width)
        own = load(weight, cell, width)
        total = zero
        for step in range(len(steps)):
            other = cell + steps[step]
            scale = scales[step // 2] if step < 4 else scales[2]
            difference = minus(potential, load(voltage, other, width))
            edge = coupling(here, load(conductance, other, width), scale)
            flow = times(edge, magnitude(difference))
            signed = where_below(flow, floor, zero, with_sign_of(edge, difference))
            total = plus(total, times(plus(own, load(weight, other, width)), signed))
        store(out, cell, times(total, half))


@njit(**_COMPILED)
def conductance_gradient(structure, conductance, voltage, adjoint, weight, cells, scales, diagonals, out, width):
    """Write dJ/dc of every cell of every window, shape (lanes, cells)."""
    steps = _steps(structure.shape[1], diagonals)
    half = fill(0.5, width)
    lanes = len(width)
    row = np.empty(lanes)
    for number in range(len(cells)):
        cell = cells[number]
        here, potential = load(conductance, cell, width), load(voltage, cell, width)
        own, multiplier = load(weight, cell, width), load(adjoint, cell, width)
        total = fill(0.0, width)
        for step in range(len(steps)):
            other = cell + steps[step]
            scale = scales[step // 2] if step < 4 else scales[2]
            difference = minus(potential, load(voltage, other, width))
            direct = times(times(plus(own, load(weight, other, width)), half), magnitude(difference))
            indirect = times(minus(multiplier, load(adjoint, other, width)), difference)
            there = scale_where_both(here, load(conductance, other, width), scale)
            total = plus(total, times(there, minus(direct, indirect)))
        store(row, 0, total)
        for lane in range(lanes):
            out[lane, number] = row[lane]


@njit(**_COMPILED)
def gather_weights(weight, stride, cells, targets, first, count, factor, shift, into, lanes):
    """Fill the lanes with the weights of the windows' cells, times the factors of artefacts."""
    reach_rows, reach_columns = np.max(cells.down), np.max(cells.right)
    side = 2 * reach_columns + 1
    for lane in range(lanes):
        for number in range(len(cells.place)):
            value = 0.0
            if lane < count:
                target = first + lane
                down, right = cells.down[number], cells.right[number]
                value = weight[(targets.row[target] + down) * stride + targets.column[target] + right]
                if len(factor):
                    row = down + shift[target, 0] + reach_rows
                    value *= factor[row * side + right + shift[target, 1] + reach_columns]
            into[cells.place[number] * lanes + lane] = value
