"""The plan of a moving window, made before any work: how many windows, how much memory, how long; light."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import MemoryPlanError
from .memory import available_memory, human_bytes
from .moving_window import MovingWindow
from .raster_grid import Grid

_WORKER_BYTES = 450_000_000
_LANES = 8
_SHARED_BYTES = 256_000_000
_FEWEST_ROWS, _MOST_ROWS = 8, 64
#: A window of n cells takes about 16 n^1.5 operations, and a pass over its cells.
_SECONDS_PER_FLOP, _SECONDS_PER_WINDOW_CELL, _SECONDS_PER_CELL = 5e-11, 3e-8, 6e-7


@dataclass(frozen=True)
class OmnidirectionalPlan:
    """Sizes of a run.

    Parameters
    ----------
    targets : int
        Windows to compute.
    lanes : int
        Windows that a thread computes side by side.
    rows_per_group : int
        Rows of targets whose strip is in memory at a time.
    shared_bytes : int
        Room for what null models share.
    memory : int
        Estimated peak of the worker, bytes.
    seconds : float
        Rough estimate.
    """

    targets: int
    lanes: int
    rows_per_group: int
    shared_bytes: int
    memory: int
    seconds: float

    def __str__(self) -> str:
        duration = f"{self.seconds / 60:.0f} min" if self.seconds > 90 else f"{max(1, round(self.seconds))} s"
        return f"{self.targets} windows, about {human_bytes(self.memory)} of memory and {duration} on this machine"


def factor_entries(cells: float) -> float:
    """Return about how many numbers the factor of a window of so many cells has (measured: 41, 53, 62 per cell)."""
    radius = math.sqrt(max(cells, 4) / math.pi)
    return cells * max(20.0, 41 + 13 * math.log(radius / 20))


def omnidirectional_plan(
    grid: Grid,
    window: MovingWindow,
    targets: int,
    *,
    rasters: int,
    null: bool,
    gradient: bool,
    threads: int,
    memory_limit: int,
) -> OmnidirectionalPlan:
    """Choose groups and batches so that the run fits into memory.

    Parameters
    ----------
    grid : Grid
        Of the rasters.
    window : MovingWindow
    targets : int
        Windows to compute.
    rasters : int
        How many rasters are read.
    null, gradient : bool
        Whether flow potential and sensitivity are computed.
    threads : int
    memory_limit : int
        Bytes, 0 = 80 % of what is free.

    Raises
    ------
    MemoryPlanError
        When even the smallest setting does not fit; says which radius would.
    """
    limit = memory_limit or int(0.8 * available_memory())
    reach_rows, reach_columns = window.reach
    target_rows = len(window.target_rows(grid.rows))
    wanted = max(_FEWEST_ROWS, min(_MOST_ROWS, math.ceil(2 * reach_rows / window.block)))
    for lanes, group in ((_LANES, wanted), (_LANES, _FEWEST_ROWS), (4, 4), (2, 2), (1, 1)):
        group = min(group, max(1, target_rows))
        strip = (2 * reach_rows + group * window.block) * (grid.columns + 2 * reach_columns)
        # Twice, since one strip is made from the one before; two sums, and one more gradient.
        strips = strip * 8 * (2 * (rasters + 1) + 2 * 2 + (4 if gradient else 0))
        cells = (2 * reach_rows + 3) * (2 * reach_columns + 3)
        per_thread = _thread_bytes(cells, lanes, window, null=null)
        shared = min(_SHARED_BYTES, int(24 * 8 * factor_entries(cells))) if null else 0
        memory = int(_WORKER_BYTES + strips + threads * per_thread + shared)
        if memory <= limit:
            break
    else:
        raise MemoryPlanError(
            f"The run needs about {human_bytes(memory)} of memory, {human_bytes(limit)} are allowed: windows of "
            f"{2 * reach_rows + 1} x {2 * reach_columns + 1} cells on {threads} threads, rows of {grid.columns} cells.",
            _remedy(grid, window, limit, rasters, threads, null=null, gradient=gradient),
            "RADIUS",
        )
    circle = math.pi * (reach_rows + 0.5) * (reach_columns + 0.5)
    one = 16 * circle**1.5 * _SECONDS_PER_FLOP + circle * _SECONDS_PER_WINDOW_CELL
    solves = (1.6 if null else 1.0) + (1.7 if gradient else 0.0)
    seconds = targets * one * solves / max(1, threads) + grid.cells * _SECONDS_PER_CELL
    return OmnidirectionalPlan(targets, lanes, group, shared, memory, seconds)


def _thread_bytes(cells: int, lanes: int, window: MovingWindow, *, null: bool) -> float:
    factor = factor_entries(cells) * lanes * 8 * 1.35
    frames = cells * lanes * 8 * 12
    twice = 2 if null and window.compatible else 1
    return factor * twice + frames


def _remedy(
    grid: Grid, window: MovingWindow, limit: int, rasters: int, threads: int, *, null: bool, gradient: bool
) -> str:
    """Say the largest reach, in cells, that fits on so many threads, or that one thread would do."""
    reach = max(window.reach)

    def largest(threads: int) -> int:
        low, high = 0, reach
        while low < high:
            middle = (low + high + 1) // 2
            strip = (2 * middle + window.block) * (grid.columns + 2 * middle) * 8
            strips = strip * (2 * (rasters + 1) + 2 * 2 + (4 if gradient else 0))
            cells = (2 * middle + 3) ** 2
            shared = min(_SHARED_BYTES, int(24 * 8 * factor_entries(cells))) if null else 0
            memory = _WORKER_BYTES + strips + threads * _thread_bytes(cells, 1, window, null=null) + shared
            low, high = (middle, high) if memory <= limit else (low, middle - 1)
        return low

    here, alone = largest(threads), largest(1)
    if not alone:
        return "Raise the memory limit."
    fewer = "" if alone == here else f", or to {alone} with 1 thread" if alone < reach else ", or use 1 thread"
    lower = f"Lower RADIUS + BUFFER to {here} cells or less" if here else "No radius fits on so many threads"
    return f"{lower}{fewer}, or raise the memory limit."
