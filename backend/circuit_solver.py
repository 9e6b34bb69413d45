"""Potentials and currents of a raster circuit: one preparation, any number of right-hand sides."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .circuit import Circuit
from .circuit_nodes import ElectricalNodes, component_labels, conductance_matrix, electrical_nodes
from .circuit_plan import Method, chosen_method, memory_needed
from .errors import DriftwayError
from .job import Report
from .memory import available_memory, human_bytes
from .solvers.circuit_components import centre
from .solvers.circuit_currents import NEGLIGIBLE, largest_branches, node_currents
from .solvers.direct_factorisation import DirectFactorisation
from .solvers.multigrid import NO_CELLS
from .solvers.stencil_system import Solution, StencilSystem
from .solvers.threads import spread

#: How much of a component's current may be missing for it to count as balanced.
_BALANCE = 1e-9
_MOST_ITERATIONS = 150


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
    method : {"automatic", "direct", "multigrid"}
        ``multigrid``: conjugate gradients preconditioned by multigrid; should they not converge, a factorisation if it fits
        into memory. ``direct``: a factorisation. ``automatic``: as `circuit_plan.chosen_method` says.
    right_hand_sides : int
        How many are expected, for the choice of the method.
    report : Report or None
        Asked whether to stop; hears of a change of method.

    Notes
    -----
    A component without any ground floats: the currents into it must sum to 0, and its potentials have mean 0 over its cells.
    The results do not depend on the number of threads.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        grounds: Float[np.ndarray, "rows columns"] | None = None,
        fixed: Bool[np.ndarray, "rows columns"] | None = None,
        tolerance: float = 1e-8,
        method: Method = "automatic",
        right_hand_sides: int = 1,
        report: Report | None = None,
    ) -> None:
        self.circuit, self.tolerance = circuit, tolerance
        self._cancel: Callable[[], None] = report.raise_if_cancelled if report is not None else lambda: None
        self._report = report
        self.labels = component_labels(circuit)
        self._ground = NO_CELLS if grounds is None else np.where(circuit.node, grounds, 0.0)
        self._held = None if fixed is None else _with_merged(circuit, fixed & circuit.node)
        grounded = np.zeros(int(self.labels.max(initial=0)) + 1, bool)
        grounded[0] = True
        if self._held is not None:
            grounded[self.labels[self._held]] = True
        if grounds is not None:
            grounded[self.labels[self._ground > 0]] = True
        self.floats = ~grounded
        self.iterations = 0
        chosen = chosen_method(circuit.node.size, right_hand_sides) if method == "automatic" else method
        self._iterative = None if chosen == "direct" else self._stencil_system()

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
            self._cancel()
            cells, amperes = self._entering(currents, which)
            self._solve(cells, amperes, found[which])
            centre(found[which], self.labels, self.floats)
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
            self._cancel()
            self._through_nodes(potential, found[which])
        return found

    def _entering(self, currents: np.ndarray | PointCurrents, which: int) -> tuple[np.ndarray, np.ndarray]:
        """Return cells and what enters there, checked."""
        if isinstance(currents, PointCurrents):
            cells, amperes = currents.cells, np.asarray(currents.amperes[which], np.float64)
        else:
            flat = currents[which].ravel()
            cells = np.flatnonzero(flat)
            amperes = flat[cells]
        label = self.labels.ravel()[cells]
        astray = (label == 0) & (amperes != 0)
        if astray.any():
            row, column = divmod(int(cells[np.argmax(astray)]), self.circuit.shape[1])
            raise DriftwayError(
                f"Current enters at row {row + 1}, column {column + 1}, where there is no node.",
                "Put sources on cells with a finite resistance.",
            )
        net = np.bincount(label, amperes, len(self.floats))
        entering = np.bincount(label, np.abs(amperes), len(self.floats))
        unbalanced = self.floats & (np.abs(net) > _BALANCE * entering)
        if unbalanced.any():
            raise DriftwayError(
                f"{net[unbalanced][0]:.6g} A enter a part of the circuit that has no ground.",
                "Add a ground to it, or let the currents into it sum to 0.",
            )
        return cells[label > 0], amperes[label > 0]

    def _solve(self, cells: np.ndarray, amperes: np.ndarray, out: np.ndarray) -> None:
        if self._iterative is not None:
            solution = self._iterative.solve(cells, amperes, self.tolerance, _MOST_ITERATIONS, out)
            self.iterations = max(self.iterations, solution.iterations)
            if solution.converged:
                return
            self._give_up_iterating(solution)
        factors, nodes = self._factors
        into = np.bincount(nodes.index.ravel()[cells], amperes, nodes.count)
        voltage, residual, rounding = factors.solve(into)
        out[...] = nodes.spread(voltage)
        if not residual <= max(self.tolerance, rounding):
            raise DriftwayError(
                f"The potentials leave {residual:.1e} of the current unaccounted for; {self.tolerance:.0e} is allowed.",
                "The resistances differ by more than double precision can hold: narrow their range.",
            )

    def _give_up_iterating(self, solution: Solution) -> None:
        """Let a factorisation take over for good, if it fits."""
        rows, columns = self.circuit.shape
        need, free = memory_needed(rows, columns, "direct"), available_memory()
        if need > free:
            raise DriftwayError(
                f"After {solution.iterations} iterations {solution.residual:.1e} of the current is unaccounted for, and "
                f"{human_bytes(need)} for a direct solution do not fit into the {human_bytes(free)} that are free.",
                "Narrow the range of the resistances, use a coarser raster or a smaller extent, or free memory.",
            )
        if self._report is not None:
            self._report.message(
                f"{solution.iterations} iterations left {solution.residual:.1e} of the current unaccounted for: "
                "solving directly instead."
            )
        self._iterative = None

    @functools.cached_property
    def _factors(self) -> tuple[DirectFactorisation, ElectricalNodes]:
        """Return the factors of the matrix between nodes, and the nodes."""
        nodes = electrical_nodes(self.circuit)
        held = np.zeros(nodes.count, bool)
        if self._held is not None:
            held[nodes.index[self._held]] = True
        # One node of each floating component is held instead.
        labels, first = np.unique(self.labels.ravel(), return_index=True)
        held[nodes.index.ravel()[first[self.floats[labels]]]] = True
        ground = np.zeros(nodes.count) if self._ground is NO_CELLS else nodes.summed(self._ground)
        return DirectFactorisation(conductance_matrix(self.circuit, nodes), ground, held), nodes

    def _stencil_system(self) -> StencilSystem:
        circuit = self.circuit
        merged = circuit.merged
        if merged is not None:
            merged = np.where(circuit.node, np.maximum(merged, 0), 0).astype(np.int32)
            if self._held is not None:
                merged[self._held] = 0
        irregular = merged is not None or circuit.links is not None
        floating = np.where(self.floats[self.labels], self.labels, 0) if irregular else None
        return StencilSystem(circuit.edges, self._ground, self._held, merged, circuit.links, floating, self._cancel)

    def _through_nodes(self, potential: np.ndarray, out: np.ndarray) -> None:
        circuit = self.circuit
        rows, cells = circuit.shape[0], circuit.node.size
        largest = np.zeros(rows)
        spread(functools.partial(largest_branches, *circuit.edges, potential, largest), rows, cells)
        links, by_link = circuit.links, np.zeros(0)
        if links is not None:
            flat = potential.ravel()
            by_link = links.conductance * (flat[links.first] - flat[links.second])
        least = NEGLIGIBLE * max(largest.max(initial=0.0), np.abs(by_link).max(initial=0.0))
        together = links is not None or circuit.merged is not None
        net = np.empty(circuit.shape) if together else NO_CELLS
        spread(functools.partial(node_currents, *circuit.edges, self._ground, potential, least, net, out), rows, cells)
        if links is not None:
            counted = np.where(np.abs(by_link) < least, 0.0, by_link)
            np.add.at(net.ravel(), links.first, counted)
            np.subtract.at(net.ravel(), links.second, counted)
            for end in (links.first, links.second):
                np.add.at(out.reshape(-1), end, np.abs(counted))
        if together:
            if circuit.merged is not None:
                _sum_merged(circuit, net)
                _sum_merged(circuit, out)
            out += np.abs(net)
            out /= 2
        out[~circuit.node] = np.nan


def _with_merged(circuit: Circuit, cells: np.ndarray) -> np.ndarray:
    """Return the cells, with all those that are one node with one of them."""
    if circuit.merged is None:
        return cells
    numbers = np.unique(circuit.merged[cells])
    return cells | (circuit.node & (circuit.merged > 0) & np.isin(circuit.merged, numbers))


def _sum_merged(circuit: Circuit, values: np.ndarray) -> None:
    """Give all cells of a merged node the sum of their values."""
    if circuit.merged is None:
        return
    together = (circuit.merged > 0) & circuit.node
    _, group = np.unique(circuit.merged[together], return_inverse=True)
    values[together] = np.bincount(group, values[together])[group]
