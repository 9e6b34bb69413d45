"""Resistance distances and expected costs of randomised shortest paths, from the sources of a block to all cells of its window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Task, Work
from .graphs import edge_costs, edge_list
from .landscapes import landscape
from .settings import neighbourhood, start_engine
from .targets import Target, own, times_case, times_own

_BLOCK = 8
_THETA = 0.1
#: Right-hand sides that a direct solver is timed with; it needs as many as the window has cells.
_SAMPLE = 1500
#: Side of the block of sources that JAXScape's own analysis is timed with; a source takes it as long in any block.
_ANALYSED = 4
#: Cells whose distances are compared.
_COMPARED = 400


def cases(quick: bool) -> Sequence[Case]:
    """Return landscapes x windows, with and without gradients."""
    wanted = [("rough", 20, False), ("rough", 20, True), ("Djelk", 20, False)]
    if not quick:
        wanted += [("rough", 50, False), ("rough", 50, True)]
    return [_case(*each) for each in wanted]


def _case(name: str, radius: int, gradients: bool) -> Case:
    side = 2 * radius + _BLOCK
    what = "distances and their gradient" if gradients else "distances alone"
    return Case(
        f"{name}, window {2 * radius + 1}, {what}",
        f"{side} x {side} cells, {_BLOCK} x {_BLOCK} sources",
        {"landscape": name, "radius": radius, "gradients": gradients},
    )


def inputs(case: Case) -> Arrays:
    """Return windows cut from the landscape where it has no holes, and the cells whose distances are compared."""
    chosen, radius = landscape(case.options["landscape"]), case.options["radius"]
    side = 2 * radius + _BLOCK
    random = np.random.default_rng(7)
    rows, columns = chosen.resistance.shape
    windows: list[NDArray[np.float64]] = []
    while len(windows) < (8 if radius <= 20 else 2):
        top, left = random.integers(rows - side), random.integers(columns - side)
        window = chosen.resistance[top : top + side, left : left + side]
        if np.isfinite(window).all():
            windows.append(window)
    compared = np.sort(random.choice(side * side, min(_COMPARED, side * side), replace=False))
    weights = np.zeros((side * side, _BLOCK * _BLOCK))
    weights[compared] = random.standard_normal((len(compared), _BLOCK * _BLOCK))
    return {
        "resistance": np.array(windows),
        "radius": np.array(radius),
        "cell": np.array(chosen.cell),
        "gradients": np.array(case.options["gradients"]),
        "weights": weights.reshape(side, side, -1),
        "compared": compared,
        "direction": windows[0] * random.standard_normal((side, side)),
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest relative error of the distances of the first window, without those from a cell to itself.

    Of gradients, the relative error of the derivative along one direction.
    """
    worst = 0.0
    if "distance" in reference:
        got, true = np.asarray(result["distance"], float), reference["distance"]
        sources = _sources(int(inputs["radius"]), inputs["resistance"].shape[1])
        there = ~np.isnan(got) & (sources[:, None] != inputs["compared"])
        worst = float((np.abs(got[there] - true[there]) / true[there]).max())
    if "along" in reference:
        worst = max(worst, abs(float(result["along"]) / float(reference["along"]) - 1))
    return worst


def _sources(radius: int, side: int) -> NDArray[np.intp]:
    rows, columns = np.divmod(np.arange(_BLOCK * _BLOCK), _BLOCK)
    return (rows + radius) * side + columns + radius


# ---------------------------------------------------------------- ours


def _ours(distance_name: str) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        start_engine(1)
        import jax
        import jax.numpy as jnp

        from backend.distances import DISTANCES
        from backend.window_shape import WindowShape

        radius, joined = int(inputs["radius"]), neighbourhood(float(inputs["cell"]))
        window = WindowShape(_BLOCK, _BLOCK, radius, radius)
        distance = DISTANCES[distance_name](**({} if distance_name == "resistance" else {"theta": _THETA}))
        resistance, weights = jnp.asarray(inputs["resistance"]), jnp.asarray(inputs["weights"])

        def distances(resistance: Any) -> Any:
            return distance(resistance, joined, window, jnp.inf)

        def with_gradient(resistance: Any) -> Any:
            found, pull = jax.vjp(distances, resistance)
            return found, pull(jnp.broadcast_to(weights, found.shape))[0]

        compute = jax.jit(with_gradient if inputs["gradients"] else distances)

        def result(found: Any) -> Arrays:
            first = np.asarray(found[0] if inputs["gradients"] else found)[0]
            named = {"distance": first.reshape(-1, first.shape[-1])[inputs["compared"]].T}
            if inputs["gradients"]:
                named["along"] = np.array((np.asarray(found[1])[0] * inputs["direction"]).sum())
            return named

        return Work(
            lambda: jax.block_until_ready(compute(resistance)), result, len(inputs["resistance"]) * _BLOCK * _BLOCK
        )

    return prepare


# ---------------------------------------------------------------- peers


def _affinities(inputs: Arrays, window: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return both ends and affinity of every step of one window, as `walk_steps` has them."""
    resistance = inputs["resistance"][window]
    first, second, _ = edge_list(edge_costs(resistance, float(inputs["cell"])))
    start, end = np.concatenate([first, second]), np.concatenate([second, first])
    diagonal = (np.abs(start - end) != 1) & (np.abs(start - end) != resistance.shape[1])
    return start, end, 1 / resistance.ravel()[end] / np.where(diagonal, np.sqrt(2), 1.0)


def _walk(inputs: Arrays, window: int) -> tuple[Any, Any]:
    """Return cost and W of one window as sparse matrices, as `walk_steps` with minus_log has them."""
    import scipy.sparse

    start, end, affinity = _affinities(inputs, window)
    size = inputs["resistance"][window].size
    cost = -np.log(affinity)
    w = affinity / np.bincount(start, affinity, size)[start] * np.exp(-_THETA * cost)
    return tuple(scipy.sparse.csc_matrix((each, (start, end)), shape=(size, size)) for each in (cost, w))


def _laplacian(inputs: Arrays, window: int) -> Any:
    """Return the Laplacian of one window without its last row and column."""
    import scipy.sparse

    resistance = inputs["resistance"][window]
    first, second, cost = edge_list(edge_costs(resistance, float(inputs["cell"])))
    size, conductance = resistance.size, 1 / cost
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    off = scipy.sparse.csc_matrix((np.concatenate([conductance, conductance]), ends), shape=(size, size))
    degree = np.asarray(off.sum(axis=0)).ravel()
    return (scipy.sparse.diags(degree) - off)[:-1, :-1].tocsc()


def _solved(inputs: Arrays) -> int:
    return int(inputs.get("solved", _SAMPLE))


def _direct_resistance(factorised: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Arrays], Work]:
    """Factorise and solve for the columns of sources and cells: R = G_ii + G_jj - 2 G_ij."""

    def prepare(inputs: Arrays) -> Work:
        matrix = _laplacian(inputs, 0)
        cells = matrix.shape[0] + 1
        sources = _sources(int(inputs["radius"]), int(np.sqrt(cells)))
        compared = inputs["compared"]
        others = np.setdiff1d(np.arange(cells), np.concatenate([sources, compared]))
        wanted = np.concatenate([sources, compared, others])[: max(_solved(inputs), len(sources) + len(compared))]

        def run() -> NDArray[np.float64]:
            solve = factorised(matrix)
            own, columns = np.zeros(cells), np.zeros((cells, len(sources)))
            for start in range(0, len(wanted), 100):
                part = wanted[start : start + 100]
                units = np.zeros((cells - 1, len(part)))
                inside = part < cells - 1
                units[part[inside], np.flatnonzero(inside)] = 1
                found = solve(units)
                own[part[inside]] = found[part[inside], np.flatnonzero(inside)]
                is_source = np.flatnonzero(np.isin(part, sources))
                for column in is_source:
                    columns[:-1, np.flatnonzero(sources == part[column])[0]] = found[:, column]
            return own[sources][:, None] + own[None, compared] - 2 * columns[compared].T

        return Work(run, lambda found: {"distance": found}, len(sources) * len(wanted) / cells)

    return prepare


def _superlu(matrix: Any) -> Callable[[Any], Any]:
    from scipy.sparse.linalg import splu

    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve


def _cholmod(matrix: Any) -> Callable[[Any], Any]:
    from .cholmod import Cholesky

    return Cholesky(matrix).factorised(matrix)


def _scipy_expected_cost(inputs: Arrays) -> Work:
    """Factorise I - W once; rows of Z for the sources, and a column of Z for every cell, for what is taken off at the target."""
    import scipy.sparse
    from scipy.sparse.linalg import splu

    cost, w = _walk(inputs, 0)
    cells = w.shape[0]
    weighted = cost.multiply(w).tocsc()
    sources = _sources(int(inputs["radius"]), int(np.sqrt(cells)))
    compared = inputs["compared"]
    others = np.setdiff1d(np.arange(cells), compared)
    wanted = np.concatenate([compared, others])[: _solved(inputs)]

    def run() -> NDArray[np.float64]:
        factor = splu((scipy.sparse.identity(cells, format="csc") - w).tocsc())
        units = np.zeros((cells, len(sources)))
        units[sources, np.arange(len(sources))] = 1
        rows = factor.solve(units, trans="T")
        mean = factor.solve(weighted.T @ rows, trans="T") / rows
        at_target = np.zeros(cells)
        for start in range(0, len(wanted), 100):
            part = wanted[start : start + 100]
            units = np.zeros((cells, len(part)))
            units[part, np.arange(len(part))] = 1
            column = factor.solve(units)
            row = factor.solve(units, trans="T")
            at_target[part] = ((weighted @ column) * row).sum(axis=0) / column[part, np.arange(len(part))]
        return (mean - at_target[:, None])[compared].T

    return Work(run, lambda found: {"distance": found}, len(sources) * len(wanted) / cells)


def _differences(scipy: Callable[[Arrays], Work]) -> Callable[[Arrays], Work]:
    """Return the derivative of the weighted distances along one direction by differences of fourth order."""

    def prepare(inputs: Arrays) -> Work:
        cells = inputs["resistance"][0].size
        weights, step = inputs["weights"].reshape(cells, -1)[inputs["compared"]].T, 1e-3

        def at(steps: int) -> float:
            moved = inputs["resistance"][:1] + steps * step * inputs["direction"]
            work = scipy({**inputs, "resistance": moved, "solved": np.array(_COMPARED)})
            return float((work.run() * weights).sum())

        def run() -> float:
            return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)

        return Work(run, lambda found: {"along": np.array(found)}, 0)

    return prepare


def _jaxscape(inputs: Arrays) -> Work:
    import jax
    import jax.numpy as jnp
    from jax.experimental.sparse import BCOO
    from jaxscape import Graph, ResistanceDistance

    side, distance = inputs["resistance"].shape[1], ResistanceDistance()
    first, second, cost = edge_list(edge_costs(inputs["resistance"][0], float(inputs["cell"])))
    ends = jnp.asarray(np.stack([np.concatenate([first, second]), np.concatenate([second, first])], 1))
    sources, targets = jnp.asarray(_sources(int(inputs["radius"]), side)), jnp.arange(side * side)
    weights = jnp.asarray(inputs["weights"].reshape(side * side, -1).T, jnp.float32)

    def distances(values: Any) -> Any:
        graph = Graph(BCOO((values, ends), shape=(side**2, side**2)))
        return distance(graph, sources=sources, targets=targets)

    def with_gradient(values: Any) -> Any:
        found, pull = jax.vjp(distances, values)
        return found, pull(weights)[0]

    compute = jax.jit(with_gradient if inputs["gradients"] else distances)
    values = jnp.asarray(np.concatenate([1 / cost, 1 / cost]), jnp.float32)

    def result(found: Any) -> Arrays:
        named = {"distance": np.asarray(found[0] if inputs["gradients"] else found)[:, inputs["compared"]]}
        if inputs["gradients"]:
            moved = edge_list(edge_costs(inputs["direction"], float(inputs["cell"])))[2]
            named["along"] = np.array(np.asarray(found[1], float) @ np.tile(-moved / cost**2, 2))
        return named

    return Work(lambda: jax.block_until_ready(compute(values)), result, _BLOCK * _BLOCK)


def _jaxscape_analysis(inputs: Arrays) -> Work:
    """Let JAXScape do what its users let it do: connectivity of a raster, a window for every source."""
    import jax
    import jax.numpy as jnp
    from jaxscape import ConnectivityAnalysis, ResistanceDistance

    radius, side = int(inputs["radius"]), 2 * int(inputs["radius"]) + _ANALYSED
    permeability = jnp.asarray(1 / inputs["resistance"][0][:side, :side], jnp.float32)
    analysis = ConnectivityAnalysis(
        quality_raster=jnp.ones_like(permeability),
        permeability_raster=permeability,
        distance=ResistanceDistance(),
        proximity=_Exponential(),
        dependency_range=radius,
        batch_size=_ANALYSED,
    )
    return Work(
        lambda: float(jax.block_until_ready(analysis.run())), lambda found: {"C": np.array(found)}, _ANALYSED**2
    )


class _Exponential:
    """Proximity exp(-d), equal to itself, so that nothing is compiled twice."""

    def __call__(self, distance: Any) -> Any:
        import jax.numpy as jnp

        return jnp.exp(-distance)


def _jaxscape_walk(inputs: Arrays) -> Work:
    import jax
    import jax.numpy as jnp
    from jax.experimental.sparse import BCOO
    from jaxscape import Graph
    from jaxscape.rsp_distance import RSPDistance

    side, distance = inputs["resistance"].shape[1], RSPDistance(_THETA)
    start, end, affinity = _affinities(inputs, 0)
    adjacency = BCOO((jnp.asarray(affinity, jnp.float32), jnp.asarray(np.stack([start, end], 1))), shape=(side**2,) * 2)
    graph, sources = Graph(adjacency), jnp.asarray(_sources(int(inputs["radius"]), side))

    def run() -> Any:
        return jax.block_until_ready(distance(graph, sources=sources, targets=jnp.asarray(inputs["compared"])))

    return Work(run, lambda found: {"distance": np.asarray(found)}, _BLOCK * _BLOCK)


def _alone(case: Case) -> bool:
    return not case.options["gradients"]


def _small(case: Case) -> bool:
    return case.options["radius"] <= 20


_JAXSCAPE = Contestant(
    "JAXScape 0.0.13",
    "float32",
    "peers",
    _jaxscape,
    compiles=True,
    answers=_small,
    note="one window, all pairs at once, on the same graph; larger windows do not fit",
)
_CHOLMOD = Contestant(
    "CHOLMOD",
    "float64",
    "peers",
    _direct_resistance(_cholmod),
    answers=_alone,
    note="as CVXOPT brings it, ordered by minimum degree",
)
_JAXSCAPE_ANALYSIS = Contestant(
    f"{_JAXSCAPE.name}, its own analysis",
    "float32",
    "peers",
    _jaxscape_analysis,
    compiles=True,
    compared=False,
    answers=lambda case: _small(case) and _alone(case),
    note=f"`ConnectivityAnalysis` with `ResistanceDistance`, `dependency_range` 20 and `batch_size` {_ANALYSED}, as its users get these "
    "distances: each source has a window of 41 x 41 cells to itself, with 4 neighbours, and only C comes out, which is not compared. "
    "Smaller batches take longer per source, larger ones more memory",
)
_JAXSCAPE_WALK = Contestant(
    "JAXScape 0.0.13",
    "float32",
    "peers",
    _jaxscape_walk,
    compiles=True,
    answers=lambda case: _small(case) and _alone(case),
    note="`RSPDistance`, which multiplies sparse matrices entry by entry; one window, all pairs at once",
)


def _targets(most: dict[str, float], times_jaxscape: float = 0.0) -> Sequence[Target]:
    found = [
        Target(f"{window}, distances alone", bound, "us per source", own(f"{window}, distances alone"))
        for window, bound in most.items()
    ]
    gradients = times_case("distances and their gradient", "distances alone")
    found.append(Target("distances and their gradient", 3, "x distances alone", gradients))
    found.append(Target("largest error of ours", 1e-4, "", own("", "error")))
    if times_jaxscape:
        peer = times_own(_JAXSCAPE_ANALYSIS.name, "distances alone")
        found.append(Target("JAXScape's own analysis", times_jaxscape, "x ours", peer, at_least=True))
        found.append(Target("CHOLMOD", 1, "x ours", times_own("CHOLMOD", "distances alone"), at_least=True))
    return tuple(found)


_INTRODUCTION = (
    f"From the {_BLOCK * _BLOCK} sources of a block to every cell of the window that they share, on one core, in float64. A direct "
    f"solver has to solve once for every cell of the window; it is timed with {_SAMPLE} of them and counted up. The error is the "
    f"largest over the pairs of the sources with {_COMPARED} cells."
)


def _task(name: str, title: str, scipy: Callable[[Arrays], Work], peers: Sequence[Contestant], **more: Any) -> Task:
    return Task(
        name=name,
        title=title,
        introduction=_INTRODUCTION,
        unit="us per source",
        scale=1e6,
        contestants=(
            Contestant("Driftway", "float64", "engine", _ours(name), ours=True, caches=True),
            Contestant("SciPy SuperLU", "float64", "peers", scipy, reference=True, answers=_alone),
            Contestant(
                "SciPy, differences",
                "float64",
                "peers",
                _differences(scipy),
                reference=True,
                answers=lambda case: not _alone(case),
                note="the derivative along one direction, by differences of fourth order, which gradients are checked against; not "
                "timed",
            ),
            *peers,
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float32": 1e-4, "float64": 1e-8},
        **more,
    )


TASKS = (
    _task(
        "resistance",
        "Resistance distances",
        _direct_resistance(_superlu),
        (_CHOLMOD, _JAXSCAPE, _JAXSCAPE_ANALYSIS),
        targets=_targets({"window 41": 150, "window 101": 2000}, times_jaxscape=3000),
    ),
    _task(
        "expected_cost",
        "Expected costs of randomised shortest paths",
        _scipy_expected_cost,
        (_JAXSCAPE_WALK,),
        targets=_targets({"window 41": 600, "window 101": 8000}),
    ),
)
