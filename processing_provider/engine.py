"""The compute engine: the Python and the private packages that the worker runs on.

``python -m processing_provider.engine install | check | status | remove`` does without QGIS what the options page
and the algorithm do within it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .engine_environment import worker_environment
from .engine_errors import EngineCancelled, EngineError
from .engine_install import Recipe, install, package_folder, recipe_for, remove, state
from .engine_interpreter import Interpreter, find_interpreter
from .engine_manifest import State, size_on_disk
from .engine_paths import PLUGIN, engine_root, home
from .engine_self_test import try_out

__all__ = [
    "EngineCancelled",
    "EngineError",
    "Interpreter",
    "Recipe",
    "State",
    "find_interpreter",
    "home",
    "install",
    "main",
    "package_folder",
    "recipe_for",
    "remove",
    "self_test",
    "state",
    "worker_environment",
]


def self_test(interpreter: Interpreter, home_folder: Path, report=lambda text: None, cancelled=lambda: False) -> None:
    """Run a known computation on the installed engine.

    Raises
    ------
    EngineError
        Where the engine is missing or damaged, or where the result is wrong.
    """
    now = state(interpreter, home_folder)
    if now != "ready":
        raise EngineError(now.why, "Install the compute engine.")
    folder = package_folder(interpreter, home_folder)
    arguments = recipe_for(interpreter).self_test
    with tempfile.TemporaryDirectory(prefix="driftway-check-") as scratch:
        place, cache = Path(scratch), home_folder / "cache"
        try_out(interpreter, arguments, folder, PLUGIN, "auto", cache, place, report, cancelled)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except EngineError as error:
        sys.stderr.write(f"{error.message}\n{error.remedy}\n" if error.remedy else f"{error.message}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Cancelled; nothing was changed.\n")
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="engine", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("install", "install the packages, unless they are whole"),
        ("check", "run a known computation on the installed packages"),
        ("status", "say as JSON what is installed and where"),
        ("remove", "remove the packages"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--interpreter", help="Python to run the worker (default: QGIS's own)")
        if name == "install":
            command.add_argument("--wheelhouse", help="take wheels from this folder, without a network")
            command.add_argument("--proxy", help="[user:password@]host:port")
        if name == "remove":
            command.add_argument("--all", action="store_true", help="also those of other Pythons and versions")
    return parser


def _install(options: argparse.Namespace) -> int:
    install(find_interpreter(options.interpreter), home(), options.wheelhouse, _say, proxy=options.proxy)
    return 0


def _check(options: argparse.Namespace) -> int:
    self_test(find_interpreter(options.interpreter), home(), _say)
    return 0


def _status(options: argparse.Namespace) -> int:
    interpreter = find_interpreter(options.interpreter)
    folder = package_folder(interpreter, home())
    now = state(interpreter, home())
    root = engine_root(home())
    others = [str(path) for path in sorted(root.iterdir()) if path.is_dir() and path != folder] if root.is_dir() else []
    facts = {
        "state": str(now),
        "why": now.why,
        "interpreter": str(interpreter.path),
        "python": ".".join(str(part) for part in interpreter.version),
        "gdal": interpreter.gdal,
        "folder": str(folder) if folder else None,
        "bytes": size_on_disk(folder) if folder and folder.is_dir() else 0,
        "other_folders": others,
    }
    _say(json.dumps(facts, indent=2))
    return 0 if now == "ready" else 1


def _remove(options: argparse.Namespace) -> int:
    interpreter = None if options.all else find_interpreter(options.interpreter)
    if interpreter is not None and interpreter.own_packages:
        _say(f"{interpreter.path} brings its own packages; there is nothing to remove.")
        return 0
    _say(f"{remove(home(), interpreter, _say) / 1e6:.0f} MB freed.")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


_COMMANDS = {"install": _install, "check": _check, "status": _status, "remove": _remove}


if __name__ == "__main__":
    sys.exit(main())
