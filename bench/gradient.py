"""Connectivity of a small raster, alone and with both its gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Row, Task, Work, largest_error
from .graphs import edge_costs, edge_list, sparse_matrix
from .landscapes import landscape
from .settings import model, start_engine, window_plan_of
from .targets import Target, own, times_case

#: The proximity at the limit: so small that it does not matter which of the pairs just there rounding lets in.
_CUTOFF = 1e-5


def cases(quick: bool) -> Sequence[Case]:
    """Return landscapes x windows x (C alone, C with both gradients)."""
    wanted = [("Djelk", 96, 20)] if quick else [("Djelk", 128, 20), ("Djelk", 104, 50)]
    return [_case(*each, gradients) for each in wanted for gradients in (False, True)]


def _case(name: str, side: int, radius: int, gradients: bool) -> Case:
    what = "C and both gradients" if gradients else "C alone"
    options = {"landscape": name, "side": side, "radius": radius, "gradients": gradients}
    return Case(f"{name}, window {2 * radius + 1}, {what}", f"{side} x {side} cells, all sources", options)


def inputs(case: Case) -> Arrays:
    """Return a square of the landscape, and the reach that makes windows of this radius exact."""
    chosen, radius = landscape(case.options["landscape"]).cut(case.options["side"]), case.options["radius"]
    # A little more, since many pairs are exactly that far apart, and rounding would decide whether they count.
    limit = radius * chosen.resistance.min() * chosen.cell * (1 + 1e-4)
    return {
        "resistance": chosen.resistance,
        "quality": chosen.quality,
        "radius": np.array(radius),
        "cell": np.array(chosen.cell),
        "limit": np.array(limit),
        "scale": np.array(limit / -np.log(_CUTOFF)),
        "gradients": np.array(case.options["gradients"]),
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest error of C and its gradients, relative to their largest value."""
    return largest_error(result, reference)


def _pairs(inputs: Arrays) -> float:
    """Return the number of (source, cell of its own window in the raster) pairs."""
    radius = int(inputs["radius"])
    counts = []
    for cells in inputs["resistance"].shape:
        places = np.arange(cells)
        counts.append((np.minimum(places + radius, cells - 1) - np.maximum(places - radius, 0) + 1).sum())
    return float(counts[0] * counts[1])


def _ours(precision: str) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        start_engine(1)
        from backend.connectivity import connectivity, connectivity_gradient

        gradients = bool(inputs["gradients"])
        plan, chosen = window_plan_of(inputs, precision, gradients), model(inputs)
        resistance, quality = (inputs[name].astype(precision) for name in ("resistance", "quality"))

        def run() -> Any:
            if gradients:
                return connectivity_gradient(chosen, plan, resistance, quality, Silent())
            return connectivity(chosen, plan, resistance, quality, Silent(), mean_distance=False)

        def result(found: Any) -> Arrays:
            if gradients:
                return {"C": np.array(found.total), "by resistance": found.resistance, "by quality": found.quality}
            return {"C": np.array(found.total), "accessible": found.accessible}

        return Work(run, result, _pairs(inputs))

    return prepare


class Silent:
    """A report that nobody hears."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Say nothing."""

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""

    def raise_if_cancelled(self) -> None:
        """Never raise."""


def _scipy(inputs: Arrays) -> Work:
    from scipy.sparse.csgraph import dijkstra

    shape, quality = inputs["resistance"].shape, inputs["quality"].ravel()
    graph = sparse_matrix(edge_costs(inputs["resistance"], float(inputs["cell"])))
    limit, scale = float(inputs["limit"]), float(inputs["scale"])

    def run() -> NDArray[np.float64]:
        accessible = np.zeros(quality.size)
        for first in range(0, quality.size, 256):
            sources = np.arange(first, min(first + 256, quality.size))
            distance = dijkstra(graph, indices=sources, limit=limit)
            distance[np.arange(len(sources)), sources] = np.inf
            there = np.isfinite(distance)
            proximity = np.where(there, np.exp(-np.where(there, distance, 0) / scale), 0)
            accessible[sources] = proximity @ quality
        return accessible

    def result(accessible: NDArray[np.float64]) -> Arrays:
        return {"C": np.array(quality @ accessible), "accessible": accessible.reshape(shape)}

    return Work(run, result, _pairs(inputs))


def _plain_numba(inputs: Arrays) -> Work:
    from .dijkstra import by_resistance, connectivity

    resistance, quality, cell = inputs["resistance"], inputs["quality"], float(inputs["cell"])
    shape, gradients = resistance.shape, bool(inputs["gradients"])
    costs = [np.ascontiguousarray(each) for each in edge_costs(resistance, cell)]
    sources = np.argwhere(np.isfinite(resistance))

    def run() -> Any:
        return connectivity(*costs, quality, sources, float(inputs["limit"]), float(inputs["scale"]), gradients)

    def result(found: Any) -> Arrays:
        accessible, by_quality, by_cost = found
        at = np.zeros(shape)
        at[tuple(sources.T)] = accessible
        total = np.array((quality * at).sum())
        if not gradients:
            return {"C": total, "accessible": at}
        framed = by_quality.reshape(shape[0] + 2, shape[1] + 2)[1:-1, 1:-1]
        by_cell = by_resistance(by_cost, shape, cell)
        return {"C": total, "accessible": at, "by resistance": by_cell, "by quality": framed}

    return Work(run, result, _pairs(inputs))


def _jaxscape(inputs: Arrays) -> Work:
    """Some sources in the middle, in the window that all of them share; JAX's own gradient."""
    import jax
    import jax.numpy as jnp
    from jax.experimental.sparse import BCOO
    from jaxscape import Graph, LCPDistance

    radius, cell, gradients = int(inputs["radius"]), float(inputs["cell"]), bool(inputs["gradients"])
    block, rows = 4, inputs["resistance"].shape[0]
    side, top = 2 * radius + block, rows // 2 - radius - block // 2
    inside = slice(top, top + side), slice(top, top + side)
    resistance, limit, scale = inputs["resistance"][inside], float(inputs["limit"]), float(inputs["scale"])
    first, second, cost = edge_list(edge_costs(resistance, cell))
    ends = jnp.asarray(np.stack([np.concatenate([first, second]), np.concatenate([second, first])], 1))
    weights = jnp.asarray(np.concatenate([1 / cost, 1 / cost]), jnp.float32)
    places = np.add.outer(np.arange(block) + radius, np.zeros(block, int)), np.arange(block) + radius
    sources = jnp.asarray((places[0] * side + places[1]).ravel())
    distance = LCPDistance()

    @jax.jit
    def accessible(weights: Any, quality: Any) -> Any:
        graph = Graph(BCOO((weights, ends), shape=(side**2, side**2)))
        found = distance(graph, sources=sources)
        counts = (found > 0) & (found <= limit)
        return jnp.where(counts, jnp.exp(-jnp.where(counts, found, 0) / scale), 0) @ quality

    @jax.jit
    def both(weights: Any, quality: Any) -> Any:
        def total(weights: Any, quality: Any) -> Any:
            each = accessible(weights, quality)
            return quality[sources] @ each, each

        return jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(weights, quality)

    quality = jnp.asarray(inputs["quality"][inside].ravel(), jnp.float32)

    def result(found: Any) -> Arrays:
        at = np.full(inputs["resistance"].shape, np.nan)
        each = found[0][1] if gradients else found
        at[top + radius : top + radius + block, top + radius : top + radius + block] = np.reshape(each, (block, block))
        return {"accessible": at}

    run = both if gradients else accessible
    return Work(lambda: jax.block_until_ready(run(weights, quality)), result, block**2 * float((2 * radius + 1) ** 2))


def remarks(rows: Sequence[Row]) -> Sequence[str]:
    """Compare C with both gradients to C alone, for the peers."""
    said = []
    for row in rows:
        partner = row.case.replace("C alone", "C and both gradients")
        if not row.cpu or row.ours or partner == row.case:
            continue
        found = [other.cpu for other in rows if other.case == partner and other.tool == row.tool and other.cpu]
        if found:
            name = f"{row.case.removesuffix(', C alone')}, {row.tool}, {row.precision}"
            said.append(f"{name}: C with both gradients takes {found[0] / row.cpu:.2f} x C alone.")
    return said


def _without_gradients(case: Case) -> bool:
    return not case.options["gradients"]


TASKS = (
    Task(
        name="gradient",
        title="Connectivity and its gradients",
        introduction="C = sum of q k(d) q over all pairs within reach, exponential proximity cut at 1e-5, and its derivatives "
        "with respect to the resistance and the quality of every cell, on one core. A pair is a source and a cell of its own "
        "window. The reference of the gradients is Dijkstra's algorithm with its adjoint along the settled cells, in float64.",
        unit="ns per pair",
        scale=1e9,
        contestants=(
            Contestant(
                "Driftway",
                "float32",
                "engine",
                _ours("float32"),
                ours=True,
                caches=True,
                note="distances, and with them which paths tie, are in float64; proximities and gradients are not. Rounding the "
                "rasters to float32 makes or breaks a tie in 8 of the 16 384 cells of window 41: float64 of the same rounded rasters is as far "
                "off (6.1e-4), and 2.9e-7 from float32",
            ),
            Contestant("Driftway", "float64", "engine", _ours("float64"), ours=True, caches=True),
            Contestant("SciPy dijkstra", "float64", "peers", _scipy, reference=True, answers=_without_gradients),
            Contestant("plain Numba Dijkstra", "float64", "peers", _plain_numba, reference=True, caches=True),
            Contestant(
                "JAXScape 0.0.13",
                "float32",
                "peers",
                _jaxscape,
                compiles=True,
                note="`LCPDistance` and `jax.value_and_grad` for 16 sources in the middle; only their accessible habitat is "
                "checked",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float32": 1e-5, "float64": 1e-9},
        remarks=remarks,
        targets=(
            Target("C alone, float32", 5, "ns per pair", own("C alone", precision="float32")),
            *(
                Target(
                    f"C and both gradients, {precision}",
                    2.5,
                    "x C alone",
                    times_case("C and both gradients", "C alone", precision=precision),
                    bounded_by="(Both come from one compiled pass. In windows of 101 in float64 its stages took, in ns per pair: row sweeps "
                    "0.64, proximities and derivatives with respect to distance and quality 0.82, tight edges 0.30, adjoint sweeps 0.39, "
                    "sums over edges and cells 0.58. Without gradients only the sweeps and a third of the proximities' share remain.)",
                )
                for precision in ("float32", "float64")
            ),
        ),
        headline="window 41, C and both gradients",
    ),
)
