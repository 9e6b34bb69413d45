"""Worker processes that are killed at moments that nobody has chosen leave what their job continues from, to the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_landscapes import read_raster, write_raster

from backend.job import Job

TOP = Path(__file__).resolve().parents[3]
#: What the worker runs: small batches, so that there is much to be killed between.
CODE = (
    "import sys; from backend import journal, landscape_blocks, window_plan\n"
    "journal.code_digest = lambda: 'the code as it is'; journal._SHARE = 3\n"
    "window_plan._LARGEST_BATCH = 4; window_plan._BATCHES_PER_BAND = 1; landscape_blocks._LARGEST_BATCH = 16\n"
    "from backend.__main__ import main; sys.exit(main(['run', sys.argv[1]]))"
)
PLAN = {"AMOUNT": 0.5, "RANDOM_DRAWS": 2, "ROUNDS": 3, "BOUND": False}
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "connectivity": ("connectivity", {"DISPERSAL_DISTANCE": 60.0}, ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT")),
    "metapopulation": ("connectivity", {"METAPOPULATION": True}, ("METAPOPULATION_SHARE",)),
    "ranking": ("prioritisation", {**PLAN, "BUDGET": 200}, ("SELECTION", "RANK", "CURVE")),
    "greedy": ("prioritisation", {**PLAN, "METHOD": "greedy", "BUDGET": 4}, ("SELECTION", "RANK", "CURVE")),
    "flow": (
        "prioritisation",
        {**PLAN, "METHOD": "flow", "BUDGET": 60, "STARTS": 2, "STEPS": 6, "EXCHANGES": 2},
        ("SELECTION", "RANK", "ALLOCATION", "CURVE"),
    ),
    "landscape ranking": ("landscaperanking", {"STEPS": 8}, ("PRIORITY", "CURVE")),
    "criticality": ("connectivity", {"DISPERSAL_DISTANCE": 20.0}, ("CRITICALITY",)),
    "criticality of walks": (
        "connectivity",
        {"DISTANCE": "resistance", "RADIUS": 3, "EXTENT": [200_000.0, 200_300.0, 1_299_700.0, 1_300_000.0]},
        ("CRITICALITY",),
    ),
    "movement flow": ("movementflow", {"DISPERSAL_DISTANCE": 40.0}, ("FLOW", "STEP_FLOW")),
    "omnidirectional current": (
        "omnidirectionalcurrent",
        {"RADIUS": 9},
        ("CUMULATIVE_CURRENT", "NORMALISED_CURRENT", "SENSITIVITY"),
    ),
}
#: Cells along a side, of what is quick.
SIDES = {"connectivity": 160, "movement flow": 160, "landscape ranking": 96}
#: Killed once in every test run; where the environment says how often to kill, all are.
ALWAYS = ("connectivity", "metapopulation", "flow")
KILLS = int(os.environ.get("DRIFTWAY_KILLS", "0"))


class Worker:
    """A process with a job, whose events are read as they come."""

    def __init__(self, job: Path, journals: Path, log: Path) -> None:
        paths = os.pathsep.join(dict.fromkeys([str(TOP), *(each for each in sys.path if each)]))
        environment = {**os.environ, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}
        environment.update(DRIFTWAY_JOURNALS=str(journals), DRIFTWAY_JOURNAL_SECONDS="0.02")
        self._log = log
        with log.open("wb") as out:
            command = [sys.executable, "-c", CODE, str(job)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, env=environment)

    def cpu(self) -> float:
        """Return the CPU seconds that it has taken: time on the clock says little beside other processes."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    @property
    def has_continued(self) -> bool:
        return any(event.get("text", "").startswith("Continuing a run") for event in self.events())

    def kill_after(self, seconds: float, journals: Path) -> float | None:
        """Kill it once there is something to continue from and it has taken so many CPU seconds.

        Return those that it took if it got through before.
        """
        taken = 0.0
        while self._process.poll() is None and (taken < seconds or not has_work(journals)):
            taken = self.cpu()
            time.sleep(0.005)
        through = self._process.poll() is not None
        self._process.kill()
        self._process.wait(60)
        return taken if through else None

    def result(self) -> tuple[dict[str, Any], float]:
        """Return its last event and the CPU seconds that it took."""
        taken = 0.0
        while self._process.poll() is None:
            taken = max(taken, self.cpu())
            time.sleep(0.01)
        found = self.events()[-1]
        assert found["event"] == "result", found
        return found, taken


def has_work(journals: Path) -> bool:
    """Whether something was entered that a run could continue from."""
    return any(lines.stat().st_size for lines in journals.glob("*/journal.jsonl"))


def contents(result: dict[str, Any]) -> dict[str, Any]:
    """Return numbers, rasters and tables of a result."""
    found: dict[str, Any] = {"numbers": repr(result["numbers"])}
    for name, path in result["outputs"].items():
        found[name] = read_raster(path) if path.endswith(".tif") else Path(path).read_text()
    return found


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists() or not hasattr(signal, "SIGKILL"), reason="needs /proc and kill"
)
@pytest.mark.parametrize("case", CASES if KILLS else ALWAYS)
def test_a_killed_worker_continues(tmp_path, case):
    kills = KILLS or 1
    analysis, given, outputs = CASES[case]
    random = np.random.default_rng()
    drawn, side = np.random.default_rng(2), SIDES.get(case, 64)
    quality, movement = drawn.random((side, side)), drawn.uniform(0.3, 1, (side, side))
    movement[drawn.random((side, side)) < 0.1] = np.nan
    paths = [str(write_raster(tmp_path / f"{n}.tif", values)) for n, values in enumerate((quality, movement))]
    parameters = {"DISPERSAL_DISTANCE": 25.0, "QUALITY": paths[0], "MOVEMENT": paths[1], **given}
    if analysis == "omnidirectionalcurrent":
        parameters = {"RESISTANCE": paths[1], **given}

    def start(number: int) -> Worker:
        ending = {"CURVE": ".csv"}
        paths = {name: str(tmp_path / f"{name}-{number}{ending.get(name, '.tif')}") for name in outputs}
        plain = {"analysis": analysis, "parameters": parameters, "outputs": paths, "device": "cpu"}
        path = tmp_path / f"job-{number}.json"
        path.write_text(json.dumps(Job.from_dict(plain).as_json()))
        return Worker(path, tmp_path / "journals", tmp_path / f"log-{number}")

    whole, seconds = start(0).result()
    assert list((tmp_path / "journals").iterdir()) == []
    killed = 0
    for number in range(1, 10 * kills):
        worker = start(number)
        through = worker.kill_after(seconds * random.uniform(0.2, 0.7), tmp_path / "journals")
        if through is None:
            killed += 1
        else:  # it was quicker than the first, which may have had to compile
            assert worker.events()[-1]["event"] == "result"
            seconds = min(seconds, through)
        if killed >= kills and has_work(tmp_path / "journals"):
            break
    last = start(1000)
    found, _ = last.result()
    assert killed >= kills
    # Between the pass for the maps and the first for the capacity there is nothing to be said.
    assert last.has_continued or case == "metapopulation"
    expected = contents(whole)
    for name, values in contents(found).items():
        np.testing.assert_array_equal(values, expected[name])
    assert list((tmp_path / "journals").iterdir()) == []
