"""What the plugin puts into QGIS's window: a menu and the options page."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtGui import QDesktopServices, QIcon

from ..processing_provider.icons import icon
from ..processing_provider.plugin_facts import homepage
from ..processing_provider.translation import tr
from .engine_work import EngineWork
from .options_page import PAGE_NAME, OptionsFactory

try:
    from qgis.PyQt.QtGui import QAction
except ImportError:  # Qt 5 has it among the widgets
    from qgis.PyQt.QtWidgets import QAction

_MENU = "&Driftway"


class WindowEntries:
    """The menu and the options page.

    Parameters
    ----------
    iface : QgisInterface
        QGIS's window.
    """

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._work = EngineWork()
        self._factory = OptionsFactory(self._work)
        iface.registerOptionsWidgetFactory(self._factory)
        self._actions = [
            self._action(icon("driftway"), tr("Options and compute engine…"), self._open_options),
            self._action(icon("installengine"), tr("Install compute engine…"), self._open_installation),
            self._action(icon("enginestatus"), tr("Engine status…"), self._open_status),
            self._action(QIcon(), tr("Documentation"), self._open_documentation),
        ]
        for action in self._actions:
            iface.addPluginToMenu(_MENU, action)

    def remove(self) -> None:
        """Take all of it away; what is being done to the engine is stopped."""
        self._work.cancel()
        for action in self._actions:
            self._iface.removePluginMenu(_MENU, action)
            action.deleteLater()
        self._actions = []
        self._iface.unregisterOptionsWidgetFactory(self._factory)
        self._factory = None

    def _action(self, picture: QIcon, text: str, slot: Any) -> QAction:
        action = QAction(picture, text, self._iface.mainWindow())
        action.triggered.connect(slot)
        return action

    def _open_options(self) -> None:
        self._iface.showOptionsDialog(self._iface.mainWindow(), PAGE_NAME)

    def _open_installation(self) -> None:
        _open_algorithm("driftway:installengine")

    def _open_status(self) -> None:
        _open_algorithm("driftway:enginestatus")

    def _open_documentation(self) -> None:
        QDesktopServices.openUrl(QUrl(homepage()))


def _open_algorithm(identifier: str) -> None:
    """Open the dialog of an algorithm."""
    from processing import execAlgorithmDialog

    execAlgorithmDialog(identifier)
