"""The icons that were drawn for this plugin."""

from __future__ import annotations

from pathlib import Path

from qgis.PyQt.QtGui import QIcon

FOLDER = Path(__file__).resolve().parent.parent / "icons"


def icon_path(name: str) -> str:
    """Return the file of the icon of that name, or the plugin's where it has none of its own."""
    own = FOLDER / f"{name}.svg"
    return str(own if own.exists() else FOLDER / "driftway.svg")


def icon(name: str) -> QIcon:
    """Return the icon of that name, or the plugin's."""
    return QIcon(icon_path(name))
