"""`driftway:connectivity`: how well the habitat of each cell is connected."""

from __future__ import annotations

import math

from .. import landscape_checks
from ..declarations import Declaration, NumberOutput, RasterOutput, ReportOutput, Style
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES, WRAP
from ..landscape_plan import LandscapePlan, plan_landscape
from ..outputs import Outputs
from ..stored_maps import StoredMaps

DECLARATION = Declaration(
    id="connectivity",
    label="Connectivity",
    group="Landscape",
    group_id="landscape",
    summary="Maps how well each cell's habitat is connected to all other habitat that animals can reach.",
    help=(
        "From a habitat quality raster and a movement raster (permeability or resistance) this maps functional "
        "habitat h<sub>i</sub> = q<sub>i</sub> &Sigma;<sub>j</sub> k(d<sub>ij</sub>) q<sub>j</sub> and accessible "
        "habitat &Sigma;<sub>j</sub> k(d<sub>ij</sub>) q<sub>j</sub>, and sums them up to one number, C.",
        *DEFINITIONS,
        "ECA = sqrt(C with the pairs i = j) is the amount of habitat, in cells of quality 1, that would be as good if it "
        "were all in one place; PC = ECA&sup2; / A<sub>L</sub>&sup2; with A<sub>L</sub> the number of valid cells.",
    ),
    tags=("connectivity", "habitat", "dispersal", "least cost", "corridor", "ecology", "ECA", "PC"),
    parameters=(*LANDSCAPE, WRAP),
    outputs=(
        RasterOutput(
            "FUNCTIONAL_HABITAT",
            "Functional habitat",
            "Quality of the cell times the quality it can reach, weighted by proximity. Sums up to C.",
            unit="quality x quality",
            optional=True,
            style=Style("viridis", "quantile"),
        ),
        RasterOutput(
            "ACCESSIBLE_HABITAT",
            "Accessible habitat",
            "Quality that can be reached from the cell, weighted by proximity.",
            optional=True,
            unit="quality x cells",
            style=Style("mako", "quantile"),
        ),
        ReportOutput("REPORT", "Report", "Maps, histogram, numbers and parameters as one HTML file.", optional=True),
        NumberOutput("C", "Connectivity C", "Sum of functional habitat.", unit="quality x quality"),
        NumberOutput("ECA", "Equivalent connected area", "sqrt(C with self terms).", unit="cells of quality 1"),
        NumberOutput("PC", "Probability of connectivity", "ECA^2 / (number of valid cells)^2."),
        NumberOutput("HABITAT_AREA", "Habitat area", "Area of the cells with quality > 0.", unit="square map units"),
        NumberOutput(
            "MEAN_DISTANCE",
            "Quality-weighted mean distance",
            "Mean distance over the pairs that count, weighted by the product of their qualities.",
            unit="map units, or the unit of the distance",
        ),
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    landscape_checks.check_headers(job, geographic=True)


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    headers = landscape_checks.check_headers(job, geographic=True)
    found = landscape_checks.survey(headers, report)
    return plan_landscape(job, headers, found, report, gradient=False, streams=True)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the maps and numbers of a job."""
    from ..connectivity import ConnectivityRows, connectivity_by_rows
    from ..landscape import open_landscape

    plan = check(job, report)
    labels = {o.name: o.label for o in DECLARATION.outputs if isinstance(o, RasterOutput)}
    wanted = [name for name in labels if outputs.wants(name) or outputs.wants("REPORT")]
    maps = StoredMaps(outputs, plan, {name: {"map": labels[name]} for name in wanted})
    landscape = open_landscape(job, plan, maps.journal, report)
    count_self = job.parameters["SELF"]

    def take(rows: ConnectivityRows) -> None:
        accessible = rows.accessible + rows.quality * count_self
        maps.put("FUNCTIONAL_HABITAT", "map", rows.first, rows.quality * accessible, rows.node)
        maps.put("ACCESSIBLE_HABITAT", "map", rows.first, accessible, rows.node)

    report.progress(0, "Computing connectivity")
    found = connectivity_by_rows(
        landscape.model,
        landscape.windows,
        landscape.cells,
        take,
        report,
        journal=maps.journal.pass_("connectivity"),
    )
    eca = math.sqrt(found.total + found.self_total)
    numbers = {
        "C": found.total + found.self_total * count_self,
        "ECA": eca,
        "PC": (eca / plan.survey.nodes) ** 2,
        "HABITAT_AREA": plan.headers.area(plan.survey.habitat_of_rows()),
        "MEAN_DISTANCE": found.mean_distance,
    }
    report.progress(1, "Writing the results")
    maps.write(outputs, job)
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        maps.show(page)
        outputs.write_text("REPORT", page.render())
    return numbers
