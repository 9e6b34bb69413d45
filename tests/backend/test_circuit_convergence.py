"""Multigrid on landscapes that solvers find hard: as direct solutions, in few iterations; and what happens when it is slow."""

from __future__ import annotations

import numpy as np
import pytest
from raster_circuits import CIRCUITSCAPE, hard, rough
from scipy.ndimage import label

from backend import circuit_solver
from backend.circuit import Links, circuit_of_conductance, circuit_of_resistance
from backend.circuit_nodes import component_labels
from backend.circuit_solver import CircuitSolver, PointCurrents
from backend.errors import DriftwayError
from backend.neighbourhood import Neighbourhood
from backend.solvers import set_thread_count

#: Iterations to 1e-8 that were measured, the greater of both shapes of cells and a few more.
ITERATIONS = {
    "categories 0": 6,
    "categories 4": 9,
    "categories 6": 12,
    "noise 6": 20,
    "noise 9": 36,
    "holes 4": 10,
    "holes 6": 12,
    "roads 4": 16,
    "roads 6": 55,
    "corridors": 9,
    "islands": 14,
}


@pytest.mark.parametrize("kind", ITERATIONS)
@pytest.mark.parametrize("shape", ["square cells", "long cells"])
def test_hard_landscapes_take_few_iterations(kind, shape):
    conductance = hard(kind)
    neighbourhood = CIRCUITSCAPE if shape == "square cells" else Neighbourhood(1.0, 2.0, 8, "average_resistance")
    circuit = circuit_of_conductance(conductance, neighbourhood)
    labels = component_labels(circuit)
    cells = np.flatnonzero((labels == np.bincount(labels[labels > 0]).argmax()).ravel())
    pair = PointCurrents(cells[[len(cells) // 9, -len(cells) // 9]], np.array([[1.0, -1.0]]))
    quick = CircuitSolver(circuit, method="multigrid")
    potential = quick.potentials(pair)
    sure = CircuitSolver(circuit, method="direct")
    reference = sure.potentials(pair)
    resistance = lambda v: np.subtract(*v[0].ravel()[pair.cells])  # noqa: E731
    assert resistance(potential) == pytest.approx(resistance(reference), rel=2e-7)
    np.testing.assert_allclose(quick.node_currents(potential), sure.node_currents(reference), atol=1e-6)
    assert 0 < quick.iterations <= 1.3 * ITERATIONS[kind]


def irregular(kind: str):
    """Return merged cells and links that spoil the stencil."""
    random = np.random.default_rng(3)
    merged, links = np.zeros((129, 129), np.int32), None
    if kind == "river":
        columns = np.arange(5, 125)
        merged[(64 + 20 * np.sin(columns / 9)).astype(int), columns] = 3
    if kind == "scattered":
        merged.ravel()[random.choice(129 * 129, 12, replace=False)] = 1
    if kind == "patches":
        for number, (row, column) in enumerate(random.integers(5, 115, (20, 2)), start=1):
            merged[row : row + 6, column : column + 6] = number
    if kind == "links":
        links = Links(*random.integers(0, 129 * 129, (2, 6)), np.full(6, 1.0))
    return merged, links


@pytest.mark.parametrize(("kind", "most"), [("river", 12), ("scattered", 14), ("patches", 30), ("links", 40)])
def test_short_circuits_and_links_take_few_iterations(kind, most):
    merged, links = irregular(kind)
    circuit = circuit_of_conductance(hard("categories 4"), CIRCUITSCAPE, merged=merged, links=links)
    pair = PointCurrents(np.array([10 * 129 + 10, 119 * 129 + 115]), np.array([[1.0, -1.0]]))
    quick, sure = CircuitSolver(circuit, method="multigrid"), CircuitSolver(circuit, method="direct")
    potential, reference = quick.potentials(pair), sure.potentials(pair)
    resistance = lambda v: np.subtract(*v[0].ravel()[pair.cells])  # noqa: E731
    assert resistance(potential) == pytest.approx(resistance(reference), rel=2e-7)
    np.testing.assert_allclose(quick.node_currents(potential), sure.node_currents(reference), atol=1e-6)
    assert 0 < quick.iterations <= most


def test_threads_change_nothing():
    circuit = circuit_of_conductance(hard("holes 4", 200), CIRCUITSCAPE)
    labels = component_labels(circuit)
    cells = np.flatnonzero((labels == np.bincount(labels[labels > 0]).argmax()).ravel())
    pair = PointCurrents(cells[[5, -5]], np.array([[1.0, -1.0]]))
    found = []
    try:
        for threads in (1, 2, 3):
            set_thread_count(threads)
            solver = CircuitSolver(circuit, method="multigrid")
            potential = solver.potentials(pair)
            found.append((potential, solver.node_currents(potential)))
    finally:
        set_thread_count(0)
    for potential, current in found[1:]:
        np.testing.assert_array_equal(potential, found[0][0])
        np.testing.assert_array_equal(current, found[0][1])


class Listener:
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)

    def raise_if_cancelled(self):
        pass


def test_slow_convergence_ends_in_a_direct_solution(monkeypatch):
    monkeypatch.setattr(circuit_solver, "_MOST_ITERATIONS", 2)
    circuit = circuit_of_resistance(rough(40, 40, decades=6), CIRCUITSCAPE)
    pair = PointCurrents(np.flatnonzero(circuit.node)[[0, -1]], np.array([[1.0, -1.0]]))
    heard = Listener()
    solver = CircuitSolver(circuit, method="multigrid", report=heard)
    np.testing.assert_array_equal(solver.potentials(pair), CircuitSolver(circuit, method="direct").potentials(pair))
    assert "solving directly instead" in heard.messages[0]


def test_slow_convergence_without_memory_is_an_error(monkeypatch):
    monkeypatch.setattr(circuit_solver, "_MOST_ITERATIONS", 2)
    monkeypatch.setattr(circuit_solver, "available_memory", lambda: 1000)
    circuit = circuit_of_resistance(rough(40, 40, decades=6), CIRCUITSCAPE)
    pair = PointCurrents(np.flatnonzero(circuit.node)[[0, -1]], np.array([[1.0, -1.0]]))
    with pytest.raises(DriftwayError, match="After 2 iterations .* Narrow the range of the resistances"):
        CircuitSolver(circuit, method="multigrid").potentials(pair)


def test_family_has_many_islands():
    assert label(hard("islands") > 0, np.ones((3, 3)))[1] > 500
