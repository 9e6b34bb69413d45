"""One job in one process: what is asked comes in by stdin, what happens goes out by stdout, one JSON object a line."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn, TextIO

from . import __version__, registry
from .errors import Cancelled, DriftwayError
from .job import Job
from .memory import available_memory, peak_memory
from .outputs import Outputs

PROTOCOL = 1
EXIT_RESULT, EXIT_ERROR, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 3
_HEARTBEAT_SECONDS = 1.0
_PROGRESS_SECONDS = 0.1
_PATIENCE_SECONDS = 0.7


class Channel:
    """Events out, commands in.

    The real stdout is kept for events; whatever else is printed goes to stderr.

    Parameters
    ----------
    follow_stdin : bool
        Whether a caller holds stdin: end of file then means that it is gone.
    """

    def __init__(self, *, follow_stdin: bool) -> None:
        self._lock = threading.Lock()
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._cancelled = threading.Event()
        self._outputs: Outputs | None = None
        self._ended = False
        threading.Thread(target=self._beat, daemon=True).start()
        if follow_stdin:
            threading.Thread(target=self._listen, daemon=True).start()

    def send(self, event: str, **content: Any) -> None:
        """Send one event."""
        with self._lock:
            if self._ended:
                return
            try:
                self._out.write(json.dumps({"event": event, **content}, ensure_ascii=True, allow_nan=False) + "\n")
                self._out.flush()
            except (BrokenPipeError, ValueError):
                self._cancelled.set()

    def guard(self, outputs: Outputs) -> None:
        """Name the outputs to remove should the caller disappear."""
        self._outputs = outputs

    def end(self) -> None:
        """Send nothing more."""
        with self._lock:
            self._ended = True

    @property
    def cancelled(self) -> bool:
        """Whether the caller asked to stop."""
        return self._cancelled.is_set()

    def _beat(self) -> None:
        while not self._ended:
            self.send("heartbeat")
            time.sleep(_HEARTBEAT_SECONDS)

    def _listen(self) -> None:
        # Not through sys.stdin: a thread that waits in its buffer makes the interpreter abort when it shuts down.
        rest = b""
        while chunk := os.read(0, 4096):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._obey(line)
        self._stop_now()

    def _obey(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, AttributeError):  # what is no command is not for us
            if json.loads(line).get("command") == "cancel":
                self._cancelled.set()
                threading.Timer(_PATIENCE_SECONDS, self._stop_now).start()

    def _stop_now(self) -> None:
        if self._ended:
            return
        if self._outputs is not None:
            self._outputs.discard()
        self.leave()

    def leave(self) -> NoReturn:
        """Say that the run is cancelled and end the process, whatever its threads are still at."""
        if self._outputs is not None and self._outputs.can_be_continued:
            self.send("message", text="Cancelled. What was finished is kept: the same job continues there.")
        self.send("cancelled")
        self.end()
        os._exit(EXIT_CANCELLED)


class ChannelReport:
    """A `Report` that turns into events."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.warnings: list[str] = []
        self._last = 0.0
        self._step = ""
        self._span = (0.0, 1.0)

    def message(self, text: str) -> None:
        """Send a message."""
        self._channel.send("message", text=text)

    def warning(self, text: str) -> None:
        """Send a warning."""
        self.warnings.append(text)
        self._channel.send("warning", text=text)

    def progress(self, fraction: float, step: str) -> None:
        """Send the progress, at most ten times a second."""
        now = time.monotonic()
        if now - self._last < _PROGRESS_SECONDS and fraction < 1 and step in ("", self._step):
            return
        self._last = now
        self._step = step or self._step
        low, high = self._span
        self._channel.send("progress", fraction=low + (high - low) * fraction, step=self._step)

    def raise_if_cancelled(self) -> None:
        """Raise when the caller asked to stop."""
        if self._channel.cancelled:
            raise Cancelled


def run(path: str, *, follow_stdin: bool) -> int:
    """Run the job in a file and return the exit status.

    Parameters
    ----------
    path : str
        A `job.json`.
    follow_stdin : bool
        Whether the end of stdin means that the caller is gone.
    """
    channel = Channel(follow_stdin=follow_stdin)
    start = time.monotonic()
    try:
        job = Job.read(path)
        channel.send("hello", **_hello(job))
        report = ChannelReport(channel)
        with Outputs(job, report.warnings) as outputs:
            channel.guard(outputs)
            numbers = registry.load("analyses", job.analysis).run(job, report, outputs)
            report.raise_if_cancelled()
            published = outputs.publish()
        usage = {"seconds": time.monotonic() - start, "peak_memory": peak_memory()}
        numbers = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        channel.send("result", numbers=numbers, outputs=published, usage=usage)
        return EXIT_RESULT
    except Cancelled:
        channel.leave()
    except DriftwayError as error:
        channel.send("error", code=error.code, parameter=error.parameter, message=error.message, remedy=error.remedy)
    except MemoryError as error:
        _send_failure(channel, "memory", f"Out of memory. {error}", "Use a smaller EXTENT or coarser rasters.")
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, the user hears of it
        traceback.print_exc()
        _send_failure(channel, "internal", f"{type(error).__name__}: {error}", "Please report this.")
    finally:
        channel.end()
    return EXIT_ERROR


def _send_failure(channel: Channel, code: str, message: str, remedy: str) -> None:
    channel.send("error", code=code, parameter=None, message=message, remedy=remedy)


def _hello(job: Job) -> dict[str, Any]:
    """Start the engine as the job asks and say what is there."""
    from .runtime import start

    jax = registry.constant("analyses", job.analysis, "USES_JAX", default=True)
    return {"protocol": PROTOCOL, "backend": __version__, **start(job.device, job.threads, jax=jax)}


def environment() -> dict[str, Any]:
    """Return what the engine runs on, for people and bug reports."""
    return {
        "python": platform.python_version(),
        "pid": os.getpid(),
        "memory": available_memory(),
        "folder": str(Path(__file__).resolve().parent),
    }
