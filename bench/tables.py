"""Rows as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, fields

from .contest import Contestant, Row, Task
from .failures import NOT_INSTALLED
from .targets import Verdict

# Cores that others keep busy: with ours a load of 1.5.
_NOISY = 0.5


def is_noisy(rows: Sequence[Row]) -> bool:
    """Say whether others were busy on the machine while it was measured."""
    return any(row.load > _NOISY for row in rows)


def markdown(task: Task, rows: Sequence[Row]) -> str:
    """Return the task's table with what has to be known about it."""
    absent = {name_of(row): row.failure for row in rows if row.failure.endswith(NOT_INSTALLED)}
    shown = [row for row in rows if name_of(row) not in absent]
    notes = {contestant.label: contestant.note for contestant in task.contestants if contestant.note}
    unchecked = {each.label: _unchecked(each) for each in task.contestants}
    lines = [f"## {task.title}", "", task.introduction, ""]
    lines += [
        f"| case | tool | precision | {task.unit}: CPU | wall | x ours | largest relative error | peak MB | cold s | from cache s |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    last = ""
    for row in shown:
        case = f"{row.case} ({row.size})" if row.case != last else ""
        last = row.case
        name = f"**{row.tool}**" if row.ours else row.tool
        if row.failure:
            lines.append(f"| {case} | {name} | {row.precision} | no result: {row.failure} | | | | | | |")
            continue
        error = (
            f"{row.error:.1e}" + (" **differs**" if row.wrong else "")
            if row.error is not None
            else unchecked[name_of(row)]
        )
        lines.append(
            f"| {case} | {name} | {row.precision} | {number(row.cpu)} | {number(row.wall)} | {number(row.ratio)} | {error} | "
            f"{number(row.peak and row.peak / 1e6, 0)} | {number(row.cold)} | {number(row.cached)} |"
        )
    used = {name_of(row) for row in shown}
    lines += ["", *(f"- {label}: {note}." for label, note in notes.items() if label in used)]
    lines += [f"- {label} does not take part: {failure}." for label, failure in absent.items()]
    lines += [f"- {remark}" for remark in task.remarks(rows)]
    lines += [f"- {verdict.sentence()}" for verdict in verdicts(task, rows)]
    return "\n".join(lines) + "\n"


def _unchecked(contestant: Contestant) -> str:
    return "reference" if contestant.reference else "cited" if contestant.cited else "not checked"


def verdicts(task: Task, rows: Sequence[Row]) -> list[Verdict]:
    """Return what the rows say about the targets of the task, without those that they say nothing about."""
    return [verdict for target in task.targets if (verdict := target.verdict(rows))]


def name_of(row: Row) -> str:
    """Return the label of the contestant that the row is about."""
    return f"{row.tool}, {row.precision}"


def number(value: float | None, digits: int | None = None) -> str:
    """Return a number with about three digits; nothing for None."""
    if value is None:
        return ""
    if digits is None:
        digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


def comma_separated(rows: Sequence[Row]) -> str:
    """Return all that was measured, one row a line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
