"""A continuous allocation that follows the gradient under the budget, rounded to whole candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .budget import SLACK, nearest_affordable, take
from .plan import Plan
from .planning import Problem, Promise
from .prioritisation_exchange import exchange
from .prioritisation_ranking import typical_gain

_SUFFICIENT = 1e-4
_HALVINGS = 12


@dataclass(frozen=True)
class Flow:
    """How a flow runs.

    Parameters
    ----------
    steps : int
        Most gradient steps per start.
    starts : int
        >= 1: nothing allocated; the budget spread evenly; then at random.
    swaps : int
        Most exchanges after rounding.
    tolerance : float
        A start ends when a step gains less than this share of what was gained so far.
    """

    steps: int
    starts: int
    swaps: int
    tolerance: float = 1e-4


def by_flow(
    problem: Problem,
    flow: Flow,
    *,
    random: np.random.Generator,
    step: Callable[[str], None],
    keep: Callable[[NDArray[np.bool_]], None],
) -> Plan:
    """Maximise the objective over allocations in [0, 1] within the budget, then round and exchange.

    Projected gradient steps whose length follows the last change of the gradient (Barzilai and Borwein) and is halved until the
    energy, minus the worth, falls; so it falls at every step. Rounding takes the highest shares that the budget pays for; what is left
    of it goes to the candidates that promise most; exchanges of one selected for one other candidate that truly gain follow.

    Parameters
    ----------
    problem : Problem
        Nothing allocated yet.
    flow : Flow
    random : numpy Generator
        Of the random starts.
    step, keep : callable
        Hear what is being done, and of the best selection so far.

    References
    ----------
    Birgin, E. G., Martinez, J. M. & Raydan, M. (2000) Nonmonotone spectral projected gradient methods on convex sets. SIAM Journal on
    Optimization 10, 1196-1211. doi:10.1137/S1052623497330963. (Here with a monotone search.)
    """
    candidates = problem.candidates
    step("Gradient")
    first = problem.promise()
    problem.compactness.gain = typical_gain(problem, first)
    best: tuple[float, NDArray[np.bool_], NDArray[np.float64], list[float], NDArray[np.float64]] | None = None
    notes = []
    for number in range(flow.starts):
        start = _start(problem, number, first, random)
        allocation, trace, promise = _ascend(
            problem, start, flow, lambda text, n=number: step(f"Start {n + 1}: {text}")
        )
        selected = _rounded(problem, allocation, promise)
        step(f"Start {number + 1}: exchanges")
        selected, exchanged = exchange(problem, selected, flow.swaps)
        worth = problem.worth()
        notes.append(
            f"Start {number + 1}: {len(trace) - 1} steps, continuous {-trace[-1]:.6g}, rounded {worth:.6g} after {exchanged} exchanges."
        )
        if best is None or worth > best[0]:
            best = worth, selected, allocation, trace, promise.gain
            keep(selected)
    if best is None:
        raise ValueError("a flow needs at least one start")
    _, selected, allocation, trace, scores = best
    chosen = np.flatnonzero(selected)
    order = chosen[np.lexsort((-first.gain[chosen], -allocation[chosen], ~candidates.locked_in[chosen]))]
    problem.move(selected)
    return Plan(selected, order, scores / candidates.cost, first, [], allocation, trace, notes)


def _start(problem: Problem, number: int, first: Promise, generator: np.random.Generator) -> NDArray[np.float64]:
    candidates = problem.candidates
    cost, fixed = candidates.cost, candidates.locked_in
    if number == 0:
        return np.where(fixed, 1.0, 0.0)
    if number == 1:
        left = candidates.budget - cost[fixed].sum()
        share = left / max(cost[~fixed].sum(), 1e-300)
        return np.where(fixed, 1.0, min(1.0, share))
    noise = generator.uniform(0, 1, len(candidates)) * np.maximum(first.gain, 0) / cost
    return nearest_affordable(noise / max(noise.max(), 1e-300), cost, candidates.budget, fixed)


def _ascend(
    problem: Problem, start: NDArray[np.float64], flow: Flow, step: Callable[[str], None]
) -> tuple[NDArray[np.float64], list[float], Promise]:
    """Return an allocation, the energy after each step, and the last gradient."""
    candidates = problem.candidates

    def slopes(promise: Promise, allocation: NDArray[np.float64]) -> NDArray[np.float64]:
        return promise.gain - problem.compactness.slopes(allocation)

    allocation = start
    problem.move(allocation)
    promise = problem.promise()
    worth = promise.objective - problem.compactness.cost(allocation)
    trace, begun = [-worth], worth
    slope = slopes(promise, allocation)
    length = 1.0 / max(float(np.abs(slope / candidates.cost).max()), 1e-300)
    for number in range(flow.steps):
        step(f"step {number + 1} of at most {flow.steps}")
        moved = None
        for _ in range(_HALVINGS):
            trial = nearest_affordable(
                allocation + length * slope, candidates.cost, candidates.budget, candidates.locked_in
            )
            rise = float(slope @ (trial - allocation))
            if not rise > 0:
                break
            problem.move(trial)
            found = problem.worth()
            if found >= worth + _SUFFICIENT * rise:
                moved = trial, found
                break
            length *= 0.5
        if moved is None:
            break
        trial, found = moved
        gained, worth_before, worth = found - worth, worth, found
        change, old_slope = trial - allocation, slope
        allocation = trial
        trace.append(-worth)
        promise = problem.promise()
        slope = slopes(promise, allocation)
        curvature = -float(change @ (slope - old_slope))
        length = float(change @ change) / curvature if curvature > 0 else 4 * length
        length = min(max(length, 1e-300), 1e6 / max(float(np.abs(slope).max()), 1e-300))
        if gained <= flow.tolerance * max(worth_before - begun, gained, 1e-300) and number:
            break
    problem.move(allocation)
    return allocation, trace, problem.promise()


def _rounded(problem: Problem, allocation: NDArray[np.float64], promise: Promise) -> NDArray[np.bool_]:
    """Return the highest shares that the budget pays for, and with what is left those that promise most."""
    candidates = problem.candidates
    selected = candidates.locked_in.copy()
    density = promise.gain / candidates.cost
    order = np.lexsort((-density, -allocation))
    order = order[~selected[order] & (allocation[order] > 1e-9)]
    selected[take(order, candidates.cost, candidates.budget - float(candidates.cost[selected].sum()))] = True
    problem.move(selected)
    left = candidates.budget - float(candidates.cost[selected].sum())
    if ((candidates.cost <= left * SLACK) & ~selected).any():
        gain = (problem.promise().gain - problem.compactness.additions(selected)) / candidates.cost
        order = np.argsort(-gain, kind="stable")
        order = order[~selected[order] & (gain[order] > 0)]
        selected[take(order, candidates.cost, left)] = True
        problem.move(selected)
    return selected
