"""Plans: every method against brute force, bounds against every subset, budgets, and a run that is cancelled."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from landscape_oracle import expect
from small_landscapes import hills
from small_plans import SETTINGS, TINY, chosen, only, polygons, raised, run

from backend.budget import best_fractions, nearest_affordable


@pytest.fixture(scope="module")
def every_subset():
    """Gains of all subsets of up to three of the eight candidates, from the oracle."""
    quality, permeability = hills()
    before = expect(quality, permeability).C
    subsets = [s for size in range(4) for s in itertools.combinations(TINY, size)]
    return {frozenset(s): expect(quality, raised(permeability, s)).C - before for s in subsets}


@pytest.mark.parametrize("method", ["exact", "greedy", "flow", "integer", "ranking"])
def test_a_method_finds_what_brute_force_finds_and_no_bound_is_broken(laboratory, every_subset, method):
    outcome = run(laboratory, *hills(), METHOD=method, CANDIDATES=only(TINY))
    best = max(every_subset.values())
    selected = frozenset(chosen(outcome))
    assert outcome.numbers["GAIN"] == pytest.approx(every_subset[selected], rel=1e-8)
    assert best <= outcome.numbers["BEST_POSSIBLE"] * (1 + 1e-9)
    assert outcome.numbers["GAIN"] >= best * (1 - 1e-9 if method == "exact" else 0.85)
    assert outcome.numbers["SPENT"] <= 3


def test_greedy_takes_the_best_of_all_in_each_step(laboratory, every_subset):
    """Exhaustive greedy, written down: what the gains of all subsets say."""
    taken: frozenset = frozenset()
    order = []
    for _ in range(3):
        best = max((c for c in TINY if c not in taken), key=lambda c: every_subset[taken | {c}])
        taken |= {best}
        order.append(best)
    for exhaustive in (True, False):
        outcome = run(laboratory, *hills(), METHOD="greedy", CANDIDATES=only(TINY), EXHAUSTIVE=exhaustive, EXCHANGES=0)
        rank = outcome.map("RANK")
        assert [tuple(int(i) for i in np.argwhere(rank == n)[0]) for n in (1, 2, 3)] == order


def test_lazy_greedy_is_exhaustive_greedy_with_all_cells(laboratory):
    found = [run(laboratory, *hills(), METHOD="greedy", BUDGET=6, EXHAUSTIVE=e, EXCHANGES=0) for e in (True, False)]
    assert found[1].numbers["GAIN"] == pytest.approx(found[0].numbers["GAIN"], rel=1e-6)
    counted = [int(next(m for m in f.heard.messages if "true gains" in m).split()[0]) for f in found]
    assert counted[1] < counted[0]


@pytest.mark.parametrize(
    ("action", "amounts"),
    [
        ("raise_permeability", {"AMOUNT": 0.8}),
        ("raise_quality", {"AMOUNT": 0.5}),
        ("raise_both", {"AMOUNT": 0.3, "AMOUNT_QUALITY": 0.6}),
    ],
)
@pytest.mark.parametrize("proximity", ["exponential", "gaussian", "threshold"])
def test_bounds_hold_for_every_affordable_selection(laboratory, action, amounts, proximity):
    """With costs, whatever the kernel: the exact method's gain is the best of all, and below the bound."""
    cost = np.random.default_rng(2).uniform(0.5, 2, (9, 11))
    settings = {
        "CANDIDATES": only(TINY),
        "COST": cost,
        "BUDGET": 3.0,
        "ACTION": action,
        "PROXIMITY": proximity,
        **amounts,
    }
    numbers = run(laboratory, *hills(), METHOD="exact", outputs=(), **settings).numbers
    assert 0 <= numbers["GAIN"] <= numbers["BEST_POSSIBLE"] * (1 + 1e-9)
    assert np.isfinite(numbers["BEST_POSSIBLE"])


def test_where_no_bound_is_known_it_says_so(laboratory, tmp_path):
    sites = polygons(tmp_path / "sites.gpkg", [(0, 0, 1, 1), (0, 10, 1, 11)])
    outcome = run(laboratory, *hills(), TARGET="current", SITES=sites, BUDGET=1, ROUNDS=1, outputs=("REPORT",))
    assert np.isnan(outcome.numbers["BEST_POSSIBLE"])
    assert "No bound: no bound is known for this target" in outcome.text("REPORT")


def test_no_bound_for_distances_that_can_grow(laboratory):
    from small_landscapes import Listener

    from backend.planning_checks import check_problem
    from backend.planning_job import problem_of
    from backend.prioritisation_bound import upper_bound

    job = laboratory.job("prioritisation", *hills(), **SETTINGS)
    problem = problem_of(job, check_problem(job, Listener()), Listener())
    found = upper_bound(problem, "commute", "exponential")
    assert np.isinf(found.objective)
    assert "commute" in found.why


def test_the_energy_of_the_flow_falls_at_every_step(laboratory):
    from backend.planning_checks import check_problem
    from backend.planning_job import problem_of
    from backend.prioritisation_flow import Flow, by_flow

    job = laboratory.job("prioritisation", *hills(), **{**SETTINGS, "BUDGET": 7, "COMPACTNESS": 0.3})
    from small_landscapes import Listener

    problem = problem_of(job, check_problem(job, Listener()), Listener())
    silent: Any = lambda *_: None  # noqa: E731
    plan = by_flow(problem, Flow(40, 3, 10), random=np.random.default_rng(0), step=silent, keep=silent)
    assert len(plan.trace) > 2
    assert (np.diff(plan.trace) <= 0).all()
    assert plan.allocation is not None
    assert 0 <= plan.allocation.min() <= plan.allocation.max() <= 1
    assert plan.allocation.sum() <= 7 * (1 + 1e-12)
    assert plan.selected.sum() <= 7


def test_flow_repeats_by_its_seed(laboratory):
    first, second = (run(laboratory, *hills(), METHOD="flow", SEED=3, BUDGET=6) for _ in range(2))
    assert first.numbers == second.numbers
    np.testing.assert_array_equal(first.map("RANK"), second.map("RANK"))


def test_flow_and_greedy_beat_thresholds(laboratory):
    gains = {m: run(laboratory, *hills(), METHOD=m, BUDGET=12, outputs=()).numbers for m in ("greedy", "flow")}
    for numbers in gains.values():
        assert numbers["GAIN"] > numbers["GAIN_ELASTICITY"]
        assert numbers["GAIN"] > numbers["GAIN_TOP_QUALITY"]


@pytest.mark.parametrize("method", ["ranking", "greedy", "flow", "integer"])
def test_costs_and_locks_are_kept_by_every_method(laboratory, method):
    cost = np.random.default_rng(4).uniform(0.5, 3, (9, 11))
    locked_in, locked_out = only([(8, 9), (0, 0)]), only([(1, 4), (2, 4), (3, 4), (4, 3)])
    outcome = run(
        laboratory, *hills(), METHOD=method, COST=cost, BUDGET=9.0, LOCKED_IN=locked_in, LOCKED_OUT=locked_out
    )
    selected = outcome.map("SELECTION") == 1
    assert outcome.numbers["SPENT"] == pytest.approx(cost[selected].sum(), rel=1e-12)
    assert outcome.numbers["SPENT"] <= 9
    assert selected[locked_in == 1].all()
    assert not selected[locked_out == 1].any()
    assert set(outcome.map("RANK")[locked_in == 1]) == {1, 2}


def test_the_nearest_affordable_allocation_is_the_projection():
    """Nothing affordable is nearer: against a general solver."""
    from scipy.optimize import minimize

    random = np.random.default_rng(1)
    wanted, cost = random.normal(0.5, 1, 7), random.uniform(0.5, 2, 7)
    found = nearest_affordable(wanted, cost, 2.0, np.zeros(7, bool))
    other = minimize(
        lambda a: ((a - wanted) ** 2).sum(),
        np.full(7, 0.1),
        bounds=[(0, 1)] * 7,
        constraints={"type": "ineq", "fun": lambda a: 2.0 - cost @ a},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(found, other.x, atol=1e-5)
    assert cost @ found <= 2.0 * (1 + 1e-12)


def test_the_best_fractions_are_those_of_a_linear_programme():
    from scipy.optimize import linprog

    random = np.random.default_rng(2)
    worth, cost = random.normal(0.5, 1, 12), random.uniform(0.5, 2, 12)
    expected = -linprog(-worth, A_ub=cost[None], b_ub=[4.0], bounds=[(0, 1)] * 12).fun
    assert best_fractions(worth, cost, 4.0) == pytest.approx(expected, rel=1e-9)


def test_a_cancelled_run_keeps_its_plan_so_far(laboratory, tmp_path):
    from small_landscapes import Listener, read_raster

    from backend.analyses import prioritisation
    from backend.errors import Cancelled
    from backend.outputs import Outputs

    class Impatient(Listener):
        asked = 0

        def raise_if_cancelled(self) -> None:
            if (tmp_path / "s-so-far.tif").exists():
                raise Cancelled

    job = laboratory.job("prioritisation", *hills(), **{**SETTINGS, "KEEP": True})
    job.outputs["SELECTION"] = str(tmp_path / "s.tif")
    with pytest.raises(Cancelled), Outputs(job) as outputs:
        prioritisation.run(job, Impatient(), outputs)
    assert not (tmp_path / "s.tif").exists()
    assert (read_raster(tmp_path / "s-so-far.tif")[0] == 1).sum() == 1
    with Outputs(job) as outputs:
        prioritisation.run(job, Listener(), outputs)
        outputs.publish()
    assert not (tmp_path / "s-so-far.tif").exists()
