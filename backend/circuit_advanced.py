"""Current from any sources to any grounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from .circuit_grounds import Policy, settle
from .circuit_landscape import CircuitLandscape
from .circuit_nodes import electrical_nodes
from .circuit_solver import CircuitSolver
from .job import Report


@dataclass(frozen=True)
class AdvancedResult:
    """Maps of current from sources to grounds.

    Parameters
    ----------
    current : array of float64, shape (rows, columns)
        Through each node; 0 outside components that were solved.
    potential : array of float64, shape (rows, columns)
        0 outside components that were solved.
    solved : array of bool, shape (rows, columns)
        Cells of components with sources and grounds.
    components : int
        How many of these there are.
    entering : float
        Amperes that enter and are solved for.
    lost : float
        Amperes that enter components without a ground, which are left out.
    iterations : int
        Of the solver.
    """

    current: Float[np.ndarray, "rows columns"]
    potential: Float[np.ndarray, "rows columns"]
    solved: NDArray[np.bool_]
    components: int
    entering: float
    lost: float
    iterations: int


def advanced_currents(
    landscape: CircuitLandscape,
    source: Float[np.ndarray, "rows columns"],
    ground: Float[np.ndarray, "rows columns"],
    policy: Policy,
    report: Report,
    *,
    compatible: bool = False,
) -> AdvancedResult:
    """Solve ``(L + g) v = s`` in every component that has a source and a ground.

    Parameters
    ----------
    landscape : CircuitLandscape
    source : array, shape (rows, columns)
        Amperes that enter each cell, < 0: leave. Those of merged cells add up; what lies on no node is left out.
    ground : array, shape (rows, columns)
        Conductance to ground, 0 for none, inf where tied.
    policy : {"keepall", "rmvsrc", "rmvgnd", "rmvall"}
        See `circuit_grounds.settle`.
    report : Report
    compatible : bool
        As Circuitscape: see `circuit_grounds.settle`; and a component whose sources sum to 0 is left out.
    """
    circuit = landscape.circuit(landscape.regions)
    nodes = electrical_nodes(circuit)
    parts = landscape.parts(circuit)
    there = circuit.node.ravel()
    index = nodes.index.ravel()[there]
    inside = np.where(circuit.node, ground, 0.0)
    settled = settle(
        nodes.summed(np.where(circuit.node, source, 0.0)), nodes.summed(inside), policy, compatible=compatible
    )
    part = np.zeros(nodes.count, np.int64)
    part[index] = parts.ravel()[there]
    count = int(part.max(initial=0)) + 1
    given = settled.source if compatible else np.abs(settled.source)
    grounded = np.bincount(part, settled.counted, count) != 0
    has_source = np.bincount(part, given, count) != 0
    works = grounded & has_source
    works[0] = False
    entering = np.bincount(part, np.maximum(settled.source, 0), count)
    chosen = works[part]
    first = np.full(nodes.count, -1, np.int64)
    flat = np.flatnonzero(there)
    first[index[::-1]] = flat[::-1]
    current, finite = np.zeros(circuit.shape), np.zeros(circuit.shape)
    fixed = np.zeros(circuit.shape, bool)
    current.ravel()[first[chosen]] = settled.source[chosen]
    finite.ravel()[first[chosen]] = settled.finite[chosen]
    fixed.ravel()[first[chosen & settled.tied]] = True
    solved = works[parts] & circuit.node
    if not works.any():
        empty = np.zeros(circuit.shape)
        return AdvancedResult(empty, empty.copy(), solved, 0, 0.0, float(entering.sum()), 0)
    report.progress(0.1, "Solving")
    solver = CircuitSolver(circuit, grounds=finite, fixed=fixed, report=report)
    potentials = solver.potentials(current[None])
    report.progress(0.9, "Mapping currents")
    through = solver.node_currents(potentials)[0]
    return AdvancedResult(
        np.where(solved, through, 0.0),
        np.where(solved, potentials[0], 0.0),
        solved,
        int(works.sum()),
        float(entering[works].sum()),
        float(entering[~works].sum()),
        solver.iterations,
    )
