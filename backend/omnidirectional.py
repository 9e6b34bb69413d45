"""Omnidirectional currents in a moving window: cumulative current and flow potential, strip by strip.

For each block of targets a circuit in a circle: sources send current in proportion to their strength, the centre is the
ground, and the currents of all windows add up. Results do not depend on threads, on the number of windows side by side, or
on how the raster is cut in strips, but for the last digits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .job import Report
from .journal import Journal
from .moving_window import MovingWindow
from .omnidirectional_groups import Batch, Group, Groups
from .omnidirectional_pass import Contribution, TakeSums, pass_over_windows
from .omnidirectional_plan import OmnidirectionalPlan
from .omnidirectional_rows import RowSource
from .solvers.window_circuits import WindowCircuits, Workspace
from .solvers.window_circuits_gather import (
    WindowCells,
    fill_null,
    gather,
    leave_out_unreachable,
)

Values = NDArray[np.float64]
#: Currents below this share of a window's largest are taken for rounding when artefacts are corrected.
_NOISE = 1e-8


@dataclass
class _Room:
    """What one thread computes in."""

    solver: Workspace
    conductance: Values
    source: Values
    null: Values
    null_source: Values
    null_solver: Workspace
    reached: NDArray[np.bool_]
    waiting: NDArray[np.int64]


class WindowCurrents:
    """Currents of batches of windows.

    Parameters
    ----------
    window : MovingWindow
    lanes : int
        Windows side by side.
    shared_bytes : int
        Room for factors that null models share.
    """

    def __init__(self, window: MovingWindow, lanes: int, shared_bytes: int) -> None:
        self.window, self.lanes = window, lanes
        inside, scales = window.inside(), window.edge_scales
        self.circuits = WindowCircuits(inside, window.neighbours, scales)
        self.cells = _window_cells(self.circuits, window)
        self.null_circuits, self.null_cells = self.circuits, self.cells
        if window.compatible:  # upstream's null model fills the square
            self.null_circuits = WindowCircuits(np.ones_like(inside), window.neighbours, scales)
            self.null_cells = _window_cells(self.null_circuits, window)
        self.factor = artefact_factors(window, self.circuits, lanes) if window.corrects else np.zeros(0)
        self._rooms = threading.local()
        self._sharing = threading.Lock()
        self._shared: OrderedDict[Any, Values] = OrderedDict()
        factor_bytes = int(self.null_circuits.structure.sizes[0]) * 8
        self._most_shared = max(2, shared_bytes // factor_bytes)

    def room(self) -> _Room:
        """Return the room of this thread."""
        if not hasattr(self._rooms, "room"):
            solver = self.circuits.workspace(self.lanes)
            same = self.null_circuits is self.circuits
            self._rooms.room = _Room(
                solver,
                self.circuits.frame(self.lanes),
                self.circuits.frame(self.lanes),
                self.null_circuits.frame(self.lanes),
                self.null_circuits.frame(self.lanes),
                solver if same else self.null_circuits.workspace(self.lanes),
                np.zeros(self.circuits.frame_cells, bool),
                np.zeros(self.circuits.frame_cells, np.int64),
            )
        return self._rooms.room

    def _shared_factor(self, batch: Batch, room: _Room) -> Values | None:
        """Return the factor of a batch's null models if they share one."""
        if batch.cut is None:
            return None
        with self._sharing:
            if batch.cut not in self._shared:
                self._shared[batch.cut] = self.null_circuits.share(room.null, room.null_solver)
                if len(self._shared) > self._most_shared:
                    self._shared.popitem(last=False)
            self._shared.move_to_end(batch.cut)
            return self._shared[batch.cut]

    def gather(self, group: Group, batch: Batch, room: _Room) -> None:
        """Fill a thread's room with a batch of windows."""
        strip, cells = group.strip, self.cells
        lacking = gather(
            strip.conductance.ravel(),
            strip.strength.ravel(),
            strip.stride,
            cells,
            group.targets,
            batch.first,
            batch.size,
            group.conditions,
            self.window.compatible,
            room.conductance,
            room.source,
            self.lanes,
        )
        if self.window.compatible:
            room.null_source[:] = room.source  # the square's frame is that of the circle
        if lacking and not batch.complete:
            leave_out_unreachable(cells, room.conductance, room.source, room.reached, room.waiting, self.lanes)

    def currents(self, group: Group, batch: Batch, *, null: bool) -> tuple[Values, Values | None]:
        """Return the currents of a batch's windows, and those of their null models, shape (windows, cells) each."""
        room = self.room()
        self.gather(group, batch, room)
        voltage = self.circuits.solve(room.conductance, room.source, room.solver)
        found = np.empty((self.lanes, len(self.cells.place)))
        self.circuits.currents(room.conductance, room.source, voltage, found)
        return found, self._null_currents(group, batch, room) if null else None

    def _null_currents(self, group: Group, batch: Batch, room: _Room) -> Values:
        circuits, cells = self.null_circuits, self.null_cells
        source = room.source
        if self.window.compatible:
            source = room.null_source
            fill_null(cells, group.targets, batch.first, batch.size, *group.bounds, room.null, self.lanes)
        else:
            np.greater(room.conductance, 0, out=room.null, casting="unsafe")
        factor = self._shared_factor(batch, room)
        if factor is None:
            voltage = circuits.solve(room.null, source, room.null_solver)
        else:
            voltage = circuits.solve_shared(factor, source, room.null_solver)
        found = np.empty((self.lanes, len(cells.place)))
        circuits.currents(room.null, source, voltage, found)
        return found


def _window_cells(circuits: WindowCircuits, window: MovingWindow) -> WindowCells:
    rows, columns = window.reach
    weight = window.source_weights()[circuits.down + rows, circuits.right + columns]
    return WindowCells(
        circuits.cells,
        circuits.down,
        circuits.right,
        np.ascontiguousarray(weight),
        circuits.frame_columns,
        circuits.centre,
        circuits.diagonals,
    )


def artefact_factors(window: MovingWindow, circuits: WindowCircuits, lanes: int) -> Values:
    """Return by how much the currents of a block have to change to be those of its single cells, flat over the square.

    The sum of the null currents of b x b targets of one cell each, over those of one block that receives b x b.
    """
    inside, weight, block = window.inside(), window.source_weights(), window.in_block()
    rows, columns = window.reach
    centre = np.zeros_like(block)
    centre[rows, columns] = True
    found = np.empty((2, len(circuits.cells)))
    room = circuits.workspace(lanes)
    out = np.empty((lanes, len(circuits.cells)))
    frame = (inside.shape[0] + 2, inside.shape[1] + 2, lanes)
    for which, (without, amount) in enumerate(((centre, 1.0), (block, float(window.block**2)))):
        conductance, source = circuits.frame(lanes), circuits.frame(lanes)
        strength = np.where(without, 0, weight)
        conductance.reshape(frame)[1:-1, 1:-1, 0] = inside
        source.reshape(frame)[1:-1, 1:-1, 0] = strength * (amount / strength.sum())
        circuits.currents(conductance, source, circuits.solve(conductance, source, room), out)
        found[which] = out[0]
    found[found < _NOISE * found.max(axis=1, keepdims=True)] = 0
    single, blocked = np.zeros(inside.shape), np.zeros(inside.shape)
    single[inside], blocked[inside] = found
    half = window.half_block
    total = np.zeros((inside.shape[0] + 2 * half, inside.shape[1] + 2 * half))
    for i in range(window.block):
        for j in range(window.block):
            total[i : i + inside.shape[0], j : j + inside.shape[1]] += single
    total = total[half : half + inside.shape[0], half : half + inside.shape[1]]
    factor = np.ones(inside.shape)
    usable = (blocked > 0) & ((total > 0) | window.compatible)
    factor[usable] = np.where(total[usable] > 0, total[usable], 1.0) / blocked[usable]
    return factor.ravel()


def omnidirectional_current(
    source: RowSource,
    window: MovingWindow,
    plan: OmnidirectionalPlan,
    take: TakeSums,
    report: Report,
    *,
    null: bool = True,
    journal: Journal | None = None,
) -> int:
    """Compute cumulative current and flow potential.

    Parameters
    ----------
    source : RowSource
        The rasters.
    window : MovingWindow
    plan : OmnidirectionalPlan
        Sizes of groups and batches; changes results in the last digits at most.
    take : callable
        Called once for all rows, in order, as soon as they are finished: with cumulative current and flow potential.
    report : Report
        Hears of progress, may cancel.
    null : bool
        Whether flow potential is wanted.
    journal : Journal, optional
        Where a run that was interrupted goes on, and leaves how far it is.

    Returns
    -------
    int
        Number of windows.
    """
    currents = WindowCurrents(window, plan.lanes, plan.shared_bytes)
    groups = Groups(source, window, plan.rows_per_group, plan.lanes, currents.cells)

    def work(group: Group, batch: Batch) -> Callable[[], list[Contribution]]:
        def compute() -> list[Contribution]:
            found, potential = currents.currents(group, batch, null=null)
            contributions = [(currents.cells, found, currents.factor)]
            if potential is not None:
                contributions.append((currents.null_cells, potential, currents.factor))
            return contributions

        return compute

    return pass_over_windows(groups, 2 if null else 1, work, take, report, name="currents", journal=journal)


def normalised(cumulative: Values, potential: Values) -> Values:
    """Return cumulative current over flow potential; 0 where nothing flows without resistance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(potential > 0, cumulative / potential, 0.0)
