"""The problem of a plan: landscapes under any allocation of the action to the candidates, what that is worth, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .actions import Action
from .answers import Answers
from .candidates import Candidates
from .compactness import Compactness
from .incremental import Edit
from .job import Report
from .journal import Journal
from .landscape import Landscape
from .objective import Objective
from .quiet import Quiet
from .targets import Target

_TRIALS_AT_ONCE = 256


@dataclass
class Member:
    """One landscape of a plan, with its target.

    Parameters
    ----------
    name : str
    landscape : Landscape
    action : Action
    target : Target
        In any state.
    weight : float
        > 0.
    scenario : int
        Number of the scenario that it belongs to.
    """

    name: str
    landscape: Landscape
    action: Action
    target: Target
    weight: float = 1.0
    scenario: int = 0


class States:
    """Rasters of a member under any allocation."""

    def __init__(self, member: Member, candidates: Candidates) -> None:
        landscape, action = member.landscape, member.action
        self.member, self._candidates = member, candidates
        self._cells = candidates.cells
        node, here = landscape.node, candidates.candidate
        self._before, self._ease, self._given = {}, {}, {}
        for raster in ("movement", "quality"):
            given = np.nan_to_num(getattr(landscape, raster)) if raster == "quality" else landscape.movement
            safe = np.where(node, given, 1.0)
            # Where this landscape has a barrier that another one of the plan has not, it stays one.
            before = np.where(node, action.before(raster, safe, here), given)
            after = np.where(node, action.after(raster, safe), given)
            self._given[raster] = np.where(here, before, given)
            ends = before.ravel()[self._cells], after.ravel()[self._cells]
            self._before[raster] = ends
            usable = node.ravel()[self._cells]
            eases = [action.ease(raster, np.where(usable, values, 1.0)) for values in ends]
            self._ease[raster] = (eases[0], np.where(usable, eases[1] - eases[0], 0.0))
        self._usable = node.ravel()[self._cells]

    def at(self, allocation: NDArray[np.float64]) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
        """Return resistance and quality."""
        share = allocation[self._candidates.number.ravel()[self._cells]]
        rasters = {}
        for raster in ("movement", "quality"):
            values = self._given[raster].copy()
            values.ravel()[self._cells] = self._values(raster, slice(None), share)
            rasters[raster] = values
        return self._resistance(rasters["movement"]), rasters["quality"]

    def _values(self, raster: str, places: NDArray[np.intp] | slice, share: NDArray[np.float64]) -> NDArray[np.float64]:
        low, change = (values[places] for values in self._ease[raster])
        before, after = (values[places] for values in self._before[raster])
        between = self.member.action.from_ease(raster, low + share * change)
        return np.where(~self._usable[places] | (share == 0), before, np.where(share == 1, after, between))

    def _resistance(self, movement: NDArray[np.float64]) -> NDArray[np.floating]:
        return self.member.landscape.reading.resistance(movement, np).astype(self.member.landscape.dtype)

    def edit(self, places: NDArray[np.intp], share: NDArray[np.float64]) -> Edit:
        """Return the changes of some cells, given by their places among the candidates' cells."""
        return Edit(
            self._cells[places],
            self._resistance(self._values("movement", places, share)),
            self._values("quality", places, share),
        )

    def promises(
        self,
        by_resistance: NDArray[np.float64],
        by_quality: NDArray[np.float64],
        allocation: NDArray[np.float64],
    ) -> dict[str, NDArray[np.float64]]:
        """Return, per candidate: the derivative by its share of the action, the sensitivity, and the elasticity."""
        action, cells = self.member.action, self._cells
        share = allocation[self._candidates.number.ravel()[cells]]
        found = {name: np.zeros(len(cells)) for name in ("gain", "sensitivity", "elasticity")}
        for raster in action.rasters:
            low, change = self._ease[raster]
            values = np.where(self._usable, self._values(raster, slice(None), share), 1.0)
            gradient = by_quality.ravel()[cells]
            if raster == "movement":
                now = self._given["movement"].copy()
                now.ravel()[cells] = values
                whole = replace(self.member.landscape, movement=now).by_movement(by_resistance)
                gradient = whole.ravel()[cells]
            slope = action.by_ease(raster, gradient, values)
            found["gain"] += slope * change
            found["sensitivity"] += slope
            found["elasticity"] += slope * action.ease(raster, values)
        number = self._candidates.number.ravel()[cells]
        return {name: np.bincount(number, each, len(self._candidates)).astype(float) for name, each in found.items()}


@dataclass(frozen=True)
class Promise:
    """What the gradient says of every candidate.

    Parameters
    ----------
    objective : float
        Where it was taken.
    gain : array, shape (candidates,)
        Derivative of the objective by the share of the action, in [0, 1].
    sensitivity, elasticity : array, shape (candidates,)
        By what the action raises, and that times what it raises, summed over the candidate's cells.
    """

    objective: float
    gain: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    elasticity: NDArray[np.float64]


class Problem:
    """Candidates, landscapes and objective.

    Parameters
    ----------
    members : sequence of Member
    candidates : Candidates
    objective : Objective
        Its `before` is filled in.
    report : Report
    compactness : Compactness
        What the outline of a selection costs.
    """

    def __init__(
        self,
        members: Sequence[Member],
        candidates: Candidates,
        rule: str,
        softness: float,
        report: Report,
        compactness_weight: float = 0.0,
    ) -> None:
        self.members, self.candidates, self.report = list(members), candidates, report
        self._states = [States(member, candidates) for member in members]
        self.allocation = np.zeros(len(candidates))
        for state in self._states:
            state.member.target.move(*state.at(self.allocation), report)
        weights = np.array([member.weight for member in members])
        scenarios = np.array([member.scenario for member in members])
        self._objective = Objective(weights, scenarios, rule, softness, np.ones(len(members)))
        self._ready = False
        self._answers: Answers | None = None
        self.compactness = Compactness(candidates, compactness_weight)

    def keep(self, journal: Journal) -> None:
        """Keep what is found from now on, and go on from what an earlier run has found; before anything is asked."""
        self._answers = Answers(journal, [state.member.target for state in self._states], self.report)

    def ask(self, what: str, find: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return what `find` returns, flat, or what it returned in an earlier run that was interrupted.

        What is asked, and in which order, may depend on nothing but the job and earlier answers.
        """
        return self._answers.ask(what, find) if self._answers is not None else np.ravel(find())

    @property
    def states(self) -> Sequence[States]:
        """The rasters of each member under any allocation."""
        return self._states

    @property
    def objective(self) -> Objective:
        """How values become one number; after the values before the action are known."""
        return self._objective

    def _remember(self, values: NDArray[np.float64]) -> None:
        if not self._ready:
            old = self._objective
            self._objective = Objective(old.weight, old.scenario, old.rule, old.softness, values)
            self._ready = True

    @property
    def before(self) -> float:
        """The objective without action."""
        if not self._ready:
            self.values()
        return float(self._objective.of(self._objective.before))

    def move(self, allocation: NDArray[np.float64] | NDArray[np.bool_]) -> None:
        """Go over to another allocation, shape (candidates,), in [0, 1]."""
        if not self._ready:
            self.values()
        self.allocation = now = np.array(allocation, float)

        def apply() -> None:
            for state in self._states:
                state.member.target.move(*state.at(now), self.report)

        if self._answers is not None:
            self._answers.move(apply)
        else:
            apply()

    def values(self) -> NDArray[np.float64]:
        """Return the target of each landscape as it now is."""
        values = self.ask("values", self._values)
        self._remember(values)
        return values

    def _values(self) -> NDArray[np.float64]:
        found = np.array([state.member.target.value(self.report) for state in self._states])
        self._draw()
        return found

    def _draw(self) -> None:
        if not self._ready:
            for state in self._states:
                state.member.target.remember()

    def value(self) -> float:
        """Return the objective as it now is, without what the outline costs."""
        return float(self._objective.of(self.values()))

    def worth(self) -> float:
        """Return the objective less what the outline costs."""
        return self.value() - self.compactness.cost(self.allocation)

    def promise(self) -> Promise:
        """Return the objective and what the gradient promises of every candidate."""
        found = self.ask("promise", self._promise)
        values, promises = np.split(found, [len(self._states)])
        self._remember(values)
        return Promise(float(self._objective.of(values)), *promises.reshape(3, -1))

    def _promise(self) -> NDArray[np.float64]:
        found = [state.member.target.gradient(self.report) for state in self._states]
        values = np.array([value for value, _, _ in found])
        self._draw()
        self._remember(values)
        total = {name: np.zeros(len(self.candidates)) for name in ("gain", "sensitivity", "elasticity")}
        for state, slope, (_, by_resistance, by_quality) in zip(self._states, self._objective.slopes(values), found):
            for name, each in state.promises(by_resistance, by_quality, self.allocation).items():
                total[name] += slope * each
        return np.concatenate([values, *total.values()])

    def trials(self, changes: Sequence[tuple[NDArray[np.intp], NDArray[np.float64]]]) -> NDArray[np.float64]:
        """Return what the objective changes by when some candidates take other shares, for each of the changes alone.

        Parameters
        ----------
        changes : sequence of (int array, array)
            Candidates and their new shares.
        """
        now = self.values()
        found = np.zeros(len(changes))
        for first in range(0, len(changes), _TRIALS_AT_ONCE):
            some = changes[first : first + _TRIALS_AT_ONCE]
            after = self.ask("trials", lambda some=some: self._trials(some)).reshape(len(some), -1)
            found[first : first + len(some)] = self._objective.of(after)
            self.report.progress(min(1.0, (first + len(some)) / len(changes)), "")
        return found - float(self._objective.of(now))

    def _trials(self, changes: Sequence[tuple[NDArray[np.intp], NDArray[np.float64]]]) -> NDArray[np.float64]:
        places = [self._places(which, share) for which, share in changes]
        quiet = Quiet(self.report)
        targets = [(state, state.member.target) for state in self._states]
        return np.stack([t.trials([s.edit(*each) for each in places], quiet) for s, t in targets], axis=-1)

    def gains(self, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the true gain of acting in each of the chosen candidates alone, beside what is allocated now."""
        one = np.ones(1)
        return self.trials([(np.array([candidate]), one) for candidate in chosen])

    def _places(
        self, which: NDArray[np.intp], share: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        first = self.candidates.first
        places = np.concatenate([np.arange(int(first[one]), int(first[one + 1])) for one in which])
        return places, np.repeat(share, first[np.asarray(which) + 1] - first[which])

    def elsewhere(self, allocation: NDArray[np.float64] | NDArray[np.bool_]) -> tuple[float, float]:
        """Return the objective under another allocation, perhaps estimated, and the standard error of that."""
        values, errors = self.ask("elsewhere", lambda: self._elsewhere(allocation)).reshape(2, -1)
        return float(self._objective.of(values)), float(np.abs(self._objective.slopes(values)) @ errors)

    def _elsewhere(self, allocation: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        quiet = Quiet(self.report)
        found = [s.member.target.elsewhere(*s.at(np.asarray(allocation, float)), quiet) for s in self._states]
        return np.array(found).T
