"""Which Python runs the worker: QGIS's own one, or one that the user names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess  # nosec B404: the worker has to be another process
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .engine_environment import base_environment, no_window
from .engine_errors import EngineError

OLDEST = (3, 11)
NAME_ANOTHER = (
    "Name another interpreter (Python 3.11 or newer with GDAL's Python bindings, for example from conda) "
    "in Settings > Options > Driftway or in the environment variable DRIFTWAY_PYTHON."
)
PROBE = """
import importlib.util, json, sys, sysconfig
try:
    from osgeo import gdal
    osgeo = gdal.__version__
    why = ""
except Exception as error:
    osgeo, why = "", "%s: %s" % (type(error).__name__, error)
find = importlib.util.find_spec
print("driftway-probe " + json.dumps({
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "platform": sysconfig.get_platform(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "gdal": osgeo,
    "why": why,
    "packages": all(find(name) for name in ("jax", "jaxlib", "equinox", "jaxtyping", "numba", "scipy")),
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that can run the worker.

    Parameters
    ----------
    path : Path
        The executable.
    version : tuple of int
        Major, minor and micro version, at least (3, 11, 0).
    platform : str
        What ``sysconfig.get_platform()`` says there, such as ``linux-x86_64``.
    gdal : str
        Version of its ``osgeo.gdal``.
    own_packages : bool
        Whether it was named by the user and brings JAX, Equinox and Numba itself, as an environment with
        CUDA does: then no package folder is needed.
    """

    path: Path
    version: tuple[int, int, int]
    platform: str = ""
    gdal: str = ""
    own_packages: bool = False

    @property
    def tag(self) -> str:
        """Return the part of the package folder's name that stands for the Python, such as ``cp311``."""
        return f"cp{self.version[0]}{self.version[1]}"


def find_interpreter(named: str | None = None) -> Interpreter:
    """Find the Python that runs the worker, and try it out.

    Parameters
    ----------
    named : str or None
        Path or command of an interpreter that the user chose; where empty, ``$DRIFTWAY_PYTHON``, and
        where that is empty too, QGIS's own Python. ``sys.executable`` alone is not trusted: inside QGIS
        it may be QGIS itself, or another Python that happens to be first on the path.

    Returns
    -------
    Interpreter
        One that starts, is at least Python 3.11 and imports ``osgeo.gdal``.

    Raises
    ------
    EngineError
        Where there is none.
    """
    chosen = (named or os.environ.get("DRIFTWAY_PYTHON", "")).strip()
    if chosen:
        return _named(chosen)
    refused: list[str] = []
    for path in candidates():
        answer = _probe(str(path), _stamp(path))
        problem = _problem(answer)
        if not problem:
            return _interpreter(path, answer, own_packages=False)
        refused.append(f"{path} ({problem})")
    seen = "; ".join(refused) if refused else f"no Python executable beside {sys.base_prefix}"
    raise EngineError(f"QGIS's own Python cannot run the compute engine: {seen}.", NAME_ANOTHER)


def candidates() -> Iterator[Path]:
    """Give the executables that may be QGIS's own Python, likeliest first, each only once."""
    seen: set[str] = set()
    for path in _guesses():
        key = os.path.normcase(os.path.realpath(path))
        if key not in seen and path.is_file():
            seen.add(key)
            yield path


def _guesses() -> Iterator[Path]:
    short = f"{sys.version_info[0]}.{sys.version_info[1]}"
    prefixes = [Path(sys.base_prefix), Path(sys.base_exec_prefix), Path(sys.prefix)]
    library = Path(os.__file__).parent
    if sys.platform == "win32":
        for prefix in [*prefixes, library.parent]:
            yield prefix / "python3.exe"
            yield prefix / "python.exe"
        return
    prefixes += [library.parent.parent, Path(sys.executable or "/").parent]
    for prefix in prefixes:
        for name in (f"python{short}", "python3"):
            yield prefix / "bin" / name
            yield prefix / name
    if Path(sys.executable or "").name.startswith("python"):
        yield Path(sys.executable)


def _named(chosen: str) -> Interpreter:
    found = shutil.which(os.path.expanduser(chosen))
    if not found:
        raise EngineError(f"The interpreter {chosen!r} does not exist or may not be run.", NAME_ANOTHER)
    path = Path(found).absolute()
    answer = _probe(str(path), _stamp(path))
    problem = _problem(answer)
    if problem:
        raise EngineError(f"The interpreter {path} cannot run the compute engine: {problem}.", NAME_ANOTHER)
    return _interpreter(path, answer, own_packages=bool(answer["packages"]))


def _interpreter(path: Path, answer: dict, own_packages: bool) -> Interpreter:
    major, minor, micro = answer["version"]
    return Interpreter(path, (major, minor, micro), answer["platform"], answer["gdal"], own_packages)


def _problem(answer: dict) -> str:
    if "failure" in answer:
        return answer["failure"]
    version = ".".join(str(part) for part in answer["version"])
    if answer["implementation"] != "cpython":
        return f"it is {answer['implementation']}, not CPython"
    if tuple(answer["version"][:2]) < OLDEST:
        return f"it is Python {version}, and 3.11 or newer is needed"
    if answer["free_threaded"]:
        return "it is a free-threaded Python, for which not all packages exist"
    if not answer["gdal"]:
        return f"Python {version} there cannot import osgeo.gdal ({answer['why']})"
    return ""


def _stamp(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


@lru_cache(maxsize=32)
def _probe(path: str, stamp: float) -> dict:
    """Run an executable and ask what it is; the stamp makes a changed file be asked again."""
    try:
        done = subprocess.run(  # nosec B603: a list, no shell; the path is QGIS's own or the user's choice
            [path, "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            env=base_environment(),
            check=False,
            **no_window(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return {"failure": f"it does not run: {error}"}
    for line in done.stdout.splitlines():
        if line.startswith("driftway-probe "):
            return json.loads(line[len("driftway-probe ") :])
    tail = (done.stderr or done.stdout).strip().splitlines()[-1:]
    return {"failure": f"it is no Python, or a broken one (exit {done.returncode}): {' '.join(tail)[:300]}"}
