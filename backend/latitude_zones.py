"""Zones of latitude: blocks of rows whose windows need about as many columns, so that a few shapes of windows serve a whole globe.

Light: the toolbox makes the same plan before it starts the worker.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .window_shape import WindowShape

#: Each is a program of its own to compile.
MOST_SHAPES = 4
#: Pairs of cells that another shape must save, about the time that it takes to compile, and the share of all.
WORTHWHILE_PAIRS = 5e7
_WORTHWHILE_SHARE = 0.05


@dataclass(frozen=True)
class Zone:
    """Some rows and their windows.

    Parameters
    ----------
    first, last : int
        Rows from `first` up to `last`, whole blocks.
    window : WindowShape
        Of those of other zones it differs in the columns of its halo.
    batch : int
        Windows computed at once.
    """

    first: int
    last: int
    window: WindowShape
    batch: int


def zones_of(
    window: WindowShape,
    columns_of_rows: NDArray[np.integer],
    columns: int,
    batch: int,
    *,
    largest_batch: int,
) -> tuple[Zone, ...]:
    """Divide rows into zones of up to four shapes of windows so that the windows hold the fewest cells.

    Parameters
    ----------
    window : WindowShape
        Wide enough for all rows.
    columns_of_rows : array of int, shape (rows,)
        How many columns sources of each row reach.
    columns : int
        Of the raster.
    batch : int
        Windows of that width that are computed at once; of narrower ones more.
    largest_batch : int
        But at most so many.

    Returns
    -------
    tuple of Zone
        From the first row to the last; empty where one shape will do.
    """
    rows, block = len(columns_of_rows), window.block_rows
    halos = np.maximum.reduceat(columns_of_rows, range(0, rows, block))
    wanted = _fewest_cells(halos, window.block_columns, window.height * float(columns * block))
    if len(set(wanted)) == 1:
        return ()
    found: list[Zone] = []
    first = 0
    for halo, group in itertools.groupby(wanted):
        last = min(rows, first + len(list(group)) * block)
        shape = replace(window, halo_columns=halo)
        found.append(Zone(first, last, shape, max(batch, min(largest_batch, batch * window.width // shape.width))))
        first = last
    return tuple(found)


def _fewest_cells(halos: NDArray[np.integer], block: int, pairs_of_column: float) -> list[int]:
    """Return the halo of each block of rows, at least the given one, of up to four values."""
    values, counts = np.unique(halos, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    # cost[n] of the n smallest values in so many classes, each as wide as its largest; cut: where the last class begins.
    width = block + 2 * values.astype(float)
    cost, cuts = np.concatenate([[0], before[1:] * width]), [np.zeros(len(values) + 1, int)]
    costs = [cost[-1]]
    for _ in range(1, min(MOST_SHAPES, len(values))):
        cut = np.zeros(len(values) + 1, int)
        following = np.full(len(values) + 1, np.inf)
        following[0] = 0
        for n in range(1, len(values) + 1):
            of_cuts = cost[:n] + (before[n] - before[:n]) * width[n - 1]
            cut[n] = int(np.argmin(of_cuts))
            following[n] = of_cuts[cut[n]]
        cost = following
        cuts.append(cut)
        costs.append(cost[-1])
    classes = 0
    for more in range(1, len(costs)):
        saved = costs[classes] - costs[more]
        extra = more - classes
        if saved >= extra * _WORTHWHILE_SHARE * costs[0] and saved * pairs_of_column >= extra * WORTHWHILE_PAIRS:
            classes = more
    ends, stop = [], len(values)
    for number in range(classes, -1, -1):
        ends.append(int(values[stop - 1]))
        stop = int(cuts[number][stop])
    edges = np.sort(ends)
    return [int(edges[place]) for place in np.searchsorted(edges, halos)]
