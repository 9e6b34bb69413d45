"""Analyses with distances whose window is part of their definition: from job to numbers, plan and messages."""

from __future__ import annotations

import numpy as np
import pytest
from small_landscapes import hills

from backend import window_plan
from backend.errors import InputError, MemoryPlanError
from backend.radius_plan import EliminationCost, radius_plan
from backend.window_shape import WindowShape

RESISTANCE = {"DISTANCE": "resistance", "RADIUS": 2, "DISPERSAL_DISTANCE": 5.0}
WALK = {"DISTANCE": "free_energy", "RADIUS": 2, "DISPERSAL_DISTANCE": 2.0}


def dense_resistance(resistance: np.ndarray, graph) -> np.ndarray:
    """Return effective resistances of a raster without barriers."""
    costs = graph.toarray()
    conductances = np.divide(1, costs, out=np.zeros_like(costs), where=costs > 0)
    inverse = np.linalg.pinv(np.diag(conductances.sum(axis=1)) - conductances)
    own = np.diag(inverse)
    return own[:, None] + own - 2 * inverse


@pytest.mark.parametrize("block", [1, 3])
def test_each_block_has_its_window(laboratory, block, graph_of):
    """Blocks are those of one grid from the first cell, cut off at the last; windows end at the raster's edge."""
    from backend.grid import Neighbourhood

    quality, permeability = hills(7, 8, holes=False)
    outcome = laboratory.run("connectivity", quality, permeability, **{**RESISTANCE, "BLOCK": block})
    total = 0.0
    for top in range(0, 7, block):
        for left in range(0, 8, block):
            rows = slice(max(0, top - 2), min(7, top + block + 2))
            columns = slice(max(0, left - 2), min(8, left + block + 2))
            r, q = 1 / permeability[rows, columns], quality[rows, columns]
            d = dense_resistance(r, graph_of(r, Neighbourhood(10.0, 10.0)))
            k = np.where(np.exp(-d / 5) >= 0.01, np.exp(-d / 5), 0)
            np.fill_diagonal(k, 0)
            sources = np.zeros(r.shape, bool)
            row, column = top - rows.start, left - columns.start
            sources[row : row + block, column : column + block] = True
            total += (q * sources).ravel() @ k @ q.ravel()
    assert outcome.numbers["C"] == pytest.approx(total, rel=1e-9)


def test_the_batch_changes_nothing(laboratory, monkeypatch):
    numbers = []
    for batch in (1, 7):
        monkeypatch.setattr(window_plan, "_LARGEST_BATCH", batch)
        outcome = laboratory.run("sensitivity", *hills(5, 6), outputs=("SENSITIVITY",), **RESISTANCE)
        numbers.append((outcome.numbers["C"], *np.nan_to_num(outcome.map("SENSITIVITY")).ravel()))
    np.testing.assert_allclose(numbers[0], numbers[1], 1e-6, 1e-9)


def test_what_twice_the_radius_changes_is_said(laboratory):
    heard = laboratory.run("connectivity", *hills(), **RESISTANCE).heard
    assert any("twice the RADIUS changes connectivity by +" in told for told in heard.messages + heard.warnings)
    whole = laboratory.run("connectivity", *hills(5, 6), **{**RESISTANCE, "RADIUS": 5}).heard
    assert not any("twice the RADIUS" in message for message in whole.messages)


def test_costs_of_steps_come_from_a_raster(laboratory):
    """Costs that are the resistances are those that STEP_COST = inverse takes."""
    quality, permeability = hills(5, 6)
    with np.errstate(divide="ignore"):
        cost = np.where(permeability > 0, 1 / permeability, np.nan)
    job = {**WALK, "DISPERSAL_DISTANCE": 20.0, "THETA": 0.05}
    given = laboratory.run("connectivity", quality, permeability, STEP_COST="raster", MOVEMENT_COST=cost, **job)
    derived = laboratory.run("connectivity", quality, permeability, STEP_COST="inverse", **job)
    assert given.numbers["C"] == pytest.approx(derived.numbers["C"], rel=1e-12)
    assert given.numbers["C"] > 0


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({**RESISTANCE, "BLOCK": 2}, "BLOCK: It is 2.*odd"),
        ({**WALK, "DISPERSAL_DISTANCE": None}, "DISPERSAL_DISTANCE: It is empty.*units of cost"),
        ({**WALK, "DISPERSAL_DISTANCE": 0.0}, "DISPERSAL_DISTANCE: It is 0"),
        ({**WALK, "STEP_COST": "raster"}, "Give MOVEMENT_COST"),
        (
            {**WALK, "STEP_COST": "raster", "MOVEMENT_COST": np.full((9, 11), np.nan)},
            "MOVEMENT_COST: Cells that cannot be used: 92",
        ),
        (
            {**WALK, "STEP_COST": "raster", "MOVEMENT_COST": np.full((9, 11), -1.0)},
            "first at row 1, column 1.*value -1",
        ),
    ],
    ids=["even block", "no dispersal distance", "dispersal distance 0", "no costs", "missing costs", "negative costs"],
)
def test_what_cannot_be_is_refused(laboratory, parameters, said):
    with pytest.raises(InputError, match=f"(?s){said}"):
        laboratory.check("connectivity", *hills(), **parameters)


def test_costs_below_zero_are_refused(laboratory):
    quality, permeability = hills()
    with pytest.raises(InputError, match="STEP_COST: A permeability of 1.5 has a cost"):
        laboratory.check("connectivity", quality, np.where(permeability > 0.9, 1.5, permeability), **WALK)


def test_too_little_memory_lowers_the_batch_alone():
    def plan(limit: int):
        return radius_plan(500, 500, 20, 1, cost=EliminationCost(5, 1), gradient=False, threads=1, memory_limit=limit)

    roomy, tight = plan(2**34), plan(window_plan.fixed_memory(500, 500, gradient=False) + 20_000_000)
    assert tight.window == roomy.window == WindowShape(1, 1, 20, 20)
    assert 1 < tight.batch < roomy.batch
    assert tight.memory < roomy.memory
    with pytest.raises(MemoryPlanError, match="RADIUS = [1-9]") as error:
        radius_plan(500, 500, 300, 1, cost=EliminationCost(5, 1), gradient=False, threads=1, memory_limit=2**30)
    assert error.value.parameter == "RADIUS"
