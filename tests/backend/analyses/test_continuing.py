"""Runs that were stopped or killed continue where they were and end in the bits of an uninterrupted run."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from small_landscapes import Listener, Outcome, run_job

from backend import journal, movement_flow_plan, registry, window_plan
from backend.errors import Cancelled
from backend.job import Job
from backend.outputs import Outputs

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
    monkeypatch.setattr(window_plan, "_COMPILED_BLOCK", 4)
    monkeypatch.setattr(window_plan, "_BATCHES_PER_BAND", 1)
    monkeypatch.setattr(journal, "code_digest", lambda: "the code as it is")
    return tmp_path / "journals"


@pytest.mark.parametrize("analysis", ["connectivity", "sensitivity"])
def test_a_cancelled_run_continues_and_ends_in_the_same_bits(laboratory, journals, analysis):
    pair = landscape(46)
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


class StopsAfter(Listener):
    """Asks to stop after a number of questions that it hears while something is computed."""

    def __init__(self, while_: str, patience: float = float("inf")) -> None:
        super().__init__()
        self.while_, self.patience, self.step, self.questions = while_, patience, "", 0

    def progress(self, fraction: float, step: str) -> None:
        self.step = step or self.step

    def raise_if_cancelled(self) -> None:
        self.questions += self.step.startswith(self.while_)
        if self.questions > self.patience:
            raise Cancelled


LONG = {
    "metapopulation": ("connectivity", "Metapopulation", {"METAPOPULATION": True}, ("METAPOPULATION_SHARE",)),
    "cells": ("connectivity", "Taking cells", {}, ("CRITICALITY",)),
    "flow": ("movementflow", "Computing", {}, ("FLOW", "STEP_FLOW", "DEPARTURES")),
    "flow of walks": (
        "movementflow",
        "Computing",
        {"DISTANCE": "expected_cost", "WHOLE_RASTER": True, "THETA": 0.1},
        ("FLOW", "STEP_FLOW"),
    ),
}


@pytest.mark.parametrize("case", LONG)
def test_what_takes_long_continues_where_it_was(laboratory, journals, monkeypatch, case):
    monkeypatch.setattr(movement_flow_plan, "_LARGEST_TILE", 16)
    analysis, while_, options, outputs = LONG[case]
    given = {"outputs": outputs, "DISPERSAL_DISTANCE": 9.0, **options}
    pair = landscape(46 if case == "flow" else 13)

    def run(patience: float = float("inf")) -> tuple[Outcome | None, StopsAfter]:
        report = StopsAfter(while_, patience)
        job = laboratory.job(analysis, *pair, **given)
        with contextlib.suppress(Cancelled), Outputs(job) as made:
            numbers = registry.load("analyses", analysis).run(job, report, made)
            return Outcome(numbers, {name: Path(path) for name, path in made.publish().items()}, report, job), report
        return None, report

    expected, whole = run()
    assert not continued(expected)
    for share in (0.3, 0.4):
        found, _ = run(share * whole.questions)
        assert found is None
        assert len(list(journals.iterdir())) == 1
    again, rest = run()
    assert rest.questions < 0.7 * whole.questions
    assert continued(again)
    assert all("To start afresh" in text for text in continued(again))
    same(again, expected)
    assert list(journals.iterdir()) == []


def test_the_blocks_of_the_first_run_are_kept_where_memory_has_changed(laboratory, monkeypatch):
    pair = landscape(46)
    expected = laboratory.run("connectivity", *pair, outputs=MAPS["connectivity"])
    stop(laboratory.job("connectivity", *pair, outputs=MAPS["connectivity"]), 0.3)
    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", 2)
    again = laboratory.run("connectivity", *pair, outputs=MAPS["connectivity"])
    assert continued(again)
    same(again, expected)


def test_it_begins_anew_where_the_earlier_plan_no_longer_fits(laboratory, monkeypatch):
    pair = landscape(46)
    job = laboratory.job("connectivity", *pair, outputs=MAPS["connectivity"])
    monkeypatch.setattr(window_plan, "_COPIES", {False: 400, True: 400})
    expected = run_job(job)
    stop(job, 0.3)
    least = window_plan._WORKER_BYTES
    monkeypatch.setattr(window_plan, "_WORKER_BYTES", 1_000_000)
    again = laboratory.run("connectivity", *pair, outputs=MAPS["connectivity"], settings={"memory_limit": least})
    assert not continued(again)
    assert again.numbers["C"] == pytest.approx(expected.numbers["C"], rel=1e-12)


@pytest.mark.parametrize("change", ["quality", "movement", "parameter", "outputs"])
def test_another_job_does_not_continue_it(laboratory, change):
    quality, movement = landscape(46)
    stop(laboratory.job("connectivity", quality, movement, outputs=MAPS["connectivity"]), 0.3)
    if change == "quality":
        quality[45, 45] += 1e-9
    if change == "movement":
        movement[45, 44] += 1e-9
    outputs = MAPS["connectivity"][: 1 if change == "outputs" else 2]
    settings = {"DISPERSAL_DISTANCE": 41.0} if change == "parameter" else {}
    assert not continued(laboratory.run("connectivity", quality, movement, outputs=outputs, **settings))


def test_short_runs_do_not_wait_for_the_disk(laboratory, monkeypatch, journals):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "60")
    monkeypatch.setattr(journal, "_sync_folder", lambda folder: pytest.fail("it has waited"))
    laboratory.run("connectivity", *landscape(46), outputs=MAPS["connectivity"])
    assert list(journals.iterdir()) == []
