"""`driftway:landscaperanking`: all habitat from the least to the most important for connectivity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import landscape_survey, planning_checks
from ..actions import Action
from ..candidates import Candidates
from ..declarations import (
    Choice,
    Declaration,
    Flag,
    Number,
    NumberOutput,
    RasterOutput,
    ReportOutput,
    Style,
    TableOutput,
)
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_headers import read_whole
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES
from ..landscape_plan import LandscapePlan, plan_landscape
from ..map_output import write_map
from ..outputs import Outputs
from ..planning_parameters import TARGET
from ..several_landscapes import landscapes_of

if TYPE_CHECKING:
    from ..landscape_ranking import LandscapeRanking

_RANKING = (
    Choice(
        "REMOVAL",
        "What is removed",
        "Habitat: quality falls to 0, the cell can still be crossed; only cells with habitat are ranked. Habitat and way: its "
        "permeability also falls to REMAINING; all cells that can be crossed are ranked.",
        options=(("habitat", "Habitat"), ("habitat_and_way", "Habitat and way")),
        default="habitat",
    ),
    Number(
        "REMAINING",
        "Remaining permeability",
        "For 'Habitat and way': the permeability of a removed cell, > 0 (of a resistance raster: 1 / resistance).",
        default=0.01,
        minimum=1e-6,
        advanced=True,
    ),
    Number(
        "STEPS",
        "Steps",
        "So many equal parts are removed; before each, what every cell is worth in what is left is computed anew.",
        default=20,
        minimum=1,
        maximum=100000,
        integer=True,
    ),
    Flag(
        "EDGES",
        "Remove from the edges",
        "Only cells beside removed ones, gaps or the raster's edge can go, which keeps the ranking in one piece.",
        advanced=True,
    ),
    Number(
        "SEED",
        "Seed",
        "Of the order of cells that are worth the same.",
        default=0,
        minimum=0,
        maximum=2147483647,
        integer=True,
        advanced=True,
    ),
)

DECLARATION = Declaration(
    id="landscaperanking",
    label="Landscape ranking",
    group="Landscape",
    group_id="landscape",
    summary="Ranks all habitat from the least to the most important for connectivity, by removing it step by step.",
    help=(
        "Removes in each step the cells that connectivity loses least by, until nothing is left: what is removed last matters most. "
        "The map holds each cell's place in that order, 1 for the last; its top 10 % are the cells above 0.9. The curve tells how much "
        "connectivity the remaining cells keep, beside the share of habitat quality that they hold.",
        "Each step takes a gradient of what is left, about as long as an analysis of sensitivity. More steps follow the changes more closely.",
        *DEFINITIONS,
    ),
    tags=("ranking", "zonation", "removal", "priority", "conservation", "connectivity", "planning"),
    parameters=(*LANDSCAPE[:5], *_RANKING, *(p for p in TARGET if p.name not in ("TARGET", "SITES")), *LANDSCAPE[5:]),
    outputs=(
        RasterOutput(
            "PRIORITY",
            "Priority",
            "Place in the order of removal, 0 to 1; 1 = removed last.",
            optional=True,
            style=Style("magma", "linear"),
        ),
        TableOutput(
            "CURVE",
            "Loss curve",
            "CSV: share removed, connectivity left (of several landscapes its mean change in per cent), connectivity and quality left in "
            "per cent.",
            optional=True,
        ),
        ReportOutput("REPORT", "Report", "Map, curve and parameters as one HTML file.", optional=True),
        NumberOutput("C", "Connectivity", "C of the whole landscape.", unit="quality x quality"),
        NumberOutput("KEPT_BY_10", "Kept by the top 10 %", "Connectivity that the cells above 0.9 keep.", unit="%"),
        NumberOutput("KEPT_BY_30", "Kept by the top 30 %", "Connectivity that the cells above 0.7 keep.", unit="%"),
        NumberOutput("RANKED", "Ranked cells", "Number of cells.", unit="cells"),
    ),
    references=(
        *REFERENCES,
        "Moilanen, A. et al. (2005) Prioritizing multiple-use landscapes for conservation: methods for large multi-species planning "
        "problems. Proceedings of the Royal Society B 272, 1885-1891. https://doi.org/10.1098/rspb.2005.3164",
    ),
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    planning_checks.check_problem_headers(job, ())


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    return _checked(job, report)[0].plan


def _checked(job: Job, report: Report) -> tuple[planning_checks.CheckedProblem, np.ndarray]:
    every = planning_checks.check_problem_headers(job, ())
    values = job.parameters
    name = "remove" if values["REMOVAL"] == "habitat_and_way" else "remove_quality"
    action = Action(name, values["REMAINING"], values["MOVEMENT_KIND"])
    members = []
    ranked = np.zeros((every[0].grid.rows, every[0].grid.columns), bool)
    for row, headers in zip(landscapes_of(job), every):
        try:
            found = landscape_survey.survey(headers, report)
            plan = planning_checks.planned_beside(
                row.job,
                len(every),
                headers.grid,
                lambda job, at=(headers, found): plan_landscape(job, *at, report, gradient=True),
            )
        except InputError as error:
            raise row.named(error) from error
        members.append(planning_checks.CheckedMember(row, plan, action))
        node = np.isfinite(headers.movement.resistance(read_whole(headers, "MOVEMENT", report), np))
        ranked |= node if name == "remove" else node & (np.nan_to_num(read_whole(headers, "QUALITY", report)) > 0)
    if not ranked.any():
        raise InputError(
            "QUALITY", "No cell that can be crossed has quality > 0: there is nothing to rank.", "Check the rasters."
        )
    number = np.full(ranked.shape, -1, np.int32)
    count = int(ranked.sum())
    number[ranked] = np.arange(count)
    candidates = Candidates(number, np.ones(count), np.zeros(count, bool), float(count), "cells")
    return planning_checks.CheckedProblem(members, candidates, None), ranked


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the ranking of a job."""
    from ..landscape_ranking import rank_by_removal
    from ..planning_job import journal_of, problem_of

    checked, ranked = _checked(job, report)
    values = job.parameters
    with_target = replace(job, parameters={**values, "TARGET": "c", "COMPACTNESS": 0.0})
    report.progress(0, "Reading the landscape")
    steps = min(int(values["STEPS"]), len(checked.candidates))
    problem = problem_of(with_target, checked, report, journal_of(job, checked, outputs, 3 * steps))
    quality = checked.candidates.sums(np.nan_to_num(problem.members[0].landscape.quality))
    outer = problem.report
    found = rank_by_removal(
        problem,
        steps=steps,
        from_edges=values["EDGES"],
        seed=int(values["SEED"]),
        quality=quality,
        step=lambda name, share: outer.progress(share, name),
    )
    report.progress(1, "Writing the results")
    rows, kept = _rows(problem.objective.in_per_cent, found)
    numbers = {
        "C": float(problem.objective.before[0]),
        "KEPT_BY_10": float(np.interp(0.9, rows[:, 0], kept)),
        "KEPT_BY_30": float(np.interp(0.7, rows[:, 0], kept)),
        "RANKED": len(checked.candidates),
    }
    priority = checked.candidates.spread(found.priority, 0.0)
    write_map(outputs, "PRIORITY", job, checked.plan.headers.grid, {"Priority": priority}, ranked)
    left = "change_percent" if problem.objective.in_per_cent else "connectivity"
    names = ["removed_share", left, "connectivity_percent", "quality_percent"]
    _write(job, outputs, names, rows, numbers, priority, ranked)
    return numbers


def _rows(in_per_cent: bool, found: LandscapeRanking) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the curve, and the connectivity left in per cent."""
    objective = np.array([each.objective for each in found.curve])
    kept = 100 + objective if in_per_cent else 100 * objective / max(abs(objective[0]), 1e-300)
    removed = [each.removed_share for each in found.curve]
    quality = [100 * each.quality_share for each in found.curve]
    return np.column_stack([removed, objective, kept, quality]), kept


def _write(
    job: Job,
    outputs: Outputs,
    names: list[str],
    rows: np.ndarray,
    numbers: dict[str, float],
    priority: np.ndarray,
    ranked: np.ndarray,
) -> None:
    from ..prioritisation_output import table

    outputs.write_text("CURVE", table(names, rows.tolist()))
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_map("PRIORITY", priority, ranked)
        lines = {
            "x": (rows[:, 0].tolist(), ""),
            "Connectivity left, %": (rows[:, 2].tolist(), "#c2255c"),
            "Quality left, %": (rows[:, 3].tolist(), "#2f9e44"),
        }
        page.add_curve("What is left", "Share of the ranked cells removed", "%", lines)
        page.add_table("Steps", names, rows.tolist())
        outputs.write_text("REPORT", page.render())
