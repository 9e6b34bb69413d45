"""`driftway:leastcostpaths`: the cheapest paths between places as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from osgeo import ogr

from ..corridor_checks import CorridorPlan, check_corridor_headers, check_corridors
from ..corridor_parameters import DEFINITIONS, PAIRS, REFERENCES, RULES, SOURCES
from ..corridor_sources import listed, say_who_is_alone
from ..declarations import Declaration, Number, NumberOutput, OutputLayer, VectorOutput, VectorStyle
from ..job import Job, Report
from ..network_output import line
from ..outputs import Outputs
from ..vector_io import LayerToWrite, write_geopackage
from ..wording import counted

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="leastcostpaths",
    label="Least-cost paths",
    group="Landscape",
    group_id="landscape",
    summary="Finds the cheapest paths between patches or points, as lines with their cost and length.",
    help=(
        "One line per pair of sources, from cell centre to cell centre: between polygons from the cell on the edge of one to that of "
        "the other. Fields: from and to (names of the sources), cost, length (map units) and detour (length / straight line "
        "between its ends). Of several paths of the same cost one is drawn.",
        *DEFINITIONS,
    ),
    tags=("least cost", "path", "route", "cost distance", "corridor", "patches"),
    parameters=(
        *SOURCES,
        *PAIRS,
        Number(
            "MAXIMUM_COST",
            "Largest cost",
            "Paths that cost more are left out, and not searched for. Empty: none is.",
            minimum=0.0,
            unit="cost",
            optional=True,
        ),
        *RULES,
    ),
    outputs=(
        VectorOutput(
            "PATHS",
            "Least-cost paths",
            "GeoPackage with the layer paths: from, to, cost, length and detour of each.",
            layers=(
                OutputLayer("paths", "PATHS_LAYER", "Least-cost paths", VectorStyle("cost", "viridis", "quantile")),
            ),
        ),
        NumberOutput("SOURCE_COUNT", "Sources", "Number of sources that were joined."),
        NumberOutput("PATH_COUNT", "Paths", "Number of paths."),
        NumberOutput("UNREACHABLE_COUNT", "Pairs without a path", "Wanted, but out of reach or above MAXIMUM_COST."),
        NumberOutput("MEAN_COST", "Mean cost", "Over the paths.", unit="cost"),
        NumberOutput("TOTAL_LENGTH", "Total length", "Of all paths.", unit="map units"),
    ),
    references=REFERENCES,
)


def check_headers(job: Job) -> None:
    """Check layers, fields, raster and outputs; raises `InputError`."""
    check_corridor_headers(job)


def check(job: Job, report: Report) -> CorridorPlan:
    """Check everything; raises `InputError` or `MemoryPlanError`."""
    return check_corridors(job, report, surfaces=False)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Find the paths and write them."""
    from ..corridors import cheapest, least_cost_paths, path_line, straight_length
    from ..raster_graph import read_raster_graph

    plan = check(job, report)
    given, names = job.parameters, plan.sources.names
    grid = plan.headers.grid
    resistance, neighbourhood = read_raster_graph(job, plan.headers, report)
    ends_of: dict[int, list[int]] = {}
    for start, end in plan.pairs or ():
        ends_of.setdefault(start, []).append(end)
    nearest = int(given["NEAREST"])

    def wanted(start: int, costs: NDArray[np.float64]) -> Sequence[int]:
        if plan.pairs is not None:
            return ends_of.get(start, ())
        return cheapest(costs, start, nearest)

    limit = math.inf if given["MAXIMUM_COST"] is None else float(given["MAXIMUM_COST"])
    paths = least_cost_paths(resistance, plan.sources.cells, wanted, neighbourhood, limit, report)
    missing = set(plan.pairs or ()) - {(path.start, path.end) for path in paths}
    if missing:
        apart = [f"{names[start]} - {names[end]}" for start, end in sorted(missing)]
        report.warning(
            f"{counted(len(apart), 'pair')} without a path{'' if math.isinf(limit) else ' within MAXIMUM_COST'}: left out ({listed(apart)})."
        )
    if plan.pairs is None:
        say_who_is_alone(plan.sources, [(path.start, path.end) for path in paths], report)
    drawn = [path_line(path.cells, grid, neighbourhood) for path in paths]
    length = np.array([each for _, each in drawn], float)
    ends = [(int(path.cells[0]), int(path.cells[-1])) for path in paths]
    straight = np.array([straight_length(*each, grid, neighbourhood.sphere) for each in ends], float)
    cost = np.array([path.cost for path in paths], float)
    columns = {
        "from": plan.sources.column(np.array([path.start for path in paths], np.int64)),
        "to": plan.sources.column(np.array([path.end for path in paths], np.int64)),
        "cost": cost,
        "length": length,
        "detour": np.divide(length, straight, out=np.ones_like(length), where=straight > 0),
    }
    report.progress(1, "Writing the results")
    lines: list[bytes | None] = [line(places) for places, _ in drawn]
    layers = [LayerToWrite("paths", columns, lines, grid.crs, geometry_type=ogr.wkbLineString)]
    outputs.write("PATHS", lambda path: write_geopackage(path, layers, job.provenance(), "PATHS"))
    return {
        "SOURCE_COUNT": len(names),
        "PATH_COUNT": len(paths),
        "UNREACHABLE_COUNT": len(missing),
        "MEAN_COST": float(cost.mean()) if len(cost) else math.nan,
        "TOTAL_LENGTH": math.fsum(length),
    }
