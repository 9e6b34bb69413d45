"""The worker as a process of the operating system: start it, signal it and its children, say how it died."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess  # nosec B404: the computation has to be another process
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .worker_errors import WorkerError


def start(command: Sequence[str], environment: dict[str, str], folder: Path | None) -> subprocess.Popen:
    """Start a worker in a process group of its own, its three streams as pipes.

    Raises
    ------
    WorkerError
        When the interpreter does not run.
    """
    own_group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    try:
        return subprocess.Popen(  # nosec B603: a list, no shell; the interpreter is QGIS's own or the user's choice
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
            **own_group,
        )
    except OSError as error:
        raise WorkerError(
            f"The worker could not be started: {command[0]}: {error.strerror or error}.",
            "Check the interpreter in Settings > Options > Driftway.",
            code="engine",
        ) from error


def signal_group(process: subprocess.Popen, name: str) -> None:
    """Signal the worker and whatever it has started; those that are gone are no error."""
    if sys.platform == "win32":
        if name == "SIGKILL" and process.poll() is None:
            system = os.environ.get("SYSTEMROOT", r"C:\Windows")
            taskkill = os.path.join(system, "System32", "taskkill.exe")
            subprocess.run(  # nosec B603: Windows's own program by its full path, and a number
                [taskkill, "/T", "/F", "/PID", str(process.pid)],
                capture_output=True,
                check=False,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
        elif process.poll() is None:
            process.terminate()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, getattr(signal, name))


def death(status: int | None, tail: str) -> WorkerError:
    """Return what to say about a worker that ended without a last event."""
    if status is None:
        return WorkerError(f"The worker closed its output without a result.{tail}", "Run it again.")
    if status in (-9, 137):
        return WorkerError(
            f"The worker was killed by the system (signal 9), most likely because memory ran out.{tail}",
            "Close other programs, set a memory limit in Settings > Options > Driftway, or use a smaller extent.",
            code="memory",
        )
    if status < 0:
        return WorkerError(
            f"The worker died of signal {-status} ({_signal_name(-status)}).{tail}",
            "If it happens again, report it with this text.",
        )
    return WorkerError(
        f"The worker ended with status {status} and no result.{tail}",
        "If modules are missing, install the compute engine anew; else report it with this text.",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
