"""The analysis from files to files: what it has in common with connectivity, its plan, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from small_landscapes import Listener, hills

from backend.analyses import movementflow
from backend.errors import InputError, MemoryPlanError

pytestmark = pytest.mark.usefixtures("quick_to_compile")
MAPS = ("FLOW", "STEP_FLOW", "DEPARTURES")
WALK = {"DISTANCE": "free_energy", "DISPERSAL_DISTANCE": 2.0, "WHOLE_RASTER": True}


def test_movement_is_connectivity(laboratory):
    """What starts in a cell is its functional habitat; all ends count as often as ways start and end."""
    found = laboratory.run("movementflow", *hills(), outputs=(*MAPS, "REPORT"))
    expected = laboratory.run("connectivity", *hills(), outputs=("FUNCTIONAL_HABITAT",))
    assert found.numbers["TOTAL_MOVEMENT"] == pytest.approx(expected.numbers["C"])
    np.testing.assert_allclose(found.map("DEPARTURES"), expected.map("FUNCTIONAL_HABITAT"), 1e-6)
    steps, flow = found.bands("STEP_FLOW"), found.map("FLOW")
    assert steps.shape == (4, *flow.shape)
    np.testing.assert_array_equal(np.isnan(flow), np.isnan(expected.map("FUNCTIONAL_HABITAT")))
    # Every step leaves one cell, and `start` counts what leaves.
    assert np.nansum(steps) == pytest.approx(np.nansum(flow), rel=1e-5)
    assert found.numbers["MEAN_STEPS"] == pytest.approx(np.nansum(steps) / found.numbers["TOTAL_MOVEMENT"], rel=1e-5)
    assert found.numbers["LARGEST_FLOW"] == pytest.approx(np.nanmax(flow), rel=1e-6)
    assert "Movement flow" in found.text("REPORT")


def test_ends(laboratory):
    start, both, neither = (
        laboratory.run("movementflow", *hills(), outputs=("FLOW", "DEPARTURES"), ENDS=ends)
        for ends in ("start", "both", "neither")
    )
    # Least cost is the same forth and back: as much ends in a cell as starts there.
    departures = start.map("DEPARTURES")
    np.testing.assert_allclose(both.map("FLOW"), start.map("FLOW") + departures, 1e-5, 1e-6)
    np.testing.assert_allclose(neither.map("FLOW"), start.map("FLOW") - departures, 1e-5, 1e-5)


def test_the_whole_raster(laboratory):
    """Of walks: more than within windows; and the plan says how many sources are computed at once."""
    found = laboratory.run("movementflow", *hills(4, 5), outputs=MAPS, **WALK)
    assert any(text.startswith("Whole raster: ") and "at once" in text for text in found.heard.messages)
    assert np.nansum(found.bands("STEP_FLOW")) == pytest.approx(np.nansum(found.map("FLOW")), rel=1e-5)
    assert found.numbers["TOTAL_MOVEMENT"] == pytest.approx(np.nansum(found.map("DEPARTURES")), rel=1e-6)


def test_least_cost_needs_no_whole_raster(laboratory):
    heard = laboratory.check("movementflow", *hills(), WHOLE_RASTER=True)
    assert "WHOLE_RASTER is not used: the windows of least cost give the answer of the whole raster." in heard.messages


def test_nothing_moves(laboratory):
    quality, permeability = hills()
    found = laboratory.run("movementflow", np.zeros_like(quality), permeability, outputs=("FLOW",))
    assert found.numbers["TOTAL_MOVEMENT"] == 0
    assert np.nanmax(found.map("FLOW")) == 0
    assert any(text.startswith("Nothing moves") for text in found.heard.warnings)


def test_too_little_memory_for_the_whole_raster(laboratory):
    job = laboratory.job(
        "movementflow", np.ones((300, 300)), np.ones((300, 300)), settings={"memory_limit": 1_200_000_000}, **WALK
    )
    with pytest.raises(
        MemoryPlanError, match=r"^WHOLE_RASTER: A whole raster of 300 x 300 .*[0-9]+ x [0-9]+ cells would fit"
    ):
        movementflow.check(job, Listener())


def test_costs_below_zero_are_refused_over_the_whole_raster_too(laboratory):
    quality, permeability = hills()
    with pytest.raises(InputError, match=r"^STEP_COST: A permeability of .* costs must be >= 0"):
        laboratory.check("movementflow", quality, 3 * permeability, **WALK)


@pytest.mark.parametrize("distance", ["euclidean", "resistance"])
def test_distances_without_paths_are_no_choice(laboratory, distance):
    with pytest.raises(InputError, match=r"^DISTANCE: .* is not a choice. Choose from: least_cost, expected_cost"):
        laboratory.job("movementflow", *hills(), DISTANCE=distance)


def test_steps_of_a_raster_stored_south_up_keep_their_directions(laboratory):
    quality, permeability = hills()
    found = []
    for south_up in (False, True):
        rasters = (laboratory.raster(values, south_up=south_up) for values in (quality, permeability))
        outcome = laboratory.run("movementflow", *rasters, outputs=("STEP_FLOW", "FLOW"))
        found.append(outcome.bands("STEP_FLOW"))
    np.testing.assert_allclose(found[1], found[0], 1e-5, 1e-5)
