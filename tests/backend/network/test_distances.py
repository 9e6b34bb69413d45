"""Distances as a JAX function: against NetworkX, under vmap over sources, lengths and ends; gradients against differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend.network import Graph
from backend.network_columns import NetworkColumns
from backend.network_distances import network_distances, probability_of_connectivity
from backend.network_indices import decay_rate, gradient
from backend.network_search import adjacency

networkx = pytest.importorskip("networkx")
oracle = pytest.importorskip("network_oracle")
RATE = decay_rate(2.0, 0.5)


def graph_of(network, directed: bool = False) -> Graph:
    nodes = {"index": np.arange(len(network.capacity)), "capacity": network.capacity}
    edges = {
        "index": np.arange(len(network.start)),
        "from": network.start,
        "to": network.end,
        "length": network.length,
    }
    return Graph.from_columns(NetworkColumns(nodes, edges, directed))


def one_network(seed: int = 8):
    return next(n for n in map(oracle.random_network, range(seed, 99, 2)) if len(n.start) > 12 and len(n.capacity) > 7)


@pytest.mark.parametrize("directed", [False, True])
def test_vmapped_sources_are_those_of_dijkstra(directed: bool) -> None:
    network = one_network()
    graph = graph_of(network, directed)
    every = jnp.arange(len(graph.nodes))
    found = jax.jit(jax.vmap(lambda source: network_distances(graph, "length", source[None])[0]))(every)
    expected = np.full(found.shape, np.inf)
    made = networkx.MultiDiGraph() if directed else networkx.MultiGraph()
    made.add_nodes_from(range(len(graph.nodes)))
    made.add_weighted_edges_from(zip(network.start, network.end, network.length, strict=True))
    for i, reached in networkx.all_pairs_dijkstra_path_length(made):
        expected[i, list(reached)] = list(reached.values())
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(network_distances(graph.padded(20, 50), "length", every)[:, : len(every)], found)


def test_vmap_over_edited_lengths_and_over_edited_links() -> None:
    graph = graph_of(one_network())
    lengths = jnp.stack([graph.edges["length"] * factor for factor in (1.0, 2.0, 0.5)])

    def index(changed: Graph) -> jnp.ndarray:
        return probability_of_connectivity(changed, "capacity", "length", RATE)

    by_value = jax.vmap(lambda values: index(graph.edges_at().set("length", values)))(lengths)
    np.testing.assert_allclose(by_value, [index(graph.edges_at().set("length", v)) for v in lengths], rtol=1e-14)
    rows = jnp.arange(len(graph.edges))
    closed = jax.vmap(lambda row: index(graph.edges_at(row).set("length", jnp.inf)))(rows)
    np.testing.assert_allclose(closed, [index(graph.edges_at(r).set("length", jnp.inf)) for r in rows], rtol=1e-14)
    moved = jax.vmap(lambda end: index(graph.edges_at(0).set("to", end)))(jnp.arange(4))
    np.testing.assert_allclose(moved, [index(graph.edges_at(0).set("to", end)) for end in range(4)], rtol=1e-14)


@pytest.mark.parametrize("directed", [False, True])
def test_gradients_are_central_differences(directed: bool) -> None:
    graph = graph_of(one_network(), directed)

    def index(length: jnp.ndarray) -> jnp.ndarray:
        return probability_of_connectivity(graph.edges_at().set("length", length), "capacity", "length", RATE)

    length = graph.edges["length"]
    found = jax.grad(index)(length)
    step = 1e-6
    for row in range(len(length)):
        slope = (index(length.at[row].add(step)) - index(length.at[row].add(-step))) / (2 * step)
        np.testing.assert_allclose(found[row], slope, rtol=1e-6, atol=1e-6)
    several = jax.vmap(jax.grad(index))(jnp.stack([length, 2 * length]))
    np.testing.assert_allclose(several[0], found, rtol=1e-14)


def test_both_gradients_agree() -> None:
    for network in (one_network(), oracle.lattice()):
        graph = graph_of(network)
        links = adjacency(len(network.capacity), network.start, network.end, network.length)
        fast = gradient(links, network.capacity, RATE)

        def index(changed: Graph) -> jnp.ndarray:
            return probability_of_connectivity(changed, "capacity", "length", RATE)

        slow = jax.grad(index, allow_int=True)(graph)
        np.testing.assert_allclose(slow.edges["length"], fast.by_length, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(slow.nodes["capacity"], fast.by_capacity, rtol=1e-12)
