"""Networks to and from Conefor's node and connection files: a row a node or link, values apart by blanks or tabs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from .errors import InputError
from .network_columns import NetworkColumns


def conefor_nodes(network: NetworkColumns, capacity: str) -> str:
    """Return the node file: index and capacity of each node, to the last digit."""
    rows = zip(network.nodes["index"].tolist(), network.nodes[capacity].tolist())
    return "".join(f"{index}\t{value!r}\n" for index, value in rows)


def conefor_connections(network: NetworkColumns, distance: str) -> str:
    """Return the connection file: index of both nodes and the distance (or probability) of each link."""
    edges = network.edges
    rows = zip(edges["from"].tolist(), edges["to"].tolist(), edges[distance].tolist())
    return "".join(f"{start}\t{end}\t{value!r}\n" for start, end, value in rows)


def read_conefor(
    nodes: str | Path, connections: str | Path, capacity: str = "capacity", distance: str = "distance"
) -> NetworkColumns:
    """Return the network of a node file and a connection file.

    Parameters
    ----------
    nodes, connections : str or Path
        The files. Further columns of the node file are kept as ``<capacity>_2`` and so on.
    capacity, distance : str
        Names of the columns to make.

    Raises
    ------
    InputError
        Names file, line and what is wrong there.
    """
    rows = _rows(nodes, "CONEFOR_NODES", 2)
    index = np.array([_identifier(row[0], number, "CONEFOR_NODES") for number, row in rows], np.int64)
    known: dict[int, int] = {}
    for (number, _), name in zip(rows, index.tolist()):
        if name in known:
            raise InputError("CONEFOR_NODES", f"Lines {known[name]} and {number} name the same node {name}.")
        known[name] = number
    columns = {"index": index}
    for place in range(1, min((len(row) for _, row in rows), default=2)):
        name = capacity if place == 1 else f"{capacity}_{place}"
        columns[name] = np.array([_number(row[place], number, "CONEFOR_NODES") for number, row in rows], float)
    links = _rows(connections, "CONEFOR_CONNECTIONS", 3)
    ends = [[_identifier(row[k], number, "CONEFOR_CONNECTIONS") for number, row in links] for k in (0, 1)]
    for (number, _), pair in zip(links, zip(*ends)):
        for name in pair:
            if name not in known:
                message = f"Line {number} names node {name}, which the node file does not have."
                raise InputError("CONEFOR_CONNECTIONS", message, "Check that the two files belong together.")
    lengths = [_number(row[2], number, "CONEFOR_CONNECTIONS") for number, row in links]
    edges = {
        "index": np.arange(len(links)),
        "from": np.array(ends[0], np.int64),
        "to": np.array(ends[1], np.int64),
        distance: np.array(lengths, float),
    }
    return NetworkColumns(columns, edges)


def _rows(path: str | Path, parameter: str, least: int) -> list[tuple[int, list[str]]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(parameter, f"'{path}' cannot be read: {error}.", "Choose a text file.") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) < least:
            message = f"Line {number} has {len(parts)} values, at least {least} are needed: '{line.strip()}'."
            raise InputError(parameter, message, "Values are apart by tabs or blanks; there is no header.")
        rows.append((number, parts))
    if not rows and parameter == "CONEFOR_NODES":
        raise InputError(parameter, f"'{path}' is empty.", "Choose a node file.")
    return rows


def _number(text: str, line: int, parameter: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        remedy = "Write numbers with a decimal point; there is no header."
        raise InputError(parameter, f"Line {line}: '{text}' is no finite number.", remedy)
    return value


def _identifier(text: str, line: int, parameter: str) -> int:
    value = _number(text, line, parameter)
    if value != int(value):
        raise InputError(parameter, f"Line {line}: the node '{text}' is no whole number.", "Number the nodes.")
    return int(value)
