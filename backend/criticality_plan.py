"""Whether taking every cell away once is affordable, said before it begins. Light: the toolbox asks the same."""

from __future__ import annotations

import heapq
import math

import numpy as np
from numpy.typing import NDArray

from .distance_constants import distance_constant
from .errors import InputError, MemoryPlanError
from .job import Job, Report
from .landscape_headers import LandscapeHeaders
from .landscape_plan import LandscapePlan
from .landscape_survey import Survey
from .memory import human_bytes
from .processors import available_processors
from .window_plan import WindowPlan, allowed_memory

_MOST_HOURS = 24.0
_SAMPLE = 6
_MOST_CELLS = 15_000
#: Measured: per cell that is searched again, and per cell in memory, for all and for each thread.
_SECONDS_PER_CELL = 2.7e-7
_BYTES_PER_CELL, _BYTES_PER_THREAD = 260, 90


def check_criticality(plan: LandscapePlan, job: Job, report: Report) -> None:
    """Say how long it takes, and refuse what takes more than a day or more memory than there is.

    Parameters
    ----------
    plan : LandscapePlan
    job : Job
        Checked.
    report : Report
        Hears the estimate.

    Raises
    ------
    InputError
        With the largest extent and the reach that would do.
    MemoryPlanError
        When the whole raster does not fit.
    """
    follows = distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS")
    windows = plan.windows
    if follows == "length":
        report.message("Criticality takes one more pass: without a cell only its own pairs are lost.")
    elif follows == "radius" or windows.window.own_windows:
        check_windows_anew(windows, report)
    else:
        threads = job.threads or available_processors()
        needed = windows.rows * windows.columns * (_BYTES_PER_CELL + threads * _BYTES_PER_THREAD)
        allowed = allowed_memory(job.memory_limit)
        if windows.memory + needed > allowed:
            raise MemoryPlanError(
                f"Criticality holds the raster whole, about {human_bytes(needed)}; {human_bytes(allowed)} are allowed in all.",
                "Leave CRITICALITY out, use a smaller EXTENT or a coarser raster, or raise the memory limit.",
                "CRITICALITY",
            )
        work = _searched_again(plan.headers, plan.survey, report)
        hours = plan.survey.habitat * work * _SECONDS_PER_CELL / threads / 3600
        _refuse(
            hours,
            windows,
            1 / 3,
            f"about {work:.3g} cells are searched again for each of {plan.survey.habitat} sources",
        )
        report.message(
            f"Criticality searches about {work:.3g} cells again for each of {plan.survey.habitat} sources (seen on a sample): "
            f"about {_duration(hours)}."
        )


def check_windows_anew(plan: WindowPlan, report: Report) -> None:
    """Say how long it takes to compute every window without each of its cells, and refuse what takes more than a day."""
    cells = plan.window.height * plan.window.width
    hours = plan.seconds * cells / 3600
    _refuse(
        hours,
        plan,
        1 / 4,
        f"each of the {plan.blocks} windows would be computed again without each of its {cells} cells",
    )
    report.message(
        f"Criticality computes each window again without each of its {cells} cells: about {_duration(hours)}."
    )


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} min" if hours * 60 > 1.5 else "a minute or two"


def _refuse(hours: float, plan: WindowPlan, power: float, why: str) -> None:
    if hours <= _MOST_HOURS:
        return
    share = _MOST_HOURS / hours
    raise InputError(
        "CRITICALITY",
        f"It takes about {hours:.0f} hours: {why}. Up to {_MOST_HOURS:.0f} hours are allowed.",
        f"Set EXTENT to {int(plan.rows * plan.columns * share)} cells or fewer, lower DISPERSAL_DISTANCE (or RADIUS) to "
        f"{100 * share**power:.0f} % or less, or use coarser rasters. Sensitivity to quality is the quick approximation.",
    )


def _searched_again(headers: LandscapeHeaders, found: Survey, report: Report) -> float:
    """Return the mean over a sample of sources of how many cells lie beyond each cell of their trees of paths, all together."""
    ends = np.cumsum(found.habitat_of_rows())
    if not ends[-1]:
        return 0.0
    work = []
    for number in np.unique(np.linspace(0, ends[-1] - 1, 2 * _SAMPLE + 1).astype(int)[1::2]):
        report.raise_if_cancelled()
        row = int(np.searchsorted(ends, number, side="right"))
        before = int(ends[row - 1]) if row else 0
        quality, movement = (headers.read(name, row, 1)[0] for name in ("QUALITY", "MOVEMENT"))
        habitat = np.flatnonzero(np.isfinite(headers.movement.resistance(movement, np)) & (quality > 0))
        work.append(_of_source(headers, row, int(habitat[min(number - before, len(habitat) - 1)]), found))
    return float(np.mean(work))


def _of_source(headers: LandscapeHeaders, row: int, column: int, found: Survey) -> float:
    """Return two for each cell that a source reaches, and the number of cells on the way to it; beyond many cells by proportion."""
    grid, reach = headers.grid, headers.dispersal.reach
    width, height = headers.cell_size
    rows = min(grid.rows, math.ceil(reach / (found.smallest_resistance * height)))
    first, last = max(0, row - rows), min(grid.rows, row + rows + 1)
    resistance = headers.movement.resistance(headers.read("MOVEMENT", first, last - first), np)
    widths = np.full(last - first, width)
    if headers.sphere:
        latitudes = headers.sphere.latitudes(np.array(0), grid.rows)[first:last]
        widths = headers.sphere.radius * headers.sphere.longitude_step * np.cos(latitudes)
    heap, settled, nearest = [(0.0, row - first, column, 0)], set(), {(row - first, column): 0.0}
    work, at = 0.0, 0.0
    while heap and len(settled) < _MOST_CELLS:
        at, i, j, depth = heapq.heappop(heap)
        if (i, j) in settled:
            continue
        settled.add((i, j))
        work += 2 + depth
        for k, m, length in _steps(i, j, widths, height):
            m = m % grid.columns if headers.wraps else m
            if not (0 <= k < len(widths) and 0 <= m < grid.columns) or (k, m) in settled:
                continue
            far = at + length * float(resistance[i, j] + resistance[k, m]) / 2
            if far <= reach and far < nearest.get((k, m), math.inf):
                nearest[k, m] = far
                heapq.heappush(heap, (far, k, m, depth + 1))
    return work * (reach / at) ** 3 if heap and at > 0 else work


def _steps(i: int, j: int, widths: NDArray[np.float64], height: float) -> list[tuple[int, int, float]]:
    width = float(widths[i])
    diagonal = math.hypot(width, height)
    straight = [(i - 1, j, height), (i + 1, j, height), (i, j - 1, width), (i, j + 1, width)]
    return straight + [(k, m, diagonal) for k in (i - 1, i + 1) for m in (j - 1, j + 1)]
