"""Where the compute engine lives on this computer."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from .engine_errors import EngineError

LOCKS = Path(__file__).resolve().parent / "locks"
PLUGIN = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the folder that holds the compute engine and its lock.

    It is ``$DRIFTWAY_HOME`` where that is set, else ``driftway`` in the user's data folder: never inside
    the plugin's folder, which every update of the plugin empties.

    Raises
    ------
    EngineError
        Where the user has no home folder.
    """
    try:
        return _home()
    except RuntimeError as error:
        raise EngineError(
            f"There is no folder for the compute engine: {error}",
            "Set the environment variable DRIFTWAY_HOME to a folder that you may write to.",
        ) from error


def _home() -> Path:
    named = os.environ.get("DRIFTWAY_HOME", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "driftway"


def lock_file(version: tuple[int, ...]) -> Path:
    """Return the locked requirements for a Python of this version (3.11, or 3.12 and newer)."""
    return LOCKS / ("py311.txt" if version[:2] == (3, 11) else "py312.txt")


def lock_digest(lock: Path) -> str:
    """Return the SHA-256 of a lock file, the same whatever its line ends are."""
    text = lock.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()


def engine_root(home_folder: Path) -> Path:
    """Return the folder that holds all package folders."""
    return Path(home_folder) / "engine"
