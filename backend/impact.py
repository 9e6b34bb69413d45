"""A landscape before and after a planned object is built, and what mitigation would gain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .actions import Action
from .answers import Answers
from .connectivity import connectivity
from .incremental import Edit, IncrementalConnectivity
from .job import Job, Report
from .journal import Journal
from .landscape import Landscape
from .landscape_plan import LandscapePlan
from .planned_object import PlannedObject
from .planning_job import blocks_of
from .quiet import Quiet

_TRIALS_AT_ONCE = 128


@dataclass(frozen=True)
class Impact:
    """What an object does.

    Parameters
    ----------
    numbers : dict
    difference : array, shape (rows, columns)
        Functional habitat after minus before, 0 where there is no node.
    crossings : array, shape (rows, columns)
        True gain of a crossing at a cell of the object, NaN where none was tried.
    compensation : array, shape (rows, columns)
        What raising the permeability of a cell promises, after building.
    """

    numbers: dict[str, float]
    difference: NDArray[np.float64]
    crossings: NDArray[np.float64]
    compensation: NDArray[np.float64]


def built(landscape: Landscape, planned: PlannedObject, job: Job) -> Landscape:
    """Return the landscape with the object in it."""
    values = job.parameters
    ease = Action("raise_permeability", 1.0, values["MOVEMENT_KIND"])
    node = landscape.node
    now = ease.ease("movement", np.where(node, landscape.movement, 1))
    lower = np.where(planned.cells, np.minimum(now, values["NEW_PERMEABILITY"]), now)
    barrier = lower <= 0
    movement = np.where(node & ~barrier, ease.from_ease("movement", np.where(barrier, 1, lower)), np.nan)
    movement = np.where(node, movement, landscape.movement)
    quality = np.where(planned.cells, np.fmin(landscape.quality, values["NEW_QUALITY"]), landscape.quality)
    quality = np.where(planned.disturbed, quality * values["DISTURBED_SHARE"], quality)
    return replace(landscape, movement=movement, quality=quality)


def impact_of(
    job: Job,
    plan: LandscapePlan,
    landscape: Landscape,
    planned: PlannedObject,
    report: Report,
    journal: Journal,
) -> Impact:
    """Compute the loss, its map, and what crossings and compensation gain.

    Parameters
    ----------
    job : Job
    plan : LandscapePlan
        Its windows hold for crossings and compensation as well.
    landscape : Landscape
        As it is.
    planned : PlannedObject
    report : Report
        Hears of the progress; may cancel.
    journal : Journal
        Keeps what is found, and knows what an earlier run has found.
    """
    after = built(landscape, planned, job)
    own = bool(job.parameters["SELF"])
    incremental = IncrementalConnectivity(
        blocks_of(job, plan, after),
        after.resistance,
        np.nan_to_num(after.quality).astype(after.dtype),
        report,
        cost=after.movement_cost,
        by_quality=False,
    )
    answers = Answers(journal, [incremental], report)

    def computed(one: Landscape, step: str, share: float) -> tuple[float, NDArray[np.float64]]:
        report.progress(share, step)

        def find() -> NDArray[np.float64]:
            found = connectivity(
                one.model,
                plan.windows,
                one.resistance,
                one.quality,
                Quiet(report),
                mean_distance=False,
                movement_cost=one.movement_cost,
            )
            q = np.where(one.node, np.nan_to_num(one.quality), 0)
            return np.append(found.functional + own * q**2, found.total + own * found.self_total)

        *_, total = found = answers.ask(step, find)
        return float(total), found[:-1].reshape(one.node.shape)

    before_total, before_map = computed(landscape, "The landscape as it is", 0.0)
    after_total, after_map = computed(after, "The landscape with the object", 0.2)
    poorer = replace(landscape, quality=np.where(after.node | ~landscape.node, after.quality, 0.0))
    habitat_total, _ = computed(poorer, "Its habitat alone", 0.4)
    report.progress(0.6, "Compensation: gradient")
    by_resistance = answers.ask("gradient", lambda: incremental.gradient(Quiet(report))[1]).reshape(after.node.shape)
    action = Action("raise_permeability", job.parameters["AMOUNT"], job.parameters["MOVEMENT_KIND"])
    promise = action.by_ease("movement", after.by_movement(by_resistance), np.where(after.node, after.movement, 1))

    def trials(edits: list[Edit]) -> NDArray[np.float64]:
        return answers.ask("crossings", lambda: incremental.trials(edits, Quiet(report)))

    crossings = _crossings(job, landscape, after, planned, trials, report)
    loss = before_total - after_total
    numbers = {
        "C_BEFORE": before_total,
        "C_AFTER": after_total,
        "LOSS": loss,
        "LOSS_PERCENT": 100 * loss / before_total if before_total > 0 else float("nan"),
        "LOSS_OF_HABITAT": before_total - habitat_total,
        "LOSS_OF_WAYS": habitat_total - after_total,
        "BEST_CROSSING": float(np.nanmax(crossings)) if np.isfinite(crossings).any() else float("nan"),
        "OBJECT_CELLS": int(planned.cells.sum()),
    }
    compensation = np.where(after.node, promise * job.parameters["AMOUNT"], 0)
    return Impact(numbers, after_map - before_map, crossings, compensation)


def _crossings(
    job: Job,
    landscape: Landscape,
    after: Landscape,
    planned: PlannedObject,
    trials: Callable[[list[Edit]], NDArray[np.float64]],
    report: Report,
) -> NDArray[np.float64]:
    """Return the true gain of a crossing at each cell of the object, alone."""
    found = np.full(planned.cells.shape, np.nan)
    ease = Action("raise_permeability_to", job.parameters["CROSSING"], job.parameters["MOVEMENT_KIND"])
    value = float(ease.from_ease("movement", np.array([job.parameters["CROSSING"]]))[0])
    resistance = after.resistance.ravel()
    crossed = float(after.reading.resistance(np.array([value]), np)[0])
    cells = np.flatnonzero(planned.cells & landscape.node)
    cells = cells[resistance[cells] > crossed]
    most = int(job.parameters["MOST_CROSSINGS"])
    if len(cells) > most:
        report.message(f"Crossings are tried at {most} of the object's {len(cells)} cells (MOST_CROSSINGS).")
        cells = cells[np.linspace(0, len(cells) - 1, most).astype(int)] if most else cells[:0]
    quality = np.nan_to_num(after.quality).ravel()
    rows, columns = planned.cells.shape
    for first in range(0, len(cells), _TRIALS_AT_ONCE):
        report.progress(0.7 + 0.3 * first / len(cells), "Crossings")
        edits = []
        for cell in cells[first : first + _TRIALS_AT_ONCE]:
            row, column = divmod(int(cell), columns)
            # A cell that becomes a node may open the diagonal steps beside it, so its neighbours count as changed.
            r, c = np.mgrid[max(0, row - 1) : min(rows, row + 2), max(0, column - 1) : min(columns, column + 2)]
            near = (r * columns + c).ravel()
            changed = resistance[near].copy()
            changed[near == cell] = crossed
            edits.append(Edit(near, changed, quality[near]))
        found.ravel()[cells[first : first + _TRIALS_AT_ONCE]] = trials(edits)
    return found
