"""Graphs to and from pandas, where pandas is installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .network import Graph
from .network_columns import NetworkColumns, is_companion, present
from .network_table import Table


def frame(table: Table) -> Any:
    """Return a table as a DataFrame; absent values are NaN, <NA> or None."""
    pd = _pandas()
    return pd.DataFrame(_series(table.to_columns()))


def to_frames(graph: Graph) -> tuple[Any, Any]:
    """Return DataFrames of nodes and edges, `from` and `to` as names of nodes.

    Integers and booleans that some rows lack get pandas' nullable types.
    """
    pd = _pandas()
    columns = graph.to_columns()
    return pd.DataFrame(_series(columns.nodes)), pd.DataFrame(_series(columns.edges))


def from_frames(nodes: Any, edges: Any, *, directed: bool = False) -> Graph:
    """Return the graph of two DataFrames as `to_frames` makes them.

    Raises
    ------
    ValueError
        When an edge ends at no node.
    """
    return Graph.from_columns(NetworkColumns(_columns(nodes), _columns(edges), directed))


def _pandas() -> Any:
    # Optional: the engine does not bring it.
    import pandas  # pyright: ignore[reportMissingImports]

    return pandas


def _series(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    pd = _pandas()
    found: dict[str, Any] = {}
    for name, values in columns.items():
        if is_companion(columns, name):
            continue
        there = present(columns, name)
        if values.ndim > 1:
            found[name] = pd.Series(list(values), dtype=object)
        elif values.dtype.kind in "ib" and not there.all():
            kind = "boolean" if values.dtype.kind == "b" else values.dtype.name.capitalize()
            found[name] = pd.Series(pd.array(values, dtype=kind)).mask(~there)
        elif values.dtype.kind == "O":
            found[name] = pd.Series(values, dtype=object)
        else:
            found[name] = values
    return found


def _columns(table: Any) -> dict[str, np.ndarray]:
    from .network_columns import column

    pd = _pandas()
    found: dict[str, np.ndarray] = {}
    for name in table.columns:
        series = table[name]
        kind = getattr(series.dtype, "numpy_dtype", series.dtype)
        if isinstance(kind, np.dtype) and kind.kind in "fcib":
            empty = series.isna().to_numpy(bool) if kind.kind in "ib" else np.zeros(len(series), bool)
            values = [None if lost else value for lost, value in zip(empty, series, strict=True)]
            found.update(column(str(name), values, kind))
        else:
            values = [None if value is None or value is pd.NA else value for value in series]
            values = [None if isinstance(value, float) and np.isnan(value) else value for value in values]
            found.update(column(str(name), values))
    return found
