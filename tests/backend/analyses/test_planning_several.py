"""Plans for several species and scenarios at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from landscape_oracle import expect
from small_landscapes import Laboratory, hills
from small_plans import chosen, raised, run

from backend.errors import InputError


def several(laboratory: Laboratory, tmp_path: Path) -> tuple[str, list[tuple[np.ndarray, np.ndarray, float, str]]]:
    quality, permeability = hills()
    other = quality[::-1].copy(), np.where(np.isfinite(permeability), np.clip(permeability[:, ::-1], 0.05, 1), np.nan)
    third = np.where(quality > 0.5, quality, 0), permeability
    landscapes = [(quality, permeability, 2.0, "now"), (*other, 1.0, "now"), (*third, 1.0, "dry")]
    lines = ["name;quality;movement;weight;scenario"]
    for number, (q, p, weight, scenario) in enumerate(landscapes):
        laboratory.raster(q, name=f"q{number}.tif")
        laboratory.raster(p, name=f"p{number}.tif")
        lines.append(f"species {number};q{number}.tif;p{number}.tif;{weight};{scenario}")
    path = laboratory.folder / "landscapes.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path), landscapes


@pytest.mark.parametrize("rule", ["mean", "worst", "soft_worst"])
def test_several_species_and_scenarios_are_one_plan(laboratory, tmp_path, rule):
    table, landscapes = several(laboratory, tmp_path)
    outcome = run(
        laboratory, *hills(), LANDSCAPES=table, SCENARIO_RULE=rule, SOFTNESS=5.0, METHOD="greedy", ROUNDS=1, BUDGET=4
    )
    cells = chosen(outcome)
    changes = []
    for q, p, _, _ in landscapes:
        before = expect(q, p).C
        acted = [c for c in cells if np.isfinite(p[c]) and p[c] > 0]
        changes.append(100 * (expect(q, raised(p, acted)).C / before - 1))
    now, dry = (2 * changes[0] + changes[1]) / 3, changes[2]
    expected = {
        "mean": (now + dry) / 2,
        "worst": min(now, dry),
        "soft_worst": -5 * np.log((np.exp(-now / 5) + np.exp(-dry / 5)) / 2),
    }[rule]
    assert outcome.numbers["GAIN"] == pytest.approx(expected, rel=1e-7)
    assert outcome.numbers["GAIN"] <= outcome.numbers["BEST_POSSIBLE"]
    assert "species 1" in outcome.text("REPORT")


def test_the_worst_scenario_fares_better_when_it_counts(laboratory, tmp_path):
    table, _ = several(laboratory, tmp_path)
    worst = []
    for rule in ("mean", "worst"):
        outcome = run(laboratory, *hills(), LANDSCAPES=table, SCENARIO_RULE=rule, METHOD="greedy", ROUNDS=1, BUDGET=6)
        again = run(
            laboratory, *hills(), LANDSCAPES=table, SCENARIO_RULE="worst", ROUNDS=1, BUDGET=6,
            LOCKED_IN=(outcome.map("SELECTION") == 1).astype(float), outputs=(),
        )  # fmt: skip
        worst.append(again.numbers["GAIN"])
    assert worst[1] >= worst[0] * (1 - 1e-9)


def test_a_landscape_without_connectivity_is_refused(laboratory):
    """A change of it in per cent would be infinite, and outweigh all others."""
    laboratory.raster(np.zeros((9, 11)), name="barren.tif")
    table = laboratory.folder / "landscapes.csv"
    table.write_text("name,quality\nas it is,\nbarren,barren.tif\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^LANDSCAPES: The landscape of row 2 has a connectivity of 0 without action"):
        run(laboratory, *hills(), LANDSCAPES=str(table), BUDGET=2)
