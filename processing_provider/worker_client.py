"""Starts a worker process, listens to its events, stops it.

No QGIS in here: whoever calls gives a `Listener`, and gets a result or an exception.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import queue
import shutil
import subprocess  # nosec B404: only its exceptions; worker_process starts
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .worker_errors import WorkerCancelledError, WorkerError
from .worker_events import Hearing, Listener, WorkerResult
from .worker_process import death, signal_group, start

__all__ = [
    "Listener",
    "Timing",
    "WorkerCancelledError",
    "WorkerError",
    "WorkerResult",
    "remove_unfinished",
    "run_worker",
]
_STDERR_LINES = 20
_LONGEST_LINE = 1 << 20
_END = object()


@dataclass(frozen=True)
class Timing:
    """How patient the caller is, in seconds.

    Parameters
    ----------
    poll : float
        Between two looks at whether the user cancelled.
    asked : float
        For the worker to stop after it was asked to.
    terminated : float
        For it to go after it was terminated; then its whole group is killed.
    silence_noted : float
        Without any event until the log says so.
    silence_ended : float
        Without any event until it is killed.
    farewell : float
        For it to end by itself after its last event.
    """

    poll: float = 0.1
    asked: float = 1.0
    terminated: float = 0.4
    silence_noted: float = 20.0
    silence_ended: float = 120.0
    farewell: float = 5.0


def run_worker(
    command: Sequence[str],
    environment: dict[str, str],
    listener: Listener,
    folder: Path | None = None,
    timing: Timing = Timing(),
) -> WorkerResult:
    """Run a worker to its end and return what it made; whatever happens, it is gone afterwards.

    Parameters
    ----------
    command : sequence of str
        Interpreter and arguments; no shell is involved.
    environment : dict
        All of its environment variables.
    listener : Listener
        Called from this thread only.
    folder : Path or None
        Where it starts.
    timing : Timing
        How patient to be.

    Raises
    ------
    WorkerError
        When it reports an error, dies, falls silent or cannot be started.
    WorkerCancelledError
        When the listener said that the user wants it to stop.
    """
    worker = _Worker(command, environment, folder, listener, timing)
    try:
        return worker.listen()
    finally:
        worker.end()


def remove_unfinished(outputs: dict[str, str], job_id: str) -> list[str]:
    """Delete what a run that did not finish left beside its outputs, and return the deleted paths."""
    folders = {os.path.dirname(os.path.abspath(path)) for path in outputs.values()}
    left = [path for folder in folders for path in glob.glob(os.path.join(glob.escape(folder), f".*.{job_id}.part*"))]
    removed = []
    for path in left:
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
            removed.append(path)
    return removed


class _Worker:
    """One worker process and the threads that read what it says."""

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        folder: Path | None,
        listener: Listener,
        timing: Timing,
    ) -> None:
        self._listener, self._timing = listener, timing
        self._events: queue.Queue[Any] = queue.Queue()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._asked_at: float | None = None
        self._heard_at = time.monotonic()
        self._silence_said = False
        self._process = start(command, environment, folder)
        self._heard = Hearing(listener, self._process.pid)
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_stderr, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def listen(self) -> WorkerResult:
        """Pass events on until the last one, or until the process is gone."""
        while True:
            try:
                event = self._events.get(timeout=self._timing.poll)
            except queue.Empty:
                event = None
            if event is _END or (event is None and self._process.poll() is not None and self._events.empty()):
                return self._conclude()
            if event is not None:
                self._heard_at, self._silence_said = time.monotonic(), False
                self._heard.hear(event)
            if self._heard.is_over:
                return self._conclude()
            self._watch()

    def end(self) -> None:
        """Make sure that nothing of the worker is left."""
        spoke = self._heard.result is not None or self._heard.failure is not None
        patience = self._timing.farewell if spoke else self._timing.terminated
        if (spoke or self._heard.stopped) and self._gone_within(patience):
            signal_group(self._process, "SIGKILL")
        else:
            self._terminate()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        for reader in self._readers:
            reader.join(timeout=1.0)
        for stream, reader in zip((self._process.stdout, self._process.stderr), self._readers):
            if not reader.is_alive():
                stream.close()

    def _watch(self) -> None:
        """Look whether the user cancelled, and whether the worker is silent."""
        now = time.monotonic()
        if self._asked_at is None and self._listener.is_cancelled():
            self._asked_at = now
            self._send({"command": "cancel"})
        if self._asked_at is not None:
            if now - self._asked_at > self._timing.asked:
                self._terminate()
                self._heard.stopped = True
            return
        silent = now - self._heard_at
        if silent > self._timing.silence_ended:
            self._terminate()
            self._heard.failure = WorkerError(
                f"The worker did not answer for {silent:.0f} s and was ended.{self._tail()}",
                "Try a smaller extent or another device; if it happens again, report it with this text.",
            )
        elif silent > self._timing.silence_noted and not self._silence_said:
            self._silence_said = True
            self._listener.message(
                f"The worker has been silent for {silent:.0f} s; it is ended after {self._timing.silence_ended:.0f} s."
            )

    def _conclude(self) -> WorkerResult:
        if self._heard.failure is not None:
            raise self._heard.failure
        if self._heard.result is not None:
            return self._heard.result
        if self._heard.stopped or self._asked_at is not None:
            raise WorkerCancelledError
        self._gone_within(self._timing.farewell)
        for reader in self._readers:
            reader.join(timeout=1.0)
        raise death(self._process.poll(), self._tail())

    def _tail(self) -> str:
        text = "\n".join(self._stderr).strip()
        return f" Its last words:\n{text}\n" if text else ""

    def _send(self, command: dict[str, Any]) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()

    def _gone_within(self, seconds: float) -> bool:
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _terminate(self) -> None:
        """End the process, and whatever it has started: politely first."""
        signal_group(self._process, "SIGTERM")
        self._gone_within(self._timing.terminated)
        signal_group(self._process, "SIGKILL")
        self._gone_within(self._timing.farewell)

    def _read_events(self, stream: BinaryIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in iter(lambda: stream.readline(_LONGEST_LINE), b""):
                if line.strip():
                    self._events.put(line)
        self._events.put(_END)

    def _read_stderr(self, stream: BinaryIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in iter(lambda: stream.readline(_LONGEST_LINE), b""):
                self._stderr.append(line.decode("utf-8", "replace").rstrip()[:2000])
