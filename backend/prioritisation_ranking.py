"""Selecting by what the gradient promises, in rounds, each with a gradient of the landscape as it then is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .budget import take
from .plan import Plan, Round
from .planning import Problem, Promise


def promised(problem: Problem, promise: Promise, rank_by: str, selected: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the score of each candidate: the promise less what the outline would cost, per unit of the budget."""
    gains = getattr(promise, rank_by) - problem.compactness.additions(selected)
    return gains / problem.candidates.cost


def typical_gain(problem: Problem, promise: Promise) -> float:
    """Return the mean gain per cell that the candidates promise which the budget pays for."""
    candidates = problem.candidates
    taken = take(np.argsort(-promise.gain / candidates.cost, kind="stable"), candidates.cost, candidates.budget)
    cells = np.diff(candidates.first)[taken].sum()
    return float(np.maximum(promise.gain[taken], 0).sum()) / max(1, cells)


def by_rounds(
    problem: Problem,
    *,
    rounds: int,
    rank_by: str,
    chance: NDArray[np.intp],
    step: Callable[[str], None],
    keep: Callable[[NDArray[np.bool_]], None],
) -> Plan:
    """Spend the budget in equal parts, each on the candidates of the highest score.

    Parameters
    ----------
    problem : Problem
        Nothing allocated yet.
    rounds : int
        >= 1.
    rank_by : str
        ``"gain"``, ``"sensitivity"`` or ``"elasticity"``.
    chance : int array, shape (candidates,)
        Order of candidates with equal scores.
    step, keep : callable
        Hear what is being done, and of the selection so far.
    """
    candidates = problem.candidates
    cost = candidates.cost
    selected = candidates.locked_in.copy()
    chosen = list(np.flatnonzero(selected))
    rows: list[Round] = []
    before = predicted = 0.0
    scores = np.zeros(len(candidates))
    first: Promise | None = None
    for number in range(1, rounds + 1):
        step(f"Round {number}: gradient")
        promise = problem.promise()
        if first is None:
            first, before = promise, promise.objective
            problem.compactness.gain = typical_gain(problem, promise)
            predicted = float(promise.gain[selected].sum())
        elif rows:
            rows[-1].gain = promise.objective - before
        scores = promised(problem, promise, rank_by, selected)
        order = np.lexsort((chance, -scores))
        order = order[~selected[order] & (scores[order] > 0)]
        left = candidates.budget * number / rounds - float(cost[chosen].sum())
        picked = take(order, cost, max(0.0, left))
        predicted += float(promise.gain[picked].sum())
        chosen.extend(picked)
        selected[picked] = True
        rows.append(Round(number, selected.copy(), predicted))
        problem.move(selected)
        keep(selected)
    step("True gain of the selection")
    rows[-1].gain = problem.value() - before
    if first is None:
        raise ValueError("a ranking needs at least one round")
    return Plan(selected, np.array(chosen, np.intp), scores, first, rows)
