"""Runs every contestant of a task, each in a process of its own, and turns what comes back into rows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .contest import Arrays, Case, Contestant, Row, Task
from .failures import NOT_INSTALLED, told
from .machine import Others, own_seconds

TOP = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Homes:
    """Where the contestants' packages are.

    Parameters
    ----------
    engine : str
        Package folder of the compute engine, "" when this interpreter brings the packages itself.
    peers : str
        Interpreter of the peers' environment.
    paths : sequence of str
        Folders of further task modules.
    """

    engine: str
    peers: str
    paths: Sequence[str] = ()

    def command(self, contestant: Contestant, cache: Path) -> tuple[list[str], dict[str, str]]:
        """Return the interpreter and the environment of a contestant's process."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
        engine = contestant.home == "engine"
        folders = [self.engine] if engine and self.engine else []
        environment |= {
            "PYTHONPATH": os.pathsep.join([*folders, str(TOP), *self.paths]),
            "PYTHONNOUSERSITE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "JAX_PLATFORMS": "cpu",
            "NUMBA_CACHE_DIR": str(cache / "numba"),
            "DRIFTWAY_CACHE": str(cache),
            "TMPDIR": str(cache),
            "ENGINE": self.engine,
        }
        return [sys.executable if engine else self.peers], environment


@dataclass
class Contest:
    """One run of one task.

    Parameters
    ----------
    module : ModuleType
        Where the task is declared.
    task : Task
    homes : Homes
    folder : Path
        For inputs, results and caches; empty at first.
    seconds : float
        Of warm runs per contestant and case.
    patience : float
        Seconds after which a contestant is given up.
    say : callable
        Hears what is being done.
    """

    module: ModuleType
    task: Task
    homes: Homes
    folder: Path
    seconds: float
    patience: float
    say: Callable[[str], None]

    def run(self, quick: bool, wanted: Sequence[str] = ()) -> list[Row]:
        """Return the rows of all cases; `wanted` keeps the contestants whose label has one of these words."""
        rows = []
        for case in self.task.cases(quick):
            inputs = self.task.inputs(case)
            np.savez(self.folder / "inputs.npz", **inputs)
            chosen = [c for c in self.task.contestants if c.answers(case) and is_wanted(c, wanted)]
            rows += self._case(case, inputs, chosen)
        return rows

    def _case(self, case: Case, inputs: Arrays, contestants: Sequence[Contestant]) -> list[Row]:
        # The reference first, so that results need not be kept.
        reference: Arrays | None = None
        rows: dict[str, Row] = {}
        for contestant in sorted(contestants, key=lambda c: not c.reference):
            self.say(f"{self.task.name}: {case.name}: {contestant.label}")
            wall, cpu = time.monotonic(), own_seconds()
            row, result = self._measure(case, contestant)
            self.say(f"    {time.monotonic() - wall:.0f} s, {own_seconds() - cpu:.0f} s of CPU time in all")
            if result is not None and reference is None and contestant.reference:
                reference = result
            elif result is not None and self._is_compared(contestant, contestants, reference):
                error = self.task.error(result, reference or {}, inputs)
                row = replace(row, error=error, wrong=not error <= self.task.tolerance[contestant.precision])
            rows[contestant.label] = row
        clock = self.task.clock
        ours = next((getattr(rows[c.label], clock) for c in contestants if c.ours and rows[c.label].cpu), None)
        return [_with_ratio(rows[c.label], ours, clock) for c in contestants]

    def _is_compared(self, one: Contestant, contestants: Sequence[Contestant], reference: Arrays | None) -> bool:
        return one.compared and (reference is not None or self._unrivalled(contestants))

    def _unrivalled(self, contestants: Sequence[Contestant]) -> bool:
        return self.task.checks_itself and not any(each.reference for each in contestants)

    def _measure(self, case: Case, contestant: Contestant) -> tuple[Row, Arrays | None]:
        row = Row(self.task.name, case.name, case.size, contestant.name, contestant.precision, contestant.ours)
        if contestant.cited:
            return replace(row, cpu=contestant.cited[0], peak=contestant.cited[1]), None
        others = Others()
        cache = self.folder / f"cache {contestant.shares or contestant.label}"
        first_time = not cache.exists()
        cache.mkdir(exist_ok=True)
        cold = None
        try:
            if contestant.caches and first_time:
                cold = self._process(contestant, cache, 0.0)["first_wall"]
            outcome = self._process(contestant, cache, self.seconds)
            if contestant.caches and not outcome["runs"]:
                # A new shape was compiled first; now its code comes from disk.
                outcome = self._process(contestant, cache, self.seconds)
        except RuntimeError as error:
            return replace(row, failure=str(error), load=others.load()), None
        with np.load(self._outcome.with_name(self._outcome.name + ".npz")) as file:
            result = dict(file)
        if not outcome["items"]:
            return replace(row, load=others.load()), result
        per_item = self.task.scale / outcome["items"]
        spent = outcome if outcome["runs"] else {"wall": outcome["first_wall"], "cpu": outcome["first_cpu"]}
        row = replace(
            row,
            load=others.load(),
            cpu=spent["cpu"] * per_item,
            wall=spent["wall"] * per_item,
            runs=outcome["runs"],
            peak=outcome["peak"],
            cold=cold if contestant.caches else outcome["first_wall"],
            cached=outcome["first_wall"] if contestant.caches and first_time else None,
            preempted=spent["wall"] * contestant.cores / max(spent["cpu"], 1e-9),
        )
        return row, result

    @property
    def _outcome(self) -> Path:
        return self.folder / "outcome.json"

    def _process(self, contestant: Contestant, cache: Path, seconds: float) -> dict[str, Any]:
        interpreter, environment = self.homes.command(contestant, cache)
        command = [*interpreter, "-m", "bench.measure", "--module", self.module.__name__, "--task", self.task.name]
        command += ["--contestant", contestant.label, "--inputs", str(self.folder / "inputs.npz")]
        command += ["--outcome", str(self._outcome), "--seconds", str(seconds)]
        self._outcome.unlink(missing_ok=True)
        status, errors = _ended(command, environment, self.folder, self.patience)
        if status is None:
            raise RuntimeError(f"not done within {self.patience:.0f} s")
        if status != 0 or not self._outcome.exists():
            said = told(status, errors)
            self.say(f"{errors}{contestant.label}: {said}" if NOT_INSTALLED not in said else said)
            raise RuntimeError(said)
        return json.loads(self._outcome.read_text(encoding="utf-8"))


def _ended(
    command: Sequence[str], environment: dict[str, str], folder: Path, patience: float
) -> tuple[int | None, str]:
    """Run a process with all that it starts; return its status, None when it took too long, and what it wrote to stderr.

    Whatever ends the wait, an interrupt too, nothing of it goes on running.
    """
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            _, errors = process.communicate(timeout=patience)
            return process.returncode, errors
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[str]) -> None:
    """Kill what is left of a process and of those that it started; its session has its number."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def is_wanted(contestant: Contestant, words: Sequence[str]) -> bool:
    """Say whether a contestant has one of these words in its label; all have where there are none."""
    return not words or any(word.lower() in contestant.label.lower() for word in words)


def _with_ratio(row: Row, ours: float | None, clock: str) -> Row:
    spent = getattr(row, clock)
    return replace(row, ratio=spent / ours) if ours and spent else row
