"""The main result of every task in one table: ours, the best of the others, how far apart, which targets are met."""

from __future__ import annotations

from collections.abc import Sequence

from .contest import OURS, Row, Task
from .tables import number, verdicts


def summary(parts: Sequence[tuple[Task, Sequence[Row]]]) -> str:
    """Return the table as Markdown, and the targets that were missed below it."""
    lines = ["| task | case | ours | best of the others | x ours | targets met |", "|---|---|--:|---|--:|--:|"]
    missed: list[str] = []
    reached_all = total = 0
    for task, rows in parts:
        reached = verdicts(task, rows)
        missed += [f"- {task.title}: {each.sentence()}" for each in reached if not each.met]
        met = sum(each.met for each in reached)
        reached_all, total = reached_all + met, total + len(reached)
        targets = f"{met} of {len(reached)}" if reached else ""
        lines.append(f"| [{task.title}](#{_anchor(task.title)}) | {_headline(task, rows)} | {targets} |")
    if total:
        lines += ["", f"{reached_all} of {total} targets are met{'; not reached:' if missed else '.'}"]
    return "\n".join([*lines, *(["", *missed] if missed else [])]) + "\n"


def best_rival(task: Task, rows: Sequence[Row]) -> Row | None:
    """Return the quickest of the others that answer a case rightly; another variant of ours only where nobody else does."""
    others = [row for row in rows if row.ratio and not row.ours and not row.wrong]
    strangers = [row for row in others if not row.tool.startswith(OURS)]
    return min(strangers or others, key=lambda row: getattr(row, task.clock) or row.cpu, default=None)


def _headline(task: Task, rows: Sequence[Row]) -> str:
    """Return case, ours, best of the others and ratio as cells of the table."""
    own = {row.case: row for row in reversed(rows) if row.ours and row.cpu}
    rivals = {case: best_rival(task, [row for row in rows if row.case == case]) for case in own}
    cases = [case for case in own if rivals[case]] or list(own)
    if not cases:
        return "nothing measured | | | "
    cases.sort(key=[row.case for row in rows].index)
    chosen = next((case for case in cases if task.headline and task.headline in case), cases[-1])
    mine, rival = own[chosen], rivals[chosen]
    cells = f"{mine.case} | {number(getattr(mine, task.clock))} {task.unit}"
    if rival is None:
        return f"{cells} | | "
    return f"{cells} | {rival.tool}: {number(getattr(rival, task.clock) or rival.cpu)} | {number(rival.ratio)}"


def _anchor(title: str) -> str:
    """Return what a heading is linked by."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")
