"""What the toolbox asks for movement flow, and the plan of a whole raster without windows.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import landscape_headers, landscape_survey
from .declarations import Choice, Flag, Parameter
from .distance_constants import distance_constant
from .errors import InputError, MemoryPlanError
from .job import Job, Report
from .journal import Journal
from .landscape_headers import LandscapeHeaders
from .landscape_parameters import LANDSCAPE
from .landscape_plan import LandscapePlan, plan_landscape
from .landscape_survey import Survey
from .memory import human_bytes
from .window_plan import WindowPlan, allowed_memory, settled
from .window_shape import WindowShape

_LARGEST_TILE, _SMALLEST_TILE = 128, 8
_WORKER_BYTES = 900_000_000
#: Arrays of 8 bytes that are alive at once: of cells x sources of a tile, and of rows x columns x columns.
_TILE_COPIES, _BLOCK_COPIES = 28, 20
#: Seconds per pair of cells: so much anyway, and so much per column.
_SECONDS, _SECONDS_PER_COLUMN = 1e-7, 2.6e-9

_DISTANCE = Choice(
    "DISTANCE",
    "Movement goes by",
    "Least cost: along the cheapest path. Expected cost, free energy, survival: as randomised shortest paths, a random walk that "
    "shuns costs (see THETA); which of the three says only how the proximity of two cells is measured. These depend on "
    "RADIUS, or count the whole raster with WHOLE_RASTER. The other distances have no ways of their own to count: straight lines pass "
    "over barriers, the flow of effective resistance is current (see omnidirectional current), and a random walk without aim, as that of "
    "commute time, is what a small THETA makes.",
    options=(
        ("least_cost", "Least cost"),
        ("expected_cost", "Randomised shortest paths, expected cost"),
        ("free_energy", "Randomised shortest paths, free energy"),
        ("survival", "Randomised shortest paths, survival"),
    ),
    default="least_cost",
)

_OWN = (
    Choice(
        "WEIGHT",
        "Movement between two cells",
        "Quality x proximity: q<sub>i</sub> q<sub>j</sub> k(d<sub>ij</sub>), near cells exchange more. Quality alone: "
        "q<sub>i</sub> q<sub>j</sub> for all pairs within reach (up to CUTOFF).",
        options=(("proximity", "Quality x proximity"), ("quality", "Quality alone")),
        default="proximity",
    ),
    Choice(
        "ENDS",
        "Cells where movement starts or ends",
        "Start: movement counts in the cell where it starts, not where it ends, as in ConScape. Both: at either end, every cell "
        "of the way. Neither: in between only, as betweenness in graph theory.",
        options=(("start", "Count the start"), ("both", "Count both ends"), ("neither", "Count neither")),
        default="start",
        advanced=True,
    ),
    Flag(
        "WHOLE_RASTER",
        "Randomised shortest paths over the whole raster",
        "In place of windows (RADIUS, BLOCK) every cell is joined with every other through the whole raster. The time grows "
        "with cells x cells x columns: for rasters of up to about 200 x 200 cells. Least cost needs it never: its "
        "windows give the answer of the whole raster.",
        advanced=True,
    ),
)


def _parameters() -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for parameter in LANDSCAPE:
        if parameter.name == "SELF":
            continue
        found.append(_DISTANCE if parameter.name == "DISTANCE" else parameter)
        if parameter.name == "DISTANCE":
            found.append(_OWN[0])
        if parameter.name == "BLOCK":
            found.append(_OWN[2])
    return (*found, _OWN[1])


PARAMETERS = _parameters()


@dataclass(frozen=True)
class FlowPlan:
    """What is going to be done.

    Parameters
    ----------
    landscape : LandscapePlan
        Rasters, survey, windows; over the whole raster the only window is the raster.
    tile : int
        Sources that are computed at once over the whole raster, 0 with windows.
    """

    landscape: LandscapePlan
    tile: int


def plan_flow(job: Job, report: Report) -> FlowPlan:
    """Check everything and plan; raises `InputError` or `MemoryPlanError`."""
    headers = landscape_headers.check_headers(job)
    found = landscape_survey.survey(headers, report)
    walks = distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS") == "radius"
    if job.parameters["WHOLE_RASTER"] and not walks:
        report.message("WHOLE_RASTER is not used: the windows of least cost give the answer of the whole raster.")
    if not (job.parameters["WHOLE_RASTER"] and walks):
        return FlowPlan(plan_landscape(job, headers, found, report, gradient=True), 0)
    if headers.wraps:
        raise InputError(
            "WHOLE_RASTER",
            "The columns span 360 degrees and close around the globe (WRAP), which the whole raster at once cannot.",
            "Set WRAP to never, or use windows instead.",
        )
    # For its checks of steps, on the smallest of windows.
    small = Job(**{**vars(job), "parameters": {**job.parameters, "RADIUS": 1, "BLOCK": 1}})
    plan_landscape(small, headers, found, _Unheard(report), gradient=True)
    windows, tile = whole_plan(headers, found, job.memory_limit)
    report.message(f"Whole raster: {found.habitat} sources, {tile} at once. {windows}.")
    return FlowPlan(LandscapePlan(headers, found, windows), tile)


def settled_flow(plan: FlowPlan, journal: Journal, memory_limit: int) -> FlowPlan:
    """Return the plan with the blocks, batches and tiles of the run that a journal is from, as `settled` does."""
    if journal.entry("tile") not in (None, plan.tile):
        journal.clear()  # other tiles round otherwise
    if journal.entry("tile") is None:
        journal.enter_later("tile", plan.tile)
    windows = settled(plan.landscape.windows, journal, memory_limit)
    return FlowPlan(replace(plan.landscape, windows=windows), plan.tile)


def whole_plan(headers: LandscapeHeaders, found: Survey, memory_limit: int) -> tuple[WindowPlan, int]:
    """Return the raster as its own window, and the number of sources at once that fit into memory.

    Raises
    ------
    MemoryPlanError
        When not even a few fit; says which raster would.
    """
    rows, columns = headers.grid.rows, headers.grid.columns
    limit = allowed_memory(memory_limit)

    def needed(tile: int, rows: int = rows, columns: int = columns) -> int:
        return _WORKER_BYTES + 8 * rows * columns * (_TILE_COPIES * tile + _BLOCK_COPIES * columns)

    tile = min(_LARGEST_TILE, rows * columns)
    while tile > _SMALLEST_TILE and needed(tile) > limit:
        tile //= 2
    if needed(tile) > limit:
        side = max((n for n in range(1, max(rows, columns)) if needed(_SMALLEST_TILE, n, n) <= limit), default=0)
        raise MemoryPlanError(
            f"A whole raster of {rows} x {columns} cells needs about {human_bytes(needed(tile))} of memory, "
            f"{human_bytes(limit)} are allowed.",
            f"{side} x {side} cells would fit: use a smaller EXTENT or a coarser raster, windows instead, or raise the memory "
            "limit."
            if side
            else "Use windows instead, or raise the memory limit.",
            "WHOLE_RASTER",
        )
    seconds = found.habitat * rows * columns * (_SECONDS + _SECONDS_PER_COLUMN * columns)
    return WindowPlan(rows, columns, WindowShape(rows, columns, 0, 0), 1, needed(tile), seconds), tile


class _Unheard:
    """A report whose messages stay unheard, but not its warnings."""

    def __init__(self, report: Report) -> None:
        self.warning, self.raise_if_cancelled = report.warning, report.raise_if_cancelled

    def message(self, text: str) -> None:
        """Say nothing."""

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""
