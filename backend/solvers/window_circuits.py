"""Currents in many small circuits of one shape: circles of cells around a grounded centre."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import window_circuits_kernels as kernels
from .window_circuits_structure import Structure, window_structure

#: Windows side by side: as many as the widest registers hold.
LANES = 8

Vectors = NDArray[np.float64]


@functools.lru_cache(maxsize=4)
def _structure(inside: bytes, shape: tuple[int, int], neighbours: int) -> Structure:
    mask = np.frombuffer(inside, bool).reshape(shape)
    return window_structure(mask, (shape[0] // 2, shape[1] // 2), neighbours)


@dataclass
class Workspace:
    """What one thread works in; vectors of `lanes` windows."""

    lanes: int
    factor: Vectors
    updates: Vectors
    tiles: Vectors
    work: Vectors
    voltage: Vectors


class WindowCircuits:
    """The circuits of windows of one shape, grounded in the middle.

    The Laplacian of each window's conductances is factorised directly. Cells are joined to 4 or 8 neighbours by the mean of
    their conductances over the length of the step; a conductance of 0 is no cell. Values of windows lie in a frame of
    (rows + 2) x (columns + 2) cells, row by row, `lanes` windows innermost.

    Parameters
    ----------
    inside : array of bool, shape (rows, columns)
        Cells that a window may have; both sizes odd.
    neighbours : int
        4 or 8.
    scales : array, shape (3,)
        Half the inverse lengths of steps along a row, along a column and diagonally.
    """

    def __init__(self, inside: NDArray[np.bool_], neighbours: int, scales: NDArray[np.float64]) -> None:
        shape = (inside.shape[0], inside.shape[1])
        self.structure = _structure(np.ascontiguousarray(inside).tobytes(), shape, neighbours)
        self.scales = np.ascontiguousarray(scales, np.float64)
        self.diagonals = neighbours == 8
        rows, columns = shape
        self.frame_columns = columns + 2
        self.frame_cells = (rows + 2) * (columns + 2)
        self.centre = (rows // 2 + 1) * self.frame_columns + columns // 2 + 1
        row, column = np.nonzero(inside)
        self.cells = (row + 1) * self.frame_columns + column + 1
        self.down, self.right = row - rows // 2, column - columns // 2

    def workspace(self, lanes: int = LANES) -> Workspace:
        """Return room for so many windows side by side."""
        factor, updates, tiles, work = (int(size) * lanes for size in self.structure.sizes)
        return Workspace(
            lanes,
            np.zeros(factor),
            np.empty(updates),
            np.empty(tiles),
            np.empty(work),
            np.zeros(self.frame_cells * lanes),
        )

    def frame(self, lanes: int = LANES) -> Vectors:
        """Return a frame of zeros."""
        return np.zeros(self.frame_cells * lanes)

    def solve(self, conductance: Vectors, source: Vectors, room: Workspace) -> Vectors:
        """Return the voltages; the ground and cells without conductance have 0. Every other cell must reach the ground."""
        width = (0,) * room.lanes
        kernels.factorise(
            self.structure,
            conductance,
            source,
            self.scales,
            self.diagonals,
            room.factor,
            room.updates,
            room.tiles,
            width,
        )
        kernels.substitute_back(self.structure, room.factor, room.voltage, room.work, -1.0, width, width)
        return room.voltage

    def solve_again(self, source: Vectors, room: Workspace) -> Vectors:
        """Solve for another source, in place, with the conductances of the last `solve`."""
        width = (0,) * room.lanes
        kernels.substitute_forward(self.structure, room.factor, source, room.work, width, width)
        kernels.substitute_back(self.structure, room.factor, source, room.work, 0.0, width, width)
        source[self.centre * room.lanes : (self.centre + 1) * room.lanes] = 0
        return source

    def share(self, conductance: Vectors, room: Workspace) -> Vectors:
        """Return a factor for all windows of the conductances that the first lane has."""
        self.solve(conductance, self.frame(room.lanes), room)
        return room.factor[:: room.lanes].copy()

    def solve_shared(self, factor: Vectors, source: Vectors, room: Workspace) -> Vectors:
        """Return the voltages of windows that share a factor."""
        voltage, width = room.voltage, (0,) * room.lanes
        voltage[:] = source
        kernels.substitute_forward(self.structure, factor, voltage, room.work, (0,), width)
        kernels.substitute_back(self.structure, factor, voltage, room.work, 0.0, (0,), width)
        voltage[self.centre * room.lanes : (self.centre + 1) * room.lanes] = 0
        return voltage

    def currents(self, conductance: Vectors, source: Vectors, voltage: Vectors, out: NDArray[np.float64]) -> None:
        """Write the current through every cell, the larger of what comes in and what goes out, shape (lanes, cells)."""
        width = (0,) * out.shape[0]
        kernels.node_currents(
            self.structure,
            conductance,
            source,
            voltage,
            self.cells,
            self.centre,
            self.scales,
            self.diagonals,
            out,
            width,
        )
