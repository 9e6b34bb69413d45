"""Which pairs of focal nodes count: included or excluded pairs, as Circuitscape's files say it. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .wording import counted

Mode = Literal["include", "exclude"]


@dataclass(frozen=True)
class PairRule:
    """Pairs that alone count, or that do not.

    Parameters
    ----------
    mode : {"include", "exclude"}
    ids : array of int64, shape (n,)
        The focal nodes that the rule names.
    marked : array of bool, shape (n, n)
        The pairs that it marks: those that count, or those that do not.
    """

    mode: Mode
    ids: NDArray[np.int64]
    marked: NDArray[np.bool_]

    def named(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of some ids the rule names."""
        return np.isin(ids, self.ids)

    def counted(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which ordered pairs of ids count, (n, n); the diagonal is False.

        Entry [i, j] stands for the run in which i is the one: a matrix need not be symmetric.
        """
        place = np.full(len(ids), -1)
        order = np.argsort(self.ids)
        if len(order):
            found = order[np.searchsorted(self.ids[order], ids).clip(max=len(order) - 1)]
            place = np.where(self.ids[found] == ids, found, -1)
        known = (place >= 0)[:, None] & (place >= 0)
        marked = np.zeros((len(ids), len(ids)), bool)
        marked[known] = self.marked[place[:, None], place[None, :]][known]
        counted = marked if self.mode == "include" else ~marked
        np.fill_diagonal(counted, False)
        return counted

    def counted_both_ways(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pairs count whatever their order, (n, n): included one way, or not excluded both ways."""
        counted = self.counted(ids)
        return counted | counted.T


def parse_pairs(text: str, parameter: str) -> PairRule:
    """Return the rule of a file's text.

    Known are Circuitscape's two formats and a plain table:

    - ``mode include`` or ``mode exclude`` in the first line, then two ids a line; an id beside a 0 is named without a pair.
    - ``min a`` and ``max b`` in the first two lines, then a matrix with the ids in its first row and column: pairs whose value
      lies in [a, b] count. A value above b is taken as 0.
    - two ids a line, with or without a header: these pairs count.

    Raises
    ------
    InputError
        When it is none of these; names the line.
    """
    lines = [(number, words) for number, line in enumerate(text.splitlines(), 1) if (words := _words(line))]
    if not lines:
        raise InputError(parameter, "The file of pairs is empty.", "Give two ids a line.")
    first = lines[0][1][0].lower()
    if first == "min":
        return _matrix(lines, parameter)
    if first == "mode":
        mode = lines[0][1][1].lower() if len(lines[0][1]) > 1 else ""
        if mode not in ("include", "exclude"):
            raise InputError(parameter, f"Line 1 says mode '{mode}'.", "Write 'mode include' or 'mode exclude'.")
        return _list(mode, lines[1:], parameter)
    if _number(lines[0][1][0]) is None:
        lines = lines[1:]
    return _list("include", lines, parameter)


def _words(line: str) -> list[str]:
    for mark in (",", ";", "\t", '"'):
        line = line.replace(mark, " ")
    return line.split()


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _numbers(line: tuple[int, list[str]], parameter: str) -> list[float]:
    found = [_number(word) for word in line[1]]
    if any(value is None for value in found):
        raise InputError(parameter, f"Line {line[0]} of the file of pairs holds a word that is no number.", "Mend it.")
    return [value for value in found if value is not None]


def _identity(value: float, line: int, parameter: str) -> int:
    if value != int(value) or value < 0:
        raise InputError(parameter, f"Line {line} names {value:g}, which is no id.", "Ids are whole numbers > 0.")
    return int(value)


def _list(mode: str, lines: list[tuple[int, list[str]]], parameter: str) -> PairRule:
    pairs = []
    for line in lines:
        values = _numbers(line, parameter)
        if len(values) < 2:
            raise InputError(parameter, f"Line {line[0]} of the file of pairs holds one id.", "Give two ids a line.")
        pairs.append([_identity(value, line[0], parameter) for value in values[:2]])
    table = np.array(pairs, np.int64).reshape(-1, 2)
    ids = np.unique(table[table > 0])
    whole = table[(table > 0).all(axis=1)]
    marked = np.zeros((len(ids), len(ids)), bool)
    one, other = np.searchsorted(ids, whole[:, 0]), np.searchsorted(ids, whole[:, 1])
    marked[one, other] = marked[other, one] = True
    return PairRule("include" if mode == "include" else "exclude", ids, marked)


def _matrix(lines: list[tuple[int, list[str]]], parameter: str) -> PairRule:
    limits = []
    for line, word in zip(lines[:2], ("min", "max")):
        value = _number(line[1][1]) if len(line[1]) > 1 and line[1][0].lower() == word else None
        if value is None:
            raise InputError(parameter, f"Line {line[0]} should read '{word}' and a number.", "Mend it.")
        limits.append(value)
    rows = [_numbers(line, parameter) for line in lines[2:]]
    count = len(rows)
    for line, row in zip(lines[2:], rows):
        if len(row) != count:
            raise InputError(
                parameter,
                f"Line {line[0]} holds {counted(len(row), 'number')}; the matrix has {counted(count, 'row')}.",
                "Give as many columns as rows, the ids in the first of each.",
            )
    table = np.array(rows, float).reshape(count, -1)
    ids = np.array([_identity(value, line[0], parameter) for value, line in zip(table[1:, 0], lines[3:])], np.int64)
    values = np.where(table[1:, 1:] > limits[1], 0, table[1:, 1:])
    return PairRule("include", ids, values >= limits[0])
