"""A ranking of all habitat from the least to the most important, by removing step by step what connectivity loses least by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .planning import Problem


@dataclass(frozen=True)
class RankingStep:
    """What is left after a step.

    Parameters
    ----------
    removed_share : float
        Share of the ranked cells that are gone, in [0, 1].
    objective : float
    quality_share : float
        Share of the quality of the first landscape's ranked cells that is left.
    """

    removed_share: float
    objective: float
    quality_share: float


@dataclass(frozen=True)
class LandscapeRanking:
    """A full ranking.

    Parameters
    ----------
    priority : array, shape (candidates,)
        In (0, 1]: the share of all ranked cells that are removed before it or with it; 1 = removed last.
    curve : list of RankingStep
    """

    priority: NDArray[np.float64]
    curve: list[RankingStep]


def rank_by_removal(
    problem: Problem,
    *,
    steps: int,
    from_edges: bool,
    seed: int,
    quality: NDArray[np.float64],
    step: Callable[[str, float], None],
) -> LandscapeRanking:
    """Remove all cells in equal steps, each time those that the objective loses least by per cell, by a gradient of what is left.

    For the loss of habitat alone the gradient gives the loss of each single cell exactly, since C is linear in the quality of one cell.

    Parameters
    ----------
    problem : Problem
        Whose action removes, nothing removed yet.
    steps : int
        >= 1.
    from_edges : bool
        Whether only cells beside removed ones, gaps or the raster's edge can go, as in Zonation's edge removal.
    seed : int
        Of the order of equal cells.
    quality : array, shape (candidates,)
        For the curve.
    step : callable
        Hears what is being done and how far.

    References
    ----------
    Moilanen, A. et al. (2005) Proceedings of the Royal Society B 272, 1885-1891. doi:10.1098/rspb.2005.3164.
    """
    candidates = problem.candidates
    count = len(candidates)
    chance = np.random.default_rng(seed).permutation(count)
    removed = np.zeros(count, bool)
    order: list[NDArray[np.intp]] = []
    curve = []
    whole = max(float(quality.sum()), 1e-300)
    for number in range(steps):
        step(f"Step {number + 1} of {steps}", number / steps)
        promise = problem.promise()
        curve.append(RankingStep(float(removed.mean()), promise.objective, float(quality[~removed].sum()) / whole))
        # Per candidate removed: a loss is a gain < 0.
        loss = -promise.gain
        wanted = round(count * (number + 1) / steps) - int(removed.sum())
        while wanted > 0:
            open_ones = ~removed
            if from_edges:
                gone = candidates.spread(removed, True)
                beside = ndimage.binary_dilation(np.pad(gone, 1, constant_values=True), np.ones((3, 3)))[1:-1, 1:-1]
                at_edge = candidates.sums(beside.astype(float)) > 0
                if (open_ones & at_edge).any():
                    open_ones &= at_edge
            places = np.flatnonzero(open_ones)
            # From the edges, little by little, so that what comes to lie at the edge can go next.
            most = wanted if not from_edges else max(1, min(wanted, int(np.ceil(len(places) / 2))))
            chosen = places[np.lexsort((chance[places], loss[places]))][:most]
            removed[chosen] = True
            order.append(chosen)
            wanted -= len(chosen)
        problem.move(removed)
    curve.append(RankingStep(1.0, problem.value(), 0.0))
    priority = np.zeros(count)
    priority[np.concatenate(order)] = np.arange(1, count + 1) / count
    return LandscapeRanking(priority, curve)
