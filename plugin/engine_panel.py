"""The part of the options page that shows the engine and has it installed, checked or removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QFontDatabase
from qgis.PyQt.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..processing_provider import engine
from ..processing_provider.engine_report import inspect_engine
from ..processing_provider.engine_setup import install_engine, remove_engine
from ..processing_provider.settings import Settings
from ..processing_provider.translation import tr
from .engine_work import EngineWork

_COLOURS = {"ready": "#2b8a3e", "missing": "#868e96", "damaged": "#c92a2a", "failed": "#c92a2a"}


class EnginePanel(QGroupBox):
    """State of the engine, buttons, and a live log.

    Parameters
    ----------
    work : EngineWork
        Does what the buttons ask for; may be busy already.
    settings : callable
        Returns the settings as they stand on the page.
    parent : QWidget or None
        Qt's parent.
    """

    def __init__(self, work: EngineWork, settings: Callable[[], Settings], parent: QWidget | None = None) -> None:
        super().__init__(tr("Compute engine"), parent)
        self._work, self._settings = work, settings
        self._state = QLabel(self)
        self._place = QLabel(self)
        self._place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._place.setWordWrap(True)
        self.install = QPushButton(tr("Install"), self)
        self.check = QPushButton(tr("Check"), self)
        self.remove = QPushButton(tr("Remove…"), self)
        self.cancel = QPushButton(tr("Cancel"), self)
        self._progress = QProgressBar(self)
        self._progress.setRange(0, 0)
        self._progress.setTextVisible(False)
        self._progress.setMaximumHeight(6)
        self._log = QPlainTextEdit(self)
        self._lay_out()
        self._connect()
        self.look()

    def look(self) -> None:
        """Find out how the engine is, without holding up the window."""
        if not self._work.is_busy:
            settings = self._settings()
            self._work.start(tr("Looking at Driftway's engine"), lambda say, stop: _glance(settings))

    def show_state(self, state: str, why: str = "", place: str = "") -> None:
        """Show a state (ready, missing, damaged, failed), the reason and the folder."""
        words = {
            "ready": tr("Ready"),
            "missing": tr("Not installed"),
            "damaged": tr("Damaged"),
            "failed": tr("Cannot run"),
        }
        colour = _COLOURS.get(state, _COLOURS["missing"])
        dot = f'<span style="color:{colour}; font-size:large">●</span>'
        self._state.setText(f"{dot} <b>{words.get(state, state)}</b>")
        self._place.setText("\n".join(text for text in (why, place) if text))
        self._place.setVisible(bool(self._place.text()))
        self.install.setText(tr("Repair") if state in ("damaged", "failed") else tr("Install"))
        self._enable(state)

    def _lay_out(self) -> None:
        self._log.setReadOnly(True)
        self._log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._log.setPlaceholderText(tr("What is done is written here."))
        self._log.setMinimumHeight(110)
        self._log.setMaximumBlockCount(2000)
        what = QLabel(
            tr(
                "Driftway computes in a process of its own, with packages that are kept apart from QGIS's: "
                "about 300 MB to download and 0.8 GB on disk."
            ),
            self,
        )
        what.setWordWrap(True)
        buttons = QHBoxLayout()
        for button in (self.install, self.check, self.remove, self.cancel):
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        for widget in (what, self._state, self._place):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(self._progress)
        column.addWidget(self._log, 1)
        self._log.setPlainText("\n".join(self._work.lines))

    def _connect(self) -> None:
        self.install.clicked.connect(self._on_install)
        self.check.clicked.connect(self._on_check)
        self.remove.clicked.connect(self._on_remove)
        self.cancel.clicked.connect(self._work.cancel)
        self._work.started.connect(self._on_started)
        self._work.said.connect(self._log.appendPlainText)
        self._work.ended.connect(self._on_ended)
        self.show_state("missing", tr("Looking…"))
        self._busy(self._work.is_busy)

    def _on_install(self) -> None:
        settings = self._settings()
        self._work.start(
            tr("Installing Driftway's engine"),
            lambda say, stop: install_engine(settings.interpreter, "", say, stop) and None,
        )

    def _on_check(self) -> None:
        settings = self._settings()
        self._work.start(tr("Checking Driftway's engine"), lambda say, stop: _inspect(settings, say, stop))

    def _on_remove(self) -> None:
        question = tr("Remove the compute engine? Driftway's algorithms cannot run until it is installed again.")
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        if QMessageBox.question(self, "Driftway", question, yes | no, no) == yes:
            self._work.start(tr("Removing Driftway's engine"), lambda say, stop: remove_engine(say))

    def _on_started(self, title: str) -> None:
        self._busy(True)

    def _on_ended(self, well: bool, problem: str, outcome: Any) -> None:
        self._busy(False)
        if isinstance(outcome, tuple):
            self.show_state(*outcome)
        elif problem:
            self.show_state("failed", problem)
        else:
            self.look()

    def _busy(self, busy: bool) -> None:
        self._progress.setVisible(busy)
        self.cancel.setVisible(busy)
        for button in (self.install, self.check, self.remove):
            button.setEnabled(not busy)

    def _enable(self, state: str) -> None:
        if not self._work.is_busy:
            self.install.setEnabled(state != "ready")
            self.check.setEnabled(state == "ready")
            self.remove.setEnabled(state in ("ready", "damaged", "failed"))


class _LogListener:
    """Passes what a worker says to the log."""

    def __init__(self, say: Callable[[str], None], stop: Callable[[], bool]) -> None:
        self.message = self.warning = self.debug = say
        self.is_cancelled = stop

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing: the check is short."""


def _glance(settings: Settings) -> tuple[str, str, str]:
    """Return state, reason and folder of the engine."""
    try:
        interpreter = engine.find_interpreter(settings.interpreter or None)
        state = engine.state(interpreter, engine.home())
    except engine.EngineError as error:
        return "failed", str(error), ""
    folder = engine.package_folder(interpreter, engine.home())
    place = tr("Python: {}").format(interpreter.path)
    if folder:
        place = tr("Folder: {}").format(folder) + "\n" + place
    return str(state), getattr(state, "why", "") if state == "damaged" else "", place


def _inspect(settings: Settings, say: Callable[[str], None], stop: Callable[[], bool]) -> None:
    for label, value in inspect_engine(settings, _LogListener(say, stop)).lines():
        say(f"{label}: {value}")
