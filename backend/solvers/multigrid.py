"""Black-box multigrid on a raster circuit: a hierarchy of stencils, and one cycle through it as a preconditioner."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from . import multigrid_cycle, multigrid_setup
from .multigrid_krylov import KrylovSteps
from .threads import spread

#: Grids of at most this many cells are solved directly.
_DIRECT_CELLS = 200
_BAND = 128
#: So many grids below the finest are solved by two steps of conjugate gradients instead of one cycle.
_KRYLOV_GRIDS = 3
#: Eigenvalues of the coarsest, scaled equations that count as 0.
_SINGULAR = 1e-12
#: Conductance of the edges inside merged nodes, as the preconditioner sees them, relative to the real ones.
_MERGED_BOOST = 1e4

Edges = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
NO_CELLS = np.empty((0, 0))


@dataclass
class _Grid:
    """One grid: its stencil, its transfer to the next coarser one, and room for a cycle; all framed, float32."""

    stencil: np.ndarray
    bound: float
    weights: np.ndarray
    smoothed: np.ndarray
    right: np.ndarray
    result: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.stencil.shape[1] - 2, self.stencil.shape[2] - 2


class Multigrid:
    """A preconditioner for the equations of a raster circuit.

    Parameters
    ----------
    edges : tuple of arrays, (rows, columns) each
        Conductances as in `Circuit`.
    ground : array, (rows, columns) or (0, 0)
        Conductances to ground.
    isolated : bool array, (rows, columns) or (0, 0)
        Cells held at 0: edges to them lead to ground.
    merged : int32 array, (rows, columns) or (0, 0)
        Cells of the same number > 0 are one node.
    stages : int
        Degree of the smoother.
    """

    def __init__(
        self,
        edges: Edges,
        ground: np.ndarray = NO_CELLS,
        isolated: np.ndarray | None = None,
        merged: np.ndarray | None = None,
        stages: int = 3,
    ) -> None:
        self.stages = stages
        isolated = np.empty((0, 0), bool) if isolated is None else isolated
        merged = np.empty((0, 0), np.int32) if merged is None else merged
        copy = functools.partial(multigrid_setup.copy_rows, *edges, ground, isolated, merged, _MERGED_BOOST)

        def finest(first: int, count: int) -> np.ndarray:
            window = np.empty((5, count, columns + 2))
            copy(first, window)
            return window

        rows, columns = edges[0].shape
        take: Callable[[int, int], np.ndarray] = finest
        self._grids: list[_Grid] = []
        while True:
            grid, coarse = _coarsened(take, rows, columns, first=not self._grids, last=rows * columns <= _DIRECT_CELLS)
            self._grids.append(grid)
            if coarse is None:
                break
            rows, columns = coarse.shape[1] - 2, coarse.shape[2] - 2
            take = functools.partial(_rows_of, coarse)
        self._krylov = [KrylovSteps(grid.stencil) for grid in self._grids[1 : 1 + _KRYLOV_GRIDS]]
        self._inverse = _pseudo_inverse(take(-1, rows + 2))

    def apply(self, residual: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
        """Return an approximate solution for a residual, framed; the array is reused by the next call."""
        self._cycle(0, residual)
        return self._grids[0].result

    def _cycle(self, level: int, right: np.ndarray) -> None:
        grid = self._grids[level]
        rows, columns = grid.shape
        if level == len(self._grids) - 1:
            inner = np.asarray(right[1:-1, 1:-1], np.float64).ravel()
            grid.result[1:-1, 1:-1] = (self._inverse @ inner).reshape(rows, columns)
            return
        coarse = self._grids[level + 1]
        down = functools.partial(
            multigrid_cycle.descend,
            *(grid.stencil, grid.weights, right, grid.smoothed, coarse.right, self.stages, grid.bound),
        )
        spread(down, (rows + 1) // 2, rows * columns)
        again = functools.partial(self._cycle, level + 1, coarse.right)
        if level < min(_KRYLOV_GRIDS, len(self._grids) - 2):
            self._krylov[level].solve(coarse.right, coarse.result, again)
        else:
            again()
        up = functools.partial(
            multigrid_cycle.ascend,
            *(grid.stencil, grid.weights, right, grid.smoothed, coarse.result, grid.result, self.stages, grid.bound),
        )
        spread(up, rows, rows * columns)


def _coarsened(
    take: Callable[[int, int], np.ndarray], rows: int, columns: int, *, first: bool, last: bool
) -> tuple[_Grid, np.ndarray | None]:
    """Return a grid and the framed stencil of the next coarser one."""
    coarse_rows, coarse_columns = (rows + 1) // 2, (columns + 1) // 2
    framed = rows + 2, columns + 2
    stencil = np.zeros((6, *framed), np.float32)
    weights = np.zeros((8, coarse_rows + 2, coarse_columns + 2), np.float32)
    coarse = None if last else np.zeros((5, coarse_rows + 2, coarse_columns + 2))
    bands = range(0, coarse_rows, _BAND)
    bounds = np.zeros(len(bands))

    def work(begin: int, end: int) -> None:
        for which in range(begin, end):
            a, b = bands[which], min(bands[which] + _BAND, coarse_rows)
            start = 2 * a - multigrid_setup.ROWS_BEFORE
            window = take(start, 2 * b + multigrid_setup.ROWS_AFTER - start)
            bounds[which] = multigrid_setup.store_rows(window, -start, 2 * a, min(2 * b, rows), stencil)
            if coarse is None:
                continue
            found = np.empty((8, b - a + 3, coarse_columns + 2))
            lack = np.empty(window.shape[1:])
            complete = multigrid_setup.find_weights(window, start, a - 1, coarse_rows, found, lack)
            multigrid_setup.find_coarse_rows(window, start, a - 1, found, lack, complete, a, b, coarse)
            weights[:, a + 1 : b + 1] = found[:, 1:-2]

    spread(work, len(bands), rows * columns)
    room = [np.zeros(framed, np.float32) for _ in range(2 if first else 3)]
    right = room[2] if not first else room[0]
    return _Grid(stencil, float(bounds.max(initial=1.0)), weights, room[0], right, room[1]), coarse


def _rows_of(stencil: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return rows `first` and on of a framed stencil, 0 outside."""
    window = np.zeros((5, count, stencil.shape[2]))
    begin, end = max(first, -1), min(first + count, stencil.shape[1] - 1)
    if begin < end:
        window[:, begin - first : end - first] = stencil[:, begin + 1 : end + 1]
    return window


def _pseudo_inverse(stencil: np.ndarray) -> np.ndarray:
    """Return the pseudo-inverse of the matrix of a framed stencil."""
    rows, columns = stencil.shape[1] - 2, stencil.shape[2] - 2
    matrix = np.zeros((rows, columns, rows, columns))
    for part, (down, right) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
        for i, j in np.argwhere(stencil[part, 1:-1, 1:-1] != 0):
            g, k, m = stencil[part, i + 1, j + 1], i + down, j + right
            matrix[i, j, k, m] -= g
            matrix[k, m, i, j] -= g
            matrix[i, j, i, j] += g
            matrix[k, m, k, m] += g
    flat = matrix.reshape(rows * columns, -1)
    flat[np.diag_indices_from(flat)] += stencil[multigrid_setup.GROUND, 1:-1, 1:-1].ravel()
    diagonal = np.diagonal(flat)
    scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1)), 0)
    values, vectors = np.linalg.eigh(scale[:, None] * flat * scale)
    kept = values > _SINGULAR
    half = (scale[:, None] * vectors[:, kept]) / np.sqrt(values[kept])
    return half @ half.T
