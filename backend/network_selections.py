"""Changes of a network that features selected in QGIS stand for; light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .job import Job
from .network_columns import present
from .network_input import PatchNetwork, as_names
from .network_scenarios import Change
from .vector_io import VectorLayer, VectorTable

SELECTIONS = ("REMOVED_NODES", "REMOVED_LINKS", "CHANGED_NODES", "CHANGED_LINKS", "ADDED_NODES", "ADDED_LINKS")
_TOGETHER = "selection"


def selected_changes(job: Job, network: PatchNetwork) -> list[Change]:
    """Return the changes of all selections of a job.

    They are one scenario together, or each a scenario of its own; a node that is added alone comes with the added links that
    join it to the network.

    Raises
    ------
    InputError
        Names the parameter and the feature that is not in the network, or is already.
    """
    given = job.parameters
    each = given["SELECTED"] == "each"
    nodes = [change for name in SELECTIONS[0::2] if given[name] for change in _nodes(job, name, network, each)]
    links = [change for name in SELECTIONS[1::2] if given[name] for change in _links(job, name, network, each)]
    if not each:
        # nodes are added before links end at them
        return nodes + links
    known, added = set(network.names), {change.node for change in nodes if change.action == "add_node"}
    changes = []
    for change in nodes:
        changes.append(change)
        if change.action == "add_node":
            changes += [_moved(link, change.scenario) for link in links if _joins(link, change.node, known)]
    return changes + [link for link in links if not {link.start, link.end} & (added - known)]


def _joins(link: Change, node: str, known: set[str]) -> bool:
    return link.action == "add_link" and {link.start, link.end} - {node} <= known and node in (link.start, link.end)


def _moved(link: Change, scenario: str) -> Change:
    return Change(
        scenario, link.action, "", link.start, link.end, link.value, link.parameter, link.line, link.row
    )  # fmt: skip


def _nodes(job: Job, parameter: str, network: PatchNetwork, each: bool) -> list[Change]:
    layer = VectorLayer(job.parameters[parameter], parameter)
    table = layer.read()
    names = as_names(table.columns[layer.field(network.named_by, parameter)]) if network.named_by else _ids(table)
    action = {"REMOVED": "remove_node", "CHANGED": "set_capacity", "ADDED": "add_node"}[parameter.split("_")[0]]
    known = set(network.names)
    for name in names:
        if action != "add_node" and name not in known:
            raise InputError(parameter, f"It holds '{name}', which is not in NODES.", "Select features of NODES.")
        if action == "add_node" and name in known:
            raise InputError(
                parameter,
                f"It holds '{name}', which NODES has already.",
                "Give new nodes names of their own in the field that names the nodes, see ID_FIELD.",
            )
    values = _values(layer, table, action, job.parameters["NEW_CAPACITY"], network.headers.capacity)
    verb = action.split("_")[0]
    return [
        Change(f"{verb} node {name}" if each else _TOGETHER, action, name, "", "", value, parameter, f"Feature {fid}")
        for name, value, fid in zip(names, values, table.fid.tolist())
    ]


def _links(job: Job, parameter: str, network: PatchNetwork, each: bool) -> list[Change]:
    layer = VectorLayer(job.parameters[parameter], parameter)
    table = layer.read()
    ends = [as_names(table.columns[layer.field(name, parameter)]) for name in network.headers.ends]
    action = {"REMOVED": "remove_link", "CHANGED": "set_distance", "ADDED": "add_link"}[parameter.split("_")[0]]
    values = _values(layer, table, action, job.parameters["NEW_DISTANCE"], network.headers.distance)
    verb, row_of = action.split("_")[0], _RowsOfLinks(network)
    changes = []
    for start, end, value, fid in zip(*ends, values, table.fid.tolist()):
        row = -1 if action == "add_link" else row_of(start, end, fid, parameter)
        scenario = f"{verb} link {start} - {end}" if each else _TOGETHER
        changes.append(Change(scenario, action, "", start, end, value, parameter, f"Feature {fid}", row))
    return changes


class _RowsOfLinks:
    """Finds a selected link among those of the network: the same feature where it joins the same nodes, else what does."""

    def __init__(self, network: PatchNetwork) -> None:
        self._by_fid = {fid: row for row, fid in enumerate(network.edge_table.fid.tolist())}
        names = network.names
        self._ends = [tuple(sorted((names[u], names[v]))) for u, v in zip(network.start.tolist(), network.end.tolist())]
        self._joined = set(self._ends)

    def __call__(self, start: str, end: str, fid: int, parameter: str) -> int:
        pair = tuple(sorted((start, end)))
        row = self._by_fid.get(fid, -1)
        if row >= 0 and self._ends[row] == pair:
            return row
        if pair not in self._joined:
            raise InputError(
                parameter,
                f"Feature {fid} joins '{start}' and '{end}', which no link of EDGES does.",
                "Select its links.",
            )
        return -1


def _ids(table: VectorTable) -> list[str]:
    return as_names(table.fid)


def _values(layer: VectorLayer, table: VectorTable, action: str, new: Any, field: str) -> list[float]:
    """Return the value of each change: the one that is given for all that change, or what the layer's field holds."""
    if action.startswith("remove"):
        return [math.nan] * len(table.fid)
    if new is not None and action.startswith("set"):
        return [float(new)] * len(table.fid)
    name = layer.field(field, layer.parameter, numeric=True)
    values: NDArray[np.float64] = table.columns[name].astype(float)
    wrong = ~present(table.columns, name) | ~np.isfinite(values) | (values < 0)
    if wrong.any():
        raise InputError(
            layer.parameter,
            f"'{name}' of feature {table.fid[wrong][0]} is no number >= 0.",
            "Fill it in or correct it.",
        )
    return values.tolist()
