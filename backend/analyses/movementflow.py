"""`driftway:movementflow`: through which cells animals move between all habitat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .. import landscape_headers
from ..declarations import Declaration, NumberOutput, RasterOutput, ReportOutput, Style
from ..html_report import HtmlReport
from ..job import Job, Report
from ..landscape_parameters import DEFINITIONS, REFERENCES
from ..map_output import write_map
from ..movement_flow_plan import PARAMETERS, FlowPlan, plan_flow, settled_flow
from ..outputs import Outputs

DECLARATION = Declaration(
    id="movementflow",
    label="Movement flow",
    group="Landscape",
    group_id="landscape",
    summary="Maps how much movement between all habitat passes through each cell: betweenness weighted by quality and proximity.",
    help=(
        "Every cell i sends q<sub>i</sub> q<sub>j</sub> k(d<sub>ij</sub>) to every other cell j within reach (quality q, proximity "
        "k of the distance d; see WEIGHT). Along least-cost paths or as randomised shortest paths this movement crosses "
        "other cells, and the map sums up what passes through each: its weighted betweenness.",
        "Least cost: all of it takes the cheapest path; where several tie, it is shared equally among the last steps into each "
        "cell. Windows follow from CUTOFF and the smallest resistance and change nothing. Randomised shortest paths: a "
        "walker with steps in proportion to permeability who survives a step of cost C with probability "
        "e<sup>-theta C</sup>; expected visits on the way, a cell visited twice counts twice (M = (q q<sup>T</sup> o K) / "
        "Z with minus the sum of its column / Z<sub>tt</sub> at the target, b = row sums of [(I - W)<sup>-T</sup> M] o Z). "
        "The distance is measured from the cell where movement starts.",
        "ENDS says whether a cell counts the movement that starts or ends in it. Whatever enters a cell or starts there leaves it "
        "or ends there. Flow over steps has four bands: the step to the east, south, southeast and southwest of each cell, "
        "both ways together, so that every step of the raster occurs once.",
        "Nodata, permeability 0 and infinite resistance are no nodes: nothing passes, and they are nodata in the maps. Pairs that "
        "cannot reach each other and pairs i = j add nothing. Cells at the raster's edge are sources like any other; nothing "
        "lies beyond the edge.",
        DEFINITIONS[2],
    ),
    tags=("flow", "betweenness", "corridor", "movement", "least cost", "randomised shortest paths", "ConScape"),
    parameters=PARAMETERS,
    outputs=(
        RasterOutput(
            "FLOW",
            "Movement flow",
            "Movement that passes through the cell, see ENDS.",
            unit="quality x quality",
            optional=True,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "STEP_FLOW",
            "Flow over steps",
            "Movement over the step to the neighbour in the east, south, southeast and southwest (bands 1 to 4), both ways "
            "together.",
            unit="quality x quality",
            optional=True,
            create_by_default=False,
            style=Style("magma", "log"),
        ),
        RasterOutput(
            "DEPARTURES",
            "Movement that starts in the cell",
            "The sum over j of the movement from the cell; by quality x proximity that is its functional habitat.",
            unit="quality x quality",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "quantile"),
        ),
        ReportOutput("REPORT", "Report", "Maps, histogram, numbers and parameters as one HTML file.", optional=True),
        NumberOutput(
            "TOTAL_MOVEMENT",
            "Total movement",
            "Sum over all pairs; by quality x proximity it is connectivity C.",
            unit="quality x quality",
        ),
        NumberOutput(
            "MEAN_STEPS",
            "Mean number of steps",
            "Of the ways of all movement: the flow over all steps / total movement.",
            unit="steps",
        ),
        NumberOutput("LARGEST_FLOW", "Largest flow", "In one cell.", unit="quality x quality"),
    ),
    references=(
        "Van Moorter, B. et al. (2021) Habitat functionality: integrating environmental and geographic space in niche modeling for "
        "conservation planning. Ecology 102, e03105. https://doi.org/10.1002/ecy.3105",
        "Van Moorter, B. et al. (2023) Accelerating advances in landscape connectivity modelling with the ConScape library. Methods "
        "in Ecology and Evolution 14, 133-145. https://doi.org/10.1111/2041-210X.13850",
        "Kivimaki, I. et al. (2016) Two betweenness centrality measures based on randomized shortest paths. Scientific Reports 6, "
        "19668. https://doi.org/10.1038/srep19668",
        "Freeman, L. C. (1977) A set of measures of centrality based on betweenness. Sociometry 40, 35-41. "
        "https://doi.org/10.2307/3033543",
        REFERENCES[1],
    ),
)


def check_headers(job: Job) -> None:
    """Check what can be checked without reading values; raises `InputError`."""
    landscape_headers.check_headers(job)


def check(job: Job, report: Report) -> FlowPlan:
    """Check everything and plan the windows; raises `InputError` or `MemoryPlanError`."""
    return plan_flow(job, report)


def _seen_from_the_north(steps: Mapping[str, NDArray[np.float64]], *, closes: bool) -> dict[str, NDArray[np.float64]]:
    """Return the flow over steps of a raster whose first row is the southernmost, where "south" was the next row, by true direction."""
    from ..movement_flow import moved

    return {
        "east": steps["east"],
        "south": moved(steps["south"], 1, 0, closes=closes),
        "southeast": moved(steps["southwest"], 1, -1, closes=closes),
        "southwest": moved(steps["southeast"], 1, 1, closes=closes),
    }


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the maps and numbers of a job."""
    from ..landscape import read_landscape
    from ..movement_flow import movement_flow
    from ..movement_flow_whole import WholeRaster

    plan = check(job, report)
    journal = outputs.journal(
        {"landscape": plan.landscape.survey.content}, 2 * 6 * 8 * plan.landscape.headers.grid.cells
    )
    plan = settled_flow(plan, journal, job.memory_limit)
    landscape = read_landscape(job, plan.landscape, report)
    weight = job.parameters["WEIGHT"]
    report.progress(0, "Computing movement flow")
    rasters = landscape.resistance, landscape.quality
    if plan.tile:
        whole = WholeRaster(landscape.model, *rasters, landscape.movement_cost, plan.tile)
        found = whole.flow(report, weight, journal.pass_("flow"))
    else:
        found = movement_flow(
            landscape.model,
            plan.landscape.windows,
            *rasters,
            report,
            weight=weight,
            movement_cost=landscape.movement_cost,
            journal=journal.pass_("flow"),
        )
    flow, node = found.through(job.parameters["ENDS"]), landscape.node
    over_steps = sum(float(values.sum()) for values in found.steps.values())
    numbers = {
        "TOTAL_MOVEMENT": found.total,
        "MEAN_STEPS": over_steps / found.total if found.total > 0 else float("nan"),
        "LARGEST_FLOW": float(np.max(flow[node], initial=0.0)),
    }
    if found.total == 0:
        report.warning("Nothing moves: no two cells with quality > 0 lie within reach of each other.")
    report.progress(1, "Writing the results")
    grid = plan.landscape.headers.grid
    write_map(outputs, "FLOW", job, grid, {"Movement flow": flow}, node)
    over = _seen_from_the_north(found.steps, closes=found.closes) if grid.south_up else found.steps
    steps = {f"Flow over the step to the {name}": values for name, values in over.items()}
    write_map(outputs, "STEP_FLOW", job, grid, steps, node)
    write_map(outputs, "DEPARTURES", job, grid, {"Movement that starts in the cell": found.starts}, node)
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_map("FLOW", flow, node)
        outputs.write_text("REPORT", page.render())
    return numbers
