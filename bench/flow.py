"""Movement flow: randomised shortest paths over a whole raster beside dense matrices, least-cost betweenness beside NetworkX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Task, Work, largest_error
from .gradient import Silent
from .graphs import edge_costs, sparse_matrix
from .landscapes import landscape
from .settings import neighbourhood, start_engine
from .targets import Target, own, times_own

_THETA, _SCALE = 0.5, 20.0
#: Rasters up to this side are small enough for dense matrices and for NetworkX.
_DENSE = 48
_STARTS = 50
#: What ConScape.jl took for a raster of 100 x 100 cells with all of about 9700 cells as targets: CPU seconds, bytes.
_CONSCAPE = (232.0, 7e9)


def cases(quick: bool) -> Sequence[Case]:
    """Return squares of a landscape, both ways to move."""
    walks = [24] if quick else [40, 100]
    found = [_case(f"randomised shortest paths, {side} x {side}", side, "walk") for side in walks]
    return [*found, _case("least cost", 24 if quick else 32, "path")]


def _case(name: str, side: int, way: str) -> Case:
    return Case(f"Djelk, {name}", f"{side} x {side} cells, all pairs", {"side": side, "way": way})


def inputs(case: Case) -> Arrays:
    """Return a square of the landscape; three in a hundred cells of the walks' are no nodes."""
    side, walk = case.options["side"], case.options["way"] == "walk"
    chosen = landscape("Djelk").cut(side)
    random = np.random.default_rng(5)
    # Unrounded, so that no two paths tie, which tools would share in their own ways.
    resistance = chosen.resistance * random.uniform(1, 1.01, chosen.resistance.shape)
    if walk:
        resistance[random.random(resistance.shape) < 0.03] = np.inf
    quality = np.where(np.isfinite(resistance), np.maximum(chosen.quality, 0.01) if walk else 1.0, 0)
    return {"resistance": resistance, "quality": quality, "cell": np.array(chosen.cell), "walk": np.array(walk)}


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest error of the maps, relative to their largest value."""
    return largest_error(result, reference)


def _ours(inputs: Arrays) -> Work:
    start_engine(1)
    import jax.numpy as jnp

    from backend.connectivity import LandscapeModel
    from backend.dispersal import load_kernel
    from backend.distances import ExpectedCostDistance, LeastCostDistance
    from backend.movement_flow import movement_flow
    from backend.movement_flow_whole import WholeRaster
    from backend.proximity import Proximity
    from backend.window_plan import WindowPlan
    from backend.window_shape import WindowShape

    walk, resistance, quality = bool(inputs["walk"]), inputs["resistance"], inputs["quality"]
    rows, columns = resistance.shape
    distance = ExpectedCostDistance(jnp.asarray(_THETA)) if walk else LeastCostDistance()
    proximity = Proximity(load_kernel("exponential"), jnp.asarray(_SCALE))
    joined = neighbourhood(1.0 if walk else float(inputs["cell"]))
    chosen = LandscapeModel(distance, proximity, joined, math.inf)

    def run() -> Any:
        if walk:
            return WholeRaster(chosen, resistance, quality).flow(Silent())
        plan = WindowPlan(rows, columns, WindowShape(4, 4, rows - 1, columns - 1), 8, 0, 0.0)
        return movement_flow(chosen, plan, resistance, quality, Silent(), weight="quality")

    def result(found: Any) -> Arrays:
        if walk:
            return {"betweenness": found.through("start"), "connected habitat": found.starts}
        return {"betweenness": found.through("neither")}

    return Work(run, result, 1.0)


def _walk(inputs: Arrays) -> tuple[NDArray[np.intp], Any, Any, NDArray[np.float64]]:
    """Return nodes, W, C W entry by entry (both sparse) and quality of a walker whose costs are -log(affinity)."""
    import scipy.sparse

    resistance = inputs["resistance"]
    nodes = np.flatnonzero(np.isfinite(resistance).ravel())
    edges = sparse_matrix(edge_costs(resistance, 1.0)).tocsr()[nodes][:, nodes].tocoo()
    columns, r = resistance.shape[1], resistance.ravel()[nodes]
    place = np.divmod(nodes, columns)
    lengths = np.hypot(*(axis[edges.row] - axis[edges.col] for axis in place))
    affinity = 1 / (r[edges.col] * lengths)
    cost = -np.log(affinity)
    degree = np.bincount(edges.row, affinity, len(nodes))
    w = affinity / degree[edges.row] * np.exp(-_THETA * cost)
    ends, shape = (edges.row, edges.col), edges.shape
    W, CW = (scipy.sparse.csc_matrix((each, ends), shape=shape) for each in (w, cost * w))
    return nodes, W, CW, inputs["quality"].ravel()[nodes]


def _dense(inputs: Arrays) -> Work:
    """The formulas of the papers over dense matrices, as ConScape has them."""
    resistance = inputs["resistance"]
    nodes, w, weighted, q = _walk(inputs)
    W, CW = w.toarray(), weighted.toarray()

    def run() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        Z = np.linalg.inv(np.eye(len(W)) - W)
        mean = Z @ (CW @ Z) / Z
        K = np.exp(-(mean - np.diag(mean)) / _SCALE)
        np.fill_diagonal(K, 0)
        movement = q[:, None] * K * q
        M = movement / Z
        M[np.diag_indices(len(M))] -= movement.sum(axis=0) / np.diag(Z)
        return ((Z.T @ M) * Z).sum(axis=1), movement.sum(axis=1)

    def result(found: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Arrays:
        maps = np.zeros((2, resistance.size))
        maps[:, nodes] = found
        flow, habitat = maps.reshape(2, *resistance.shape)
        return {"betweenness": flow, "connected habitat": habitat}

    return Work(run, result, 1.0)


def _sampled(inputs: Arrays) -> Work:
    """Connected habitat of a sample of starts by sparse solves, of which the targets' own terms need two for every cell."""
    import scipy.sparse
    from scipy.sparse.linalg import splu

    nodes, w, weighted, q = _walk(inputs)
    starts = np.random.default_rng(2).choice(len(nodes), _STARTS, replace=False)

    def run() -> NDArray[np.float64]:
        factor = splu((scipy.sparse.identity(len(nodes), format="csc") - w).tocsc())
        units = np.zeros((len(nodes), _STARTS))
        units[starts, np.arange(_STARTS)] = 1
        rows = factor.solve(units, trans="T")
        mean = factor.solve(weighted.T @ rows, trans="T") / rows
        own = np.zeros(len(nodes))
        for first in range(0, len(nodes), 100):
            part = np.arange(first, min(first + 100, len(nodes)))
            units = np.zeros((len(nodes), len(part)))
            units[part, np.arange(len(part))] = 1
            column, row = factor.solve(units), factor.solve(units, trans="T")
            own[part] = ((weighted @ column) * row).sum(axis=0) / column[part, np.arange(len(part))]
        proximity = np.exp(-(mean - own[:, None]) / _SCALE)
        proximity[starts, np.arange(_STARTS)] = 0
        return q[starts] * (q @ proximity)

    def result(found: NDArray[np.float64]) -> Arrays:
        habitat = np.full(inputs["resistance"].size, np.nan)
        habitat[nodes[starts]] = found
        return {"connected habitat": habitat.reshape(inputs["resistance"].shape)}

    return Work(run, result, 0)


def _networkx(inputs: Arrays) -> Work:
    import networkx

    matrix = sparse_matrix(edge_costs(inputs["resistance"], float(inputs["cell"])))
    graph = networkx.from_scipy_sparse_array(matrix, create_using=networkx.DiGraph)
    shape = inputs["resistance"].shape

    def run() -> dict[int, float]:
        return networkx.betweenness_centrality(graph, normalized=False, weight="weight")

    def result(found: dict[int, float]) -> Arrays:
        return {"betweenness": np.array([found[cell] for cell in range(len(found))]).reshape(shape)}

    return Work(run, result, 1.0)


def _cited(_: Arrays) -> Work:
    raise RuntimeError("cited, not run")


TASKS = (
    Task(
        name="flow",
        title="Movement flow",
        introduction="Betweenness weighted by quality and proximity over all pairs of cells of a raster, on one core. *Randomised "
        "shortest paths*: expected costs, connected habitat and betweenness without windows. *Least cost*: betweenness of all "
        "pairs.",
        unit="s per raster",
        scale=1.0,
        contestants=(
            Contestant("Driftway", "float64", "engine", _ours, ours=True, caches=True),
            Contestant(
                "dense matrices (NumPy)",
                "float64",
                "peers",
                _dense,
                reference=True,
                answers=lambda case: case.options["way"] == "walk" and case.options["side"] <= _DENSE,
                note="inverse and products of cells x cells, as ConScape has them",
            ),
            Contestant(
                "SciPy SuperLU, some starts",
                "float64",
                "peers",
                _sampled,
                reference=True,
                answers=lambda case: case.options["way"] == "walk" and case.options["side"] > _DENSE,
                note=f"connected habitat of {_STARTS} starts, which that of ours is checked against; not timed",
            ),
            Contestant(
                "ConScape.jl 0.3.0 (cited)",
                "float64",
                "peers",
                _cited,
                answers=lambda case: case.options["way"] == "walk" and case.options["side"] == 100,
                note="not run here: it is Julia's and was run before, on 2 cores of the same kind, for expected costs, connected habitat and "
                "betweenness of all 9700 targets",
                cited=_CONSCAPE,
            ),
            Contestant(
                "NetworkX betweenness_centrality",
                "float64",
                "peers",
                _networkx,
                reference=True,
                answers=lambda case: case.options["way"] == "path",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        targets=(
            Target("ConScape.jl, 100 x 100", 5, "x ours", times_own("ConScape"), at_least=True),
            Target("memory of ours, 100 x 100", 2, "GB", own("100 x 100", "peak", per=1e9)),
        ),
        headline="100 x 100",
    ),
)
