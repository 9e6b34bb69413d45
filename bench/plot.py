"""Rows as a picture, drawn as SVG by hand: one line per case, one mark per tool, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .contest import Row, Task

_COLOURS = (
    "#0b6e4f",
    "#5bb98b",
    "#a3d9b1",
    "#1f4e8c",
    "#8c4fa8",
    "#c77700",
    "#b3261e",
    "#7a7a7a",
    "#222222",
    "#00838f",
)
_WIDTH, _LEFT, _RIGHT, _LINE, _KEY = 960, 300, 30, 24, 18


def picture(parts: Sequence[tuple[Task, Sequence[Row]]]) -> str:
    """Return one drawing with a panel per task."""
    body: list[str] = []
    top = 10.0
    for task, rows in parts:
        measured = [row for row in rows if row.cpu]
        if measured:
            panel, height = _panel(task, measured, top)
            body += panel
            top += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top:.0f}" width="{_WIDTH}" height="{top:.0f}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{top:.0f}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _panel(task: Task, rows: Sequence[Row], top: float) -> tuple[list[str], float]:
    cases = list(dict.fromkeys(row.case for row in rows))
    tools = list(dict.fromkeys((row.tool, row.precision) for row in rows))
    values = [row.cpu for row in rows if row.cpu]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    high = max(high, low + 1)

    def across(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    drawn = [f'<text x="10" y="{top + 16}" font-size="15" font-weight="bold">{escape(task.title)}</text>']
    first = top + 34
    bottom = first + _LINE * len(cases)
    for power in range(low, high + 1):
        x = across(10.0**power)
        drawn.append(f'<line x1="{x:.1f}" y1="{first - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>')
        drawn.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_power(power)}</text>')
    for place, case in enumerate(cases):
        y = first + _LINE * (place + 0.5)
        drawn.append(f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(case)}</text>')
        found = [row for row in rows if row.case == case]
        ends = [across(row.cpu) for row in found if row.cpu]
        drawn.append(f'<line x1="{min(ends):.1f}" y1="{y}" x2="{max(ends):.1f}" y2="{y}" stroke="#bbbbbb"/>')
        # Ours on top.
        for row in sorted(found, key=lambda row: row.ours):
            colour = _COLOURS[tools.index((row.tool, row.precision)) % len(_COLOURS)]
            mark = f'fill="{colour}"' if not row.wrong else f'fill="#ffffff" stroke="{colour}" stroke-width="2"'
            label = escape(f"{row.tool}, {row.precision}: {row.cpu:.3g} {task.unit}")
            drawn.append(
                f'<circle cx="{across(row.cpu or 1):.1f}" cy="{y}" r="{6 if row.ours else 5}" {mark}><title>{label}</title></circle>'
            )
    below = bottom + 36
    drawn.append(
        f'<text x="{_LEFT}" y="{below}">{escape(task.unit)}, CPU time, warm; hollow: the answer differs</text>'
    )
    for place, (tool, precision) in enumerate(tools):
        x, y = 20 + (place % 3) * 310, below + 20 + (place // 3) * _KEY
        drawn.append(f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{_COLOURS[place % len(_COLOURS)]}"/>')
        drawn.append(f'<text x="{x + 10}" y="{y}">{escape(f"{tool}, {precision}")}</text>')
    return drawn, below + 20 + _KEY * math.ceil(len(tools) / 3) + 14 - top


def _power(power: int) -> str:
    return f"{10.0**power:g}"
