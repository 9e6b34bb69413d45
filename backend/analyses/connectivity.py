"""`driftway:connectivity`: how well the habitat of each cell is connected."""

from __future__ import annotations

import math

import numpy as np

from .. import distance_constants, landscape_headers, landscape_survey
from ..coarse_plan import check_coarsening, with_coarse_plan
from ..criticality_plan import check_criticality
from ..declarations import Declaration, Flag, NumberOutput, RasterOutput, ReportOutput, Style
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_parameters import COARSENING, COARSENING_ERROR, DEFINITIONS, LANDSCAPE, REFERENCES
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
        "Isolation is the mean distance to the habitat within reach, weighted by quality; closeness its inverse times the share "
        "of the other quality that is within reach (as Wasserman and Faust correct it). Criticality is the true loss of C "
        "without the cell, where sensitivity is that of a small change.",
    ),
    tags=("connectivity", "habitat", "dispersal", "least cost", "corridor", "ecology", "ECA", "PC"),
    parameters=(
        *LANDSCAPE,
        Flag(
            "METAPOPULATION",
            "Compute the metapopulation capacity",
            "The leading eigenvalue of the matrix q<sub>i</sub> k(d<sub>ij</sub>) q<sub>j</sub>, whose diagonal is 0, or "
            "q<sub>i</sub>&sup2; with SELF. By repeated passes over all windows, usually 10 to 40, until the relative residual is "
            "below 1e-7.",
            advanced=True,
        ),
        COARSENING,
    ),
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
        RasterOutput(
            "CLOSENESS",
            "Closeness",
            "1 / isolation, times the share of all other quality that lies within reach; 0 where none does.",
            unit="1 / unit of the distance",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "quantile"),
        ),
        RasterOutput(
            "ISOLATION",
            "Isolation",
            "Mean distance to the habitat within reach, weighted by its quality; nodata where there is none.",
            unit="unit of the distance",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "METAPOPULATION_SHARE",
            "Share of the metapopulation capacity",
            "Eigenvector of the metapopulation capacity, scaled to sum 1: where the metapopulation lives. See METAPOPULATION.",
            optional=True,
            create_by_default=False,
            style=Style("mako", "quantile"),
        ),
        RasterOutput(
            "CRITICALITY",
            "Criticality",
            "What connectivity loses when the cell is taken away, as habitat and as a way. For small rasters and short distances: the plan "
            "says how long it takes.",
            unit="quality x quality",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
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
        COARSENING_ERROR,
        NumberOutput(
            "METAPOPULATION_CAPACITY",
            "Metapopulation capacity",
            "Leading eigenvalue of q k q; with METAPOPULATION or its map.",
            unit="quality x quality",
        ),
    ),
    references=(
        *REFERENCES,
        "Hanski, I. & Ovaskainen, O. (2000) The metapopulation capacity of a fragmented landscape. Nature 404, 755-758. "
        "https://doi.org/10.1038/35008063",
        "Wasserman, S. & Faust, K. (1994) Social Network Analysis: Methods and Applications, section 5.2. Cambridge University Press. "
        "https://doi.org/10.1017/CBO9780511815478",
    ),
)


_IN_EVERY_REPORT = ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT")


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    check_coarsening(job, landscape_headers.check_headers(job))


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    headers = landscape_headers.check_headers(job)
    check_coarsening(job, headers)
    found = landscape_survey.survey(headers, report)
    by_pass = job.parameters["COARSENING"] == 1 and not job.outputs.get("CRITICALITY")
    plan = plan_landscape(job, headers, found, report, gradient=False, streams=True, by_pass=by_pass)
    if job.outputs.get("CRITICALITY"):
        check_criticality(plan, job, report)
    return with_coarse_plan(plan, job, report, gradient=False)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the maps and numbers of a job."""
    from ..connectivity import ConnectivityRows, connectivity_by_rows, isolation_and_closeness
    from ..landscape import open_landscape

    plan = check(job, report)
    labels = {o.name: o.label for o in DECLARATION.outputs if isinstance(o, RasterOutput)}
    wanted = [n for n in labels if outputs.wants(n) or (outputs.wants("REPORT") and n in _IN_EVERY_REPORT)]
    maps = StoredMaps(outputs, plan, {name: {"map": labels[name]} for name in wanted})
    landscape = open_landscape(job, plan, maps.journal, report)
    count_self = job.parameters["SELF"]

    def take(rows: ConnectivityRows) -> None:
        accessible = rows.accessible + rows.quality * count_self
        maps.put("FUNCTIONAL_HABITAT", "map", rows.first, rows.quality * accessible, rows.node)
        maps.put("ACCESSIBLE_HABITAT", "map", rows.first, accessible, rows.node)
        isolation, closeness = isolation_and_closeness(rows, plan.survey.total_quality)
        maps.put("ISOLATION", "map", rows.first, isolation, np.isfinite(isolation))
        maps.put("CLOSENESS", "map", rows.first, closeness, rows.node & np.isfinite(closeness))

    report.progress(0, "Computing connectivity")
    coarsening_error = 0.0
    if landscape.coarse is None:
        found = connectivity_by_rows(
            landscape.model,
            landscape.windows,
            landscape.cells,
            take,
            report,
            journal=maps.journal.pass_("connectivity"),
        )
    else:
        from ..coarsening import coarse_connectivity_by_rows

        found, error = coarse_connectivity_by_rows(
            landscape.model, landscape.coarse, landscape.cells, take, report, maps.journal
        )
        coarsening_error = 100 * error.total
    eca = math.sqrt(found.total + found.self_total)
    numbers = {
        "C": found.total + found.self_total * count_self,
        "ECA": eca,
        "PC": (eca / plan.survey.nodes) ** 2,
        "HABITAT_AREA": plan.headers.area(plan.survey.habitat_of_rows()),
        "MEAN_DISTANCE": found.mean_distance,
        "COARSENING_ERROR": coarsening_error,
    }
    if job.parameters["METAPOPULATION"] or outputs.wants("METAPOPULATION_SHARE"):
        from ..metapopulation import metapopulation_capacity

        metapopulation = metapopulation_capacity(
            landscape.model,
            landscape.windows,
            landscape.cells,
            report,
            count_self=count_self,
            journal=maps.journal,
        )
        numbers["METAPOPULATION_CAPACITY"] = metapopulation.capacity
        maps.put("METAPOPULATION_SHARE", "map", 0, metapopulation.contribution, metapopulation.node)
    if outputs.wants("CRITICALITY"):
        from ..criticality_of_paths import criticality_of_landscape

        lost = criticality_of_landscape(
            landscape.model,
            landscape.windows,
            landscape.cells,
            report,
            follows=distance_constants.distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS"),
            threads=job.threads,
            journal=maps.journal,
        )
        maps.put("CRITICALITY", "map", 0, lost.loss + count_self * lost.quality**2, lost.node)
    report.progress(1, "Writing the results")
    maps.write(outputs, job)
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        maps.show(page)
        outputs.write_text("REPORT", page.render())
    return numbers
