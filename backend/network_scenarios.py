"""Scenarios of a habitat network: what each changes, and the indices of all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, MemoryPlanError
from .memory import human_bytes
from .network_columns import present
from .network_input import PatchNetwork
from .vector_io import VectorTable

_SECONDS = 1.0
ACTIONS = ("remove_node", "set_capacity", "add_node", "remove_link", "set_distance", "add_link")


@dataclass(frozen=True)
class Change:
    """One change of a scenario.

    Parameters
    ----------
    scenario : str
        To which it belongs.
    action : str
        One of `ACTIONS`.
    node, start, end : str
        Names of the node, or of both ends of the link.
    value : float
        New capacity, or what the field of the links is to hold; NaN where nothing is set.
    parameter, line : str
        Where it stands, for messages.
    row : int
        Row of the link, -1: all links between its ends.
    """

    scenario: str
    action: str
    node: str
    start: str
    end: str
    value: float
    parameter: str
    line: str
    row: int = -1


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

    def node(self, name: str, parameter: str, line: str) -> int:
        if name not in self.rows:
            raise InputError(
                parameter, f"{line} names node '{name}', which is not in NODES.", "Add it first: add_node."
            )
        return self.rows[name]

    def joined_by(self, ends: tuple[int, int]) -> list[int]:
        """Return the rows of the links between two nodes, whichever way."""
        return [at for at, link in enumerate(self.links) if sorted(link) == sorted(ends)]


def read_scenarios(
    network: PatchNetwork,
    table: VectorTable | None,
    selected: list[Change],
    length_of: Callable[[float], float],
    memory: int,
) -> Scenarios:
    """Return the scenarios of a table and of selections.

    Parameters
    ----------
    network : PatchNetwork
        The network as it is.
    table : VectorTable or None
        Fields scenario, action and, as the action needs, node, from, to, value.
    selected : list of Change
        Further changes, those of one scenario one after the other.
    length_of : callable
        Turns what the field of the links holds into a length.
    memory : int
        Bytes that all scenarios may take.

    Raises
    ------
    InputError
        Names the feature of the table that cannot be carried out.
    MemoryPlanError
        Names how many scenarios would fit.
    """
    names = ["as it is"]
    growing = _Growing(
        {name: row for row, name in enumerate(network.names)}, list(zip(network.start.tolist(), network.end.tolist()))
    )
    rows = [] if table is None else [_row_of_table(table, row) for row in range(len(table.fid))]
    changes = [*rows, *selected]
    for change in changes:
        _apply(change, names, growing, length_of)
    size = 17 * len(growing.rows) + 16 * len(growing.links)
    one = bytes_of_one(len(growing.rows), len(growing.links))
    if size * len(names) + one > memory:
        raise MemoryPlanError(
            f"{len(names)} scenarios need {human_bytes(size * len(names) + one)}, {human_bytes(memory)} may be used.",
            f"Split them: {max(0, (memory - one) // size - 1)} at a time would fit.",
            "SCENARIOS",
        )
    return _values(network, names, growing)


def _row_of_table(table: VectorTable, row: int) -> Change:
    line = f"Feature {table.fid[row]}"
    name, action = _text(table, row, "scenario"), _text(table, row, "action")
    if not name or action not in ACTIONS:
        raise InputError(
            "SCENARIOS",
            f"{line} has the scenario '{name}' and the action '{action}'.",
            f"Every row needs a scenario and one of the actions {', '.join(ACTIONS)}.",
        )
    value = np.nan if action.startswith("remove") else _number(table, row, line)
    node, start, end = (_text(table, row, key) for key in ("node", "from", "to"))
    return Change(name, action, node, start, end, value, "SCENARIOS", line)


def _apply(change: Change, names: list[str], growing: _Growing, length_of: Callable[[float], float]) -> None:
    if change.scenario not in names:
        names.append(change.scenario)
    scenario, action, where = names.index(change.scenario), change.action, (change.parameter, change.line)
    if action in ("remove_node", "set_capacity", "add_node"):
        if action == "add_node" and change.node and change.node not in growing.rows:
            growing.rows[change.node] = len(growing.rows)
        growing.changes.append((scenario, action, growing.node(change.node, *where), change.value))
        return
    value = length_of(change.value) if action != "remove_link" else np.inf
    if np.isnan(value):
        raise InputError(change.parameter, f"{change.line} has the value {change.value:g}.", "A probability is 0 to 1.")
    ends = growing.node(change.start, *where), growing.node(change.end, *where)
    if action == "add_link":
        growing.links.append(ends)
        growing.changes.append((scenario, action, len(growing.links) - 1, value))
        return
    found = [change.row] if change.row >= 0 else growing.joined_by(ends)
    if not found:
        raise InputError(change.parameter, f"{change.line}: no link joins '{change.start}' and '{change.end}'.")
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


def scenario_totals(scenarios: Scenarios, rate: float, memory: int, report: Any) -> dict[str, NDArray[np.float64]]:
    """Return the indices of every scenario: one function of a graph, mapped over the scenarios' values.

    Parameters
    ----------
    scenarios : Scenarios
        What to compute.
    rate : float
        k of ``p = exp(-k d)``.
    memory : int
        Bytes that a batch of scenarios may take.

    Returns
    -------
    dict of str to array, shape (scenarios,)
        See `network_totals.network_totals`.
    """
    import jax
    import jax.numpy as jnp

    from .network import Graph
    from .network_table import Table
    from .network_totals import TOTALS, network_totals
    from .solvers.threads import thread_count

    nodes, links = scenarios.capacity.shape[1], len(scenarios.start)
    graph = Graph(
        Table.from_columns({"index": np.arange(nodes), "capacity": np.zeros(nodes)}),
        Table.from_columns(
            {"index": np.arange(links), "from": scenarios.start, "to": scenarios.end, "length": np.zeros(links)}
        ),
    )

    @jax.jit
    @jax.vmap
    def totals(capacity: Any, length: Any) -> Any:
        edited = graph.nodes_at().set("capacity", capacity).edges_at().set("length", length)
        return network_totals(edited, "capacity", "length", rate)

    count = len(scenarios.names)
    seconds = 1e-7 * nodes * (nodes + 2 * links) / thread_count()
    size = int(max(1, min(count, memory // bytes_of_one(nodes, links), _SECONDS / max(seconds, 1e-9))))
    found: dict[str, list[Any]] = {name: [] for name in TOTALS}
    for first in range(0, count, size):
        report.raise_if_cancelled()
        rows = np.minimum(np.arange(first, first + size), count - 1)
        capacity = np.where(scenarios.there[rows], scenarios.capacity[rows], np.nan)
        for name, values in totals(jnp.asarray(capacity), jnp.asarray(scenarios.length[rows])).items():
            found[name].append(np.asarray(values))
        report.progress(min(1.0, (first + size) / count), "Scenarios")
    return {name: np.concatenate(values)[:count] for name, values in found.items()}


def bytes_of_one(nodes: int, links: int) -> int:
    """Return the bytes that a scenario takes while it is computed: its values twice, and its links by node."""
    return 8 * (6 * nodes + 14 * links) + 1
