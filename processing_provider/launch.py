"""From the settings and the installed engine to the command that starts a worker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from . import engine
from .settings import Settings
from .translation import tr

_SURE_FOR = 5.0
_seen_ready: dict[tuple[str, str], float] = {}


@dataclass(frozen=True)
class Launch:
    """How a worker is started.

    Parameters
    ----------
    command : tuple of str
        Interpreter and module; what the worker is to do comes behind it.
    environment : dict
        All of its environment variables.
    folder : Path
        Where it starts; holds the package ``backend``.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path


def how_to_install() -> str:
    """Return how the compute engine gets onto this computer."""
    return tr(
        'Install it with the algorithm "Install compute engine" (driftway:installengine), '
        "or in Settings > Options > Driftway."
    )


def engine_problem(settings: Settings) -> str | None:
    """Return why no worker can be started and what to do about it; None when one can.

    A ready engine is believed for a few seconds, since Processing asks for every algorithm of a model.
    A problem is never remembered: once the engine is installed, the algorithms run.
    """
    try:
        key = (settings.interpreter, str(engine.home()))
        if time.monotonic() - _seen_ready.get(key, float("-inf")) < _SURE_FOR:
            return None
        _seen_ready.pop(key, None)
        state = engine.state(engine.find_interpreter(settings.interpreter or None), engine.home())
    except (engine.EngineError, OSError) as error:
        return str(error)
    if state == "ready":
        _seen_ready[key] = time.monotonic()
        return None
    if state == "missing":
        return tr("Driftway's compute engine is not installed.") + " " + how_to_install()
    why = getattr(state, "why", "") or tr("The compute engine is damaged.")
    return f"{why} {tr('Install it anew:')} {how_to_install()}"


def forget_engine() -> None:
    """Look at the engine anew the next time; to be called when it was installed or removed."""
    _seen_ready.clear()


def launch(settings: Settings) -> Launch:
    """Return how a worker is started.

    Raises
    ------
    EngineError
        When there is no interpreter that can run it.
    """
    interpreter = engine.find_interpreter(settings.interpreter or None)
    plugin_folder = Path(__file__).resolve().parent.parent
    environment = engine.worker_environment(
        engine.package_folder(interpreter, engine.home()), plugin_folder, settings.device, settings.cache_folder
    )
    return Launch((str(interpreter.path), "-m", "backend"), environment, plugin_folder)
