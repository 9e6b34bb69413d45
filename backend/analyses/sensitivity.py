"""`driftway:sensitivity`: which cells connectivity depends on most."""

from __future__ import annotations

from collections.abc import Sequence

from .. import landscape_headers, landscape_survey
from ..coarse_plan import check_coarsening, with_coarse_plan
from ..declarations import Choice, Declaration, NumberOutput, RasterOutput, ReportOutput, Style
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_parameters import COARSENING, COARSENING_ERROR, DEFINITIONS, LANDSCAPE, REFERENCES
from ..landscape_plan import LandscapePlan, plan_landscape
from ..outputs import Outputs
from ..stored_maps import StoredMaps

DECLARATION = Declaration(
    id="sensitivity",
    label="Sensitivity",
    group="Landscape",
    group_id="landscape",
    summary="Maps how much connectivity changes when a cell's permeability, resistance, cost or quality changes a little.",
    help=(
        "The exact gradient of connectivity C with respect to every cell of the movement raster or of the quality "
        "raster, as they were given (before any transformation). Sensitivity is the gain in C per unit of change, "
        "elasticity = value x sensitivity the gain per relative change. With several choices the outputs have one band "
        "each, in the order movement, quality, movement cost. With STEP_COST = Raster, movement is the affinity of steps alone, and movement "
        "cost their cost; otherwise the cost follows from the affinity, and the gradient goes through both.",
        *DEFINITIONS,
        "Where several cheapest paths tie, the gradient is shared equally among their steps. Pairs at the cut-off are "
        "held: the gradient is that of the pairs that count now. Barriers and nodata have no sensitivity (nodata).",
    ),
    tags=("sensitivity", "elasticity", "gradient", "connectivity", "corridor", "pinch point", "barrier"),
    parameters=(
        *LANDSCAPE[:5],
        Choice(
            "WITH_RESPECT_TO",
            "Sensitivity to",
            "Movement: the movement raster, permeability or resistance as given. Quality: the quality raster. Movement cost: "
            "MOVEMENT_COST, for randomised shortest paths with STEP_COST = Raster.",
            options=(("movement", "Movement"), ("quality", "Quality"), ("movement_cost", "Movement cost")),
            default=("movement",),
            several=True,
        ),
        *LANDSCAPE[5:],
        COARSENING,
    ),
    outputs=(
        RasterOutput(
            "SENSITIVITY",
            "Sensitivity",
            "dC / d input: change of C per unit of change in the cell.",
            unit="C per unit of the input",
            optional=True,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "ELASTICITY",
            "Elasticity",
            "input x dC / d input: change of C per relative change in the cell.",
            optional=True,
            unit="C",
            style=Style("magma", "quantile"),
        ),
        ReportOutput("REPORT", "Report", "Maps, histograms, numbers and parameters as one HTML file.", optional=True),
        NumberOutput(
            "C", "Connectivity C", "The connectivity of which this is the gradient.", unit="quality x quality"
        ),
        NumberOutput(
            "DISPERSAL_SENSITIVITY",
            "Sensitivity to the dispersal distance",
            "dC / d (dispersal distance) for the pairs that count now.",
            unit="C per unit of the distance",
        ),
        NumberOutput(
            "DISPERSAL_ELASTICITY",
            "Elasticity to the dispersal distance",
            "Dispersal distance x its sensitivity.",
            unit="C",
        ),
        NumberOutput(
            "THETA_SENSITIVITY",
            "Sensitivity to theta",
            "dC / d theta for the pairs that count now; of randomised shortest paths.",
            unit="C per unit of theta",
        ),
        NumberOutput("THETA_ELASTICITY", "Elasticity to theta", "Theta x its sensitivity.", unit="C"),
        COARSENING_ERROR,
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    _headers(job)


def _headers(job: Job) -> landscape_headers.LandscapeHeaders:
    headers = landscape_headers.check_headers(job)
    check_coarsening(job, headers)
    if "movement_cost" in job.parameters["WITH_RESPECT_TO"] and "MOVEMENT_COST" not in headers.bands:
        raise InputError(
            "WITH_RESPECT_TO",
            "The costs of steps are not those of a raster of their own: nothing to differentiate with respect to.",
            "Choose a distance of randomised shortest paths, STEP_COST = Raster and MOVEMENT_COST, or leave 'Movement cost' out.",
        )
    return headers


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    headers = _headers(job)
    found = landscape_survey.survey(headers, report)
    if job.parameters["PROXIMITY"] == "threshold" and "movement" in job.parameters["WITH_RESPECT_TO"]:
        report.warning("Under the threshold proximity small changes of movement change nothing: the map is 0.")
    by_pass = job.parameters["COARSENING"] == 1
    plan = plan_landscape(job, headers, found, report, gradient=True, streams=True, by_pass=by_pass)
    return with_coarse_plan(plan, job, report, gradient=True)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the maps and numbers of a job."""
    from ..landscape import open_landscape
    from ..sensitivity import SensitivityRows, sensitivity_by_rows

    plan = check(job, report)
    chosen = job.parameters["WITH_RESPECT_TO"]
    label = {"movement": job.parameters["MOVEMENT_KIND"], "quality": "quality", "movement_cost": "movement cost"}
    names = [name for name in ("SENSITIVITY", "ELASTICITY") if outputs.wants(name) or outputs.wants("REPORT")]
    bands = {name: {to: f"{name.capitalize()} to {label[to]}" for to in _in_order(chosen)} for name in names}
    maps = StoredMaps(outputs, plan, bands)
    landscape = open_landscape(job, plan, maps.journal, report)

    def take(rows: SensitivityRows) -> None:
        for name, of_cells in (("SENSITIVITY", rows.sensitivity), ("ELASTICITY", rows.elasticity)):
            for to, values in of_cells.items():
                maps.put(name, to, rows.first, values, rows.node)

    report.progress(0, "Computing sensitivity")
    count_self = job.parameters["SELF"]
    found, coarsening_error = sensitivity_by_rows(
        landscape, chosen, take, report, count_self=count_self, journal=maps.journal
    )
    dispersal = plan.headers.dispersal
    numbers = {
        "C": found.total + plan.survey.squared_quality * count_self,
        "DISPERSAL_SENSITIVITY": found.scale * dispersal.scale_per_distance,
        "DISPERSAL_ELASTICITY": found.scale * dispersal.scale,
        "COARSENING_ERROR": 100 * coarsening_error,
    }
    if found.of_distance:
        numbers["THETA_SENSITIVITY"] = found.of_distance[0]
        numbers["THETA_ELASTICITY"] = found.of_distance[0] * job.parameters["THETA"]
    report.progress(1, "Writing the results")
    maps.write(outputs, job)
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        maps.show(page)
        outputs.write_text("REPORT", page.render())
    return numbers


def _in_order(chosen: Sequence[str]) -> list[str]:
    """Return what was chosen in the order of the bands."""
    return [to for to in ("movement", "quality", "movement_cost") if to in chosen]
