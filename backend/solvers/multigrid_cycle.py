"""One way down and one way up between two grids of a multigrid cycle, in Numba: each a single pass through memory.

The smoother is a polynomial of the diagonally scaled equations (Chebyshev polynomials of the fourth kind, which need no lower
bound of the spectrum). Its steps, the residual and the transfer between grids follow each other row by row while the rows
are in the cache. Every step takes all its values from the step before, so that results do not depend on how the rows are
spread over threads: rows at the edge of a part are computed twice.

References
----------
Lottes, J. (2023). Optimal polynomial smoothers for multigrid V-cycles. Numerical Linear Algebra with Applications 30, e2518.
https://doi.org/10.1002/nla.2518
"""

from typing import Any

import numpy as np
from numba import njit

from .multigrid_setup import EAST, GROUND, INVERSE, SOUTH, SOUTHEAST, SOUTHWEST
from .row_sweeps import INNER, OUTER

_FAST = {"contract", "nsz", "reassoc", "arcp"}
_INNER: dict[str, Any] = {**INNER, "fastmath": _FAST}
_OUTER: dict[str, Any] = {**OUTER, "fastmath": _FAST}


@njit(**_INNER)
def _residual_row(out, right, above, here, below, east, ground, s, se, sw, n_s, n_se, n_sw):
    """Fill ``right - A u`` in one row."""
    for j in range(np.uint64(1), np.uint64(len(out) - 1)):
        k, m = j - np.uint64(1), j + np.uint64(1)
        u = here[j]
        product = (
            ground[j] * u
            + (east[j] * (u - here[m]) + east[k] * (u - here[k]))
            + (s[j] * (u - below[j]) + n_s[j] * (u - above[j]))
            + (se[j] * (u - below[m]) + n_se[k] * (u - above[k]))
            + (sw[j] * (u - below[k]) + n_sw[m] * (u - above[m]))
        )
        out[j] = np.float32(right[j]) - product


@njit(**_INNER)
def _step_row(
    out, step, before, right, above, here, below, inverse, east, ground, s, se, sw, n_s, n_se, n_sw, keep, gain
):
    """Fill ``u + z`` in one row, ``z = keep z + gain D^-1 (right - A u)``."""
    for j in range(np.uint64(1), np.uint64(len(out) - 1)):
        k, m = j - np.uint64(1), j + np.uint64(1)
        u = here[j]
        product = (
            ground[j] * u
            + (east[j] * (u - here[m]) + east[k] * (u - here[k]))
            + (s[j] * (u - below[j]) + n_s[j] * (u - above[j]))
            + (se[j] * (u - below[m]) + n_se[k] * (u - above[k]))
            + (sw[j] * (u - below[k]) + n_sw[m] * (u - above[m]))
        )
        z = keep * before[j] + gain * inverse[j] * (np.float32(right[j]) - product)
        step[j] = z
        out[j] = u + z


@njit(**_INNER)
def _smooth_rows(stencil, right, values, steps, t, first_stage, stages, bound):
    """Advance stages `first_stage` and on of the smoother, each one row behind the one before; stage s is row t - s."""
    rows = stencil.shape[1] - 2
    for stage in range(first_stage, stages + 1):
        i = t - stage
        out = values[stage, i & 3]
        if i < 0 or i >= rows:
            out[:] = np.float32(0.0)
            continue
        keep = np.float32((2.0 * stage - 3.0) / (2.0 * stage + 1.0)) if stage > 1 else np.float32(0.0)
        gain = np.float32((8.0 * stage - 4.0) / (2.0 * stage + 1.0) / bound)
        _step_row(
            out,
            steps[stage, i & 1],
            steps[stage - 1, i & 1],
            right[i + 1],
            values[stage - 1, (i - 1) & 3],
            values[stage - 1, i & 3],
            values[stage - 1, (i + 1) & 3],
            stencil[INVERSE, i + 1],
            stencil[EAST, i + 1],
            stencil[GROUND, i + 1],
            stencil[SOUTH, i + 1],
            stencil[SOUTHEAST, i + 1],
            stencil[SOUTHWEST, i + 1],
            stencil[SOUTH, i],
            stencil[SOUTHEAST, i],
            stencil[SOUTHWEST, i],
            keep,
            gain,
        )


@njit(**_OUTER)
def descend(stencil, weights, right, smoothed, coarse_right, stages, bound, begin, end):
    """Smooth from 0, and restrict the residual to coarse rows `begin` to `end`.

    Parameters
    ----------
    stencil : float32 array, shape (6, rows + 2, columns + 2)
    weights : float32 array, shape (8, coarse rows + 2, coarse columns + 2)
    right : array, shape (rows + 2, columns + 2)
    smoothed : float32 array, shape (rows + 2, columns + 2)
        Filled in the fine rows of these coarse rows.
    coarse_right : float32 array, shape (coarse rows + 2, coarse columns + 2)
        Filled in these rows.
    """
    rows, width = stencil.shape[1] - 2, stencil.shape[2]
    values = np.zeros((stages + 1, 4, width), np.float32)
    steps = np.zeros((stages + 1, 2, width), np.float32)
    residual = np.zeros((4, width), np.float32)
    low, high = 2 * begin - 1, 2 * end
    own = min(2 * end, rows)
    gain = np.float32(4.0 / 3.0 / bound)
    for t in range(low - stages + 1, high + stages + 1):
        i = t - 1
        if 0 <= i < rows:
            out, inverse, r = values[1, i & 3], stencil[INVERSE, i + 1], right[i + 1]
            step = steps[1, i & 1]
            for j in range(np.uint64(0), np.uint64(width)):
                z = gain * inverse[j] * np.float32(r[j])
                out[j] = z
                step[j] = z
        else:
            values[1, i & 3, :] = np.float32(0.0)
        _smooth_rows(stencil, right, values, steps, t, 2, stages, bound)
        i = t - stages
        if 2 * begin <= i < own:
            smoothed[i + 1, :] = values[stages, i & 3]
        i = t - stages - 1
        if i < low:
            continue
        if i < 0 or i >= rows:
            residual[i & 3, :] = np.float32(0.0)
        else:
            _residual_row(
                residual[i & 3],
                right[i + 1],
                values[stages, (i - 1) & 3],
                values[stages, i & 3],
                values[stages, (i + 1) & 3],
                stencil[EAST, i + 1],
                stencil[GROUND, i + 1],
                stencil[SOUTH, i + 1],
                stencil[SOUTHEAST, i + 1],
                stencil[SOUTHWEST, i + 1],
                stencil[SOUTH, i],
                stencil[SOUTHEAST, i],
                stencil[SOUTHWEST, i],
            )
        if i >= low + 2 and i & 1:
            c = i >> 1
            _restrict_row(
                coarse_right[c + 1],
                residual[(i - 2) & 3],
                residual[(i - 1) & 3],
                residual[i & 3],
                weights[:, c],
                weights[:, c + 1],
            )


@njit(**_INNER)
def _restrict_row(out, above, here, below, w_above, w_here):
    """Fill one coarse row with the residuals around each coarse cell, by the weights they take from it."""
    w0, w1, w2, w4, w5 = w_here[0], w_here[1], w_here[2], w_here[4], w_here[5]
    w3, w6, w7 = w_above[3], w_above[6], w_above[7]
    # The last cell may have none to its east.
    last = len(out) - 2
    for J in range(1, last + 1):
        j = 2 * J - 1
        total = here[j] + w1[J - 1] * here[j - 1] + w2[J] * below[j] + w3[J] * above[j]
        total += w5[J - 1] * below[j - 1] + w7[J - 1] * above[j - 1]
        out[J] = total + w0[J] * here[j + 1] + w4[J] * below[j + 1] + w6[J] * above[j + 1]


@njit(**_INNER)
def _prolong_row(out, smoothed, inverse, i, correction, weights):
    """Fill one fine row with ``u + P e``, 0 where there is no node."""
    c = (i >> 1) + 1
    here, below = correction[c], correction[c + 1]
    width = len(out)
    last = len(here) - 2
    w0, w1, w2, w3 = weights[0, c], weights[1, c], weights[2, c], weights[3, c]
    w4, w5, w6, w7 = weights[4, c], weights[5, c], weights[6, c], weights[7, c]
    if i & 1 == 0:
        for J in range(1, last + 1):
            j = 2 * J - 1
            out[j] = here[J]
            out[j + 1] = w0[J] * here[J] + w1[J] * here[J + 1]
    else:
        for J in range(1, last + 1):
            j = 2 * J - 1
            out[j] = w2[J] * here[J] + w3[J] * below[J]
            out[j + 1] = w4[J] * here[J] + w5[J] * here[J + 1] + w6[J] * below[J] + w7[J] * below[J + 1]
    for j in range(np.uint64(0), np.uint64(width)):
        out[j] = smoothed[j] + out[j] if inverse[j] > 0 else np.float32(0.0)


@njit(**_OUTER)
def ascend(stencil, weights, right, smoothed, correction, result, stages, bound, begin, end):
    """Add what the coarse grid says and smooth, in fine rows `begin` to `end`; see `descend`."""
    rows, width = stencil.shape[1] - 2, stencil.shape[2]
    values = np.zeros((stages + 1, 4, width), np.float32)
    steps = np.zeros((stages + 1, 2, width), np.float32)
    for t in range(begin - stages, end + stages):
        if 0 <= t < rows:
            _prolong_row(values[0, t & 3], smoothed[t + 1], stencil[INVERSE, t + 1], t, correction, weights)
        else:
            values[0, t & 3, :] = np.float32(0.0)
        _smooth_rows(stencil, right, values, steps, t, 1, stages, bound)
        i = t - stages
        if begin <= i < end:
            result[i + 1, :] = values[stages, i & 3]
