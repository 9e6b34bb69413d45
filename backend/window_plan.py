"""The plan of a run over windows, made before any work: how large, how many, how much memory.

Light: the toolbox makes the same plan before it starts the worker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .errors import MemoryPlanError
from .journal import Journal
from .latitude_zones import Zone, zones_of
from .memory import available_memory, human_bytes, room_for_windows
from .window_shape import WindowShape

_BLOCK = 4
#: Of least cost on the CPU, which stores nothing for a pair: larger blocks share more of a window's work.
_COMPILED_BLOCK = 8
_SMALLER_BLOCKS = (4, 2, 1)
#: Relative slack of the cut-off in single precision, and more.
_ROUNDING = 2e-6
#: Measured: the engine with its compiled programs.
_WORKER_BYTES = 430_000_000
_BATCH_BYTES = 256_000_000
_LARGEST_BATCH = 64
_NANOSECONDS_PER_PAIR = {False: 10.0, True: 24.0}
#: Measured: arrays of (windows, height, width, lanes) that are alive at once, of the batches under way together.
_COPIES = {False: 34, True: 44}
_BYTES_PER_CELL = {False: 120, True: 220}
_BYTES_PER_BAND_CELL = {False: 110, True: 130}
#: Of the compiled passes, by gradient: what their edge costs and slopes take besides.
_COMPILED_BYTES_PER_CELL = {False: 80, True: 220}
_COMPILED_NANOSECONDS_PER_PAIR = {False: 1.6, True: 4.2}
#: Sources that a window's kernels take at once, at most.
_LANES = 16
#: Batches whose results are alive at once: under way, waiting, and being added up.
_BATCHES_ALIVE = 4
_LARGEST_BAND_BYTES = 400_000_000
_BATCHES_PER_BAND = 16


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
    around : int
        Columns around the globe where the last one is joined with the first, which are those of the raster; 0 where it is not.
    under_way : int
        Batches computed at once, while those before are taken in. Changes no result.
    zones : tuple of Zone
        Rows with narrower windows, from the first row to the last: see `latitude_zones`. Empty where all are alike. Changes results
        by rounding only.
    """

    rows: int
    columns: int
    window: WindowShape
    batch: int
    memory: int
    seconds: float
    band_rows: int = 0
    around: int = 0
    under_way: int = 2
    zones: tuple[Zone, ...] = ()

    def at(self, row: int) -> WindowPlan:
        """Return the plan of the windows whose sources lie in a row."""
        for zone in self.zones:
            if zone.first <= row < zone.last:
                return replace(self, window=zone.window, batch=zone.batch, zones=())
        return self

    def bands(self) -> list[tuple[int, int]]:
        """Return first and last row (not included) of what is taken from the raster at once; each lies in one zone."""
        edges = [(zone.first, zone.last) for zone in self.zones] or [(0, self.rows)]
        step = self.band_rows or self.rows
        return [(first, min(first + step, last)) for start, last in edges for first in range(start, last, step)]

    @property
    def blocks(self) -> int:
        """Number of blocks that cover the raster."""
        return math.ceil(self.rows / self.window.block_rows) * math.ceil(self.columns / self.window.block_columns)

    def __str__(self) -> str:
        duration = f"{self.seconds / 60:.0f} min" if self.seconds > 90 else f"{max(1, round(self.seconds))} s"
        width = f"{self.window.width} cells"
        if self.zones:
            widths = sorted({zone.window.width for zone in self.zones})
            width = f"{', '.join(map(str, widths[:-1]))} to {widths[-1]} cells (wider towards the poles)"
        return (
            f"{self.rows} x {self.columns} cells in {self.blocks} blocks, windows of {self.window.height} x "
            f"{width}, about {human_bytes(self.memory)} of memory and {duration} per pass "
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


def fixed_memory(rows: int, columns: int, *, gradient: bool, compiled: bool = False) -> int:
    """Return the bytes that a run needs besides its windows, if it holds the rasters whole."""
    of_edges = _COMPILED_BYTES_PER_CELL[gradient] if compiled else 0
    return _WORKER_BYTES + rows * columns * (_BYTES_PER_CELL[gradient] + of_edges)


def band_memory(
    rows: int, columns: int, window: WindowShape, band_rows: int, *, gradient: bool, compiled: bool = False
) -> int:
    """Return the bytes that a run needs besides its windows, if it takes so many rows at once from disk."""
    high = min(band_rows, rows) + 2 * window.halo_rows
    of_edges = _COMPILED_BYTES_PER_CELL[gradient] if compiled else 0
    strip = high * (columns + 2 * window.halo_columns) * (_BYTES_PER_BAND_CELL[gradient] + of_edges)
    return _WORKER_BYTES + strip + rows * columns // 4


def rows_of_band(
    rows: int,
    columns: int,
    window: WindowShape,
    batch: int,
    room: int,
    *,
    gradient: bool,
    compiled: bool = False,
) -> int:
    """Return how many rows to take at once: enough for full batches and for the halo, as far as there is room."""
    across = math.ceil(columns / window.block_columns)
    wanted = max(math.ceil(_BATCHES_PER_BAND * batch / across), math.ceil(window.halo_rows / window.block_rows))
    blocks = min(wanted, math.ceil(rows / window.block_rows))
    while blocks > 1 and _band(rows, columns, window, blocks, gradient=gradient, compiled=compiled) > room:
        blocks = blocks // 2
    return blocks * window.block_rows


def compiled_bytes(window: WindowShape, item_bytes: int, threads: int, *, gradient: bool) -> tuple[int, int]:
    """Return what a window's results take in a compiled pass, and its threads' scratch, bytes."""
    cells = (window.height + 2) * (window.width + 2)
    lanes = min(window.lanes, _LANES)
    scratch = cells * (lanes * (9 + 3 * item_bytes) + 64 if gradient else lanes * 8 + 32)
    beyond_own = 8 * cells * max(window.lanes, lanes) if window.own_windows else 0
    results = 16 * window.height * window.width if gradient else 48 * window.lanes
    return _BATCHES_ALIVE * results, threads * scratch + beyond_own


def _band(rows: int, columns: int, window: WindowShape, blocks: int, *, gradient: bool, compiled: bool = False) -> int:
    return band_memory(rows, columns, window, blocks * window.block_rows, gradient=gradient, compiled=compiled)


def settled(plan: WindowPlan, journal: Journal, memory_limit: int, name: str = "plan") -> WindowPlan:
    """Return the plan with the blocks and batches of the run that a journal is from, or enter its own.

    Windows of another size add up in another order: only the same ones end in the same bits. Where they no longer fit into
    memory, or reach less far, the journal is emptied.
    """
    entered = journal.entry(name)
    if entered is not None:
        window = WindowShape(**entered["window"])
        if entered["memory"] <= allowed_memory(memory_limit):
            zones = tuple(
                Zone(**{**zone, "window": WindowShape(**zone["window"])}) for zone in entered.get("zones", ())
            )
            kept = {each: entered[each] for each in ("batch", "band_rows", "memory")}
            return replace(plan, window=window, zones=zones, **kept)
        journal.clear()
    entry = {each: asdict(plan)[each] for each in ("window", "batch", "band_rows", "memory", "zones")}
    journal.enter_later(name, entry)
    return plan


def smaller_extent(fits: Callable[[int], bool], most: int, least: int) -> str:
    """Return the remedy where no window fits on the raster.

    Parameters
    ----------
    fits : callable
        Whether a raster of so many rows and columns would; if it does, every smaller one does.
    most : int
        Largest that could.
    least : int
        Bytes that any run takes.
    """
    side, beyond = 0, most + 1
    while beyond - side > 1:
        middle = (side + beyond) // 2
        side, beyond = (middle, beyond) if fits(middle) else (side, middle)
    if side == 0:
        return f"Raise the memory limit: the engine alone takes about {human_bytes(least)}."
    return f"Set EXTENT to {side} x {side} cells or fewer, use a coarser raster, or raise the memory limit."


def batch_size(window_bytes: int, room: int, blocks: int) -> int:
    """Return how many windows of that size are computed at once in the room that is left."""
    return max(1, min(_LARGEST_BATCH, blocks, _BATCH_BYTES // window_bytes, room_for_windows(room) // window_bytes))


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
    streams: bool = False,
    around: int = 0,
    block: int = 0,
    compiled: bool = False,
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
    streams : bool
        Whether the rasters stay on disk; else they are held whole.
    around : int
        See `WindowPlan`; blocks are then as wide as fits around.
    block : int
        Rows and columns of sources that share a window, whatever fits; 0 = as it fits.
    compiled : bool
        Whether `LeastCostPass` computes the windows: it needs little memory and time.

    Returns
    -------
    WindowPlan

    Raises
    ------
    MemoryPlanError
        When even the smallest block does not fit; says what would.
    """
    limit = allowed_memory(memory_limit)
    kind = {"gradient": gradient, "compiled": compiled}

    def needed(side: int, radius: float, rows: int = rows, columns: int = columns) -> tuple[WindowShape, int, int]:
        """Return the window of a block, and the bytes of one such window and of everything else."""
        halo = int(min(halo_rows, radius)), int(min(halo_columns, radius))
        across = next(each for each in range(side, 0, -1) if columns % each == 0) if around else min(side, columns)
        window = WindowShape(
            block or min(side, rows), block or across, *halo, own_windows or radius < max(halo_rows, halo_columns)
        )
        one, scratch = window.height * window.width * window.lanes * item_bytes * _COPIES[gradient], 0
        if compiled:
            one, scratch = compiled_bytes(window, item_bytes, threads, gradient=gradient)
        if streams:
            return window, one, scratch + _band(rows, columns, window, 1, **kind)
        return window, one, scratch + fixed_memory(rows, columns, **kind)

    def fits(side: int, radius: float, rows: int = rows, columns: int = columns) -> bool:
        _, one, fixed = needed(side, radius, rows, columns)
        return one <= room_for_windows(limit - fixed)

    largest_block = _COMPILED_BLOCK if compiled else _BLOCK
    sides = [largest_block, *(side for side in _SMALLER_BLOCKS if side < largest_block)]
    side = next((side for side in sides if fits(side, math.inf)), 1)
    window, one, fixed = needed(side, math.inf)
    if one > room_for_windows(limit - fixed):
        radius = next((each for each in range(max(halo_rows, halo_columns), 0, -1) if fits(1, each)), 0)
        raise MemoryPlanError(
            f"The run needs about {human_bytes(fixed + one)} of memory, {human_bytes(limit)} are allowed: windows of "
            f"{window.height} x {window.width} cells on {rows} x {columns} cells.",
            f"Windows of up to {2 * radius + 1} x {2 * radius + 1} cells would fit: lower {largest} or raise CUTOFF, set "
            f"MAXIMUM_WINDOW to {radius} or less, use a smaller EXTENT or a coarser raster, or raise the memory limit."
            if radius > 0
            else smaller_extent(
                lambda side: fits(1, side - 1, side, side), max(rows, columns), fixed_memory(1, 1, **kind)
            ),
            largest,
        )
    blocks = WindowPlan(rows, columns, window, 1, 0, 0.0).blocks
    batch = batch_size(one, limit - fixed, blocks)
    pairs = rows * columns * float(window.height * window.width)
    each = _COMPILED_NANOSECONDS_PER_PAIR[gradient] if compiled else _NANOSECONDS_PER_PAIR[gradient] * item_bytes / 8
    whole = WindowPlan(
        rows, columns, window, batch, fixed + batch * one, pairs * each * 1e-9 / max(1, threads), around=around
    )
    if not streams:
        return whole
    scratch = compiled_bytes(window, item_bytes, threads, gradient=gradient)[1] if compiled else 0
    return in_bands(whole, scratch + batch * one, limit, **kind)


def in_zones(plan: WindowPlan, columns_of_rows: NDArray[np.integer]) -> WindowPlan:
    """Return the plan with narrower windows where sources reach fewer columns, where that is worth while.

    Parameters
    ----------
    plan : WindowPlan
    columns_of_rows : array of int, shape (rows,)
        How many columns sources of each row reach, at most the plan's.
    """
    zones = zones_of(plan.window, columns_of_rows, plan.columns, plan.batch, largest_batch=_LARGEST_BATCH)
    cells = sum((zone.last - zone.first) * zone.window.width for zone in zones) or plan.rows * plan.window.width
    return replace(plan, zones=zones, seconds=plan.seconds * cells / (plan.rows * plan.window.width))


def in_bands(plan: WindowPlan, batch_bytes: int, limit: int, *, gradient: bool, compiled: bool = False) -> WindowPlan:
    """Return the plan with the bands that it takes from disk, and the memory that it then needs."""
    rows, columns, window = plan.rows, plan.columns, plan.window
    room = min(limit - batch_bytes, _WORKER_BYTES + _LARGEST_BAND_BYTES)
    band = rows_of_band(rows, columns, window, plan.batch, room, gradient=gradient, compiled=compiled)
    memory = band_memory(rows, columns, window, band, gradient=gradient, compiled=compiled) + batch_bytes
    return replace(plan, band_rows=band, memory=memory)
