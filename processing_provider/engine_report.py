"""What there is to know about the engine: where it is, what runs it, whether it computes right."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import Any

from . import engine
from .engine_facts import FACTS
from .launch import forget_engine, how_to_install, launch
from .plugin_facts import version
from .settings import Settings
from .translation import tr
from .worker_client import Listener, run_worker


@dataclass
class EngineFacts:
    """Facts about the engine by name, each a string or a number."""

    values: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> list[tuple[str, str]]:
        """Return label and value of all that is known."""
        known = {name: value for name, value in self.values.items() if value not in ("", None)}
        return [(tr(FACTS[name]), _shown(name, value)) for name, value in known.items()]


def inspect_engine(settings: Settings, listener: Listener) -> EngineFacts:
    """Look at the engine and have a worker test itself.

    Raises
    ------
    WorkerError
        When the worker fails its test or does not run.
    EngineError
        When no interpreter can be found.
    """
    forget_engine()
    interpreter = engine.find_interpreter(settings.interpreter or None)
    state = engine.state(interpreter, engine.home())
    facts = EngineFacts(
        {
            "STATE": str(state),
            "WHY": getattr(state, "why", ""),
            "PLUGIN": version(),
            "INTERPRETER": str(interpreter.path),
            "PACKAGE_FOLDER": str(engine.package_folder(interpreter, engine.home()) or ""),
            "CACHE_FOLDER": str(settings.cache_folder),
        }
    )
    if state != "ready":
        facts.values["SELF_TEST"] = tr("not run")
        listener.message(how_to_install())
        return facts
    start = launch(settings)
    began = time.monotonic()
    result = run_worker([*start.command, "check"], start.environment, listener, start.folder)
    seconds = time.monotonic() - began
    hello = result.hello
    devices = ", ".join(str(device) for device in hello.get("devices") or [])
    facts.values.update(
        {
            "BACKEND": str(hello.get("backend") or ""),
            "PYTHON": str(hello.get("python", "")),
            "JAX": str(hello.get("jax", "")),
            "DEVICE": f"{hello.get('device', '')} ({devices})" if devices else str(hello.get("device", "")),
            "MEMORY": hello.get("memory"),
            "SELF_TEST": tr("passed"),
            "SELF_TEST_ERROR": result.numbers.get("RELATIVE_ERROR"),
            "SELF_TEST_SECONDS": round(result.usage.get("seconds", seconds), 2),
        }
    )
    return facts


def report_html(facts: EngineFacts) -> str:
    """Return the facts as an HTML page."""
    rows = "\n".join(
        f"<tr><th>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>" for label, value in facts.lines()
    )
    title = html.escape(tr("Driftway: engine status"))
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{title}</title><style>'
        "body{font-family:sans-serif;margin:2em;color:#222}th{text-align:left;padding:.3em 1.5em .3em 0;"
        "font-weight:600;vertical-align:top}td{padding:.3em 0;word-break:break-all}</style></head>"
        f"<body><h1>{title}</h1><table>\n{rows}\n</table></body></html>\n"
    )


def _shown(name: str, value: Any) -> str:
    if name == "MEMORY" and isinstance(value, (int, float)):
        return f"{value / 1024**3:.1f} GiB"
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
