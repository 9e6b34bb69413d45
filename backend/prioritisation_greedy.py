"""Selecting one candidate after another, each time the one whose true gain per cost is highest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .budget import SLACK
from .incremental import IncrementalConnectivity
from .plan import Plan
from .planning import Problem
from .prioritisation_exchange import exchange
from .prioritisation_ranking import typical_gain
from .targets import ConnectivityTarget

_AT_ONCE = 16
#: From this many candidates on, the first true gains are computed for the most promising only.
_ALL_AT_FIRST = 3000


def greedily(
    problem: Problem,
    *,
    exhaustive: bool,
    exchanges: int,
    step: Callable[[str], None],
    keep: Callable[[NDArray[np.bool_]], None],
) -> Plan:
    """Select the candidate with the highest true gain per cost, until the budget pays for none that gains.

    A gain that was computed before holds until something changes within reach of what the candidate reaches. Lazily, an outdated gain,
    or what the gradient now promises where that is more, stands for the true one until a candidate comes first by it; its true gain
    is computed then. Since cells can help each other, an outdated gain may be too low, so that the result may differ from the
    exhaustive one, where every outdated gain is computed anew.

    Parameters
    ----------
    problem : Problem
        Nothing allocated yet.
    exhaustive : bool
        Whether every outdated gain is computed in each step.
    exchanges : int
        Most exchanges at the end.
    step, keep : callable
        Hear what is being done, and of the selection so far.

    References
    ----------
    Minoux, M. (1978) Accelerated greedy algorithms for maximizing submodular set functions. Optimization Techniques, 234-243.
    doi:10.1007/BFb0006528.
    """
    candidates, cost = problem.candidates, problem.candidates.cost
    step("Gradient")
    first = promise = problem.promise()
    problem.compactness.gain = typical_gain(problem, promise)
    selected = candidates.locked_in.copy()
    order = np.flatnonzero(selected).tolist()
    problem.move(selected)
    if selected.any():
        promise = problem.promise()
    search = _Search(problem, exhaustive)
    search.start(promise.gain, selected)
    left = candidates.budget * SLACK - float(cost[selected].sum())
    while True:
        best = search.best(selected, left)
        if best < 0:
            break
        selected[best] = True
        order.append(best)
        left -= cost[best]
        step(f"{100 * (1 - max(0.0, left) / candidates.budget):.0f} % of the budget spent")
        problem.move(selected)
        keep(selected)
        if not ((cost <= left) & ~selected).any():
            break
        search.outdate(best, selected)
    notes = [f"{search.evaluated} true gains were computed, {len(order)} candidates selected."]
    chosen = np.array(order, np.intp)
    if exchanges:
        step("Exchanges")
        exchanged, done = exchange(problem, selected, exchanges)
        added = np.flatnonzero(exchanged & ~selected)
        chosen, selected = np.concatenate([chosen[exchanged[chosen]], added]), exchanged
        notes.append(f"{done} exchanges followed.")
        keep(selected)
    return Plan(selected, chosen, search.gain / cost, first, notes=notes)


class _Search:
    """True and outdated gains of all candidates."""

    def __init__(self, problem: Problem, exhaustive: bool) -> None:
        self._problem, self._exhaustive = problem, exhaustive
        count = len(problem.candidates)
        self.gain = np.zeros(count)
        self._fresh = np.zeros(count, bool)
        self.evaluated = 0
        columns = problem.candidates.number.shape[1]
        cells, first = problem.candidates.cells, problem.candidates.first[:-1]
        # Every candidate has a cell.
        self._rows = np.minimum.reduceat(cells // columns, first), np.maximum.reduceat(cells // columns, first)
        self._columns = np.minimum.reduceat(cells % columns, first), np.maximum.reduceat(cells % columns, first)

    def start(self, promised: NDArray[np.float64], selected: NDArray[np.bool_]) -> None:
        """Compute the gains of all candidates, or of the most promising ones, by which the others' promises are then scaled."""
        open_ones = np.flatnonzero(~selected)
        if self._exhaustive or len(open_ones) <= _ALL_AT_FIRST:
            self._evaluate(open_ones)
            return
        density = promised / self._problem.candidates.cost
        some = open_ones[np.argsort(-density[open_ones], kind="stable")[: _ALL_AT_FIRST // 3]]
        self._evaluate(some)
        positive = promised[some] > 0
        ratio = np.quantile(self.gain[some][positive] / promised[some][positive], 0.95) if positive.any() else 1.0
        rest = np.setdiff1d(open_ones, some)
        self.gain[rest] = promised[rest] * max(1.0, float(ratio))

    def _evaluate(self, which: NDArray[np.intp]) -> None:
        if len(which):
            self.gain[which] = self._problem.gains(which)
            self._fresh[which] = True
            self.evaluated += len(which)

    def best(self, selected: NDArray[np.bool_], left: float) -> int:
        """Return the affordable candidate with the highest gain per cost, -1 where none gains."""
        problem = self._problem
        cost = problem.candidates.cost
        possible = np.flatnonzero(~selected & (cost <= left))
        if not len(possible):
            return -1
        outline = problem.compactness.additions(selected)
        while True:
            worth = (self.gain[possible] - outline[possible]) / cost[possible]
            order = possible[np.argsort(-worth, kind="stable")]
            outdated = order[~self._fresh[order]]
            if not len(outdated) or self._fresh[order[0]]:
                top = int(order[0])
                return top if self.gain[top] - outline[top] > 0 else -1
            self._evaluate(outdated if self._exhaustive else outdated[:_AT_ONCE])

    def outdate(self, best: int, selected: NDArray[np.bool_]) -> None:
        """Mark the gains that acting in a candidate may have changed, and raise those of which the gradient now promises more."""
        stale = self._near(best) & ~selected
        self._fresh[stale] = False
        if self._exhaustive:
            self._evaluate(np.flatnonzero(stale))
            return
        promised = self._problem.promise().gain
        self.gain[stale] = np.maximum(self.gain[stale], promised[stale])

    def _near(self, candidate: int) -> NDArray[np.bool_]:
        """Return the candidates with a cell so near that a block may lie within reach of both, and more."""
        targets = [member.target for member in self._problem.members]
        if not all(isinstance(target, ConnectivityTarget) for target in targets):
            return np.ones(len(self.gain), bool)
        near = np.zeros(len(self.gain), bool)
        for target in targets:
            connectivity: IncrementalConnectivity = target.connectivity  # type: ignore[attr-defined]
            blocks = connectivity.blocks
            spans = [2 * (halo + side) for halo, side in zip(blocks.halo, blocks.side)]
            within = np.ones(len(near), bool)
            for (low, high), span in zip((self._rows, self._columns), spans):
                within &= (low <= high[candidate] + span) & (high >= low[candidate] - span)
            near |= within
        # The worst scenario may have become another one, which changes the worth of every gain.
        return near if len(targets) == 1 else np.ones(len(near), bool)
