"""A raster circuit's equations, solved by conjugate gradients preconditioned with multigrid."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import conjugate_gradients
from .multigrid import NO_CELLS, Edges, Multigrid
from .super_nodes import SuperNodes, super_groups
from .threads import spread

#: Rounding of the potentials themselves leaves a residual: multiples of it, in float64, that are put up with.
_ROUNDING = 4 * float(np.finfo(np.float64).eps)
_RESTARTS = 3
#: Merged regions and ends of links that are solved for by themselves; each takes a cycle to prepare.
_SUPER_NODES = 256


class Solution(NamedTuple):
    """What came of one right-hand side.

    Parameters
    ----------
    iterations : int
    residual : float
        Of the equations themselves, relative to the right-hand side, in the Euclidean norm.
    converged : bool
        Whether the residual is within the tolerance, or no more than the rounding of the potentials.
    """

    iterations: int
    residual: float
    converged: bool


@dataclass(frozen=True)
class MergedCells:
    """Which cells are one node.

    Parameters
    ----------
    cells : array of int64, shape (k,)
        Indices into a framed, flattened raster.
    group : array of int64, shape (k,)
        Counted from 0.
    """

    cells: np.ndarray
    group: np.ndarray

    def average(self, vector: np.ndarray) -> None:
        """Give all cells of a group their mean."""
        flat = vector.reshape(-1)
        size = np.bincount(self.group)
        flat[self.cells] = (np.bincount(self.group, flat[self.cells]) / size)[self.group]


class StencilSystem:
    """The equations ``A v = s`` of a raster circuit.

    Parameters
    ----------
    edges : tuple of arrays, (rows, columns) each
        Conductances as in `Circuit`.
    ground : array, (rows, columns) or (0, 0)
        Conductances to ground, >= 0.
    isolated : bool array, (rows, columns), or None
        Cells held at 0.
    merged : int32 array, (rows, columns), or None
        Cells of the same number > 0 are one node; 0 where there is none.
    links : tuple of (first, second, conductance), or None
        Further conductances between cells, flat indices.
    floating : int array, (rows, columns), or None
        Number > 0 of the component of a cell where nothing leads to ground; needed with `merged` or `links`.
    cancel : callable
        Called in every iteration; raises to stop.
    """

    def __init__(
        self,
        edges: Edges,
        ground: np.ndarray = NO_CELLS,
        isolated: np.ndarray | None = None,
        merged: np.ndarray | None = None,
        links: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
        floating: np.ndarray | None = None,
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self._edges, self._ground, self._cancel = edges, ground, cancel
        self.shape = edges[0].shape
        rows, columns = self.shape
        self._isolated = None if isolated is None else self._framed_index(np.flatnonzero(isolated))
        self._merged = None
        if merged is not None:
            cells = np.flatnonzero(merged > 0)
            _, group = np.unique(merged.ravel()[cells], return_inverse=True)
            self._merged = MergedCells(self._framed_index(cells), group)
        self._links = None
        if links is not None:
            self._links = self._framed_index(links[0]), self._framed_index(links[1]), links[2]
        self._room = [np.zeros((rows + 2, columns + 2)) for _ in range(4)]
        self._super = None
        groups = None if merged is None and links is None else super_groups(merged, links, self.shape, _SUPER_NODES)
        if groups is not None:
            lone = np.zeros(self.shape, np.int32) if floating is None else floating
            none = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
            self._super = SuperNodes(edges, ground, groups, isolated, none if links is None else links, lone)
            isolated = groups >= 0 if isolated is None else isolated | (groups >= 0)
            merged = None if merged is None else np.where(groups >= 0, 0, merged).astype(np.int32)
        self._multigrid = Multigrid(edges, ground, isolated, merged)
        if self._super is not None:
            self._super.prepare(self._cycle, self._room[0])
        self._row_sums = np.zeros((2, rows))

    def _preconditioned(self, residual: np.ndarray) -> np.ndarray:
        return self._cycle(residual) if self._super is None else self._super.apply(self._cycle, residual)

    def _cycle(self, residual: np.ndarray) -> np.ndarray:
        self._cancel()
        return self._multigrid.apply(residual)

    def _framed_index(self, cells: np.ndarray) -> np.ndarray:
        row, column = np.divmod(cells, self.shape[1])
        return (row + 1) * (self.shape[1] + 2) + column + 1

    def _rows(self, task: Callable[..., object], *arguments: object) -> None:
        spread(functools.partial(task, *arguments), self.shape[0], self.shape[0] * self.shape[1])

    def _product(self, vector: np.ndarray, result: np.ndarray) -> float:
        """Fill ``A u``, averaged over merged cells; return ``u A u``."""
        dots = self._row_sums[0]
        self._rows(conjugate_gradients.product, *self._edges, self._ground, vector, result, dots)
        total = float(dots.sum())
        if self._links is not None:
            first, second, conductance = self._links
            flat, out = vector.reshape(-1), result.reshape(-1)
            change = flat[first] - flat[second]
            np.add.at(out, first, conductance * change)
            np.subtract.at(out, second, conductance * change)
            total += float(conductance @ change**2)
        self._tidy(result)
        return total

    def _tidy(self, vector: np.ndarray) -> None:
        if self._isolated is not None:
            vector.reshape(-1)[self._isolated] = 0
        if self._merged is not None:
            self._merged.average(vector)

    def solve(self, cells: np.ndarray, amperes: np.ndarray, tolerance: float, most: int, out: np.ndarray) -> Solution:
        """Solve for currents that enter at some cells.

        Parameters
        ----------
        cells : array of int64, shape (k,)
            Flat indices.
        amperes : array, shape (k,)
        tolerance : float
            Largest residual, relative to the currents, in the Euclidean norm.
        most : int
            Iterations after which to give up.
        out : array, shape (rows, columns)
            Filled with potentials; meaningless where there is no node.
        """
        solution, residual, _, product = self._room
        solution[...] = 0
        product[...] = 0
        enter = functools.partial(np.add.at, residual.reshape(-1), self._framed_index(cells), amperes)
        residual[...] = 0
        enter()
        self._tidy(residual)
        size = float(np.sqrt(np.vdot(residual, residual)))
        iterations, left = 0, 0.0
        for _ in range(_RESTARTS if size > 0 else 0):
            iterations += self._iterate(size, tolerance, most - iterations)
            # The residual of the equations themselves, not the one that the iterations carried on.
            self._product(solution, product)
            np.negative(product, out=residual)
            enter()
            self._tidy(residual)
            left = float(np.sqrt(np.vdot(residual, residual))) / size
            if left <= tolerance or iterations >= most:
                break
        out[...] = solution[1:-1, 1:-1]
        converged = left <= tolerance or left <= self._rounding(out) / size
        return Solution(iterations, left, converged)

    def _rounding(self, potential: np.ndarray) -> float:
        """Return the residual that no solution in float64 is without: that of rounding the potentials."""
        largest = sum(float(np.square(edge * potential).sum()) for edge in self._edges)
        return _ROUNDING * float(np.sqrt(largest))

    def _iterate(self, size: float, tolerance: float, most: int) -> int:
        """Improve the solution from its residual; return the number of iterations."""
        solution, residual, direction, product = self._room
        dots, crosses = self._row_sums
        direction[...] = 0
        before, step, keep = 1.0, 0.0, 0.0
        for iteration in range(1, most + 1):
            preconditioned = self._preconditioned(residual)
            self._tidy(preconditioned)
            self._rows(conjugate_gradients.sums, preconditioned, residual, product, dots, crosses)
            now = float(dots.sum())
            if iteration > 1:
                # Not `now / before`: the preconditioner rounds to float32.
                keep = -step * float(crosses.sum()) / before
            self._rows(conjugate_gradients.turn, keep, preconditioned, direction)
            curvature = self._product(direction, product)
            if not (now > 0 and curvature > 0):
                return iteration
            step = now / curvature
            self._rows(conjugate_gradients.advance, step, direction, product, solution, residual, dots)
            before = now
            if float(dots.sum()) <= (tolerance * size) ** 2:
                return iteration
        return most
