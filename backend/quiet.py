"""A report that passes on everything but progress, for parts of a run that have no place of their own in its bar."""

from __future__ import annotations

from .job import Report


class Quiet:
    """Passes on everything but progress.

    Parameters
    ----------
    report : Report
        Whom to tell.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    def message(self, text: str) -> None:
        """Pass on."""
        self._report.message(text)

    def warning(self, text: str) -> None:
        """Pass on."""
        self._report.warning(text)

    def progress(self, fraction: float, step: str) -> None:
        """Keep quiet."""

    def raise_if_cancelled(self) -> None:
        """Pass on."""
        self._report.raise_if_cancelled()
