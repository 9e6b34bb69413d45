"""Building the package folder aside, trying it out, and switching it in."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .engine_errors import EngineError
from .engine_interpreter import Interpreter
from .engine_lock import install_lock
from .engine_manifest import State, compare, size_on_disk, write_manifest
from .engine_paths import PLUGIN, engine_root, lock_digest, lock_file
from .engine_pip import explain, find_pip, install_arguments
from .engine_self_test import self_test_arguments, try_out

NEEDED = 1_200_000_000
STAGING = ".staging-"
RETIRED = ".retired-"


@dataclass(frozen=True)
class Recipe:
    """What goes into a package folder and how it is tried out.

    Parameters
    ----------
    lock : Path
        Locked requirements with hashes.
    self_test : tuple of str
        Arguments for the interpreter; exit status 0 means that the packages work.
    needed : int
        Bytes that must be free on the disk.
    """

    lock: Path
    self_test: tuple[str, ...]
    needed: int = NEEDED


def recipe_for(interpreter: Interpreter, plugin_dir: Path = PLUGIN) -> Recipe:
    """Return the recipe that belongs to this version of the plugin and to an interpreter's version."""
    return Recipe(lock_file(interpreter.version), self_test_arguments(plugin_dir))


def package_folder(interpreter: Interpreter, home: Path, recipe: Recipe | None = None) -> Path | None:
    """Return where the packages for an interpreter lie or will lie; None when it brings its own."""
    if interpreter.own_packages:
        return None
    chosen = recipe or recipe_for(interpreter)
    return engine_root(home) / f"{interpreter.tag}-{lock_digest(chosen.lock)[:16]}"


def state(interpreter: Interpreter, home: Path, recipe: Recipe | None = None) -> State:
    """Return ``ready``, ``missing`` or ``damaged`` (with ``.why``); quick enough to be asked before every run."""
    chosen = recipe or recipe_for(interpreter)
    folder = package_folder(interpreter, home, chosen)
    if folder is None:
        return State("ready")
    return compare(folder, _facts(interpreter, chosen))


def install(
    interpreter: Interpreter,
    home: Path,
    wheelhouse: Path | str | None = None,
    report: Callable[[str], None] = lambda text: None,
    cancelled: Callable[[], bool] = lambda: False,
    proxy: str | None = None,
    recipe: Recipe | None = None,
    plugin_dir: Path = PLUGIN,
) -> Path | None:
    """Install the compute engine, or do nothing when it is whole.

    The packages are installed into a new folder beside the old one, tried out there, listed, and only then
    renamed into place: whatever interrupts this, the engine is afterwards as it was or whole.

    Parameters
    ----------
    interpreter : Interpreter
        From `find_interpreter`.
    home : Path
        From `home`.
    wheelhouse : path or None
        Folder of wheels to take instead of the network.
    report : callable
        Called with one line of text at a time.
    cancelled : callable
        Asked every 100 ms.
    proxy : str or None
        ``[user:password@]host:port``; None leaves pip its own settings (``HTTPS_PROXY``, ``pip.conf``).

    Returns
    -------
    Path or None
        The package folder; None when the interpreter brings its own packages.

    Raises
    ------
    EngineCancelled
        When ``cancelled`` said so; nothing has changed then.
    EngineError
        With a remedy, on every failure; nothing has changed then.
    """
    chosen = recipe or recipe_for(interpreter, plugin_dir)
    folder = package_folder(interpreter, home, chosen)
    if folder is None:
        report(f"{interpreter.path} brings its own packages; there is nothing to install.")
        return None
    wheels = _checked_wheelhouse(wheelhouse)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with install_lock(home / "install.lock"):
            now = compare(folder, _facts(interpreter, chosen))
            if now == "ready":
                report(f"The compute engine is already installed in {folder}.")
                return folder
            if now == "damaged":
                report(f"{now.why} It is built anew.")
            _sweep(folder.parent)
            _check_space(folder.parent, chosen.needed)
            _Build(interpreter, chosen, folder, plugin_dir, report, cancelled).run(wheels, proxy)
    except OSError as error:
        raise _understood(error, folder) from error
    report(f"The compute engine is ready in {folder}.")
    return folder


def remove(
    home: Path,
    interpreter: Interpreter | None = None,
    report: Callable[[str], None] = lambda text: None,
    recipe: Recipe | None = None,
) -> int:
    """Remove the package folder of an interpreter, or all package folders, and return the bytes freed."""
    root = engine_root(home)
    if not root.is_dir():
        report("There is no compute engine to remove.")
        return 0
    freed = 0
    try:
        with install_lock(home / "install.lock"):
            _sweep(root)
            named = package_folder(interpreter, home, recipe) if interpreter else None
            for folder in [named] if named else sorted(root.iterdir()):
                if folder.is_dir():
                    freed += size_on_disk(folder)
                    _discard(folder)
                    report(f"Removed {folder}.")
    except OSError as error:
        raise _understood(error, root) from error
    return freed


@dataclass(frozen=True)
class _Build:
    """One attempt to build a package folder."""

    interpreter: Interpreter
    recipe: Recipe
    folder: Path
    plugin_dir: Path
    report: Callable[[str], None]
    cancelled: Callable[[], bool]

    def run(self, wheelhouse: Path | None, proxy: str | None) -> None:
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=self.folder.parent))
        try:
            packages, scratch = staging / "packages", staging / "scratch"
            packages.mkdir()
            scratch.mkdir()
            self._fetch(packages, scratch, wheelhouse, proxy)
            self.report("Trying out the compute engine.")
            try_out(
                self.interpreter,
                self.recipe.self_test,
                packages,
                self.plugin_dir,
                "cpu",
                self.folder.parent.parent / "cache",
                scratch,
                self.report,
                self.cancelled,
            )
            write_manifest(packages, _facts(self.interpreter, self.recipe))
            _switch(packages, self.folder)
        finally:
            _delete(staging)

    def _fetch(self, packages: Path, scratch: Path, wheelhouse: Path | None, proxy: str | None) -> None:
        version = ".".join(str(part) for part in self.interpreter.version)
        self.report(f"Installing the compute engine for Python {version} ({self.interpreter.path}).")
        pip = find_pip(self.interpreter, scratch, self.cancelled)
        arguments = install_arguments(self.recipe.lock, packages, wheelhouse)

        def so_far() -> str:
            return f"... {size_on_disk(packages.parent) / 1e6:.0f} MB so far"

        finished = pip.run(arguments, scratch, self._hear_pip, self.cancelled, proxy=proxy, waiting=so_far)
        if finished.status != 0:
            raise explain(finished, self.interpreter, wheelhouse)
        _delete(packages / "bin")

    def _hear_pip(self, line: str) -> None:
        # A user's own indexes make pip say for every package where it did not find it.
        if not line.startswith(("Looking in ", "WARNING: Location ")):
            self.report(line)


def _facts(interpreter: Interpreter, recipe: Recipe) -> dict[str, Any]:
    return {"python": interpreter.tag, "platform": interpreter.platform, "lock": lock_digest(recipe.lock)}


def _checked_wheelhouse(wheelhouse: Path | str | None) -> Path | None:
    if wheelhouse is None or not str(wheelhouse).strip():
        return None
    folder = Path(wheelhouse).expanduser().absolute()
    if not folder.is_dir() or not any(folder.glob("*.whl")):
        raise EngineError(f"The offline folder {folder} holds no wheels.", "Choose a folder with .whl files.")
    return folder


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(
            f"The compute engine needs {needed / 1e9:.1f} GB while it is installed, and {folder} has {free / 1e9:.1f} GB free.",
            "Free some space, or set the environment variable DRIFTWAY_HOME to a folder on another disk.",
        )


def _switch(new: Path, folder: Path) -> None:
    """Put the new folder where the old one is; a run that has the old one's files open keeps them on Unix."""
    if folder.exists():
        _discard(folder, new)
    else:
        os.rename(new, folder)


def _discard(folder: Path, successor: Path | None = None) -> None:
    """Move a package folder out of the way in one step, put its successor there, then delete it."""
    retired = Path(tempfile.mkdtemp(prefix=RETIRED, dir=folder.parent))
    try:
        os.rename(folder, retired / "packages")
    except OSError:
        _delete(retired)
        raise
    if successor is not None:
        os.rename(successor, folder)
    _delete(retired)


def _sweep(root: Path) -> None:
    """Delete what killed installations left; the caller holds the lock, so that nobody is at work there."""
    for name in sorted(os.listdir(root)):
        if name.startswith((STAGING, RETIRED)):
            _delete(root / name)


def _delete(folder: Path) -> None:
    """Delete a folder; try again a few times, for Windows holds files that a killed process had open."""
    for wait in (0.1, 0.3, 1.0, 0.0):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(wait)


def _understood(error: OSError, folder: Path) -> EngineError:
    elsewhere = "set the environment variable DRIFTWAY_HOME to a folder on another disk."
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return EngineError(f"The disk of {folder} is full.", f"Free some space, or {elsewhere}")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return EngineError(
            f"{error.filename or folder} may not be changed ({error.strerror}).",
            f"Close running analyses and other QGIS windows, check the folder's permissions, or {elsewhere}",
        )
    return EngineError(
        f"The compute engine could not be written to {folder}: {error}.", f"Check the disk, or {elsewhere}"
    )
