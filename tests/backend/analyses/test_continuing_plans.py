"""Searches that were stopped hear again what they were answered, go on from there, and end in the same bits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_landscapes import Listener, Outcome
from small_plans import polygons

from backend import journal, landscape_blocks, planning, registry
from backend.errors import Cancelled
from backend.job import Job
from backend.outputs import Outputs

SIZE = (26, 22)
OUTPUTS = {
    "prioritisation": ("SELECTION", "RANK", "ALLOCATION", "CURVE"),
    "landscaperanking": ("PRIORITY", "CURVE"),
    "impact": ("DIFFERENCE", "CROSSINGS", "COMPENSATION", "TABLE"),
    "evaluatescenarios": ("TABLE",),
}
SEARCHES: dict[str, dict[str, Any]] = {
    "ranking": {"ROUNDS": 4, "BUDGET": 20},
    "greedy": {"METHOD": "greedy", "BUDGET": 5, "ROUNDS": 2, "EXCHANGES": 2},
    "flow": {"METHOD": "flow", "BUDGET": 12, "ROUNDS": 2, "STARTS": 2, "STEPS": 5, "EXCHANGES": 1},
    "integer": {"METHOD": "integer", "BUDGET": 12, "ROUNDS": 3, "COMPACTNESS": 0.3},
    "exact": {"METHOD": "exact", "BUDGET": 3, "ROUNDS": 2},
    "several": {"ROUNDS": 3, "BUDGET": 20, "SCENARIO_RULE": "worst"},
    "sites": {"ROUNDS": 3, "BUDGET": 8, "TARGET": "current", "BOUND": False},
    "steps": {"STEPS": 6},
    "impact": {"MOST_CROSSINGS": 12},
    "scenarios": {},
}
ANALYSES = {"steps": "landscaperanking", "impact": "impact", "scenarios": "evaluatescenarios"}


class Stops(Listener):
    """Asks to stop after a number of questions."""

    def __init__(self, patience: float = float("inf")) -> None:
        super().__init__()
        self.patience, self.questions = patience, 0

    def raise_if_cancelled(self) -> None:
        self.questions += 1
        if self.questions > self.patience:
            raise Cancelled


@pytest.fixture(autouse=True)
def journals(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DRIFTWAY_JOURNALS", str(tmp_path / "journals"))
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    monkeypatch.setattr(os, "fsync", lambda file: None)  # hundreds of times; nobody pulls the plug here
    monkeypatch.setattr(landscape_blocks, "_LARGEST_BATCH", 8)
    monkeypatch.setattr(planning, "_TRIALS_AT_ONCE", 64)
    monkeypatch.setattr(journal, "code_digest", lambda: "the code as it is")
    return tmp_path / "journals"


def rasters() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    quality, permeability = random.random(SIZE), random.uniform(0.3, 1, SIZE)
    quality[random.random(SIZE) < 0.4] = 0
    permeability[random.random(SIZE) < 0.1] = np.nan
    return quality, permeability


def few() -> np.ndarray:
    cells = np.zeros(SIZE)
    cells[4:24:5, 3:20:6] = 1
    return cells


def scenarios(laboratory, columns: str = "name,quality,movement,dispersal_distance") -> Path:
    """Write a table of five landscapes, two of them with another dispersal distance."""
    quality, _ = rasters()
    rows = [columns]
    for number in range(5):
        better = quality.copy()
        better[4 * number : 4 * number + 3, 5:9] = 1
        file = laboratory.raster(better, name=f"better-{number}.tif")
        row = [f"S{number}", file, "", "12" if number > 2 else "", f"scenario {number % 2}"]
        rows.append(",".join(row[: columns.count(",") + 1]))
    path = laboratory.folder / "scenarios.csv"
    path.write_text("\n".join(rows))
    return path


def job_of(laboratory, search: str, **parameters: Any) -> Job:
    analysis = ANALYSES.get(search, "prioritisation")
    given = {"outputs": OUTPUTS[analysis], "DISPERSAL_DISTANCE": 8.0, **SEARCHES[search], **parameters}
    if analysis == "prioritisation":
        given = {"AMOUNT": 0.5, "RANDOM_DRAWS": 2, **given}
    if search == "exact":
        given["CANDIDATES"] = few()
    if search == "sites":
        given["SITES"] = polygons(laboratory.folder / "sites.gpkg", [(1, 1, 4, 4), (20, 15, 24, 20), (3, 15, 6, 19)])
    if search == "several":
        given["LANDSCAPES"] = str(scenarios(laboratory, "name,quality,movement,dispersal_distance,scenario"))
    if search == "impact":
        given["OBJECT"] = polygons(laboratory.folder / "object.gpkg", [(3, 8, 20, 10)])
    if search == "scenarios":
        given["SCENARIOS"] = str(scenarios(laboratory))
    return laboratory.job(analysis, *rasters(), **given)


def heard(job: Job, patience: float = float("inf")) -> Stops:
    report = Stops(patience)
    with pytest.raises(Cancelled), Outputs(job) as outputs:
        registry.load("analyses", job.analysis).run(job, report, outputs)
    return report


def run(job: Job) -> tuple[Outcome, int]:
    report = Stops()
    with Outputs(job) as outputs:
        numbers = registry.load("analyses", job.analysis).run(job, report, outputs)
        published = outputs.publish()
    return Outcome(numbers, {name: Path(path) for name, path in published.items()}, report, job), report.questions


def same(found: Outcome, expected: Outcome) -> None:
    assert repr(found.numbers) == repr(expected.numbers)
    for name, path in expected.paths.items():
        if path.suffix == ".tif":
            np.testing.assert_array_equal(found.bands(name), expected.bands(name))
        else:
            assert found.text(name) == expected.text(name)


def continued(outcome: Outcome) -> list[str]:
    return [text for text in outcome.heard.messages if text.startswith("Continuing")]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_that_was_cancelled_goes_on_and_ends_in_the_same_bits(laboratory, journals, search):
    expected, questions = run(job_of(laboratory, search))
    assert not continued(expected)
    random = np.random.default_rng()
    # A stopped run asks again from where it is, and a few more times while it reads; an impact is known pass by pass.
    for share in (0.85,) if search == "impact" else (0.3, 0.5):
        heard(job_of(laboratory, search), share * questions * random.uniform(0.8, 1))
        assert len(list(journals.iterdir())) == 1
    again, asked = run(job_of(laboratory, search))
    assert asked < 0.95 * questions, "it has gone through everything again"
    (message,) = continued(again)
    assert "evaluations of the landscape are known. To start afresh" in message
    assert str(journals) in message
    same(again, expected)
    assert list(journals.iterdir()) == []
