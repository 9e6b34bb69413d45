r"""Landscape connectivity :math:`C = \sum_i q_i \sum_{j \ne i} k(d_{ij}) q_j` over every cell as a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cells import ArrayCells, Cells, Strip
from .gradient_pass import ConnectivityGradient, GradientNumbers, connectivity_gradient, gradient_by_rows
from .job import Report
from .journal import PassJournal
from .landscape_model import LandscapeModel, source_connectivity, source_sums, window_connectivity
from .least_cost_pass import LeastCostPass
from .window_pass import Finished, Found, WindowPass
from .window_plan import WindowPlan
from .windows import Batch

__all__ = [
    "Connectivity",
    "ConnectivityGradient",
    "ConnectivityNumbers",
    "ConnectivityRows",
    "GradientNumbers",
    "LandscapeModel",
    "connectivity",
    "connectivity_by_rows",
    "connectivity_gradient",
    "gradient_by_rows",
    "isolation_and_closeness",
    "source_connectivity",
    "source_sums",
    "window_connectivity",
]


@dataclass(frozen=True)
class Connectivity:
    """Connectivity of a landscape, without self terms.

    Parameters
    ----------
    accessible : array, shape (rows, columns)
        Sum over j of k_ij q_j for every node i, 0 elsewhere.
    functional : array, shape (rows, columns)
        q_i times `accessible`; sums to `total`.
    total : float
        C.
    self_total : float
        Sum of q_i^2: what the pairs i = j add.
    mean_distance : float
        Mean distance over the pairs that count, weighted by q_i q_j, map units; NaN when there are none or it was not
        asked for.
    """

    accessible: NDArray[np.float64]
    functional: NDArray[np.float64]
    total: float
    self_total: float
    mean_distance: float


@dataclass(frozen=True)
class ConnectivityRows:
    """Some rows of what `connectivity_by_rows` finds.

    Parameters
    ----------
    first : int
        Number of the first row.
    node : array of bool, shape (rows, columns)
    quality, accessible : array, shape (rows, columns)
        0 where there is no node; see `Connectivity`.
    reached, length : array, shape (rows, columns), or None
        Sums of q_j and of d_ij q_j over the pairs that count; None without `mean_distance`.
    """

    first: int
    node: NDArray[np.bool_]
    quality: NDArray[np.float64]
    accessible: NDArray[np.float64]
    reached: NDArray[np.float64] | None = None
    length: NDArray[np.float64] | None = None


def isolation_and_closeness(
    rows: ConnectivityRows, total_quality: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return how far the habitat of each cell is, and how close.

    With :math:`W_i = \sum_j q_j` over the pairs that count, isolation is :math:`I_i = \sum_j q_j d_{ij} / W_i`, the inverse of
    Freeman's closeness, in the unit of the distance; NaN where :math:`W_i = 0`. Closeness is
    :math:`\frac{1}{I_i} \frac{W_i}{W - q_i}` with the quality W of the whole landscape, as Wasserman and Faust correct it for what cannot
    be reached; 0 where :math:`W_i = 0`, NaN where no distance is above 0. The pair i = j does not count.

    Parameters
    ----------
    rows : ConnectivityRows
        With `reached` and `length`.
    total_quality : float
        W.

    References
    ----------
    Freeman, L. C. (1978) Centrality in social networks: conceptual clarification. Social Networks 1, 215-239.
    doi:10.1016/0378-8733(78)90021-7.
    Wasserman, S. & Faust, K. (1994) Social Network Analysis, equation 5.22. doi:10.1017/CBO9780511815478.
    """
    if rows.reached is None or rows.length is None:
        raise ValueError("rows without distances; compute them with mean_distance.")
    with np.errstate(divide="ignore", invalid="ignore"):
        isolation = np.where(rows.reached > 0, rows.length / rows.reached, np.nan)
        closeness = rows.reached / isolation / (total_quality - rows.quality)
    closeness = np.where(rows.reached > 0, np.where(isolation > 0, closeness, np.nan), 0)
    return isolation, closeness


@dataclass(frozen=True)
class ConnectivityNumbers:
    """The numbers of `Connectivity`."""

    total: float
    self_total: float
    mean_distance: float


def connectivity_by_rows(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    take: Callable[[ConnectivityRows], None],
    report: Report,
    *,
    mean_distance: bool = True,
    beyond: Callable[[Strip], Sequence[NDArray[np.float64]]] | None = None,
    journal: PassJournal | None = None,
) -> ConnectivityNumbers:
    """Compute the connectivity of a landscape, every node a source, and give the maps away row by row.

    Parameters
    ----------
    model : LandscapeModel
    plan : WindowPlan
        Does not change the result beyond rounding.
    cells : Cells
        The landscape, from memory or from files.
    take : callable
        Is given rows as they are finished, in order.
    report : Report
        Hears of the progress; may cancel between batches.
    mean_distance : bool
        Whether to compute it; a pass without it is quicker.
    beyond : callable, optional
        Returns what pairs that are not in the windows add to the fields of `ConnectivityRows`: accessible, reached, length.
    journal : PassJournal, optional
        Keeps what is finished.
    """
    compiled = LeastCostPass(model, slopes=False) if LeastCostPass.serves(model) else None

    def compute(batch: Batch) -> Found:
        if compiled is not None:
            return Found(of_sources=compiled.sums(batch, lengths=mean_distance))
        found = source_sums(model, batch, batch.window, lengths=mean_distance)
        return Found(of_sources=[np.asarray(values) for values in found])

    def finish(done: Finished) -> list[NDArray[np.float64]]:
        quality, fields = done.strip.quality, done.of_sources
        if beyond is not None:
            fields = [inside + outside for inside, outside in zip(fields, beyond(done.strip))]
        take(ConnectivityRows(done.strip.first, done.strip.node, quality, *fields))
        products = [quality * values for values in (*fields, quality)]
        return [product.sum(axis=1) for product in products]

    several = 3 if mean_distance else 1
    over_windows = WindowPass(compute, finish, sources=several, sums=several + 1)
    _, (total, *pairs_and_lengths, own) = over_windows.run(plan, cells, report, journal)
    pairs, length = pairs_and_lengths or (0.0, 0.0)
    return ConnectivityNumbers(total, own, length / pairs if pairs > 0 else float("nan"))


def connectivity(
    model: LandscapeModel,
    plan: WindowPlan,
    resistance: NDArray[np.floating],
    quality: NDArray[np.floating],
    report: Report,
    *,
    mean_distance: bool = True,
    movement_cost: NDArray[np.floating] | None = None,
) -> Connectivity:
    """Compute the connectivity of a raster in memory, every node a source.

    Parameters
    ----------
    model, plan, report, mean_distance
        See `connectivity_by_rows`.
    resistance, quality : array, shape (rows, columns)
        Inf resistance is no node; NaN quality is 0.
    movement_cost : array, shape (rows, columns), optional
        For distances that take one.

    Returns
    -------
    Connectivity
    """
    accessible, functional = np.zeros(resistance.shape), np.zeros(resistance.shape)

    def take(rows: ConnectivityRows) -> None:
        place = slice(rows.first, rows.first + len(rows.accessible))
        accessible[place] = rows.accessible
        functional[place] = rows.quality * rows.accessible

    cells = ArrayCells(resistance, quality, movement_cost)
    found = connectivity_by_rows(model, plan, cells, take, report, mean_distance=mean_distance)
    return Connectivity(accessible, functional, found.total, found.self_total, found.mean_distance)
