"""Coarser and coarser nine-point stencils of a circuit, after Dendy's black-box multigrid; in float64, in Numba.

The coarse grid consists of the cells in even rows and even columns. A cell between two of them takes over their values in
proportion to its couplings towards either side, a cell amid four of them is interpolated by its own equation. The coarse
equations are Galerkin's, ``P^T A P``. Interpolation from couplings keeps barriers and highways one cell wide effective on all
grids.

Everything is framed by one cell: cell ``(i, j)`` lies at ``[i + 1, j + 1]``. A stencil holds, per cell, the conductances to the
east, south, southeast and southwest, and that to ground.

References
----------
Dendy, at. E. (1982). Black box multigrid. Journal of Computational Physics 48, 366-386.
https://doi.org/10.1016/0021-9991(82)90057-2
"""

import numpy as np
from numba import njit

from .row_sweeps import INNER, OUTER

EAST, SOUTH, SOUTHEAST, SOUTHWEST, GROUND, INVERSE = 0, 1, 2, 3, 4, 5
#: Rows of stencils around the fine rows of some coarse rows that coarsening looks at.
ROWS_BEFORE, ROWS_AFTER = 4, 5
#: A cell whose couplings to both sides make up less than this of all its couplings takes over the plain mean.
_UNCOUPLED = 1e-6


@njit(**OUTER)
def copy_rows(east, south, southeast, southwest, ground, isolated, merged, boost, first, window):
    """Copy the stencil of rows `first` and on into a framed window; 0 outside the raster.

    Edges to isolated cells become grounds. Edges between cells of the same merged node become `boost` times as conductive. `ground`,
    `isolated` and `merged` may have no rows.
    """
    rows, columns = east.shape
    window[...] = 0.0
    for w in range(window.shape[1]):
        i = first + w
        if i < 0 or i >= rows:
            continue
        for j in range(columns):
            if ground.shape[0] > 0:
                window[GROUND, w, j + 1] += ground[i, j]
            for way in range(4):
                if way == 0:
                    g, k, m = east[i, j], i, j + 1
                elif way == 1:
                    g, k, m = south[i, j], i + 1, j
                elif way == 2:
                    g, k, m = southeast[i, j], i + 1, j + 1
                else:
                    g, k, m = southwest[i, j], i + 1, j - 1
                if g == 0.0:
                    continue
                if merged.shape[0] > 0 and merged[i, j] > 0 and merged[i, j] == merged[k, m]:
                    g *= boost
                if isolated.shape[0] > 0 and (isolated[i, j] or isolated[k, m]):
                    if not isolated[i, j]:
                        window[GROUND, w, j + 1] += g
                    elif not isolated[k, m] and k - first < window.shape[1]:
                        window[GROUND, k - first, m + 1] += g
                else:
                    window[way, w, j + 1] = g
        if isolated.shape[0] > 0:
            for j in range(columns):
                if isolated[i, j]:
                    window[GROUND, w, j + 1] = 0.0


@njit(**INNER)
def _couplings(stencil, w, j):
    """Return the couplings of a framed cell: nw, n, ne, w, e, sw, s, se."""
    return (
        stencil[SOUTHEAST, w - 1, j - 1],
        stencil[SOUTH, w - 1, j],
        stencil[SOUTHWEST, w - 1, j + 1],
        stencil[EAST, w, j - 1],
        stencil[EAST, w, j],
        stencil[SOUTHWEST, w, j],
        stencil[SOUTH, w, j],
        stencil[SOUTHEAST, w, j],
    )


@njit(**INNER)
def _shares(toward, away, ground, total, both_exist):
    """Return the weights of both sides, and by how much they fall short of 1; the second may not exist."""
    if total <= 0.0:
        return 0.0, 0.0, 0.0
    both = ground + toward + away
    if both > _UNCOUPLED * total:
        return toward / both, away / both, ground / both
    if not both_exist:
        return 1.0, 0.0, 0.0
    return 0.5, 0.5, 0.0


@njit(**OUTER)
def find_weights(stencil, first, first_coarse, coarse_rows, weights, lack):
    """Fill interpolation weights from some coarse rows on; return whether all sum to 1 and nothing is grounded.

    Parameters
    ----------
    stencil : array, shape (5, rows, columns + 2)
        Window of fine rows from `first` on.
    weights : array, shape (8, coarse rows, coarse columns + 2)
        Of the cells to the east (from west, east), to the south (from north, south) and to the southeast (from nw, ne, sw, se)
        of a coarse cell. The last row lacks those to the southeast.
    lack : array, shape (rows, columns + 2)
        1 - the sum of the weights of each fine cell.
    """
    count, coarse_columns = weights.shape[1], weights.shape[2] - 2
    columns = stencil.shape[2] - 2
    weights[...] = 0.0
    lack[...] = 0.0
    complete = True
    for c in range(count):
        w = 2 * (first_coarse + c) - first
        for at in range(1, coarse_columns + 1):
            j = 2 * at - 1
            if j + 1 <= columns:
                nw, n, ne, west, east, sw, s, se = _couplings(stencil, w, j + 1)
                g = stencil[GROUND, w, j + 1]
                total = g + nw + n + ne + west + east + sw + s + se
                one, other, missing = _shares(nw + west + sw, ne + east + se, g, total, at < coarse_columns)
                weights[0, c, at], weights[1, c, at], lack[w, j + 1] = one, other, missing
                complete &= g == 0.0
            nw, n, ne, west, east, sw, s, se = _couplings(stencil, w + 1, j)
            g = stencil[GROUND, w + 1, j]
            total = g + nw + n + ne + west + east + sw + s + se
            one, other, missing = _shares(nw + n + ne, sw + s + se, g, total, first_coarse + c + 1 < coarse_rows)
            weights[2, c, at], weights[3, c, at], lack[w + 1, j] = one, other, missing
            complete &= g == 0.0 and stencil[GROUND, w, j] == 0.0
    for c in range(count - 1):
        w = 2 * (first_coarse + c) + 1 - first
        for at in range(1, coarse_columns + 1):
            j = 2 * at
            if j > columns:
                continue
            nw, n, ne, west, east, sw, s, se = _couplings(stencil, w, j)
            g = stencil[GROUND, w, j]
            total = g + nw + n + ne + west + east + sw + s + se
            if total <= 0.0:
                continue
            weights[4, c, at] = (nw + n * weights[0, c, at] + west * weights[2, c, at]) / total
            weights[5, c, at] = (ne + n * weights[1, c, at] + east * weights[2, c, at + 1]) / total
            weights[6, c, at] = (sw + s * weights[0, c + 1, at] + west * weights[3, c, at]) / total
            weights[7, c, at] = (se + s * weights[1, c + 1, at] + east * weights[3, c, at + 1]) / total
            missing = g + n * lack[w - 1, j] + s * lack[w + 1, j] + west * lack[w, j - 1] + east * lack[w, j + 1]
            lack[w, j] = missing / total
            complete &= missing == 0.0
    return complete


@njit(**OUTER)
def find_coarse_rows(stencil, first, first_coarse, weights, lack, complete, begin, end, coarse):
    """Fill rows `begin` to `end` of the framed coarse stencil ``P^T A P``; see `find_weights`."""
    coarse_columns = weights.shape[2] - 2
    columns = stencil.shape[2] - 2
    value = np.zeros((7, 7))
    product = np.zeros((5, 5))
    for row in range(begin, end):
        c = row - first_coarse
        w = 2 * row - first
        for at in range(1, coarse_columns + 1):
            j = 2 * at - 1
            value[2, 2], value[2, 3], value[2, 4] = (
                weights[7, c - 1, at - 1],
                weights[3, c - 1, at],
                weights[6, c - 1, at],
            )
            value[3, 2], value[3, 3], value[3, 4] = weights[1, c, at - 1], 1.0, weights[0, c, at]
            value[4, 2], value[4, 3], value[4, 4] = weights[5, c, at - 1], weights[2, c, at], weights[4, c, at]
            for a in range(5):
                for b in range(5):
                    x, y = w + a - 2, j + b - 2
                    if y < 1 or y > columns:
                        product[a, b] = 0.0
                        continue
                    nw, n, ne, west, east, sw, s, se = _couplings(stencil, x, y)
                    v = value[a + 1, b + 1]
                    product[a, b] = (
                        stencil[GROUND, x, y] * v
                        + (nw * (v - value[a, b]) + n * (v - value[a, b + 1]) + ne * (v - value[a, b + 2]))
                        + (west * (v - value[a + 1, b]) + east * (v - value[a + 1, b + 2]))
                        + (sw * (v - value[a + 2, b]) + s * (v - value[a + 2, b + 1]) + se * (v - value[a + 2, b + 2]))
                    )
            # The neighbours' basis functions, where they meet this one's product.
            if at < coarse_columns:
                coarse[EAST, row + 1, at] = -(
                    (product[1, 3] * weights[7, c - 1, at] + product[1, 4] * weights[3, c - 1, at + 1])
                    + (product[2, 3] * weights[1, c, at] + product[2, 4])
                    + (product[3, 3] * weights[5, c, at] + product[3, 4] * weights[2, c, at + 1])
                )
                coarse[SOUTHEAST, row + 1, at] = -(
                    (product[3, 3] * weights[7, c, at] + product[3, 4] * weights[3, c, at + 1])
                    + (product[4, 3] * weights[1, c + 1, at] + product[4, 4])
                )
            coarse[SOUTH, row + 1, at] = -(
                (
                    product[3, 1] * weights[7, c, at - 1]
                    + product[3, 2] * weights[3, c, at]
                    + product[3, 3] * weights[6, c, at]
                )
                + (product[4, 1] * weights[1, c + 1, at - 1] + product[4, 2] + product[4, 3] * weights[0, c + 1, at])
            )
            if at > 1:
                coarse[SOUTHWEST, row + 1, at] = -(
                    (product[3, 0] * weights[3, c, at - 1] + product[3, 1] * weights[6, c, at - 1])
                    + (product[4, 0] + product[4, 1] * weights[0, c + 1, at - 1])
                )
            if complete:
                continue
            ground = 0.0
            for a in range(3):
                for b in range(3):
                    if value[a + 2, b + 2] != 0.0 and 1 <= j + b - 1 <= columns:
                        ground += value[a + 2, b + 2] * _of_ones(stencil, lack, w + a - 1, j + b - 1)
            coarse[GROUND, row + 1, at] = ground


@njit(**INNER)
def _of_ones(stencil, lack, w, j):
    """Return ``A P 1`` at a fine cell, without the cancellation of its large terms."""
    nw, n, ne, west, east, sw, s, se = _couplings(stencil, w, j)
    here = lack[w, j]
    return (
        stencil[GROUND, w, j] * (1.0 - here)
        + (nw * (lack[w - 1, j - 1] - here) + n * (lack[w - 1, j] - here) + ne * (lack[w - 1, j + 1] - here))
        + (west * (lack[w, j - 1] - here) + east * (lack[w, j + 1] - here))
        + (sw * (lack[w + 1, j - 1] - here) + s * (lack[w + 1, j] - here) + se * (lack[w + 1, j + 1] - here))
    )


@njit(**OUTER)
def store_rows(stencil, offset, begin, end, stored):
    """Store rows `begin` to `end` of a stencil, framed, with the inverse of the diagonal, in float32.

    Row i of the raster is row ``i + offset`` of `stencil` and ``i + 1`` of `stored`.
    """
    columns = stencil.shape[2] - 2
    largest = 0.0
    for i in range(begin, end):
        for j in range(1, columns + 1):
            nw, n, ne, west, east, sw, s, se = _couplings(stencil, i + offset, j)
            g = stencil[GROUND, i + offset, j]
            total = g + nw + n + ne + west + east + sw + s + se
            absolute = abs(nw) + abs(n) + abs(ne) + abs(west) + abs(east) + abs(sw) + abs(s) + abs(se)
            for part in range(5):
                stored[part, i + 1, j] = stencil[part, i + offset, j]
            if total > 0.0:
                # Where couplings are negative, as on coarse grids, so much more that the scaled spectrum ends at 2.
                stored[INVERSE, i + 1, j] = 1.0 / max(total, (total + absolute) / 2)
                largest = max(largest, (total + absolute) / max(total, (total + absolute) / 2))
            else:
                stored[INVERSE, i + 1, j] = 0.0
    return largest
