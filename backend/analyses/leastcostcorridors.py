"""`driftway:leastcostcorridors`: the cells through which it takes little more than the least cost to get from one place to another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..corridor_checks import MOST_BANDS, CorridorPlan, check_corridor_headers, check_corridors
from ..corridor_parameters import DEFINITIONS, PAIRS, REFERENCES, RULES, SOURCES
from ..corridor_sources import listed, say_who_is_alone
from ..declarations import Choice, Declaration, Number, NumberOutput, RasterOutput, ReportOutput, Style
from ..errors import InputError
from ..geographic import row_areas
from ..html_report import HtmlReport
from ..job import Job, Report
from ..map_output import write_map, write_stored_map
from ..outputs import Outputs
from ..raster_io import NODATA as _NOWHERE
from ..wording import counted

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="leastcostcorridors",
    label="Least-cost corridors",
    group="Landscape",
    group_id="landscape",
    summary="Maps the corridors between patches or points: cells through which a path costs little more than the cheapest.",
    help=(
        "For every pair of sources the corridor is the sum of the accumulated costs from both, less the least cost between them: how "
        "much more it costs to go through the cell than by the cheapest path, on which it is 0. Cells up to SLACK belong to "
        "the corridor, the others are nodata. The map shows the smallest value over all pairs.",
        *DEFINITIONS,
    ),
    tags=("corridor", "least cost", "linkage", "cost distance", "accumulated cost", "patches"),
    parameters=(
        *SOURCES,
        *PAIRS,
        Number(
            "SLACK",
            "Slack",
            "How much more than the least cost a cell of a corridor may cost. 0: only cells of cheapest paths.",
            default=5.0,
            minimum=0.0,
        ),
        Choice(
            "SLACK_UNIT",
            "Slack is given in",
            "Percent of the least cost of each pair, or cost (map units of cost distance).",
            options=(("percent", "Percent of the least cost"), ("cost", "Cost")),
            default="percent",
        ),
        *RULES,
    ),
    outputs=(
        RasterOutput(
            "CORRIDORS",
            "Corridors",
            "Cost through the cell above the least cost of the pair, the smallest over all pairs; nodata outside corridors.",
            unit="cost",
            optional=True,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "OVERLAP",
            "Number of corridors",
            "How many corridors hold the cell; nodata where none does.",
            unit="corridors",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "linear"),
        ),
        RasterOutput(
            "ACCUMULATED_COST",
            "Accumulated cost",
            "Least cost from the nearest source to each cell; nodata where none arrives.",
            unit="cost",
            optional=True,
            style=Style("viridis", "linear"),
        ),
        RasterOutput(
            "SOURCE_COSTS",
            "Accumulated cost from each source",
            f"One band per source, at most {MOST_BANDS}; nodata where it does not get.",
            unit="cost",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "linear"),
        ),
        RasterOutput(
            "PAIR_CORRIDORS",
            "Corridor of each pair",
            f"As Corridors, one band per pair, at most {MOST_BANDS}.",
            unit="cost",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        ReportOutput("REPORT", "Report", "Maps, numbers and parameters as one HTML file.", optional=True),
        NumberOutput("SOURCE_COUNT", "Sources", "Number of sources that were joined."),
        NumberOutput("PAIR_COUNT", "Pairs", "Number of pairs that have a corridor."),
        NumberOutput("UNREACHABLE_COUNT", "Unreachable pairs", "Pairs that cannot reach each other."),
        NumberOutput("MEAN_COST", "Mean least cost", "Over the pairs.", unit="cost"),
        NumberOutput("CORRIDOR_AREA", "Area of the corridors", "Of all of them together.", unit="square map units"),
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check layers, fields, raster and outputs; raises `InputError`."""
    check_corridor_headers(job)


def check(job: Job, report: Report) -> CorridorPlan:
    """Check everything; raises `InputError` or `MemoryPlanError`."""
    plan = check_corridors(job, report, surfaces=True)
    if job.outputs.get("SOURCE_COSTS"):
        _check_bands("SOURCE_COSTS", len(plan.sources), "sources")
    if job.outputs.get("PAIR_CORRIDORS") and plan.pairs is not None:
        _check_bands("PAIR_CORRIDORS", len(plan.pairs), "pairs")
    return plan


def _check_bands(name: str, count: int, what: str) -> None:
    if count > MOST_BANDS:
        raise InputError(
            name, f"{count} {what} would make {count} bands, more than {MOST_BANDS}.", "Leave it out, or give fewer."
        )


def _stored(values: NDArray[np.float64]) -> Any:
    return np.where(np.isfinite(values), values, _NOWHERE).astype(np.float32)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Compute the maps and numbers of a job."""
    from ..corridors import cost_surfaces, lay_corridors, least_costs, nearest_pairs
    from ..raster_graph import read_raster_graph

    plan = check(job, report)
    given, names = job.parameters, plan.sources.names
    grid, sphere = plan.headers.grid, plan.headers.sphere
    resistance, neighbourhood = read_raster_graph(job, plan.headers, report)
    surfaces = cost_surfaces(resistance, plan.sources.cells, neighbourhood, report)
    costs = least_costs(surfaces, plan.sources.cells)
    wanted = plan.pairs if plan.pairs is not None else nearest_pairs(costs, int(given["NEAREST"]))
    pairs = [pair for pair in wanted if math.isfinite(costs[pair])]
    apart = [f"{names[start]} - {names[end]}" for start, end in wanted if not math.isfinite(costs[start, end])]
    if apart:
        report.warning(f"{counted(len(apart), 'pair')} without a path: left out ({listed(apart)}).")
    if plan.pairs is None:
        say_who_is_alone(plan.sources, pairs, report)

    def slack(least: float) -> float:
        return given["SLACK"] * (least / 100 if given["SLACK_UNIT"] == "percent" else 1)

    found = lay_corridors(surfaces, costs, pairs, slack, report)
    inside = found.count > 0
    area = row_areas(sphere, grid.rows) if sphere else np.full(grid.rows, grid.cell_width * grid.cell_height)
    numbers = {
        "SOURCE_COUNT": len(names),
        "PAIR_COUNT": len(pairs),
        "UNREACHABLE_COUNT": len(apart),
        "MEAN_COST": float(np.mean([costs[pair] for pair in pairs])) if pairs else math.nan,
        "CORRIDOR_AREA": float(inside.sum(axis=1) @ area),
    }
    report.progress(1, "Writing the results")
    write_map(outputs, "CORRIDORS", job, grid, {"Cost above the least": found.excess}, inside)
    write_map(outputs, "OVERLAP", job, grid, {"Number of corridors": found.count}, inside)
    nearest = np.full(resistance.shape, np.inf)
    for surface in surfaces:
        np.minimum(nearest, surface, out=nearest)
    write_map(outputs, "ACCUMULATED_COST", job, grid, {"Accumulated cost": nearest}, np.isfinite(nearest))
    if outputs.wants("SOURCE_COSTS"):
        bands = {f"Cost from {name}": _stored(surface) for name, surface in zip(names, surfaces)}
        write_stored_map(outputs, "SOURCE_COSTS", job, grid, bands)
        bands.clear()
    if outputs.wants("PAIR_CORRIDORS") and pairs:
        _check_bands("PAIR_CORRIDORS", len(pairs), "pairs")
        bands = {}
        for pair in pairs:
            one = lay_corridors(surfaces, costs, [pair], slack, report)
            label = f"Corridor {names[pair[0]]} - {names[pair[1]]}"
            bands[label] = _stored(one.excess)
        write_stored_map(outputs, "PAIR_CORRIDORS", job, grid, bands)
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_map("CORRIDORS", np.where(inside, found.excess, 0), inside)
        page.add_map("ACCUMULATED_COST", np.where(np.isfinite(nearest), nearest, 0), np.isfinite(nearest))
        outputs.write_text("REPORT", page.render())
    return numbers
