"""Circuits against dense matrices written out cell by cell, closed forms and laws."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest
from raster_circuits import CIRCUITSCAPE, rough, wires

from backend.circuit import Links, circuit_of_conductance, circuit_of_resistance
from backend.circuit_nodes import component_labels
from backend.circuit_plan import chosen_method, memory_needed
from backend.circuit_solver import CircuitSolver, PointCurrents
from backend.errors import DriftwayError
from backend.grid import edge_costs
from backend.neighbourhood import Neighbourhood
from backend.solvers.direct_factorisation import DirectFactorisation

METHODS = ["direct", "multigrid"]


def expected(circuit, currents, grounds=None, fixed=None):
    """Return potentials and node currents by a dense matrix; every component must be grounded or balanced."""
    cells = circuit.node.size
    merged = np.zeros(cells, int) if circuit.merged is None else circuit.merged.ravel()
    node = circuit.node.ravel()
    first = {number: np.flatnonzero((merged == number) & node)[0] for number in np.unique(merged[node & (merged > 0)])}
    of = np.array([first[merged[k]] if node[k] and merged[k] > 0 else k for k in range(cells)])
    L, s = np.zeros((cells, cells)), np.zeros(cells)
    for a, b, g in wires(circuit):
        a, b = of[a], of[b]
        if a != b:
            L[a, a] += g
            L[b, b] += g
            L[a, b] -= g
            L[b, a] -= g
    to_ground = np.zeros(cells)
    if grounds is not None:
        np.add.at(to_ground, of, np.where(node, grounds.ravel(), 0))
    np.add.at(s, of, currents.ravel())
    L += np.diag(to_ground)
    free = np.ones(cells, bool)
    if fixed is not None:
        free[of[fixed.ravel()]] = False
    v = np.zeros(cells)
    v[free] = np.linalg.pinv(L[np.ix_(free, free)], rcond=1e-13, hermitian=True) @ s[free]
    branches = [(of[a], of[b], g * (v[of[a]] - v[of[b]])) for a, b, g in wires(circuit) if of[a] != of[b]]
    least = 1e-8 * max(abs(i) for _, _, i in branches)
    out, into = np.maximum(to_ground * v, 0), np.maximum(-to_ground * v, 0)
    for a, b, i in branches:
        for one, other, current in ((a, b, i), (b, a, -i)):
            if current >= least:
                out[one] += current
                into[other] += current
    as_map = lambda x: np.where(circuit.node, x[of].reshape(circuit.shape), np.nan)  # noqa: E731
    return as_map(v), as_map(np.maximum(out, into))


@pytest.mark.parametrize(
    "neighbourhood",
    [
        CIRCUITSCAPE,
        Neighbourhood(2.0, 3.0, 8, "average_resistance", "closed"),
        Neighbourhood(3.0, 1.0, 4, "average_conductance", "closed"),
    ],
)
def test_edges_are_those_of_the_grid(neighbourhood):
    resistance = rough(7, 9, holes=0.4)
    costs = edge_costs(jnp.asarray(resistance), neighbourhood)
    one = circuit_of_resistance(resistance, neighbourhood)
    other = circuit_of_conductance(np.where(np.isfinite(resistance), 1 / resistance, 0.0), neighbourhood)
    for name in ("east", "south", "southeast", "southwest"):
        conductance = 1 / np.asarray(getattr(costs, name))
        np.testing.assert_allclose(getattr(one, name), conductance, rtol=1e-14)
        np.testing.assert_allclose(getattr(other, name), conductance, rtol=1e-14)


def test_nodes_of_no_conductance_are_joined_by_the_mean_of_conductances():
    conductance = np.array([[1.0, 0.0, 3.0]])
    found = circuit_of_conductance(conductance, CIRCUITSCAPE, node=np.ones((1, 3), bool))
    np.testing.assert_array_equal(found.east, [[0.5, 1.5, 0.0]])
    none = circuit_of_conductance(conductance, Neighbourhood(1, 1), node=np.ones((1, 3), bool))
    np.testing.assert_array_equal(none.east, [[0.0, 0.0, 0.0]])


def a_circuit(kind):
    resistance = rough(9, 11)
    merged = links = grounds = fixed = None
    if "merged" in kind:
        merged = np.zeros((9, 11), np.int32)
        merged[2, 1:7], merged[5:8, 4], merged[0, 10], merged[8, 0] = 7, 2, 9, 9
    if "links" in kind:
        links = Links(np.array([3, 40]), np.array([88, 17]), np.array([0.7, 2.5]))
    if "grounds" in kind:
        grounds = np.where(np.random.default_rng(3).random((9, 11)) < 0.1, 0.3, 0.0)
    if "fixed" in kind:
        fixed = np.zeros((9, 11), bool)
        fixed[4, 5:7] = fixed[6, 4] = True
    whole = circuit_of_resistance(resistance, CIRCUITSCAPE)
    # Links must join nodes.
    if links is not None:
        assert whole.node.ravel()[np.concatenate([links.first, links.second])].all()
    return circuit_of_resistance(resistance, CIRCUITSCAPE, merged=merged, links=links), grounds, fixed


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["plain", "merged", "links", "grounds", "merged links grounds fixed", "merged fixed"])
def test_potentials_and_currents_are_those_of_a_dense_matrix(kind, method):
    circuit, grounds, fixed = a_circuit(kind)
    labels = component_labels(circuit)
    inside = np.flatnonzero((labels == np.bincount(labels[labels > 0]).argmax()).ravel())
    random = np.random.default_rng(5)
    currents = np.zeros((2, *circuit.shape))
    for each in currents:
        cells = random.choice(inside, 4, replace=False)
        each.ravel()[cells] = [1.0, 0.5, -0.7, -0.8]
    solver = CircuitSolver(circuit, grounds=grounds, fixed=fixed, method=method, tolerance=1e-12)
    potentials = solver.potentials(currents)
    through = solver.node_currents(potentials)
    floating = grounds is None and fixed is None
    for which in range(2):
        voltage, current = expected(circuit, currents[which], grounds, fixed)
        if floating:
            voltage = voltage - voltage.ravel()[inside].mean()
        np.testing.assert_allclose(potentials[which].ravel()[inside], voltage.ravel()[inside], rtol=1e-9, atol=1e-9)
        # Where a branch carries about 1e-8 of the largest current, rounding decides whether it counts.
        np.testing.assert_allclose(through[which], current, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_resistors_in_series_and_in_parallel(method):
    row = np.array([[1.0, 2.0, 5.0, 4.0]])
    series = circuit_of_resistance(row, Neighbourhood(1, 1, 4))
    ends = PointCurrents(np.array([0, 3]), np.array([[1.0, -1.0]]))
    v = CircuitSolver(series, method=method).potentials(ends)[0]
    assert v[0, 0] - v[0, 3] == pytest.approx(1.5 + 3.5 + 4.5)
    rows = circuit_of_resistance(
        np.repeat(row, 6, 0), Neighbourhood(1, 1, 4), merged=np.array([[1, 0, 0, 2]] * 6, np.int32)
    )
    v = CircuitSolver(rows, method=method, tolerance=1e-12).potentials(ends)[0]
    assert v[0, 0] - v[5, 3] == pytest.approx(9.5 / 6)


def test_foster_kirchhoff_and_reciprocity():
    """The conductances times the effective resistances of all edges sum to the nodes less the components."""
    circuit = circuit_of_resistance(rough(6, 7, holes=0.3), Neighbourhood(2.0, 1.0))
    solver = CircuitSolver(circuit, method="multigrid", tolerance=1e-12)
    edges = list(wires(circuit))
    total = 0.0
    for a, b, g in edges:
        v = solver.potentials(PointCurrents(np.array([a, b]), np.array([[1.0, -1.0]])))[0].ravel()
        total += g * (v[a] - v[b])
    assert total == pytest.approx(circuit.node.sum() - component_labels(circuit).max(), rel=1e-9)
    (a, b, _), (c, d, _) = edges[0], edges[-1]
    one, other = solver.potentials(PointCurrents(np.array([a, b, c, d]), np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])))
    assert one.ravel()[c] - one.ravel()[d] == pytest.approx(other.ravel()[a] - other.ravel()[b], rel=1e-8, abs=1e-12)
    leaving = np.zeros(circuit.node.size)
    v = one.ravel()
    for a_, b_, g in edges:
        leaving[a_] += g * (v[a_] - v[b_])
        leaving[b_] -= g * (v[a_] - v[b_])
    entering = np.zeros_like(leaving)
    entering[[a, b]] = 1, -1
    np.testing.assert_allclose(leaving, entering, atol=1e-10)


def test_rasters_of_currents_and_points_are_the_same():
    circuit = circuit_of_resistance(rough(9, 11, holes=0), CIRCUITSCAPE)
    raster = np.zeros((1, 9, 11))
    raster[0, 2, 3], raster[0, 8, 8] = 1, -1
    solver = CircuitSolver(circuit)
    points = PointCurrents(np.array([2 * 11 + 3, 8 * 11 + 8]), np.array([[1.0, -1.0]]))
    np.testing.assert_array_equal(solver.potentials(raster), solver.potentials(points))


def test_labels_follow_the_rows():
    resistance = np.array([[1.0, np.inf, 2.0, np.inf, 1.0], [1.0, np.inf, 2.0, np.inf, np.inf]])
    neighbourhood = Neighbourhood(1, 1)
    np.testing.assert_array_equal(
        component_labels(circuit_of_resistance(resistance, neighbourhood)), [[1, 0, 2, 0, 3], [1, 0, 2, 0, 0]]
    )
    merged = np.array([[0, 4, 4, 0, 0], [4, 0, 0, 0, 0]], np.int32)
    linked = circuit_of_resistance(
        resistance, neighbourhood, merged=merged, links=Links(np.array([4]), np.array([7]), np.array([1.0]))
    )
    np.testing.assert_array_equal(component_labels(linked), [[1, 0, 1, 0, 1], [1, 0, 1, 0, 0]])


def test_currents_that_cannot_leave_are_refused():
    circuit = circuit_of_resistance(np.array([[1.0, np.inf, 1.0, 1.0]]), Neighbourhood(1, 1))
    with pytest.raises(DriftwayError, match="1 A enter a part of the circuit that has no ground"):
        CircuitSolver(circuit).potentials(PointCurrents(np.array([0, 3]), np.array([[1.0, -1.0]])))


def test_currents_into_no_node_are_refused():
    circuit = circuit_of_resistance(np.array([[1.0, np.inf, 1.0, 1.0]]), Neighbourhood(1, 1))
    with pytest.raises(DriftwayError, match="row 1, column 2, where there is no node"):
        CircuitSolver(circuit).potentials(PointCurrents(np.array([1, 3]), np.array([[1.0, -1.0]])))


def test_uniform_field_and_corridor():
    """Between two plates the potential falls evenly, and every cell carries the same current."""
    merged = np.zeros((40, 120), np.int32)
    merged[:, 0], merged[:, -1] = 1, 2
    circuit = circuit_of_resistance(np.ones((40, 120)), Neighbourhood(1, 1, 4), merged=merged)
    solver = CircuitSolver(circuit, method="multigrid", tolerance=1e-11)
    v = solver.potentials(PointCurrents(np.array([0, 119]), np.array([[40.0, -40.0]])))
    np.testing.assert_allclose(v[0], np.broadcast_to(59.5 - np.arange(120), (40, 120)), atol=1e-7)
    np.testing.assert_allclose(solver.node_currents(v)[0, :, 1:-1], 1.0, rtol=1e-7)
    spiral = np.full((9, 2000), np.inf)
    spiral[4] = 3.0
    v = CircuitSolver(circuit_of_resistance(spiral, Neighbourhood(1, 1)), method="multigrid").potentials(
        PointCurrents(np.array([4 * 2000, 5 * 2000 - 1]), np.array([[1.0, -1.0]]))
    )
    assert v[0, 4, 0] - v[0, 4, -1] == pytest.approx(3 * 1999, rel=1e-9)


def test_plan_is_proportional_to_the_cells():
    assert memory_needed(3000, 3000) == 9 * memory_needed(1000, 1000)
    assert memory_needed(1000, 1000) <= 250 * 10**6
    assert memory_needed(1000, 1000, right_hand_sides=2) - memory_needed(1000, 1000) == 8 * 10**6
    assert chosen_method(100) == "direct"
    assert math.isclose(memory_needed(10, 10), memory_needed(10, 10, "direct"))


def test_direct_factors_say_what_they_leave():
    from scipy.sparse import csr_matrix

    pair = csr_matrix(np.array([[0.0, 2.0], [2.0, 0.0]]))
    voltage, residual, rounding = DirectFactorisation(pair, np.zeros(2), np.array([True, False])).solve(
        np.array([0.0, 3.0])
    )
    np.testing.assert_allclose(voltage, [0, 1.5])
    assert residual <= max(rounding, 1e-15)
