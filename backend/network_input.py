"""A habitat network as analyses take it: a layer of nodes, a layer of links, and everything that can be wrong with them.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .job import Job, Report
from .network_columns import present
from .output_checks import check_outputs
from .vector_io import VectorLayer, VectorTable
from .wording import counted

_ENDS = ("from", "to")
_USUAL_NAMES = ("index", "id", "node", "patch", "node_id", "patch_id", "nodeid", "patchid")


@dataclass(frozen=True)
class NetworkHeaders:
    """What is known before any feature is read.

    Parameters
    ----------
    nodes, edges : VectorLayer
        The layers, opened.
    capacity, distance : str
        Names of the fields, as the layers spell them.
    ends : tuple of str
        Names of the fields `from` and `to`.
    identifier : str or None
        Field that names the nodes, when it was chosen.
    """

    nodes: VectorLayer
    edges: VectorLayer
    capacity: str
    distance: str
    ends: tuple[str, str]
    identifier: str | None


@dataclass
class PatchNetwork:
    """A network, read and checked.

    Parameters
    ----------
    headers : NetworkHeaders
        Where it comes from.
    node_table, edge_table : VectorTable
        All fields and geometries.
    names : list of str
        What `from` and `to` call each node.
    named_by : str
        Field that holds these names; empty when they are the feature ids.
    capacity : array, shape (nodes,)
        >= 0.
    start, end : array of int, shape (links,)
        Rows of the nodes that each link joins.
    length : array, shape (links,)
        >= 0; inf where the link cannot be gone.
    """

    headers: NetworkHeaders
    node_table: VectorTable
    edge_table: VectorTable
    names: list[str]
    named_by: str
    capacity: NDArray[np.float64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    length: NDArray[np.float64]


def check_network_headers(job: Job) -> NetworkHeaders:
    """Check layers, fields and outputs, as far as no feature needs to be read.

    Raises
    ------
    InputError
        Names the parameter and the remedy.
    """
    values = job.parameters
    nodes = VectorLayer(values["NODES"], "NODES")
    edges = VectorLayer(values["EDGES"], "EDGES")
    capacity = nodes.field(values["CAPACITY_FIELD"], "CAPACITY_FIELD", numeric=True)
    distance = edges.field(values["DISTANCE_FIELD"], "DISTANCE_FIELD", numeric=True)
    identifier = values.get("ID_FIELD")
    if identifier:
        identifier = nodes.field(identifier, "ID_FIELD")
    ends = []
    for name in _ENDS:
        found = next((known for known in edges.fields if known.lower() == name), None)
        if found is None:
            raise InputError(
                "EDGES",
                f"The layer has no field '{name}'; it has: {', '.join(edges.fields) or 'no fields at all'}.",
                "Every link needs the fields 'from' and 'to' with the names of the two nodes that it joins.",
            )
        ends.append(found)
    check_outputs(job, None)
    return NetworkHeaders(nodes, edges, capacity, distance, (ends[0], ends[1]), identifier)


def check_dispersal(job: Job) -> None:
    """Check the dispersal distance; raises `InputError`."""
    distance = job.parameters["DISPERSAL_DISTANCE"]
    if not distance > 0:
        raise InputError("DISPERSAL_DISTANCE", f"{distance:g} is no dispersal distance.", "It must be > 0.")


def length_of(job: Job) -> Callable[[float], float]:
    """Return what turns a value of the links' field into a length: itself, or ``-ln(p) / k``; NaN where there is none."""
    given = job.parameters
    if given.get("LINK_VALUES") != "probability":
        return float
    rate = -math.log(given["PROBABILITY"]) / given["DISPERSAL_DISTANCE"]

    def length(value: float) -> float:
        if not 0 <= value <= 1:
            return math.nan
        return -math.log(value) / rate if value > 0 else math.inf

    return length


def _lengths(job: Job, headers: NetworkHeaders, edges: VectorTable) -> NDArray[np.float64]:
    values = _numbers(edges, headers.distance, "EDGES", "distance must be >= 0")
    if job.parameters.get("LINK_VALUES") != "probability":
        return values
    if (values > 1).any():
        raise InputError(
            "EDGES",
            f"'{headers.distance}' is to hold probabilities and exceeds 1: {_place(values > 1, edges)}, up to "
            f"{values.max():g}.",
            "Set LINK_VALUES to distance, or correct it.",
        )
    return np.array([length_of(job)(value) for value in values.tolist()], float)


def read_patch_network(job: Job, headers: NetworkHeaders, report: Report) -> PatchNetwork:
    """Read a network and say what cannot be worked with.

    Raises
    ------
    InputError
        No nodes, capacities or distances that are missing or negative, links that end nowhere; with count and place.
    """
    report.progress(0.0, "Reading the network")
    nodes = headers.nodes.read(geometry=True)
    report.raise_if_cancelled()
    edges = headers.edges.read(geometry=True)
    report.raise_if_cancelled()
    if len(nodes.fid) == 0:
        raise InputError(
            "NODES", "The layer has no features.", "Check its filter, or whether only selected ones are used."
        )
    capacity = _numbers(nodes, headers.capacity, "NODES", "capacity must be >= 0")
    if np.isinf(capacity).any():
        raise InputError("NODES", f"Infinite '{headers.capacity}': {_place(np.isinf(capacity), nodes)}.", "Correct it.")
    length = _lengths(job, headers, edges)
    found, start, end = _ends(headers, nodes, edges, report)
    network = PatchNetwork(headers, nodes, edges, found.words, found.field, capacity, start, end, length)
    _warn(network, report)
    return network


def _numbers(table: VectorTable, name: str, layer: str, rule: str) -> NDArray[np.float64]:
    values = table.columns[name].astype(float)
    missing = ~present(table.columns, name)
    if missing.any():
        raise InputError(
            layer, f"'{name}' is empty: {_place(missing, table)}.", "Fill it in, or remove these features."
        )
    negative = values < 0
    if negative.any():
        raise InputError(
            layer, f"Negative '{name}': {_place(negative, table)}, down to {values.min():g}; {rule}.", "Correct it."
        )
    return values


def _place(wrong: NDArray[np.bool_], table: VectorTable) -> str:
    count = int(wrong.sum())
    return f"{count} feature{'s' if count > 1 else ''} (first: feature id {table.fid[wrong][0]})"


@dataclass(frozen=True)
class _Naming:
    """A way to name the nodes: by a field, or by the feature id (no field)."""

    field: str
    words: list[str]

    def __str__(self) -> str:
        return f"the field '{self.field}'" if self.field else "the feature id"


def _ends(
    headers: NetworkHeaders, nodes: VectorTable, edges: VectorTable, report: Report
) -> tuple[_Naming, NDArray[np.int64], NDArray[np.int64]]:
    """Find what names the nodes, and the rows of the nodes at both ends of each link."""
    ends = []
    for field in headers.ends:
        missing = ~present(edges.columns, field)
        if missing.any():
            raise InputError("EDGES", f"'{field}' is empty: {_place(missing, edges)}.", "Every link joins two nodes.")
        ends.append(as_names(edges.columns[field]))
    wanted = set(ends[0]) | set(ends[1])
    namings = _namings(headers, nodes)
    if not namings:
        raise InputError(
            "ID_FIELD",
            f"'{headers.identifier}' is empty or the same for several nodes.",
            "Choose a field of unique names.",
        )
    fitting = [naming for naming in namings if wanted <= set(naming.words)]
    if not fitting:
        raise _lost(namings, wanted, ends, edges)
    chosen = fitting[0]
    place = {word: row for row, word in enumerate(chosen.words)}
    if not headers.identifier and wanted:
        report.message(f"'{headers.ends[0]}' and '{headers.ends[1]}' name nodes by {chosen}.")
        others = [naming for naming in fitting[1:] if naming.field.lower() in ("", *_USUAL_NAMES)]
        if any(naming.words != chosen.words for naming in others):
            report.warning(f"The nodes could be named by {others[0]} as well. If {chosen} is wrong, set ID_FIELD.")
    rows = [np.array([place[word] for word in end], np.int64) for end in ends]
    return chosen, rows[0], rows[1]


def _lost(namings: list[_Naming], wanted: set[str], ends: list[list[str]], edges: VectorTable) -> InputError:
    naming = min(namings, key=lambda naming: len(wanted - set(naming.words)))
    lost = wanted - set(naming.words)
    first = next(row for row, pair in enumerate(zip(*ends)) if lost & set(pair))
    word = next(end[first] for end in ends if end[first] in lost)
    return InputError(
        "EDGES",
        f"{len(lost)} of the {len(wanted)} nodes that links name are not in NODES when these are named by {naming} "
        f"(first: '{word}', feature id {edges.fid[first]}).",
        "Choose the field that names the nodes in ID_FIELD, or remove links that end nowhere.",
    )


def _namings(headers: NetworkHeaders, nodes: VectorTable) -> list[_Naming]:
    """Return ways to name the nodes, the likeliest first; only those that name each differently."""
    if headers.identifier:
        fields = [headers.identifier]
    else:
        usual = {name: place for place, name in enumerate(_USUAL_NAMES)}
        kinds = headers.nodes.fields
        # Numbers count too: CSV and shapefiles often hold whole numbers as reals.
        fields = [name for name in kinds if name != headers.capacity and kinds[name].kind in "iOf"]
        fields.sort(key=lambda name: usual.get(name.lower(), len(usual)))
    found = []
    for name in fields:
        words = as_names(nodes.columns[name]) if present(nodes.columns, name).all() else []
        if words and len(set(words)) == len(words):
            found.append(_Naming(name, words))
    if headers.identifier:
        return found
    likely = sum(naming.field.lower() in _USUAL_NAMES for naming in found)
    return [*found[:likely], _Naming("", as_names(nodes.fid)), *found[likely:]]


def as_names(values: NDArray[Any]) -> list[str]:
    """Return names as text, whole numbers without decimals, so that 3, 3.0 and '3' are one node."""
    if values.dtype.kind == "f":
        return [str(int(v)) if math.isfinite(v) and v == int(v) else repr(v) for v in values.tolist()]
    return [str(v).strip() for v in values.tolist()]


def _warn(network: PatchNetwork, report: Report) -> None:
    loops = int((network.start == network.end).sum())
    if loops:
        report.warning(f"Links from a node to itself: {loops}. They do not count.")
    closed = int(np.isinf(network.length).sum())
    if closed:
        report.warning(f"Infinitely long links: {closed}. They do not count.")
    pairs = np.sort(np.stack([network.start, network.end]), axis=0)
    several = len(network.start) - len(np.unique(pairs, axis=1).T) if len(network.start) else 0
    if several:
        report.message(f"Links between nodes that another link joins as well: {several}.")
    if not network.capacity.any():
        report.warning("No node has a capacity > 0: all indices are 0.")
    report.message(f"{counted(len(network.names), 'node')} and {counted(len(network.start), 'link')}.")
