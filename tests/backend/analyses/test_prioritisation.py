"""Prioritisation: what is selected, what it costs, what it gains, beside what was promised and what chance gains."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from landscape_oracle import expect
from small_landscapes import Laboratory, Outcome, hills

OUTPUTS = ("SELECTION", "RANK", "CURVE")
SETTINGS: dict[str, Any] = {"BUDGET": 8, "AMOUNT": 0.2, "ROUNDS": 2}


def run(laboratory: Laboratory, quality: np.ndarray, movement: np.ndarray, **parameters: Any) -> Outcome:
    return laboratory.run("prioritisation", quality, movement, outputs=OUTPUTS, **{**SETTINGS, **parameters})


def acted(values: np.ndarray, selected: np.ndarray, action: str, amount: float, kind: str) -> np.ndarray:
    """Return a raster after the action, written down from the help."""
    changed = values.copy()
    for place in map(tuple, np.argwhere(selected)):
        x = values[place]
        if action.startswith("raise_quality"):
            x = 0.0 if np.isnan(x) else x
            changed[place] = max(x, amount) if action.endswith("_to") else x + amount
        elif kind == "permeability":
            changed[place] = max(x, amount) if action.endswith("_to") else x + amount
        else:
            ease = max(1 / x, amount) if action.endswith("_to") else 1 / x + amount
            changed[place] = 1 / ease
    return changed


def rows_of(outcome: Outcome) -> list[dict[str, float]]:
    return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(outcome.text("CURVE")))]


def nodes(movement: np.ndarray) -> np.ndarray:
    return np.isfinite(movement) & (movement > 0)


def mask(*places: tuple[int, int]) -> np.ndarray:
    values = np.zeros((9, 11))
    for place in places:
        values[place] = 1
    return values


# --- the gain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["raise_permeability", "raise_permeability_to", "raise_quality", "raise_quality_to"])
@pytest.mark.parametrize("kind", ["permeability", "resistance"])
def test_the_gain_is_that_of_the_changed_landscape(laboratory, action, kind):
    quality, movement = hills()
    if kind == "resistance":
        with np.errstate(divide="ignore"):
            movement = 1 / movement
    amount = 0.8 if action.endswith("_to") else 0.2
    outcome = run(laboratory, quality, movement, ACTION=action, AMOUNT=amount, MOVEMENT_KIND=kind, SELF=True)
    selected = outcome.map("SELECTION") == 1
    assert selected.sum() == outcome.numbers["SELECTED"] == outcome.numbers["SPENT"] == 8
    before = expect(quality, movement, MOVEMENT_KIND=kind, SELF=True).C
    if "quality" in action:
        after = expect(acted(quality, selected, action, amount, kind), movement, MOVEMENT_KIND=kind, SELF=True).C
    else:
        after = expect(quality, acted(movement, selected, action, amount, kind), MOVEMENT_KIND=kind, SELF=True).C
    assert outcome.numbers["C_BEFORE"] == pytest.approx(before, rel=1e-11)
    assert outcome.numbers["GAIN"] == pytest.approx(after - before, rel=1e-9)
    assert outcome.numbers["GAIN"] > 0


def test_windows_are_wide_enough_for_the_landscape_after_the_action(laboratory):
    """Before, no path within reach is longer than a cell; after, cells of resistance 0.25 carry it further."""
    quality, permeability = hills()
    reach = {"DISPERSAL_DISTANCE": 5.0, "CUTOFF": 0.05}
    outcome = run(laboratory, quality, permeability, ACTION="raise_permeability_to", AMOUNT=4.0, BUDGET=30, **reach)
    after = acted(permeability, outcome.map("SELECTION") == 1, "raise_permeability_to", 4.0, "permeability")
    gain = expect(quality, after, **reach).C - expect(quality, permeability, **reach).C
    assert outcome.numbers["GAIN"] == pytest.approx(gain, rel=1e-9)


def test_an_action_is_in_units_of_the_raster_before_its_transformation(laboratory):
    quality, permeability = hills()
    bend = {"TRANSFORMATION": "power", "EXPONENT": 2.5}
    outcome = run(laboratory, quality, permeability, **bend)
    after = acted(permeability, outcome.map("SELECTION") == 1, "raise_permeability", 0.2, "permeability")
    gain = expect(quality, after, **bend).C - expect(quality, permeability, **bend).C
    assert outcome.numbers["GAIN"] == pytest.approx(gain, rel=1e-9)


def test_protection_gains_the_loss_that_it_avoids(laboratory):
    quality, permeability = hills()
    candidates = np.zeros_like(quality)
    candidates[:, :6] = 1
    outcome = run(laboratory, quality, permeability, ACTION="protect", AMOUNT=0.3, CANDIDATES=candidates)
    selected = outcome.map("SELECTION") == 1
    threatened = (candidates == 1) & nodes(permeability) & (np.nan_to_num(quality) > 0)
    np.testing.assert_array_equal(np.isfinite(outcome.map("SELECTION")), threatened)
    lost = np.where(threatened, np.maximum(quality - 0.3, 0), quality)
    before = expect(lost, permeability).C
    after = expect(np.where(selected, quality, lost), permeability).C
    assert outcome.numbers["C_BEFORE"] == pytest.approx(before, rel=1e-11)
    assert outcome.numbers["GAIN"] == pytest.approx(after - before, rel=1e-9)


def test_the_baselines_are_true_gains_too(laboratory):
    """Top quality is known without a draw: the eight candidates of the highest quality."""
    quality, permeability = hills()
    outcome = run(laboratory, quality, permeability)
    node = nodes(permeability)
    order = np.argsort(np.where(node, -np.nan_to_num(quality), np.inf).ravel(), kind="stable")[:8]
    top = np.zeros(quality.size, bool)
    top[order] = True
    top = top.reshape(quality.shape)
    after = expect(quality, acted(permeability, top, "raise_permeability", 0.2, "permeability")).C
    assert outcome.numbers["GAIN_TOP_QUALITY"] == pytest.approx(after - expect(quality, permeability).C, rel=1e-9)


def test_it_beats_chance_clearly(laboratory):
    """Over seeds: more than twice what eight random cells gain, and more than the best habitat does."""
    quality, permeability = hills()
    random = []
    for seed in range(3):
        outcome = run(laboratory, quality, permeability, SEED=seed, ROUNDS=1)
        random.append(outcome.numbers["GAIN_RANDOM"])
        assert outcome.numbers["GAIN"] > 1.3 * outcome.numbers["GAIN_TOP_QUALITY"]
    assert len(set(random)) == 3
    assert outcome.numbers["GAIN"] > 2 * np.mean(random)
    assert outcome.numbers["GAIN"] > 1.3 * np.max(random)


def test_rounds_do_not_lose_and_the_prediction_nears_the_truth(laboratory):
    quality, permeability = hills()
    errors = []
    for rounds in (1, 8):
        numbers = run(laboratory, quality, permeability, ROUNDS=rounds).numbers
        errors.append(abs(numbers["GAIN_PREDICTED"] / numbers["GAIN"] - 1))
    assert errors[1] < errors[0]


def test_a_small_action_gains_what_the_gradient_predicts(laboratory):
    numbers = run(laboratory, *hills(), AMOUNT=1e-5, ROUNDS=1).numbers
    assert numbers["GAIN"] == pytest.approx(numbers["GAIN_PREDICTED"], rel=1e-3)


# --- the selection ------------------------------------------------------------------------------------------------


def test_one_cell_is_the_best_of_all_by_brute_force(laboratory):
    quality, permeability = hills(rows=5, columns=6)
    outcome = laboratory.run("prioritisation", quality, permeability, outputs=OUTPUTS, BUDGET=1, ROUNDS=1, AMOUNT=1e-4)
    gains = np.full(quality.shape, -np.inf)
    for place in map(tuple, np.argwhere(nodes(permeability))):
        changed = permeability.copy()
        changed[place] += 1e-4
        gains[place] = expect(quality, changed).C
    assert outcome.map("SELECTION")[np.unravel_index(np.argmax(gains), gains.shape)] == 1
    assert outcome.map("RANK")[np.unravel_index(np.argmax(gains), gains.shape)] == 1


@pytest.mark.parametrize("rank_by", ["gain", "sensitivity", "elasticity"])
def test_one_round_takes_the_top_of_the_map_of_sensitivity(laboratory, rank_by):
    quality, permeability = hills()
    settings = {"ACTION": "raise_permeability_to", "AMOUNT": 0.9}
    outcome = run(laboratory, quality, permeability, ROUNDS=1, RANK_BY=rank_by, **settings)
    maps = laboratory.run("sensitivity", quality, permeability, outputs=("SENSITIVITY", "ELASTICITY"))
    change = np.maximum(permeability, 0.9) - permeability
    score = {
        "gain": maps.map("SENSITIVITY") * change,
        "sensitivity": maps.map("SENSITIVITY"),
        "elasticity": maps.map("ELASTICITY"),
    }[rank_by]
    score = np.where(nodes(permeability) & (change > 0), score, -np.inf)
    expected = np.zeros(score.size)
    expected[np.argsort(-score.ravel(), kind="stable")[:8]] = 1
    np.testing.assert_array_equal(outcome.map("SELECTION").ravel() == 1, expected == 1)
    if rank_by == "gain":
        promised = score.ravel()[expected == 1].sum()
        assert outcome.numbers["GAIN_PREDICTED"] == pytest.approx(promised, rel=1e-6)


def test_candidates_are_what_can_be_changed(laboratory):
    """No barrier, nodata, locked-out cell, cell without a cost, or cell that already has the value."""
    quality, permeability = hills()
    permeability[8, 0] = 0.95
    cost = np.ones_like(quality)
    cost[0, 5] = np.nan
    wanted = np.ones_like(quality)
    wanted[:, 10] = 0
    wanted[0, 0] = np.nan
    outcome = run(
        laboratory,
        quality,
        permeability,
        ACTION="raise_permeability_to",
        AMOUNT=0.9,
        COST=cost,
        CANDIDATES=wanted,
        LOCKED_OUT=mask((7, 5), (7, 6)),
    )
    expected = nodes(permeability) & (permeability < 0.9) & np.isfinite(cost) & (np.nan_to_num(wanted) != 0)
    expected[7, 5] = expected[7, 6] = False
    np.testing.assert_array_equal(np.isfinite(outcome.map("SELECTION")), expected)
    np.testing.assert_array_equal(np.isfinite(outcome.map("RANK")), expected)


def test_cells_without_a_cost_are_no_candidates_whatever_the_budget_s_unit(laboratory):
    quality, permeability = hills()
    cost = np.ones_like(quality)
    cost[:, 5:] = np.nan
    outcome = run(laboratory, quality, permeability, COST=cost, BUDGET_UNIT="cells")
    assert not np.isfinite(outcome.map("SELECTION")[:, 5:]).any()
    assert outcome.numbers["SELECTED"] == 8


def test_locked_in_cells_come_first_and_locked_out_never(laboratory):
    quality, permeability = hills()
    free = run(laboratory, quality, permeability)
    best = tuple(np.argwhere(free.map("RANK") == 1)[0])
    worst = tuple(np.argwhere(free.map("RANK") == np.nanmax(free.map("RANK")))[0])
    outcome = run(laboratory, quality, permeability, LOCKED_IN=mask(worst), LOCKED_OUT=mask(best))
    assert outcome.map("RANK")[worst] == 1
    assert outcome.map("SELECTION")[worst] == 1
    assert np.isnan(outcome.map("SELECTION")[best])
    assert outcome.numbers["SELECTED"] == 8


def test_locked_in_cells_that_are_no_candidates_are_left_out_and_said(laboratory):
    quality, permeability = hills()
    outcome = run(laboratory, quality, permeability, LOCKED_IN=mask((1, 2), (0, 0)))
    assert outcome.map("RANK")[0, 0] == 1
    assert any(warning.startswith("LOCKED_IN: 1 cell is no candidate") for warning in outcome.heard.warnings)


def test_ranks_are_a_permutation_of_the_candidates(laboratory):
    outcome = run(laboratory, *hills())
    rank, selection = outcome.map("RANK"), outcome.map("SELECTION")
    ranks = np.sort(rank[np.isfinite(rank)])
    np.testing.assert_array_equal(ranks, np.arange(1, len(ranks) + 1))
    assert rank[selection == 1].max() == 8
    assert rank[selection == 0].min() == 9


def test_the_same_seed_draws_the_same(laboratory):
    first, second, other = (run(laboratory, *hills(), SEED=seed) for seed in (7, 7, 8))
    assert first.numbers == second.numbers
    np.testing.assert_array_equal(first.map("RANK"), second.map("RANK"))
    assert first.numbers["GAIN_RANDOM"] != other.numbers["GAIN_RANDOM"]
    assert first.numbers["GAIN"] == other.numbers["GAIN"]


# --- the budget ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "unit", "cells"), [(5, "cells", 5), (5.9, "cells", 5), (599.0, "area", 5), (600.0, "area", 6)]
)
def test_the_budget_is_kept_to_the_cell(laboratory, budget, unit, cells):
    outcome = run(laboratory, *hills(), BUDGET=budget, BUDGET_UNIT=unit, ROUNDS=3)
    assert outcome.numbers["SELECTED"] == (outcome.map("SELECTION") == 1).sum() == cells
    assert outcome.numbers["SPENT"] == cells * (100 if unit == "area" else 1)


def test_a_cost_raster_is_paid_in_its_unit(laboratory):
    quality, permeability = hills()
    cost = np.random.default_rng(4).uniform(0.5, 3, quality.shape)
    outcome = run(laboratory, quality, permeability, COST=cost, BUDGET=6.0, ROUNDS=3)
    selected = outcome.map("SELECTION") == 1
    assert outcome.numbers["SPENT"] == pytest.approx(cost[selected].sum(), rel=1e-12)
    assert outcome.numbers["SPENT"] <= 6
    left = 6 - outcome.numbers["SPENT"]
    assert left < cost[np.isfinite(outcome.map("SELECTION")) & ~selected].min()
    plain = run(laboratory, quality, permeability, COST=cost, BUDGET=6.0, ROUNDS=3, BUDGET_UNIT="cells")
    assert plain.numbers["SELECTED"] == 6


def test_twice_the_cost_and_twice_the_budget_select_the_same(laboratory):
    quality, permeability = hills()
    cost = np.random.default_rng(4).uniform(0.5, 3, quality.shape)
    first, second = (run(laboratory, quality, permeability, COST=f * cost, BUDGET=6.0 * f) for f in (1, 2))
    np.testing.assert_array_equal(first.map("SELECTION"), second.map("SELECTION"))


def test_a_budget_for_everything_is_said(laboratory):
    outcome = run(laboratory, *hills(), BUDGET=1000, ROUNDS=1)
    assert any("pays for all candidates" in warning for warning in outcome.heard.warnings)
    assert outcome.numbers["GAIN_RANDOM"] == pytest.approx(outcome.numbers["GAIN_TOP_QUALITY"], rel=1e-12)


def test_cells_that_promise_nothing_are_not_bought(laboratory):
    """Behind a barrier there is no habitat: raising permeability there gains nothing."""
    quality, permeability = hills(holes=False)
    permeability[:, 4] = 0
    quality[:, 5:] = 0
    outcome = run(laboratory, quality, permeability, BUDGET=60)
    assert not (outcome.map("SELECTION")[:, 5:] == 1).any()
    assert any("of the budget are left" in message for message in outcome.heard.messages)


# --- the curve ----------------------------------------------------------------------------------------------------


def test_the_curve_tells_the_same_story_as_the_numbers(laboratory):
    outcome = run(laboratory, *hills(), ROUNDS=4, LOCKED_IN=mask((0, 0)))
    rows = rows_of(outcome)
    assert [row["round"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["cells"] for row in rows] == [0, 2, 4, 6, 8]
    assert all(rows[0][name] == 0 for name in ("spent", "predicted", "gain", "random", "top_quality"))
    for column, name in (("gain", "GAIN"), ("predicted", "GAIN_PREDICTED"), ("random", "GAIN_RANDOM")):
        assert rows[-1][column] == pytest.approx(outcome.numbers[name], rel=1e-12)
        assert (np.diff([row[column] for row in rows]) > 0).all()


def test_every_point_of_the_curve_is_a_true_gain(laboratory):
    quality, permeability = hills()
    outcome = run(laboratory, quality, permeability, ROUNDS=4)
    before = expect(quality, permeability).C
    for row in rows_of(outcome)[1:]:
        selected = outcome.map("RANK") <= row["cells"]
        after = expect(quality, acted(permeability, selected, "raise_permeability", 0.2, "permeability")).C
        assert row["gain"] == pytest.approx(after - before, rel=1e-9)


def test_the_report_shows_the_curve(laboratory):
    outcome = laboratory.run("prioritisation", *hills(), outputs=("REPORT",), **SETTINGS)
    page = outcome.text("REPORT")
    for text in ("Gain against budget", "Top quality", "Random", "Predicted by the gradient", "<polyline", "Rounds"):
        assert text in page
