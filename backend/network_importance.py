"""What each patch and each link of a network is worth, as fields of the layers."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network_centrality import betweenness_and_closeness, components, degree_and_clustering
from .network_improvement import improvements
from .network_indices import decay_rate, probability_sums
from .network_input import PatchNetwork
from .network_removal import NodeParts, removals
from .network_search import Adjacency, adjacency

PARTS = ("dpc", "intra", "flux", "connector")

Fields = dict[str, NDArray[Any]]


def importance(
    network: PatchNetwork, rate: float, computed: Collection[str], improvement: float, report: Any
) -> tuple[Fields, Fields, dict[str, float]]:
    """Return the fields of nodes and links, and the numbers that go with them.

    Parameters
    ----------
    network : PatchNetwork
        The network.
    rate : float
        k of ``p = exp(-k d)``.
    computed : collection of str
        Of node_removal, link_removal, link_improvement, centrality: what is asked for.
    improvement : float
        Share of its length that is left of an improved link.
    """
    a = network.capacity
    ends = len(a), network.start, network.end, network.length
    links, simple = adjacency(*ends), adjacency(*ends, simple=True)
    nodes: Fields = {}
    edges: Fields = {"probability": np.exp(-rate * network.length)}
    numbers = {"STEPPING_STONES": math.nan}
    numerator = math.nan
    if {"node_removal", "link_removal"} & set(computed):
        found = removals(links, a, rate, each_link="link_removal" in computed, report=report)
        numerator = found.numerator
        if "node_removal" in computed:
            nodes.update(_percent(found))
            nodes["dec"] = _eca_change(numerator, -found.total)
            nodes["stepping_stone"] = found.connector > found.intra + found.flux
            numbers["STEPPING_STONES"] = float(nodes["stepping_stone"].sum())
        if "link_removal" in computed:
            edges["dec"] = _eca_change(numerator, -found.links)
    if "link_improvement" in computed:
        edges["dec_improved"] = _gains(network, links, rate, improvement, numerator, report)
    if "centrality" in computed:
        nodes["betweenness"], nodes["closeness"] = betweenness_and_closeness(simple, a, rate, report)
    nodes["degree"], clustering = degree_and_clustering(simple)
    if "centrality" in computed:
        nodes["clustering"] = clustering
    nodes["component"], totals = components(links, a)
    numbers["COMPONENTS"] = len(totals)
    return nodes, edges, numbers


def importance_by_distance(
    network: PatchNetwork, distances: Sequence[float], probability: float, first: Fields, report: Any
) -> list[list[Any]]:
    """Return a row (distance, node, dpc, intra, flux, connector) for each dispersal distance and node.

    Parameters
    ----------
    first : dict of str to array
        What is known for the first distance; may be nothing.
    """
    links = adjacency(len(network.capacity), network.start, network.end, network.length)
    rows: list[list[Any]] = []
    known = {distances[0]: first} if set(PARTS) <= set(first) else {}
    for distance in sorted(set(distances)):
        found = known.get(distance) or _percent(
            removals(links, network.capacity, decay_rate(distance, probability), each_link=False, report=report)
        )
        parts = [found[name].tolist() for name in PARTS]
        rows += [[distance, *row] for row in zip(network.names, *parts)]
    return rows


def _percent(found: NodeParts) -> Fields:
    parts = (found.total, found.intra, found.flux, found.connector)
    return {name: found.percent(part) for name, part in zip(PARTS, parts)}


def _gains(
    network: PatchNetwork, links: Adjacency, rate: float, improvement: float, numerator: float, report: Any
) -> NDArray[np.float64]:
    better = improvement * np.where(np.isfinite(network.length), network.length, 0)
    gains = improvements(links, network.start, network.end, better, network.capacity, rate, report)
    if math.isnan(numerator):
        numerator = float(probability_sums(links, network.capacity, [rate]).numerator[0])
    return _eca_change(numerator, gains)


def _eca_change(numerator: float, change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how many per cent ECA changes when the numerator does, > 0 whatever the direction."""
    if numerator <= 0:
        return np.zeros_like(change)
    share = np.maximum(change / numerator, -1)
    return 100 * np.abs(share / (1 + np.sqrt(1 + share)))
