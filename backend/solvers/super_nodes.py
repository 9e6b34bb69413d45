"""Nodes of a raster circuit that are no single cells with eight neighbours: merged regions, and ends of links.

They are left out of the stencil, as if held at a potential, and their potentials follow from a small dense system, the Schur
complement. With the multigrid cycle ``M`` in place of the inverse of the stencil's equations, and the super-nodes' couplings ``C``
and matrix ``D``: ``w = (D - C^T M C)^-1 (r_w + C^T M r)`` and ``z = M (r + C w)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Eigenvalues of the dense system, relative to its largest, that count as 0.
_SINGULAR = 1e-10
#: Regions that fill so much of the square of their extent stay in the stencil: highly conductive patches do not trouble it.
_COMPACT = 0.3
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


class SuperNodes:
    """The super-nodes of a circuit.

    Parameters
    ----------
    edges : tuple of arrays, (rows, columns) each
        Conductances as in `Circuit`.
    ground : array, (rows, columns) or (0, 0)
    group : array of int64, shape (rows, columns)
        Which super-node a cell belongs to, -1 for none.
    held : bool array, shape (rows, columns), or None
        Cells at potential 0.
    links : tuple of (first, second, conductance)
        Links, flat indices of cells; those count whose ends both belong to super-nodes.
    floating : int array, shape (rows, columns)
        Number > 0 of the component of a cell, where nothing leads to ground; 0 elsewhere.
    """

    def __init__(
        self,
        edges: tuple[np.ndarray, ...],
        ground: np.ndarray,
        group: np.ndarray,
        held: np.ndarray | None,
        links: tuple[np.ndarray, np.ndarray, np.ndarray],
        floating: np.ndarray,
    ) -> None:
        rows, columns = group.shape
        self.count = int(group.max()) + 1
        cells = np.flatnonzero(group >= 0)
        row, column = np.divmod(cells, columns)
        self._group = group.ravel()[cells]
        stride = columns + 2
        self._cells = (row + 1) * stride + column + 1
        self._dense = np.zeros((self.count, self.count))
        beside, of_group, conductances = [], [], []
        for values, (down, right) in zip(edges, _STEPS, strict=True):
            for sign in (1, -1):
                k, m = row + sign * down, column + sign * right
                inside = (k >= 0) & (k < rows) & (m >= 0) & (m < columns)
                k, m, own = k[inside], m[inside], self._group[inside]
                g = values[row[inside], column[inside]] if sign == 1 else values[k, m]
                other = group[k, m]
                outwards = (g > 0) & (other != own)
                np.add.at(self._dense, (own[outwards], own[outwards]), g[outwards])
                direct = outwards & (other >= 0)
                np.subtract.at(self._dense, (own[direct], other[direct]), g[direct])
                to_cell = outwards & (other < 0)
                if held is not None:
                    to_cell &= ~held[k, m]
                beside.append((k[to_cell] + 1) * stride + m[to_cell] + 1)
                of_group.append(own[to_cell])
                conductances.append(g[to_cell])
        self._beside, self._of = np.concatenate(beside), np.concatenate(of_group)
        self._conductance = np.concatenate(conductances)
        if ground.shape[0] > 0:
            np.add.at(self._dense, (self._group, self._group), ground.ravel()[cells])
        a, b, g = group.ravel()[links[0]], group.ravel()[links[1]], links[2]
        known = (a >= 0) & (b >= 0) & (a != b)
        for one, other in ((a[known], b[known]), (b[known], a[known])):
            np.add.at(self._dense, (one, one), g[known])
            np.subtract.at(self._dense, (one, other), g[known])
        component = np.zeros(self.count, np.int64)
        component[self._group] = floating.ravel()[cells]
        # One column for each floating component: its potential as a whole means nothing.
        self._constants = np.array([component == each for each in np.unique(component[component > 0])], float).T
        self._inverse = np.zeros_like(self._dense)

    def prepare(self, cycle: Callable[[np.ndarray], np.ndarray], room: np.ndarray) -> None:
        """Find the dense system, by one cycle per super-node; `room` is a framed raster to work in."""
        schur = self._dense.copy()
        flat = room.reshape(-1)
        for which in range(self.count):
            flat[:] = 0
            own = self._of == which
            np.add.at(flat, self._beside[own], self._conductance[own])
            schur[:, which] -= self._currents(cycle(room))
        schur = (schur + schur.T) / 2
        if self._constants.size:
            # The cycle is no exact inverse: without this, it would take a component as a whole for weakly grounded.
            unit = self._constants / np.linalg.norm(self._constants, axis=0)
            keep = np.eye(self.count) - unit @ unit.T
            schur = keep @ schur @ keep
        values, vectors = np.linalg.eigh(schur)
        kept = values > _SINGULAR * max(values.max(), 0.0)
        self._inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T

    def _currents(self, potential: np.ndarray) -> np.ndarray:
        """Return ``C^T v``."""
        flat = potential.reshape(-1)
        return np.bincount(self._of, self._conductance * flat[self._beside], self.count)

    def apply(self, cycle: Callable[[np.ndarray], np.ndarray], residual: np.ndarray) -> np.ndarray:
        """Return the preconditioned residual, framed."""
        flat = residual.reshape(-1)
        own, beside = flat[self._cells], flat[self._beside]
        flat[self._cells] = 0
        right = np.bincount(self._group, own, self.count) + self._currents(cycle(residual))
        potential = self._inverse @ right
        np.add.at(flat, self._beside, self._conductance * potential[self._of])
        found = cycle(residual)
        flat[self._beside], flat[self._cells] = beside, own
        found.reshape(-1)[self._cells] = potential[self._group]
        return found


def super_groups(
    merged: np.ndarray | None,
    links: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    shape: tuple[int, int],
    most: int,
) -> np.ndarray | None:
    """Return which super-node each cell belongs to, -1 for none; None if there are none.

    Ends of links come first, then merged regions that are not compact by their extent, until there are `most`.
    """
    groups = np.full(shape, -1, np.int64)
    flat = groups.reshape(-1)
    numbers = np.zeros(flat.size, np.int32) if merged is None else merged.ravel()
    if links is not None:
        ends = np.unique(np.concatenate([links[0], links[1]]))
        single = ends[numbers[ends] <= 0]
        regions = np.unique(numbers[ends[numbers[ends] > 0]])
    else:
        single, regions = np.empty(0, np.int64), np.empty(0, np.int32)
    if merged is not None:
        by_extent = _by_extent(merged)
        regions = np.concatenate([regions, by_extent[~np.isin(by_extent, regions)]])
    cells = np.flatnonzero(numbers > 0)
    chosen = regions[: max(0, most - min(len(single), most))]
    position = {int(number): which for which, number in enumerate(chosen)}
    flat[cells] = [position.get(int(number), -1) for number in numbers[cells]]
    kept = single[: most - len(chosen)]
    flat[kept] = len(chosen) + np.arange(len(kept))
    return groups if len(chosen) + len(kept) else None


def _by_extent(merged: np.ndarray) -> np.ndarray:
    """Return the numbers of the merged regions that are long or scattered, those that reach furthest first."""
    cells = np.flatnonzero(merged > 0)
    row, column = np.divmod(cells, merged.shape[1])
    numbers, group, size = np.unique(merged.ravel()[cells], return_inverse=True, return_counts=True)
    reach = np.zeros(len(numbers))
    for place in (row, column):
        low, high = np.full(len(numbers), np.inf), np.full(len(numbers), -np.inf)
        np.minimum.at(low, group, place)
        np.maximum.at(high, group, place)
        reach = np.maximum(reach, high - low + 1)
    order = np.argsort(-reach, kind="stable")
    return numbers[order][(size < _COMPACT * reach**2)[order]]
