"""Plans of parcels, blocks and patches; actions and targets: each against the oracle on the changed rasters."""

from __future__ import annotations

import itertools
from typing import cast

import numpy as np
import pytest
from landscape_oracle import expect
from osgeo import ogr
from small_landscapes import Outcome, hills
from small_plans import SETTINGS, chosen, polygons, raised, run


def test_parcels_are_acted_in_whole_and_paid_by_their_field(laboratory, tmp_path):
    quality, permeability = hills()
    boxes = [(0, 0, 3, 3), (3, 0, 6, 3), (0, 3, 3, 6), (6, 0, 9, 3), (6, 5, 9, 8)]
    parcels = polygons(tmp_path / "parcels.gpkg", boxes, [2.0, 3.0, 4.0, None, 1.5])
    outcome = run(
        laboratory,
        quality,
        permeability,
        PARCELS=parcels,
        COST_FIELD="price",
        BUDGET=5.0,
        METHOD="exact",
        outputs=("SELECTION",),
    )
    node = np.isfinite(permeability) & (permeability > 0)
    before = expect(quality, permeability).C
    gains = {}
    for subset in itertools.chain.from_iterable(itertools.combinations((0, 1, 2, 4), n) for n in range(5)):
        if sum([2.0, 3.0, 4.0, 0, 1.5][n] for n in subset) <= 5:
            mask = np.zeros((9, 11), bool)
            for number in subset:
                top, left, bottom, right = boxes[number]
                mask[top:bottom, left:right] = True
            gains[subset] = expect(quality, np.where(mask & node, permeability + 0.5, permeability)).C - before
    assert outcome.numbers["GAIN"] == pytest.approx(max(gains.values()), rel=1e-8)
    assert np.isnan(outcome.map("SELECTION")[6:9, 0:3]).all()


def test_parcels_come_back_with_the_plan(laboratory, tmp_path):
    parcels = polygons(tmp_path / "parcels.gpkg", [(0, 0, 3, 3), (3, 0, 6, 3), (0, 3, 3, 6)], [1.0, 1.0, 1.0])
    job = laboratory.job("prioritisation", *hills(), **{**SETTINGS, "PARCELS": parcels, "BUDGET": 2})
    job.outputs["PLAN"] = str(tmp_path / "plan.gpkg")
    from small_landscapes import run_job

    numbers = run_job(job).numbers
    dataset = ogr.Open(str(tmp_path / "plan.gpkg"))
    rows = [(f["selected"], f["rank"], f["cost"], f["price"]) for f in dataset.GetLayerByName("plan")]
    assert sorted(row[1] for row in rows) == [1, 2, 3]
    assert sum(row[0] for row in rows) == 2 == numbers["SPENT"]
    assert all(row[2] == 1 == row[3] for row in rows)


def test_blocks_of_cells(laboratory):
    outcome = run(laboratory, *hills(holes=False), BLOCK_SIDE=3, BUDGET=2)
    selected = (outcome.map("SELECTION") == 1)[:9, :9].reshape(3, 3, 3, 3).sum(axis=(1, 3))
    assert set(selected.ravel()) <= {0, 9}
    assert outcome.numbers["SPENT"] == 2


def test_patches_are_large_enough(laboratory):
    from scipy.ndimage import label

    outcome = run(laboratory, *hills(), BUDGET=14, MINIMUM_PATCH=400.0)
    patches, count = cast(tuple[np.ndarray, int], label(outcome.map("SELECTION") == 1, np.ones((3, 3))))
    assert count >= 1
    assert np.bincount(patches.ravel())[1:].min() >= 4
    assert outcome.numbers["SPENT"] <= 14


@pytest.mark.parametrize("method", ["ranking", "greedy", "flow", "integer"])
def test_compactness_shortens_the_outline(laboratory, method):
    def outline(outcome: Outcome) -> float:
        cells = np.pad(outcome.map("SELECTION") == 1, 1).astype(float)
        return np.abs(np.diff(cells, axis=0)).sum() + np.abs(np.diff(cells, axis=1)).sum()

    loose, tight = (
        run(laboratory, *hills(), METHOD=method, BUDGET=10, COMPACTNESS=weight, ROUNDS=10) for weight in (0.0, 3.0)
    )
    assert outline(tight) < outline(loose)
    assert tight.numbers["GAIN"] <= loose.numbers["GAIN"] * 1.02


def test_towards_target_rasters(laboratory):
    quality, permeability = hills()
    better, lusher = permeability * 1.6, np.where(np.isnan(quality), np.nan, quality + 0.3)
    outcome = run(
        laboratory, quality, permeability, ACTION="towards", AMOUNT=0.5, TARGET_MOVEMENT=better, TARGET_QUALITY=lusher
    )
    selected = outcome.map("SELECTION") == 1
    after = np.where(selected, permeability * 1.3, permeability)
    richer = np.where(selected & ~np.isnan(quality), quality + 0.15, quality)
    gain = expect(richer, after).C - expect(quality, permeability).C
    assert outcome.numbers["GAIN"] == pytest.approx(gain, rel=1e-8)


def test_protection_from_what_target_rasters_threaten(laboratory):
    quality, permeability = hills()
    threat = permeability * 0.5
    outcome = run(laboratory, quality, permeability, ACTION="protect_from", TARGET_MOVEMENT=threat, BUDGET=6)
    selected = outcome.map("SELECTION") == 1
    before = expect(quality, threat).C
    assert outcome.numbers["C_BEFORE"] == pytest.approx(before, rel=1e-9)
    after = expect(quality, np.where(selected, permeability, threat)).C
    assert outcome.numbers["GAIN"] == pytest.approx(after - before, rel=1e-8)


def test_eca_is_raised_as_such(laboratory):
    quality, permeability = hills()
    outcome = run(laboratory, quality, permeability, TARGET="eca")
    after = expect(quality, raised(permeability, chosen(outcome)))
    before = expect(quality, permeability).numbers["ECA"]
    assert outcome.numbers["C_BEFORE"] == pytest.approx(before, rel=1e-10)
    assert outcome.numbers["GAIN"] == pytest.approx(after.numbers["ECA"] - before, rel=1e-8)
    assert outcome.numbers["BEST_POSSIBLE"] > outcome.numbers["GAIN"]


@pytest.mark.parametrize("target", ["resistance", "current"])
@pytest.mark.parametrize("rule", ["average_resistance", "average_conductance"])
def test_gradients_of_circuit_targets_are_those_of_finite_differences(target, rule):
    from small_landscapes import Listener

    from backend.circuit_target import CircuitTarget
    from backend.neighbourhood import Neighbourhood
    from backend.sites import Sites

    random = np.random.default_rng(8)
    resistance, quality = random.uniform(1, 5, (5, 6)), random.uniform(0, 1, (5, 6))
    resistance[2, 2] = np.inf
    sites = Sites([np.array([0]), np.array([5, 11]), np.array([27])], [1, 2, 3])
    circuit = CircuitTarget(target, sites, Neighbourhood(10.0, 8.0, 8, rule, "closed"))

    def value(r: np.ndarray, q: np.ndarray) -> float:
        return circuit.elsewhere(r, q, Listener())[0]

    circuit.move(resistance, quality, Listener())
    total, by_resistance, by_quality = circuit.gradient(Listener())
    assert total == pytest.approx(value(resistance, quality), rel=1e-12)
    for cell in [(0, 0), (1, 3), (4, 3), (2, 3), (0, 5)]:
        for raster, gradient in ((0, by_resistance), (1, by_quality)):
            step = np.zeros((5, 6))
            step[cell] = 1e-5
            ends = [
                value(*(v + sign * step * (n == raster) for n, v in enumerate((resistance, quality))))
                for sign in (1, -1)
            ]
            assert gradient[cell] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=2e-4, abs=1e-8)


def test_effective_resistance_between_sites_is_that_of_the_laplacian(laboratory, tmp_path):
    quality, permeability = hills(holes=False)
    sites = polygons(tmp_path / "sites.gpkg", [(0, 0, 1, 1), (0, 10, 1, 11), (8, 5, 9, 6)])
    outcome = run(laboratory, quality, permeability, TARGET="resistance", SITES=sites, METHOD="greedy", BUDGET=2)

    def mean_resistance(p: np.ndarray) -> float:
        from landscape_oracle import DEFAULTS, graph

        costs = graph(1 / p, (10.0, 10.0), DEFAULTS).toarray()
        conductance = np.divide(1, costs, out=np.zeros_like(costs), where=costs > 0)
        inverse = np.linalg.pinv(np.diag(conductance.sum(axis=0)) - conductance)
        pairs = [(0, 10), (0, 93), (10, 93)]
        return float(np.mean([inverse[a, a] + inverse[b, b] - 2 * inverse[a, b] for a, b in pairs]))

    before = mean_resistance(permeability)
    after = mean_resistance(raised(permeability, chosen(outcome)))
    assert outcome.numbers["C_BEFORE"] == pytest.approx(-before, rel=1e-8)
    assert outcome.numbers["GAIN"] == pytest.approx(before - after, rel=1e-7)
