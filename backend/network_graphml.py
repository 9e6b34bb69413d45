"""Networks to and from GraphML; standard library only."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # nosec B405 - see read_graphml

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .network_columns import NetworkColumns, column, flattened, is_companion, present, regrouped

_SPACE = "http://graphml.graphdrawing.org/xmlns"
_TYPES = {
    "bool": "boolean",
    "int8": "int",
    "int16": "int",
    "int32": "int",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "object": "string",
}
_KINDS: dict[str, Any] = {
    "boolean": bool,
    "int": np.int32,
    "long": np.int64,
    "float": np.float32,
    "double": np.float64,
    "string": object,
}


def graphml(network: NetworkColumns) -> str:
    """Return a network as GraphML; nodes are named by `index`, absent values are left out."""
    root = ElementTree.Element("graphml", {"xmlns": _SPACE})
    tables = {"node": flattened(network.nodes), "edge": flattened(network.edges)}
    keys: dict[tuple[str, str], str] = {}
    for part, columns in tables.items():
        for name, values in columns.items():
            if name in ("from", "to", "index") or is_companion(columns, name):
                continue
            keys[part, name] = f"d{len(keys)}"
            given = {"id": keys[part, name], "for": part, "attr.name": name, "attr.type": _TYPES[values.dtype.name]}
            ElementTree.SubElement(root, "key", given)
    graph = ElementTree.SubElement(root, "graph", {"edgedefault": "directed" if network.directed else "undirected"})
    for part, columns in tables.items():
        shown = [(keys[part, name], columns[name], present(columns, name)) for name in columns if (part, name) in keys]
        for row, index in enumerate(columns["index"].tolist()):
            ends = {} if part == "node" else {"source": str(columns["from"][row]), "target": str(columns["to"][row])}
            element = ElementTree.SubElement(graph, part, {"id": str(index), **ends})
            for key, values, there in shown:
                if there[row]:
                    ElementTree.SubElement(element, "data", {"key": key}).text = _text(values[row])
    ElementTree.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def read_graphml(path: str | Path, parameter: str = "GRAPHML") -> NetworkColumns:
    """Return the network of a GraphML file.

    Nodes that are not named by integers are numbered in order; their names become the column ``label``.

    Raises
    ------
    InputError
        When it is no GraphML, or holds what a network does not.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(parameter, f"'{path}' cannot be read: {error}.", "Choose a GraphML file.") from error
    # Without a DOCTYPE there are no entities, so that nothing outside the file is read and nothing expands.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(parameter, "The file declares a document type.", "Remove the DOCTYPE from the GraphML file.")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # nosec B314
    except ElementTree.ParseError as error:
        raise InputError(parameter, f"'{path}' is no XML: {error}.", "Choose a GraphML file.") from error
    graphs = [element for element in root if _tag(element) == "graph"]
    if _tag(root) != "graphml" or len(graphs) != 1:
        raise InputError(parameter, f"'{path}' holds {len(graphs)} graphs; one is read.", "Choose a GraphML file.")
    keys = {e.attrib["id"]: e for e in root if _tag(e) == "key"}
    nodes, edges = ([e for e in graphs[0] if _tag(e) == part] for part in ("node", "edge"))
    return _network(nodes, edges, keys, graphs[0].get("edgedefault") == "directed", parameter)


def _network(
    nodes: list[Any], edges: list[Any], keys: dict[str, Any], directed: bool, parameter: str
) -> NetworkColumns:
    names = [element.get("id", "") for element in nodes]
    if len(set(names)) < len(names):
        raise InputError(parameter, "Two nodes have the same id.", "Give each its own.")
    numbered = all(_is_whole(name) for name in names)
    index = [int(name) for name in names] if numbered else list(range(len(names)))
    place = dict(zip(names, index))
    table: dict[str, NDArray[Any]] = {"index": np.array(index, np.int64)}
    if not numbered:
        table["label"] = np.array(names, object)
    table.update(_attributes(nodes, keys, "node", parameter))
    ends: dict[str, list[int]] = {"source": [], "target": []}
    for element in edges:
        for end, found in ends.items():
            if element.get(end) not in place:
                raise InputError(parameter, f"An edge names the node '{element.get(end)}', which does not exist.")
            found.append(place[element.get(end)])
    known = [element.get("id", "") for element in edges]
    own = all(_is_whole(name) for name in known) and len(set(known)) == len(known)
    links: dict[str, NDArray[Any]] = {
        "index": np.array([int(n) for n in known] if own else range(len(known)), np.int64),
        "from": np.array(ends["source"], np.int64),
        "to": np.array(ends["target"], np.int64),
    }
    links.update(_attributes(edges, keys, "edge", parameter))
    return NetworkColumns(regrouped(table), regrouped(links), directed)


def _attributes(rows: list[Any], keys: dict[str, Any], part: str, parameter: str) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for identifier, key in keys.items():
        if key.get("for") not in (part, "all"):
            continue
        kind = np.dtype(_KINDS.get(key.get("attr.type", "string"), object))
        name = key.get("attr.name", identifier)
        default = next((e.text for e in key if _tag(e) == "default"), None)
        texts = [next((e.text or "" for e in row if e.get("key") == identifier), default) for row in rows]
        try:
            found.update(column(name, [None if text is None else _value(text, kind) for text in texts], kind))
        except ValueError as error:
            raise InputError(parameter, f"'{name}' of a {part} is no {key.get('attr.type')}: {error}.") from error
    return found


def _value(text: str, kind: np.dtype[Any]) -> Any:
    if kind.kind == "O":
        return text
    if kind.kind == "b":
        return text.strip().lower() in ("true", "1")
    return kind.type(text.strip())


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return str(value)


def _is_whole(text: str) -> bool:
    return text.isdecimal() and str(int(text)) == text


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
