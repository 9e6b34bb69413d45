"""Exact selections: of the linearised problem by integer programming, and of the true one by trying every affordable subset."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from .budget import SLACK
from .errors import InputError
from .plan import Plan
from .planning import Problem
from .prioritisation_ranking import typical_gain

MOST_SUBSETS = 60_000
_SECONDS = 60.0


def by_integer_programming(
    problem: Problem,
    *,
    rounds: int,
    step: Callable[[str], None],
    keep: Callable[[NDArray[np.bool_]], None],
) -> Plan:
    """Maximise what the gradient promises, exactly, with the outline's cost; linearise anew at the solution, and keep the best.

    max sum_u g_u x_u - w sum_e l_e y_e with sum_u c_u x_u <= budget, y_e >= |x_p - x_q|, x binary: solved by HiGHS.

    Parameters
    ----------
    problem : Problem
        Nothing allocated yet.
    rounds : int
        Most linearisations.
    step, keep : callable
        Hear what is being done, and of the best selection so far.

    References
    ----------
    Huangfu, Q. & Hall, J. A. J. (2018) Parallelizing the dual revised simplex method. Mathematical Programming Computation 10,
    119-142. doi:10.1007/s12532-017-0130-5.
    """
    candidates = problem.candidates
    step("Gradient")
    first = promise = problem.promise()
    problem.compactness.gain = typical_gain(problem, first)
    edges = _edges(problem) if problem.compactness.weight else None
    best, best_worth = candidates.locked_in.copy(), -np.inf
    gain = promise.gain
    seen: set[bytes] = set()
    notes = []
    for number in range(rounds):
        step(f"Linearisation {number + 1}: integer programme")
        # The solver is bound by time, so that another run may find another solution.
        *shares, proven = problem.ask("programme", lambda: _solved(problem, gain, edges))  # noqa: B023
        selected = np.array(shares) > 0
        if selected.tobytes() in seen:
            break
        seen.add(selected.tobytes())
        problem.move(selected)
        worth = problem.worth()
        notes.append(
            f"Linearisation {number + 1}: promises {gain[selected].sum():.6g}, truly {worth - problem.before:.6g}"
            + ("." if proven else "; HiGHS stopped at its time limit, before it had proven the solution best.")
        )
        if worth > best_worth:
            best, best_worth = selected, worth
            keep(best)
        promise = problem.promise()
        # The gradient with the action done, averaged with those before, so that two solutions do not take turns for ever.
        gain = (gain * (number + 1) + promise.gain) / (number + 2)
    problem.move(best)
    chosen = np.flatnonzero(best)
    order = chosen[np.lexsort((-first.gain[chosen] / candidates.cost[chosen], ~candidates.locked_in[chosen]))]
    return Plan(best, order, gain / candidates.cost, first, notes=notes)


def _edges(problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return pairs of candidates with the length that they share, and the length of each towards what is no candidate."""
    number = np.pad(problem.candidates.number, 1, constant_values=-1)
    ends = []
    for one, other in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        apart = one != other
        ends.append(np.stack([one[apart], other[apart]]))
    pairs = np.concatenate(ends, axis=1)
    outer = np.bincount(pairs.max(axis=0)[pairs.min(axis=0) < 0], minlength=len(problem.candidates))
    inner = np.sort(pairs[:, pairs.min(axis=0) >= 0], axis=0)
    both, count = np.unique(inner, axis=1, return_counts=True)
    return both[0], both[1], count / 4, outer / 4


def _solved(problem: Problem, gain: NDArray[np.float64], edges: tuple | None) -> NDArray[np.float64]:
    selected, proven = _solve(problem, gain, edges)
    return np.append(selected, proven).astype(float)


def _solve(problem: Problem, gain: NDArray[np.float64], edges: tuple | None) -> tuple[NDArray[np.bool_], bool]:
    candidates = problem.candidates
    count = len(candidates)
    objective, costs = -gain, sparse.csr_matrix(candidates.cost)
    constraints = [optimize.LinearConstraint(costs, -np.inf, candidates.budget * SLACK)]  # type: ignore[arg-type]
    integrality, upper = np.ones(count), np.ones(count)
    lower = candidates.locked_in.astype(float)
    if edges is not None:
        one, other, shared, outer = edges
        price = problem.compactness.weight * problem.compactness.gain
        objective = np.concatenate([objective + price * outer, price * shared])
        rows = np.arange(len(one))
        size = (len(one), count + len(one))
        signs = [(one, 1.0), (other, -1.0)]
        constraints = [
            optimize.LinearConstraint(
                sparse.hstack([costs, sparse.csr_matrix((1, len(one)))]), -np.inf, candidates.budget * SLACK
            )
        ]
        for way in (1.0, -1.0):
            matrix = sparse.csr_matrix((np.full(len(one), -1.0), (rows, count + rows)), shape=size)
            for end, sign in signs:
                matrix = matrix + sparse.csr_matrix((np.full(len(one), way * sign), (rows, end)), shape=size)
            constraints.append(optimize.LinearConstraint(matrix, -np.inf, 0.0))
        integrality = np.concatenate([integrality, np.zeros(len(one))])
        lower, upper = np.concatenate([lower, np.zeros(len(one))]), np.ones(count + len(one))
    scale = max(float(np.abs(objective).max()), 1e-300)
    found = optimize.milp(
        objective / scale,
        integrality=integrality,
        bounds=optimize.Bounds(lower, upper),  # pyright: ignore[reportArgumentType]
        constraints=constraints,
        options={"time_limit": _SECONDS, "mip_rel_gap": 1e-9},
    )
    if found.x is None:
        return candidates.locked_in.copy(), False
    selected = (found.x[:count] > 0.5) | candidates.locked_in
    # What promises nothing is not bought.
    return selected & ((gain > 0) | candidates.locked_in | (edges is not None)), found.status == 0


def by_every_subset(
    problem: Problem,
    *,
    step: Callable[[str], None],
    keep: Callable[[NDArray[np.bool_]], None],
) -> Plan:
    """Return the best of all affordable subsets.

    Parameters
    ----------
    problem : Problem
        Nothing allocated yet.
    step, keep : callable
        Hear what is being done, and of the best selection.

    Raises
    ------
    InputError
        When there are more than `MOST_SUBSETS`.
    """
    candidates = problem.candidates
    step("Gradient")
    first = problem.promise()
    problem.compactness.gain = typical_gain(problem, first)
    subsets = []
    for subset in _affordable(problem):
        subsets.append(subset)
        if len(subsets) > MOST_SUBSETS:
            raise InputError(
                "METHOD",
                f"More than {MOST_SUBSETS} subsets of the {len(candidates)} candidates are affordable: too many to try.",
                "Choose the greedy or the flow method, blocks or parcels as candidates, or a smaller budget.",
            )
    step(f"Trying {len(subsets)} subsets")
    changes = problem.trials(
        [(np.array(s, np.intp), np.ones(len(s))) if s else (np.array([0]), np.zeros(1)) for s in subsets]
    )
    outlines = [problem.compactness.cost(_shares(len(candidates), subset)) for subset in subsets]
    best = _shares(len(candidates), subsets[int(np.argmax(changes - outlines))]) > 0
    keep(best)
    problem.move(best)
    chosen = np.flatnonzero(best)
    order = chosen[np.lexsort((-first.gain[chosen] / candidates.cost[chosen], ~candidates.locked_in[chosen]))]
    notes = [f"The best of all {len(subsets)} affordable subsets."]
    return Plan(best, order, first.gain / candidates.cost, first, notes=notes)


def _shares(count: int, subset: tuple[int, ...]) -> NDArray[np.float64]:
    shares = np.zeros(count)
    shares[list(subset)] = 1
    return shares


def _affordable(problem: Problem) -> Iterator[tuple[int, ...]]:
    candidates = problem.candidates
    fixed = tuple(np.flatnonzero(candidates.locked_in).tolist())
    rest = np.flatnonzero(~candidates.locked_in).tolist()
    budget = candidates.budget * SLACK - float(candidates.cost[list(fixed)].sum())

    def more(position: int, subset: tuple[int, ...], left: float) -> Iterator[tuple[int, ...]]:
        yield subset
        for place in range(position, len(rest)):
            price = candidates.cost[rest[place]]
            if price <= left:
                yield from more(place + 1, (*subset, rest[place]), left - price)

    yield from more(0, fixed, budget)
