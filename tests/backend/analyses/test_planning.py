"""Plans: every method against brute force, bounds against every subset, budgets, parcels, patches, several landscapes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from landscape_oracle import expect
from osgeo import ogr, osr
from small_landscapes import CRS, ORIGIN, Laboratory, Outcome, hills

from backend.budget import best_fractions, nearest_affordable
from backend.errors import InputError

OUTPUTS = ("SELECTION", "RANK", "CURVE", "REPORT")
SETTINGS: dict[str, Any] = {"BUDGET": 3, "AMOUNT": 0.5, "ROUNDS": 3, "RANDOM_DRAWS": 2}
TINY = [(0, 1), (1, 4), (2, 1), (3, 1), (4, 2), (5, 2), (5, 5), (6, 4)]


def run(laboratory: Laboratory, quality: np.ndarray, movement: np.ndarray, **parameters: Any) -> Outcome:
    given = {"outputs": OUTPUTS, **SETTINGS, **parameters}
    return laboratory.run("prioritisation", quality, movement, **given)


def only(cells: list[tuple[int, int]]) -> np.ndarray:
    mask = np.zeros((9, 11))
    for cell in cells:
        mask[cell] = 1
    return mask


def raised(values: np.ndarray, cells: Any, amount: float = 0.5) -> np.ndarray:
    changed = values.copy()
    for cell in cells:
        changed[cell] = (0.0 if np.isnan(changed[cell]) else changed[cell]) + amount
    return changed


def chosen(outcome: Outcome) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(outcome.map("SELECTION") == 1)}


def polygons(path: Path, boxes: list[tuple[int, int, int, int]], cost: list[float | None] | None = None) -> str:
    """Write boxes of cells: first row, first column, one past the last row and column."""
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(CRS)
    layer = dataset.CreateLayer("parcels", reference, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("price", ogr.OFTReal))
    for number, (top, left, bottom, right) in enumerate(boxes):
        x, y = ORIGIN[0] + 10 * left, ORIGIN[1] - 10 * top
        u, v = ORIGIN[0] + 10 * right, ORIGIN[1] - 10 * bottom
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON(({x} {y},{u} {y},{u} {v},{x} {v},{x} {y}))"))
        if cost is not None and cost[number] is not None:
            feature.SetField("price", cost[number])
        layer.CreateFeature(feature)
    return str(path)


# --- the methods against brute force ------------------------------------------------------------------------------


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


# --- budgets ------------------------------------------------------------------------------------------------------


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


# --- what can be chosen -------------------------------------------------------------------------------------------


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


# --- actions and targets ------------------------------------------------------------------------------------------


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


# --- several landscapes -------------------------------------------------------------------------------------------


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


# --- bad input ----------------------------------------------------------------------------------------------------


def refused(laboratory: Laboratory, match: str, **parameters: Any) -> None:
    with pytest.raises(InputError, match=match):
        laboratory.check("prioritisation", *hills(), **{**SETTINGS, **parameters})


def test_overlapping_parcels(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(0, 0, 3, 3), (2, 2, 5, 5)])
    refused(
        laboratory,
        r"^PARCELS: Polygons overlap in 1 cells \(first: features 1 and 2 at row 3, column 3\)",
        PARCELS=parcels,
    )


def test_parcels_elsewhere(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(100, 100, 103, 103)])
    refused(laboratory, r"^PARCELS: No polygon holds the centre of a cell", PARCELS=parcels)


def test_parcels_and_blocks(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(0, 0, 3, 3)])
    refused(laboratory, r"^BLOCK_SIDE: The candidates are parcels already", PARCELS=parcels, BLOCK_SIDE=2)


def test_a_parcel_that_costs_nothing(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(0, 0, 3, 3), (3, 0, 6, 3)], [1.0, -2.0])
    refused(laboratory, r"^COST_FIELD: 1 polygons cost nothing, .*feature 2, -2\)", PARCELS=parcels, COST_FIELD="price")


def test_targets_that_are_missing(laboratory):
    refused(laboratory, r"^ACTION: It needs a raster", ACTION="towards")
    refused(laboratory, r"^SITES: This TARGET is between chosen sites, and there are none", TARGET="resistance")


def test_more_than_the_whole_way(laboratory):
    refused(laboratory, r"^AMOUNT: It is 2, a share", ACTION="towards", AMOUNT=2.0, TARGET_QUALITY=hills()[0])


def test_a_patch_that_no_budget_pays_for(laboratory):
    refused(
        laboratory, r"^MINIMUM_PATCH: A patch of 50 cells takes 50 cells or more, the budget is 3", MINIMUM_PATCH=5000.0
    )


def test_too_many_subsets(laboratory):
    with pytest.raises(InputError, match=r"^METHOD: More than \d+ subsets .* too many to try"):
        run(laboratory, *hills(), METHOD="exact", BUDGET=20)


def test_a_landscape_of_another_grid(laboratory, tmp_path):
    laboratory.raster(np.ones((4, 4)), name="small.tif")
    table = laboratory.folder / "t.csv"
    table.write_text("name,quality,movement\none,,\nother,small.tif,small.tif\n", encoding="utf-8")
    refused(
        laboratory,
        r"^LANDSCAPES: Landscape 'other': its grid is not that of the first: it has 4 rows",
        LANDSCAPES=str(table),
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"^LANDSCAPES: It has 0 rows"),
        ("name,habitat\na,b\n", r"^LANDSCAPES: .*mean nothing here: habitat"),
        ("name,quality,weight\na,,-1\n", r"^LANDSCAPES: Landscape 'a': its weight is '-1'"),
        ("name,quality\na,\na,\n", r"^LANDSCAPES: Two landscapes are named 'a'"),
        ("name,quality\na,gone.tif\n", r"^LANDSCAPES: Landscape 'a': QUALITY: '.*gone.tif' cannot be opened"),
    ],
)
def test_tables_of_landscapes(laboratory, text, match):
    table = laboratory.folder / "bad.csv"
    table.write_text(text, encoding="utf-8")
    refused(laboratory, match, LANDSCAPES=str(table))


def test_nothing_to_gain_is_said(laboratory):
    outcome = run(laboratory, np.zeros((9, 11)), hills()[1], outputs=("REPORT",))
    assert outcome.numbers["GAIN"] == 0
    assert any("No candidate promises a gain" in warning for warning in outcome.heard.warnings)


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
