"""The widget of a length in map units: on layers of longitudes and latitudes these are metres here, and it says so.

QGIS's own widget of distances says degrees there, and warns. This is that widget, with its label mended.
"""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition
from qgis.gui import QgsGui, QgsProcessingGui
from qgis.PyQt.QtCore import QEvent, QObject, QTimer
from qgis.PyQt.QtWidgets import QLabel, QWidget

from .translation import tr

_KINDS = {"BatchAlgorithmDialog": QgsProcessingGui.Batch}
_SHOWN = (QEvent.Show, QEvent.ShowToParent)
#: Python forgets what only widgets of C++ hold.
_watches: set[QObject] = set()


class LengthWidget:
    """Makes QGIS's widget wrapper of a distance that says metres where QGIS would say degrees.

    For the metadata ``widget_wrapper`` of a parameter, from which QGIS calls it as it calls a class of wrappers.
    """

    def __new__(cls, parameter: QgsProcessingParameterDefinition, dialog: Any, row: int = 0, column: int = 0) -> Any:
        """Return the wrapper, for whichever dialog it is."""
        registry, name = QgsGui.processingGuiRegistry(), type(dialog).__name__
        if name == "ModelerParametersDialog":
            wrapper = registry.createModelerParameterWidget(dialog.model, dialog.childId, parameter, dialog.context)
            wrapper.setDialog(dialog)
            return wrapper
        wrapper = registry.createParameterWidgetWrapper(parameter, _KINDS.get(name, QgsProcessingGui.Standard))
        wrapper.setDialog(dialog)
        # The widget is made after the wrapper, before the dialog is shown.
        QTimer.singleShot(0, lambda: say_metres(wrapper.wrappedWidget()))
        return wrapper


def say_metres(widget: QWidget | None) -> None:
    """Let QGIS's widget of a distance say metres whenever it would warn of degrees."""
    labels = [] if widget is None else widget.findChildren(QLabel)
    warnings = [each for each in labels if not each.text()]  # a picture
    units = [each for each in labels if each not in warnings]
    if widget is None or len(warnings) != 1 or not units:
        return  # another QGIS: its widget is left as it is
    warning = warnings[0].parentWidget()
    watch = _Degrees(warning, units)
    _watches.add(watch)
    warning.destroyed.connect(lambda: _watches.discard(watch))
    warning.installEventFilter(watch)
    if not warning.isHidden():
        watch.mend()


class _Degrees(QObject):
    """Watches for the warning beside a distance in degrees."""

    def __init__(self, warning: QWidget, units: list[QLabel]) -> None:
        super().__init__()
        self._warning, self._units = warning, units

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Mend the label when the warning is shown."""
        if event.type() in _SHOWN:
            self.mend()
        return False

    def mend(self) -> None:
        """Say metres, and hide the warning."""
        self._warning.hide()
        for unit in self._units:
            if not unit.isHidden():
                unit.setText(tr("metres"))
