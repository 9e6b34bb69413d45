"""Graphs to and from NetworkX, where NetworkX is installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .network import Graph
from .network_columns import NetworkColumns, column, is_companion, present

LABEL = "label"


def to_networkx(graph: Graph) -> Any:
    """Return the graph as NetworkX holds it: (Multi)Graph or (Multi)DiGraph.

    Nodes are named by `index`, or by the text column ``label`` where every node has one. Each row takes along the
    attributes that it has, as Python numbers, texts or arrays. A multigraph is made where two edges join the same nodes; its keys are the edges' `index`.
    """
    import networkx as nx

    columns = graph.to_columns()
    nodes, edges = columns.nodes, columns.edges
    names = [int(name) for name in nodes["index"]]
    if LABEL in nodes and present(nodes, LABEL).all():
        names = list(nodes[LABEL])
    called = dict(zip(nodes["index"].tolist(), names, strict=True))
    pairs = list(zip(edges["from"].tolist(), edges["to"].tolist(), strict=True))
    distinct = {pair if columns.directed else tuple(sorted(pair)) for pair in pairs}
    several = len(distinct) < len(pairs)
    kinds = {
        (False, False): nx.Graph,
        (False, True): nx.MultiGraph,
        (True, False): nx.DiGraph,
        (True, True): nx.MultiDiGraph,
    }
    made = kinds[columns.directed, several]()
    made.graph.update({name: value[()] for name, value in columns.globals.items()})
    for name, attributes in zip(names, _rows(nodes, len(names)), strict=True):
        made.add_node(name, **attributes)
    for number, ((start, end), attributes) in enumerate(zip(pairs, _rows(edges, len(pairs)), strict=True)):
        key = {"key": int(edges["index"][number])} if several else {}
        made.add_edge(called[start], called[end], **key, **attributes)
    return made


def from_networkx(made: Any) -> Graph:
    """Return the graph that a NetworkX graph describes; nodes and edges may differ in the attributes that they have.

    Raises
    ------
    TypeError
        When nodes are named by neither integers nor texts, or an attribute mixes numbers and text.
    """
    names = list(made.nodes)
    nodes: dict[str, np.ndarray] = {}
    if all(isinstance(name, (int, np.integer)) and not isinstance(name, bool) for name in names):
        nodes["index"] = np.array(names, np.int64)
    elif all(isinstance(name, str) for name in names):
        nodes["index"] = np.arange(len(names))
        nodes[LABEL] = np.array(names, object)
    else:
        raise TypeError("nodes are named by neither integers nor texts; see networkx.convert_node_labels_to_integers.")
    number = dict(zip(names, nodes["index"].tolist(), strict=True))
    nodes.update(_columns([made.nodes[name] for name in names], skip=(LABEL,) if LABEL in nodes else ()))
    several = made.is_multigraph()
    found = (
        list(made.edges(keys=True, data=True)) if several else [(u, v, None, d) for u, v, d in made.edges(data=True)]
    )
    keys = [key for _, _, key, _ in found]
    own = several and len(set(keys)) == len(keys) and all(isinstance(key, int) for key in keys)
    edges = {
        "index": np.array(keys if own else range(len(found)), np.int64),
        "from": np.array([number[u] for u, _, _, _ in found], np.int64),
        "to": np.array([number[v] for _, v, _, _ in found], np.int64),
        **_columns([attributes for _, _, _, attributes in found]),
    }
    shared = {name: np.asarray(value) for name, value in made.graph.items() if np.asarray(value).dtype.kind in "fib"}
    return Graph.from_columns(NetworkColumns(nodes, edges, made.is_directed(), globals=shared))


def _rows(columns: dict[str, np.ndarray], count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, values in columns.items():
        if name in ("index", "from", "to", LABEL) or is_companion(columns, name):
            continue
        there = present(columns, name)
        plain = values.tolist() if values.ndim == 1 and values.dtype.kind != "O" else values
        for row in np.flatnonzero(there):
            rows[row][name] = plain[row]
    return rows


def _columns(rows: list[dict[str, Any]], skip: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    found: dict[str, np.ndarray] = {}
    for name in names:
        if name not in skip:
            found.update(column(str(name), [row.get(name) for row in rows]))
    return found
