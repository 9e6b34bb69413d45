"""Potentials and currents of a raster circuit: one preparation, any number of right-hand sides."""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse.csgraph import connected_components

from .circuit import Circuit
from .circuit_nodes import ElectricalNodes, conductance_matrix, electrical_nodes
from .errors import DriftwayError
from .job import Report
from .solvers.circuit_currents import NEGLIGIBLE, flows, largest_branch, no_merged
from .solvers.direct_factorisation import DirectFactorisation
from .solvers.threads import in_parts

Method = Literal["automatic", "direct"]
#: How much of a component's current may be missing for it to count as balanced.
_BALANCE = 1e-9


class PointCurrents(NamedTuple):
    """Currents that enter at a few cells: less memory than whole rasters of them.

    Parameters
    ----------
    cells : array of int64, shape (k,)
        Flat indices of cells, ``row * columns + column``.
    amperes : array of float64, shape (n, k)
        Of each right-hand side; they leave where < 0.
    """

    cells: np.ndarray
    amperes: np.ndarray


class BranchCurrents(NamedTuple):
    """Current through every edge, (rows, columns) each, > 0 from the edge's first cell to its second.

    The edges lie as in `Circuit`.
    """

    east: Float[np.ndarray, "rows columns"]
    south: Float[np.ndarray, "rows columns"]
    southeast: Float[np.ndarray, "rows columns"]
    southwest: Float[np.ndarray, "rows columns"]


class CircuitSolver:
    """Solve ``L v + g v = s`` on a raster circuit.

    Parameters
    ----------
    circuit : Circuit
    grounds : array, shape (rows, columns), or None
        Finite conductance of each cell to ground, >= 0. Those of merged cells add up.
    fixed : array of bool, shape (rows, columns), or None
        Cells that are held at potential 0 (grounds of infinite conductance). A merged node is held if one of its cells is.
    tolerance : float
        Largest remaining current, relative to the currents that enter, in the Euclidean norm over nodes.
    method : {"automatic", "direct"}
    report : Report or None
        Asked whether to stop.

    Notes
    -----
    A component without any ground floats: the currents into it must sum to 0, and its potentials have mean 0 over its nodes.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        grounds: Float[np.ndarray, "rows columns"] | None = None,
        fixed: Bool[np.ndarray, "rows columns"] | None = None,
        tolerance: float = 1e-9,
        method: Method = "automatic",
        report: Report | None = None,
    ) -> None:
        self.circuit, self.tolerance, self._report = circuit, tolerance, report
        self.grounds = np.zeros(circuit.shape) if grounds is None else grounds
        self._nodes: ElectricalNodes = electrical_nodes(circuit)
        matrix = conductance_matrix(circuit, self._nodes)
        to_ground = self._nodes.summed(self.grounds)
        held = np.zeros(self._nodes.count, bool)
        if fixed is not None:
            held[self._nodes.index[fixed & circuit.node]] = True
        count, self._component = connected_components(matrix, directed=False)
        grounded = np.zeros(count, bool)
        grounded[self._component[held | (to_ground > 0)]] = True
        self._floats = ~grounded[self._component]
        # One node of each floating component is held instead.
        numbers, first = np.unique(self._component[self._floats], return_index=True)
        anchors = np.flatnonzero(self._floats)[first]
        held[anchors] = True
        self._free = np.flatnonzero(~held)
        inner = matrix[self._free][:, self._free]
        outwards = np.asarray(matrix.sum(axis=1)).ravel()[self._free] - np.asarray(inner.sum(axis=1)).ravel()
        self._factors = DirectFactorisation(inner, to_ground[self._free] + outwards)

    @property
    def iterations(self) -> int:
        """The largest number of iterations that a right-hand side took so far; 0 if all were solved directly."""
        return 0

    def potentials(
        self, currents: Float[np.ndarray, "n rows columns"] | PointCurrents
    ) -> Float[np.ndarray, "n rows columns"]:
        """Return the potential of every cell, NaN where there is no node.

        Parameters
        ----------
        currents : array, shape (n, rows, columns), or PointCurrents
            What enters at each cell, amperes; what leaves is < 0. Currents into merged cells add up; what enters at fixed
            cells leaves there.

        Raises
        ------
        DriftwayError
            If the currents into a component without ground do not sum to 0, currents enter where there is no node, or the
            solution does not reach the tolerance.
        """
        count = len(currents.amperes) if isinstance(currents, PointCurrents) else len(currents)
        found = np.empty((count, *self.circuit.shape))
        for which in range(count):
            if self._report is not None:
                self._report.raise_if_cancelled()
            found[which] = self._solve(self._into_nodes(currents, which))
        return found

    def node_currents(self, potentials: Float[np.ndarray, "n rows columns"]) -> Float[np.ndarray, "n rows columns"]:
        """Return the current through every node: the greater of what flows in and what flows out, NaN where no node is.

        Currents to finite grounds count as flowing out; what enters from outside counts neither way. Branches with less than 1e-8 of
        the largest current count as 0. All cells of a merged node show the node's current.

        Parameters
        ----------
        potentials : array, shape (n, rows, columns)
            What `potentials` returned, or sums of such.
        """
        found = np.empty_like(potentials)
        for which, potential in enumerate(potentials):
            if self._report is not None:
                self._report.raise_if_cancelled()
            found[which] = self._through_nodes(potential)
        return found

    def branch_currents(self, potential: Float[np.ndarray, "rows columns"]) -> BranchCurrents:
        """Return the current through every edge; 0 between cells that are merged."""
        from .circuit import ENDS

        found = []
        filled = np.where(self.circuit.node, potential, 0.0)
        for values, (one, other, place) in zip(self.circuit.edges, ENDS.values(), strict=True):
            current = np.zeros(self.circuit.shape)
            current[place] = values[place] * (filled[one] - filled[other])
            found.append(current)
        return BranchCurrents(*found)

    def _into_nodes(self, currents: np.ndarray | PointCurrents, which: int) -> np.ndarray:
        if isinstance(currents, PointCurrents):
            cells, values = currents.cells, currents.amperes[which]
        else:
            flat = currents[which].ravel()
            cells = np.flatnonzero(flat)
            values = flat[cells]
        index = self._nodes.index.ravel()[cells]
        if (index < 0).any() and np.any(values[index < 0]):
            row, column = divmod(int(cells[np.argmax((index < 0) & (values != 0))]), self.circuit.shape[1])
            raise DriftwayError(
                f"Current enters at row {row + 1}, column {column + 1}, where there is no node.",
                "Put sources on cells with a finite resistance.",
            )
        there = index >= 0
        return np.bincount(index[there], values[there], self._nodes.count)

    def _solve(self, into: np.ndarray) -> np.ndarray:
        left = np.bincount(self._component[self._floats], into[self._floats], self._component.max(initial=0) + 1)
        entering = np.bincount(self._component, np.abs(into), len(left))
        unbalanced = np.abs(left) > _BALANCE * entering
        if unbalanced.any():
            raise DriftwayError(
                f"{left[unbalanced][0]:.6g} A enter a part of the circuit that has no ground.",
                "Add a ground to it, or let the currents into it sum to 0.",
            )
        voltage = np.zeros(self._nodes.count)
        voltage[self._free] = self._factors.solve(into[self._free])
        floating = self._component[self._floats]
        total = np.bincount(floating, voltage[self._floats], len(left))
        size = np.maximum(np.bincount(floating, minlength=len(left)), 1)
        voltage[self._floats] -= (total / size)[floating]
        return self._nodes.spread(voltage)

    def _through_nodes(self, potential: np.ndarray) -> np.ndarray:
        circuit = self.circuit
        merged = no_merged() if circuit.merged is None else np.ascontiguousarray(circuit.merged, np.int32)
        filled = np.where(circuit.node, potential, 0.0)
        largest = np.zeros(circuit.shape[0])

        def find_largest(first: int, last: int) -> int:
            for row in range(first, last):
                largest[row] = largest_branch(*circuit.edges, merged, filled, row, row + 1)
            return -1

        in_parts(find_largest, circuit.shape[0])
        links = circuit.links
        by_link = np.zeros(0)
        if links is not None:
            flat = filled.ravel()
            by_link = links.conductance * (flat[links.first] - flat[links.second])
        least = NEGLIGIBLE * max(largest.max(initial=0.0), np.abs(by_link).max(initial=0.0))
        inflow, outflow = np.empty(circuit.shape), np.empty(circuit.shape)
        fill = functools.partial(flows, *circuit.edges, merged, filled, least, inflow, outflow)

        def fill_rows(first: int, last: int) -> int:
            fill(first, last)
            return -1

        in_parts(fill_rows, circuit.shape[0])
        if links is not None:
            counted = np.where(np.abs(by_link) < least, 0.0, by_link)
            for cells, into, out in ((links.first, inflow, outflow), (links.second, outflow, inflow)):
                np.add.at(into.ravel(), cells, np.maximum(-counted, 0))
                np.add.at(out.ravel(), cells, np.maximum(counted, 0))
        to_ground = self.grounds * filled
        outflow += np.maximum(to_ground, 0)
        inflow -= np.minimum(to_ground, 0)
        if circuit.merged is not None:
            for each in (inflow, outflow):
                each[...] = np.nan_to_num(self._nodes.spread(self._nodes.summed(each)))
        return np.where(circuit.node, np.maximum(inflow, outflow), np.nan)
