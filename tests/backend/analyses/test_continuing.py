"""Runs that were stopped or killed continue where they were and end in the bits of an uninterrupted run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_landscapes import Listener, Outcome, read_raster, run_job, write_raster

from backend import journal, registry, window_plan
from backend.errors import Cancelled
from backend.job import Job
from backend.outputs import Outputs

TOP = Path(__file__).resolve().parents[3]
MAPS = {"connectivity": ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT"), "sensitivity": ("SENSITIVITY", "ELASTICITY")}
BOTH = {"connectivity": {}, "sensitivity": {"WITH_RESPECT_TO": ["movement", "quality"]}}


def landscape(side: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    quality, permeability = random.random((side, side)), random.uniform(0.3, 1, (side, side))
    permeability[random.random((side, side)) < 0.1] = np.nan
    return quality, permeability


class Stops(Listener):
    """Asks to stop once a share of the work is done."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = at

    def raise_if_cancelled(self) -> None:
        if self.fractions and self.fractions[-1] >= self.at and len(set(self.fractions)) > 3:
            raise Cancelled


def stop(job: Job, at: float) -> Stops:
    report = Stops(at)
    with pytest.raises(Cancelled), Outputs(job) as outputs:
        registry.load("analyses", job.analysis).run(job, report, outputs)
    return report


def same(found: Outcome, expected: Outcome) -> None:
    assert found.numbers == expected.numbers
    for name in expected.paths:
        np.testing.assert_array_equal(found.bands(name), expected.bands(name))


def continued(outcome: Outcome) -> list[str]:
    return [text for text in outcome.heard.messages if text.startswith("Continuing")]


@pytest.fixture(autouse=True)
def journals(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DRIFTWAY_JOURNALS", str(tmp_path / "journals"))
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", 4)
    monkeypatch.setattr(window_plan, "_BATCHES_PER_BAND", 1)
    monkeypatch.setattr(journal, "code_digest", lambda: "the code as it is")
    return tmp_path / "journals"


@pytest.mark.parametrize("analysis", ["connectivity", "sensitivity"])
def test_a_cancelled_run_continues_and_ends_in_the_same_bits(laboratory, journals, analysis):
    pair = landscape(30)
    options = {"outputs": MAPS[analysis], "DISPERSAL_DISTANCE": 12.0, "SELF": True, **BOTH[analysis]}
    expected = laboratory.run(analysis, *pair, **options)
    assert not continued(expected)
    for at in (0.2, 0.6):
        stop(laboratory.job(analysis, *pair, **options), at)  # other names of files, the same content
        assert len(list(journals.iterdir())) == 1
    again = laboratory.run(analysis, *pair, **options)
    assert continued(again) == ["Continuing a run that was interrupted: " + continued(again)[0].split(": ")[1]]
    same(again, expected)
    assert list(journals.iterdir()) == []


class StopsAtCells(Listener):
    """Asks to stop while cells are taken away, and counts how often it hears of that."""

    def __init__(self, patience: float) -> None:
        super().__init__()
        self.taken, self.patience = 0, patience

    def progress(self, fraction: float, step: str) -> None:
        self.taken += step == "Taking cells away"

    def raise_if_cancelled(self) -> None:
        if self.taken >= self.patience:
            raise Cancelled


def test_criticality_continues_where_it_was(laboratory, journals):
    pair = landscape(12)
    options = {"outputs": ("CRITICALITY",), "DISPERSAL_DISTANCE": 6.0}
    counts, maps = [], []
    for patience in (float("inf"), 4, float("inf")):
        report = StopsAtCells(patience)
        job = laboratory.job("connectivity", *pair, **options)
        with contextlib.suppress(Cancelled), Outputs(job) as outputs:
            registry.load("analyses", job.analysis).run(job, report, outputs)
            maps.append(read_raster(outputs.publish()["CRITICALITY"]))
        counts.append(report.taken)
    assert counts[0] > 4 == counts[1]
    assert counts[1] + counts[2] == counts[0]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert list(journals.iterdir()) == []


def test_the_blocks_of_the_first_run_are_kept_where_memory_has_changed(laboratory, monkeypatch):
    pair = landscape(30)
    expected = laboratory.run("connectivity", *pair, outputs=MAPS["connectivity"])
    stop(laboratory.job("connectivity", *pair, outputs=MAPS["connectivity"]), 0.3)
    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", 2)
    again = laboratory.run("connectivity", *pair, outputs=MAPS["connectivity"])
    assert continued(again)
    same(again, expected)


def test_it_begins_anew_where_the_earlier_plan_no_longer_fits(laboratory, monkeypatch):
    pair = landscape(30)
    job = laboratory.job("connectivity", *pair, outputs=MAPS["connectivity"])
    expected = run_job(job)
    stop(job, 0.3)
    monkeypatch.setattr(window_plan, "_COPIES", {False: 1, True: 1})
    least = window_plan._WORKER_BYTES + 3_000_000
    again = laboratory.run("connectivity", *pair, outputs=MAPS["connectivity"], settings={"memory_limit": least})
    assert not continued(again)
    assert again.numbers["C"] == pytest.approx(expected.numbers["C"], rel=1e-12)


@pytest.mark.parametrize("change", ["quality", "movement", "parameter", "outputs"])
def test_another_job_does_not_continue_it(laboratory, change):
    quality, movement = landscape(30)
    stop(laboratory.job("connectivity", quality, movement, outputs=MAPS["connectivity"]), 0.3)
    if change == "quality":
        quality[29, 29] += 1e-9
    if change == "movement":
        movement[29, 28] += 1e-9
    outputs = MAPS["connectivity"][: 1 if change == "outputs" else 2]
    settings = {"DISPERSAL_DISTANCE": 41.0} if change == "parameter" else {}
    assert not continued(laboratory.run("connectivity", quality, movement, outputs=outputs, **settings))


def test_short_runs_do_not_wait_for_the_disk(laboratory, monkeypatch, journals):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "60")
    monkeypatch.setattr(journal, "_sync_folder", lambda folder: pytest.fail("it has waited"))
    laboratory.run("connectivity", *landscape(30), outputs=MAPS["connectivity"])
    assert list(journals.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_killed_workers_continue(laboratory, tmp_path, journals):
    """Killed at moments that nobody has chosen, twice or as often as DRIFTWAY_KILLS says, and then left alone."""
    kills, random = int(os.environ.get("DRIFTWAY_KILLS", "2")), np.random.default_rng()
    rasters = [
        str(write_raster(tmp_path / f"{each}.tif", values)) for each, values in zip("qm", landscape(90), strict=True)
    ]
    options = {"outputs": MAPS["connectivity"], "DISPERSAL_DISTANCE": 60.0}
    job = laboratory.job("connectivity", *rasters, settings={"device": "cpu"}, **options)
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job.as_json()), encoding="utf-8")
    paths = os.pathsep.join(dict.fromkeys([str(TOP), *(each for each in sys.path if each)]))
    code = (
        "import sys; from backend import journal, window_plan; journal.code_digest = lambda: 'the code as it is'\n"
        "window_plan._LARGEST_BATCH = 4; window_plan._BATCHES_PER_BAND = 1\n"
        "from backend.__main__ import main; sys.exit(main(['run', sys.argv[1]]))"
    )

    def start() -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}
        return subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=environment)

    for number in range(kills):
        process, moment = start(), 0.6 * (number + random.random()) / kills
        for line in process.stdout:
            event = json.loads(line)
            assert event["event"] != "result", "it was too quick to be killed"
            if event["event"] == "progress" and event["step"].startswith("Computing") and event["fraction"] > moment:
                break
        process.kill()
        process.wait(60)
        process.stdout.close()
        assert len(list(journals.iterdir())) == 1
    process = start()
    events = [json.loads(line) for line in process.stdout]
    process.stdout.close()
    assert process.wait(60) == 0
    assert any("Continuing a run" in event.get("text", "") for event in events)
    expected = run_job(laboratory.job("connectivity", *rasters, settings={"device": "cpu"}, **options))
    result = events[-1]
    assert result["numbers"] == expected.numbers
    same(
        Outcome(result["numbers"], {name: Path(each) for name, each in result["outputs"].items()}, Listener(), job),
        expected,
    )
    assert list(journals.iterdir()) == []
