"""What no affordable selection can exceed."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .budget import best_fractions
from .connectivity import LandscapeModel
from .planning import Member, Problem
from .targets import ConnectivityTarget
from .window_shape import WindowShape

#: Distances for which a lower resistance never makes a pair more distant.
_MONOTONE = ("least_cost", "euclidean", "resistance")
#: Kernels whose proximity is a convex function of distance.
_CONVEX = ("exponential", "inverse")
#: Sources x targets x candidate cells up to which each candidate's part is bounded.
_MOST_TRIPLES = 2.5e9


@dataclass(frozen=True)
class Bound:
    """An upper bound of the objective.

    Parameters
    ----------
    objective : float
        No affordable selection is worth more; inf where none is known.
    why : str
        How it was found, or why there is none.
    """

    objective: float
    why: str


def upper_bound(problem: Problem, distance: str, kernel: str) -> Bound:
    r"""Bound the objective of every affordable selection.

    Two bounds hold, and the smaller one is taken. First, acting in every candidate: C never falls when permeability or quality rises.
    Second, for least cost, a sum over candidates. If S is the set of candidate cells used by the cheapest path from i to j after
    acting, that path is no shorter than the cheapest one through any u in S with everything acted on,
    :math:`t_u = d_{iu} + d_{uj}`, and shorter than before by at most :math:`\sum_{u \in S} \delta_u`, with :math:`\delta_u` what
    crossing u saves. So the gain of the pair is at most :math:`\sum_{u \in S} q_i q_j \min(k(t_u) - k(d), \delta_u M)`, where M is
    the steepest chord of k between d and :math:`t_u`. Summed over pairs, this is a worth per candidate, and the best affordable
    shares of the candidates (a fractional knapsack) are a bound. A raise of quality adds :math:`k_{ij}` times the rise of
    :math:`q_i q_j`, whose mixed part is bounded by each candidate's best affordable partners.

    Parameters
    ----------
    problem : Problem
        Its values before the action are known.
    distance, kernel : str
        Names of the distance and the proximity.
    """
    if any(not isinstance(m.target, ConnectivityTarget) for m in problem.members):
        return Bound(np.inf, "no bound is known for this target")
    if distance not in _MONOTONE:
        return Bound(
            np.inf,
            f"no bound is known for the distance {distance.replace('_', ' ')}, which can grow when permeability does",
        )
    # Paths are searched on the raster alone, which has edges.
    closes = any(m.landscape.model.neighbourhood.around for m in problem.members)
    if distance == "least_cost" and not closes:
        nodes = max(int(m.landscape.node.sum()) for m in problem.members)
        if float(nodes) ** 2 * problem.candidates.candidate.sum() > _MOST_TRIPLES or nodes > 4000:
            return Bound(np.inf, "the raster is too large for a bound")
    all_done = _with_everything(problem)
    bounds = all_done
    why = "acting in every candidate"
    if distance == "least_cost" and not closes:
        numbers = range(len(problem.members))
        per_pair = problem.ask("bound", lambda: np.array([_member_bound(problem, n, kernel) for n in numbers]))
        if (per_pair < all_done).any():
            why = "the most that each candidate can add to each pair of cells"
        bounds = np.minimum(all_done, per_pair)
    objective = problem.objective
    if objective.in_per_cent:
        scenarios = objective.scenarios(bounds)
        # A soft worst case is never above the mean.
        return Bound(float(scenarios.min() if objective.rule == "worst" else scenarios.mean()), why)
    return Bound(float(objective.of(bounds)), why)


def _with_everything(problem: Problem) -> NDArray[np.float64]:
    kept = problem.allocation
    problem.move(np.ones(len(problem.candidates)))
    values = problem.values()
    problem.move(kept)
    return values


def _distances(model: LandscapeModel, resistance: NDArray[np.floating], limit: float) -> NDArray[np.float64]:
    """Return distances between all cells, (cells, cells), inf to a cell itself; a lane is a source."""
    rows, columns = resistance.shape
    free = LandscapeModel(model.distance, model.proximity, model.neighbourhood, limit)
    sphere = model.neighbourhood.sphere
    latitude = None if sphere is None else jnp.asarray(sphere.latitudes(np.zeros(1, np.intp), rows))
    found = eqx.filter_jit(LandscapeModel.distances)(
        free, jnp.asarray(resistance[None], float), WindowShape(rows, columns, 0, 0), None, latitude
    )
    return np.asarray(found).reshape(resistance.size, resistance.size)


def _largest_cell(model: LandscapeModel, rows: int) -> tuple[float, float]:
    """Return the largest width and height of a cell; those of the neighbourhood are the smallest on longitudes and latitudes."""
    sphere = model.neighbourhood.sphere
    if sphere is None:
        return model.neighbourhood.cell_width, model.neighbourhood.cell_height
    widest = float(np.cos(sphere.latitudes(np.array(0), rows)).max())
    return sphere.radius * sphere.longitude_step * widest, model.neighbourhood.cell_height


def _member_bound(problem: Problem, number: int, kernel: str) -> float:
    """Return a bound of one landscape's target."""
    member, state = problem.members[number], problem.states[number]
    count = len(problem.candidates)
    before, quality_before = state.at(np.zeros(count))
    after, quality_after = state.at(np.ones(count))
    node = np.isfinite(before)
    q0, q1 = (np.where(node, np.nan_to_num(q), 0).ravel() for q in (quality_before, quality_after))
    model = member.landscape.model
    longest = float(before[node].sum()) * 2 * max(_largest_cell(model, len(before))) + 1.0
    d0 = _distances(model, before, longest)
    worth = _of_paths(problem, model, d0, before, after, q1, kernel)
    if (q1 != q0).any():
        near = d0 <= float(model.limit) * (1 + 1e-9)
        k0 = np.where(near, np.asarray(model.proximity(jnp.asarray(np.where(near, d0, np.inf)))), 0)
        worth = worth + _of_quality(problem, k0, q0, q1)
    gain = best_fractions(worth, problem.candidates.cost, problem.candidates.budget)
    return _target_of(member, problem.objective.before[number], gain, q0, q1, problem)


def _target_of(member: Member, before: float, gain: float, q0: NDArray, q1: NDArray, problem: Problem) -> float:
    target = member.target
    if not isinstance(target, ConnectivityTarget):
        return np.inf
    if target.counts_self:
        own = np.zeros(problem.candidates.number.shape)
        own.ravel()[:] = q1**2 - q0**2
        gain += best_fractions(problem.candidates.sums(own), problem.candidates.cost, problem.candidates.budget)
    return before + gain if target.index == "C" else float(np.sqrt(before**2 + gain))


def _of_paths(
    problem: Problem,
    model: LandscapeModel,
    d0: NDArray[np.float64],
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    quality: NDArray[np.float64],
    kernel: str,
) -> NDArray[np.float64]:
    """Return, per candidate, the most that it adds through shorter paths."""
    worth = np.zeros(len(problem.candidates))
    changed = np.flatnonzero((before != after).ravel())
    if not len(changed):
        return worth
    limit = float(model.limit)
    d1 = _distances(model, after, limit)
    reach = limit * (1 + 1e-9)
    habitat = np.flatnonzero(quality > 0)
    scale = float(np.asarray(model.proximity.scale))
    k = model.proximity.kernel

    def proximity(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = distance <= reach
        return np.where(inside, k.value(np.where(inside, distance, 0) / scale, np), 0)

    k0 = proximity(d0)
    lengths = _largest_cell(model, len(before))
    step = np.hypot(*lengths) if model.neighbourhood.neighbours == 8 else max(lengths)
    number = problem.candidates.number.ravel()
    at_limit = float(k.value(np.array(limit / scale), np))
    average = model.neighbourhood.edge_rule == "average_resistance"
    for u in changed:
        problem.report.raise_if_cancelled()
        to_u = np.where(np.arange(len(d1)) == u, 0.0, d1[:, u])
        ends = habitat[to_u[habitat] <= limit]
        through = to_u[ends][:, None] + to_u[ends][None, :]
        old = d0[np.ix_(ends, ends)]
        shorter = old - through
        useful = (shorter > 1e-12 * old) & (through <= reach)
        if not useful.any():
            continue
        rise = np.where(useful, proximity(through) - k0[np.ix_(ends, ends)], 0)
        if average and kernel in _CONVEX:
            saved = step * float(before.ravel()[u] - after.ravel()[u])
            gap = np.where(useful, shorter, 1.0)
            chord = rise / gap
            beyond = useful & (old > reach)
            # A pair that did not count before jumps to the cut-off where it begins to.
            chord = np.where(beyond, np.maximum(chord, at_limit / np.maximum(old - reach, 1e-300)), chord)
            rise = np.minimum(rise, np.where(useful, chord * saved, 0))
        worth[number[u]] += float(quality[ends] @ rise @ quality[ends])
    return worth


def _of_quality(
    problem: Problem, k0: NDArray[np.float64], q0: NDArray[np.float64], q1: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return, per candidate, the most that its higher quality adds at the old distances."""
    candidates = problem.candidates
    shape = candidates.number.shape
    rise = q1 - q0
    linear = candidates.sums((2 * rise * (k0 @ q0)).reshape(shape))
    members = candidates.candidate.ravel()
    join = np.zeros((len(candidates), len(rise)))
    join[candidates.number.ravel()[members], np.flatnonzero(members)] = rise[members]
    mixed = join @ k0 @ join.T
    partners = np.zeros(len(candidates))
    for u in range(len(candidates)):
        others = mixed[u].copy()
        others[u] = 0
        left = candidates.budget - candidates.cost[u]
        partners[u] = mixed[u, u] + (best_fractions(others, candidates.cost, left) if left > 0 else 0.0)
    return linear + partners
