"""`driftway:advancedcurrent`: current from any sources to any grounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..circuit_checks import CircuitHeaders, CircuitRaster, neighbourhood_of, open_circuit, read_circuit
from ..circuit_memory import plan_circuit
from ..circuit_parameters import CIRCUIT, LOG_SCALE, REFERENCES
from ..circuit_source_input import check_sources, read_grounds, read_sources
from ..declarations import (
    Choice,
    Declaration,
    Field,
    Flag,
    NumberOutput,
    Raster,
    RasterOutput,
    ReportOutput,
    Style,
    Vector,
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
    id="advancedcurrent",
    label="Current from sources to grounds",
    group="Currents",
    group_id="currents",
    summary="Maps current from any sources to any grounds, as Circuitscape's advanced mode.",
    help=(
        "Current enters at sources and leaves at grounds: the potential v solves (L + g) v = s, with L the Laplacian of the landscape, g "
        "the conductance of each cell to ground and s the current that enters. The current through a cell is the greater of what "
        "flows in and what flows out, what goes to ground counted as flowing out.",
        "A ground may be tied directly (resistance 0) or through a resistor. Parts of the landscape that have no source or no ground "
        "carry no current; what would enter there is said. A ground that is tied directly where current enters is dropped: it would "
        "swallow the current on the spot.",
    ),
    tags=("circuitscape", "circuit", "current", "source", "ground", "advanced", "connectivity"),
    parameters=(
        *CIRCUIT,
        Vector(
            "SOURCES", "Sources", "Points where current enters; or give SOURCE_RASTER.", geometry="point", optional=True
        ),
        Field(
            "SOURCE_FIELD",
            "Strength field",
            "Amperes that enter, < 0: that leave; those in one cell add up. Empty: 1 each.",
            vector="SOURCES",
            numeric=True,
            optional=True,
        ),
        Raster(
            "SOURCE_RASTER",
            "Sources as a raster",
            "In place of points: amperes that enter each cell; 0 and nodata are none.",
            grid_of="RESISTANCE",
            optional=True,
        ),
        Vector(
            "GROUNDS", "Grounds", "Points where current leaves; or give GROUND_RASTER.", geometry="point", optional=True
        ),
        Field(
            "GROUND_FIELD",
            "Field of grounds",
            "Resistance or conductance to ground, >= 0, see GROUND_KIND. Empty: all are tied directly.",
            vector="GROUNDS",
            numeric=True,
            optional=True,
        ),
        Raster(
            "GROUND_RASTER",
            "Grounds as a raster",
            "In place of points: resistance or conductance to ground; nodata is none.",
            grid_of="RESISTANCE",
            optional=True,
        ),
        Choice(
            "GROUND_KIND",
            "Grounds are given as",
            "Resistance: 0 is tied directly. Conductance: 0 is no ground.",
            options=(("resistance", "Resistance"), ("conductance", "Conductance")),
            default="resistance",
        ),
        Flag("UNIT_SOURCES", "All sources 1 ampere", "Whatever their strength.", advanced=True),
        Flag("TIED_GROUNDS", "All grounds tied directly", "Whatever their resistance.", advanced=True),
        Choice(
            "CONFLICTS",
            "Where a source meets a ground",
            "Keep both, remove the source, the ground, or both.",
            options=(
                ("keepall", "Keep both"),
                ("rmvsrc", "Remove the source"),
                ("rmvgnd", "Remove the ground"),
                ("rmvall", "Remove both"),
            ),
            default="keepall",
            advanced=True,
        ),
        Choice(
            "POINT_PROBLEMS",
            "Sources and grounds outside the raster or on a gap",
            "Stop and say which, or leave them out.",
            options=(("stop", "Stop"), ("drop", "Leave them out")),
            default="stop",
            advanced=True,
        ),
        LOG_SCALE,
    ),
    outputs=(
        RasterOutput(
            "CURRENT", "Current", "Through each cell.", unit="ampere", optional=True, style=Style("magma", "quantile")
        ),
        RasterOutput(
            "POTENTIAL",
            "Potential",
            "Voltage; nodata where no current flows.",
            unit="volt",
            optional=True,
            create_by_default=False,
            style=Style("viridis", "linear"),
        ),
        ReportOutput("REPORT", "Report", "Map, numbers and parameters as one HTML file.", optional=True),
        NumberOutput(
            "ENTERING", "Current that enters", "Sum of the sources > 0 in parts with a ground.", unit="ampere"
        ),
        NumberOutput(
            "LOST", "Current without ground", "Sum of the sources > 0 in parts without a ground.", unit="ampere"
        ),
        NumberOutput("COMPONENTS", "Parts with current", "Number of connected parts with sources and grounds."),
    ),
    references=REFERENCES,
)


@dataclass(frozen=True)
class AdvancedPlan:
    """What is going to be solved.

    Parameters
    ----------
    headers : CircuitHeaders
    raster : CircuitRaster
    source, ground : array of float64, shape (rows, columns)
        Amperes; conductance to ground.
    """

    headers: CircuitHeaders
    raster: CircuitRaster
    source: NDArray[np.float64]
    ground: NDArray[np.float64]


def check_headers(job: Job) -> None:
    """Check files, fields, grids, reference systems and outputs; raises `InputError`."""
    _open(job)


def _open(job: Job) -> CircuitHeaders:
    headers = open_circuit(job, rasters=("SOURCE_RASTER", "GROUND_RASTER"), layers=("SOURCES", "GROUNDS"))
    check_sources(job, headers)
    return headers


def check(job: Job, report: Report) -> AdvancedPlan:
    """Read and check everything and plan memory; raises `InputError` or `MemoryPlanError`."""
    headers = _open(job)
    plan_circuit(job, headers.grid.cells, 0, 8, Silence(), solves=1)  # before anything of that size is read
    raster = read_circuit(job, headers, report)
    node = raster.conductance > 0
    source = read_sources(job, headers, node, report)
    ground = read_grounds(job, headers, node, report)
    plan_circuit(job, headers.grid.cells, 0, 8, report, solves=1)
    return AdvancedPlan(headers, raster, source, ground)


def run(job: Job, report: Report, outputs: Outputs) -> dict[str, float]:
    """Solve and write the maps."""
    from ..circuit_advanced import advanced_currents
    from ..circuit_landscape import CircuitLandscape
    from ..circuit_results import shown_current

    asked = check(job, report)
    raster, grid = asked.raster, asked.headers.grid
    node = raster.conductance > 0
    landscape = CircuitLandscape(raster.conductance, neighbourhood_of(job, grid), raster.regions)
    found = advanced_currents(landscape, asked.source, asked.ground, job.parameters["CONFLICTS"], report)
    if found.components == 0:
        raise InputError(
            "GROUNDS" if job.parameters["GROUNDS"] else "GROUND_RASTER",
            "No source is connected to a ground: gaps lie between them, or CONFLICTS has removed them.",
            "Put a ground into the same connected part of the raster as a source.",
        )
    if found.lost > 0:
        report.warning(f"{found.lost:g} A enter parts of the raster without a ground; they are left out.")
    if found.iterations:
        report.message(f"Solved iteratively, in {found.iterations} iterations.")
    report.progress(1, "Writing the results")
    current = shown_current(found.current, node, log_scale=job.parameters["LOG_SCALE"])
    write_stored_map(outputs, "CURRENT", job, grid, {"current": current})
    write_map(outputs, "POTENTIAL", job, grid, {"potential": found.potential}, found.solved)
    numbers = {"ENTERING": found.entering, "LOST": found.lost, "COMPONENTS": float(found.components)}
    if outputs.wants("REPORT"):
        page = HtmlReport(job, outputs.warnings)
        page.add_numbers(numbers)
        page.add_map("CURRENT", found.current, node)
        outputs.write_text("REPORT", page.render())
    return numbers
