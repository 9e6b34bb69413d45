"""The environment variables of the processes that the plugin starts."""

from __future__ import annotations

import os
import subprocess  # nosec B404: only its constants
import sys
from pathlib import Path
from typing import Any

DROPPED = ("PYTHON", "LD_LIBRARY_PATH", "DYLD_")


def base_environment() -> dict[str, str]:
    """Return this process's environment without what would send another Python to QGIS's libraries.

    What GDAL, PROJ, proxies and certificates need stays.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(DROPPED)}
    kept["PYTHONNOUSERSITE"] = "1"
    if sys.platform == "win32":
        kept.setdefault("USE_PATH_FOR_GDAL_PYTHON", "YES")
    return kept


def worker_environment(
    folder: Path | None, plugin_dir: Path | str, device: str = "auto", cache: Path | str | None = None
) -> dict[str, str]:
    """Return the environment in which the worker runs.

    Parameters
    ----------
    folder : Path or None
        Package folder; None for an interpreter that brings the packages itself.
    plugin_dir : path
        Folder that holds ``backend``.
    device : str
        ``auto``, ``cpu`` or ``gpu``.
    cache : path or None
        Folder of JAX's and Numba's compilation caches.
    """
    kept = {name: value for name, value in base_environment().items() if not name.upper().startswith("PIP_")}
    parts = [str(part) for part in (folder, plugin_dir) if part is not None]
    kept["PYTHONPATH"] = os.pathsep.join(parts)
    kept["PYTHONSAFEPATH"] = "1"
    kept["PYTHONUTF8"] = "1"
    kept["OPENBLAS_NUM_THREADS"] = "1"
    kept["OMP_NUM_THREADS"] = "1"
    if cache is not None:
        kept["DRIFTWAY_CACHE"] = str(cache)
    if device == "cpu":
        kept["JAX_PLATFORMS"] = "cpu"
    return kept


def no_window() -> dict[str, Any]:
    """Return the arguments of ``subprocess`` that keep a console window from flashing up on Windows."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}
