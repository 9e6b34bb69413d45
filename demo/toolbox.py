"""Algorithms run through qgis_process, as a user's own script would run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tools.only_json import split

_USAGE = re.compile(r"([\d.]+) s and (\d+) MB")


class ToolboxError(Exception):
    """An algorithm failed; the text is what it said."""


@dataclass(frozen=True)
class Run:
    """One algorithm that was run.

    Parameters
    ----------
    algorithm : str
        Its id.
    parameters : dict
        What it was given.
    results : dict
        Its outputs by name.
    seconds : float
        From the call to its end, QGIS's start included.
    log : list of str
        What it said.
    """

    algorithm: str
    parameters: dict[str, Any]
    results: dict[str, Any]
    seconds: float
    log: list[str] = field(default_factory=list)

    @property
    def command(self) -> str:
        """The same by hand, from the top of the checkout."""
        given = [f"--{name}={value}" for name, value in self.parameters.items()]
        return shlex.join(["./run", "algorithm", self.algorithm.removeprefix("driftway:"), *given])

    @property
    def worker(self) -> tuple[float, float] | None:
        """Seconds and megabytes that the worker itself took, where the algorithm has one."""
        found = next((match for line in self.log if (match := _USAGE.search(line))), None)
        return (float(found[1]), float(found[2])) if found else None


class Toolbox:
    """Processing's algorithms by qgis_process.

    Parameters
    ----------
    program : str
        The qgis_process that starts on this system.
    """

    def __init__(self, program: str) -> None:
        self._program = program

    @cached_property
    def known(self) -> set[str]:
        """The ids of all algorithms."""
        done = self._call("list")
        return set(re.findall(r"^\s+([a-z0-9_]+:[a-z0-9_]+)\s", done.stdout, re.MULTILINE | re.IGNORECASE))

    def run(self, algorithm: str, parameters: dict[str, Any]) -> Run:
        """Run an algorithm.

        Raises
        ------
        ToolboxError
            When it fails, with what it said.
        """
        start = time.monotonic()
        arguments = [f"--{name}={value}" for name, value in parameters.items()]
        done = self._call("--json", "run", algorithm, *arguments)
        found, rest = split(done.stdout)
        if done.returncode != 0 or not found:
            said = "\n".join(text.strip() for text in (rest, done.stderr) if text.strip())
            raise ToolboxError(f"{algorithm} failed (exit {done.returncode}).\n{said}")
        answer = json.loads(found)
        log = answer.get("log", {})
        lines = [line for kind in log.values() for line in (kind if isinstance(kind, list) else [kind])]
        return Run(algorithm, parameters, answer["results"], time.monotonic() - start, [str(line) for line in lines])

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            check=False,
        )
