"""What a plan leaves behind: rasters, parcels, curve, and the report for those who decide."""

from __future__ import annotations

import contextlib
import csv
import html
import io
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .html_report import HtmlReport
from .job import Job, Report
from .map_output import write_map
from .outputs import Outputs
from .planning import Problem
from .planning_checks import CheckedProblem
from .prioritisation import CurvePoint, Prioritisation, within
from .prioritisation_bound import upper_bound
from .raster_io import write_raster
from .vector_io import LayerToWrite, write_geopackage

_COLUMNS = {
    "round": "Round",
    "cells": "Cells",
    "spent": "Spent",
    "predicted": "Predicted gain",
    "gain": "True gain",
    "random": "Random, mean",
    "random_low": "Random, lowest",
    "random_high": "Random, highest",
    "top_quality": "Top quality",
    "elasticity": "Elasticity threshold",
}


class PlanSoFar:
    """Keeps the best selection so far beside SELECTION, if the job asks for it."""

    def __init__(self, job: Job, checked: CheckedProblem) -> None:
        self._job, self._checked = job, checked
        self._path: Path | None = None
        if job.parameters["KEEP"] and job.outputs.get("SELECTION"):
            given = Path(job.outputs["SELECTION"])
            self._path = given.with_name(f"{given.stem}-so-far.tif")

    def keep(self, selected: NDArray[np.bool_]) -> None:
        """Write a selection, shape (candidates,)."""
        if self._path is None:
            return
        candidates = self._checked.candidates
        values: Any = candidates.spread(selected.astype(np.uint8), np.uint8(255))
        part = self._path.with_name(f".{self._path.stem}.{self._job.id}.part.tif")
        write_raster(
            part,
            [values],
            self._checked.plan.headers.grid,
            nodata=255,
            descriptions=["Selection so far"],
            unit="",
            metadata=self._job.provenance(),
            parameter="SELECTION",
        )
        part.replace(self._path)

    def remove(self) -> None:
        """Remove it: the whole plan is there."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def numbers_of(job: Job, problem: Problem, found: Prioritisation, report: Report) -> tuple[dict[str, float], str]:
    """Return the numbers of a plan, and how far it is from the best possible in words."""
    last = found.curve[-1]
    best, verdict = float("nan"), "No bound was asked for."
    if job.parameters["BOUND"]:
        bound = upper_bound(problem, job.parameters["DISTANCE"], job.parameters["PROXIMITY"])
        verdict = within(bound, found.before + last.gain, found.before)
        best = bound.objective - found.before if np.isfinite(bound.objective) else best
    report.message(verdict)
    if found.error:
        report.message(
            f"The baselines are estimated from a sample of the sources; largest standard error {found.error:.3g} "
            f"({100 * found.error / max(abs(last.gain), 1e-300):.2g} % of the true gain)."
        )
    for note in found.plan.notes:
        report.message(note)
    percent = last.gain if problem.objective.in_per_cent else 100 * last.gain / (abs(found.before) or np.nan)
    return {
        "C_BEFORE": found.before,
        "GAIN": last.gain,
        "GAIN_PERCENT": percent,
        "GAIN_PREDICTED": last.predicted,
        "GAIN_RANDOM": last.random,
        "GAIN_TOP_QUALITY": last.top_quality,
        "GAIN_ELASTICITY": last.elasticity,
        "BEST_POSSIBLE": best,
        "SELECTED": last.cells,
        "SPENT": last.spent,
    }, verdict


def write_plan(
    job: Job,
    checked: CheckedProblem,
    problem: Problem,
    found: Prioritisation,
    numbers: dict[str, float],
    verdict: str,
    outputs: Outputs,
) -> None:
    """Write all outputs that the job asks for."""
    candidates, grid = checked.candidates, checked.plan.headers.grid
    here = candidates.candidate
    selection = candidates.spread(found.plan.selected.astype(np.uint8), np.uint8(0))
    rank = candidates.spread(found.rank, np.int32(0))
    write_map(outputs, "SELECTION", job, grid, {"Selection": selection}, here)
    write_map(outputs, "RANK", job, grid, {"Rank": rank}, here)
    shares = found.plan.allocation if found.plan.allocation is not None else found.plan.selected.astype(float)
    write_map(outputs, "ALLOCATION", job, grid, {"Allocation": candidates.spread(shares, 0.0)}, here)
    outputs.write("PLAN", lambda path: _write_parcels(path, job, checked, found))
    names = [field.name for field in fields(CurvePoint)]
    rows = [list(astuple(point)) for point in found.curve]
    outputs.write_text("CURVE", table(names, rows))
    if outputs.wants("REPORT"):
        outputs.write_text("REPORT", _report(job, checked, problem, found, numbers, verdict, outputs, names, rows))


def _write_parcels(path: Path, job: Job, checked: CheckedProblem, found: Prioritisation) -> None:
    candidates = checked.candidates
    parcels, feature = candidates.parcels, candidates.feature
    if parcels is None or feature is None or parcels.table.geometry is None:
        return
    columns = {name: values[feature] for name, values in parcels.table.columns.items()}
    columns |= {
        "selected": found.plan.selected.astype(np.int32),
        "rank": found.rank,
        "cost": candidates.cost,
        "promised_gain": found.plan.first.gain,
    }
    geometry = [parcels.table.geometry[number] for number in feature]
    layer = LayerToWrite("plan", columns, geometry, parcels.crs)
    write_geopackage(path, [layer], job.provenance(), "PLAN")


def table(names: list[str], rows: list[list[float]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _report(
    job: Job,
    checked: CheckedProblem,
    problem: Problem,
    found: Prioritisation,
    numbers: dict[str, float],
    verdict: str,
    outputs: Outputs,
    names: list[str],
    rows: list[list[float]],
) -> str:
    candidates = checked.candidates
    here = candidates.candidate
    page = HtmlReport(job, outputs.warnings)
    page.sections.append(
        f"<h2>In short</h2>{''.join(f'<p>{html.escape(t)}</p>' for t in _summary(candidates.unit, found, numbers, verdict))}"
    )
    page.add_numbers(numbers)
    page.add_map("SELECTION", candidates.spread(found.plan.selected.astype(np.uint8), np.uint8(0)), here)
    page.add_curve("Gain against budget", f"Budget spent ({candidates.unit})", "Gain", _lines(rows, names))
    page.add_table("Rounds", [_COLUMNS[name] for name in names], rows)
    page.add_map("RANK", candidates.spread(found.rank, np.int32(0)), here)
    if found.plan.allocation is not None:
        page.add_map("ALLOCATION", candidates.spread(found.plan.allocation, 0.0), here)
    if len(found.plan.trace) > 1:
        steps = [float(number) for number in range(len(found.plan.trace))]
        page.add_curve(
            "Energy of the flow",
            "Step",
            "Minus the objective",
            {"x": (steps, ""), "Energy": (found.plan.trace, "#c2255c")},
        )
    if problem.objective.in_per_cent:
        changes = problem.objective.changes(found.values)
        members = [[m.row.name, m.row.scenario, m.row.weight, c] for m, c in zip(checked.members, changes)]
        page.add_table("Landscapes", ["Name", "Scenario", "Weight", "Change, %"], members)
    if found.plan.notes:
        page.sections.append(
            f"<h2>The search</h2>{''.join(f'<p>{html.escape(note)}</p>' for note in found.plan.notes)}"
        )
    return page.render()


def _summary(unit: str, found: Prioritisation, numbers: dict[str, float], verdict: str) -> list[str]:
    last = found.curve[-1]
    lines = [
        f"{int(found.plan.selected.sum())} of {len(found.plan.selected)} candidates are selected, for {last.spent:g} {unit}. They raise the "
        f"target by {numbers['GAIN_PERCENT']:.3g} %.",
        verdict,
    ]
    if last.random > 0 and last.gain > 0:
        lines.insert(
            1,
            f"That is {last.gain / last.random:.3g} times what random selections gain on average ({last.random_low:.4g} to "
            f"{last.random_high:.4g}, mean {last.random:.4g})"
            + (
                f", and {last.gain / last.top_quality:.3g} times what the best habitat gains."
                if last.top_quality > 0
                else "."
            ),
        )
    if found.error:
        lines.append(
            f"The baselines are estimated from a sample of the sources, with a standard error of up to {found.error:.3g}."
        )
    return lines


def _lines(rows: list[list[float]], names: list[str]) -> dict[str, tuple[list[float], str]]:
    column = {name: [row[names.index(name)] for row in rows] for name in names}
    return {
        "x": (column["spent"], ""),
        "True gain": (column["gain"], "#c2255c"),
        "Predicted by the gradient": (column["predicted"], "#e8a33d"),
        "Elasticity threshold": (column["elasticity"], "#1971c2"),
        "Top quality": (column["top_quality"], "#2f9e44"),
        "Random, mean": (column["random"], "#868e96"),
        "Random, lowest": (column["random_low"], "#ced4da"),
        "Random, highest": (column["random_high"], "#ced4da"),
    }
