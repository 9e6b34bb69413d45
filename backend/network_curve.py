"""Indices of a network against the dispersal distance."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .html_report import HtmlReport
from .network_input import PatchNetwork

#: Columns of the table of indices.
CURVE = (
    "distance",
    "pc_numerator",
    "eca",
    "iic_numerator",
    "components_within",
    "intra_percent",
    "direct_percent",
    "step_percent",
)
_COLOURS = {"intra_percent": "#4c78a8", "direct_percent": "#e0852c", "step_percent": "#3d8f5f"}
_PLOTS = (
    ("pc_numerator", "Numerator of PC"),
    ("eca", "ECA"),
    ("iic_numerator", "Numerator of IIC"),
    ("components_within", "Components, links up to the distance"),
)


def index_curve(
    network: PatchNetwork, distances: Sequence[float], probability: float, *, within: bool, report: Any
) -> list[list[float]]:
    """Return a row of indices (`CURVE`) for each dispersal distance; shortest paths are found once for all.

    Parameters
    ----------
    network : PatchNetwork
        The network.
    distances : sequence of float
        Dispersal distances, > 0.
    probability : float
        At each of them.
    within : bool
        Whether only links up to the dispersal distance count for IIC. They alone do for the components.
    """
    from .network_centrality import components
    from .network_indices import decay_rate, integral_numerator, probability_sums
    from .network_search import adjacency

    a, ends = network.capacity, (len(network.capacity), network.start, network.end)
    sums = probability_sums(
        adjacency(*ends, network.length), a, [decay_rate(d, probability) for d in distances], report
    )
    integral: dict[float, float] = {}
    rows = []
    for row, distance in enumerate(distances):
        near = adjacency(*ends, np.where(network.length <= distance, network.length, math.inf))
        limit = distance if within else math.inf
        if limit not in integral:
            integral[limit] = integral_numerator(near if within else adjacency(*ends, network.length), a, report)
        total = float(sums.numerator[row])
        parts = len(components(near, a)[1])
        shares = _shares(total, sums.intra, float(sums.direct[row]))
        rows.append([distance, total, math.sqrt(total), integral[limit], parts, *shares])
    return rows


def _shares(total: float, intra: float, direct: float) -> tuple[float, float, float]:
    if total == 0:
        return 0.0, 0.0, 0.0
    return 100 * intra / total, 100 * direct / total, max(0.0, 100 * (total - intra - direct) / total)


def table_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def add_curves(page: HtmlReport, rows: list[list[float]]) -> None:
    """Add a plot of each index against distance, where there are several, and the table."""
    ordered = sorted(rows)
    columns: dict[str, list[float]] = {name: [row[place] for row in ordered] for place, name in enumerate(CURVE)}
    if len(set(columns["distance"])) > 1:
        x = {"x": (columns["distance"], "")}
        for name, label in _PLOTS:
            page.add_curve(
                f"{label} against dispersal distance",
                "Dispersal distance",
                label,
                {**x, "": (columns[name], "#2f6f8f")},
            )
        shares = {name.split("_")[0]: (columns[name], colour) for name, colour in _COLOURS.items()}
        page.add_curve("Shares of PC against dispersal distance", "Dispersal distance", "% of PC", {**x, **shares})
    page.add_table("Indices by dispersal distance", [name.replace("_", " ") for name in CURVE], ordered)
