"""Regions of a Circuitscape run: which cells it makes one node, including what it does oddly, so that old results are reproduced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .circuit_focal import FocalNodes


def regions_of_pair(
    shape: tuple[int, int], polygons: NDArray[np.int32] | None, focal: FocalNodes, one: int, other: int
) -> NDArray[np.int32]:
    """Return the regions of one pair of focal nodes, 0 elsewhere.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    polygons : array of int32, shape (rows, columns), or None
        Short-circuit regions, 0 elsewhere.
    focal : FocalNodes
    one, other : int
        Positions of the two in `focal`.

    Notes
    -----
    A focal region that overlaps several polygons makes these one node; its cells outside of them stay single.
    """
    found = np.zeros(shape, np.int32) if polygons is None else polygons.copy()
    flat = found.ravel()
    if polygons is None:
        for number, node in enumerate((one, other), 1):
            flat[focal.cells_of(node)] = number
        return found
    given = polygons.ravel()
    highest = int(given.max(initial=0))
    for node in (one, other):
        cells = focal.cells_of(node)
        if len(cells) == 1:
            continue
        overlapped = given[cells][given[cells] != 0]
        if len(overlapped) == 0:
            highest += 1
            flat[cells] = highest
        elif len(overlapped) == 1:
            flat[cells] = overlapped[0]
        else:
            highest += 1
            flat[np.isin(given, overlapped)] = highest
    return found


def regions_of_all(
    shape: tuple[int, int], polygons: NDArray[np.int32] | None, focal: FocalNodes
) -> NDArray[np.int32] | None:
    """Return the regions of a one-to-all or all-to-one run, 0 elsewhere.

    Notes
    -----
    Where polygons and focal regions overlap, cells of a focal region outside of polygons are not joined to those inside. Labels of
    polygons and ids share their numbers.
    """
    identity = focal.on(shape).astype(np.int32)
    if polygons is None:
        return identity if focal.has_regions else None
    found = polygons.copy()
    if not focal.has_regions:
        return found  # a focal node of one cell makes no difference
    highest = max(int(polygons.max(initial=0)), int(identity.max(initial=0)))
    # Circuitscape goes down the columns, one after the other.
    by_column = np.flatnonzero(identity.T.ravel())
    rows = shape[0]
    for column, row in zip((by_column // rows).tolist(), (by_column % rows).tolist()):
        own, there = identity[row, column], found[row, column]
        if there == 0:
            found[row, column] = highest + own
        elif there != own:
            found[found == there] = own
    return found
