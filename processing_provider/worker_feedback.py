"""What the worker and the checks say, as Processing hears it."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback


class FeedbackListener:
    """Pass progress, messages and the wish to stop between a worker and QGIS.

    Parameters
    ----------
    feedback : QgsProcessingFeedback
        Of the running algorithm.
    start, end : float
        Part of the progress bar that this listener fills, in percent.
    """

    def __init__(self, feedback: QgsProcessingFeedback, start: float = 0.0, end: float = 100.0) -> None:
        self._feedback, self._start, self._end = feedback, start, end
        self._step = ""
        self._said: list[str] = []

    def next_part(self, start: float, end: float) -> FeedbackListener:
        """Return a listener for the next part of the progress bar that does not repeat what this one has said."""
        following = FeedbackListener(self._feedback, start, end)
        following._said = self._said
        return following

    def progress(self, fraction: float, step: str = "") -> None:
        """Move the progress bar; a new step is named once."""
        self._feedback.setProgress(self._start + (self._end - self._start) * fraction)
        if step and step != self._step:
            self._step = step
            self._feedback.setProgressText(step)

    def message(self, text: str) -> None:
        """Write to the log."""
        if self._is_new(text):
            self._feedback.pushInfo(text)

    def warning(self, text: str) -> None:
        """Write a warning to the log."""
        if self._is_new(text):
            self._feedback.pushWarning(text)

    def debug(self, text: str) -> None:
        """Write to the log what only helps to find a fault."""
        self._feedback.pushDebugInfo(text)

    def is_cancelled(self) -> bool:
        """Return whether the user wants it to stop."""
        return self._feedback.isCanceled()

    def _is_new(self, text: str) -> bool:
        """Return whether a text was not said yet: the checks are made twice, here and in the worker."""
        if text in self._said:
            return False
        self._said.append(text)
        return True
