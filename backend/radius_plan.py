"""The plan of a run whose distances are defined by a declared window: radius and block are given, only the batch is chosen.

Light: the toolbox makes the same plan before it starts the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import MemoryPlanError
from .memory import human_bytes, room_for_windows
from .window_plan import WindowPlan, allowed_memory, band_memory, batch_size, fixed_memory, in_bands, smaller_extent
from .window_shape import WindowShape


@dataclass(frozen=True)
class EliminationCost:
    """What the elimination of windows needs; the numbers come from a distance's file.

    Parameters
    ----------
    copies : int
        Arrays of height x width x width numbers of 8 bytes that are alive at once.
    nanoseconds : float
        Time per height x width^3 on one core.
    compilation : int
        Bytes that the compiler takes beyond the engine's own; measured. Little of it depends on the window.
    """

    copies: int
    nanoseconds: float
    compilation: int = 0

    def window_bytes(self, window: WindowShape) -> int:
        """Return the memory that one window needs."""
        blocks = self.copies * window.width
        return 8 * window.height * window.width * (blocks + 3 * self.copies * window.lanes)

    def window_seconds(self, window: WindowShape) -> float:
        """Return a rough estimate of the time that one window takes on one core."""
        return self.nanoseconds * 1e-9 * window.height * window.width**2 * (window.width + window.lanes)


def radius_window(rows: int, columns: int, radius: int, block: int) -> WindowShape:
    """Return the window that radius and block declare; what would lie outside the raster on all sides is left out.

    Parameters
    ----------
    rows, columns : int
        Cells of the raster.
    radius : int
        Cells on each side of a block.
    block : int
        Rows and columns of sources that share a window.
    """
    return WindowShape(block, block, min(radius, rows - 1), min(radius, columns - 1))


def radius_plan(
    rows: int,
    columns: int,
    radius: int,
    block: int,
    *,
    cost: EliminationCost,
    gradient: bool,
    threads: int,
    memory_limit: int,
    streams: bool = False,
) -> WindowPlan:
    """Plan the windows of a declared radius and block. Too little memory lowers the batch, never the window.

    Parameters
    ----------
    rows, columns : int
        Cells of the raster.
    radius, block : int
        See `radius_window`.
    cost : EliminationCost
        Of the distance, with gradients where they are computed.
    gradient : bool
        Whether gradients are computed as well.
    threads : int
        For the estimate of time.
    memory_limit : int
        Bytes, 0 = 80 % of what is free.
    streams : bool
        Whether the rasters stay on disk; else they are held whole.

    Raises
    ------
    MemoryPlanError
        When not even one window fits; says which radius would.
    """
    # What the compiler takes is not there for windows: its memory stays with the process.
    limit = allowed_memory(memory_limit) - cost.compilation

    def needed(radius: int, block: int = block, rows: int = rows, columns: int = columns) -> tuple[int, int]:
        """Return the bytes of one window, and of everything else."""
        window = radius_window(rows, columns, radius, block)
        if streams:
            fixed = band_memory(rows, columns, window, window.block_rows, gradient=gradient)
        else:
            fixed = fixed_memory(rows, columns, gradient=gradient)
        return cost.window_bytes(window), fixed

    def fits(radius: int, block: int = block, rows: int = rows, columns: int = columns) -> bool:
        one, fixed = needed(radius, block, rows, columns)
        return one <= room_for_windows(limit - fixed)

    def remedy() -> str:
        """Return the largest radius that would fit, else the largest block, else the largest extent."""
        smaller = next((each for each in range(radius - 1, 0, -1) if fits(each)), 0)
        narrower = 0 if smaller else next((each for each in range(block - 2, 0, -2) if fits(radius, each)), 0)
        if smaller or narrower:
            found = f"RADIUS = {smaller}" if smaller else f"BLOCK = {narrower}"
            return (
                f"{found} would fit; it changes what is computed. Or use a coarser raster, or raise the memory limit."
            )
        engine = fixed_memory(1, 1, gradient=gradient) + cost.compilation
        least = smaller_extent(lambda side: fits(1, 1, side, side), max(rows, columns), engine)
        return least.replace("Set EXTENT", "Set RADIUS and BLOCK to 1 and EXTENT")

    window = radius_window(rows, columns, radius, block)
    one, fixed = needed(radius)
    if not fits(radius):
        raise MemoryPlanError(
            f"A window of {window.height} x {window.width} cells needs about {human_bytes(fixed + cost.compilation + one)} of "
            f"memory, {human_bytes(limit + cost.compilation)} are allowed.",
            remedy(),
            "RADIUS",
        )
    plan = WindowPlan(rows, columns, window, 1, 0, 0.0)
    batch = batch_size(one, limit - fixed, plan.blocks)
    seconds = plan.blocks * cost.window_seconds(window) / max(1, threads)
    # LAPACK waits in XLA's pool of threads for others of the pool: two batches at once may take all of them, and wait for ever.
    whole = WindowPlan(rows, columns, window, batch, fixed + batch * one, seconds, under_way=1)
    found = in_bands(whole, batch * one, limit, gradient=gradient) if streams else whole
    return replace(found, memory=found.memory + cost.compilation)
