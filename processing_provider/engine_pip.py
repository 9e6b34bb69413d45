"""pip as the installer uses it: where it comes from, how it is called, what its errors mean."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from .engine_environment import base_environment
from .engine_errors import EngineError
from .engine_interpreter import Interpreter
from .engine_paths import lock_file
from .engine_process import GUARDED, Finished, run_lines

LIMIT = 3600.0
# What a user's configuration may set for their own installations and would break this one.
FOREIGN = (
    *("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIREMENT"),
    *("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_NO_BINARY", "PIP_ONLY_BINARY", "PIP_PREFER_BINARY"),
    *("PIP_PLATFORM", "PIP_PYTHON", "PIP_PYTHON_VERSION", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN"),
    *("PIP_REPORT", "PIP_QUIET", "PIP_VERBOSE", "PIP_LOG", "PIP_UPGRADE"),
    *("PIP_PRE", "PIP_IGNORE_INSTALLED"),
)
WHEEL_FOLDERS = ("/usr/share/python-wheels", "/usr/share/python3-wheels")
BUNDLED = """
import glob, os, sys, sysconfig
folders = [os.path.join(sysconfig.get_path("stdlib"), "ensurepip", "_bundled")]
folders += [sysconfig.get_config_var("WHEEL_PKG_DIR") or ""] + sys.argv[1:]
found = [name for folder in folders if folder for name in sorted(glob.glob(os.path.join(folder, "pip-*.whl")))]
print("driftway-pip " + (found[-1] if found else ""))
"""


class Pip:
    """One pip that was seen to work with an interpreter.

    Parameters
    ----------
    interpreter : Interpreter
        Python it runs on and installs for.
    wheel : str
        Path of the wheel it is run from; empty when it is installed.
    user_site : bool
        Whether it was found in the user's own site-packages.
    """

    def __init__(self, interpreter: Interpreter, wheel: str, user_site: bool) -> None:
        self.interpreter = interpreter
        self.wheel = wheel
        self.user_site = user_site

    def run(
        self,
        arguments: list[str],
        folder: Path,
        heard: Callable[[str], None],
        cancelled: Callable[[], bool],
        limit: float = LIMIT,
        proxy: str | None = None,
        waiting: Callable[[], str] | None = None,
    ) -> Finished:
        """Run ``pip <arguments>`` in ``folder``, with the user's mirrors, certificates and proxies."""
        environment = _environment(folder, proxy)
        if self.user_site:
            environment.pop("PYTHONNOUSERSITE", None)
        command = [str(self.interpreter.path), "-c", GUARDED, self.wheel, "pip", *arguments]
        return run_lines(command, environment, folder, heard, cancelled, limit, waiting)


def find_pip(interpreter: Interpreter, folder: Path, cancelled: Callable[[], bool]) -> Pip:
    """Find a pip: the interpreter's, the user's, or the wheel that Python or the system ships for new environments.

    Raises
    ------
    EngineError
        Where there is none.
    """
    tries = [Pip(interpreter, "", False), Pip(interpreter, "", True)]
    for pip in tries:
        if _works(pip, folder, cancelled):
            return pip
    wheel = _bundled_wheel(interpreter, folder, cancelled)
    if wheel:
        pip = Pip(interpreter, wheel, False)
        if _works(pip, folder, cancelled):
            return pip
    remedy = "Install pip for it, or name another interpreter in Settings > Options > Driftway."
    if sys.platform.startswith("linux"):
        remedy = (
            "Install it: `sudo apt install python3-pip` on Debian and Ubuntu, `sudo dnf install python3-pip` on Fedora."
        )
    raise EngineError(f"The Python of QGIS ({interpreter.path}) has no pip.", remedy)


def install_arguments(lock: Path, target: Path, wheelhouse: Path | None) -> list[str]:
    """Return pip's arguments: only locked wheels with their hashes, into ``target`` and nowhere else."""
    arguments = ["install", "--target", str(target), "--require-hashes", "--only-binary", ":all:", "--no-deps"]
    arguments += ["--no-compile", "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    if wheelhouse is not None:
        arguments += ["--no-index", "--find-links", str(wheelhouse)]
    return [*arguments, "--requirement", str(lock)]


def explain(finished: Finished, interpreter: Interpreter, wheelhouse: Path | None) -> EngineError:
    """Turn what pip printed into an error that says what to do."""
    text = finished.text
    for pattern, message, remedy in _REASONS:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return EngineError(f"{message} pip said: {_line_of(text, found.start())}", remedy)
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if missing and wheelhouse is not None:
        return EngineError(
            f"The offline folder {wheelhouse} has no wheel of {missing.group(1)} for Python {_short(interpreter)} "
            f"on {interpreter.platform}.",
            "Fill it on a computer of the same kind that has a network: python -m pip download --no-deps "
            f"--only-binary :all: --dest FOLDER -r {lock_file(interpreter.version)}",
        )
    if missing and "(from versions: none)" in text:
        return EngineError(
            f"The package index offered no {missing.group(1)} for Python {_short(interpreter)} on {interpreter.platform}.",
            "Check the network, the proxy and the index in pip's configuration; where these work, there is no such package "
            "for this kind of computer: name another interpreter in Settings > Options > Driftway.",
        )
    if missing:
        return EngineError(
            f"There is no {missing.group(1)} for Python {_short(interpreter)} on {interpreter.platform}.",
            "Name another interpreter in Settings > Options > Driftway, or use a 64-bit Linux, Windows or a Mac "
            "with Apple silicon.",
        )
    tail = " / ".join(finished.lines[-3:])
    return EngineError(f"pip failed with status {finished.status}: {tail}", "The log has all that pip printed.")


_NETWORK = (
    "NewConnectionError|Temporary failure in name resolution|Name or service not known|getaddrinfo failed|"
    "nodename nor servname|Network is unreachable|Connection refused|ConnectTimeoutError|Read timed out|"
    "ReadTimeoutError|Connection reset|RemoteDisconnected|Max retries exceeded"
)
_REASONS = (
    (
        "DO NOT MATCH THE HASHES",
        "A downloaded package is not the one that this version of Driftway was tested with.",
        "Try again. If it happens again, a mirror or proxy alters downloads: ask its administrator. Nothing was installed.",
    ),
    (
        r"No space left on device|\[Errno 28\]|not enough space on the disk|Disk quota exceeded",
        "The disk became full.",
        "Free some space, or set the environment variable DRIFTWAY_HOME to a folder on another disk.",
    ),
    (
        "ProxyError|Cannot connect to proxy|Tunnel connection failed|407 Proxy Authentication",
        "The proxy refused the connection.",
        "Check the proxy in Settings > Options > Network, or the environment variable HTTPS_PROXY.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        "The secure connection to the package index could not be verified.",
        "If your network inspects traffic, name its certificate in pip's configuration (pip config set global.cert FILE).",
    ),
    (
        _NETWORK,
        "The package index could not be reached.",
        "Check the network and the proxy in Settings > Options > Network, or install from an offline folder of wheels.",
    ),
    (
        r"Permission denied|\[Errno 13\]|Access is denied|Read-only file system|\[Errno 30\]",
        "A file could not be written.",
        "Close other QGIS windows, check the folder's permissions, or set DRIFTWAY_HOME to a folder of your own.",
    ),
)


def _environment(folder: Path, proxy: str | None) -> dict[str, str]:
    environment = base_environment()
    for name in FOREIGN:
        environment.pop(name, None)
    environment.update(
        PIP_USER="0", PIP_REQUIRE_VIRTUALENV="0", PIP_ROOT_USER_ACTION="ignore", PYTHONUTF8="1", PYTHONUNBUFFERED="1"
    )
    for name in ("TMPDIR", "TEMP", "TMP"):
        environment[name] = str(folder)
    if proxy:
        environment["PIP_PROXY"] = proxy
    return environment


def _works(pip: Pip, folder: Path, cancelled: Callable[[], bool]) -> bool:
    finished = pip.run(["--version"], folder, _unheard, cancelled, limit=60.0)
    return finished.status == 0 and finished.text.startswith("pip ")


def _bundled_wheel(interpreter: Interpreter, folder: Path, cancelled: Callable[[], bool]) -> str:
    command = [str(interpreter.path), "-c", BUNDLED, *WHEEL_FOLDERS]
    finished = run_lines(command, base_environment(), folder, _unheard, cancelled, 60.0)
    for line in finished.lines:
        if line.startswith("driftway-pip "):
            return line[len("driftway-pip ") :].strip()
    return ""


def _unheard(line: str) -> None:
    """Take a line that nobody needs to see."""


def _line_of(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[start : end if end >= 0 else None].strip()[:300]


def _short(interpreter: Interpreter) -> str:
    return f"{interpreter.version[0]}.{interpreter.version[1]}"
