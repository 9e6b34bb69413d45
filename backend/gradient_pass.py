"""The exact gradient of C over a landscape, every node a source: row by row, or of rasters in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from .cells import ArrayCells, Cells
from .job import Report
from .journal import PassJournal
from .landscape_model import LandscapeModel
from .least_cost_pass import LeastCostPass
from .window_gradient import window_gradient
from .window_pass import Finished, Found, WindowPass
from .window_plan import WindowPlan
from .windows import Batch


@dataclass(frozen=True)
class ConnectivityGradient:
    """Exact gradient of C (without self terms).

    Parameters
    ----------
    total : float
        C.
    resistance, quality : array, shape (rows, columns)
        dC / dr and dC / dq of every cell, 0 where there is no node.
    scale : float
        dC / d d0 for the pairs that count now.
    """

    total: float
    resistance: NDArray[np.float64]
    quality: NDArray[np.float64]
    scale: float


@dataclass(frozen=True)
class GradientNumbers:
    """The numbers of a gradient of C.

    Parameters
    ----------
    total : float
        C, without self terms.
    scale : float
        dC / d d0 for the pairs that count now.
    of_distance : tuple of float
        dC / d (number) of the distance's own trainable numbers: theta of the walks, none of the others.
    """

    total: float
    scale: float
    of_distance: tuple[float, ...] = ()


def gradient_by_rows(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    take: Callable[[Finished], None],
    report: Report,
    *,
    habitat_only: bool = False,
    by_movement_cost: bool = False,
    journal: PassJournal | None = None,
) -> GradientNumbers:
    """Compute the gradient of C and give it away row by row.

    `take` is given finished rows whose `of_cells` hold dC / dr, dC / dq and, with `by_movement_cost`, the derivative with respect to
    the raster of step costs (to be ignored where there is no node). For the other
    parameters see `connectivity_by_rows`. With `habitat_only`, blocks of sources of quality 0 are left out: C and its
    derivatives with respect to resistance and scale are the same, that with respect to quality is not complete.
    """
    compiled = LeastCostPass(model, slopes=True) if LeastCostPass.serves(model) and not by_movement_cost else None

    def compute(batch: Batch) -> Found:
        if compiled is not None:
            return compiled.gradient(batch)
        rasters = batch.arrays(model.neighbourhood)
        total, found = window_gradient(model, *rasters, window=batch.window)
        maps = [found.resistance, found.quality, found.movement_cost][: 3 if by_movement_cost else 2]
        numbers = [float(each) for each in (total, found.scale, *found.of_distance)]
        return Found(of_cells=[np.asarray(each) for each in maps], numbers=numbers)

    def finish(done: Finished) -> tuple[()]:
        take(done)
        return ()

    own = len(jax.tree.leaves(eqx.filter(model.distance, eqx.is_inexact_array)))
    over_windows = WindowPass(
        compute, finish, cells=3 if by_movement_cost else 2, numbers=2 + own, habitat_only=habitat_only
    )
    (total, scale, *of_distance), _ = over_windows.run(plan, cells, report, journal)
    return GradientNumbers(total, scale, tuple(of_distance))


def connectivity_gradient(
    model: LandscapeModel,
    plan: WindowPlan,
    resistance: NDArray[np.floating],
    quality: NDArray[np.floating],
    report: Report,
    *,
    habitat_only: bool = False,
    movement_cost: NDArray[np.floating] | None = None,
) -> ConnectivityGradient:
    """Compute the gradient of C with respect to resistance, quality and the proximity's scale, of a raster in memory.

    Parameters are those of `connectivity` and `gradient_by_rows`.

    Returns
    -------
    ConnectivityGradient
    """
    by_resistance, by_quality = np.zeros(resistance.shape), np.zeros(resistance.shape)

    def take(done: Finished) -> None:
        place = slice(done.strip.first, done.strip.first + len(done.strip.quality))
        for whole, values in zip((by_resistance, by_quality), done.of_cells):
            whole[place] = np.where(done.strip.node, values, 0)

    cells = ArrayCells(resistance, quality, movement_cost)
    found = gradient_by_rows(model, plan, cells, take, report, habitat_only=habitat_only)
    return ConnectivityGradient(found.total, by_resistance, by_quality, found.scale)
