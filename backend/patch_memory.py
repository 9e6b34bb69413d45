"""How much memory building a network takes, stated and refused before it starts; light."""

from __future__ import annotations

from .errors import MemoryPlanError
from .job import Job, Report
from .memory import available_memory, human_bytes
from .processors import available_processors

#: Resistance, cost, patch and step of each cell, and the heaps; as measured at 4000 x 4000 cells.
_BYTES_PER_CELL = 28
_BYTES_TO_LABEL = 24
_BYTES_PER_VALUE = 16
#: Resistance and patch of each cell; where each patch lies. And what a search from a patch holds besides.
_BYTES_PER_CELL_OF_ALL = 20
_BYTES_PER_SEARCHED_CELL = 25
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


def searches_at_once(job: Job, cells: int, report: Report) -> int:
    """Return how many searches from patches fit into memory at once, at most one a thread, and state what they take.

    Parameters
    ----------
    job : Job
        Whose threads and memory.
    cells : int
        Of the raster.

    Raises
    ------
    MemoryPlanError
        When not even one fits; names how many cells would.
    """
    per_search = cells * _BYTES_PER_SEARCHED_CELL
    room = _limit(job) - cells * _BYTES_PER_CELL_OF_ALL
    searches = min(job.threads or available_processors(), int(room // per_search))
    if searches < 1:
        needed = cells * _BYTES_PER_CELL_OF_ALL + per_search
        most = int(_limit(job) / (_BYTES_PER_CELL_OF_ALL + _BYTES_PER_SEARCHED_CELL))
        raise MemoryPlanError(
            f"Searching from each patch needs {human_bytes(needed)} of memory, {human_bytes(_limit(job))} may be used.",
            f"Choose planar, or use a coarser or smaller raster: {most:,} cells would fit.",
            "MOVEMENT",
        )
    needed = cells * _BYTES_PER_CELL_OF_ALL + searches * per_search
    report.message(f"Peak memory about {human_bytes(needed + _BYTES_OF_ALL)}: {searches} at once search from patches.")
    return searches
