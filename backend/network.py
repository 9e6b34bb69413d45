"""One graph for patches, grids and scenarios: nodes and edges as tables of columns, a frozen pytree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from .network_columns import NetworkColumns, rows_of
from .network_table import Table

Part = Literal["nodes", "edges"]


class Graph(eqx.Module):
    """Nodes and edges with any number of named attributes.

    All edits return a new graph. Everything but `select` and `append` works inside `jit` and under `vmap`, over values as
    well as over the rows that are edited.

    Parameters
    ----------
    nodes : Table
        ``index`` (the node's name, a unique int) and attributes.
    edges : Table
        ``index``, ``from``, ``to`` (rows of `nodes`, not their names) and attributes. Padding has rows out of range there.
    globals : dict of str to array
        What belongs to the graph as a whole.
    directed : bool
        Whether an edge leads from `from` to `to` only.
    """

    nodes: Table
    edges: Table
    globals: dict[str, Array] = eqx.field(default_factory=dict)
    directed: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        missing = [name for name in ("from", "to") if name not in self.edges]
        if missing:
            raise ValueError(f"the edges have no column {' and no column '.join(missing)}.")

    @classmethod
    def from_columns(cls, columns: NetworkColumns) -> Graph:
        """Return the graph of plain columns.

        Raises
        ------
        ValueError
            When two nodes have one index, or an edge ends at none.
        """
        index = np.asarray(columns.nodes["index"], np.int64)
        if len(np.unique(index)) < len(index):
            raise ValueError("two nodes have the same index.")
        edges = dict(columns.edges)
        for end in ("from", "to"):
            rows = rows_of(index, np.asarray(edges[end], np.int64))
            if (rows == len(index)).any():
                lost = edges[end][rows == len(index)][0]
                raise ValueError(f"'{end}' of an edge names node {lost}, which is not among the nodes.")
            edges[end] = rows
        if "index" not in edges:
            edges = {"index": np.arange(len(edges["from"])), **edges}
        shared = {name: jnp.asarray(value) for name, value in columns.globals.items()}
        return cls(Table.from_columns(columns.nodes), Table.from_columns(edges), shared, columns.directed)

    def to_columns(self) -> NetworkColumns:
        """Return plain columns, `from` and `to` as names of nodes again; padding is left out."""
        trimmed = self.trimmed()
        nodes, edges = trimmed.nodes.to_columns(), trimmed.edges.to_columns()
        for end in ("from", "to"):
            edges[end] = nodes["index"][edges[end]]
        return NetworkColumns(nodes, edges, self.directed, globals={n: np.asarray(v) for n, v in self.globals.items()})

    def nodes_at(self, where: Any = None) -> View:
        """Return a view of some nodes: an expression, a mask, row numbers, a slice; None is all."""
        return View(self, "nodes", self.nodes.rows(where))

    def edges_at(self, where: Any = None) -> View:
        """Return a view of some edges: an expression, a mask, row numbers, a slice; None is all."""
        return View(self, "edges", self.edges.rows(where))

    def with_table(self, part: Part, table: Table) -> Graph:
        """Return the graph with another table of nodes or edges."""
        nodes, edges = (table, self.edges) if part == "nodes" else (self.nodes, table)
        return Graph(nodes, edges, self.globals, self.directed)

    def append(self, part: Part, columns: Mapping[str, Any]) -> Graph:
        """Return the graph with further rows; what they do not name is absent in them.

        Parameters
        ----------
        part : {"nodes", "edges"}
            Where.
        columns : mapping of str to array
            Values of the new rows. `index` is given by default; `from` and `to` are rows of the nodes.
        """
        table: Table = getattr(self, part)
        count = len(next(iter(columns.values())))
        grown = table.take(jnp.arange(len(table) + count))
        new = slice(len(table), None)
        if "index" not in columns:
            first = int(table["index"].max()) + 1 if len(table) else 0
            columns = {"index": jnp.arange(first, first + count), **columns}
        for name, values in columns.items():
            grown = grown.insert(name, jnp.asarray(values), new)
        if part == "nodes":
            return self.with_table(part, grown)._padding_out_of(len(table))
        return self.with_table(part, grown)

    def _padding_out_of(self, before: int) -> Graph:
        """Keep padded edges out of range after nodes were added."""
        edges = self.edges
        for end in ("from", "to"):
            edges = edges.put(end, jnp.where(edges[end] >= before, np.iinfo(np.int32).max, edges[end]))
        return self.with_table("edges", edges)

    def padded(self, nodes: int, edges: int) -> Graph:
        """Return the graph with rows up to the given numbers; edges among them end out of range and change nothing."""
        if nodes < len(self.nodes) or edges < len(self.edges):
            raise ValueError(f"{nodes} nodes and {edges} edges for a graph of {len(self.nodes)} and {len(self.edges)}.")
        whole = self.with_table("nodes", self.nodes.take(jnp.arange(nodes)))._padding_out_of(len(self.nodes))
        return whole.with_table("edges", whole.edges.take(jnp.arange(edges)))

    def trimmed(self) -> Graph:
        """Return the graph without padding."""
        index = np.asarray(self.nodes["index"])
        real = np.flatnonzero(index != np.iinfo(index.dtype).max)
        start, end = np.asarray(self.edges["from"]), np.asarray(self.edges["to"])
        inside = np.flatnonzero((start < len(index)) & (end < len(index)))
        if len(real) == len(index) and len(inside) == len(start):
            return self
        return _subgraph(self, real, inside)


class View(eqx.Module):
    """Some rows of a graph's nodes or edges.

    Parameters
    ----------
    graph : Graph
        Of which graph.
    part : {"nodes", "edges"}
        Of which table.
    rows : array
        Row numbers (out of range: none), or a mask inside `jit`.
    """

    graph: Graph
    part: Part = eqx.field(static=True)
    rows: Array

    @property
    def table(self) -> Table:
        """The whole table."""
        return self.graph.nodes if self.part == "nodes" else self.graph.edges

    def __getitem__(self, name: str) -> Array:
        if self.rows.dtype == bool:
            raise ValueError("inside jit the number of rows under a mask is not known; select by row numbers.")
        return self.table[name][self.rows]

    def set(self, name: str, value: Any) -> Graph:
        """Return the graph with new values in those of these rows that have the attribute."""
        return self.graph.with_table(self.part, self.table.set(name, value, self.rows))

    def insert(self, name: str, value: Any) -> Graph:
        """Return the graph with an attribute in these rows; rows outside lack it unless they had it."""
        return self.graph.with_table(self.part, self.table.insert(name, value, self.rows))

    def share(self, name: str, values: Array, by: str) -> Graph:
        """Return the graph with `values[by]` in these rows; see `Table.share`."""
        return self.graph.with_table(self.part, self.table.share(name, values, by, self.rows))

    def select(self) -> Graph:
        """Return the graph of these rows alone: nodes with the edges between them, or all nodes with these edges."""
        rows = np.asarray(self.rows)
        rows = rows[rows < len(self.table)]
        if self.part == "edges":
            return self.graph.with_table("edges", self.graph.edges.take(jnp.asarray(rows)))
        start, end = np.asarray(self.graph.edges["from"]), np.asarray(self.graph.edges["to"])
        keeps = np.zeros(len(self.graph.nodes) + 1, bool)
        keeps[rows] = True
        last = len(self.graph.nodes)
        kept = keeps[np.minimum(start, last)] & keeps[np.minimum(end, last)]
        return _subgraph(self.graph, rows, np.flatnonzero(kept))

    def frame(self) -> Any:
        """Return these rows as a pandas DataFrame, for looking at; needs pandas."""
        from .network_pandas import frame

        return frame(self.table.take(self.rows))


def _subgraph(graph: Graph, rows: np.ndarray, edges: np.ndarray) -> Graph:
    place = np.full(len(graph.nodes) + 1, len(rows), np.int64)
    place[rows] = np.arange(len(rows))
    kept = graph.edges.take(jnp.asarray(edges))
    for end in ("from", "to"):
        kept = kept.put(end, jnp.asarray(place[np.asarray(kept[end])]))
    return Graph(graph.nodes.take(jnp.asarray(rows)), kept, graph.globals, graph.directed)


def endpoints(graph: Graph) -> tuple[Int[Array, " edges"], Int[Array, " edges"]]:
    """Return the rows of the nodes at which each edge starts and ends; out of range for padding."""
    return graph.edges["from"], graph.edges["to"]
