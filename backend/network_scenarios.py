"""Scenarios of a habitat network: what each changes, and the indices of all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .network_columns import present
from .network_input import PatchNetwork
from .vector_io import VectorTable

ACTIONS = ("remove_node", "set_capacity", "add_node", "remove_link", "set_distance", "add_link")


@dataclass
class Scenarios:
    """A network with everything that any scenario adds, and the values that it has in each.

    Parameters
    ----------
    names : list of str
        The first is the network as it is.
    start, end : array of int, shape (links,)
        Rows of the nodes that each link joins.
    capacity : array, shape (scenarios, nodes)
        0 where a node is removed or not added.
    length : array, shape (scenarios, links)
        inf where a link is removed or not added.
    there : array of bool, shape (scenarios, nodes)
        Which nodes exist.
    """

    names: list[str]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    capacity: NDArray[np.float64]
    length: NDArray[np.float64]
    there: NDArray[np.bool_]


@dataclass
class _Growing:
    rows: dict[str, int]
    links: list[tuple[int, int]]
    changes: list[tuple[int, str, int, float]] = field(default_factory=list)

    def node(self, name: str, line: str) -> int:
        if name not in self.rows:
            raise InputError(
                "SCENARIOS", f"{line} names node '{name}', which is not in NODES.", "Add it first: add_node."
            )
        return self.rows[name]


def read_scenarios(network: PatchNetwork, table: VectorTable | None, removed: list[int], cut: list[int]) -> Scenarios:
    """Return the scenarios of a table and of selections.

    Parameters
    ----------
    network : PatchNetwork
        The network as it is.
    table : VectorTable or None
        Fields scenario, action and, as the action needs, node, from, to, value.
    removed, cut : list of int
        Rows of nodes and of links that one more scenario, `selection`, removes.

    Raises
    ------
    InputError
        Names the feature of the table that cannot be carried out.
    """
    names = ["as it is"]
    growing = _Growing(
        {name: row for row, name in enumerate(network.names)}, list(zip(network.start.tolist(), network.end.tolist()))
    )
    if table is not None:
        for row in range(len(table.fid)):
            _read_row(table, row, names, growing)
    if removed or cut:
        names.append("selection")
        growing.changes += [(len(names) - 1, "remove_node", row, 0.0) for row in removed]
        growing.changes += [(len(names) - 1, "remove_link", row, 0.0) for row in cut]
    return _values(network, names, growing)


def _read_row(table: VectorTable, row: int, names: list[str], growing: _Growing) -> None:
    line = f"Feature {table.fid[row]}"
    name, action = _text(table, row, "scenario"), _text(table, row, "action")
    if not name or action not in ACTIONS:
        raise InputError(
            "SCENARIOS",
            f"{line} has the scenario '{name}' and the action '{action}'.",
            f"Every row needs a scenario and one of the actions {', '.join(ACTIONS)}.",
        )
    if name not in names:
        names.append(name)
    scenario = names.index(name)
    value = np.nan
    if not action.startswith("remove"):
        value = _number(table, row, line)
    if action.endswith("_node") or action == "set_capacity":
        node = _text(table, row, "node")
        if action == "add_node" and node and node not in growing.rows:
            growing.rows[node] = len(growing.rows)
        growing.changes.append((scenario, action, growing.node(node, line), value))
        return
    ends = growing.node(_text(table, row, "from"), line), growing.node(_text(table, row, "to"), line)
    if action == "add_link":
        growing.links.append(ends)
        growing.changes.append((scenario, action, len(growing.links) - 1, value))
        return
    found = [at for at, link in enumerate(growing.links) if sorted(link) == sorted(ends)]
    if not found:
        raise InputError(
            "SCENARIOS", f"{line}: no link joins '{_text(table, row, 'from')}' and '{_text(table, row, 'to')}'."
        )
    growing.changes += [(scenario, action, at, value) for at in found]


def _text(table: VectorTable, row: int, name: str) -> str:
    key = next((known for known in table.columns if known.lower() == name), None)
    if key is None or not present(table.columns, key)[row]:
        return ""
    value = table.columns[key][row]
    whole = isinstance(value, (float, np.floating)) and value == int(value)
    return str(int(value)) if whole else str(value).strip()


def _number(table: VectorTable, row: int, line: str) -> float:
    try:
        value = float(_text(table, row, "value"))
    except ValueError:
        value = np.nan
    if not (np.isfinite(value) and value >= 0):
        raise InputError(
            "SCENARIOS", f"{line} has the value '{_text(table, row, 'value')}'.", "It must be a number >= 0."
        )
    return value


def _values(network: PatchNetwork, names: list[str], growing: _Growing) -> Scenarios:
    shape = len(names), len(growing.rows)
    capacity, there = np.zeros(shape), np.zeros(shape, bool)
    capacity[:, : len(network.names)], there[:, : len(network.names)] = network.capacity, True
    length = np.full((len(names), len(growing.links)), np.inf)
    length[:, : len(network.length)] = network.length
    for scenario, action, row, value in growing.changes:
        if action in ("remove_link", "set_distance", "add_link"):
            length[scenario, row] = np.inf if action == "remove_link" else value
        elif action == "remove_node":
            there[scenario, row] = False
        else:
            capacity[scenario, row] = value
            there[scenario, row] |= action == "add_node"
    ends = np.array(growing.links, np.int64).reshape(-1, 2)
    capacity[~there] = 0
    gone = ~there[:, ends[:, 0]] | ~there[:, ends[:, 1]]
    length[gone] = np.inf
    return Scenarios(names, ends[:, 0].copy(), ends[:, 1].copy(), capacity, length, there)


def scenario_sums(scenarios: Scenarios, rate: float, memory: int, report: Any) -> NDArray[np.float64]:
    """Return the numerator of PC of every scenario: one function of a graph, mapped over the scenarios' values.

    Parameters
    ----------
    scenarios : Scenarios
        What to compute.
    rate : float
        k of ``p = exp(-k d)``.
    memory : int
        Bytes that the tables of distances may take.
    """
    import jax
    import jax.numpy as jnp

    from .network import Graph
    from .network_distances import probability_of_connectivity
    from .network_table import Table

    nodes = scenarios.capacity.shape[1]
    graph = Graph(
        Table.from_columns({"index": np.arange(nodes), "capacity": scenarios.capacity[0]}),
        Table.from_columns(
            {
                "index": np.arange(len(scenarios.start)),
                "from": scenarios.start,
                "to": scenarios.end,
                "length": scenarios.length[0],
            }
        ),
    )

    @jax.jit
    @jax.vmap
    def numerators(capacity: Any, length: Any) -> Any:
        edited = graph.nodes_at().set("capacity", capacity).edges_at().set("length", length)
        return probability_of_connectivity(edited, "capacity", "length", rate)

    size = int(max(1, min(len(scenarios.names), memory // (24 * max(1, nodes) ** 2))))
    found = []
    for first in range(0, len(scenarios.names), size):
        report.raise_if_cancelled()
        rows = np.minimum(np.arange(first, first + size), len(scenarios.names) - 1)
        found.append(np.asarray(numerators(jnp.asarray(scenarios.capacity[rows]), jnp.asarray(scenarios.length[rows]))))
        report.progress(min(1.0, (first + size) / len(scenarios.names)), "Scenarios")
    return np.concatenate(found)[: len(scenarios.names)]
