"""Text that a person reads passes through here."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication


def tr(text: str) -> str:
    """Return `text` in the language of QGIS."""
    return QCoreApplication.translate("Driftway", text)
