"""Spending a budget where the gradient of connectivity promises most, in rounds, beside honest baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .actions import Action
from .candidates import Candidates
from .connectivity import connectivity
from .job import Report
from .landscape import Landscape
from .sensitivity import sensitivity
from .window_plan import WindowPlan


@dataclass(frozen=True)
class CurvePoint:
    """What a part of the budget gains.

    Parameters
    ----------
    round : int
        0 before anything is spent.
    cells : int
        Selected so far.
    spent : float
        Unit of the budget.
    predicted, gain : float
        What the gradients promised, and C minus C before; both summed over the rounds so far.
    random, top_quality : float
        True gains of a random selection and of the candidates of the highest quality at the same budget.
    """

    round: int
    cells: int
    spent: float
    predicted: float
    gain: float
    random: float
    top_quality: float


@dataclass(frozen=True)
class Prioritisation:
    """A selection and what it gains.

    Parameters
    ----------
    selected : array of bool, shape (rows, columns)
    rank : int array, shape (rows, columns)
        1 = first; candidates that are not selected follow by their last score; 0 elsewhere.
    before : float
        C without action.
    curve : list of CurvePoint
    """

    selected: NDArray[np.bool_]
    rank: NDArray[np.int32]
    before: float
    curve: list[CurvePoint]


@dataclass(frozen=True)
class _Share:
    """Maps the progress of one pass into that of the whole run."""

    report: Report
    passed: int
    passes: int
    step: str

    def message(self, text: str) -> None:
        self.report.message(text)

    def warning(self, text: str) -> None:
        self.report.warning(text)

    def progress(self, fraction: float, step: str) -> None:
        self.report.progress((self.passed + fraction) / self.passes, step or self.step)

    def raise_if_cancelled(self) -> None:
        self.report.raise_if_cancelled()


class _Planner:
    """One prioritisation: the landscape under any selection, and the passes over it."""

    def __init__(
        self,
        landscape: Landscape,
        plan: WindowPlan,
        action: Action,
        candidates: Candidates,
        report: Report,
        passes: int,
        count_self: bool,
    ) -> None:
        self._plan, self._action, self._candidates = plan, action, candidates
        self._report, self._passes, self._passed, self._count_self = report, passes, 0, count_self
        self._landscape = landscape
        given = np.where(landscape.node, getattr(landscape, action.raster), 1)
        self.before = action.before(np.nan_to_num(given), candidates.candidate)
        self.after = np.where(candidates.candidate, action.after(np.nan_to_num(given)), self.before)
        ease_before = action.ease(np.where(candidates.candidate, self.before, 1))
        self.change = action.ease(np.where(candidates.candidate, self.after, 1)) - ease_before

    def landscape(self, selected: NDArray[np.bool_]) -> Landscape:
        """Return the landscape after acting in the selected cells."""
        value = np.where(selected, self.after, self.before)
        value = np.where(np.isnan(getattr(self._landscape, self._action.raster)) & ~selected, np.nan, value)
        if self._action.raster == "movement":
            value = np.where(self._landscape.node, value, self._landscape.movement)
        return replace(self._landscape, **{self._action.raster: value})

    def total(self, selected: NDArray[np.bool_], step: str) -> float:
        """Return C after acting in the selected cells."""
        landscape = self.landscape(selected)
        found = connectivity(
            landscape.model,
            self._plan,
            landscape.resistance,
            landscape.quality,
            self._share(step),
            mean_distance=False,
            movement_cost=landscape.movement_cost,
        )
        return found.total + found.self_total * self._count_self

    def gradient(self, selected: NDArray[np.bool_], step: str) -> tuple[float, NDArray[np.float64]]:
        """Return C and its gradient with respect to what the action raises."""
        landscape = self.landscape(selected)
        raster = self._action.raster
        found = sensitivity(landscape, self._plan, [raster], self._share(step), count_self=self._count_self)
        values = np.where(landscape.node, np.nan_to_num(getattr(landscape, raster)), 1)
        return found.total, self._action.by_ease(found.sensitivity[raster], values)

    def value(self, selected: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what the action raises, as it now is."""
        return self._action.ease(np.where(self._candidates.candidate, np.where(selected, self.after, self.before), 1))

    def _share(self, step: str) -> _Share:
        self._passed += 1
        return _Share(self._report, self._passed - 1, self._passes, step)


def take(order: NDArray[np.intp], cost: NDArray[np.float64], budget: float) -> NDArray[np.intp]:
    """Return the cells of `order` that a budget pays for, first come first served.

    A cell that is too expensive for what is left is passed over, not waited for.

    Parameters
    ----------
    order : int array
        Flat indices, best first.
    cost : array
        Flat costs, > 0.
    budget : float
        >= 0.
    """
    left = budget * (1 + 1e-12)
    costs = cost[order]
    cheapest = np.minimum.accumulate(costs[::-1])[::-1]
    taken = []
    for position, price in enumerate(costs):
        if cheapest[position] > left:
            break
        if price <= left:
            taken.append(order[position])
            left -= price
    return np.array(taken, np.intp)


def prioritise(
    landscape: Landscape,
    plan: WindowPlan,
    action: Action,
    candidates: Candidates,
    report: Report,
    *,
    rounds: int,
    rank_by: str,
    seed: int,
    count_self: bool = False,
) -> Prioritisation:
    """Select cells in rounds and compare the selection with baselines.

    Parameters
    ----------
    landscape : Landscape
    plan : WindowPlan
        Its halo holds for the landscape after the action as well.
    action : Action
    candidates : Candidates
    report : Report
        Hears of the progress; may cancel.
    rounds : int
        >= 1; the budget is spent in this many equal parts.
    rank_by : str
        ``"gain"``, ``"sensitivity"`` or ``"elasticity"``, divided by the cost where the budget is a cost.
    seed : int
        Of the random baseline and of the order of cells with equal scores.
    count_self : bool
        Whether C counts the pairs i = j.

    Returns
    -------
    Prioritisation
    """
    planner = _Planner(landscape, plan, action, candidates, report, 3 * rounds + 1, count_self)
    rng = np.random.default_rng(seed)
    shape = candidates.candidate.shape
    chance = rng.permutation(candidates.candidate.size)
    orders = {
        "random": _ordered(candidates, chance.astype(float), chance),
        "top quality": _ordered(candidates, np.nan_to_num(landscape.quality).ravel(), chance),
    }
    cost = candidates.cost.ravel()
    chosen = list(np.flatnonzero(candidates.locked_in))
    selected = candidates.locked_in.copy()
    scores, rows, before, predicted = np.zeros(shape), [], 0.0, 0.0
    for number in range(1, rounds + 1):
        total, gradient = planner.gradient(
            selected if number > 1 else np.zeros(shape, bool), f"Round {number}: gradient"
        )
        if number == 1:
            before = total
            predicted = float((gradient * planner.change)[selected].sum())
        else:
            rows[-1]["gain"] = total - before
        scores = _scores(rank_by, gradient, planner, selected, candidates)
        budget = candidates.budget * number / rounds - float(cost[chosen].sum())
        open_cells = candidates.candidate & ~selected & (scores > 0)
        order = np.lexsort((chance, -scores.ravel()))
        picked = take(order[open_cells.ravel()[order]], cost, max(0.0, budget))
        predicted += float((gradient * planner.change).ravel()[picked].sum())
        chosen.extend(picked)
        selected = _cells(chosen, shape)
        row = {"round": number, "cells": len(chosen), "spent": float(cost[chosen].sum()), "predicted": predicted}
        for label, ordered in orders.items():
            baseline = _cells(take(ordered, cost, candidates.budget * number / rounds), shape)
            row[label.replace(" ", "_")] = planner.total(baseline, f"Round {number}: {label} baseline") - before
        rows.append(row)
    rows[-1]["gain"] = planner.total(selected, "True gain of the selection") - before
    if rows[-1]["spent"] < candidates.budget * (1 - 1e-9) and (candidates.candidate & ~selected).any():
        report.message(
            f"{candidates.budget - rows[-1]['spent']:g} {candidates.unit} of the budget are left: no cell that it pays for promises a gain."
        )
    curve = [CurvePoint(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0), *(CurvePoint(**row) for row in rows)]
    return Prioritisation(selected, _rank(chosen, scores, candidates.candidate, chance), before, curve)


def _scores(
    rank_by: str,
    gradient: NDArray[np.float64],
    planner: _Planner,
    selected: NDArray[np.bool_],
    candidates: Candidates,
) -> NDArray[np.float64]:
    factor: dict[str, Callable[[], NDArray[np.float64] | float]] = {
        "gain": lambda: planner.change,
        "sensitivity": lambda: 1.0,
        "elasticity": lambda: planner.value(selected),
    }
    scores = gradient * factor[rank_by]()
    if candidates.unit == "cost":
        scores = scores / np.where(candidates.candidate, candidates.cost, 1)
    return np.where(candidates.candidate, scores, -np.inf)


def _ordered(candidates: Candidates, scores: NDArray[np.float64], chance: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return candidates by score, best first, locked-in ones before all."""
    locked_in, candidate = candidates.locked_in.ravel(), candidates.candidate.ravel()
    order = np.lexsort((chance, -scores, ~locked_in))
    return order[candidate[order]]


def _cells(indices: list[np.intp] | NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    cells = np.zeros(shape, bool)
    cells.ravel()[np.asarray(indices, np.intp)] = True
    return cells


def _rank(
    chosen: list[np.intp],
    scores: NDArray[np.float64],
    candidate: NDArray[np.bool_],
    chance: NDArray[np.intp],
) -> NDArray[np.int32]:
    rank = np.zeros(candidate.size, np.int32)
    rank[np.array(chosen, np.intp)] = np.arange(1, len(chosen) + 1)
    rest = np.flatnonzero(candidate.ravel() & (rank == 0))
    rest = rest[np.lexsort((chance[rest], -scores.ravel()[rest]))]
    rank[rest] = np.arange(len(chosen) + 1, len(chosen) + 1 + len(rest))
    return rank.reshape(candidate.shape)
