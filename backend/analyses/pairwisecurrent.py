"""`driftway:pairwisecurrent`: effective resistances and current between pairs of focal nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..circuit_checks import CircuitHeaders, CircuitRaster, neighbourhood_of, open_circuit, read_circuit
from ..circuit_focal import FocalNodes
from ..circuit_focal_input import check_focal, read_focal, read_pairs
from ..circuit_memory import CircuitPlan, plan_circuit
from ..circuit_parameters import CIRCUIT, FOCAL, LOG_SCALE, REFERENCES
from ..declarations import (
    Choice,
    Declaration,
    Number,
    NumberOutput,
    OutputLayer,
    RasterOutput,
    ReportOutput,
    Style,
    TableOutput,
    Text,
    VectorOutput,
    VectorStyle,
)
from ..errors import InputError
from ..html_report import HtmlReport
from ..job import Job, Report
from ..map_output import write_map, write_stored_map
from ..outputs import Outputs
from ..silence import Silence
from ..wording import counted as in_words

#: Its kernels are Numba's: the worker starts sooner and smaller.
USES_JAX = False
DECLARATION = Declaration(
    id="pairwisecurrent",
    label="Current between pairs",
    group="Currents",
    group_id="currents",
    summary="Maps current between pairs of focal nodes and computes their effective resistances, as Circuitscape's pairwise mode.",
    help=(
        "The landscape is an electrical circuit: cells are nodes, steps between them resistors. For each pair of focal nodes 1 ampere "
        "enters at one and leaves at the other. The effective resistance R is their difference in potential: low where there are many "
        "good ways. The current through a cell is the greater of what flows in and what flows out; it tells how likely a random walker "
        "on its way from one to the other passes there.",
        "Focal nodes are points or regions. A region is one node in its own pairs and plain landscape in all others, unless "
        "FOCAL_REGIONS says always. With n focal nodes of one cell n - 1 solves serve all pairs; without maps the potentials at the "
        "focal nodes are all that is kept. Pairs that are not connected have the resistance -1 and no current.",
        "<b>Sensitivity</b> is the exact gradient of the sum of R over all pairs (or of one pair, SENSITIVITY_PAIR) with respect to the "
        "raster as it is given. <b>Pinch points</b> are resistance x that gradient: how much of the sum of R each cell accounts for, so "
        "they sum up to it; high where current is forced through few cells. <b>Barriers</b> show by how much at least the sum would "
        "fall if that cell alone were restored to RESTORED_RESISTANCE.",
    ),
    tags=("circuitscape", "circuit", "current", "resistance", "pairwise", "pinch point", "barrier", "connectivity"),
    parameters=(
        *CIRCUIT,
        *FOCAL,
        Choice(
            "FOCAL_REGIONS",
            "Focal regions are one node",
            "In their own pairs: each pair is solved by itself, as Circuitscape does. Always: n - 1 solves for all pairs; current "
            "between two others passes freely through a third.",
            options=(("own", "In their own pairs"), ("always", "Always")),
            default="own",
            advanced=True,
        ),
        Choice(
            "FOCAL_CURRENTS",
            "Current at a pair's own focal nodes",
            "As it is (1 ampere), or 0 so that they do not outshine the map; they keep what flows through them between others.",
            options=(("keep", "As it is"), ("zero", "0")),
            default="keep",
            advanced=True,
        ),
        LOG_SCALE,
        Text(
            "SENSITIVITY_PAIR",
            "Sensitivity of one pair",
            "Two ids, for example 1 4: sensitivity, pinch points and barriers are those of this pair. Empty: of the sum over all pairs.",
            optional=True,
            advanced=True,
        ),
        Number(
            "RESTORED_RESISTANCE",
            "Resistance of a restored cell",
            "For the map of barriers. Empty: the lowest resistance of the raster.",
            minimum=0.0,
            optional=True,
            advanced=True,
        ),
    ),
    outputs=(
        RasterOutput(
            "CUMULATIVE_CURRENT",
            "Cumulative current",
            "Sum of the current over the pairs.",
            unit="ampere",
            optional=True,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "MAXIMUM_CURRENT",
            "Maximum current",
            "Greatest current of any pair.",
            unit="ampere",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "PAIR_CURRENTS",
            "Current of each pair",
            "A band for each connected pair, named after its two ids.",
            unit="ampere",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "POTENTIALS",
            "Potential of each pair",
            "A band for each connected pair: voltage, 0 at the first focal node, the resistance at the second.",
            unit="volt",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "linear"),
        ),
        RasterOutput(
            "SENSITIVITY",
            "Sensitivity",
            "Derivative of the sum of resistances with respect to the raster: >= 0 for resistances, <= 0 for conductances.",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "quantile"),
        ),
        RasterOutput(
            "PINCH_POINTS",
            "Pinch points",
            "How much of the sum of resistances the cell accounts for.",
            unit="resistance",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        RasterOutput(
            "BARRIERS",
            "Barriers",
            "By how much at least the sum of resistances falls when the cell is restored.",
            unit="resistance",
            optional=True,
            create_by_default=False,
            style=Style("magma", "quantile"),
        ),
        TableOutput("RESISTANCES", "Resistances", "Columns from, to, resistance; a row for each pair.", optional=True),
        TableOutput(
            "RESISTANCE_MATRIX",
            "Matrix of resistances",
            "The ids in the first row and column.",
            optional=True,
            create_by_default=False,
        ),
        VectorOutput(
            "RESISTANCE_LINES",
            "Lines of resistance",
            "A straight line for each connected pair, with from, to, resistance and distance.",
            optional=True,
            create_by_default=False,
            layers=(
                OutputLayer(
                    "resistances",
                    "RESISTANCE_LINES_LAYER",
                    "Resistances",
                    VectorStyle("resistance", "mako", "quantile"),
                ),
            ),
        ),
        ReportOutput("REPORT", "Report", "Maps, resistances and parameters as one HTML file.", optional=True),
        NumberOutput("FOCAL_COUNT", "Focal nodes", "Number of focal nodes."),
        NumberOutput("PAIRS", "Pairs", "Number of pairs that count."),
        NumberOutput("CONNECTED_PAIRS", "Connected pairs", "Number of pairs between which current flows."),
        NumberOutput("TOTAL_RESISTANCE", "Sum of resistances", "Over the connected pairs."),
        NumberOutput("MEAN_RESISTANCE", "Mean resistance", "Over the connected pairs."),
    ),
    references=REFERENCES,
)
_FIELD_MAPS = ("CUMULATIVE_CURRENT", "MAXIMUM_CURRENT", "PAIR_CURRENTS", "POTENTIALS")
_GRADIENT_MAPS = ("SENSITIVITY", "PINCH_POINTS", "BARRIERS")


@dataclass(frozen=True)
class PairwisePlan:
    """What is going to be solved.

    Parameters
    ----------
    headers : CircuitHeaders
    raster : CircuitRaster
    focal : FocalNodes
    counted : array of bool, shape (nodes, nodes)
        Pairs that count.
    weights : array of float64, shape (nodes, nodes), or None
        Of the pairs in sensitivities.
    by_pair : bool
        Whether each pair is a circuit of its own.
    plan : CircuitPlan
    """

    headers: CircuitHeaders
    raster: CircuitRaster
    focal: FocalNodes
    counted: NDArray[np.bool_]
    weights: NDArray[np.float64] | None
    by_pair: bool
    plan: CircuitPlan


def check_headers(job: Job) -> None:
    """Check files, fields, grids, reference systems and outputs; raises `InputError`."""
    _open(job)


def _open(job: Job) -> CircuitHeaders:
    headers = open_circuit(job, rasters=("FOCAL_RASTER",), layers=("FOCAL_NODES",))
    check_focal(job, headers)
    return headers


def check(job: Job, report: Report) -> PairwisePlan:
    """Read and check everything and plan memory; raises `InputError` or `MemoryPlanError`."""
    headers = _open(job)
    wanted = {name for name, path in job.outputs.items() if path}
    cells = headers.grid.cells
    plan_circuit(job, cells, 0, 2, Silence(), solves=1)  # before anything of that size is read
    raster = read_circuit(job, headers, report)
    focal, _ = read_focal(job, headers, raster.conductance, report)
    rule = read_pairs(job)
    if rule is not None:
        unknown = rule.ids[~np.isin(rule.ids, focal.ids)]
        if len(unknown):
            report.warning(
                f"PAIRS_FILE names ids that no focal node has: {', '.join(map(str, unknown[:10].tolist()))}."
            )
        if rule.mode == "include":
            focal = focal.kept(rule.named(focal.ids))
    counted = ~np.eye(len(focal), dtype=bool) if rule is None else rule.counted_both_ways(focal.ids)
    pairs = int(np.triu(counted, 1).sum())
    if pairs == 0:
        raise InputError("PAIRS_FILE", "No pair of the focal nodes counts.", "Check the ids in the file.")
    by_pair = focal.has_regions and job.parameters["FOCAL_REGIONS"] == "own"
    weights = _weights(job, focal, counted)
    maps = 2.0 + len(wanted & set(_FIELD_MAPS)) + pairs * 0.5 * len(wanted & {"PAIR_CURRENTS", "POTENTIALS"})
    if wanted & set(_GRADIENT_MAPS):
        maps += 4 + 3
    keeps = bool(wanted & {*_FIELD_MAPS, *_GRADIENT_MAPS, "REPORT"})
    fields = 1 if by_pair else (len(focal) - 1 if keeps else 0)
    plan = plan_circuit(job, cells, fields, maps, report, solves=pairs if by_pair else len(focal) - 1)
    return PairwisePlan(headers, raster, focal, counted, weights, by_pair, plan)


def _weights(job: Job, focal: FocalNodes, counted: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    text = job.parameters["SENSITIVITY_PAIR"]
    if not text:
        return None
    words = text.replace(",", " ").replace(";", " ").replace("-", " ").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        raise InputError("SENSITIVITY_PAIR", f"'{text}' is no pair of ids.", "Give two ids, for example 1 4.")
    place = []
    for word in words:
        found = np.flatnonzero(focal.ids == int(word))
        if len(found) == 0:
            raise InputError("SENSITIVITY_PAIR", f"No focal node has the id {word}.", "Choose two of the focal nodes.")
        place.append(int(found[0]))
    if not counted[place[0], place[1]]:
        raise InputError("SENSITIVITY_PAIR", f"The pair {words[0]} - {words[1]} does not count.", "Choose another.")
    weights = np.zeros(counted.shape)
    weights[place[0], place[1]] = weights[place[1], place[0]] = 1
    return weights


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Solve the pairs and write maps and tables."""
    from ..circuit_landscape import CircuitLandscape, united
    from ..circuit_pairwise import Collected, pairwise
    from ..circuit_results import matrix_table, pairs_table, shown_current, write_lines
    from ..circuit_sensitivity import barrier_gain, resistance_gradient

    asked = check(job, report)
    focal, raster, grid = asked.focal, asked.raster, asked.headers.grid
    shape, node = raster.conductance.shape, raster.conductance > 0
    log_scale = job.parameters["LOG_SCALE"]
    groups = [focal.cells_of(position) for position in range(len(focal))]
    regions = raster.regions
    if focal.has_regions and not asked.by_pair:
        regions = united(shape, regions, groups)
    landscape = CircuitLandscape(raster.conductance, neighbourhood_of(job, grid), regions)
    names: list[str] = []
    singles: list[Any] = []
    potentials: list[Any] = []

    def each(one: int, other: int, current: NDArray[np.float64] | None, potential: NDArray[np.float64]) -> None:
        names.append(f"{focal.ids[one]}-{focal.ids[other]}")
        if current is not None:
            singles.append(shown_current(current, node, log_scale=log_scale))
        if outputs.wants("POTENTIALS"):
            potentials.append(np.where(node, potential, -9999.0).astype(np.float32))

    def of_pair(one: int, other: int) -> NDArray[np.int32] | None:
        return united(shape, raster.regions, [groups[one], groups[other]])

    wants_total = outputs.wants("CUMULATIVE_CURRENT") or outputs.wants("REPORT")
    wants_gradient = any(map(outputs.wants, _GRADIENT_MAPS))
    collected = Collected(
        total=np.zeros(shape) if wants_total else None,
        most=np.zeros(shape) if outputs.wants("MAXIMUM_CURRENT") else None,
        drops=tuple(np.zeros(shape) for _ in range(4)) if wants_gradient else None,
        weights=asked.weights,
        each=each if outputs.wants("PAIR_CURRENTS") or outputs.wants("POTENTIALS") else None,
        wants_current=outputs.wants("PAIR_CURRENTS"),
        silent_ends=job.parameters["FOCAL_CURRENTS"] == "zero",
    )
    resistance = pairwise(
        landscape,
        focal,
        asked.counted,
        collected,
        report,
        asked.plan,
        regions_of_pair=of_pair if asked.by_pair else None,
    )
    numbers = _numbers(focal, resistance, asked.counted, report)
    if collected.iterations:
        report.message(f"Solved iteratively, in up to {collected.iterations} iterations.")
    report.progress(1, "Writing the results")
    for name, values in (("CUMULATIVE_CURRENT", collected.total), ("MAXIMUM_CURRENT", collected.most)):
        if values is not None:
            bands = {name.lower(): shown_current(values, node, log_scale=log_scale)}
            write_stored_map(outputs, name, job, grid, bands)
    for name, stack in (("PAIR_CURRENTS", singles), ("POTENTIALS", potentials)):
        if outputs.wants(name) and stack:
            write_stored_map(outputs, name, job, grid, dict(zip(names, stack)))
        elif outputs.wants(name):
            write_map(outputs, name, job, grid, {"no connected pair": np.zeros(shape)}, np.zeros(shape, bool))
    if collected.drops is not None:
        circuit = landscape.circuit(None)
        gradient = resistance_gradient(raster.conductance, circuit, landscape.neighbourhood, collected.drops)
        is_resistance = job.parameters["RESISTANCE_KIND"] == "resistance"
        slope = gradient.by_resistance if is_resistance else gradient.by_conductance
        restored = job.parameters["RESTORED_RESISTANCE"] or 1 / float(raster.conductance.max())
        gain = barrier_gain(gradient, raster.conductance, restored)
        for name, values in zip(_GRADIENT_MAPS, (slope, gradient.share, gain)):
            write_map(outputs, name, job, grid, {name.lower(): values}, node)
    outputs.write_text("RESISTANCES", pairs_table(focal.ids, resistance, asked.counted))
    outputs.write_text("RESISTANCE_MATRIX", matrix_table(focal.ids, resistance))
    write_lines(outputs, "RESISTANCE_LINES", job, grid, focal, resistance, asked.counted)
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        if collected.total is not None:
            page.add_map("CUMULATIVE_CURRENT", collected.total, node)
        one, other = np.nonzero(np.triu(asked.counted, 1))
        rows = [[int(focal.ids[a]), int(focal.ids[b]), float(resistance[a, b])] for a, b in zip(one[:500], other[:500])]
        page.add_table(
            "Resistances" + (" (the first 500)" if len(one) > 500 else ""), ["From", "To", "Resistance"], rows
        )
        outputs.write_text("REPORT", page.render())
    return numbers


def _numbers(
    focal: FocalNodes, resistance: NDArray[np.float64], counted: NDArray[np.bool_], report: Report
) -> dict[str, float]:
    upper = np.triu(counted, 1)
    values = resistance[upper]
    joined = values[values >= 0]
    cut = len(values) - len(joined)
    if cut:
        one, other = np.nonzero(upper & (resistance < 0))
        shown = ", ".join(f"{focal.ids[a]} - {focal.ids[b]}" for a, b in zip(one[:5], other[:5]))
        report.warning(
            f"Not connected: {cut} of {in_words(len(values), 'pair')}, of resistance -1 and without current ({shown}"
            f"{', ...' if cut > 5 else ''})."
        )
    return {
        "FOCAL_COUNT": float(len(focal)),
        "PAIRS": float(len(values)),
        "CONNECTED_PAIRS": float(len(joined)),
        "TOTAL_RESISTANCE": math.fsum(joined),
        "MEAN_RESISTANCE": float(joined.mean()) if len(joined) else math.nan,
    }
