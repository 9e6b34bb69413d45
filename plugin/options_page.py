"""Driftway's page in QGIS's options."""

from __future__ import annotations

from qgis.gui import QgsFileWidget, QgsOptionsPageWidget, QgsOptionsWidgetFactory
from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QGroupBox, QLabel, QSpinBox, QVBoxLayout, QWidget

from ..processing_provider.icons import icon
from ..processing_provider.settings import DEVICES, Settings, overridden, read_settings, write_settings
from ..processing_provider.translation import tr
from .engine_panel import EnginePanel
from .engine_work import EngineWork

PAGE_NAME = "DriftwayOptions"
_MOST_THREADS = 1024
_MOST_MEMORY = 16 * 1024 * 1024


class OptionsPage(QgsOptionsPageWidget):
    """What the person can choose, and the engine.

    Parameters
    ----------
    work : EngineWork
        Installs, checks and removes the engine.
    parent : QWidget or None
        Qt's parent.
    """

    def __init__(self, work: EngineWork, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(PAGE_NAME)
        self.interpreter = self._file(QgsFileWidget.StorageMode.GetFile, tr("QGIS's own Python"))
        self.device = QComboBox(self)
        for value, label in zip(DEVICES, (tr("Automatic: GPU where there is one"), tr("CPU"), tr("GPU"))):
            self.device.addItem(label, value)
        self.threads = self._number(_MOST_THREADS, tr("All cores"), "", 1)
        self.memory_limit = self._number(_MOST_MEMORY, tr("80 % of what is free"), " MiB", 512)
        self.cache = self._file(QgsFileWidget.StorageMode.GetDirectory, tr("In Driftway's data folder"))
        self.show_settings(read_settings())
        self._lay_out()
        self.engine_panel = EnginePanel(work, self.settings, self)
        self.layout().addWidget(self.engine_panel, 1)

    def settings(self) -> Settings:
        """Return what stands on the page."""
        return Settings(
            interpreter=self.interpreter.filePath().strip(),
            device=self.device.currentData(),
            threads=self.threads.value(),
            memory_limit=self.memory_limit.value(),
            cache=self.cache.filePath().strip(),
        )

    def show_settings(self, settings: Settings) -> None:
        """Show these settings on the page."""
        self.interpreter.setFilePath(settings.interpreter)
        self.device.setCurrentIndex(self.device.findData(settings.device))
        self.threads.setValue(settings.threads)
        self.memory_limit.setValue(settings.memory_limit)
        self.cache.setFilePath(settings.cache)

    def apply(self) -> None:
        """Keep what stands on the page; what an environment variable decides is not touched."""
        kept = {name: value for name, value in vars(self.settings()).items() if name not in overridden()}
        write_settings(kept)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = (
            (
                "interpreter",
                tr("Python interpreter"),
                tr("Runs the worker: Python 3.11 or newer with GDAL's bindings."),
            ),
            ("device", tr("Device"), tr("What the arrays are computed on.")),
            ("threads", tr("Threads"), tr("How many tiles are computed at a time.")),
            ("memory_limit", tr("Memory limit"), tr("The worker plans its tiles so that they fit in.")),
            ("cache", tr("Cache folder"), tr("Compiled kernels, so that the next run starts faster.")),
        )
        decided = overridden()
        for name, label, tip in rows:
            field = getattr(self, name)
            variable = decided.get(name)
            field.setEnabled(variable is None)
            text = tr("Set by the environment variable {}.").format(variable) if variable else tip
            field.setToolTip(text)
            caption = QLabel(label, self)
            caption.setToolTip(text)
            form.addRow(caption, field)
        computing = QGroupBox(tr("Computing"), self)
        computing.setLayout(form)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(computing)

    def _file(self, mode: QgsFileWidget.StorageMode, empty: str) -> QgsFileWidget:
        widget = QgsFileWidget(self)
        widget.setStorageMode(mode)
        if widget.lineEdit() is not None:
            widget.lineEdit().setPlaceholderText(empty)
        return widget

    def _number(self, most: int, zero: str, suffix: str, step: int) -> QSpinBox:
        widget = QSpinBox(self)
        widget.setRange(0, most)
        widget.setSingleStep(step)
        widget.setSpecialValueText(zero)
        widget.setSuffix(suffix)
        return widget


class OptionsFactory(QgsOptionsWidgetFactory):
    """Makes the page whenever the options dialog opens.

    Parameters
    ----------
    work : EngineWork
        Shared by all pages, so that an installation goes on when the dialog is closed.
    """

    def __init__(self, work: EngineWork) -> None:
        super().__init__("Driftway", icon("driftway"))
        self._work = work

    def createWidget(self, parent: QWidget | None = None) -> OptionsPage:
        """Return a new page."""
        return OptionsPage(self._work, parent)
