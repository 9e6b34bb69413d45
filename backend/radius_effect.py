"""What a doubled radius would change, on a sample of windows: for distances whose window is part of their definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
from jaxtyping import Array

from .cells import Cells
from .connectivity import LandscapeModel, window_connectivity
from .job import Report
from .memory import human_bytes, room_for_windows
from .window_plan import WindowPlan, allowed_memory
from .window_sample import sampled_blocks, sampled_windows
from .window_shape import WindowShape

_SAMPLE = 5
_BYTES_PER_BLOCK_CELL = 8 * 8
#: Percent of C: what is not worth a number, and what the user should know before using the map.
_SMALLEST_TOLD, _LARGEST_USUAL = 0.1, 10.0
_REMEDY = "The window is part of the definition of this distance: see RADIUS."
# Once compiled it takes NumPy's arrays as well.
_part: Callable[..., Array] = eqx.filter_jit(window_connectivity)


def say_what_radius_changes(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    memory_limit: int,
    report: Report,
) -> None:
    """Say how much C of a few blocks of sources changes when the radius is doubled.

    The blocks are spread evenly over those that hold habitat, the same ones in every run.

    Parameters
    ----------
    model : LandscapeModel
    plan : WindowPlan
        With the declared block and radius.
    cells : Cells
        The landscape.
    memory_limit : int
        Bytes, 0 = 80 % of what is free. Windows that do not fit are not tried.
    report : Report
        Hears of it.
    """
    one = plan.window
    most = (plan.around - one.block_columns) // 2 if plan.around else plan.columns - 1
    rows, columns = min(2 * one.halo_rows, plan.rows - 1), min(2 * one.halo_columns, most)
    wide = WindowShape(one.block_rows, one.block_columns, rows, columns)
    if wide == one:
        return
    needed = wide.height * wide.width * (wide.width + wide.lanes) * _BYTES_PER_BLOCK_CELL
    if needed > room_for_windows(allowed_memory(memory_limit) - plan.memory):
        report.message(f"What twice the RADIUS would change was not tried: it takes {human_bytes(needed)} of memory.")
        return
    blocks_sampled = sampled_blocks(replace(plan, window=one), cells, _SAMPLE)
    now, then = (_connectivity(model, shape, plan, cells, blocks_sampled, report) for shape in (one, wide))
    blocks = f"On a sample of {len(now)} blocks of sources"
    if sum(now) > 0:
        change = 100 * (sum(then) / sum(now) - 1)
        size = f"by {change:+.1f} %" if abs(change) >= _SMALLEST_TOLD else f"by less than {_SMALLEST_TOLD} %"
        say = report.warning if abs(change) > _LARGEST_USUAL else report.message
        say(f"{blocks}, twice the RADIUS changes connectivity {size}. {_REMEDY}")
    elif sum(then) > 0:
        report.message(f"{blocks}, nothing is connected within the RADIUS, but within twice the RADIUS. {_REMEDY}")


def _connectivity(
    model: LandscapeModel,
    shape: WindowShape,
    plan: WindowPlan,
    cells: Cells,
    blocks: list[tuple[int, int]],
    report: Report,
) -> list[float]:
    """Return the parts of C that the sample's blocks add."""
    found = []
    for batch in sampled_windows(replace(plan, window=shape), cells, blocks):
        report.raise_if_cancelled()
        rasters = batch.movement_cost, batch.latitude(model.neighbourhood)
        found.append(float(_part(model, batch.resistance, batch.quality, shape, *rasters)))
    return found
