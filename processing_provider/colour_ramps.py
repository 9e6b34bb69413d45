"""The catalogue's colour ramps, since not every QGIS has them in its style database."""

from __future__ import annotations

from qgis.PyQt.QtGui import QColor

from .catalogue import ramps


def colour_at(ramp: str, position: float) -> QColor:
    """Return the colour of a ramp at a position in [0, 1], interpolated between the two stops beside it.

    An unknown ramp is viridis: a style is never a reason to fail.
    """
    known = ramps()
    stops = [QColor(stop) for stop in known.get(ramp, known["viridis"])]
    place = min(1.0, max(0.0, position)) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    share = place - low
    first, second = stops[low], stops[low + 1]
    return QColor(
        round(first.red() + share * (second.red() - first.red())),
        round(first.green() + share * (second.green() - first.green())),
        round(first.blue() + share * (second.blue() - first.blue())),
    )
