"""Peak memory of the worker while the raster grows sixteen times: distances in windows stream from and to disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Row, Task, Work
from .graphs import edge_costs, edge_list, sparse_matrix
from .landscapes import rough
from .targets import Target, times_case
from .worker import worker

#: Dispersal distance in cells (ohms for resistance), the proximity at which it is cut, blocks and radius of declared windows.
_SCALE, _CUTOFF, _BLOCK, _RADIUS = 2.0, 0.01, 5, 5
_SAMPLE = 20


def cases(quick: bool) -> Sequence[Case]:
    """Return two distances x two rasters, the second of sixteen times as many cells."""
    sides = {"least cost": (100, 400) if quick else (384, 1536), "resistance": (64, 256) if quick else (256, 1024)}
    return [_case(name, side, size) for name, pair in sides.items() for side, size in zip(pair, _SIZES, strict=True)]


_SIZES = ("raster", "16 x the raster")


def _case(name: str, side: int, size: str) -> Case:
    return Case(f"rough, {name}, {size}", f"{side} x {side} cells", {"distance": name.replace(" ", "_"), "side": side})


def inputs(case: Case) -> Arrays:
    """Return the landscape, and cells in which results are checked."""
    side = case.options["side"]
    chosen = rough(side)
    margin = _RADIUS + _BLOCK
    return {
        "resistance": chosen.resistance,
        "quality": chosen.quality,
        "cell": np.array(chosen.cell),
        "resistance distance": np.array(case.options["distance"] == "resistance"),
        "sample": np.random.default_rng(3).integers(margin, side - margin, (_SAMPLE, 2)),
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest error of the accessible habitat in the sample, relative to the largest value there."""
    true = reference["sample"]
    return float(np.abs(result["sample"] - true).max() / np.abs(true).max())


def _ours(inputs: Arrays) -> Work:
    parameters: dict[str, object] = {"DISPERSAL_DISTANCE": _SCALE, "CUTOFF": _CUTOFF}
    if inputs["resistance distance"]:
        parameters |= {"DISTANCE": "resistance", "RADIUS": _RADIUS, "BLOCK": _BLOCK}
    rows, columns = inputs["sample"].T
    return worker(
        "connectivity",
        parameters,
        "ACCESSIBLE_HABITAT",
        inputs,
        2,
        lambda values: {"sample": values[rows, columns]},
    )


def _window(inputs: Arrays, cell: NDArray[np.intp]) -> tuple[slice, slice]:
    """Return the cells that count for a source: those in reach, or the window that its block declares."""
    if inputs["resistance distance"]:
        first = cell // _BLOCK * _BLOCK
        start, stop = first - _RADIUS, first + _BLOCK + _RADIUS
    else:
        reach = int(-_SCALE * np.log(_CUTOFF)) + 1
        start, stop = cell - reach, cell + reach + 1
    size = inputs["resistance"].shape
    row, column = (slice(max(0, start[k]), min(size[k], stop[k])) for k in (0, 1))
    return row, column


def _scipy(inputs: Arrays) -> Work:
    """One source at a time in its own window, for a sample of the raster."""
    windows = [_window(inputs, cell) for cell in inputs["sample"]]
    costs = [edge_costs(inputs["resistance"][window], float(inputs["cell"])) for window in windows]
    sources = [np.subtract(c, [each.start for each in w]) for c, w in zip(inputs["sample"], windows, strict=True)]
    qualities = [inputs["quality"][window].ravel() for window in windows]
    places = [cell[0] * cost[0].shape[1] + cell[1] for cell, cost in zip(sources, costs, strict=True)]
    far = _effective_resistances if inputs["resistance distance"] else _least_costs
    limit = -_SCALE * np.log(_CUTOFF)

    def run() -> list[float]:
        found = []
        for cost, place, quality in zip(costs, places, qualities, strict=True):
            distance = far(cost, place)
            distance[place] = np.inf
            counts = distance <= limit
            found.append(float(np.exp(-distance[counts] / _SCALE) @ quality[counts]))
        return found

    return Work(run, lambda found: {"sample": np.array(found)}, 0)


def _least_costs(costs: Any, source: int) -> NDArray[np.float64]:
    from scipy.sparse.csgraph import dijkstra

    return dijkstra(sparse_matrix(costs), indices=source)


def _effective_resistances(costs: Any, source: int) -> NDArray[np.float64]:
    """Return the resistances between a cell and all cells, from the inverse of the grounded Laplacian."""
    first, second, cost = edge_list(costs)
    laplacian = np.zeros((costs[0].size,) * 2)
    np.subtract.at(laplacian, (first, second), 1 / cost)
    laplacian += laplacian.T
    laplacian[np.diag_indices(len(laplacian))] = -laplacian.sum(axis=0)
    kept = np.delete(np.arange(len(laplacian)), source)
    found = np.zeros(len(laplacian))
    found[kept] = np.diag(np.linalg.inv(laplacian[kept][:, kept]))
    return found


def _growth(distance: str) -> Callable[[Sequence[Row]], Sequence[float]]:
    return times_case(f"{distance}, {_SIZES[1]}", f"{distance}, {_SIZES[0]}", "peak")


TASKS = (
    Task(
        name="memory",
        title="Memory and the size of the raster",
        introduction="Connectivity of a raster and of one with 16 times as many cells through the worker, on two cores: least cost "
        f"with a reach of {-_SCALE * np.log(_CUTOFF):.1f} cells, and resistance distance in windows of radius {_RADIUS} around blocks "
        f"of {_BLOCK} x {_BLOCK}. Rasters are read and written by blocks, so that memory does not grow with them.",
        unit="s per raster",
        scale=1.0,
        contestants=(
            Contestant(
                "Driftway worker, 2 threads",
                "float64",
                "engine",
                _ours,
                ours=True,
                caches=True,
                cores=2,
                note="a process of its own: start, reading, computing, writing",
            ),
            Contestant(
                "SciPy, one source at a time",
                "float64",
                "peers",
                _scipy,
                reference=True,
                note=f"Dijkstra's algorithm, and dense inverses, for {_SAMPLE} cells which ours is checked against; not timed",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float64": 1e-6},  # the map is stored in 32 bits
        targets=tuple(
            Target(f"memory, {distance}", 1.2, "x as much for 16 x the cells", _growth(distance))
            for distance in ("least cost", "resistance")
        ),
    ),
)
