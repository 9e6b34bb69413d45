"""How much memory building a network takes, stated and refused before it starts; light."""

from __future__ import annotations

import math

from .errors import MemoryPlanError
from .job import Job, Report
from .memory import available_memory, human_bytes
from .processors import available_processors

#: Resistance, cost, patch and step of each cell, and the heaps; as measured at 4000 x 4000 cells.
_BYTES_PER_CELL = 28
_BYTES_TO_LABEL = 24
_BYTES_PER_VALUE = 16
#: What a search from a patch holds for each cell of its window.
_BYTES_PER_WINDOW_CELL = 32
_BYTES_OF_ALL = 3e8


def check_raster_memory(job: Job, cells: dict[str, int], report: Report) -> None:
    """State the memory that whole rasters take.

    Parameters
    ----------
    job : Job
        Whose memory.
    cells : dict of str to int
        Number of cells of each raster that is given, by parameter.

    Raises
    ------
    MemoryPlanError
        Names how many cells would fit.
    """
    sizes = {"MOVEMENT": _BYTES_PER_CELL, "HABITAT": _BYTES_TO_LABEL, "QUALITY": _BYTES_PER_VALUE}
    needs = {name: count * sizes[name] for name, count in cells.items()}
    if not needs:
        return
    name = max(needs, key=needs.__getitem__)
    limit = _limit(job)
    if needs[name] > limit:
        most = int(limit / sizes[name])
        raise MemoryPlanError(
            f"The raster needs {human_bytes(needs[name])} of memory, {human_bytes(limit)} may be used.",
            f"Use coarser rasters, or clip them: {most:,} cells would fit.",
            name,
        )
    report.message(f"Peak memory about {human_bytes(needs[name] + _BYTES_OF_ALL)}.")


def _limit(job: Job) -> int:
    return job.memory_limit or int(0.8 * available_memory())


def check_windows(job: Job, largest: tuple[int, int], halo: int, cells: int, scale: float, report: Report) -> None:
    """State the memory of the searches from each patch, one a thread.

    Parameters
    ----------
    job : Job
        Whose threads and memory.
    largest : tuple of int
        Rows and columns of the patch that takes up most.
    halo : int
        Cells that paths can get away from a patch.
    cells : int
        Of the raster.
    scale : float
        MAXIMUM_DISTANCE that a halo of one cell stands for.

    Raises
    ------
    MemoryPlanError
        Names the longest link that would fit.
    """
    threads = job.threads or available_processors()
    rows, columns = largest
    room = (_limit(job) - cells * _BYTES_PER_CELL) / (threads * _BYTES_PER_WINDOW_CELL)
    window = min(cells, (rows + 2 * halo) * (columns + 2 * halo))
    if window > room:
        half = (rows + columns) / 2
        fits = (math.sqrt(max(0.0, half * half - rows * columns + room)) - half) / 2 - 1
        raise MemoryPlanError(
            f"Searching from {threads} patches at once needs "
            f"{human_bytes(cells * _BYTES_PER_CELL + threads * window * _BYTES_PER_WINDOW_CELL)} of memory, "
            f"{human_bytes(_limit(job))} may be used.",
            f"Set MAXIMUM_DISTANCE to {fits * scale:.3g} or less, choose planar, or use fewer threads."
            if fits > 0
            else "Choose planar, use fewer threads, or coarser rasters.",
            "MAXIMUM_DISTANCE",
        )
    report.message(
        f"Peak memory about {human_bytes(cells * _BYTES_PER_CELL + threads * window * _BYTES_PER_WINDOW_CELL + _BYTES_OF_ALL)}: "
        f"{threads} searches at once."
    )
