"""Indices by NetworkX, written down as they are defined: every index from the whole graph, every loss by removing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product

import networkx as nx
import numpy as np


@dataclass
class Network:
    capacity: np.ndarray
    start: np.ndarray
    end: np.ndarray
    length: np.ndarray

    def graph(self, without_link: int = -1, length: np.ndarray | None = None) -> nx.MultiGraph:
        graph = nx.MultiGraph()
        graph.add_nodes_from(range(len(self.capacity)))
        used = self.length if length is None else length
        for row, (u, v, d) in enumerate(zip(self.start.tolist(), self.end.tolist(), used.tolist(), strict=True)):
            if row != without_link and u != v and math.isfinite(d):
                graph.add_edge(u, v, key=row, distance=d)
        return graph


def random_network(seed: int) -> Network:
    """Return a network with ties, parallel links, loops, zero capacities and nodes on their own; small enough to remove all."""
    random = np.random.default_rng(seed)
    nodes = int(random.integers(1, 13))
    links = int(random.integers(0, 2 * nodes + 1))
    capacity = random.lognormal(0, 1.5, nodes) * (random.random(nodes) > 0.2)
    ends = random.integers(0, nodes, (2, links))
    length = random.integers(1, 4, links) * 1.0 if seed % 2 else random.uniform(0.01, 5, links)
    return Network(capacity, ends[0], ends[1], length)


def lattice(side: int = 4) -> Network:
    """Return a square lattice of equal links: ties everywhere."""
    number = np.arange(side * side).reshape(side, side)
    start = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    end = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    return Network(1.0 + np.arange(side * side) % 3, start, end, np.ones(len(start)))


def pc(graph: nx.MultiGraph, capacity: np.ndarray, rate: float) -> float:
    paths = dict(nx.all_pairs_dijkstra_path_length(graph, weight="distance"))
    return math.fsum(capacity[i] * capacity[j] * math.exp(-rate * d) for i in paths for j, d in paths[i].items())


def iic(graph: nx.MultiGraph, capacity: np.ndarray) -> float:
    paths = dict(nx.all_pairs_shortest_path_length(graph))
    return math.fsum(capacity[i] * capacity[j] / (1 + d) for i in paths for j, d in paths[i].items())


def direct(network: Network, rate: float) -> float:
    best: dict[frozenset[int], float] = {}
    for u, v, d in network.graph().edges(data="distance"):
        best[frozenset((u, v))] = min(d, best.get(frozenset((u, v)), math.inf))
    return 2 * math.fsum(math.prod(network.capacity[list(pair)]) * math.exp(-rate * d) for pair, d in best.items())


def betweenness(network: Network, rate: float) -> np.ndarray:
    simple = nx.Graph()
    graph = network.graph()
    simple.add_nodes_from(graph)
    for u, v, d in graph.edges(data="distance"):
        simple.add_edge(u, v, distance=min(d, simple.edges[u, v]["distance"] if simple.has_edge(u, v) else math.inf))
    result = np.zeros(len(network.capacity))
    for i, j in combinations(simple, 2):
        if not nx.has_path(simple, i, j):
            continue
        paths = list(nx.all_shortest_paths(simple, i, j, weight="distance"))
        far = nx.dijkstra_path_length(simple, i, j, weight="distance")
        for path, node in product(paths, range(len(result))):
            if node in path[1:-1]:
                result[node] += network.capacity[i] * network.capacity[j] * math.exp(-rate * far) / len(paths)
    return result
