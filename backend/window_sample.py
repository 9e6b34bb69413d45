"""A few windows of a landscape, spread evenly, the same ones in every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .cells import Cells
from .window_plan import WindowPlan
from .windows import Batch, Windows


def sampled_blocks(plan: WindowPlan, cells: Cells, count: int) -> list[tuple[int, int]]:
    """Return the first row and column of up to so many blocks of sources, spread evenly over those that hold habitat."""
    rows, columns = plan.window.block_rows, plan.window.block_columns
    found: list[tuple[int, int]] = []
    for top in range(0, plan.rows, rows):
        habitat = cells.sources(top, min(top + rows, plan.rows), habitat_only=True).any(axis=0)
        lefts = np.flatnonzero(np.logical_or.reduceat(habitat, range(0, plan.columns, columns)))
        found.extend((top, int(left) * columns) for left in lefts)
    chosen = np.unique(np.linspace(0, max(0, len(found) - 1), min(count, len(found))).astype(int))
    return [found[number] for number in chosen]


def sampled_windows(plan: WindowPlan, cells: Cells, blocks: list[tuple[int, int]]) -> Iterator[Batch]:
    """Yield the windows of some blocks, one a batch."""
    shape = plan.window
    for top, left in blocks:
        last = min(top + shape.block_rows, plan.rows)
        above, below = min(shape.halo_rows, top), min(shape.halo_rows, plan.rows - last)
        strip = cells.strip(top - above, last + below)
        windows = Windows(
            replace(plan, batch=1),
            strip.resistance,
            strip.quality,
            movement_cost=strip.movement_cost,
            above=above,
            below=below,
            first=top,
        )
        yield from windows.batches(windows.starting_at(left))
