"""What a task is to reach, judged from what was measured and never by hand. Light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .contest import Row

Values = Callable[[Sequence[Row]], Sequence[float]]
Quantity = Literal["cpu", "wall", "peak", "error"]


@dataclass(frozen=True)
class Target:
    """A bound on something that the rows of a task tell.

    Parameters
    ----------
    what : str
        What is bounded, for people.
    bound : float
    unit : str
        That of the bound.
    values : callable
        From the rows to what was measured, one value per case; the worst of them is judged.
    at_least : bool
        Whether the bound is the least that is wanted, not the most.
    bounded_by : str
        What stands in the way, as measured; told where the target is missed.
    """

    what: str
    bound: float
    unit: str
    values: Values
    at_least: bool = False
    bounded_by: str = ""

    def verdict(self, rows: Sequence[Row]) -> Verdict | None:
        """Return whether the target is met; None where nothing was measured that it speaks about."""
        values = self.values(rows)
        if not values:
            return None
        worst = min(values) if self.at_least else max(values)
        met = worst >= self.bound if self.at_least else worst <= self.bound
        return Verdict(self, worst, len(values), met)


@dataclass(frozen=True)
class Verdict:
    """A target with the worst of what was measured.

    Parameters
    ----------
    target : Target
    worst : float
    cases : int
        How many values it is the worst of.
    met : bool
    """

    target: Target
    worst: float
    cases: int
    met: bool

    def sentence(self) -> str:
        """Return target, measurement and verdict."""
        target = self.target
        bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g} {target.unit}".rstrip()
        said = f"Target {target.what}: {bound}; measured {three_digits(self.worst)}"
        if self.cases > 1:
            said += f", the worst of {self.cases}"
        said += f": {'met' if self.met else '**missed**'}."
        return said if self.met or not target.bounded_by else f"{said} {target.bounded_by}"


def three_digits(value: float) -> str:
    """Return a number with three digits, whole ones kept."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def own(case: str, of: Quantity = "cpu", *, precision: str = "", tool: str = "", per: float = 1.0) -> Values:
    """Return a quantity of the first of ours in every case whose name has these words, divided by `per`."""

    def values(rows: Sequence[Row]) -> list[float]:
        found = _first(rows, lambda row: row.ours and _speaks_of(row, case, precision, tool))
        return [value / per for row in found if (value := getattr(row, of)) is not None]

    return values


def times_own(peer: str, case: str = "", of: Quantity = "cpu", *, precision: str = "") -> Values:
    """Return how many times as much a peer takes as the first of ours, in every case whose name has these words."""

    def values(rows: Sequence[Row]) -> list[float]:
        ours = {r.case: r for r in _first(rows, lambda row: row.ours and _speaks_of(row, case, precision, ""))}
        peers = _first(rows, lambda row: row.tool.startswith(peer) and row.case in ours)
        pairs = [(getattr(row, of), getattr(ours[row.case], of)) for row in peers]
        return [theirs / mine for theirs, mine in pairs if theirs and mine]

    return values


def times_case(case: str, other: str, of: Quantity = "cpu", *, precision: str = "") -> Values:
    """Return ours in the cases with the words `case` relative to the cases where these are replaced by `other`."""

    def values(rows: Sequence[Row]) -> list[float]:
        ours = _first(rows, lambda row: row.ours and _speaks_of(row, "", precision, ""))
        base = {row.case: getattr(row, of) for row in ours}
        found = [(getattr(row, of), base.get(row.case.replace(case, other))) for row in ours if case in row.case]
        return [mine / its for mine, its in found if mine and its]

    return values


def times_tool(slow: str, quick: str, case: str = "", of: Quantity = "wall") -> Values:
    """Return how many times as much the tool `slow` takes as the tool `quick`, in every case with these words."""

    def values(rows: Sequence[Row]) -> list[float]:
        found = (_first(rows, lambda row, tool=tool: _speaks_of(row, case, "", tool)) for tool in (slow, quick))
        both = [{row.case: row for row in of_tool} for of_tool in found]
        pairs = [(getattr(row, of), getattr(both[1][name], of)) for name, row in both[0].items() if name in both[1]]
        return [first / second for first, second in pairs if first and second]

    return values


def _speaks_of(row: Row, case: str, precision: str, tool: str) -> bool:
    return case in row.case and row.precision.startswith(precision) and row.tool.startswith(tool)


def _first(rows: Sequence[Row], wanted: Callable[[Row], bool]) -> list[Row]:
    """Return the first of the rows that are wanted, of every case, without those that failed."""
    found: dict[str, Row] = {}
    for row in rows:
        if wanted(row) and row.cpu is not None:
            found.setdefault(row.case, row)
    return list(found.values())
