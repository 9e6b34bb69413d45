"""Circuits against dense matrices written out cell by cell, closed forms and laws; multigrid against direct solutions."""

from __future__ import annotations

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from backend import circuit_solver
from backend.circuit import Links, circuit_of_conductance, circuit_of_resistance
from backend.circuit_gradient import adjoint_potentials, conductance_gradient, edge_gradient, resistance_gradient
from backend.circuit_nodes import component_labels
from backend.circuit_plan import chosen_method, memory_needed
from backend.circuit_solver import CircuitSolver, PointCurrents
from backend.errors import DriftwayError
from backend.grid import edge_costs
from backend.neighbourhood import Neighbourhood
from backend.solvers import set_thread_count
from backend.solvers.direct_factorisation import DirectFactorisation

CIRCUITSCAPE = Neighbourhood(1.0, 1.0, 8, "average_conductance", "open")
METHODS = ["direct", "multigrid"]


def rough(rows: int, columns: int, seed: int = 1, decades: float = 2.0, holes: float = 0.15) -> np.ndarray:
    random = np.random.default_rng(seed)
    resistance = 10 ** random.uniform(0, decades, (rows, columns))
    resistance[random.random((rows, columns)) < holes] = np.inf
    return resistance


def wires(circuit):
    """Give (cell, cell, conductance) of all edges and links."""
    rows, columns = circuit.shape
    for i, j in itertools.product(range(rows), range(columns)):
        for name, (down, right) in {"east": (0, 1), "south": (1, 0), "southeast": (1, 1), "southwest": (1, -1)}.items():
            g = getattr(circuit, name)[i, j]
            if g > 0:
                yield i * columns + j, (i + down) * columns + j + right, g
    if circuit.links is not None:
        yield from zip(*circuit.links, strict=True)


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
    for (a_, b_, _), current in zip(edges, _edge_currents(solver, one), strict=True):
        leaving[a_] += current
        leaving[b_] -= current
    entering = np.zeros_like(leaving)
    entering[[a, b]] = 1, -1
    np.testing.assert_allclose(leaving, entering, atol=1e-10)


def _edge_currents(solver, potential):
    branches = solver.branch_currents(potential)
    rows, columns = solver.circuit.shape
    for i, j in itertools.product(range(rows), range(columns)):
        for name in ("east", "south", "southeast", "southwest"):
            if getattr(solver.circuit, name)[i, j] > 0:
                yield getattr(branches, name)[i, j]


def hard(kind: str, n: int = 129) -> np.ndarray:
    """Return conductances, 0 where no node is; the families of landscapes that solvers find hard."""
    random = np.random.default_rng(0)
    hills = sum(gaussian_filter(random.standard_normal((n, n)), s) * s for s in (1, 4, 16))
    hills = (hills - hills.mean()) / hills.std()
    classes = np.digitize(hills, [-0.5, 0.2, 0.8])
    name, decades = kind.split()[0], float(kind.split()[1]) if " " in kind else 0.0
    if name == "categories":
        return 10 ** (-decades * np.array([1, 0.66, 0.33, 0])[classes])
    if name == "noise":
        return 10 ** (-decades * random.random((n, n)))
    if name == "holes":
        p = 10 ** (-decades * np.array([1, 0.66, 0.33, 0])[classes])
        spots = gaussian_filter(random.standard_normal((n, n)), 3)
        p[spots > np.quantile(spots, 0.7)] = 0
        return p
    if name == "islands":
        return (random.random((n, n)) < 0.35).astype(float)
    background = np.where(hills > 0, 1.0, 10**-decades) if name == "roads" else np.zeros((n, n))
    if name == "corridors":
        background[gaussian_filter(random.standard_normal((n, n)), 6) > 0.02] = 1
    for k in range(n // 4):
        i, j = random.integers(0, n, 2)
        length = int(random.integers(20, n // 2))
        angle = random.uniform(0, 2 * np.pi) + np.cumsum(random.standard_normal(length) * 0.1)
        rows = (i + np.cumsum(np.sin(angle))).astype(int) % n
        columns = (j + np.cumsum(np.cos(angle))).astype(int) % n
        # Highways beside barriers.
        background[rows, columns] = 1.0 if k % 2 or name == "corridors" else 10**-decades
    return background


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


@pytest.mark.parametrize("rule", ["average_resistance", "average_conductance"])
@pytest.mark.parametrize("input_kind", ["resistance", "conductance"])
@pytest.mark.parametrize("grounded", [True, False])
def test_gradients_are_those_of_central_differences(rule, input_kind, grounded):
    neighbourhood = Neighbourhood(1.0, 2.0, 8, rule)
    raster = rough(6, 7, decades=1)
    raster[:, 3] = 1.0  # one piece
    if input_kind == "conductance":
        raster = np.where(np.isfinite(raster), 1 / raster, 0.0)
    make = circuit_of_resistance if input_kind == "resistance" else circuit_of_conductance
    chain = resistance_gradient if input_kind == "resistance" else conductance_gradient
    merged = np.zeros((6, 7), np.int32)
    merged[1, 2:5] = 1
    labels = component_labels(make(raster, neighbourhood, merged=merged))
    cells = np.flatnonzero((labels == labels[0, 3]).ravel())
    grounds = np.zeros((6, 7))
    grounds.ravel()[cells[4]] = 0.4 if grounded else 0.0
    pair = PointCurrents(cells[[0, -1]], np.array([[1.0, -1.0 if not grounded else -0.3]]))
    weights = np.random.default_rng(2).normal(size=(6, 7))

    def solve(values):
        circuit = make(values, neighbourhood, merged=merged)
        solver = CircuitSolver(circuit, grounds=grounds if grounded else None)
        return circuit, solver, solver.potentials(pair)[0]

    def value(values):
        v = solve(values)[2]
        return float(np.nansum(weights * np.where(labels == labels[0, 3], np.nan_to_num(v) ** 2, 0)))

    circuit, solver, v = solve(raster)
    cotangent = np.where(labels == labels[0, 3], 2 * weights * np.nan_to_num(v), 0)
    adjoint = adjoint_potentials(solver, cotangent[None])[0]
    gradient = chain(circuit, edge_gradient(circuit, v, adjoint), raster, neighbourhood)
    for cell in cells[::3]:
        up, down = raster.copy(), raster.copy()
        step = 1e-5 * raster.ravel()[cell]
        up.ravel()[cell] += step
        down.ravel()[cell] -= step
        assert gradient.ravel()[cell] == pytest.approx((value(up) - value(down)) / (2 * step), rel=1e-6, abs=1e-8)


def test_gradient_of_an_effective_resistance_scales():
    """R is homogeneous of degree 1 in the resistances: the sum of r dR/dr is R."""
    resistance = rough(8, 8, holes=0)
    circuit = circuit_of_resistance(resistance, Neighbourhood(1, 1))
    v = CircuitSolver(circuit).potentials(PointCurrents(np.array([0, 63]), np.array([[1.0, -1.0]])))[0]
    gradient = resistance_gradient(circuit, edge_gradient(circuit, v, v), resistance, Neighbourhood(1, 1))
    assert float((resistance * gradient).sum()) == pytest.approx(v[0, 0] - v[7, 7])
    assert (gradient > 0).all()


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


def test_family_has_many_islands():
    assert label(hard("islands") > 0, np.ones((3, 3)))[1] > 500
