"""`driftway:evaluatescenarios`: what each of several scenarios does to connectivity."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from .. import landscape_headers, landscape_survey
from ..declarations import Declaration, File, NumberOutput, Raster, ReportOutput, TableOutput
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_headers import LandscapeHeaders
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES
from ..landscape_plan import LandscapePlan, plan_landscape
from ..landscape_survey import Survey
from ..outputs import Outputs
from ..raster_grid import grid_difference
from ..raster_io import RasterBand
from ..several_landscapes import Row, Table
from ..wording import counted

_GIVEN = ("name", "quality", "movement", "dispersal_distance")
_COLUMNS = ("scenario", "C", "ECA", "gain", "gain_percent", "quality_sum", "changed_cells")
_STACKS = {"STACK_QUALITY": "QUALITY", "STACK_MOVEMENT": "MOVEMENT"}

_SCENARIOS = (
    File(
        "SCENARIOS",
        "Table of scenarios",
        "A CSV file with a row for each scenario: columns name, quality, movement (raster files, relative to the table's folder; empty: "
        "the raster given above), dispersal_distance.",
        ending="csv",
        optional=True,
    ),
    Raster(
        "STACK_QUALITY",
        "Quality, a band for each scenario",
        "Instead of a table, or beside it: each band is the quality of a scenario.",
        grid_of="QUALITY",
        optional=True,
    ),
    Raster(
        "STACK_MOVEMENT",
        "Movement, a band for each scenario",
        "The same for the movement raster. With both stacks, bands of the same number belong together.",
        grid_of="QUALITY",
        optional=True,
    ),
)

DECLARATION = Declaration(
    id="evaluatescenarios",
    label="Evaluate scenarios",
    group="Landscape",
    group_id="landscape",
    summary="Computes the connectivity of several scenarios and what each gains over the landscape as it is.",
    help=(
        "Scenarios are other rasters of quality, of movement, or both, on the same grid: land use in 2050, a road, a restoration plan. "
        "For each the table holds C, the equivalent connected area ECA, and what C gains over the landscape given above. Scenarios that "
        "differ from it in some cells only are quick: only the sources within reach of a changed cell are computed again.",
        *DEFINITIONS,
    ),
    tags=("scenarios", "comparison", "climate", "land use", "connectivity", "planning"),
    parameters=(*LANDSCAPE[:5], *_SCENARIOS, *LANDSCAPE[5:]),
    outputs=(
        TableOutput("TABLE", "Scenarios", f"CSV: a row for each scenario with {', '.join(_COLUMNS)}.", optional=True),
        ReportOutput("REPORT", "Report", "Table and parameters as one HTML file.", optional=True),
        NumberOutput("C", "Connectivity", "C of the landscape as it is.", unit="quality x quality"),
        NumberOutput("BEST_GAIN", "Largest gain", "C of the best scenario minus C as it is.", unit="quality x quality"),
        NumberOutput(
            "WORST_GAIN", "Smallest gain", "C of the worst scenario minus C as it is.", unit="quality x quality"
        ),
        NumberOutput("SCENARIO_COUNT", "Scenarios", "Number of scenarios."),
    ),
    references=REFERENCES,
)


def _rows(job: Job) -> list[Row]:
    """Return the landscape as it is, then the scenarios."""
    values = job.parameters
    rows = [Row("as it is", job)]
    if values["SCENARIOS"]:
        rows += Table("SCENARIOS", "scenario", _GIVEN).rows(job)
    counts = {}
    for stack in _STACKS:
        if values[stack]:
            band = RasterBand(values[stack], 1, stack)
            counts[stack] = band.band_count
    if len(set(counts.values())) > 1:
        raise InputError(
            "STACK_MOVEMENT",
            f"It has {counted(counts['STACK_MOVEMENT'], 'band')}, STACK_QUALITY {counts['STACK_QUALITY']}.",
            "Give both a band for each scenario.",
        )
    for number in range(1, max(counts.values(), default=0) + 1):
        given = dict(values)
        for stack in counts:
            given[_STACKS[stack]], given[f"{_STACKS[stack]}_BAND"] = values[stack], number
        rows.append(Row(f"band {number}", replace(job, parameters=given)))
    names = [row.name for row in rows]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InputError(
            "SCENARIOS",
            f"It names a scenario '{double}', as another row of the results is named.",
            "Give it another name.",
        )
    if len(rows) == 1:
        raise InputError(
            "SCENARIOS", "There is no scenario.", "Give a table, or a raster with a band for each scenario."
        )
    return rows


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    _headers(job)


def _headers(job: Job) -> list[tuple[Row, LandscapeHeaders]]:
    found: list[tuple[Row, LandscapeHeaders]] = []
    for row in _rows(job):
        try:
            headers = landscape_headers.check_headers(row.job)
        except InputError as error:
            if not found:
                raise
            _check_quality_grid(row, found[0][1])
            raise InputError("SCENARIOS", f"Scenario '{row.name}': {error}", "") from error
        difference = grid_difference(found[0][1].grid, headers.grid) if found else ""
        if difference:
            raise InputError(
                "SCENARIOS",
                f"Scenario '{row.name}': its grid is not that of QUALITY: {difference}.",
                "Warp it to that grid.",
            )
        found.append((row, headers))
    return found


def _check_quality_grid(row: Row, first: LandscapeHeaders) -> None:
    """Raise `InputError` when it is the scenario's quality, not its movement, that lies on another grid."""
    values = row.job.parameters
    grid = RasterBand(values["QUALITY"], values["QUALITY_BAND"], "SCENARIOS").grid
    difference = grid_difference(first.bands["QUALITY"].grid, grid)
    if difference:
        raise InputError(
            "SCENARIOS",
            f"Scenario '{row.name}': the grid of its quality is not that of QUALITY: {difference}.",
            "Warp it to that grid.",
        )


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    return _checked(job, report)[0][1]


def _checked(job: Job, report: Report) -> list[tuple[Row, LandscapePlan]]:
    surveyed: list[tuple[Row, LandscapeHeaders, Survey]] = []
    for row, headers in _headers(job):
        try:
            surveyed.append((row, headers, landscape_survey.survey(headers, report)))
        except InputError as error:
            if not surveyed:
                raise
            raise InputError("SCENARIOS", f"Scenario '{row.name}': {error}", "") from error
    smallest = min(found.smallest_resistance for _, _, found in surveyed)
    plans = []
    first: LandscapePlan | None = None
    for row, headers, found in surveyed:
        if first is None or headers.dispersal != first.headers.dispersal:
            plan = plan_landscape(row.job, headers, found, report, gradient=False, smallest_resistance=smallest)
            first = first or plan
        else:
            plan = LandscapePlan(headers, found, first.windows)
        plans.append((row, plan))
    return plans


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute C of every scenario."""
    from ..answers import Answers
    from ..landscape import read_landscape
    from ..planning_job import STATE_BYTES, connectivity_target
    from ..prioritisation_output import table
    from ..window_plan import settled

    checked = _checked(job, report)
    read = [[row.name, plan.survey.content, repr(plan.headers.dispersal)] for row, plan in checked]
    journal = outputs.journal({"scenarios": json.dumps(read)}, 2 * STATE_BYTES * checked[0][1].headers.grid.cells)
    checked = [
        (row, replace(plan, windows=settled(plan.windows, journal, job.memory_limit, f"plan {number}")))
        for number, (row, plan) in enumerate(checked)
    ]
    base_row, base_plan = checked[0]
    base = read_landscape(base_row.job, base_plan, report)
    target = connectivity_target(base_row.job, base_plan, base, report, index="C")
    answers = Answers(journal, [target], report)
    rows = []
    before: dict[object, float] = {}
    for number, (row, plan) in enumerate(checked):
        report.progress(number / len(checked), f"Scenario '{row.name}'" if number else "The landscape as it is")
        landscape = base if not number else read_landscape(row.job, plan, report)
        resistance, quality = landscape.resistance, np.nan_to_num(landscape.quality).astype(landscape.dtype)
        own = plan.headers.dispersal != base_plan.headers.dispersal
        # Of another dispersal distance nothing of what is known helps.
        target_here = connectivity_target(row.job, plan, landscape, report, index="C") if own else target
        if not own:
            answers.move(lambda r=resistance, q=quality: target.move(r, q, report))
        (total,) = answers.ask(row.name, lambda here=target_here: np.array([here.value(report)])).tolist()
        squares = float((quality[np.isfinite(resistance)].astype(float) ** 2).sum())
        if not number:
            before["C"] = total
        changed = (resistance != base.resistance) | (quality != np.nan_to_num(base.quality).astype(base.dtype))
        pairs = total - squares * bool(job.parameters["SELF"])
        gain = total - before["C"]
        rows.append(
            [
                row.name,
                total,
                float(np.sqrt(pairs + squares)),
                gain,
                100 * gain / (before["C"] or np.nan),
                float(quality[np.isfinite(resistance)].sum()),
                int(changed.sum()),
            ]
        )
        if number and not changed.any() and not own:
            report.warning(f"Scenario '{row.name}' is the landscape as it is.")
    gains = [row[3] for row in rows[1:]]
    numbers = {"C": before["C"], "BEST_GAIN": max(gains), "WORST_GAIN": min(gains), "SCENARIO_COUNT": len(gains)}
    report.progress(1, "Writing the results")
    outputs.write_text("TABLE", table(list(_COLUMNS), rows))
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_table("Scenarios", list(_COLUMNS), rows)
        outputs.write_text("REPORT", page.render())
    return numbers
