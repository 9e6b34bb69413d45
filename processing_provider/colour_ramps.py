"""Colour ramps as stops of their own, since not every QGIS has them in its style database."""

from __future__ import annotations

from qgis.PyQt.QtGui import QColor

# Evenly spaced stops from low to high. viridis and magma: van der Walt and Smith (2015), mako: Waskom (seaborn),
# vik: Crameri (2018), https://doi.org/10.5281/zenodo.1243862; perceptually uniform, safe for colour-blind readers.
RAMPS: dict[str, tuple[str, ...]] = {
    "viridis": (
        "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
    ),
    "magma": (
        "#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf",
    ),
    "mako": (
        "#0b0405", "#241628", "#36274d", "#413d7b", "#37659e", "#348fa7", "#40b7ad", "#8ad9b1", "#def5e5",
    ),
    "vik": (
        "#001261", "#033e7d", "#1e6f9d", "#71a8c4", "#c9dde7", "#f0eeec", "#eacebd", "#d39774", "#be6533", "#8b2706",
        "#590008",
    ),
}  # fmt: skip


def colour_at(ramp: str, position: float) -> QColor:
    """Return the colour of a ramp at a position in [0, 1], interpolated between the two stops beside it.

    An unknown ramp is viridis: a style is never a reason to fail.
    """
    stops = [QColor(stop) for stop in RAMPS.get(ramp, RAMPS["viridis"])]
    place = min(1.0, max(0.0, position)) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    share = place - low
    first, second = stops[low], stops[low + 1]
    return QColor(
        round(first.red() + share * (second.red() - first.red())),
        round(first.green() + share * (second.green() - first.green())),
        round(first.blue() + share * (second.blue() - first.blue())),
    )
