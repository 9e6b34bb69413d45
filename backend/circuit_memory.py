"""What a circuit analysis needs: memory, solves, time, and where the fields lie. Light."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass

from .circuit_plan import memory_needed
from .errors import MemoryPlanError
from .job import Job, Report
from .memory import available_memory, human_bytes
from .processors import available_processors
from .wording import counted

#: Bytes per cell: of the raster and what is made of it beside the circuit, of a map in double precision.
_LANDSCAPE, _MAP = 40, 8
#: What the process takes whatever the raster is.
_FIXED = 350_000_000
_MOST_AT_ONCE = 8
#: Seconds of a processor per cell and solve, on easy and on hard landscapes, and what else a run takes.
_EASY, _HARD, _REST = 4e-7, 4e-6, 2.0
_SHARE = 0.8


@dataclass(frozen=True)
class CircuitPlan:
    """How a circuit analysis uses memory.

    Parameters
    ----------
    memory : int
        Bytes at most.
    at_once : int
        Right-hand sides that are solved at the same time.
    on_disk : bool
        Whether the potential fields lie in a temporary file.
    """

    memory: int
    at_once: int
    on_disk: bool


def plan_circuit(job: Job, cells: int, fields: int, maps: float, report: Report, *, solves: int) -> CircuitPlan:
    """Plan an analysis and say what it needs.

    Parameters
    ----------
    job : Job
        Its memory limit.
    cells : int
        Of the raster.
    fields : int
        Potential fields that are kept until the maps are made.
    maps : float
        Maps in double precision that are held at the same time.
    report : Report
    solves : int
        Right-hand sides.

    Raises
    ------
    MemoryPlanError
        When it does not fit; says which raster would.
    """
    limit = job.memory_limit or int(_SHARE * available_memory())
    a_cell = memory_needed(1, cells) / cells + _LANDSCAPE + _MAP * maps
    least = cells * a_cell + _FIXED
    if least > limit:
        fits = max(0, int((limit - _FIXED) / a_cell))
        raise MemoryPlanError(
            f"A raster of {cells:,} cells needs {human_bytes(least)} of memory; {human_bytes(limit)} may be used.",
            f"Up to about {fits:,} cells fit: use coarser cells or a smaller raster, ask for fewer maps, or raise the limit.",
        )
    kept = cells * _MAP * fields
    on_disk = least + kept > limit
    if on_disk and shutil.disk_usage(tempfile.gettempdir()).free < 1.1 * kept:
        many = int((limit - least) / (cells * _MAP))
        raise MemoryPlanError(
            f"The potentials of {fields + 1} focal nodes take {human_bytes(kept)}: more than fits into memory "
            f"({human_bytes(limit)} may be used) or into the folder for temporary files.",
            f"Up to {many + 1} focal nodes fit; or ask for no maps: then the potentials are not kept.",
        )
    spare = limit - least - (0 if on_disk else kept)
    at_once = max(1, min(_MOST_AT_ONCE, solves, 1 + int(spare / (cells * _MAP))))
    memory = int(least + (0 if on_disk else kept) + (at_once - 1) * cells * _MAP)
    cores = job.threads or available_processors()
    quick, slow = (_REST + cells * solves * each / cores for each in (_EASY, _HARD))
    place = f"; {human_bytes(kept)} of potentials go to a temporary file" if on_disk else ""
    report.message(
        f"Plan: {counted(solves, 'solve')} on {cells:,} cells, up to {human_bytes(memory)} of memory, some {_duration(quick)} to "
        f"{_duration(slow)}{place}."
    )
    return CircuitPlan(memory, at_once, on_disk)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
