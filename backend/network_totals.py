"""Indices of whole networks as a JAX function: under `jit` and `vmap`, over capacities, lengths and ends of links alike."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from .network import Graph, endpoints
from .network_centrality import components
from .network_indices import integral_numerator, probability_sums
from .network_search import adjacency

TOTALS = ("pc_numerator", "iic_numerator", "components")


def network_totals(
    graph: Graph, capacity: str, length: str, rate: float | Float[Array, ""]
) -> dict[str, Float[Array, ""]]:
    """Return the numerators of PC and IIC and the number of components.

    Under `vmap` all networks are handed over at once. Paths are searched on the CPU, and what they lead to is summed as they
    are found: no table of all pairs is held. The numerator of PC with a derivative is
    `network_distances.probability_of_connectivity`.

    Parameters
    ----------
    graph : Graph
        Links can be gone both ways.
    capacity : str
        Column of the nodes, >= 0; a node without a capacity (NaN) is none, and its links are none.
    length : str
        Column of the edges, >= 0; edges of infinite length are none.
    rate : scalar
        k of ``p = exp(-k d)``.

    Returns
    -------
    dict of str to scalar
        ``pc_numerator``, ``iic_numerator``, ``components``; see `network_indices`.
    """
    result = jax.ShapeDtypeStruct((len(TOTALS),), graph.nodes[capacity].dtype)
    found = jax.pure_callback(
        _host, result, *endpoints(graph), graph.nodes[capacity], graph.edges[length], rate, vmap_method="expand_dims"
    )
    return {name: found[..., place] for place, name in enumerate(TOTALS)}


def _host(*given: Any) -> np.ndarray:
    start, end, capacity, length = (np.asarray(values) for values in given[:4])
    rate = np.asarray(given[4])[..., None]
    batch = np.broadcast_shapes(*(values.shape[:-1] for values in (start, end, capacity, length, rate)))
    result = np.empty((*batch, len(TOTALS)))
    for at in np.ndindex(batch):
        one = functools.partial(_at, at)
        result[at] = _totals(one(start), one(end), one(capacity), one(length), float(one(rate)[0]))
    return result.astype(capacity.dtype)


def _at(place: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    return values[tuple(0 if size == 1 else number for number, size in zip(place, values.shape[:-1], strict=True))]


def _totals(
    start: np.ndarray, end: np.ndarray, capacity: np.ndarray, length: np.ndarray, rate: float
) -> tuple[float, float, int]:
    there = ~np.isnan(capacity)
    a = np.where(there, capacity, 0.0).astype(np.float64)
    # padded edges end out of range
    known = np.append(there, False)
    ends = [known[np.clip(rows, 0, len(there))] for rows in (start, end)]
    links = adjacency(len(a), start, end, np.where(ends[0] & ends[1], length, np.inf))
    parts, _ = components(links, a)
    numerator = probability_sums(links, a, [rate]).numerator[0]
    return float(numerator), integral_numerator(links, a), len(np.unique(parts[there]))
