r"""Criticality under least-cost and straight distances, whose pairs tell how they change: no window is computed again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import Cells, Strip
from .connectivity import ConnectivityRows, LandscapeModel, connectivity_by_rows
from .criticality import Criticality, criticality
from .job import Report
from .journal import Journal
from .processors import available_processors
from .removed_cells import Steps, changes_of, steps_of
from .window_plan import WindowPlan

_NAME = "criticality of paths"
#: Sources at once: so many for each cell, since laying arrays out takes longer on larger rasters, and at most so many.
_SOURCES_PER_CELL, _MOST_SOURCES = 1 / 2000, 64


def criticality_of_landscape(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    report: Report,
    *,
    follows: str,
    threads: int = 0,
    journal: Journal | None = None,
) -> Criticality:
    """Compute what is lost with each cell in the quickest way that the distance allows; see `criticality`.

    Parameters
    ----------
    model, plan, cells, report, journal
        As of `criticality`.
    follows : {"resistance", "length", "radius"}
        What the halo of the distance follows: along cheapest paths, straight, or in windows of a declared radius.
    threads : int
        See `loss_by_paths`.
    """
    if follows == "radius" or (follows == "resistance" and plan.window.own_windows):
        ends = follows != "radius"
        return criticality(model, plan, cells, report, ways_end_at_limit=ends, journal=journal)
    strip = cells.strip(0, cells.rows)
    if follows == "length":
        loss = loss_of_straight_pairs(model, plan, cells, report)
    else:
        loss = loss_by_paths(model, strip, report, threads=threads, journal=journal)
    return Criticality(np.where(strip.node, loss, 0), strip.quality, strip.node)


def loss_by_paths(
    model: LandscapeModel, strip: Strip, report: Report, *, threads: int = 0, journal: Journal | None = None
) -> NDArray[np.float64]:
    r"""Compute :math:`C - C_{-k}` of every cell k under least-cost distances, with C without self terms.

    From each source the tree of cheapest paths is searched once, and what lies beyond each of its cells once more without that cell.

    Parameters
    ----------
    model : LandscapeModel
        With least cost.
    strip : Strip
        The whole raster.
    report : Report
        Hears of the progress; may cancel.
    threads : int
        0 = as many as there are processors. Changes no bit.
    journal : Journal, optional
        Where a run that was interrupted goes on.

    Returns
    -------
    array, shape (rows, columns)
    """
    steps = steps_of(strip.resistance.astype(float), model.neighbourhood)
    quality = strip.quality.ravel()
    sources = np.flatnonzero((quality > 0) & strip.node.ravel())
    threads = threads or available_processors()
    done, loss = 0, np.zeros(quality.size)
    if journal is not None and (before := journal.entry(_NAME)) is not None:
        done, loss = before["sources"], journal.arrays(_NAME)["loss"]
        journal.say_continued(report, f"{done / len(sources):.0%} of the sources were done without their cells")
    chunk = max(1, min(_MOST_SOURCES, int(quality.size * _SOURCES_PER_CELL)))
    with ThreadPoolExecutor(threads, "driftway-criticality") as pool:
        while done < len(sources):
            report.raise_if_cancelled()
            chunks = [sources[first : first + chunk] for first in range(done, len(sources), chunk)[:threads]]
            # In the order of the chunks, so that the sums have the same bits whatever the threads are.
            for cells, values in pool.map(lambda some: _of_chunk(model, steps, quality, some), chunks):
                loss[cells] += values
            done += sum(len(some) for some in chunks)
            if journal is not None and journal.is_due():
                journal.enter(_NAME, {"sources": done}, {"loss": loss})
            report.progress(done / len(sources), "Taking cells away")
    return loss.reshape(strip.quality.shape)


def _of_chunk(
    model: LandscapeModel, steps: Steps, quality: NDArray[np.float64], sources: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the cells whose removal the pairs of some sources notice, and what they lose."""
    found = changes_of(steps, quality, sources, float(model.limit))
    kernel, scale = model.proximity.kernel, float(np.asarray(model.proximity.scale))

    def proximity(distance: NDArray[np.float64]) -> Any:
        counts = np.isfinite(distance)
        return np.where(counts, kernel.value(np.where(counts, distance, 0) / scale, np), 0)

    loss = found.weight * (proximity(found.before) - proximity(found.after))
    cells, place = np.unique(found.without, return_inverse=True)
    return cells, np.bincount(place, loss, len(cells)).astype(np.float64)


def loss_of_straight_pairs(
    model: LandscapeModel, plan: WindowPlan, cells: Cells, report: Report
) -> NDArray[np.float64]:
    """Compute the same under distances that lead over no cells: a cell's pairs are lost, both ways, and no others."""
    loss = np.zeros((cells.rows, cells.columns))

    def take(rows: ConnectivityRows) -> None:
        loss[rows.first : rows.first + len(rows.quality)] = 2 * rows.quality * rows.accessible

    connectivity_by_rows(model, plan, cells, take, report, mean_distance=False)
    return loss
