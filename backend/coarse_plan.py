"""The plan of a run that aggregates far cells: two kinds of windows, near ones of cells and far ones of coarse cells.

Light: the toolbox makes the same plan before it starts the worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .distance_constants import distance_constant
from .errors import InputError
from .geographic import columns_reached
from .job import Job, Report
from .landscape_headers import LandscapeHeaders
from .processors import available_processors
from .window_plan import WindowPlan, halo, window_plan
from .window_shape import WindowShape

if TYPE_CHECKING:
    from .landscape_plan import LandscapePlan

#: Cells are near where their coarse cells lie no more than so many apart.
NEAR = 2
_SOURCES_ACROSS = 4
_BYTES_PER_FINE_CELL = 60


@dataclass(frozen=True)
class CoarsePlan:
    """How near and far pairs are computed.

    Parameters
    ----------
    side : int
        Cells on each side of a coarse cell, > 1.
    near, far : WindowPlan
        Of the raster, and of its coarse cells.
    exact : WindowPlan
        Without coarsening.
    """

    side: int
    near: WindowPlan
    far: WindowPlan
    exact: WindowPlan


def check_coarsening(job: Job, headers: LandscapeHeaders) -> None:
    """Check that a job's far cells can be aggregated.

    Raises
    ------
    InputError
        When the distance is defined in a window of its own, the window is capped, or coarse cells do not fit around the globe.
    """
    values = job.parameters
    if values["COARSENING"] == 1:
        return
    if distance_constant(values["DISTANCE"], "HALO_FOLLOWS") == "radius":
        raise InputError(
            "COARSENING",
            f"The distance {values['DISTANCE'].replace('_', ' ')} is defined in its window; its far cells cannot be aggregated.",
            "Set it to 1, or choose least cost or Euclidean; BLOCK makes this distance faster.",
        )
    if values["MAXIMUM_WINDOW"]:
        raise InputError(
            "COARSENING", "It does not go with MAXIMUM_WINDOW.", "Set it to 1, or leave MAXIMUM_WINDOW empty."
        )
    if headers.wraps and headers.grid.columns % values["COARSENING"]:
        raise InputError(
            "COARSENING",
            f"The raster closes around the globe (WRAP), where coarse cells of {values['COARSENING']} columns do not fit: there are "
            f"{headers.grid.columns}.",
            "Choose a divisor of the number of columns, or set WRAP to never.",
        )


def with_coarse_plan(plan: LandscapePlan, job: Job, report: Report, *, gradient: bool) -> LandscapePlan:
    """Return the plan with near and far windows, if the job asks for these, and say so.

    Raises
    ------
    MemoryPlanError
        When they do not fit.
    """
    side = int(job.parameters["COARSENING"])
    if side == 1:
        return plan
    grid, reach = plan.headers.grid, plan.headers.dispersal.reach
    rows, columns = math.ceil(grid.rows / side), math.ceil(grid.columns / side)
    follows = distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS")
    smallest = plan.survey.smallest_resistance if follows == "resistance" else 1.0
    options: dict[str, Any] = {
        "own_windows": False,
        "gradient": gradient,
        "item_bytes": 8 if job.parameters["PRECISION"] == "double" else 4,
        "threads": job.threads or available_processors(),
        "memory_limit": job.memory_limit,
        "largest": "DISPERSAL_DISTANCE",
        "streams": True,
    }
    headers = plan.headers
    width, height = (side * each for each in headers.cell_size)
    far_rows = halo(reach, smallest, height, rows)
    far_columns = halo(reach, smallest, width, rows * columns if headers.wraps else columns)
    if headers.sphere is not None:
        sphere = headers.sphere.coarser(side)
        far_columns = int(
            columns_reached(sphere, rows, columns, reach / smallest, far_rows, follows, wraps=headers.wraps).max()
        )
    around = headers.around // side
    far = window_plan(rows, columns, far_rows, far_columns, around=around, **options)
    fine = (far.band_rows + 2 * far_rows) * side * grid.columns * _BYTES_PER_FINE_CELL
    far = replace(far, memory=far.memory + fine)
    block = side * math.ceil(_SOURCES_ACROSS / side)
    if headers.around % block:
        block = side
    near = window_plan(grid.rows, grid.columns, NEAR * side, NEAR * side, block=block, around=headers.around, **options)
    share = plan.survey.nodes / grid.cells
    near, far = (replace(each, seconds=each.seconds * share) for each in (near, far))
    report.message(
        f"Coarsening instead: pairs up to {NEAR} coarse cells apart in windows of {near.window.height} x {near.window.width} cells, all others "
        f"between {rows} x {columns} coarse cells of {side} x {side} in windows of {far.window.height} x {far.window.width}; about "
        f"{max(1, round(near.seconds + far.seconds))} s per pass on this machine."
    )
    return replace(plan, coarse=CoarsePlan(side, near, far, plan.windows))


def sample_window(plan: CoarsePlan) -> WindowShape:
    """Return the exact window of a near block of sources."""
    near, exact = plan.near.window, plan.exact.window
    return WindowShape(near.block_rows, near.block_columns, exact.halo_rows, exact.halo_columns)
