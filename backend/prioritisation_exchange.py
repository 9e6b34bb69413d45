"""Exchanging selected candidates for better ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .budget import SLACK
from .planning import Problem

_TRIALS = 24


def exchange(problem: Problem, selected: NDArray[np.bool_], most: int) -> tuple[NDArray[np.bool_], int]:
    """Exchange a selected candidate for another one while that truly gains and the budget allows it.

    In each step the true losses of giving up the least promising of the selected, and the true gains of the most promising others, are
    computed; then the best pairs of the two, jointly.

    Parameters
    ----------
    problem : Problem
    selected : array of bool, shape (candidates,)
        Within the budget.
    most : int
        Exchanges.

    Returns
    -------
    selected : array of bool
    exchanges : int
    """
    candidates, cost = problem.candidates, problem.candidates.cost
    selected = selected.copy()
    problem.move(selected)
    done = 0
    none, one = np.zeros(1), np.ones(1)
    while done < most:
        promise = problem.promise().gain
        inside = np.flatnonzero(selected & ~candidates.locked_in)
        outside = np.flatnonzero(~selected)
        if not len(inside) or not len(outside):
            break
        inside = inside[np.argsort(promise[inside] / cost[inside], kind="stable")[:_TRIALS]]
        outside = outside[np.argsort(-promise[outside] / cost[outside], kind="stable")[:_TRIALS]]
        changes = problem.trials([(np.array([i]), none) for i in inside] + [(np.array([o]), one) for o in outside])
        loss, gain = changes[: len(inside)], changes[len(inside) :]
        left = candidates.budget * SLACK - float(cost[selected].sum())
        pairs = [
            (loss[a] + gain[b], i, o)
            for a, i in enumerate(inside)
            for b, o in enumerate(outside)
            if cost[o] <= left + cost[i]
        ]
        pairs = sorted(pairs, key=lambda pair: -pair[0])[:_TRIALS]
        if not pairs:
            break
        true = problem.trials([(np.array([i, o]), np.array([0.0, 1.0])) for _, i, o in pairs])
        if problem.compactness.weight:
            now = problem.compactness.cost(selected.astype(float))
            for number, (_, i, o) in enumerate(pairs):
                other = selected.astype(float)
                other[i], other[o] = 0.0, 1.0
                true[number] -= problem.compactness.cost(other) - now
        best = int(np.argmax(true))
        if not true[best] > 1e-9 * max(1e-300, abs(problem.before)):
            break
        _, i, o = pairs[best]
        selected[i], selected[o] = False, True
        problem.move(selected)
        done += 1
    return selected, done
