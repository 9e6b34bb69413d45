"""`python -m backend describe | run job.json | check`."""

from __future__ import annotations

import json
import os
import stat
import sys

from . import registry
from .declarations import catalogue
from .runtime import prepare_environment

_USAGE = """usage: python -m backend describe          the catalogue of analyses, as JSON
       python -m backend run JOB.json      one job; events on stdout, one JSON object a line
       python -m backend check             a self-test with a known answer
"""
_TOOLBOX_ORDER = (
    "connectivity",
    "sensitivity",
    "prioritisation",
    "buildnetwork",
    "networkindices",
    "networkgradient",
    "networkscenarios",
    "importnetwork",
    "exportnetwork",
)


def describe() -> str:
    """Return the catalogue as JSON text."""
    known = registry.names("analyses")
    ordered = [*_TOOLBOX_ORDER, *(name for name in known if name not in _TOOLBOX_ORDER)]
    declarations = [registry.load("analyses", name).DECLARATION for name in ordered]
    return json.dumps(catalogue(declarations), indent=1, ensure_ascii=False) + "\n"


def _stdin_is_held() -> bool:
    """Whether stdin is a pipe that a caller holds, not a terminal, a file or nothing."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def main(arguments: list[str]) -> int:
    """Do what the command line asks and return the exit status."""
    prepare_environment()
    if arguments == ["describe"]:
        sys.stdout.write(describe())
        return 0
    if arguments == ["check"]:
        from .self_test import run

        return run()
    if len(arguments) == 2 and arguments[0] == "run":
        from .worker import run as run_job

        return run_job(arguments[1], follow_stdin=_stdin_is_held())
    sys.stderr.write(_USAGE)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
