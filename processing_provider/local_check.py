"""The backend's own checks of a job, run in QGIS before the worker starts.

Its check modules are light (numpy and GDAL); they are imported at the first check, never when the plugin loads.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .worker_client import WorkerCancelledError
from .worker_feedback import FeedbackListener

_BACKEND = f"{__package__.rpartition('.')[0]}.backend".lstrip(".")


class JobRefusedError(Exception):
    """A job that cannot work; says which parameter, what is wrong and what to do."""


class _Report:
    """What the backend's checks report to."""

    def __init__(self, listener: FeedbackListener, cancelled: type[Exception]) -> None:
        self._listener, self._cancelled = listener, cancelled
        self.message, self.warning, self.progress = listener.message, listener.warning, listener.progress

    def raise_if_cancelled(self) -> None:
        if self._listener.is_cancelled():
            raise self._cancelled


def check_headers(job: dict[str, Any]) -> str | None:
    """Return what is wrong with the files and values of a job as far as no cell needs to be read, or None."""
    errors, job_class, analysis = _modules(job)
    check = getattr(analysis, "check_headers", None)
    try:
        ready = job_class.from_dict(job)
        if check is not None:
            check(ready)
    except errors.DriftwayError as error:
        return str(error)
    return None


def check_job(job: dict[str, Any], listener: FeedbackListener) -> None:
    """Check a job wholly: files, cells, memory, disk.

    Raises
    ------
    JobRefusedError
        When it cannot work.
    WorkerCancelledError
        When the user wants it to stop.
    """
    errors, job_class, analysis = _modules(job)
    try:
        analysis.check(job_class.from_dict(job), _Report(listener, errors.Cancelled))
    except errors.DriftwayError as error:
        raise JobRefusedError(str(error)) from error
    except errors.Cancelled as error:
        raise WorkerCancelledError from error


def _modules(job: dict[str, Any]) -> tuple[Any, Any, Any]:
    errors = import_module(f"{_BACKEND}.errors")
    job_class = import_module(f"{_BACKEND}.job").Job
    return errors, job_class, import_module(f"{_BACKEND}.analyses.{job['analysis']}")
