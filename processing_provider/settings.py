"""What the person chose in the options; environment variables come first, for scripts and clusters."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qgis.core import QgsSettings

from . import engine

PREFIX = "driftway/"
DEVICES = ("auto", "cpu", "gpu")
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """How the worker is to run.

    Parameters
    ----------
    interpreter : str
        Path of the Python that runs the worker; empty for QGIS's own.
    device : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    threads : int
        Number of threads, 0 = all cores.
    memory_limit : int
        In MiB; 0 = 80 % of what is free.
    cache : str
        Folder of compiled kernels; empty for the one in the engine's folder.
    """

    interpreter: str = ""
    device: str = "auto"
    threads: int = 0
    memory_limit: int = 0
    cache: str = ""

    @property
    def cache_folder(self) -> Path:
        """Return the folder of compiled kernels."""
        return Path(self.cache) if self.cache else engine.home() / "cache"

    @property
    def memory_limit_bytes(self) -> int:
        """Return the memory limit in bytes, 0 = 80 % of what is free."""
        return self.memory_limit * MEGABYTE


def read_settings() -> Settings:
    """Return the settings of the profile, overridden by DRIFTWAY_PYTHON, _DEVICE, _THREADS, _MEMORY_LIMIT, _CACHE."""
    device = _text("device", "DRIFTWAY_DEVICE")
    return Settings(
        interpreter=_text("interpreter", "DRIFTWAY_PYTHON"),
        device=device if device in DEVICES else "auto",
        threads=_whole("threads", "DRIFTWAY_THREADS"),
        memory_limit=_whole("memory_limit", "DRIFTWAY_MEMORY_LIMIT"),
        cache=_text("cache", "DRIFTWAY_CACHE"),
    )


def write_settings(values: dict[str, str | int]) -> None:
    """Keep settings, by name, in the profile; a default is kept by its absence."""
    stored = QgsSettings()
    for name, value in values.items():
        if value == getattr(Settings, name):
            stored.remove(PREFIX + name)
        else:
            stored.setValue(PREFIX + name, value)


def overridden() -> dict[str, str]:
    """Return the settings that an environment variable decides, with the variable's name."""
    variables = {
        "interpreter": "DRIFTWAY_PYTHON",
        "device": "DRIFTWAY_DEVICE",
        "threads": "DRIFTWAY_THREADS",
        "memory_limit": "DRIFTWAY_MEMORY_LIMIT",
        "cache": "DRIFTWAY_CACHE",
    }
    return {name: variable for name, variable in variables.items() if os.environ.get(variable, "").strip()}


def _text(name: str, variable: str) -> str:
    return _first(name, variable, str) or ""


def _whole(name: str, variable: str) -> int:
    return max(0, _first(name, variable, lambda value: int(float(value))) or 0)


def _first(name: str, variable: str, convert: Callable) -> str | int | None:
    """Return the variable, else the stored value; one that cannot be read counts as not given."""
    for value in (os.environ.get(variable, "").strip(), QgsSettings().value(PREFIX + name)):
        if value in (None, ""):
            continue
        try:
            return convert(value)
        except (TypeError, ValueError):
            continue
    return None
