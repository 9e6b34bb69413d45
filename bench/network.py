"""What every patch of a habitat network is worth: dPC of all nodes, against removing them one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .contest import Arrays, Case, Contestant, Task, Work, largest_error
from .settings import start_engine
from .targets import Target, own, times_own

_RATE = math.log(2) / 1000
_SAMPLE = 200


def cases(quick: bool) -> Sequence[Case]:
    """Return planar networks of some sizes."""
    sizes = (100,) if quick else (500, 2000, 10000)
    return [Case(f"{size} patches", "Delaunay links", {"nodes": size}) for size in sizes]


def inputs(case: Case) -> Arrays:
    """Return patches scattered at 1 km on average, linked to their Delaunay neighbours, and the nodes that slow loops remove."""
    from scipy.spatial import Delaunay

    nodes = case.options["nodes"]
    rng = np.random.default_rng(11)
    places = rng.random((nodes, 2)) * 1000 * math.sqrt(nodes)
    corners = Delaunay(places).simplices
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    gap = places[pairs[:, 0]] - places[pairs[:, 1]]
    return {
        "start": pairs[:, 0].astype(np.int64),
        "end": pairs[:, 1].astype(np.int64),
        "length": np.hypot(gap[:, 0], gap[:, 1]),
        "capacity": rng.lognormal(0, 1, nodes),
        "sample": rng.permutation(nodes)[: max(1, 2000 // nodes)],
    }


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the largest difference of a loss in shares of the largest, over the nodes that both removed.

    Of a sample of sources, that of what they reach.
    """
    if "reach" in result:
        return largest_error(result, reference)
    both = np.intersect1d(result["node"], reference["node"])
    at = [np.searchsorted(np.sort(one["node"]), both) for one in (result, reference)]
    loss = [one["loss"][np.argsort(one["node"])][place] for one, place in zip((result, reference), at, strict=True)]
    return float(np.abs(loss[0] - loss[1]).max() / np.abs(loss[1]).max())


def _links(inputs: Arrays) -> Any:
    from backend.network_search import adjacency

    return adjacency(len(inputs["capacity"]), inputs["start"], inputs["end"], inputs["length"])


def _ours(each_link: bool) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        start_engine(1)
        from backend.network_removal import removals

        links, capacity = _links(inputs), inputs["capacity"]
        nodes = np.arange(len(capacity))
        return Work(
            lambda: removals(links, capacity, _RATE, each_link=each_link),
            lambda found: {"node": nodes, "loss": found.total},
            1,
        )

    return prepare


def _sources(inputs: Arrays) -> Work:
    """Return the work of a sample of sources, of which each takes about as long."""
    start_engine(1)
    from backend import network_removal

    links, capacity = _links(inputs), inputs["capacity"]
    nodes, rank = links.nodes, network_removal._rank_from_the_rim(links)
    limit = network_removal._exponent_that_counts(capacity) / _RATE
    reach, by_node, by_link = np.zeros(nodes), np.zeros(nodes), np.zeros(links.links)
    given = (*links.arrays, capacity, rank, _RATE, False, False, reach, by_node, by_link)

    def run() -> Any:
        network_removal._losses(0, _SAMPLE, limit, *given)
        return reach[:_SAMPLE]

    return Work(run, lambda found: {"reach": found}, _SAMPLE / nodes)


def _loop(inputs: Arrays, whole: Callable[[Any], float], nodes: Any) -> Work:
    """Return the loop that computes PC anew without each of some nodes; one run counts as their share of all nodes."""

    def run() -> list[float]:
        before = whole(None)
        return [before - whole(node) for node in nodes]

    share = (len(nodes) + 1) / (len(inputs["capacity"]) + 1)
    return Work(run, lambda found: {"node": np.asarray(nodes), "loss": np.array(found)}, share)


def _scipy(inputs: Arrays) -> Work:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    a, count = inputs["capacity"], len(inputs["capacity"])
    graph = csr_matrix((inputs["length"], (inputs["start"], inputs["end"])), shape=(count, count))

    def whole(without: int | None) -> float:
        kept = np.delete(np.arange(count), [] if without is None else [without])
        far = dijkstra(graph[kept][:, kept], directed=False)
        return float(a[kept] @ np.exp(-_RATE * far) @ a[kept])

    return _loop(inputs, whole, inputs["sample"])


def _of_the_loop(inputs: Arrays) -> float:
    """Return which share of the whole loop, each source once for every patch that is removed, a sample of sources is."""
    count = len(inputs["capacity"])
    return _SAMPLE / (count * (count + 1))


def _scipy_sources(inputs: Arrays) -> Work:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    a, count = inputs["capacity"], len(inputs["capacity"])
    graph = csr_matrix((inputs["length"], (inputs["start"], inputs["end"])), shape=(count, count))
    sources = np.arange(_SAMPLE)

    def run() -> Any:
        return np.exp(-_RATE * dijkstra(graph, directed=False, indices=sources)) @ a

    return Work(run, lambda found: {"reach": found}, _of_the_loop(inputs))


def _igraph_sources(inputs: Arrays) -> Work:
    import igraph

    a, count = inputs["capacity"], len(inputs["capacity"])
    graph = igraph.Graph(count, np.stack([inputs["start"], inputs["end"]], axis=1).tolist())
    weights, sources = inputs["length"].tolist(), list(range(_SAMPLE))

    def run() -> Any:
        return np.exp(-_RATE * np.array(graph.distances(sources, weights=weights))) @ a

    return Work(run, lambda found: {"reach": found}, _of_the_loop(inputs))


def _networkx(inputs: Arrays) -> Work:
    import networkx as nx

    a, count = inputs["capacity"], len(inputs["capacity"])
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_weighted_edges_from(zip(inputs["start"], inputs["end"], inputs["length"], strict=True))

    def whole(without: int | None) -> float:
        part = graph if without is None else graph.subgraph(node for node in graph if node != without).copy()
        paths = nx.all_pairs_dijkstra_path_length(part)
        return math.fsum(a[i] * a[j] * math.exp(-_RATE * d) for i, found in paths for j, d in found.items())

    return _loop(inputs, whole, inputs["sample"][:1])


def _igraph(inputs: Arrays) -> Work:
    import igraph

    a, count = inputs["capacity"], len(inputs["capacity"])
    pairs = np.stack([inputs["start"], inputs["end"]], axis=1)

    def whole(without: int | None) -> float:
        kept = (pairs != (-1 if without is None else without)).all(axis=1)
        graph = igraph.Graph(count, pairs[kept].tolist())
        worth = a.copy()
        if without is not None:
            worth[without] = 0
        far = np.array(graph.distances(weights=inputs["length"][kept].tolist()))
        return float(worth @ np.exp(-_RATE * far) @ worth)

    return _loop(inputs, whole, inputs["sample"])


def _small(case: Case) -> bool:
    return case.options["nodes"] <= 2000


def _large(case: Case) -> bool:
    return not _small(case)


TASKS = (
    Task(
        name="network",
        title="dPC of all patches",
        introduction="What PC loses without each patch of a network, with its three parts, on one core; the median dispersal "
        "distance is the mean spacing of the patches. The loops compute PC anew without each patch; they are timed on a "
        "sample of patches and counted up to all.",
        unit="s for all patches",
        scale=1.0,
        contestants=(
            Contestant("Driftway", "float64", "engine", _ours(False), ours=True, caches=True, answers=_small),
            Contestant(
                "Driftway, 200 sources",
                "float64",
                "engine",
                _sources,
                ours=True,
                caches=True,
                answers=_large,
                note="200 of the sources, counted up to all",
            ),
            Contestant(
                "Driftway, without each link too",
                "float64",
                "engine",
                _ours(True),
                ours=True,
                caches=True,
                shares="Driftway, float64",
                answers=lambda case: case.options["nodes"] <= 500,
            ),
            Contestant("SciPy loop", "float64", "engine", _scipy, reference=True, answers=_small),
            Contestant(
                "NetworkX loop", "float64", "peers", _networkx, answers=lambda case: case.options["nodes"] <= 500
            ),
            Contestant("igraph loop", "float64", "peers", _igraph, answers=_small),
            Contestant(
                "SciPy loop, 200 sources",
                "float64",
                "engine",
                _scipy_sources,
                reference=True,
                answers=_large,
                note="one pass from 200 sources, counted up to all passes from all; what they reach is compared",
            ),
            Contestant(
                "igraph loop, 200 sources",
                "float64",
                "peers",
                _igraph_sources,
                answers=_large,
                note="one pass from 200 sources, counted up to all passes from all",
            ),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        targets=(
            Target("2000 patches", 30, "s", own("2000 patches")),
            Target("the loop with SciPy", 10, "x ours", times_own("SciPy"), at_least=True),
        ),
        headline="2000 patches",
    ),
)
