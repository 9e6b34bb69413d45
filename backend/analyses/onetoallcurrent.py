"""`driftway:onetoallcurrent`: current from each focal node to all others, or from all others to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..circuit_checks import CircuitHeaders, CircuitRaster, neighbourhood_of, open_circuit, read_circuit
from ..circuit_focal import FocalNodes
from ..circuit_focal_input import check_focal, read_focal, read_pairs, read_strengths
from ..circuit_memory import CircuitPlan, plan_circuit
from ..circuit_parameters import CIRCUIT, FOCAL, LOG_SCALE, REFERENCES
from ..declarations import (
    Choice,
    Declaration,
    Field,
    File,
    NumberOutput,
    RasterOutput,
    ReportOutput,
    Style,
    TableOutput,
)
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..map_output import write_map, write_stored_map
from ..outputs import Outputs
from ..silence import Silence

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="onetoallcurrent",
    label="Current one to all, all to one",
    group="Currents",
    group_id="currents",
    summary="Maps current from each focal node to all others or back, as Circuitscape's one-to-all and all-to-one modes.",
    help=(
        "<b>One to all</b>: for each focal node in turn, 1 ampere (or its strength) enters there and all other focal nodes are tied to "
        "ground; its value is its potential / strength, the effective resistance between it and all others together. <b>All to one</b>: "
        "one focal node is tied to ground, and 1 ampere (or its strength) enters at each of the others. The current through a cell is "
        "the greater of what flows in and what flows out; the maps are summed over the focal nodes.",
        "Focal regions are one node throughout. All runs are sums of n - 1 solved fields, so hundreds of focal nodes are fine. A focal "
        "node without any other in its component has the value -1 and no map. PAIRS_FILE leaves out others: one to all, an excluded "
        "one is no ground; all to one, it is no source.",
    ),
    tags=("circuitscape", "circuit", "current", "resistance", "one-to-all", "all-to-one", "connectivity"),
    parameters=(
        *CIRCUIT,
        *FOCAL,
        Choice(
            "MODE",
            "Mode",
            "One to all: current enters at one focal node, all others are grounded. All to one: the other way round.",
            options=(("one-to-all", "One to all"), ("all-to-one", "All to one")),
            default="one-to-all",
        ),
        Field(
            "STRENGTH_FIELD",
            "Strength field",
            "How much current enters at a focal node, amperes, >= 0; of a focal node of several features the first counts. Empty: 1.",
            vector="FOCAL_NODES",
            numeric=True,
            optional=True,
        ),
        File(
            "STRENGTHS_FILE",
            "File of strengths",
            "In place of a field: a text file with an id and a strength a line; 1 for focal nodes that it does not name.",
            optional=True,
            advanced=True,
        ),
        LOG_SCALE,
    ),
    outputs=(
        RasterOutput(
            "CUMULATIVE_CURRENT",
            "Cumulative current",
            "Sum of the current over the focal nodes.",
            unit="ampere",
            optional=True,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "MAXIMUM_CURRENT",
            "Maximum current",
            "Greatest current of any run.",
            unit="ampere",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "NODE_CURRENTS",
            "Current of each run",
            "A band for each focal node, named after its id.",
            unit="ampere",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "POTENTIALS",
            "Potential of each run",
            "A band for each focal node: voltage, 0 at the grounds.",
            unit="volt",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "linear"),
        ),
        TableOutput(
            "RESISTANCES",
            "Table of focal nodes",
            "Columns id, strength, resistance (one to all: to all others together; all to one: 0), -1 without current.",
            optional=True,
        ),
        ReportOutput("REPORT", "Report", "Map, numbers and parameters as one HTML file.", optional=True),
        NumberOutput("FOCAL_COUNT", "Focal nodes", "Number of focal nodes."),
        NumberOutput("CONNECTED", "Connected focal nodes", "Number of runs in which current flows."),
    ),
    references=REFERENCES,
)
_MAPS = ("CUMULATIVE_CURRENT", "MAXIMUM_CURRENT", "NODE_CURRENTS", "POTENTIALS", "REPORT")


@dataclass(frozen=True)
class StarPlan:
    """What is going to be solved.

    Parameters
    ----------
    headers : CircuitHeaders
    raster : CircuitRaster
    focal : FocalNodes
    strengths : array of float64, shape (nodes,)
    joined : array of bool, shape (nodes, nodes)
        In the run of i, does j take part?
    plan : CircuitPlan
    """

    headers: CircuitHeaders
    raster: CircuitRaster
    focal: FocalNodes
    strengths: NDArray[np.float64]
    joined: NDArray[np.bool_]
    plan: CircuitPlan


def check_headers(job: Job) -> None:
    """Check files, fields, grids, reference systems and outputs; raises `InputError`."""
    _open(job)


def _open(job: Job) -> CircuitHeaders:
    headers = open_circuit(job, rasters=("FOCAL_RASTER",), layers=("FOCAL_NODES",))
    check_focal(job, headers)
    if job.parameters["STRENGTH_FIELD"]:
        if "FOCAL_NODES" not in headers.layers or job.parameters["STRENGTHS_FILE"]:
            raise InputError("STRENGTH_FIELD", "It belongs to FOCAL_NODES, without STRENGTHS_FILE.", "Leave one empty.")
        headers.layers["FOCAL_NODES"].field(job.parameters["STRENGTH_FIELD"], "STRENGTH_FIELD", numeric=True)
    return headers


def check(job: Job, report: Report) -> StarPlan:
    """Read and check everything and plan memory; raises `InputError` or `MemoryPlanError`."""
    headers = _open(job)
    cells = headers.grid.cells
    plan_circuit(job, cells, 0, 2, Silence(), solves=1)  # before anything of that size is read
    raster = read_circuit(job, headers, report)
    focal, feature = read_focal(job, headers, raster.conductance, report)
    strengths = read_strengths(job, headers, focal, feature, report)
    rule = read_pairs(job)
    if rule is not None and rule.mode == "include":
        keep = rule.named(focal.ids)
        focal, strengths = focal.kept(keep), strengths[keep]
    joined = ~np.eye(len(focal), dtype=bool) if rule is None else rule.counted(focal.ids)
    if not joined.any():
        raise InputError("PAIRS_FILE", "No pair of the focal nodes counts.", "Check the ids in the file.")
    if not strengths.any():
        raise InputError("STRENGTH_FIELD", "All strengths are 0: no current enters.", "Give strengths > 0.")
    wanted = {name for name, path in job.outputs.items() if path}
    maps = 4.0 + len(wanted & set(_MAPS)) + 0.5 * len(focal) * len(wanted & {"NODE_CURRENTS", "POTENTIALS"})
    fields = len(focal) - 1 if wanted & set(_MAPS) else 0
    plan = plan_circuit(job, cells, fields, maps, report, solves=len(focal) - 1)
    return StarPlan(headers, raster, focal, strengths, joined, plan)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Solve the runs and write maps and the table."""
    from ..circuit_landscape import CircuitLandscape, united
    from ..circuit_results import shown_current
    from ..circuit_star import StarMaps, StarRun, star_currents

    asked = check(job, report)
    focal, raster, grid = asked.focal, asked.raster, asked.headers.grid
    shape, node = raster.conductance.shape, raster.conductance > 0
    mode, log_scale = job.parameters["MODE"], job.parameters["LOG_SCALE"]
    first = focal.first_cells
    runs = []
    for position in range(len(focal)):
        others = np.flatnonzero(asked.joined[position])
        at_one, at_others = first[[position]], first[others]
        one, all_others = asked.strengths[[position]], asked.strengths[others]
        inwards = (at_one, one, at_others) if mode == "one-to-all" else (at_others, all_others, at_one)
        runs.append(StarRun(int(focal.ids[position]), *inwards, solved_at=int(first[position])))
    singles: dict[str, Any] = {}
    potentials: dict[str, Any] = {}

    def each(run: int, current: NDArray[np.float64] | None, potential: NDArray[np.float64]) -> None:
        name = str(runs[run].identity)
        if current is not None:
            singles[name] = shown_current(current, node, log_scale=log_scale)
        if outputs.wants("POTENTIALS"):
            potentials[name] = np.where(node, potential, -9999.0).astype(np.float32)

    maps = StarMaps(
        np.zeros(shape) if outputs.wants("CUMULATIVE_CURRENT") or outputs.wants("REPORT") else None,
        np.zeros(shape) if outputs.wants("MAXIMUM_CURRENT") else None,
        each if outputs.wants("NODE_CURRENTS") or outputs.wants("POTENTIALS") else None,
        wants_current=outputs.wants("NODE_CURRENTS"),
    )
    landscape = CircuitLandscape(raster.conductance, neighbourhood_of(job, grid), raster.regions)
    groups = [focal.cells_of(position) for position in range(len(focal))]
    regions = united(shape, raster.regions, groups)
    found = star_currents(landscape, regions, runs, mode, maps, report, asked.plan)
    alone = focal.ids[found < 0]
    if len(alone):
        shown = ", ".join(map(str, alone[:10].tolist()))
        report.warning(
            f"No current flows in the runs of {len(alone)} of {len(focal)} focal nodes: {shown}. Their value is -1."
        )
    report.progress(1, "Writing the results")
    for name, values in (("CUMULATIVE_CURRENT", maps.total), ("MAXIMUM_CURRENT", maps.most)):
        if values is not None:
            write_stored_map(outputs, name, job, grid, {name.lower(): shown_current(values, node, log_scale=log_scale)})
    for name, bands in (("NODE_CURRENTS", singles), ("POTENTIALS", potentials)):
        if outputs.wants(name) and bands:
            write_stored_map(outputs, name, job, grid, bands)
        elif outputs.wants(name):
            write_map(outputs, name, job, grid, {"no connected focal node": np.zeros(shape)}, np.zeros(shape, bool))
    rows = zip(focal.ids.tolist(), asked.strengths.tolist(), found.tolist())
    outputs.write_text(
        "RESISTANCES", "id,strength,resistance\n" + "".join(f"{i},{s:.12g},{v:.12g}\n" for i, s, v in rows)
    )
    numbers = {"FOCAL_COUNT": float(len(focal)), "CONNECTED": float((found >= 0).sum())}
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        if maps.total is not None:
            page.add_map("CUMULATIVE_CURRENT", maps.total, node)
        outputs.write_text("REPORT", page.render())
    return numbers
