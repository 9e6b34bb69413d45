"""From a job to the plan of its windows: the checks, the survey of the values, and what they demand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .distance_constants import distance_constant, has_step_cost
from .errors import InputError
from .geographic import columns_around, columns_reached, spans_the_globe
from .job import Job, Report
from .landscape_headers import LandscapeHeaders
from .landscape_survey import Survey
from .memory import has_device
from .processors import available_processors
from .radius_plan import EliminationCost, radius_plan
from .window_plan import WindowPlan, halo, in_zones, window_plan

if TYPE_CHECKING:
    from .coarse_plan import CoarsePlan


@dataclass(frozen=True)
class LandscapePlan:
    """What a landscape analysis is going to do.

    Parameters
    ----------
    headers : LandscapeHeaders
        The opened rasters and how they are read.
    survey : Survey
        What their values hold.
    windows : WindowPlan
        Blocks, halo, batch, memory.
    coarse : CoarsePlan or None
        Where far cells are aggregated.
    """

    headers: LandscapeHeaders
    survey: Survey
    windows: WindowPlan
    coarse: CoarsePlan | None = None


def plan_landscape(
    job: Job,
    headers: LandscapeHeaders,
    found: Survey,
    report: Report,
    *,
    gradient: bool,
    smallest_resistance: float | None = None,
    streams: bool = False,
    by_pass: bool = False,
) -> LandscapePlan:
    """Plan the windows of a landscape and say what they need.

    Parameters
    ----------
    job, headers, found, report
        The job, its checked rasters, their survey, and where to say it.
    gradient : bool
        Whether gradients are computed.
    smallest_resistance : float or None
        Smaller than the survey's when the analysis lowers resistances.
    streams : bool
        Whether the rasters stay on disk; else they are held whole.
    by_pass : bool
        Whether all that is computed is a `WindowPass` over the landscape itself, without coarse cells.

    Raises
    ------
    MemoryPlanError
        When no plan fits into memory.
    """
    values = job.parameters
    grid, reach = headers.grid, headers.dispersal.reach
    follows = distance_constant(values["DISTANCE"], "HALO_FOLLOWS")
    if follows == "radius":
        _check_step_cost(job, smallest_resistance or found.smallest_resistance)
        windows = _declared_windows(job, headers, gradient=gradient, streams=streams)
        share = found.nodes / grid.cells
        windows = replace(windows, seconds=windows.seconds * share, around=headers.around)
        _say_found(headers, found, _unit(values["DISTANCE"], headers), report)
        report.message(
            f"Window: {values['RADIUS']} cells beyond blocks of {values['BLOCK']} x {values['BLOCK']} cells; it is part of the "
            "definition of this distance (RADIUS, BLOCK). MAXIMUM_WINDOW is not used."
        )
        report.message(f"Plan: {windows}.")
        return LandscapePlan(headers, found, windows)
    smallest = (smallest_resistance or found.smallest_resistance) if follows == "resistance" else 1.0
    width, height = headers.cell_size
    wanted_rows = halo(reach, smallest, height, grid.rows)
    by_rows = np.full(grid.rows, halo(reach, smallest, width, grid.columns))
    if headers.sphere:
        by_rows = columns_reached(
            headers.sphere, grid.rows, grid.columns, reach / smallest, wanted_rows, follows, wraps=headers.wraps
        )
    wanted_columns = int(by_rows.max())
    cap = values["MAXIMUM_WINDOW"] or math.inf
    rows, columns = int(min(wanted_rows, cap)), int(min(wanted_columns, cap))
    cuts = rows < wanted_rows or columns < wanted_columns
    if cuts:
        report.warning(
            f"MAXIMUM_WINDOW = {cap:g} cells cuts: with a reach of {reach:g} {headers.length_unit} and a smallest resistance of "
            f"{smallest:g}, paths get up to {max(wanted_rows, wanted_columns)} cells away. Pairs and paths beyond the "
            "window do not count."
        )
    windows = window_plan(
        grid.rows,
        grid.columns,
        rows,
        columns,
        own_windows=cuts,
        gradient=gradient,
        item_bytes=8 if values["PRECISION"] == "double" else 4,
        threads=job.threads or available_processors(),
        memory_limit=job.memory_limit,
        largest="DISPERSAL_DISTANCE",
        streams=streams,
        around=headers.around,
        compiled=by_pass and values["DISTANCE"] == "least_cost" and not has_device(),
    )
    windows = replace(windows, seconds=windows.seconds * found.nodes / grid.cells)
    if headers.sphere and streams:
        windows = in_zones(windows, np.minimum(by_rows, columns))
    _say(headers, found, windows, smallest, report)
    return LandscapePlan(headers, found, windows)


def _unit(distance: str, headers: LandscapeHeaders) -> str:
    unit = distance_constant(distance, "UNIT")
    return headers.length_unit if unit == "map units" else unit


def _check_step_cost(job: Job, smallest_resistance: float) -> None:
    values = job.parameters
    if has_step_cost(values["DISTANCE"]) and values["STEP_COST"] == "minus_log" and smallest_resistance < 1 - 1e-9:
        raise InputError(
            "STEP_COST",
            f"A permeability of {1 / smallest_resistance:g} has a cost of -log = {math.log(smallest_resistance):.3g}; costs must be >= 0.",
            "Divide the permeabilities so that none is above 1, or choose another STEP_COST.",
        )


def _declared_windows(job: Job, headers: LandscapeHeaders, *, gradient: bool, streams: bool) -> WindowPlan:
    values, grid = job.parameters, headers.grid
    return radius_plan(
        grid.rows,
        grid.columns,
        int(values["RADIUS"]),
        int(values["BLOCK"]),
        cost=EliminationCost(*distance_constant(values["DISTANCE"], "GRADIENT_COST" if gradient else "COST")),
        gradient=gradient,
        threads=job.threads or available_processors(),
        memory_limit=job.memory_limit,
        streams=streams,
    )


def _say(headers: LandscapeHeaders, found: Survey, windows: WindowPlan, smallest: float, report: Report) -> None:
    dispersal = headers.dispersal
    _say_found(headers, found, headers.length_unit, report)
    if headers.sphere:
        width, height = headers.cell_size
        each = "each zone of latitude needs" if windows.zones else "those need"
        report.message(
            f"Longitudes and latitudes: lengths are metres on a sphere of radius {headers.sphere.radius:.7g} m. Cells are {height:.6g} m "
            f"high, the narrowest {width:.6g} m wide; windows are as wide as {each}."
        )
    if dispersal.reach / smallest < min(headers.cell_size):
        report.warning("No cell reaches another: the reach is shorter than one step. Raise DISPERSAL_DISTANCE.")
    if smallest < found.largest_resistance and windows.window.halo_rows > 200:
        report.warning(
            f"The smallest resistance, {smallest:g}, makes windows of {windows.window.height} cells. A resistance "
            "of 1 for the easiest cells (permeability at most 1) is usual."
        )
    report.message(f"Plan: {windows}.")


def _say_found(headers: LandscapeHeaders, found: Survey, unit: str, report: Report) -> None:
    dispersal, grid = headers.dispersal, headers.grid
    report.message(
        f"{found.nodes} of {grid.cells} cells can be crossed, {found.habitat} hold habitat; resistance "
        f"{found.smallest_resistance:g} to {found.largest_resistance:g}."
    )
    report.message(
        f"Proximity {dispersal.kernel} with scale {dispersal.scale:g}; pairs up to a distance of "
        f"{dispersal.reach:g} {unit} count."
    )
    _say_whether_it_closes(headers, report)


def _say_whether_it_closes(headers: LandscapeHeaders, report: Report) -> None:
    grid = headers.grid
    if headers.wraps:
        report.message("The columns span 360 degrees: the last one is taken to lie beside the first (WRAP).")
    elif spans_the_globe(grid):
        report.message("The columns span 360 degrees, but nothing leads from the last one to the first (WRAP).")
    elif columns_around(grid) + 0.01 < grid.columns:
        report.warning(
            f"The {grid.columns} columns span more than 360 degrees: places appear twice, and the raster does not close around the globe. "
            f"Set EXTENT to {columns_around(grid):.0f} columns."
        )
