"""The graph of a raster as a network."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .grid import Neighbourhood, edge_costs
from .network import Graph
from .network_table import Table

_STEPS = {"east": (0, 1), "south": (1, 0), "southeast": (1, 1), "southwest": (1, -1)}


def raster_graph(
    resistance: Float[Array, "height width"],
    neighbourhood: Neighbourhood,
    attributes: dict[str, Float[Array, "height width"]] | None = None,
) -> Graph:
    """Return the graph of a raster: a node per cell of finite resistance, an undirected edge per step.

    Parameters
    ----------
    resistance : (height, width)
        > 0; inf or NaN where the cell is no node.
    neighbourhood : Neighbourhood
        Which cells are joined, and what a step costs.
    attributes : dict of (height, width), optional
        Further values of the cells.

    Returns
    -------
    Graph
        Nodes: `index` = row x width + column, `row`, `column`, `resistance` and the attributes. Edges: `distance`, the
        cost of the step.
    """
    values = np.asarray(resistance)
    node = np.isfinite(values)
    rows, columns = np.nonzero(node)
    place = np.full(values.shape, -1, np.int64)
    place[rows, columns] = np.arange(len(rows))
    starts, ends, costs = [], [], []
    for name, cost in edge_costs(jnp.asarray(resistance), neighbourhood)._asdict().items():
        down, right = _STEPS[name]
        known = np.asarray(cost)
        i, j = np.nonzero(np.isfinite(known))
        starts.append(place[i, j])
        ends.append(place[i + down, j + right])
        costs.append(known[i, j])
    nodes = {"index": rows * values.shape[1] + columns, "row": rows, "column": columns, "resistance": values[node]}
    for name, layer in (attributes or {}).items():
        nodes[name] = np.asarray(layer)[node]
    start = np.concatenate(starts)
    edges = {
        "index": np.arange(len(start)),
        "from": start,
        "to": np.concatenate(ends),
        "distance": np.concatenate(costs),
    }
    return Graph(Table.from_columns(nodes), Table.from_columns(edges))
