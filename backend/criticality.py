r"""Criticality: how much connectivity is lost when a cell is taken away, as habitat and as a way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from .cells import Cells
from .connectivity import LandscapeModel, source_connectivity
from .job import Report
from .journal import Journal
from .window_plan import WindowPlan
from .window_shape import WindowShape
from .windows import Batch, Windows

_NAME = "criticality"


@dataclass(frozen=True)
class Criticality:
    """What is lost with each cell.

    Parameters
    ----------
    loss : array, shape (rows, columns)
        C with the cell minus C without it, without self terms (which lose the squared quality); 0 where there is no node.
    quality : array, shape (rows, columns)
        0 where there is no node.
    node : array of bool, shape (rows, columns)
    """

    loss: NDArray[np.float64]
    quality: NDArray[np.float64]
    node: NDArray[np.bool_]


def criticality(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    report: Report,
    *,
    ways_end_at_limit: bool,
    journal: Journal | None = None,
) -> Criticality:
    r"""Compute :math:`C - C_{-k}` of every node k, with C without self terms.

    :math:`C_{-k}` is the connectivity of the landscape in which k is no node. Every window is computed once for each of its
    cells without that cell; no other window notices the change.

    Parameters
    ----------
    model, plan, cells, report
        As of `connectivity_by_rows`.
    ways_end_at_limit : bool
        Whether a cell beyond the limit of all sources of a window cannot matter to them (true of shortest paths).
    journal : Journal, optional
        Where a run that was interrupted goes on, and leaves how far it is.

    Returns
    -------
    Criticality
    """
    alone = replace(plan, batch=1, band_rows=0)
    strip = cells.strip(0, cells.rows)
    # Any cell may be a source: a pair whose source has no quality adds nothing, with or without a cell.
    windows = Windows(alone, strip.resistance, strip.quality, habitat_only=True, movement_cost=strip.movement_cost)
    kept = _Kept(np.zeros(windows.padded_shape), np.zeros((plan.window.height, plan.window.width)))
    if journal is not None and journal.entry(_NAME) is not None:
        kept = _Kept(**journal.arrays(_NAME), **journal.entry(_NAME))
        journal.say_continued(
            report, f"{kept.windows / max(1, len(windows)):.0%} of the windows were done without their cells"
        )

    def keep() -> None:
        if journal is not None and journal.is_due():
            at = {"windows": kept.windows, "cells": kept.cells}
            journal.enter(_NAME, at, {"loss": kept.loss, "of_window": kept.of_window})

    one = _OneWindow(model, plan.window, plan.batch, ways_end_at_limit, keep)
    for batch in windows.batches(skip=kept.windows):
        report.raise_if_cancelled()
        one.take_away(batch, kept, report)
        windows.add_windows(kept.loss, batch, kept.of_window[None])
        kept.of_window[:] = 0
        kept.windows, kept.cells = kept.windows + 1, 0
        keep()
        report.progress(batch.done, "Taking cells away")
    loss = kept.loss
    return Criticality(np.where(strip.node, windows.unpad(loss), 0), strip.quality, strip.node)


@dataclass
class _Kept:
    """How far it is: what is lost by windows that are done, and in the one that is not, by cells that were taken away."""

    loss: NDArray[np.float64]
    of_window: NDArray[np.float64]
    windows: int = 0
    cells: int = 0


@dataclass(frozen=True)
class _OneWindow:
    model: LandscapeModel
    window: WindowShape
    batch: int
    ways_end_at_limit: bool
    keep: Callable[[], None]

    def take_away(self, batch: Batch, kept: _Kept, report: Report) -> None:
        """Find what is lost in a window with each of its cells that was not taken away yet."""
        given = batch.arrays(self.model.neighbourhood)
        whole = float(_connectivity_of_each(self.model, *given, self.window)[0])
        if whole == 0:
            return
        matters = np.asarray(_reached(self.model, *given, self.window, self.ways_end_at_limit))[0]
        places = self._places(np.argwhere(_and_beside(matters)))
        for first in range(kept.cells, len(places), self.batch):
            report.raise_if_cancelled()
            chosen = places[first : first + self.batch]
            without = _without(given, chosen, self.batch)
            values = np.asarray(_connectivity_of_each(self.model, *without, self.window))
            for place, value in zip(chosen, values):
                kept.of_window[tuple(place[0])] = whole - float(value)
            kept.cells = first + self.batch
            self.keep()

    def _places(self, cells: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Return all places of each cell in the window: several where it is wider than the globe."""
        around = self.model.neighbourhood.around
        if not around or self.window.width <= around:
            return [cell[None] for cell in cells]
        by_cell: dict[tuple[int, int], list[Any]] = {}
        for row, column in cells:
            by_cell.setdefault((row, column % around), []).append((row, column))
        return [np.array(places) for places in by_cell.values()]


def _and_beside(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return cells and those that share a side with them: out of reach, they may still hold a diagonal step open."""
    found = cells.copy()
    found[1:] |= cells[:-1]
    found[:-1] |= cells[1:]
    found[:, 1:] |= cells[:, :-1]
    found[:, :-1] |= cells[:, 1:]
    return found


def _without(given: Sequence[Any], chosen: list[NDArray[np.intp]], size: int) -> Sequence[Any]:
    """Return copies of a window, each without one cell; some of them whole, up to a fixed number."""
    copies: list[Any] = [each if each is None else np.repeat(each, size, axis=0) for each in given]
    resistance, quality = copies[:2]
    for number, places in enumerate(chosen):
        for row, column in places:
            resistance[number, row, column] = np.inf
            quality[number, row, column] = 0
    return copies


def _connectivity_of_window(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
) -> Float[Array, " windows"]:
    return source_connectivity(model, resistance, quality, window, movement_cost, latitude).sum(axis=1)


def _reached_in_window(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
    ways_end_at_limit: bool,
) -> Array:
    """Return which cells a source with quality reaches, or is."""
    if not ways_end_at_limit:
        model = eqx.tree_at(lambda m: m.limit, model, jnp.full_like(model.limit, jnp.inf))
    distance = model.distance(resistance, model.neighbourhood, window, model.limit, movement_cost, latitude)
    habitat = window.block(quality).reshape(-1, 1, 1, window.lanes) > 0
    return (jnp.isfinite(distance) & habitat).any(axis=-1)


# Once compiled they take NumPy's arrays as well.
_connectivity_of_each: Callable[..., Array] = eqx.filter_jit(_connectivity_of_window)
_reached: Callable[..., Array] = eqx.filter_jit(_reached_in_window)
