"""The plugin as QGIS loads it: the provider, and with a window also menu and options page."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication

from ..processing_provider.provider import DriftwayProvider


class DriftwayPlugin:
    """What `classFactory` returns.

    Parameters
    ----------
    iface : QgisInterface or None
        QGIS's window; None in qgis_process.
    """

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._provider: DriftwayProvider | None = None
        self._window: Any = None

    def initProcessing(self) -> None:
        """Register the provider; all that qgis_process needs."""
        if self._provider is not None:
            return
        self._provider = DriftwayProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)
        self._provider.refreshAlgorithms()

    def initGui(self) -> None:
        """Register the provider, the menu and the options page."""
        self.initProcessing()
        if self._iface is None:
            return
        from .window_entries import WindowEntries

        self._window = WindowEntries(self._iface)

    def unload(self) -> None:
        """Take away all that was registered."""
        if self._window is not None:
            self._window.remove()
            self._window = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
