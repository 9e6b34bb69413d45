"""How cumulative or normalised current changes with the resistance of every cell.

The exact gradient, by one adjoint solve a window: J = sum_i w_i C_i with C the cumulative current and w the weight of a cell: 1 for its sum, 1 / (flow potential x number of
cells) for the mean of normalised current. Strengths of sources and targets, and with them flow potential, are held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .job import Report
from .journal import Journal
from .moving_window import MovingWindow
from .omnidirectional import WindowCurrents
from .omnidirectional_groups import Batch, Group, Groups
from .omnidirectional_pass import Contribution, TakeSums, pass_over_windows
from .omnidirectional_plan import OmnidirectionalPlan
from .omnidirectional_rows import RowSource
from .solvers.window_circuits_adjoint import adjoint_source, conductance_gradient, gather_weights

Values = NDArray[np.float64]


def conductance_sensitivity(
    source: RowSource,
    window: MovingWindow,
    plan: OmnidirectionalPlan,
    weight: Callable[[int, int], Values],
    take: TakeSums,
    report: Report,
    *,
    journal: Journal | None = None,
) -> int:
    """Compute dJ / d conductance of every cell.

    Parameters
    ----------
    source : RowSource
        The rasters.
    window : MovingWindow
    plan : OmnidirectionalPlan
    weight : callable
        From first row and number of rows to the weights of these cells, shape (rows, columns).
    take : callable
        Called once for all rows, in order, with the gradient.
    report : Report
        Hears of progress, may cancel.
    journal : Journal, optional
        Where a run that was interrupted goes on.

    Returns
    -------
    int
        Number of windows.
    """
    adjoint = _WindowAdjoint(WindowCurrents(window, plan.lanes, 0))
    currents = adjoint.currents
    groups = Groups(source, window, plan.rows_per_group, plan.lanes, currents.cells)
    nothing = np.zeros(0)

    def work(group: Group, batch: Batch) -> Callable[[], list[Contribution]]:
        weights = adjoint.weights(group, groups, weight)
        return lambda: [(currents.cells, adjoint.gradient(group, batch, weights), nothing)]

    return pass_over_windows(groups, 1, work, take, report, name="sensitivity", journal=journal)


class _WindowAdjoint:
    """Gradients of batches of windows."""

    def __init__(self, currents: WindowCurrents) -> None:
        self.currents = currents
        self._rooms = threading.local()
        self._group: tuple[int, Values] | None = None

    def weights(self, group: Group, groups: Groups, weight: Callable[[int, int], Values]) -> Values:
        """Return the weights of a group's strip, margins included."""
        if self._group is None or self._group[0] != group.number:
            strip, (top, bottom, left, right) = group.strip, group.bounds
            values = np.zeros(strip.conductance.shape)
            first, after = max(0, top), min(strip.rows, bottom)
            values[first:after, left:right] = weight(strip.first + first, after - first)
            self._group = group.number, values
        return self._group[1]

    def gradient(self, group: Group, batch: Batch, weights: Values) -> Values:
        """Return dJ / d conductance of a batch's windows, shape (windows, cells)."""
        currents = self.currents
        circuits, cells, lanes = currents.circuits, currents.cells, currents.lanes
        room = currents.room()
        if not hasattr(self._rooms, "frames"):
            self._rooms.frames = circuits.frame(lanes), circuits.frame(lanes)
        weight, adjoint = self._rooms.frames
        currents.gather(group, batch, room)
        voltage = circuits.solve(room.conductance, room.source, room.solver)
        gather_weights(
            weights.ravel(),
            group.strip.stride,
            cells,
            group.targets,
            batch.first,
            batch.size,
            currents.factor,
            group.shift,
            weight,
            lanes,
        )
        structure, scales, width = circuits.structure, circuits.scales, (0,) * lanes
        around = structure, room.conductance, voltage
        adjoint_source(*around, weight, cells.place, cells.centre, scales, circuits.diagonals, adjoint, width)
        circuits.solve_again(adjoint, room.solver)
        found = np.empty((lanes, len(cells.place)))
        conductance_gradient(*around, adjoint, weight, cells.place, scales, circuits.diagonals, found, width)
        return found
