"""A network as plain columns: what files hold and what light checks look at; NumPy only.

Rows that lack an attribute hold NaN (float), -1 (int), False (bool) or None (text) there. Where that mark is also the
value of a row that has the attribute, a bool column ``has_<name>`` tells the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRUCTURE = ("index", "from", "to")
_COMPANION = "has_"


@dataclass
class NetworkColumns:
    """Nodes and edges as columns.

    Parameters
    ----------
    nodes : dict of str to array
        ``index`` (unique int) and attributes, all of shape (nodes, ...); text as object arrays of str or None.
    edges : dict of str to array
        ``index``, ``from`` and ``to`` (the `index` of nodes) and attributes.
    directed : bool
        Whether edges lead one way only.
    node_geometry, edge_geometry : list of bytes or None
        WKB of every row, None where a row has none; None where the table has none.
    crs : str
        WKT, empty when there is none.
    """

    nodes: dict[str, NDArray[Any]]
    edges: dict[str, NDArray[Any]]
    directed: bool = False
    node_geometry: list[bytes | None] | None = None
    edge_geometry: list[bytes | None] | None = None
    crs: str = ""
    globals: dict[str, NDArray[Any]] = field(default_factory=dict)


def absent_mark(kind: np.dtype[Any]) -> Any:
    """Return what stands for "this row has no such attribute": NaN, -1, False or None.

    Raises
    ------
    TypeError
        For types that a network does not hold.
    """
    if kind.kind in "fc":
        return np.nan
    if kind.kind == "i":
        return -1
    if kind.kind == "b":
        return False
    if kind.kind == "O":
        return None
    raise TypeError(f"a column of type {kind}; give float, signed int, bool or text.")


def is_mark(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the rows that hold nothing but the absent mark."""
    if values.dtype.kind in "fc":
        marked = np.isnan(values)
    elif values.dtype.kind == "O":
        marked = np.array([value is None for value in values.ravel()], bool).reshape(values.shape)
    else:
        marked = values == absent_mark(values.dtype)
    return np.all(marked.reshape(len(values), -1), axis=1) if values.ndim > 1 else marked


def present(columns: dict[str, NDArray[Any]], name: str) -> NDArray[np.bool_]:
    """Return the rows that have an attribute.

    A bool attribute without a ``has_`` column is one that every row has.
    """
    values = columns[name]
    if _COMPANION + name in columns:
        return columns[_COMPANION + name]
    if values.dtype.kind == "b" or name in STRUCTURE:
        return np.ones(len(values), bool)
    return ~is_mark(values)


def is_companion(columns: dict[str, NDArray[Any]], name: str) -> bool:
    """Whether a column only tells which rows have another one."""
    return name.startswith(_COMPANION) and name[len(_COMPANION) :] in columns


def column(name: str, values: Sequence[Any], kind: np.dtype[Any] | None = None) -> dict[str, NDArray[Any]]:
    """Return a column from one value a row, None where a row has none; with its ``has_`` column where one is needed.

    Parameters
    ----------
    name : str
        Its name.
    values : sequence
        Numbers, bools, texts or equally shaped arrays; None where absent.
    kind : dtype, optional
        Type of the column; by default what the values share.

    Raises
    ------
    TypeError
        When the values are of types that no column can hold.
    """
    known = [value for value in values if value is not None]
    if kind is None:
        kind = _shared_kind(name, known)
    there = np.array([value is not None for value in values], bool)
    shape = np.shape(known[0]) if known and kind.kind != "O" else ()
    filled = np.full((len(values), *shape), absent_mark(kind), kind)
    for row, value in enumerate(values):
        if value is not None:
            filled[row] = value
    found = {name: filled}
    if kind.kind in "ib" and name not in STRUCTURE and not np.array_equal(there, present(found, name)):
        found[_COMPANION + name] = there
    return found


def _shared_kind(name: str, known: Sequence[Any]) -> np.dtype[Any]:
    if not known or all(isinstance(value, str) for value in known):
        return np.dtype(object if known else float)
    if any(isinstance(value, (str, dict, set)) for value in known):
        kinds = sorted({type(value).__name__ for value in known})
        raise TypeError(f"'{name}' mixes {', '.join(kinds)}; a column holds numbers or text.")
    kinds = {np.asarray(value).dtype for value in known}
    kind = np.result_type(*kinds)
    if kind.kind == "u":
        kind = np.dtype(np.int64)
    absent_mark(kind)
    if len({item.kind for item in kinds}) > 1 and any(item.kind == "b" for item in kinds):
        raise TypeError(f"'{name}' mixes numbers and booleans; a column holds one of them.")
    return kind


def rows_of(identifiers: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each wanted identifier; the number of rows (out of range) where there is none."""
    order = np.argsort(identifiers, kind="stable")
    if len(identifiers) == 0:
        return np.zeros(len(wanted), np.int64)
    place = np.clip(np.searchsorted(identifiers[order], wanted), 0, len(identifiers) - 1)
    row = order[place]
    return np.where(identifiers[row] == wanted, row, len(identifiers)).astype(np.int64)


def flattened(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return columns of one value a row: ``name[0]``, ``name[1]`` ... stand for an array; for files that hold no arrays."""
    found = {}
    for name, values in columns.items():
        if values.ndim == 1:
            found[name] = values
            continue
        for place in np.ndindex(values.shape[1:]):
            found[f"{name}[{','.join(map(str, place))}]"] = values[(slice(None), *place)]
    return found


def regrouped(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what `flattened` took apart."""
    parts: dict[str, dict[tuple[int, ...], NDArray[Any]]] = {}
    for name, values in columns.items():
        match = re.fullmatch(r"(.+)\[(\d+(?:,\d+)*)\]", name)
        if match:
            place = tuple(int(number) for number in match.group(2).split(","))
            parts.setdefault(match.group(1), {})[place] = values
    found: dict[str, NDArray[Any]] = {}
    for name, values in columns.items():
        stem = name.rpartition("[")[0]
        if stem not in parts or not _is_whole(parts[stem]) or stem in columns:
            found[name] = values
        elif stem not in found:
            shape = tuple(highest + 1 for highest in np.max(list(parts[stem]), axis=0))
            whole = np.stack([parts[stem][place] for place in np.ndindex(shape)], axis=1)
            found[stem] = whole.reshape(len(values), *shape)
    return found


def _is_whole(parts: dict[tuple[int, ...], NDArray[Any]]) -> bool:
    if len({len(place) for place in parts}) > 1 or len({values.dtype for values in parts.values()}) > 1:
        return False
    shape = np.max(list(parts), axis=0) + 1
    return len(parts) == int(np.prod(shape))
