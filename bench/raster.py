"""Whole rasters through the worker, from files to files: connectivity and its sensitivity at full resolution."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Row, Task, Work
from .graphs import edge_costs, sparse_matrix
from .landscapes import landscape
from .targets import Target, times_tool
from .worker import worker

#: Dispersal distance of the demo in cells, and the proximity at which it is cut.
_SCALE_CELLS, _CUTOFF = 4, 0.01
_SAMPLE, _GRADIENT_SAMPLE = 200, 4


def cases(quick: bool) -> Sequence[Case]:
    """Return the two analyses of the Djelk landscape."""
    side = 200 if quick else None
    size = f"{side} x {side} cells" if side else "1175 x 758 cells"
    return [
        Case(f"Djelk, {analysis}", size, {"analysis": analysis, "side": side})
        for analysis in ("connectivity", "sensitivity")
    ]


def inputs(case: Case) -> Arrays:
    """Return the landscape and a sample of cells in which results are checked."""
    chosen = landscape("Djelk")
    if case.options["side"]:
        chosen = chosen.cut(case.options["side"])
    nodes = np.argwhere(np.isfinite(chosen.resistance))
    sensitivity = case.options["analysis"] == "sensitivity"
    rng = np.random.default_rng(3)
    return {
        "resistance": chosen.resistance,
        "quality": chosen.quality,
        "cell": np.array(chosen.cell),
        "sensitivity": np.array(sensitivity),
        "sample": nodes[rng.choice(len(nodes), _GRADIENT_SAMPLE if sensitivity else _SAMPLE, replace=False)],
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest error in the sample, relative to the largest value there."""
    true = reference["sample"]
    return float(np.abs(result["sample"] - true).max() / np.abs(true).max())


# ---------------------------------------------------------------- ours


def _worker(precision: str, threads: int) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        sensitivity = bool(inputs["sensitivity"])
        rows, columns = inputs["sample"].T

        def result(values: NDArray[np.float64]) -> Arrays:
            found = values[rows, columns]
            # From permeability to resistance: dC/dr = - p^2 dC/dp.
            return {"sample": -found / inputs["resistance"][rows, columns] ** 2 if sensitivity else found}

        parameters = {
            "DISPERSAL_DISTANCE": _SCALE_CELLS * float(inputs["cell"]),
            "CUTOFF": _CUTOFF,
            "PRECISION": "double" if precision == "float64" else "single",
        }
        analysis, output = ("sensitivity", "SENSITIVITY") if sensitivity else ("connectivity", "ACCESSIBLE_HABITAT")
        return worker(analysis, parameters, output, inputs, threads, result)

    return prepare


# ---------------------------------------------------------------- peers, on a sample


def _around(inputs: Arrays, cell: NDArray[np.intp], margin: int) -> tuple[slice, slice]:
    rows, columns = inputs["resistance"].shape
    top, left = max(0, cell[0] - margin), max(0, cell[1] - margin)
    return slice(top, min(rows, cell[0] + margin + 1)), slice(left, min(columns, cell[1] + margin + 1))


def _reach(inputs: Arrays) -> tuple[float, float, int]:
    scale = _SCALE_CELLS * float(inputs["cell"])
    limit = -scale * np.log(_CUTOFF)
    return scale, limit, int(limit / (inputs["resistance"].min() * float(inputs["cell"]))) + 1


def _scipy(inputs: Arrays) -> Work:
    """One source at a time in a window that holds all that it reaches, as a sample of the whole raster."""
    from scipy.sparse.csgraph import dijkstra

    scale, limit, margin = _reach(inputs)
    asked = []
    for cell in inputs["sample"]:
        inside = _around(inputs, cell, margin)
        graph = sparse_matrix(edge_costs(inputs["resistance"][inside], float(inputs["cell"])))
        columns = inside[1].stop - inside[1].start
        source = (cell[0] - inside[0].start) * columns + cell[1] - inside[1].start
        asked.append((graph, source, inputs["quality"][inside].ravel()))

    def run() -> list[float]:
        found = []
        for graph, source, quality in asked:
            distance = dijkstra(graph, indices=source, limit=limit)
            distance[source] = np.inf
            found.append(np.exp(-distance / scale) @ quality)
        return found

    nodes = np.isfinite(inputs["resistance"]).sum()
    return Work(run, lambda found: {"sample": np.array(found)}, len(asked) / nodes)


def _plain_numba(inputs: Arrays) -> Work:
    """The gradient in a few cells, from all the sources that can reach them, as a sample of the whole raster."""
    from .dijkstra import by_resistance, connectivity

    scale, limit, margin = _reach(inputs)
    asked = []
    for cell in inputs["sample"]:
        inside, near = _around(inputs, cell, 2 * margin), _around(inputs, cell, margin)
        resistance = inputs["resistance"][inside]
        costs = [np.ascontiguousarray(each) for each in edge_costs(resistance, float(inputs["cell"]))]
        corner = np.array([inside[0].start, inside[1].start])
        sources = np.argwhere(np.isfinite(inputs["resistance"][near])) + [each.start for each in near] - corner
        asked.append((costs, inputs["quality"][inside], sources, tuple(cell - corner)))

    def run() -> list[Any]:
        return [connectivity(*costs, quality, sources, limit, scale, True)[2] for costs, quality, sources, _ in asked]

    def result(found: list[Any]) -> Arrays:
        cell = float(inputs["cell"])
        each = [by_resistance(by_cost, q.shape, cell)[at] for by_cost, (_, q, _, at) in zip(found, asked, strict=True)]
        return {"sample": np.array(each)}

    nodes = np.isfinite(inputs["resistance"]).sum()
    return Work(run, result, sum(len(sources) for _, _, sources, _ in asked) / nodes)


def _is(analysis: str) -> Callable[[Case], bool]:
    return lambda case: case.options["analysis"] == analysis


def _ours(precision: str, threads: int) -> Contestant:
    name = f"Driftway worker, {threads} thread{'s' * (threads > 1)}"
    note = "a process of its own: start, reading, computing, writing"
    shares = f"{_THREADS[0]}, {precision}" if (precision, threads) == ("float64", 2) else ""
    return Contestant(
        name,
        precision,
        "engine",
        _worker(precision, threads),
        ours=True,
        caches=True,
        shares=shares,
        cores=threads,
        answers=_is("sensitivity") if precision == "float32" else lambda case: True,
        note=note,
    )


_THREADS = ("Driftway worker, 1 thread", "Driftway worker, 2 threads")


def _two_cores(rows: Sequence[Row]) -> Sequence[float]:
    chosen = [row for row in rows if "sensitivity" in row.case and row.tool == _THREADS[1]]
    return [row.wall for row in chosen if row.precision == "float64" and row.wall]


_EXTRAPOLATED = "a sample of the cells, their graphs ready-made, extrapolated to all"
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

TASKS = (
    Task(
        name="raster",
        title="Whole rasters",
        introduction="The analyses of the toolbox on a real landscape at full resolution: 25 m, dispersal distance 100 m, "
        "exponential proximity cut at 0.01, which makes windows of 18 cells around each source exact.",
        unit="s per raster",
        scale=1.0,
        contestants=(
            _ours("float64", 1),
            *([_ours("float64", 2), _ours("float32", 2)] if _CORES > 1 else []),
            Contestant(
                "SciPy dijkstra",
                "float64",
                "peers",
                _scipy,
                reference=True,
                answers=_is("connectivity"),
                note=_EXTRAPOLATED,
            ),
            Contestant(
                "plain Numba Dijkstra",
                "float64",
                "peers",
                _plain_numba,
                reference=True,
                caches=True,
                answers=_is("sensitivity"),
                note=f"with its adjoint; {_EXTRAPOLATED}",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float32": 1e-4, "float64": 1e-6},  # the maps are stored in 32 bits
        targets=(
            Target("sensitivity on two cores, float64", 60, "s of wall time", _two_cores),
            Target(
                "two cores",
                1.7,
                "x as fast as one",
                times_tool(*_THREADS),
                at_least=True,
                bounded_by="(Some 1.7 s of each run are start, reading, checks and writing, whatever the threads; the passes alone are "
                "under Two cores beside one.)",
            ),
        ),
        headline="sensitivity",
    ),
)
