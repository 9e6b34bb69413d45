"""From a job to a checked problem: landscapes, action, candidates, windows; light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import candidates as candidate_cells
from . import landscape_headers, landscape_survey
from .actions import Action
from .errors import InputError, MemoryPlanError
from .job import Job, Report
from .landscape_headers import LandscapeHeaders, read_whole
from .landscape_plan import LandscapePlan, plan_landscape
from .memory import human_bytes
from .raster_grid import Grid, grid_difference
from .several_landscapes import PARAMETER, Row, landscapes_of
from .sites import Sites, read_sites, site_layer
from .window_plan import allowed_memory, fixed_memory, smaller_extent

_BYTES_PER_CELL = 1200
_MANY_CELLS = 100_000
#: For windows, in extents that are said to fit.
_ROOM = 50_000_000


@dataclass(frozen=True)
class CheckedMember:
    """A landscape of the problem, checked.

    Parameters
    ----------
    row : Row
    plan : LandscapePlan
    action : Action
    """

    row: Row
    plan: LandscapePlan
    action: Action


@dataclass(frozen=True)
class CheckedProblem:
    """What a plan is made from.

    Parameters
    ----------
    members : list of CheckedMember
    candidates : Candidates
    sites : Sites or None
        Of the circuit targets.
    """

    members: list[CheckedMember]
    candidates: candidate_cells.Candidates
    sites: Sites | None

    @property
    def plan(self) -> LandscapePlan:
        """The plan of the first landscape."""
        return self.members[0].plan


def check_problem_headers(
    job: Job, rasters: Sequence[str] = (*candidate_cells.RASTERS, *candidate_cells.TARGETS.values())
) -> list[LandscapeHeaders]:
    """Check all that can be checked without reading values.

    Raises
    ------
    InputError
        Names the parameter, the place and the remedy.
    """
    values = job.parameters
    headers: list[LandscapeHeaders] = []
    for row in landscapes_of(job):
        try:
            found = landscape_headers.check_headers(row.job, tuple(rasters))
        except InputError as error:
            raise row.named(error) from error
        if headers:
            difference = grid_difference(headers[0].grid, found.grid)
            if difference:
                raise InputError(
                    PARAMETER,
                    f"Landscape '{row.name}': its grid is not that of the first: {difference}.".replace(
                        "QUALITY", "the first"
                    ),
                    "Warp all rasters to one grid.",
                )
        headers.append(found)
    if headers[0].sphere:
        _check_longitudes(values)
    if "BUDGET" in values:
        candidate_cells.budget_unit(values)
        candidate_cells.candidate_layer(headers[0], values)
    if values.get("TARGET") in ("resistance", "current"):
        if values.get(PARAMETER) and len(headers) > 1 and any(h.dispersal != headers[0].dispersal for h in headers):
            raise InputError(PARAMETER, "A dispersal distance has no meaning for this TARGET.", "Leave the column out.")
        site_layer(job, headers[0].grid)
    _check_action(values)
    return headers


def _check_longitudes(values: dict[str, Any]) -> None:
    """Refuse what takes all cells to be of one size."""
    if values.get("MINIMUM_PATCH"):
        raise InputError(
            "MINIMUM_PATCH",
            "On rasters of longitudes and latitudes cells have no single size to count a patch's area by.",
            "Set it to 0, or reproject the rasters to a projected CRS.",
        )
    if values.get("TARGET") in ("resistance", "current"):
        raise InputError(
            "TARGET",
            "Currents are not computed on rasters of longitudes and latitudes.",
            "Choose C or ECA, or reproject the rasters to a projected CRS.",
        )


def _check_action(values: dict[str, Any]) -> None:
    action = values.get("ACTION")
    if action not in ("towards", "protect_from"):
        return
    if not (values["TARGET_MOVEMENT"] or values["TARGET_QUALITY"]):
        raise InputError(
            "ACTION",
            "It needs a raster of what permeability or quality become.",
            "Give TARGET_MOVEMENT, TARGET_QUALITY or both.",
        )
    if action == "towards" and values["AMOUNT"] > 1:
        raise InputError(
            "AMOUNT", f"It is {values['AMOUNT']:g}, a share of the way to the target rasters.", "Give a number up to 1."
        )


def action_of(job: Job, headers: LandscapeHeaders, report: Report) -> Action:
    """Return the action of a job, its target rasters read."""
    values = job.parameters
    targets: dict[str, NDArray[np.float64]] = {}
    if values["ACTION"] in ("towards", "protect_from"):
        targets = {
            raster: read_whole(headers, name, report)
            for raster, name in candidate_cells.TARGETS.items()
            if name in headers.bands
        }
        for raster, target in targets.items():
            if not np.isfinite(target).any() or (target < 0).any():
                raise InputError(
                    candidate_cells.TARGETS[raster],
                    "It holds negative values, or none at all.",
                    "Values must be >= 0, nodata for no change.",
                )
    elif values["TARGET_MOVEMENT"] or values["TARGET_QUALITY"]:
        report.warning("TARGET_MOVEMENT and TARGET_QUALITY are not used by this ACTION.")
    return Action(values["ACTION"], values["AMOUNT"], values["MOVEMENT_KIND"], values["AMOUNT_QUALITY"], targets)


def check_problem(job: Job, report: Report) -> CheckedProblem:
    """Check everything, read the candidates and plan the windows.

    Raises
    ------
    InputError
        Names the parameter, the place and the remedy.
    MemoryPlanError
        When no plan fits into memory.
    """
    every = check_problem_headers(job)
    rows = landscapes_of(job)
    members = []
    candidates = None
    for row, headers in zip(rows, every):
        if row.name:
            report.message(f"Landscape '{row.name}':")
        try:
            found = landscape_survey.survey(headers, report)
            action = action_of(job, headers, report)
            if candidates is None:
                candidates = candidate_cells.read_candidates(headers, job.parameters, action, report)
            plan = planned_beside(
                row.job,
                len(rows),
                headers.grid,
                lambda job, at=(headers, found, action): _planned(job, *at, report),
            )
        except InputError as error:
            raise row.named(error) from error
        members.append(CheckedMember(row, plan, action))
    if candidates is None:
        raise InputError(PARAMETER, "There is no landscape.", "Give one.")
    _check_patches(job, members[0], candidates)
    if every[0].grid.cells > _MANY_CELLS:
        report.message(f"Planning needs about {human_bytes(members[0].plan.windows.memory)} of memory in all.")
    sites = (
        read_sites(job, members[0].plan.headers, report)
        if job.parameters["TARGET"] in ("resistance", "current")
        else None
    )
    return CheckedProblem(members, candidates, sites)


def planned_beside(job: Job, landscapes: int, grid: Grid, plan: Callable[[Job], LandscapePlan]) -> LandscapePlan:
    """Plan the windows in the memory that is left: each landscape is kept in two states, with gradients and what is known of its blocks.

    Parameters
    ----------
    job : Job
        Of one landscape.
    landscapes : int
        How many there are.
    grid : Grid
        That they share.
    plan : callable
        Plans the windows of a job, within its memory limit.

    Raises
    ------
    MemoryPlanError
        When both do not fit; says what would.
    """
    allowed = allowed_memory(job.memory_limit)

    def without_windows(rows: int, columns: int) -> int:
        return landscapes * rows * columns * _BYTES_PER_CELL + fixed_memory(rows, columns, gradient=True)

    needed, least = without_windows(grid.rows, grid.columns), without_windows(1, 1) + _ROOM
    if needed > allowed:
        remedy = smaller_extent(
            lambda side: without_windows(side, side) + _ROOM <= allowed, max(grid.rows, grid.columns), least
        )
        raise MemoryPlanError(
            f"The run needs about {human_bytes(needed)} of memory, {human_bytes(allowed)} are allowed.",
            remedy + " Fewer LANDSCAPES take less." * (landscapes > 1),
            "EXTENT",
        )
    own = landscapes * grid.cells * _BYTES_PER_CELL
    try:
        found = plan(replace(job, memory_limit=max(1, allowed - own)))
    except MemoryPlanError as error:
        message = f"{error.message} Of the limit of {human_bytes(allowed)}, {human_bytes(own)} are for what is kept of the landscape."
        raise MemoryPlanError(message, error.remedy, error.parameter) from error
    return replace(found, windows=replace(found.windows, memory=found.windows.memory + own))


def _planned(
    job: Job, headers: LandscapeHeaders, found: landscape_survey.Survey, action: Action, report: Report
) -> LandscapePlan:
    smallest = found.smallest_resistance
    if "movement" in action.rasters:
        smallest = action.smallest_resistance(headers.movement, read_whole(headers, "MOVEMENT", report))
    if smallest == 0:
        raise InputError(
            "AMOUNT",
            f"Raising permeability by or to {action.amount:g} turns transformed resistances into 0.",
            "Choose a smaller AMOUNT or EXPONENT.",
        )
    return plan_landscape(job, headers, found, report, gradient=True, smallest_resistance=smallest)


def smallest_patch(job: Job, plan: LandscapePlan) -> float:
    """Return the smallest patch, cells."""
    grid = plan.headers.grid
    return float(job.parameters["MINIMUM_PATCH"] or 0) / (grid.cell_width * grid.cell_height)


def _check_patches(job: Job, member: CheckedMember, candidates: candidate_cells.Candidates) -> None:
    cells = smallest_patch(job, member.plan)
    if cells <= 1:
        return
    size = np.diff(candidates.first)
    density = np.sort(np.repeat(candidates.cost / size, size))[: int(np.ceil(cells))]
    if len(density) < cells or density.sum() > candidates.budget * (1 + 1e-9) + density[-1]:
        raise InputError(
            "MINIMUM_PATCH",
            f"A patch of {cells:g} cells takes {density.sum():g} {candidates.unit} or more, the budget is {candidates.budget:g}.",
            "Lower it, or raise BUDGET.",
        )
