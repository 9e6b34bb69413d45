"""The plan of a run over windows, made before any work: how large, how many, how much memory.

Light: the toolbox makes the same plan before it starts the worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import MemoryPlanError
from .memory import available_memory, human_bytes
from .window_shape import WindowShape

_BLOCK = 4
#: Relative slack of the cut-off in single precision, and more.
_ROUNDING = 2e-6
_WORKER_BYTES = 500_000_000
_BATCH_BYTES = 64_000_000
_LARGEST_BATCH = 64
_NANOSECONDS_PER_PAIR = {False: 8.0, True: 20.0}
_COPIES = {False: 10, True: 12}
_BYTES_PER_CELL = {False: 120, True: 220}


@dataclass(frozen=True)
class WindowPlan:
    """How a raster is cut into blocks of sources, each with a halo.

    Parameters
    ----------
    rows, columns : int
        Cells of the raster.
    window : WindowShape
        Block and halo.
    batch : int
        Windows computed at once.
    memory : int
        Estimated peak of the worker, bytes.
    seconds : float
        Rough estimate on the given number of threads.
    band_rows : int
        Rows that are taken from the raster at once, a multiple of the block's; 0 = all. Changes no result.
    """

    rows: int
    columns: int
    window: WindowShape
    batch: int
    memory: int
    seconds: float
    band_rows: int = 0

    @property
    def blocks(self) -> int:
        """Number of blocks that cover the raster."""
        return math.ceil(self.rows / self.window.block_rows) * math.ceil(self.columns / self.window.block_columns)

    def __str__(self) -> str:
        duration = f"{self.seconds / 60:.0f} min" if self.seconds > 90 else f"{max(1, round(self.seconds))} s"
        return (
            f"{self.rows} x {self.columns} cells in {self.blocks} blocks, windows of {self.window.height} x "
            f"{self.window.width} cells, about {human_bytes(self.memory)} of memory and {duration} per pass "
            "on this machine"
        )


def halo(reach: float, smallest_resistance: float, cell_size: float, cells: int) -> int:
    """Return how many cells away a path of cost `reach` can get, at most the raster itself.

    A step costs at least the length of a cell times the smallest resistance, under either edge rule, so a window of
    this halo gives the distances of the whole raster.
    """
    steps = reach / (smallest_resistance * cell_size)
    return max(0, min(cells - 1, math.floor(steps * (1 + _ROUNDING)) if math.isfinite(steps) else cells - 1))


def allowed_memory(memory_limit: int) -> int:
    """Return the bytes that a run may use: the limit, or 80 % of what is free where it is 0."""
    return memory_limit or int(0.8 * available_memory())


def fixed_memory(rows: int, columns: int, *, gradient: bool) -> int:
    """Return the bytes that a run needs besides its windows."""
    return _WORKER_BYTES + rows * columns * _BYTES_PER_CELL[gradient]


def batch_size(window_bytes: int, room: int, blocks: int) -> int:
    """Return how many windows of that size are computed at once in the room that is left."""
    return max(1, min(_LARGEST_BATCH, blocks, _BATCH_BYTES // window_bytes, room // window_bytes))


def window_plan(
    rows: int,
    columns: int,
    halo_rows: int,
    halo_columns: int,
    *,
    own_windows: bool,
    gradient: bool,
    item_bytes: int,
    threads: int,
    memory_limit: int,
    largest: str,
) -> WindowPlan:
    """Choose block and batch so that the run fits into memory.

    Parameters
    ----------
    rows, columns : int
        Cells of the raster.
    halo_rows, halo_columns : int
        Reach of a source, cells.
    own_windows : bool
        Whether each source keeps to its own window (a cap cuts).
    gradient : bool
        Whether gradients are computed as well.
    item_bytes : int
        4 or 8.
    threads : int
        For the estimate of time.
    memory_limit : int
        Bytes, 0 = 80 % of what is free.
    largest : str
        Name of the parameter to lower when it does not fit.

    Returns
    -------
    WindowPlan

    Raises
    ------
    MemoryPlanError
        When even the smallest block does not fit; says what would.
    """
    limit = allowed_memory(memory_limit)
    fixed = fixed_memory(rows, columns, gradient=gradient)
    side = _BLOCK
    while True:
        window = WindowShape(min(side, rows), min(side, columns), halo_rows, halo_columns, own_windows)
        one = window.height * window.width * window.lanes * item_bytes * _COPIES[gradient]
        if fixed + one <= limit or side == 1:
            break
        side //= 2
    if fixed + one > limit:
        affordable = int(math.sqrt(max(0, limit - fixed) / (item_bytes * _COPIES[gradient])))
        raise MemoryPlanError(
            f"The run needs about {human_bytes(fixed + one)} of memory, {human_bytes(limit)} are allowed: windows of "
            f"{window.height} x {window.width} cells on {rows} x {columns} cells.",
            f"Windows of up to {affordable} x {affordable} cells would fit: lower {largest} or raise CUTOFF, set "
            f"MAXIMUM_WINDOW to {(affordable - 1) // 2} or less, use a smaller EXTENT or a coarser raster, or raise the "
            "memory limit."
            if affordable > 2
            else "Use a smaller EXTENT or a coarser raster, or raise the memory limit.",
            largest,
        )
    blocks = WindowPlan(rows, columns, window, 1, 0, 0.0).blocks
    batch = batch_size(one, limit - fixed, blocks)
    pairs = rows * columns * float(window.height * window.width)
    seconds = pairs * _NANOSECONDS_PER_PAIR[gradient] * (item_bytes / 8) * 1e-9 / max(1, threads)
    return WindowPlan(rows, columns, window, batch, fixed + batch * one, seconds)
