"""Indices against NetworkX on random networks, losses against removing, gradients against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backend.network_centrality import betweenness_and_closeness, components, degree_and_clustering
from backend.network_improvement import improvements
from backend.network_indices import (
    all_distances,
    decay_rate,
    gradient,
    integral_numerator,
    probability_sums,
)
from backend.network_removal import removals
from backend.network_search import Adjacency, adjacency

networkx = pytest.importorskip("networkx")
oracle = pytest.importorskip("network_oracle")

RATE = decay_rate(2.0, 0.5)
SEEDS = range(40)
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def links_of(network, simple: bool = False) -> Adjacency:
    return adjacency(len(network.capacity), network.start, network.end, network.length, simple=simple)


def some_networks() -> list:
    return [oracle.random_network(seed) for seed in SEEDS] + [oracle.lattice()]


NETWORKS = pytest.mark.parametrize("network", some_networks(), ids=[*map(str, SEEDS), "lattice"])


@NETWORKS
def test_pc_iic_and_distances(network) -> None:
    links, a, graph = links_of(network), network.capacity, network.graph()
    rates = [RATE, decay_rate(0.5, 0.05)]
    sums = probability_sums(links, a, rates)
    np.testing.assert_allclose(sums.numerator, [oracle.pc(graph, a, rate) for rate in rates], **EXACT)
    np.testing.assert_allclose(sums.direct, [oracle.direct(network, rate) for rate in rates], **EXACT)
    np.testing.assert_allclose(integral_numerator(links, a), oracle.iic(graph, a), **EXACT)
    expected = np.full((len(a), len(a)), np.inf)
    for i, found in networkx.all_pairs_dijkstra_path_length(graph, weight="distance"):
        expected[i, list(found)] = list(found.values())
    np.testing.assert_allclose(all_distances(links), expected, **EXACT)


@NETWORKS
def test_losses_are_those_of_removing(network) -> None:
    links, a = links_of(network), network.capacity
    found = removals(links, a, RATE)
    whole = oracle.pc(network.graph(), a, RATE)
    losses, integral = [], []
    for node in range(len(a)):
        graph = network.graph()
        graph.remove_node(node)
        losses.append(whole - oracle.pc(graph, a, RATE))
        integral.append(oracle.iic(network.graph(), a) - oracle.iic(graph, a))
    scale = {"rtol": 1e-12, "atol": 1e-12 * max(whole, 1)}
    np.testing.assert_allclose(found.total, losses, **scale)
    np.testing.assert_allclose(removals(links, a, RATE, integral=True).total, integral, **scale)
    without = [whole - oracle.pc(network.graph(without_link=row), a, RATE) for row in range(len(network.start))]
    np.testing.assert_allclose(found.links, without, **scale)
    flow = probability_sums(links, a, [RATE]).reach[0] * a
    np.testing.assert_allclose(found.intra + found.flux, 2 * flow - a**2, **scale)
    assert (found.connector >= 0).all()


@NETWORKS
@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_gains_are_those_of_a_better_link(network, factor: float) -> None:
    links, a = links_of(network), network.capacity
    found = improvements(links, network.start, network.end, factor * network.length, a, RATE)
    whole = oracle.pc(network.graph(), a, RATE)
    for row in range(len(network.start)):
        length = network.length.copy()
        length[row] *= factor
        gain = oracle.pc(network.graph(length=length), a, RATE) - whole
        np.testing.assert_allclose(found[row], gain, rtol=1e-12, atol=1e-12 * max(whole, 1))


@NETWORKS
def test_gradients_are_central_differences(network) -> None:
    links, a = links_of(network), network.capacity
    found = gradient(links, a, RATE)
    step = 1e-6
    for row in range(len(network.start)):
        ends = {network.start[row], network.end[row]}
        beside = [k for k in range(len(network.start)) if {network.start[k], network.end[k]} == ends and k != row]
        if any(abs(network.length[k] - network.length[row]) < 1e-9 for k in beside) or network.length[row] % 1 == 0:
            continue  # where more than two paths tie, the middle of both one-sided slopes is no equal share
        both = []
        for sign in (1, -1):
            length = network.length.copy()
            length[row] += sign * step
            both.append(oracle.pc(network.graph(length=length), a, RATE))
        slope = (both[0] - both[1]) / (2 * step)
        np.testing.assert_allclose(found.by_length[row], slope, rtol=1e-7, atol=1e-7 * found.numerator)
    for node in range(len(a)):
        both = []
        for sign in (1, -1):
            changed = a.copy()
            changed[node] += sign * step
            both.append(oracle.pc(network.graph(), changed, RATE))
        slope = (both[0] - both[1]) / (2 * step)
        np.testing.assert_allclose(found.by_capacity[node], slope, rtol=1e-7, atol=1e-9 * max(found.numerator, 1))


def test_ties_share_equally() -> None:
    start, end = np.array([0, 1, 0, 2]), np.array([1, 3, 2, 3])
    links = adjacency(4, start, end, np.ones(4))
    found = gradient(links, np.array([1.0, 0, 0, 1.0]), 1.0)
    np.testing.assert_allclose(found.by_length, np.full(4, -math.exp(-2)))
    doubled = adjacency(2, np.array([0, 0]), np.array([1, 1]), np.ones(2))
    np.testing.assert_allclose(gradient(doubled, np.ones(2), 1.0).by_length, np.full(2, -math.exp(-1)))


def test_scaling_all_lengths_is_the_sum_of_the_gradient() -> None:
    for network in some_networks():
        found = gradient(links_of(network), network.capacity, RATE)
        graph, step = network.graph(), 1e-6
        both = [oracle.pc(graph, network.capacity, RATE * (1 + sign * step)) for sign in (1, -1)]
        slope = (both[0] - both[1]) / (2 * step)
        real = network.start != network.end
        total = (found.by_length * np.where(real, network.length, 0)).sum()
        np.testing.assert_allclose(total, slope, rtol=1e-7, atol=1e-8)


@NETWORKS
def test_centralities(network) -> None:
    simple = links_of(network, simple=True)
    between, close = betweenness_and_closeness(simple, network.capacity, RATE)
    np.testing.assert_allclose(between, oracle.betweenness(network, RATE), **EXACT)
    graph = network.graph()
    expected = networkx.closeness_centrality(graph, distance="distance")
    np.testing.assert_allclose(close, list(expected.values()), **EXACT)
    degree, clustering = degree_and_clustering(simple)
    plain = networkx.Graph(graph)
    assert degree.tolist() == [count for _, count in plain.degree]
    np.testing.assert_allclose(clustering, list(networkx.clustering(plain).values()), **EXACT)
    label, total = components(simple, network.capacity)
    parts = {frozenset(np.flatnonzero(label == number).tolist()) for number in range(1, len(total) + 1)}
    assert parts == {frozenset(part) for part in networkx.connected_components(graph)}
    assert (np.diff(total) <= 0).all()


def test_improbable_paths_are_left_out_within_rounding() -> None:
    network = oracle.lattice(7)
    for rate in (0.5, 5.0, 50.0):
        found = removals(links_of(network), network.capacity, rate)
        whole = oracle.pc(network.graph(), network.capacity, rate)
        assert found.numerator == pytest.approx(whole, rel=1e-15)
        for node in range(0, 49, 5):
            graph = network.graph()
            graph.remove_node(node)
            loss = whole - oracle.pc(graph, network.capacity, rate)
            assert found.total[node] == pytest.approx(loss, abs=1e-13 * whole)


def test_links_of_no_length_join_their_ends() -> None:
    links = adjacency(3, np.array([0, 1]), np.array([1, 2]), np.zeros(2))
    a = np.array([1.0, 2.0, 3.0])
    assert probability_sums(links, a, [1.0]).numerator[0] == 36
    np.testing.assert_allclose(removals(links, a, 1.0).total, [36 - 25, 36 - 1 - 9, 36 - 9])
    assert np.isfinite(gradient(links, a, 1.0).by_length).all()
    between, _ = betweenness_and_closeness(links, a, 1.0)
    np.testing.assert_allclose(between, [0, 3, 0])


def test_results_do_not_depend_on_threads() -> None:
    from backend.solvers.threads import set_thread_count

    network = oracle.lattice(6)
    found = []
    for count in (1, 3):
        set_thread_count(count)
        found.append(removals(links_of(network), network.capacity, RATE))
    set_thread_count(0)
    np.testing.assert_allclose(found[0].total, found[1].total, rtol=1e-14)
