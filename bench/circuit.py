"""Potentials of a whole raster circuit: one pair of terminals, set-up and solution to the same true residual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Row, Task, Work
from .graphs import edge_costs, edge_list
from .landscapes import rough
from .targets import Target, times_own, times_tool

#: Largest current that may be unaccounted for, relative to the current that enters, in the Euclidean norm over nodes.
_RESIDUAL = 1e-8
#: How many times that it may be when it is recomputed, to which rounding adds its share.
_ROUNDING = 5
#: Cells up to which a peer takes less than about a minute.
_MILLION, _FOUR_MILLION = 1000**2, 2000**2


def cases(quick: bool) -> Sequence[Case]:
    """Return landscapes x sizes."""
    wanted = [("rough", 200), ("holes", 200)] if quick else [("rough", s) for s in (500, 1000, 2000, 3000)]
    if not quick:
        wanted.append(("holes", 1000))
    return [_case(*each) for each in wanted]


def _case(kind: str, side: int) -> Case:
    name = f"rough, {side} x {side}" + (", a fifth no nodes" if kind == "holes" else "")
    return Case(name, "one pair of terminals", {"kind": kind, "side": side})


def inputs(case: Case) -> Arrays:
    """Return resistances and two terminals that are joined."""
    side = case.options["side"]
    resistance = rough(side, seed=4).resistance ** 2
    if case.options["kind"] == "holes":
        resistance[rough(side, seed=5).resistance == 50] = np.inf
    first, second, _ = edge_list(edge_costs(resistance, 1.0))
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), (side * side, side * side))
    _, label = connected_components(graph, directed=False)
    inside = np.flatnonzero(label == np.bincount(label).argmax())
    return {
        "resistance": np.where(np.isin(label, label[inside[0]]).reshape(side, side), resistance, np.inf),
        "terminals": inside[[len(inside) // 9, -len(inside) // 9]],
        "side": np.array(side),
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the difference of the effective resistances, relative, or the excess of the residual where that is worse.

    Without a reference, the residual.
    """
    if not reference:
        return float(result["residual"])
    excess = max(0.0, float(result["residual"]) / (_ROUNDING * _RESIDUAL) - 1)
    return max(abs(float(result["effective"]) / float(reference["effective"]) - 1), excess)


def _potentials(inputs: Arrays, potential: NDArray[np.float64], own: NDArray[np.float64] | None = None) -> Arrays:
    """Return the effective resistance, and the residual of the equations themselves."""
    first, second, cost = edge_list(edge_costs(inputs["resistance"], 1.0))
    current = (potential[first] - potential[second]) / cost
    left = np.bincount(first, current, len(potential)) - np.bincount(second, current, len(potential))
    a, b = inputs["terminals"]
    left[a] -= 1
    left[b] += 1
    return {
        "effective": np.array(potential[a] - potential[b]),
        "residual": np.array(np.linalg.norm(left) / np.sqrt(2)),
    }


# ---------------------------------------------------------------- ours


def _ours(threads: int) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        from backend.circuit import circuit_of_resistance
        from backend.circuit_solver import CircuitSolver, PointCurrents
        from backend.neighbourhood import Neighbourhood
        from backend.solvers import set_thread_count

        set_thread_count(threads)
        circuit = circuit_of_resistance(inputs["resistance"], Neighbourhood(1.0, 1.0, corners="open"))
        pair = PointCurrents(inputs["terminals"], np.array([[1.0, -1.0]]))

        def run() -> NDArray[np.float64]:
            solver = CircuitSolver(circuit, tolerance=_RESIDUAL, method="multigrid")
            return solver.potentials(pair)[0]

        return Work(run, lambda found: _potentials(inputs, np.nan_to_num(found).ravel()), 1.0)

    return prepare


# ---------------------------------------------------------------- peers


def _reduced(inputs: Arrays) -> tuple[Any, NDArray[np.float64], Callable[[NDArray[np.float64]], Arrays]]:
    """Return the matrix without the second terminal, the current, and what turns a solution into the result."""
    import scipy.sparse

    node = np.isfinite(inputs["resistance"]).ravel()
    first, second, cost = edge_list(edge_costs(inputs["resistance"], 1.0))
    one, other, g = np.concatenate([first, second]), np.concatenate([second, first]), np.tile(1 / cost, 2)
    conductance = scipy.sparse.csr_matrix((g, (one, other)), shape=(node.size, node.size))
    laplacian = scipy.sparse.diags(np.asarray(conductance.sum(axis=1)).ravel()) - conductance
    a, b = inputs["terminals"]
    node[b] = False
    kept = np.flatnonzero(node)
    matrix = scipy.sparse.csr_matrix(laplacian)[kept][:, kept]
    right = (kept == a).astype(float)

    def result(found: NDArray[np.float64]) -> Arrays:
        potential = np.zeros(node.size)
        potential[kept] = found
        return _potentials(inputs, potential)

    return matrix.tocsr(), right, result


def _pyamg(kind: str) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        import pyamg

        matrix, right, result = _reduced(inputs)
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
        build = {"aggregation": pyamg.smoothed_aggregation_solver, "classical": pyamg.ruge_stuben_solver}[kind]

        def run() -> NDArray[np.float64]:
            return build(matrix).solve(right, tol=_RESIDUAL / 2, accel="cg", maxiter=1000)

        return Work(run, result, 1.0)

    return prepare


def _superlu(inputs: Arrays) -> Work:
    from scipy.sparse.linalg import splu

    matrix, right, result = _reduced(inputs)
    columns = matrix.tocsc()
    options = {"SymmetricMode": True}
    solve = lambda: splu(columns, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).solve(right)  # noqa: E731
    return Work(solve, result, 1.0)


def _cholmod(inputs: Arrays) -> Work:
    from .cholmod import Cholesky

    matrix, right, result = _reduced(inputs)
    return Work(lambda: Cholesky(matrix).factorised(matrix)(right), result, 1.0)


def _up_to(cells: int) -> Callable[[Case], bool]:
    return lambda case: case.options["side"] ** 2 <= cells


def _without_holes(case: Case) -> bool:
    return _up_to(_MILLION)(case) and case.options["kind"] == "rough"


def remarks(rows: Sequence[Row]) -> Sequence[str]:
    """Say how the cost of ours grows with the raster."""
    ours = [
        (int(row.case.split()[1]), row.cpu)
        for row in rows
        if row.ours and row.cpu is not None and "nodes" not in row.case
    ]
    if len(ours) < 2:
        return []
    (small, quick), (large, slow) = min(ours), max(ours)
    return [
        f"Ours takes {quick / small**2 * 1e9:.0f} ns per cell on {small} x {small} cells and "
        f"{slow / large**2 * 1e9:.0f} ns on {large} x {large}."
    ]


def _bytes_per_cell(rows: Sequence[Row]) -> Sequence[float]:
    """Return the largest memory of ours per cell, interpreter, packages and the input included."""
    large = [row for row in rows if row.ours and row.peak and int(row.case.split()[1]) >= 2000]
    return [row.peak / int(row.case.split()[1]) ** 2 for row in large if row.peak]


TASKS = (
    Task(
        name="circuit",
        title="Potentials of a whole raster",
        introduction=(
            "One ampere between two cells, 8 neighbours, resistances from 1 to 10 000: set-up and solution, until the current that "
            "is unaccounted for is 1e-8 of what enters. The error is that of the effective resistance (or how far the current that is "
            "unaccounted for, recomputed from the potentials, is above 5e-8, where that is more); where no peer takes part, that current."
        ),
        unit="s",
        scale=1.0,
        contestants=(
            Contestant("Driftway", "float64", "engine", _ours(1), ours=True, caches=True),
            Contestant(
                "Driftway, 2 cores",
                "float64",
                "engine",
                _ours(2),
                caches=True,
                shares="Driftway, float64",
                cores=2,
            ),
            Contestant("SciPy SuperLU", "float64", "peers", _superlu, reference=True, answers=_without_holes),
            Contestant(
                "CHOLMOD",
                "float64",
                "peers",
                _cholmod,
                reference=True,
                note="as CVXOPT brings it, ordered by minimum degree; up to four million cells, which take 6 GB",
                answers=_up_to(_FOUR_MILLION),
            ),
            Contestant(
                "PyAMG, smoothed aggregation",
                "float64",
                "peers",
                _pyamg("aggregation"),
                note="with CG; up to four million cells, which take a minute",
                answers=_up_to(_FOUR_MILLION),
            ),
            Contestant(
                "PyAMG, Ruge-Stueben",
                "float64",
                "peers",
                _pyamg("classical"),
                answers=_without_holes,
                note="with CG; up to a million cells: four million take two minutes",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float64": 2e-7},
        remarks=remarks,
        checks_itself=True,
        headline="2000 x 2000",
        targets=(
            Target(
                "PyAMG, two cores of ours",
                10,
                "x ours in wall time",
                times_tool("PyAMG, smoothed", "Driftway, 2 cores"),
                at_least=True,
            ),
            Target("CHOLMOD, a million cells and more", 1, "x ours", times_own("CHOLMOD", "000 x"), at_least=True),
            Target("memory, four million cells and more", 250, "bytes per cell", _bytes_per_cell),
        ),
    ),
)
