"""Two steps of conjugate gradients on a coarse grid, each preconditioned by a cycle: a K-cycle; in Numba.

What a fixed cycle corrects badly, as beside barriers that cross the coarse grid's cells, the two steps weigh by the equations
themselves. On the three grids below the finest that halves to quarters the iterations for half as much work again.

References
----------
Notay, Y. & Vassilevski, P. S. (2008). Recursive Krylov-based multigrid cycles. Numerical Linear Algebra with Applications 15,
473-487. https://doi.org/10.1002/nla.542 (Algorithm 3.2)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from .multigrid_setup import EAST, GROUND, SOUTH, SOUTHEAST, SOUTHWEST
from .row_sweeps import INNER, OUTER
from .threads import spread

_FAST = {"contract", "nsz", "reassoc", "arcp"}
_INNER: dict[str, Any] = {**INNER, "fastmath": _FAST}
_OUTER: dict[str, Any] = {**OUTER, "fastmath": _FAST}
#: One step is enough if it leaves less than this share of the right-hand side, in the Euclidean norm.
_ENOUGH = 0.25


@njit(**_INNER)
def _product_row(out, above, here, below, ground, east, s, se, sw, n_s, n_se, n_sw):
    for j in range(np.uint64(1), np.uint64(len(out) - 1)):
        k, m = j - np.uint64(1), j + np.uint64(1)
        u = here[j]
        out[j] = (
            ground[j] * u
            + (east[j] * (u - here[m]) + east[k] * (u - here[k]))
            + (s[j] * (u - below[j]) + n_s[j] * (u - above[j]))
            + (se[j] * (u - below[m]) + n_se[k] * (u - above[k]))
            + (sw[j] * (u - below[k]) + n_sw[m] * (u - above[m]))
        )


@njit(**_INNER)
def _dot(one, other):
    total = 0.0
    for j in range(np.uint64(1), np.uint64(len(one) - 1)):
        total += np.float64(one[j]) * np.float64(other[j])
    return total


@njit(**_OUTER)
def _product(stencil, vector, one, other, result, sums, begin, end):
    """Fill ``A u`` in some rows, and the sums of ``u A u``, ``u one`` and ``u other``; `result` may have no rows."""
    row = np.zeros(vector.shape[1], np.float32)
    for i in range(begin + 1, end + 1):
        _product_row(
            row,
            vector[i - 1],
            vector[i],
            vector[i + 1],
            stencil[GROUND, i],
            stencil[EAST, i],
            stencil[SOUTH, i],
            stencil[SOUTHEAST, i],
            stencil[SOUTHWEST, i],
            stencil[SOUTH, i - 1],
            stencil[SOUTHEAST, i - 1],
            stencil[SOUTHWEST, i - 1],
        )
        if result.shape[0] > 0:
            result[i, :] = row
        sums[0, i - 1] = _dot(vector[i], row)
        sums[1, i - 1] = _dot(vector[i], one[i])
        sums[2, i - 1] = _dot(vector[i], other[i])


@njit(**_OUTER)
def _subtract(share, product, right, sums, begin, end):
    """Subtract a share of a product in some rows; leave the sums of squares before and after."""
    factor = np.float32(share)
    for i in range(begin + 1, end + 1):
        sums[0, i - 1] = _dot(right[i], right[i])
        r, q = right[i], product[i]
        for j in range(np.uint64(len(r))):
            r[j] -= factor * q[j]
        sums[1, i - 1] = _dot(right[i], right[i])


@njit(**_OUTER)
def _combine(share, one, other_share, other, begin, end):
    """Fill ``other`` with ``share one + other_share other`` in some rows."""
    a, b = np.float32(share), np.float32(other_share)
    for i in range(begin + 1, end + 1):
        x, y = one[i], other[i]
        for j in range(np.uint64(len(x))):
            y[j] = a * x[j] + b * y[j]


class KrylovSteps:
    """Two steps of conjugate gradients on one grid.

    Parameters
    ----------
    stencil : float32 array, shape (6, rows + 2, columns + 2)
    """

    def __init__(self, stencil: np.ndarray) -> None:
        self._stencil = stencil
        framed = stencil.shape[1:]
        self._first = np.zeros(framed, np.float32)
        self._product = np.zeros(framed, np.float32)
        self._sums = np.zeros((3, framed[0] - 2))

    def solve(self, right: np.ndarray, result: np.ndarray, cycle: Callable[[], None]) -> None:
        """Let `result` approximate the solution for `right`, which is overwritten; `cycle` fills it once for the present `right`."""
        first, nothing, sums = self._first, np.empty((0, 0), np.float32), self._sums
        cycle()
        first[...] = result
        self._rows(_product, self._stencil, first, right, right, self._product, sums)
        energy, along, _ = sums.sum(axis=1)
        if not energy > 0:
            return
        step = along / energy
        self._rows(_subtract, step, self._product, right, sums)
        before, after, _ = sums.sum(axis=1)
        if after > _ENOUGH**2 * before:
            cycle()
            self._rows(_product, self._stencil, result, self._product, right, nothing, sums)
            second, mixed, left = sums.sum(axis=1)
            energy_left = second - mixed**2 / energy
            if energy_left > 0:
                other = left / energy_left
                self._rows(_combine, step - mixed * other / energy, first, other, result)
                return
        self._rows(_combine, step, first, 0.0, result)

    def _rows(self, task: Callable[..., object], *arguments: object) -> None:
        rows, columns = self._stencil.shape[1:]
        spread(functools.partial(task, *arguments), rows - 2, (rows - 2) * (columns - 2))
