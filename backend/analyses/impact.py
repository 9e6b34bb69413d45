"""`driftway:impact`: what a planned object costs connectivity, and where mitigation pays most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import landscape_headers, landscape_survey
from ..declarations import Declaration, Number, NumberOutput, RasterOutput, ReportOutput, Style, TableOutput, Vector
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_headers import read_whole
from ..landscape_parameters import DEFINITIONS, LANDSCAPE, REFERENCES
from ..landscape_plan import LandscapePlan, plan_landscape
from ..map_output import write_map
from ..outputs import Outputs
from ..planned_object import PlannedObject, read_object
from ..planning_checks import planned_beside

_OBJECT = (
    Vector(
        "OBJECT",
        "Planned object",
        "Polygons, lines or points: what is to be built. Every cell that a line touches belongs to it, so that it has no gaps; a "
        "polygon takes the cells whose centres it holds.",
    ),
    Number(
        "WIDTH",
        "Width",
        "Lines become bands of this width; polygons grow by half of it.",
        default=0.0,
        minimum=0.0,
        unit="map units",
    ),
    Number(
        "NEW_PERMEABILITY",
        "Permeability of the object",
        "Permeability of its cells afterwards, where it is lower than now. 0: a barrier. (Of a resistance raster: 1 / resistance.)",
        default=0.0,
        minimum=0.0,
    ),
    Number(
        "NEW_QUALITY",
        "Quality of the object",
        "Quality of its cells afterwards, where it is lower than now.",
        default=0.0,
        minimum=0.0,
    ),
    Number(
        "DISTURBANCE_DISTANCE",
        "Disturbance reaches",
        "So far around the object quality is lowered as well, for example by noise.",
        default=0.0,
        minimum=0.0,
        unit="map units",
        advanced=True,
    ),
    Number(
        "DISTURBED_SHARE",
        "Quality kept in the disturbed zone",
        "Share of their quality that these cells keep.",
        default=0.5,
        minimum=0.0,
        maximum=1.0,
        advanced=True,
    ),
    Number(
        "CROSSING",
        "Permeability of a crossing",
        "Of one cell of the object with a green bridge or an underpass.",
        default=0.5,
        minimum=1e-6,
    ),
    Number(
        "AMOUNT",
        "Compensation: raise permeability by",
        "What restoring a cell elsewhere would raise its permeability by.",
        default=0.1,
        minimum=1e-9,
        advanced=True,
    ),
    Number(
        "MOST_CROSSINGS",
        "Most crossings tried",
        "The true gain of a crossing is computed for every cell of the object, up to this number, evenly chosen where there are more.",
        default=2000,
        minimum=0,
        maximum=10_000_000,
        integer=True,
        advanced=True,
    ),
)
_UNIT = "quality x quality"

DECLARATION = Declaration(
    id="impact",
    label="Impact of a planned object",
    group="Landscape",
    group_id="landscape",
    summary="Computes what a road, a settlement or another planned object costs connectivity, and where mitigation pays most.",
    help=(
        "Puts the object into the landscape: its cells get the permeability and the quality given, the cells around it lose "
        "quality where DISTURBANCE_DISTANCE says so. C before and after are computed, not estimated. The loss is told apart: what "
        "connectivity loses by the habitat that goes, and what it loses beyond that because ways become longer or end.",
        "Mitigation: the true gain of a crossing at each cell of the object alone, in the landscape after building; and "
        "compensation: what the gradient promises for raising the permeability of each cell elsewhere by AMOUNT.",
        *DEFINITIONS,
    ),
    tags=("impact", "road", "barrier", "mitigation", "green bridge", "compensation", "connectivity", "planning"),
    parameters=(*LANDSCAPE[:5], *_OBJECT, *LANDSCAPE[5:]),
    outputs=(
        RasterOutput(
            "DIFFERENCE",
            "Difference of functional habitat",
            "Quality of a cell x the habitat that it reaches, after minus before; sums to minus the loss.",
            optional=True,
            unit=_UNIT,
            style=Style("vik", "diverging"),
        ),
        RasterOutput(
            "CROSSINGS",
            "Gain of a crossing",
            "True gain of C if this cell of the object alone is made a crossing.",
            optional=True,
            unit=_UNIT,
            style=Style("magma", "linear"),
        ),
        RasterOutput(
            "COMPENSATION",
            "Gain of restoration elsewhere",
            "What raising the permeability of this cell by AMOUNT promises, by the gradient after building.",
            optional=True,
            unit=_UNIT,
            style=Style("viridis", "quantile"),
        ),
        TableOutput(
            "TABLE",
            "Best crossings",
            "CSV: row, column, x, y and gain of the tried crossings, best first.",
            optional=True,
        ),
        ReportOutput("REPORT", "Report", "Maps, numbers and parameters as one HTML file.", optional=True),
        NumberOutput("C_BEFORE", "Connectivity before", "C of the landscape as it is.", unit=_UNIT),
        NumberOutput("C_AFTER", "Connectivity after", "C with the object.", unit=_UNIT),
        NumberOutput("LOSS", "Loss", "C before minus C after.", unit=_UNIT),
        NumberOutput("LOSS_PERCENT", "Loss in per cent", "Of C before.", unit="%"),
        NumberOutput("LOSS_OF_HABITAT", "Loss through habitat", "What the lower quality alone would cost.", unit=_UNIT),
        NumberOutput(
            "LOSS_OF_WAYS", "Loss through barriers", "The rest of the loss: ways that become longer or end.", unit=_UNIT
        ),
        NumberOutput("BEST_CROSSING", "Gain of the best crossing", "Empty when none was tried.", unit=_UNIT),
        NumberOutput("OBJECT_CELLS", "Cells of the object", "Number of cells.", unit="cells"),
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    from ..parcels import polygon_layer

    headers = _headers(job)
    polygon_layer(job.parameters["OBJECT"], headers.grid, "OBJECT", ("polygon", "line", "point"))


def _headers(job: Job) -> landscape_headers.LandscapeHeaders:
    headers = landscape_headers.check_headers(job)
    for name in ("WIDTH", "DISTURBANCE_DISTANCE"):
        if headers.sphere and job.parameters[name]:
            raise InputError(
                name,
                "On rasters of longitudes and latitudes map units are degrees, which are not equally long in all directions.",
                "Set it to 0 and draw the band as a polygon, or reproject rasters and object to a projected CRS.",
            )
    return headers


def check(job: Job, report: Report) -> LandscapePlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    return _checked(job, report)[0]


def _checked(job: Job, report: Report) -> tuple[LandscapePlan, PlannedObject]:
    headers = _headers(job)
    found = landscape_survey.survey(headers, report)
    planned = read_object(job.parameters, headers.grid, report)
    movement = read_whole(headers, "MOVEMENT", report)
    node = np.isfinite(headers.movement.resistance(movement, np))
    if not (planned.cells & node).any():
        report.warning("OBJECT: it takes no cell that can be crossed; only quality can change.")
    quality = np.nan_to_num(read_whole(headers, "QUALITY", report))
    if not _changes(job, planned, movement, quality, node):
        report.warning(
            "OBJECT: it changes nothing. Its cells already have the permeability and quality of the object, or lower ones."
        )
    kind = headers.movement.kind
    higher = [job.parameters["CROSSING"], _most_permeable(movement[node], kind) + job.parameters["AMOUNT"]]
    ease = max(higher)
    with np.errstate(over="ignore"):
        changed = float(headers.movement.resistance(np.array([ease if kind == "permeability" else 1 / ease]), np)[0])
    if changed == 0:
        raise InputError("CROSSING", "The transformation turns it into resistance 0.", "Choose a smaller one.")
    smallest = min(found.smallest_resistance, changed)

    def plan(job: Job) -> LandscapePlan:
        return plan_landscape(job, headers, found, report, gradient=True, smallest_resistance=smallest)

    return planned_beside(job, 1, headers.grid, plan), planned


def _changes(
    job: Job,
    planned: PlannedObject,
    movement: NDArray[np.float64],
    quality: NDArray[np.float64],
    node: NDArray[np.bool_],
) -> bool:
    values = job.parameters
    here = planned.cells & node
    ease = movement[here] if values["MOVEMENT_KIND"] == "permeability" else 1 / movement[here]
    lower = (ease > values["NEW_PERMEABILITY"]).any() or (quality[here] > values["NEW_QUALITY"]).any()
    disturbed = values["DISTURBED_SHARE"] < 1 and (quality[planned.disturbed & node] > 0).any()
    return bool(lower or disturbed)


def _most_permeable(movement: NDArray[np.float64], kind: str) -> float:
    return float(movement.max() if kind == "permeability" else 1 / movement.min())


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the difference, the numbers and the mitigation of a job."""
    from ..impact import impact_of
    from ..journal import digest_of
    from ..landscape import read_landscape
    from ..planning_job import STATE_BYTES
    from ..prioritisation_output import table
    from ..window_plan import settled

    plan, planned = _checked(job, report)
    content = {"landscape": plan.survey.content, "object": digest_of(planned.cells, planned.disturbed)}
    # Three maps and a gradient are known at the end, and the state is kept in turn.
    journal = outputs.journal(content, (2 * STATE_BYTES + 32) * plan.headers.grid.cells)
    plan = replace(plan, windows=settled(plan.windows, journal, job.memory_limit))
    landscape = read_landscape(job, plan, report)
    found = impact_of(job, plan, landscape, planned, report, journal)
    grid, node = plan.headers.grid, landscape.node
    report.progress(1, "Writing the results")
    write_map(outputs, "DIFFERENCE", job, grid, {"Difference of functional habitat": found.difference}, node)
    tried = np.isfinite(found.crossings)
    write_map(outputs, "CROSSINGS", job, grid, {"Gain of a crossing": np.nan_to_num(found.crossings)}, tried)
    elsewhere = node & ~planned.cells
    write_map(outputs, "COMPENSATION", job, grid, {"Promised gain": found.compensation}, elsewhere)
    places = np.argwhere(tried)
    gains = found.crossings[tried]
    order = np.argsort(-gains, kind="stable")
    left, width, _, top, _, height = grid.geotransform
    rows = [
        [int(r) + 1, int(c) + 1, left + width * (c + 0.5), top + height * (r + 0.5), float(gain)]
        for (r, c), gain in zip(places[order], gains[order])
    ]
    names = ["row", "column", "x", "y", "gain"]
    outputs.write_text("TABLE", table(names, rows))
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(found.numbers)
        page.add_map("DIFFERENCE", found.difference, node)
        page.add_map("CROSSINGS", np.nan_to_num(found.crossings), tried)
        page.add_map("COMPENSATION", found.compensation, elsewhere)
        page.add_table("Best crossings", names, rows[:20])
        outputs.write_text("REPORT", page.render())
    return found.numbers
