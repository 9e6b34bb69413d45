"""One run of an algorithm: export, check, worker, clean up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsProcessingUtils

from .engine import EngineError
from .job import build_job, overwritten_input, write_job
from .launch import engine_problem, forget_engine, launch
from .layer_export import RasterSource, export
from .local_check import JobRefusedError, check_job
from .settings import Settings
from .translation import tr
from .vector_export import VectorSource, export_vector
from .worker_client import WorkerCancelledError, WorkerError, WorkerResult, remove_unfinished, run_worker
from .worker_feedback import FeedbackListener

_CHECKED = 2.0


def run_job(
    analysis: str,
    values: dict[str, Any],
    sources: dict[str, RasterSource | VectorSource],
    outputs: dict[str, str],
    settings: Settings,
    feedback: QgsProcessingFeedback,
) -> WorkerResult:
    """Run an analysis in a worker and return what it made.

    Parameters
    ----------
    analysis : str
        Id of the catalogue entry.
    values : dict
        The job's parameters; layers are filled in here.
    sources : dict
        The raster and vector inputs that are given.
    outputs : dict
        Path of every output that is asked for.
    settings : Settings
        How the worker is to run.
    feedback : QgsProcessingFeedback
        Hears of it and may stop it.

    Raises
    ------
    QgsProcessingException
        Whatever goes wrong, with what to do about it.
    """
    # Not every QGIS asks canExecute() before it runs an algorithm: qgis_process 3.22 does not.
    if problem := engine_problem(settings):
        raise QgsProcessingException(problem)
    with tempfile.TemporaryDirectory(prefix="driftway-", dir=QgsProcessingUtils.tempFolder()) as scratch:
        whole = {**values, **{name: _path(source, Path(scratch), feedback) for name, source in sources.items()}}
        if clash := overwritten_input(whole, outputs):
            raise QgsProcessingException(tr("{}: It would overwrite the input {}. Choose another file.").format(*clash))
        job = build_job(analysis, whole, outputs, settings.device, settings.threads, settings.memory_limit_bytes)
        try:
            result = _checked_run(job, Path(scratch), settings, feedback)
        except WorkerCancelledError:
            raise QgsProcessingException(tr("Cancelled; nothing was written.")) from None
        except (EngineError, JobRefusedError, WorkerError, OSError) as error:
            if getattr(error, "code", "engine") == "engine":
                forget_engine()
            raise QgsProcessingException(str(error)) from error
    _say_usage(result, feedback)
    return result


def _path(source: RasterSource | VectorSource, scratch: Path, feedback: QgsProcessingFeedback) -> str:
    if source.path:
        return source.path
    feedback.pushInfo(tr("{} is not a file that GDAL opens as it is: it is exported.").format(source.name))
    return export_vector(source, scratch) if isinstance(source, VectorSource) else export(source, scratch)


def _checked_run(
    job: dict[str, Any], scratch: Path, settings: Settings, feedback: QgsProcessingFeedback
) -> WorkerResult:
    """Check and run a job; what it leaves unfinished is removed."""
    listener = FeedbackListener(feedback, 0.0, _CHECKED)
    feedback.setProgressText(tr("Checking the inputs"))
    check_job(job, listener)
    start = launch(settings)
    command = [*start.command, "run", str(write_job(job, scratch))]
    feedback.setProgressText(tr("Starting the worker"))
    finished = False
    try:
        result = run_worker(command, start.environment, listener.next_part(_CHECKED, 100.0), start.folder)
        finished = True
    finally:
        if not finished:
            remove_unfinished(job["outputs"], job["id"])
    return result


def _say_usage(result: WorkerResult, feedback: QgsProcessingFeedback) -> None:
    seconds, peak = result.usage.get("seconds"), result.usage.get("peak_memory")
    if isinstance(seconds, (int, float)) and isinstance(peak, (int, float)):
        feedback.pushInfo(tr("The worker took {} s and {} MB.").format(f"{seconds:.1f}", f"{peak / 1e6:.0f}"))
