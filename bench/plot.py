"""Rows as a picture, drawn as SVG by hand: one line per case, one mark per tool, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .contest import Row, Task
from .headline import best_rival

#: Colours of a tool by a word of its name, the same in all panels; then lighter ones for its variants.
_FAMILIES = {
    "Driftway": ("#0b6e4f", "#4fb286", "#a3d9b1"),
    "SciPy": ("#1f4e8c", "#6f9bd1", "#b3cbea"),
    "Numba": ("#8c4fa8", "#c39bd3", "#e2cfea"),
    "JAXScape": ("#b3261e", "#e58a84", "#f3c6c3"),
    "scikit-image": ("#c77700", "#ecb45e", "#f6dcb2"),
    "PyAMG": ("#00838f", "#66bcc4", "#b4dfe3"),
    "CHOLMOD": ("#222222", "#777777", "#bbbbbb"),
    "NetworkX": ("#6d4c41", "#a98a80", "#d3c3bd"),
    "igraph": ("#c2185b", "#e57aa3", "#f3c0d4"),
    "ConScape": ("#827717", "#b5ab52", "#dad5a5"),
}
_OTHERS = ("#5f6b73", "#98a3aa", "#cbd1d5")
_WIDTH, _RIGHT, _LINE, _KEY = 1000, 96, 24, 20
#: Mean width of a letter, generously, in pixels at font size 12.
_LETTER = 6.9

Tool = tuple[str, str]


def picture(parts: Sequence[tuple[Task, Sequence[Row]]]) -> str:
    """Return one drawing with a panel per task."""
    body: list[str] = []
    top = 10.0
    measured = [(task, [row for row in rows if getattr(row, task.clock)]) for task, rows in parts]
    left = 24 + _LETTER * max((len(row.case) for _, rows in measured for row in rows), default=0)
    for task, rows in measured:
        if rows:
            panel, height = _panel(task, rows, top, left)
            body += panel
            top += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top:.0f}" width="{_WIDTH}" height="{top:.0f}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{top:.0f}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


class _Axis:
    """A logarithmic axis between two places of the drawing."""

    def __init__(self, values: Sequence[float], left: float) -> None:
        # A little room beside the outermost marks.
        low, high = math.log10(min(values)) - 0.05, math.log10(max(values)) + 0.05
        missing = max(0.0, 1 - (high - low)) / 2
        self.left = left
        self._low, self._high = low - missing, high + missing

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self.left + share * (_WIDTH - _RIGHT - self.left)

    def ticks(self) -> list[float]:
        """Return powers of ten; with twos and fives between them where there are few."""
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        steps = (1, 2, 5) if self._high - self._low < 2.5 else (1,)
        found = [step * 10.0**power for power in powers for step in steps]
        return [value for value in found if self._low <= math.log10(value) <= self._high]


def _panel(task: Task, rows: Sequence[Row], top: float, left: float) -> tuple[list[str], float]:
    cases = list(dict.fromkeys(row.case for row in rows))
    colours = _colours(list(dict.fromkeys((row.tool, row.precision) for row in rows)))
    axis = _Axis([getattr(row, task.clock) for row in rows], left)
    drawn = [f'<text x="10" y="{top + 16}" font-size="15" font-weight="bold">{escape(task.title)}</text>']
    first = top + 34
    bottom = first + _LINE * len(cases)
    for value in axis.ticks():
        x = axis.place(value)
        drawn.append(f'<line x1="{x:.1f}" y1="{first - 4}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>')
        drawn.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#444444">{_tick(value)}</text>')
    for place, case in enumerate(cases):
        drawn += _case(task, [row for row in rows if row.case == case], first + _LINE * (place + 0.5), axis, colours)
    clock = "CPU" if task.clock == "cpu" else "wall"
    drawn.append(f'<text x="{left:.0f}" y="{bottom + 34}">{escape(task.unit)}, {clock} time, warm</text>')
    return drawn + _key(colours, rows, bottom + 54), bottom + 54 + _KEY * _key_lines(colours) + 20 - top


def _case(task: Task, rows: Sequence[Row], y: float, axis: _Axis, colours: dict[Tool, str]) -> list[str]:
    """Draw the marks of a case, ours on top, and how far away the best of the others is."""
    values = [getattr(row, task.clock) for row in rows]
    ends = axis.place(min(values)), axis.place(max(values))
    drawn = [
        f'<text x="{axis.left - 12:.1f}" y="{y + 4}" text-anchor="end">{escape(rows[0].case)}</text>',
        f'<line x1="{ends[0]:.1f}" y1="{y}" x2="{ends[1]:.1f}" y2="{y}" stroke="#bbbbbb"/>',
    ]
    for row in sorted(rows, key=lambda row: row.ours):
        value = getattr(row, task.clock)
        label = f"{row.tool}, {row.precision}: {value:.3g} {task.unit}"
        drawn.append(_mark(axis.place(value), y, colours[row.tool, row.precision], row.ours, row.wrong, label))
    rival = best_rival(task, rows)
    if rival and rival.ratio:
        ratio = f"{rival.ratio:,.0f}" if rival.ratio >= 10 else f"{rival.ratio:.1f}"
        drawn.append(f'<text x="{_WIDTH - 10}" y="{y + 4}" text-anchor="end" fill="#444444">{ratio} x ours</text>')
    return drawn


def _mark(x: float, y: float, colour: str, ours: bool, wrong: bool, label: str = "") -> str:
    """Draw a diamond for ours and a circle for others, hollow where the answer differs."""
    style = f'fill="#ffffff" stroke="{colour}" stroke-width="2"' if wrong else f'fill="{colour}" stroke="#ffffff"'
    title = f"<title>{escape(label)}</title>" if label else ""
    if ours:
        corners = f"{x:.1f},{y - 8:.1f} {x + 8:.1f},{y:.1f} {x:.1f},{y + 8:.1f} {x - 8:.1f},{y:.1f}"
        return f'<polygon points="{corners}" {style}>{title}</polygon>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" {style}>{title}</circle>'


def _colours(tools: Sequence[Tool]) -> dict[Tool, str]:
    used: dict[str, int] = {}
    found = {}
    for tool in tools:
        family = next((word for word in _FAMILIES if word in tool[0]), "")
        tones = _FAMILIES.get(family, _OTHERS)
        found[tool] = tones[used.get(family, 0) % len(tones)]
        used[family] = used.get(family, 0) + 1
    return found


def _columns(colours: dict[Tool, str]) -> tuple[int, float]:
    """Return how many columns the key has and how wide they are."""
    width = 40 + _LETTER * max(len(f"{tool}, {precision}") for tool, precision in colours)
    return max(1, int((_WIDTH - 20) / width)), width


def _key_lines(colours: dict[Tool, str]) -> int:
    return math.ceil((len(colours) + 1) / _columns(colours)[0])


def _key(colours: dict[Tool, str], rows: Sequence[Row], top: float) -> list[str]:
    count, width = _columns(colours)
    ours = {(row.tool, row.precision) for row in rows if row.ours}
    entries = [(tool, f"{tool[0]}, {tool[1]}") for tool in colours]
    drawn = []
    for place, (tool, label) in enumerate(entries):
        x, y = 22 + place % count * width, top + place // count * _KEY
        drawn.append(_mark(x, y - 4, colours[tool], tool in ours, False))
        drawn.append(f'<text x="{x + 14:.1f}" y="{y}">{escape(label)}</text>')
    if any(row.wrong for row in rows):
        x, y = 22 + len(entries) % count * width, top + len(entries) // count * _KEY
        drawn.append(_mark(x, y - 4, "#777777", False, True))
        drawn.append(f'<text x="{x + 14:.1f}" y="{y}">hollow: the answer differs</text>')
    return drawn


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.6f}".rstrip("0").rstrip(".")
