"""Installing, checking and removing the engine in the background, one at a time, with a log that can be joined late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.core import QgsApplication, QgsTask
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..processing_provider.qgis_enums import TASK_CAN_CANCEL
from ..processing_provider.translation import tr

Work = Callable[[Callable[[str], None], Callable[[], bool]], Any]


class _WorkTask(QgsTask):
    """One piece of work in a thread of QGIS's task manager."""

    said = pyqtSignal(str)
    ended = pyqtSignal(bool, str, object)

    def __init__(self, title: str, work: Work) -> None:
        super().__init__(title, TASK_CAN_CANCEL)
        self._work = work
        self._outcome: Any = None
        self._problem = ""

    def run(self) -> bool:
        """Do the work, in its thread."""
        try:
            self._outcome = self._work(self.said.emit, self.isCanceled)
        except Exception as error:  # noqa: BLE001
            # An exception that leaves a task is lost; this one is shown.
            self._problem = str(error) or type(error).__name__
            return False
        return True

    def finished(self, result: bool) -> None:
        """Tell how it went, in the main thread."""
        problem = self._problem or ("" if result else tr("Cancelled."))
        self.ended.emit(result, problem, self._outcome)


class EngineWork(QObject):
    """What is being done to the engine now; outlives the options dialog.

    Signals
    -------
    started(str)
        The title of what is done.
    said(str)
        A line for the log.
    ended(bool, str, object)
        Whether it went well, else why not, and what it returned.
    """

    started = pyqtSignal(str)
    said = pyqtSignal(str)
    ended = pyqtSignal(bool, str, object)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._task: _WorkTask | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._task is not None

    def start(self, title: str, work: Work) -> bool:
        """Begin to do something, unless something else is being done.

        Parameters
        ----------
        title : str
            What people read.
        work : callable
            Gets a function that takes lines for the log and one that says whether to stop; runs in another thread.
        """
        if self.is_busy:
            return False
        task = _WorkTask(title, work)
        task.said.connect(self._on_said)
        task.ended.connect(self._on_ended)
        self._task = task
        self.started.emit(title)
        QgsApplication.taskManager().addTask(task)
        return True

    def cancel(self) -> None:
        """Ask it to stop."""
        if self._task is not None:
            self._task.cancel()

    def _on_said(self, line: str) -> None:
        self.lines.append(line)
        self.said.emit(line)

    def _on_ended(self, well: bool, problem: str, outcome: Any) -> None:
        self._task = None
        if problem:
            self._on_said(problem)
        self.ended.emit(well, problem, outcome)
