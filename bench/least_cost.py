"""Least-cost distances from all sources of a block to all cells of the window that they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Task, Work
from .graphs import edge_costs, edge_list, sparse_matrix
from .landscapes import landscape
from .settings import neighbourhood, start_engine
from .targets import Target, own, times_own

_BLOCK = 4
#: Cells computed at once, about as many as a batch of the engine's has.
_CELLS = 130_000


def cases(quick: bool) -> Sequence[Case]:
    """Return landscapes x windows x limits."""
    wanted = [
        ("rough", 20, False),
        ("rough", 50, False),
        ("rough", 100, False),
        ("rough", 20, True),
        ("rough", 50, True),
    ]
    wanted += [("Djelk", 50, False), ("Djelk", 20, True), ("Djelk", 50, True)]
    if quick:
        wanted = [("rough", 20, False), ("Djelk", 20, True)]
    return [_case(*each) for each in wanted]


def _case(name: str, radius: int, limited: bool) -> Case:
    side = 2 * radius + _BLOCK
    what = "within reach" if limited else "all pairs"
    return Case(
        f"{name}, window {2 * radius + 1}, {what}",
        f"{side} x {side} cells, {_BLOCK} x {_BLOCK} sources",
        {"landscape": name, "radius": radius, "limited": limited},
    )


def inputs(case: Case) -> Arrays:
    """Return windows cut from the landscape at random places, their sources all nodes."""
    chosen, radius = landscape(case.options["landscape"]), case.options["radius"]
    side = 2 * radius + _BLOCK
    rng = np.random.default_rng(7)
    rows, columns = chosen.resistance.shape
    block = slice(radius, radius + _BLOCK)
    windows: list[NDArray[np.float64]] = []
    while len(windows) < max(4, min(64, _CELLS // side**2)):
        top, left = rng.integers(rows - side), rng.integers(columns - side)
        window = chosen.resistance[top : top + side, left : left + side]
        if np.isfinite(window[block, block]).all():
            windows.append(window)
    smallest = chosen.resistance.min()
    limit = radius * smallest * chosen.cell if case.options["limited"] else math.inf
    return {
        "resistance": np.array(windows),
        "radius": np.array(radius),
        "cell": np.array(chosen.cell),
        "limit": np.array(limit),
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest relative error of a distance; infinite when a cell is reached by one and not by the other.

    Distances at the limit, where rounding decides, are left out.
    """
    limit = float(inputs["limit"])
    got = np.asarray(result["distance"], float)
    true = reference["distance"][: len(got)]
    decided = true > 0
    if math.isfinite(limit):
        decided &= ~(np.abs(true - limit) < 2e-5 * limit) & ~(np.abs(got - limit) < 2e-5 * limit)
        got, true = (np.where(each > limit, np.inf, each) for each in (got, true))
    both = decided & np.isfinite(true) & np.isfinite(got)
    if (decided & (np.isfinite(true) != np.isfinite(got))).any():
        return math.inf
    return float((np.abs(got[both] - true[both]) / true[both]).max())


def _sources(radius: int) -> NDArray[np.intp]:
    rows, columns = np.divmod(np.arange(_BLOCK * _BLOCK), _BLOCK)
    return np.stack([rows, columns], 1) + radius


def _work(inputs: Arrays, windows: int, run: Callable[[], Any], result: Callable[[Any], NDArray[Any]]) -> Work:
    cells = inputs["resistance"].shape[1] * inputs["resistance"].shape[2]
    return Work(run, lambda found: {"distance": result(found)}, windows * cells * _BLOCK * _BLOCK)


# ---------------------------------------------------------------- ours


def _ours(precision: str, relaxation: bool = False) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        start_engine(1)
        import equinox as eqx
        import jax.numpy as jnp

        from backend.distances import LeastCostDistance
        from backend.grid import edge_costs as costs_of
        from backend.solvers.shortest_paths import shortest_paths
        from backend.window_shape import WindowShape

        radius, limit = int(inputs["radius"]), float(inputs["limit"])
        window, joined = WindowShape(_BLOCK, _BLOCK, radius, radius), neighbourhood(float(inputs["cell"]))
        resistance = jnp.asarray(inputs["resistance"], precision)

        @eqx.filter_jit
        def compute(resistance: Any, limit: Any) -> Any:
            if relaxation:
                return shortest_paths(costs_of(resistance, joined), window, limit, method="relaxation")
            return LeastCostDistance()(resistance, joined, window, limit)

        most = jnp.asarray(limit, precision)
        return _work(
            inputs,
            len(resistance),
            lambda: compute(resistance, most).block_until_ready(),
            lambda found: np.moveaxis(np.asarray(found), 3, 1),
        )

    return prepare


# ---------------------------------------------------------------- peers


def _scipy(inputs: Arrays) -> Work:
    from scipy.sparse.csgraph import dijkstra

    side, limit = inputs["resistance"].shape[1], float(inputs["limit"])
    graphs = [sparse_matrix(edge_costs(each, float(inputs["cell"]))) for each in inputs["resistance"]]
    sources = _sources(int(inputs["radius"])) @ (side, 1)
    return _work(
        inputs,
        len(graphs),
        lambda: [dijkstra(graph, indices=sources, limit=limit) for graph in graphs],
        lambda found: np.array(found).reshape(len(graphs), -1, side, side),
    )


def _scikit_image(inputs: Arrays) -> Work:
    from skimage.graph import MCP_Geometric

    cell, limit = float(inputs["cell"]), float(inputs["limit"])
    # To MCP what is negative or infinite is no node; the length of a side is that of the cell.
    costs = [np.where(np.isfinite(each), each, -1.0) for each in inputs["resistance"]]
    sources = [tuple(each) for each in _sources(int(inputs["radius"]))]
    stop = {} if math.isinf(limit) else {"max_cumulative_cost": limit}

    def run() -> list[Any]:
        found = []
        for each in costs:
            solver = MCP_Geometric(each, sampling=(cell, cell))
            found.append([np.array(solver.find_costs([source], **stop)[0]) for source in sources])
        return found

    return _work(inputs, len(costs), run, np.array)


def _plain_numba(inputs: Arrays) -> Work:
    from .dijkstra import distances

    cell, limit = float(inputs["cell"]), np.float32(min(float(inputs["limit"]), np.finfo(np.float32).max))
    graphs = [edge_costs(each.astype(np.float32), cell) for each in inputs["resistance"]]
    graphs = [[np.ascontiguousarray(cost, np.float32) for cost in graph] for graph in graphs]
    sources = _sources(int(inputs["radius"]))
    return _work(
        inputs,
        len(graphs),
        lambda: [distances(*graph, sources, np.float32(limit * (1 + 1e-6))) for graph in graphs],
        np.array,
    )


def _jaxscape(its_own_graph: bool) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        import jax.numpy as jnp
        from jax.experimental.sparse import BCOO
        from jaxscape import QUEEN_CONTIGUITY, Graph, GridGraph, LCPDistance

        side, cell = inputs["resistance"].shape[1], float(inputs["cell"])
        windows = inputs["resistance"][: 4 if side < 60 else 1]
        sources = jnp.asarray(_sources(int(inputs["radius"])) @ (side, 1))
        graphs = []
        for each in windows:
            if its_own_graph:
                permeability = jnp.asarray(1 / each / cell, jnp.float32)
                graphs.append(GridGraph(permeability, fun=_mean, neighbors=QUEEN_CONTIGUITY))
                continue
            first, second, cost = edge_list([np.where(np.isfinite(c), c, 1e30) for c in edge_costs(each, cell)])
            ends = np.stack([np.concatenate([first, second]), np.concatenate([second, first])], 1)
            weight = np.where(cost < 1e30, 1 / cost, 0)
            adjacency = BCOO(
                (jnp.asarray(np.concatenate([weight, weight]), jnp.float32), jnp.asarray(ends)),
                shape=(side**2, side**2),
            )
            graphs.append(Graph(adjacency))
        distance = LCPDistance()
        return _work(
            inputs,
            len(graphs),
            lambda: [distance(graph, sources=sources).block_until_ready() for graph in graphs],
            lambda found: np.array(found).reshape(len(graphs), -1, side, side),
        )

    return prepare


def _mean(one: Any, other: Any) -> Any:
    return (one + other) / 2


def _small(case: Case) -> bool:
    return case.options["radius"] <= 50


def _smallest(case: Case) -> bool:
    return case.options["radius"] <= 20 and not case.options["limited"]


TASKS = (
    Task(
        name="least_cost",
        title="Least-cost distances",
        introduction="From the sources of a block to every cell of the window that they share, on one core. The same graph for "
        "all: 8 neighbours, mean resistance times length. The peers get it ready-made; ours is timed from the resistances "
        "on. *Within reach*: distances up to the window's radius times the smallest resistance count, and tools that can stop "
        "there do; the pairs beyond are counted as well.",
        unit="ns per pair",
        scale=1e9,
        contestants=(
            Contestant("Driftway", "float32", "engine", _ours("float32"), ours=True, caches=True),
            Contestant("Driftway", "float64", "engine", _ours("float64"), ours=True, caches=True),
            Contestant(
                "Driftway, XLA relaxation",
                "float32",
                "engine",
                _ours("float32", relaxation=True),
                caches=True,
                answers=_smallest,
                note="the path for GPUs and the reference, here on the CPU",
            ),
            Contestant("SciPy dijkstra", "float64", "peers", _scipy, reference=True, note="with `limit` within reach"),
            Contestant(
                "scikit-image MCP_Geometric", "float64", "peers", _scikit_image, note="with `max_cumulative_cost`"
            ),
            Contestant(
                "plain Numba Dijkstra", "float32", "peers", _plain_numba, caches=True, note="one source, binary heap"
            ),
            Contestant(
                "JAXScape 0.0.13",
                "float32",
                "peers",
                _jaxscape(its_own_graph=False),
                compiles=True,
                answers=_small,
                note="`LCPDistance` on the same graph; some of the windows",
            ),
            Contestant(
                "JAXScape 0.0.13, its raster graph",
                "float32",
                "peers",
                _jaxscape(its_own_graph=True),
                compiles=True,
                answers=_smallest,
                note="`GridGraph` as documented: mean permeability, diagonal steps as long as straight ones; another question",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        targets=(
            *(
                Target(f"{window}, float32", 5, "ns per pair", own(window, precision="float32"))
                for window in ("window 41", "window 101")
            ),
            Target("SciPy dijkstra with limit", 15, "x ours", times_own("SciPy", "within reach"), at_least=True),
            Target("JAXScape on the same graph", 100, "x ours", times_own("JAXScape 0.0.13"), at_least=True),
            Target("largest error of ours", 1e-5, "", own("", "error")),
        ),
        headline="Djelk, window 101, within reach",
    ),
)
