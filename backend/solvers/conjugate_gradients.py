"""The row kernels of conjugate gradients on a raster circuit, in Numba.

Vectors are framed by one cell, float64; edges lie as in `Circuit`, unframed. Sums are left row by row, so that they do not
depend on how rows are spread over threads.
"""

from typing import Any

import numpy as np
from numba import njit

from .row_sweeps import INNER, OUTER

_FAST = {"contract", "nsz", "reassoc", "arcp"}
_INNER: dict[str, Any] = {**INNER, "fastmath": _FAST}
_OUTER: dict[str, Any] = {**OUTER, "fastmath": _FAST}


@njit(**INNER)
def _at_border(east, south, southeast, southwest, vector, i, j):
    """Return ``A u`` without ground at any cell."""
    rows, columns = east.shape
    u = vector[i + 1, j + 1]
    total = east[i, j] * (u - vector[i + 1, j + 2]) + south[i, j] * (u - vector[i + 2, j + 1])
    total += southeast[i, j] * (u - vector[i + 2, j + 2]) + southwest[i, j] * (u - vector[i + 2, j])
    if j > 0:
        total += east[i, j - 1] * (u - vector[i + 1, j])
    if i > 0:
        total += south[i - 1, j] * (u - vector[i, j + 1])
        if j > 0:
            total += southeast[i - 1, j - 1] * (u - vector[i, j])
        if j + 1 < columns:
            total += southwest[i - 1, j + 1] * (u - vector[i, j + 2])
    return total


@njit(**_INNER)
def _product_row(out, above, here, below, east, west, s, se, sw, n_s, n_se, n_sw):
    """Fill ``A u`` without ground inside a row; all begin at its second cell but `above`, `here` and `below`, at its first."""
    for j in range(np.uint64(0), np.uint64(len(out))):
        k, m = j + np.uint64(1), j + np.uint64(2)
        u = here[k]
        out[j] = (
            (east[j] * (u - here[m]) + west[j] * (u - here[j]))
            + (s[j] * (u - below[k]) + n_s[j] * (u - above[k]))
            + (se[j] * (u - below[m]) + n_se[j] * (u - above[j]))
            + (sw[j] * (u - below[j]) + n_sw[j] * (u - above[m]))
        )


@njit(**_OUTER)
def product(east, south, southeast, southwest, ground, vector, result, dots, begin, end):
    """Fill ``A u`` in some rows, and the sum of ``u A u`` in each; `ground` may have no rows."""
    rows, columns = east.shape
    for i in range(begin, end):
        out, here = result[i + 1], vector[i + 1]
        if i == 0 or columns < 3:
            for j in range(columns):
                out[j + 1] = _at_border(east, south, southeast, southwest, vector, i, j)
        else:
            out[1] = _at_border(east, south, southeast, southwest, vector, i, 0)
            out[columns] = _at_border(east, south, southeast, southwest, vector, i, columns - 1)
            _product_row(
                out[2:columns],
                vector[i, 1:],
                here[1:],
                vector[i + 2, 1:],
                east[i, 1:],
                east[i],
                south[i, 1:],
                southeast[i, 1:],
                southwest[i, 1:],
                south[i - 1, 1:],
                southeast[i - 1],
                southwest[i - 1, 2:],
            )
        if ground.shape[0] > 0:
            to_ground = ground[i]
            for j in range(np.uint64(columns)):
                out[j + np.uint64(1)] += to_ground[j] * here[j + np.uint64(1)]
        total = 0.0
        for j in range(np.uint64(1), np.uint64(columns + 1)):
            total += out[j] * here[j]
        dots[i] = total


@njit(**_OUTER)
def advance(step, direction, product, solution, residual, squares, begin, end):
    """Take a step: ``x += a d``, ``r -= a A d``; leave the sums of ``r r``."""
    for i in range(begin + 1, end + 1):
        d, q, x, r = direction[i], product[i], solution[i], residual[i]
        total = 0.0
        for j in range(np.uint64(1), np.uint64(len(d) - 1)):
            x[j] += step * d[j]
            left = r[j] - step * q[j]
            r[j] = left
            total += left * left
        squares[i - 1] = total


@njit(**_OUTER)
def sums(one, other, third, dots, crosses, begin, end):
    """Leave the sums of ``one other`` and ``one third`` in each of some rows."""
    for i in range(begin + 1, end + 1):
        a, b, c = one[i], other[i], third[i]
        dot, cross = 0.0, 0.0
        for j in range(np.uint64(1), np.uint64(len(a) - 1)):
            dot += a[j] * b[j]
            cross += a[j] * c[j]
        dots[i - 1], crosses[i - 1] = dot, cross


@njit(**_OUTER)
def turn(keep, preconditioned, direction, begin, end):
    """Turn to the next direction: ``d = z + beta d``."""
    for i in range(begin + 1, end + 1):
        z, d = preconditioned[i], direction[i]
        for j in range(np.uint64(1), np.uint64(len(d) - 1)):
            d[j] = z[j] + keep * d[j]
