"""A child process whose lines are passed on, which can be stopped, and which never outlives this one."""

from __future__ import annotations

import os
import queue
import signal
import subprocess  # nosec B404: pip and the self-test are other processes
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .engine_environment import no_window
from .engine_errors import EngineCancelled, EngineError

POLL = 0.1
SILENCE = 10.0
KEPT_LINES = 200
# The child reads its standard input in a thread and ends when it closes: that is when this process is gone.
GUARDED = """
import os, runpy, sys, threading
def watch():
    while os.read(0, 1024):
        pass
    os._exit(75)
threading.Thread(target=watch, daemon=True).start()
if sys.argv[1]:
    sys.path.insert(0, sys.argv[1])
sys.argv[:] = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Finished:
    """What a child left: its exit status and its last lines."""

    status: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the last lines as one text."""
        return "\n".join(self.lines)


def run_lines(
    command: Sequence[str],
    environment: dict[str, str],
    folder: Path,
    heard: Callable[[str], None],
    cancelled: Callable[[], bool],
    limit: float,
    waiting: Callable[[], str] | None = None,
) -> Finished:
    """Run a command in ``folder`` and pass on each line it prints.

    Parameters
    ----------
    command : sequence of str
        Executable and arguments; no shell is involved.
    heard : callable
        Called with each line, in this thread.
    cancelled : callable
        Asked every 100 ms; when true the child and its children are killed.
    limit : float
        Seconds after which the child is killed.
    waiting : callable or None
        Asked for a line to pass on after every 10 s in which the child said nothing.

    Raises
    ------
    EngineCancelled
        When ``cancelled`` said so.
    EngineError
        When the child could not be started or took longer than ``limit``.
    """
    child = _start(command, environment, folder)
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(child, lines), daemon=True)
    reader.start()
    last: deque[str] = deque(maxlen=KEPT_LINES)
    spoke = time.monotonic()
    deadline = spoke + limit
    try:
        while True:
            if cancelled():
                raise EngineCancelled()
            if time.monotonic() > deadline:
                raise EngineError(f"{Path(command[0]).name} did not finish within {limit:.0f} s.", "Try again.")
            try:
                line = lines.get(timeout=POLL)
            except queue.Empty:
                if waiting is not None and time.monotonic() - spoke > SILENCE:
                    spoke = time.monotonic()
                    heard(waiting())
                continue
            spoke = time.monotonic()
            if line is None:
                return Finished(child.wait(), tuple(last))
            if line:
                last.append(line)
                heard(line)
    finally:
        _stop(child)
        reader.join(timeout=5)


def _start(command: Sequence[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[str]:
    options = no_window() if sys.platform == "win32" else {"start_new_session": True}
    try:
        return subprocess.Popen(  # nosec B603: a list, no shell; the interpreter is QGIS's or the user's choice
            list(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **options,
        )
    except OSError as error:
        raise EngineError(f"{command[0]} could not be started: {error}.", "Choose another interpreter.") from error


def _read(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            lines.put(line.rstrip())
    lines.put(None)


def _stop(child: subprocess.Popen[str]) -> None:
    """Kill the child and all that it started, if it still runs, and close its pipes."""
    if child.poll() is None:
        if sys.platform == "win32":
            root = os.environ.get("SYSTEMROOT", r"C:\Windows")
            subprocess.run(  # nosec B603: the system's own tool, by its full path
                [os.path.join(root, "System32", "taskkill.exe"), "/T", "/F", "/PID", str(child.pid)],
                capture_output=True,
                check=False,
                **no_window(),
            )
        else:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                child.kill()
        child.wait()
    if child.stdin is not None:
        child.stdin.close()
