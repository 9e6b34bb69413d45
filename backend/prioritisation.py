"""Spending a budget where it raises connectivity most, by one of several methods, beside honest baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .budget import take
from .compactness import large_enough
from .errors import InputError
from .plan import Plan, Round
from .planning import Problem
from .prioritisation_bound import Bound
from .prioritisation_flow import Flow, by_flow
from .prioritisation_greedy import greedily
from .prioritisation_integer import by_every_subset, by_integer_programming
from .prioritisation_ranking import by_rounds

METHODS = (
    ("ranking", "Ranking by the gradient, in rounds"),
    ("greedy", "Greedy, by true gains"),
    ("flow", "Gradient flow, rounded"),
    ("integer", "Integer programme of the linearised problem"),
    ("exact", "Every affordable subset (tiny problems)"),
)


@dataclass(frozen=True)
class Settings:
    """How to search.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    rounds : int
        >= 1: rounds of the ranking, linearisations, points of the curve.
    rank_by : str
        Of the ranking: ``"gain"``, ``"sensitivity"`` or ``"elasticity"``.
    seed : int
        Of everything random.
    exhaustive : bool
        Of the greedy method.
    flow : Flow
    smallest_patch : float
        Cells.
    draws : int
        Random selections per point of the curve.
    """

    method: str = "ranking"
    rounds: int = 5
    rank_by: str = "gain"
    seed: int = 0
    exhaustive: bool = False
    flow: Flow = field(default_factory=lambda: Flow(60, 3, 50))
    smallest_patch: float = 0.0
    draws: int = 5


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
        What the gradients promised, and the objective minus the objective before.
    random, random_low, random_high : float
        Mean, lowest and highest gain of random selections at the same budget.
    top_quality, elasticity : float
        Gains of the candidates of the highest quality, and of those of the highest elasticity before anything is done.
    """

    round: int
    cells: int
    spent: float
    predicted: float
    gain: float
    random: float
    random_low: float
    random_high: float
    top_quality: float
    elasticity: float


@dataclass(frozen=True)
class Prioritisation:
    """A selection and what it gains.

    Parameters
    ----------
    plan : Plan
    rank : int array, shape (candidates,)
        1 = first; candidates that are not selected follow by their last score.
    before : float
        The objective without action.
    curve : list of CurvePoint
    values : array, shape (landscapes,)
        Targets with the selection.
    error : float
        Largest standard error of a baseline that was estimated from a sample; 0 where none was.
    """

    plan: Plan
    rank: NDArray[np.int32]
    before: float
    curve: list[CurvePoint]
    values: NDArray[np.float64]
    error: float


class _Steps:
    """Progress in steps whose number is roughly known."""

    def __init__(self, problem: Problem, expected: int) -> None:
        self._outer, self._expected, self._done, self._name = problem.report, max(1, expected), -1, ""
        problem.report = self

    def step(self, name: str) -> None:
        """Begin another step."""
        self._done, self._name = self._done + 1, name
        self.progress(0.0, name)

    def message(self, text: str) -> None:
        self._outer.message(text)

    def warning(self, text: str) -> None:
        self._outer.warning(text)

    def progress(self, fraction: float, step: str) -> None:
        # Towards 1, never beyond, whatever the number of steps turns out to be.
        share = (self._done + fraction) / self._expected
        self._outer.progress(
            min(1.0, share if share < 0.8 else 1 - 0.2 * np.exp(-(share - 0.8) / 0.2)), step or self._name
        )

    def raise_if_cancelled(self) -> None:
        self._outer.raise_if_cancelled()


def prioritise(
    problem: Problem,
    settings: Settings,
    quality: NDArray[np.float64],
    keep: Callable[[NDArray[np.bool_]], None] = lambda selected: None,
) -> Prioritisation:
    """Select candidates and compare the selection with baselines.

    Parameters
    ----------
    problem : Problem
        Nothing allocated yet.
    settings : Settings
    quality : array, shape (rows, columns)
        By which the top-quality baseline is ordered.
    keep : callable
        Hears of the best selection so far, shape (candidates,).

    Returns
    -------
    Prioritisation
    """
    candidates = problem.candidates
    steps = _Steps(problem, 2 * settings.rounds + 1)
    random = np.random.default_rng(settings.seed)
    chance = random.permutation(len(candidates)).astype(np.intp)
    plan = _search(problem, settings, random, chance, steps.step, keep)
    if settings.smallest_patch > 1:
        plan = _with_patches(problem, plan, settings.smallest_patch)
    _say_what_is_left(problem, plan)
    rounds = plan.rounds or _along(problem, plan, settings.rounds, steps.step)
    problem.move(plan.selected)
    values = problem.values()
    means = candidates.sums(np.nan_to_num(quality)) / np.diff(candidates.first)
    curve, error = _curve(problem, settings, rounds, plan, means, random, chance, steps.step)
    return Prioritisation(plan, _rank(plan, candidates.locked_in, chance), problem.before, curve, values, error)


def _search(
    problem: Problem,
    settings: Settings,
    random: np.random.Generator,
    chance: NDArray[np.intp],
    step: Callable[[str], None],
    keep: Callable[[NDArray[np.bool_]], None],
) -> Plan:
    if settings.method == "ranking":
        return by_rounds(problem, rounds=settings.rounds, rank_by=settings.rank_by, chance=chance, step=step, keep=keep)
    if settings.method == "greedy":
        return greedily(problem, exhaustive=settings.exhaustive, exchanges=settings.flow.swaps, step=step, keep=keep)
    if settings.method == "flow":
        return by_flow(problem, settings.flow, random=random, step=step, keep=keep)
    if settings.method == "integer":
        return by_integer_programming(problem, rounds=settings.rounds, step=step, keep=keep)
    return by_every_subset(problem, step=step, keep=keep)


def _with_patches(problem: Problem, plan: Plan, smallest: float) -> Plan:
    """Return the plan with patches that are large enough."""
    scores = plan.scores + plan.selected * (abs(plan.scores).max() + 1e-300)
    selected = large_enough(problem.candidates, plan.selected, scores, smallest)
    if not selected.any():
        raise InputError(
            "MINIMUM_PATCH",
            "The budget does not pay for one patch of this size.",
            "Raise BUDGET or lower MINIMUM_PATCH.",
        )
    kept = plan.order[selected[plan.order]]
    added = np.setdiff1d(np.flatnonzero(selected), kept)
    order = np.concatenate([kept, added[np.argsort(-plan.scores[added], kind="stable")]])
    gone = int((plan.selected & ~selected).sum())
    note = f"For patches of at least {smallest:g} cells, {gone} candidates were given up and {len(added)} added."
    return Plan(selected, order, plan.scores, plan.first, [], plan.allocation, plan.trace, [*plan.notes, note])


def _say_what_is_left(problem: Problem, plan: Plan) -> None:
    candidates = problem.candidates
    left = candidates.budget - float(candidates.cost[plan.selected].sum())
    open_ones = ~plan.selected & (candidates.cost <= left * (1 + 1e-12))
    if left > candidates.budget * 1e-9 and (~plan.selected).any():
        why = "no candidate that it pays for promises a gain" if open_ones.any() else "it pays for no further candidate"
        problem.report.message(f"{left:g} {candidates.unit} of the budget are left: {why}.")
    if not (plan.first.gain > 0).any():
        problem.report.warning(
            "No candidate promises a gain: the target does not depend on what the action changes. Check quality, DISPERSAL_DISTANCE "
            "and the candidates."
        )


def _along(problem: Problem, plan: Plan, rounds: int, step: Callable[[str], None]) -> list[Round]:
    """Return the curve along a plan's order, in equal parts of the budget."""
    candidates = problem.candidates
    found = []
    for number in range(1, rounds + 1):
        step(f"True gain of {number} of {rounds} parts of the budget")
        selected = plan.selected.copy()
        if number < rounds:
            selected = np.zeros(len(candidates), bool)
            spent = np.cumsum(candidates.cost[plan.order])
            share = candidates.budget * number / rounds * (1 + 1e-12)
            selected[plan.order[(spent <= share) | candidates.locked_in[plan.order]]] = True
        problem.move(selected)
        predicted = float(plan.first.gain[selected].sum())
        found.append(Round(number, selected, predicted, problem.value() - problem.before))
    return found


def _curve(
    problem: Problem,
    settings: Settings,
    rounds: list[Round],
    plan: Plan,
    quality: NDArray[np.float64],
    random: np.random.Generator,
    chance: NDArray[np.intp],
    step: Callable[[str], None],
) -> tuple[list[CurvePoint], float]:
    candidates = problem.candidates
    draws = [
        chance.astype(float),
        *(random.permutation(len(candidates)).astype(float) for _ in range(settings.draws - 1)),
    ]
    orders = {
        **{f"random {number}": draw for number, draw in enumerate(draws)},
        "top quality": quality,
        "elasticity": plan.first.elasticity,
    }
    ordered = {name: np.lexsort((chance, -score, ~candidates.locked_in)) for name, score in orders.items()}
    points = [CurvePoint(0, 0, *(0.0,) * 8)]
    largest = 0.0
    size = np.diff(candidates.first)
    for each in rounds:
        step(f"Baselines at {each.number} of {len(rounds)} parts of the budget")
        share = candidates.budget * each.number / len(rounds)
        gains = {}
        for name, order in ordered.items():
            selected = np.zeros(len(candidates), bool)
            selected[take(order, candidates.cost, share)] = True
            value, error = problem.elsewhere(selected)
            gains[name] = value - problem.before
            largest = max(largest, error)
        drawn = [gains[f"random {number}"] for number in range(len(draws))]
        points.append(
            CurvePoint(
                each.number,
                int(size[each.selected].sum()),
                float(candidates.cost[each.selected].sum()),
                each.predicted,
                each.gain,
                float(np.mean(drawn)),
                min(drawn),
                max(drawn),
                gains["top quality"],
                gains["elasticity"],
            )
        )
    return points, largest


def _rank(plan: Plan, locked_in: NDArray[np.bool_], chance: NDArray[np.intp]) -> NDArray[np.int32]:
    rank = np.zeros(len(plan.selected), np.int32)
    rank[plan.order] = np.arange(1, len(plan.order) + 1)
    rest = np.flatnonzero(rank == 0)
    rest = rest[np.lexsort((chance[rest], -plan.scores[rest]))]
    rank[rest] = np.arange(len(plan.order) + 1, len(rank) + 1)
    return rank


def within(bound: Bound, objective: float, before: float) -> str:
    """Return in words how far a gain is from the best possible."""
    gain, most = objective - before, bound.objective - before
    if not np.isfinite(most):
        return f"No bound: {bound.why}."
    if most <= 0 or gain >= most * (1 - 1e-9):
        return f"No affordable selection gains more (bound from {bound.why})."
    return (
        f"Within {100 * (1 - gain / most):.3g} % of the best possible: no affordable selection gains more than {most:.6g} "
        f"(bound from {bound.why})."
    )
