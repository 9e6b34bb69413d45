"""What a worker says, line by line: each line an event in JSON, or something that only goes to the log."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from .worker_errors import WorkerError

PROTOCOL = 1


class Listener(Protocol):
    """Who hears what the worker says."""

    def progress(self, fraction: float, step: str) -> None:
        """Hear how far it is, in [0, 1], and what is being done."""

    def message(self, text: str) -> None:
        """Hear something that the user may want to know."""

    def warning(self, text: str) -> None:
        """Hear something that the user should know."""

    def debug(self, text: str) -> None:
        """Hear something that only helps to find a fault."""

    def is_cancelled(self) -> bool:
        """Say whether the user wants it to stop."""


@dataclass(frozen=True)
class WorkerResult:
    """What a worker has made.

    Parameters
    ----------
    numbers : dict
        Number outputs by name.
    outputs : dict
        Paths of the written files by output name.
    usage : dict
        ``seconds`` and ``peak_memory`` (bytes) of the run, as far as known.
    hello : dict
        How the worker introduced itself: versions, device, memory.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    hello: dict[str, Any] = field(default_factory=dict)


class Hearing:
    """Passes a worker's events on and keeps what decides the run.

    Parameters
    ----------
    listener : Listener
        Who hears of them.
    process : int
        The worker's process id, for the log.
    """

    def __init__(self, listener: Listener, process: int) -> None:
        self._listener, self._process = listener, process
        self._hello: dict[str, Any] = {}
        self.result: WorkerResult | None = None
        self.failure: WorkerError | None = None
        self.stopped = False

    @property
    def is_over(self) -> bool:
        """Whether the last event was heard."""
        return self.stopped or self.result is not None or self.failure is not None

    def hear(self, line: bytes) -> None:
        """Take one line; what is no event of this protocol goes to the log."""
        event = _event(line)
        if event is None:
            self._listener.debug(line.decode("utf-8", "replace").rstrip())
            return
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is None:
            self._listener.debug(json.dumps(event, ensure_ascii=False))
            return
        try:
            handler(event)
        except (KeyError, TypeError, ValueError):
            self._listener.debug(json.dumps(event, ensure_ascii=False))

    def _on_hello(self, event: dict[str, Any]) -> None:
        self._hello = event
        if event.get("protocol") != PROTOCOL:
            self.failure = WorkerError(
                f"The worker speaks protocol {event.get('protocol')}, this plugin {PROTOCOL}.",
                "Restart QGIS, so that both are of the same version of Driftway.",
                code="engine",
            )
            return
        devices = ", ".join(str(device) for device in event.get("devices") or [event.get("device")])
        self._listener.debug(
            f"Worker {event.get('backend')} (Python {event.get('python')}, jax {event.get('jax')}) on {devices}, "
            f"process {self._process}"
        )

    def _on_heartbeat(self, event: dict[str, Any]) -> None:
        """Being heard is all that it is for."""

    def _on_progress(self, event: dict[str, Any]) -> None:
        self._listener.progress(min(1.0, max(0.0, float(event["fraction"]))), str(event.get("step") or ""))

    def _on_message(self, event: dict[str, Any]) -> None:
        self._listener.message(str(event["text"]))

    def _on_warning(self, event: dict[str, Any]) -> None:
        self._listener.warning(str(event["text"]))

    def _on_result(self, event: dict[str, Any]) -> None:
        self.result = WorkerResult(
            dict(event.get("numbers") or {}),
            dict(event.get("outputs") or {}),
            dict(event.get("usage") or {}),
            self._hello,
        )

    def _on_error(self, event: dict[str, Any]) -> None:
        self.failure = WorkerError(
            str(event.get("message") or "The worker failed without saying why."),
            str(event.get("remedy") or ""),
            event.get("parameter"),
            str(event.get("code") or "internal"),
        )

    def _on_cancelled(self, event: dict[str, Any]) -> None:
        self.stopped = True


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event of a line of the worker's output; None when the line is something else."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    named = isinstance(event, dict) and isinstance(event.get("event"), str) and event["event"].isidentifier()
    return event if named else None
