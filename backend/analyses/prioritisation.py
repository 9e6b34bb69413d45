"""`driftway:prioritisation`: where acting raises connectivity most for a budget."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, fields

import numpy as np

from .. import candidates as candidate_cells
from .. import landscape_checks
from ..actions import Action
from ..declarations import (
    Band,
    Choice,
    Declaration,
    Number,
    NumberOutput,
    Raster,
    RasterOutput,
    ReportOutput,
    Style,
    TableOutput,
)
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES
from ..landscape_plan import LandscapePlan, plan_landscape
from ..map_output import write_map
from ..outputs import Outputs

_ACTION = (
    Choice(
        "ACTION",
        "Action",
        "What is done to a selected cell. Permeability of a resistance raster is 1 / resistance. Protect: every "
        "candidate that is not selected loses AMOUNT of its quality (not below 0); what protection gains is the loss "
        "that it avoids.",
        options=(
            ("raise_permeability", "Raise permeability by"),
            ("raise_permeability_to", "Raise permeability to"),
            ("raise_quality", "Raise quality by"),
            ("raise_quality_to", "Raise quality to"),
            ("protect", "Protect against a loss of quality of"),
        ),
        default="raise_permeability",
    ),
    Number(
        "AMOUNT",
        "Amount",
        "By how much, or to what value, in units of the raster that the action changes.",
        default=0.4,
        minimum=1e-9,
    ),
    Number(
        "BUDGET",
        "Budget",
        "How much can be spent: cells, area in map units, or cost, see BUDGET_UNIT.",
        minimum=0.0,
        default=100.0,
    ),
    Choice(
        "BUDGET_UNIT",
        "Budget is in",
        "Automatic: cost where there is a cost raster, else number of cells. Area: square map units.",
        options=(("automatic", "Automatic"), ("cells", "Cells"), ("area", "Area"), ("cost", "Cost")),
        default="automatic",
        advanced=True,
    ),
    Raster(
        "COST",
        "Cost",
        "What acting in each cell costs, > 0. Cells without a cost are no candidates.",
        grid_of="QUALITY",
        optional=True,
    ),
    Band("COST_BAND", "Cost band", "Band of the cost raster.", raster="COST", optional=True, advanced=True),
    Raster(
        "CANDIDATES",
        "Candidate cells",
        "Cells where action is possible (any valid value but 0). Empty: every cell that is no barrier.",
        grid_of="QUALITY",
        optional=True,
    ),
    Raster(
        "LOCKED_IN",
        "Locked in",
        "Cells (any valid value but 0) that are selected first and count against the budget.",
        grid_of="QUALITY",
        optional=True,
    ),
    Raster(
        "LOCKED_OUT",
        "Locked out",
        "Cells (any valid value but 0) that are never selected.",
        grid_of="QUALITY",
        optional=True,
    ),
    Choice(
        "RANK_BY",
        "Rank by",
        "Gain: sensitivity x the change that the action makes. Sensitivity, elasticity: as they are. All are divided "
        "by the cost where the budget is a cost.",
        options=(("gain", "Predicted gain"), ("sensitivity", "Sensitivity"), ("elasticity", "Elasticity")),
        default="gain",
    ),
    Number(
        "ROUNDS",
        "Rounds",
        "The budget is spent in this many equal parts; before each the sensitivity is computed anew on the landscape as "
        "it then is.",
        default=5,
        minimum=1,
        maximum=1000,
        integer=True,
    ),
    Number(
        "SEED",
        "Seed of the random baseline",
        "The same seed draws the same cells.",
        default=0,
        minimum=0,
        maximum=2147483647,
        integer=True,
        advanced=True,
    ),
)

DECLARATION = Declaration(
    id="prioritisation",
    label="Prioritisation",
    group="Landscape",
    group_id="landscape",
    summary="Selects the cells where restoring or protecting land raises connectivity most for a budget.",
    help=(
        "Ranks candidate cells by what the gradient of connectivity says that acting there would gain, spends the budget "
        "in rounds, and recomputes the gradient after each. The gain that is reported is the true one: C of the changed "
        "landscape minus C before. It stands beside the gain that the gradient predicted, beside that of a random "
        "selection and of the candidates of the highest quality, at the same budget.",
        "Locked-in cells are taken first, whatever they cost, as far as the budget goes; a budget that they exceed is an "
        "error. RANK is 1 for the first cell selected; candidates that are not selected follow in the order of their "
        "last score.",
        *DEFINITIONS,
    ),
    tags=("prioritisation", "restoration", "protection", "budget", "connectivity", "planning"),
    parameters=(*LANDSCAPE[:5], *_ACTION, *LANDSCAPE[5:]),
    outputs=(
        RasterOutput(
            "SELECTION",
            "Selection",
            "1 = selected, 0 = candidate that is not selected; nodata elsewhere.",
            optional=True,
            style=Style("viridis", "classes", ((0, "Not selected", "#d9d9d9"), (1, "Selected", "#c2255c"))),
        ),
        RasterOutput(
            "RANK",
            "Rank",
            "1 = the first cell to act in.",
            optional=True,
            style=Style("magma", "linear"),
        ),
        TableOutput(
            "CURVE",
            "Gain against budget",
            "CSV: one row per round with cells, cost, predicted and true gain, random and top-quality baselines.",
            optional=True,
        ),
        ReportOutput("REPORT", "Report", "Maps, gain curve and parameters as one HTML file.", optional=True),
        NumberOutput("C_BEFORE", "Connectivity before", "C of the landscape without action.", unit="quality x quality"),
        NumberOutput("GAIN", "True gain", "C with the selection minus C before.", unit="quality x quality"),
        NumberOutput("GAIN_PREDICTED", "Predicted gain", "What the gradients promised.", unit="quality x quality"),
        NumberOutput("GAIN_RANDOM", "Gain of a random selection", "At the same budget.", unit="quality x quality"),
        NumberOutput(
            "GAIN_TOP_QUALITY",
            "Gain of the top-quality selection",
            "The candidates of the highest quality at the same budget.",
            unit="quality x quality",
        ),
        NumberOutput("SELECTED", "Selected cells", "Number of selected cells.", unit="cells"),
        NumberOutput("SPENT", "Spent budget", "In the unit of the budget."),
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    landscape_checks.check_headers(job, candidate_cells.RASTERS)
    candidate_cells.check_budget(job.parameters)


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    return _checked(job, report)[0]


def _action(job: Job) -> Action:
    values = job.parameters
    return Action(values["ACTION"], values["AMOUNT"], values["MOVEMENT_KIND"])


def _checked(job: Job, report: Report) -> tuple[LandscapePlan, candidate_cells.Candidates]:
    headers = landscape_checks.check_headers(job, candidate_cells.RASTERS)
    candidate_cells.check_budget(job.parameters)
    found = landscape_checks.survey(headers, report)
    action = _action(job)
    candidates = candidate_cells.read_candidates(headers, job.parameters, action, report)
    smallest = action.smallest_resistance(headers.movement, found.lowest_movement, found.highest_movement)
    if smallest == 0:
        raise InputError(
            "AMOUNT",
            f"Raising permeability by or to {action.amount:g} turns transformed resistances into 0.",
            "Choose a smaller AMOUNT or EXPONENT.",
        )
    plan = plan_landscape(job, headers, found, report, gradient=True, smallest_resistance=smallest)
    return plan, candidates


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the selection, its rank, its gain and the baselines of a job."""
    from ..landscape import read_landscape
    from ..prioritisation import prioritise

    plan, candidates = _checked(job, report)
    landscape = read_landscape(job, plan, report)
    values = job.parameters
    report.progress(0, "Round 1: gradient")
    found = prioritise(
        landscape,
        plan.windows,
        _action(job),
        candidates,
        report,
        rounds=int(values["ROUNDS"]),
        rank_by=values["RANK_BY"],
        seed=int(values["SEED"]),
        count_self=values["SELF"],
    )
    last = found.curve[-1]
    numbers = {
        "C_BEFORE": found.before,
        "GAIN": last.gain,
        "GAIN_PREDICTED": last.predicted,
        "GAIN_RANDOM": last.random,
        "GAIN_TOP_QUALITY": last.top_quality,
        "SELECTED": last.cells,
        "SPENT": last.spent,
    }
    report.progress(1, "Writing the results")
    grid, candidate = plan.headers.grid, candidates.candidate
    selection = found.selected.astype(np.uint8)
    write_map(outputs, "SELECTION", job, grid, {"Selection": selection}, candidate)
    write_map(outputs, "RANK", job, grid, {"Rank": found.rank}, candidate)
    names = [field.name for field in fields(last)]
    rows = [list(astuple(point)) for point in found.curve]
    outputs.write_text("CURVE", _table(names, rows))
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_map("SELECTION", selection, candidate)
        page.add_curve("Gain against budget", f"Budget spent ({candidates.unit})", "Gain in C", _lines(rows, names))
        page.add_table("Rounds", names, rows)
        outputs.write_text("REPORT", page.render())
    return numbers


def _table(names: list[str], rows: list[list[float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _lines(rows: list[list[float]], names: list[str]) -> dict[str, tuple[list[float], str]]:
    column = {name: [row[names.index(name)] for row in rows] for name in names}
    return {
        "x": (column["spent"], ""),
        "True gain": (column["gain"], "#c2255c"),
        "Predicted by the gradient": (column["predicted"], "#e8a33d"),
        "Top quality": (column["top_quality"], "#2f9e44"),
        "Random": (column["random"], "#868e96"),
    }
