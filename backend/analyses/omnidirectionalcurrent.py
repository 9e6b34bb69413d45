"""`driftway:omnidirectionalcurrent`: currents between all cells, in a moving window."""

from __future__ import annotations

import numpy as np

from .. import omnidirectional_checks as checks
from ..declarations import Declaration, NumberOutput, RasterOutput, ReportOutput, Style
from ..html_report import HtmlReport
from ..job import Job, Report
from ..map_output import write_stored_map
from ..omnidirectional_parameters import PARAMETERS
from ..outputs import Outputs

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="omnidirectionalcurrent",
    label="Omnidirectional current",
    group="Currents",
    group_id="currents",
    summary="Maps where movement between all cells of a landscape flows, is squeezed or impeded, by circuits in a moving window.",
    help=(
        "The method of Omniscape. Every block of BLOCK x BLOCK cells with source strength is a target: it receives a current "
        "equal to the sum of its strengths from the cells within RADIUS outside the block, in proportion to their strength. "
        "The circuit is the circle of RADIUS + BUFFER around the block, its ground the block's centre; neighbours are joined "
        "by the mean of their conductances over the distance. Cumulative current is the sum of the currents through a cell over "
        "all windows; flow potential is the same with resistance 1 everywhere; normalised current is their ratio: above 1 "
        "movement is channelled, below 1 impeded, near 1 diffuse.",
        "Blocks lie side by side from the first row and column of the file; where none fits any more, at the last rows and columns, there "
        "are no targets. A block whose centre is a barrier has no ground and receives nothing. Currents that are rounding "
        "(along an edge, below 1e-9 of what the target receives) count as 0. Sources that the circle does not connect to the "
        "target send nothing: their share is lost. Every window is solved directly: no tolerance can end a run.",
        "<b>MODE</b>: corrected is right everywhere. compatible reproduces Omniscape.jl, whose maps differ in these: the block "
        "that sends nothing lies at a fixed offset from the window's corner, which is the wrong place near the top and left edge; "
        "flow potential uses the whole square around the circle and ignores nodata; strength on nodata counts; "
        "conditions take sources away after the current was shared out, so that targets receive less; artefact "
        "correction divides rounding by rounding where 4 neighbours are joined; the length of steps ignores the shape of cells.",
        "Beyond Omniscape: sources whose weight decays with distance (DECAY), targets of their own strength (TARGET), sources "
        "in a wedge only, for movement in one DIRECTION, and the sensitivity of the current to every cell: "
        "d current / d resistance, exact, with strengths and flow potential held. Cells of negative sensitivity are those "
        "whose restoration (less resistance) raises the current.",
        "An interrupted run of the same job goes on where it was. Memory depends on the radius and on the raster's width, not on "
        "its height.",
    ),
    tags=("omniscape", "circuit", "current", "moving window", "flow potential", "normalised current", "pinch point"),
    parameters=PARAMETERS,
    outputs=(
        RasterOutput(
            "CUMULATIVE_CURRENT",
            "Cumulative current",
            "Current through the cell, summed over all windows.",
            optional=True,
            style=Style("magma", "log"),
        ),
        RasterOutput(
            "FLOW_POTENTIAL",
            "Flow potential",
            "The same with resistance 1 everywhere.",
            optional=True,
            create_by_default=False,
            style=Style("mako", "quantile"),
        ),
        RasterOutput(
            "NORMALISED_CURRENT",
            "Normalised current",
            "Cumulative current / flow potential: above 1 channelled, below 1 impeded.",
            optional=True,
            style=Style("vik", "ratio"),
        ),
        RasterOutput(
            "RECLASSIFIED_RESISTANCE",
            "Reclassified resistance",
            "The resistance raster after RECLASS_TABLE.",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "log"),
        ),
        RasterOutput(
            "SENSITIVITY",
            "Sensitivity",
            "d (sum of cumulative or mean of normalised current) / d raster value.",
            optional=True,
            create_by_default=False,
            style=Style("vik", "diverging"),
        ),
        ReportOutput("REPORT", "Report", "Maps, histograms, numbers and parameters as one HTML file.", optional=True),
        NumberOutput("WINDOWS", "Windows", "Number of blocks with target strength."),
        NumberOutput("TOTAL_CURRENT", "Sum of cumulative current", "Over all cells."),
        NumberOutput("LARGEST_CURRENT", "Largest cumulative current", "Of one cell."),
        NumberOutput("MEAN_NORMALISED", "Mean normalised current", "Over all cells that can be crossed."),
    ),
    references=(
        "McRae, B. H. et al. (2016) Conserving Nature's Stage: mapping omnidirectional connectivity for resilient terrestrial "
        "landscapes in the Pacific Northwest. The Nature Conservancy, Portland. https://doi.org/10.13140/RG.2.1.4158.6166",
        "Landau, V. A. et al. (2021) Omniscape.jl: software to compute omnidirectional landscape connectivity. Journal of Open "
        "Source Software 6(57), 2829. https://doi.org/10.21105/joss.02829",
        "George, A. (1973) Nested dissection of a regular finite element mesh. SIAM Journal on Numerical Analysis 10, 345-363. "
        "https://doi.org/10.1137/0710032",
    ),
)
_NEED_NULL = ("FLOW_POTENTIAL", "NORMALISED_CURRENT", "REPORT")


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    checks.check_headers(job)


def check(job: Job, report: Report) -> checks.Prepared:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    source, window, warnings = checks.check_headers(job)
    for text in warnings:
        report.warning(text)
    return checks.prepare(
        source,
        window,
        report,
        null=_needs_null(job),
        gradient=bool(job.outputs.get("SENSITIVITY")),
        threads=job.threads,
        memory_limit=job.memory_limit,
    )


def _needs_null(job: Job) -> bool:
    wanted = any(job.outputs.get(name) for name in _NEED_NULL)
    return wanted or (bool(job.outputs.get("SENSITIVITY")) and job.parameters["SENSITIVITY_OF"] == "normalised")


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the maps and numbers of a job."""
    from .. import omnidirectional_run as running

    prepared = check(job, report)
    null, gradient = _needs_null(job), outputs.wants("SENSITIVITY")
    maps, journal = running.run_currents(
        prepared, outputs, report, null=null, mask=job.parameters["MASK_NODATA"], gradient=gradient
    )
    made = {"CUMULATIVE_CURRENT": maps.cumulative_rows}
    if null:
        made |= {"FLOW_POTENTIAL": maps.potential_rows, "NORMALISED_CURRENT": maps.normalised_rows}
    if gradient:
        of = job.parameters["SENSITIVITY_OF"]
        made["SENSITIVITY"] = running.run_sensitivity(prepared, maps, journal, of, report).__getitem__
    if outputs.wants("RECLASSIFIED_RESISTANCE"):
        source = prepared.source
        made["RECLASSIFIED_RESISTANCE"] = lambda rows: source.movement(rows.start, rows.stop - rows.start)
    report.progress(1, "Writing the results")
    total, _, largest = running.statistics(prepared, maps.cumulative_rows)
    mean = running.statistics(prepared, maps.normalised_rows)[1] if null else np.nan
    numbers = {
        "WINDOWS": maps.windows,
        "TOTAL_CURRENT": total,
        "LARGEST_CURRENT": largest,
        "MEAN_NORMALISED": mean,
    }
    labels = {output.name: output.label for output in DECLARATION.outputs}
    for name, values in made.items():
        write_stored_map(outputs, name, job, prepared.source.grid, {labels[name]: running.MapRows(values)})
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        for name, values in made.items():
            running.show(page, name, prepared, values)
        outputs.write_text("REPORT", page.render())
    return numbers
