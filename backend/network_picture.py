"""A network as an SVG picture for reports."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .html_report import number
from .network_output import inner_point
from .ramps import RAMPS

_WIDTH, _HEIGHT = 900.0, 600.0
_MOST = 6000


def network_picture(
    shapes: Sequence[bytes | None] | None,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    values: NDArray[np.float64],
    title: str,
    ramp: str = "viridis",
) -> str:
    """Return a picture of nodes, larger and brighter with their value, and of the links between them; "" without places.

    Parameters
    ----------
    shapes : sequence of bytes or None
        WKB of each node.
    start, end : array of int
        Rows of the nodes that each link joins; the first some thousand are drawn.
    values : array, shape (nodes,)
        >= 0.
    title : str
        What the values are.
    """
    places = [inner_point(shape) for shape in shapes or []]
    known = [place for place in places if place is not None]
    if not known:
        return ""
    low, high = np.min(known, axis=0), np.max(known, axis=0)
    scale = min((_WIDTH - 40) / max(high[0] - low[0], 1e-12), (_HEIGHT - 40) / max(high[1] - low[1], 1e-12))
    scale = scale if np.isfinite(scale) and (high > low).any() else 1.0
    at = [None if p is None else (20 + (p[0] - low[0]) * scale, 20 + (high[1] - p[1]) * scale) for p in places]
    parts = []
    for u, v in list(zip(start.tolist(), end.tolist()))[:_MOST]:
        one, other = at[u], at[v]
        if one and other:
            parts.append(f"<path d='M{one[0]:.1f} {one[1]:.1f}L{other[0]:.1f} {other[1]:.1f}'/>")
    top = float(values.max()) if len(values) else 0.0
    dots = []
    for row in np.argsort(values)[-_MOST:].tolist():
        place = at[row]
        if place:
            share = float(values[row]) / top if top > 0 else 0.0
            colour = RAMPS[ramp][round(share**0.5 * (len(RAMPS[ramp]) - 1))]
            dots.append(
                f"<circle cx='{place[0]:.1f}' cy='{place[1]:.1f}' r='{2 + 10 * share**0.5:.1f}' fill='{colour}'/>"
            )
    height = 40 + (high[1] - low[1]) * scale
    return (
        f"<h2>{html.escape(title)}</h2><svg viewBox='0 0 {_WIDTH:.0f} {height:.0f}' width='{_WIDTH:.0f}' role='img' "
        f"aria-label='{html.escape(title)}'><g stroke='#b8c0ca' stroke-width='.7'>{''.join(parts)}</g>"
        f"<g stroke='#fff' stroke-width='.5'>{''.join(dots)}</g></svg>"
        f"<p class=sub>Circles grow and brighten with the value, 0 to {number(top)}.</p>"
    )
