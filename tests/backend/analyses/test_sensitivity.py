"""Sensitivity is the gradient of the same C: central differences of the oracle's, and laws of homogeneous functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from landscape_oracle import expect
from osgeo import gdal
from small_landscapes import Laboratory, Outcome, hills

BOTH = ["movement", "quality"]
MAPS = ("SENSITIVITY", "ELASTICITY")
# Corner, borders, interior, a block's border (4), beside nodata and barriers, quality 0, quality nodata.
PLACES = [(0, 0), (8, 5), (3, 10), (3, 3), (4, 4), (4, 7), (6, 8), (2, 7), (0, 2), (6, 2), (5, 1)]
STEP = 1e-6


def resistance(permeability: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return 1 / permeability


def differences(
    quality: np.ndarray,
    movement: np.ndarray,
    to: str,
    places: list[tuple[int, int]],
    cell=(10.0, 10.0),
    **parameters: Any,
) -> np.ndarray:
    """Return the central differences of the oracle's C in some cells, for the pairs that count now."""
    counts = expect(quality, movement, cell, **parameters).counts
    found = []
    for place in places:
        ends = []
        given = {"quality": np.nan_to_num(quality), "movement": movement}[to]
        step = STEP * max(0.1, given[place])
        for sign in (1, -1):
            changed = given.copy()
            changed[place] += sign * step
            rasters = (changed, movement) if to == "quality" else (quality, changed)
            ends.append(expect(*rasters, cell, counts=counts, **parameters).C)
        found.append((ends[0] - ends[1]) / (2 * step))
    return np.array(found)


def run(laboratory: Laboratory, quality: np.ndarray, movement: np.ndarray, **parameters: Any) -> Outcome:
    return laboratory.run("sensitivity", quality, movement, outputs=MAPS, WITH_RESPECT_TO=BOTH, **parameters)


def test_to_quality_and_movement_in_every_cell(laboratory):
    quality, permeability = hills(rows=6, columns=7)
    outcome = run(laboratory, quality, permeability)
    expected = expect(quality, permeability)
    assert outcome.numbers["C"] == pytest.approx(expected.C, rel=1e-11)
    node = np.isfinite(expected.functional)
    for band, to in enumerate(BOTH):
        found = outcome.bands("SENSITIVITY")[band]
        np.testing.assert_array_equal(np.isfinite(found), node)
        np.testing.assert_allclose(
            found[node], differences(quality, permeability, to, list(map(tuple, np.argwhere(node)))), 1e-6, 1e-7
        )


@pytest.mark.parametrize(
    "parameters",
    [
        {"TRANSFORMATION": "power", "EXPONENT": 2.5},
        {"TRANSFORMATION": "exponential", "EXPONENT": 1.5},
        {"MOVEMENT_KIND": "resistance"},
        {"MOVEMENT_KIND": "resistance", "TRANSFORMATION": "power", "EXPONENT": 0.5},
        {"MOVEMENT_KIND": "resistance", "TRANSFORMATION": "exponential", "EXPONENT": 0.3},
        {"EDGE_RULE": "average_conductance"},
        {"NEIGHBOURS": "4", "PROXIMITY": "gaussian"},
        {"CORNERS": "open", "PROXIMITY": "inverse", "CUTOFF": 0.2},
        {"SELF": True, "CUTOFF": 0.3},
        {"cell": (10.0, 14.0)},
    ],
    ids=lambda p: "-".join(f"{name}={value}" for name, value in p.items()).lower(),
)
def test_sensitivity_is_the_gradient(laboratory, parameters):
    quality, movement = hills()
    if parameters.get("MOVEMENT_KIND") == "resistance":
        movement = resistance(movement)
    outcome = run(laboratory, quality, movement, **parameters)
    expected = expect(quality, movement, **parameters)
    assert outcome.numbers["C"] == pytest.approx(expected.C, rel=1e-11)
    for band, to in enumerate(BOTH):
        found = np.array([outcome.bands("SENSITIVITY")[band][place] for place in PLACES])
        assert np.abs(found).max() > 1e-3
        np.testing.assert_allclose(found, differences(quality, movement, to, PLACES, **parameters), 1e-6, 1e-7)


@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
def test_in_capped_windows(laboratory, distance):
    quality, permeability = hills(rows=5, columns=6)
    parameters = {"MAXIMUM_WINDOW": 2, "DISTANCE": distance}
    outcome = run(laboratory, quality, permeability, **parameters)
    places = [(0, 0), (2, 3), (4, 5), (3, 1), (2, 2)]
    for band, to in enumerate(BOTH):
        found = [outcome.bands("SENSITIVITY")[band][place] for place in places]
        np.testing.assert_allclose(found, differences(quality, permeability, to, places, **parameters), 1e-6, 1e-7)
        assert (np.array(found) == 0).all() == ((to, distance) == ("movement", "euclidean"))


@pytest.mark.parametrize("shape", [(1, 9), (3, 5)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_on_rasters_smaller_than_a_block(laboratory, shape):
    quality, permeability = hills(*shape, holes=False)
    outcome = run(laboratory, quality, permeability)
    places = list(np.ndindex(shape))
    for band, to in enumerate(BOTH):
        found = outcome.bands("SENSITIVITY")[band].ravel()
        np.testing.assert_allclose(found, differences(quality, permeability, to, places), 1e-6, 1e-7)


# --- ties ---------------------------------------------------------------------------------------------------------


def test_two_ways_of_equal_cost_share_the_gradient(laboratory):
    """Round a barrier both ways are as long: raising one cell changes nothing, lowering it all; the mean is one half."""
    quality, permeability = np.ones((3, 3)), np.full((3, 3), 0.5)
    permeability[1, 1] = 0
    outcome = run(laboratory, quality, permeability, NEIGHBOURS="4")
    ring = [place for place in np.ndindex(3, 3) if place != (1, 1)]
    found = [outcome.map("SENSITIVITY")[place] for place in ring]
    expected = differences(quality, permeability, "movement", ring, NEIGHBOURS="4")
    np.testing.assert_allclose(found, expected, 1e-5)
    np.testing.assert_allclose(found[0], [found[2], found[5], found[7]], 1e-6)


@pytest.mark.parametrize("neighbours", ["4", "8"])
def test_the_map_of_an_even_square_has_the_square_s_symmetry(laboratory, neighbours):
    outcome = run(laboratory, np.ones((7, 7)), np.full((7, 7), 0.5), NEIGHBOURS=neighbours)
    for values in outcome.bands("SENSITIVITY"):
        for twin in (values.T, values[::-1], values[:, ::-1], np.rot90(values)):
            np.testing.assert_allclose(values, twin, 1e-6)


# --- laws ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count_self", [False, True])
@pytest.mark.parametrize("kind", ["permeability", "resistance"])
def test_elasticities_obey_euler(laboratory, kind, count_self):
    """C has degree 2 in quality, distance degree 1 in resistance, and proximity degree 0 in (distance, scale)."""
    quality, movement = hills()
    if kind == "resistance":
        movement = resistance(movement)
    outcome = run(laboratory, quality, movement, SELF=count_self, MOVEMENT_KIND=kind, DISPERSAL_MEANING="median")
    to_movement, to_quality = (float(np.nansum(band)) for band in outcome.bands("ELASTICITY"))
    sign = 1 if kind == "permeability" else -1
    # The maps are stored as float32.
    assert to_quality == pytest.approx(2 * outcome.numbers["C"], rel=1e-6)
    assert to_movement == pytest.approx(sign * outcome.numbers["DISPERSAL_ELASTICITY"], rel=1e-6)


def test_a_power_multiplies_the_elasticity(laboratory):
    outcome = run(laboratory, *hills(), TRANSFORMATION="power", EXPONENT=2.5)
    assert np.nansum(outcome.map("ELASTICITY")) == pytest.approx(
        2.5 * outcome.numbers["DISPERSAL_ELASTICITY"], rel=1e-6
    )


def test_elasticity_is_input_times_sensitivity(laboratory):
    quality, permeability = hills()
    outcome = run(laboratory, quality, permeability, SELF=True)
    sensitivity, elasticity = outcome.bands("SENSITIVITY"), outcome.bands("ELASTICITY")
    node = np.isfinite(sensitivity[0])
    for band, given in enumerate((permeability, np.nan_to_num(quality))):
        np.testing.assert_allclose(elasticity[band][node], (given * sensitivity[band])[node], 3e-7)


def test_twice_the_resistance_and_twice_the_distance_is_the_same_landscape(laboratory):
    quality, permeability = hills()
    numbers = [
        laboratory.run("connectivity", quality, permeability / factor, DISPERSAL_DISTANCE=35.0 * factor).numbers
        for factor in (1, 4)
    ]
    assert numbers[0]["C"] == pytest.approx(numbers[1]["C"], rel=1e-13)
    assert 4 * numbers[0]["MEAN_DISTANCE"] == pytest.approx(numbers[1]["MEAN_DISTANCE"], rel=1e-13)


# --- the dispersal distance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proximity", "meaning"),
    [("exponential", "scale"), ("exponential", "maximum"), ("gaussian", "mean"), ("inverse", "median")],
)
def test_sensitivity_to_the_dispersal_distance(laboratory, proximity, meaning):
    quality, permeability = hills()
    parameters = {"PROXIMITY": proximity, "DISPERSAL_MEANING": meaning, "CUTOFF": 0.05}
    outcome = run(laboratory, quality, permeability, DISPERSAL_DISTANCE=35.0, **parameters)
    counts = expect(quality, permeability, DISPERSAL_DISTANCE=35.0, **parameters).counts
    ends = [
        expect(quality, permeability, DISPERSAL_DISTANCE=35 + h, counts=counts, **parameters).C for h in (1e-4, -1e-4)
    ]
    assert outcome.numbers["DISPERSAL_SENSITIVITY"] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-7)
    elasticity = 35 * outcome.numbers["DISPERSAL_SENSITIVITY"]
    assert outcome.numbers["DISPERSAL_ELASTICITY"] == pytest.approx(elasticity, rel=1e-12)


def test_a_threshold_has_no_sensitivity_to_movement_and_says_so(laboratory):
    quality, permeability = hills()
    outcome = run(laboratory, quality, permeability, PROXIMITY="threshold")
    movement, to_quality = outcome.bands("SENSITIVITY")
    assert (movement[np.isfinite(movement)] == 0).all()
    assert outcome.numbers["DISPERSAL_SENSITIVITY"] == 0
    assert any("threshold" in warning for warning in outcome.heard.warnings)
    accessible = expect(quality, permeability, PROXIMITY="threshold").accessible
    np.testing.assert_allclose(to_quality, 2 * accessible, 2e-7)


# --- what is written ----------------------------------------------------------------------------------------------


def test_without_habitat_the_gradient_is_zero(laboratory):
    quality, permeability = hills()
    outcome = laboratory.run("sensitivity", np.zeros_like(quality), permeability, outputs=MAPS)
    assert np.nanmax(np.abs(outcome.map("SENSITIVITY"))) == 0
    assert outcome.numbers["C"] == 0


@pytest.mark.parametrize(
    ("chosen", "names"), [(["quality"], ["quality"]), (["quality", "movement"], ["resistance", "quality"])]
)
def test_bands_come_in_the_stated_order(laboratory, chosen, names):
    quality, permeability = hills()
    movement = resistance(permeability)
    outcome = laboratory.run(
        "sensitivity", quality, movement, outputs=(*MAPS, "REPORT"), WITH_RESPECT_TO=chosen, MOVEMENT_KIND="resistance"
    )
    dataset = gdal.Open(str(outcome.paths["SENSITIVITY"]))
    found = [dataset.GetRasterBand(i + 1).GetDescription() for i in range(dataset.RasterCount)]
    assert found == [f"Sensitivity to {name}" for name in names]
    alone = laboratory.run(
        "sensitivity", quality, movement, outputs=MAPS, WITH_RESPECT_TO=["quality"], MOVEMENT_KIND="resistance"
    )
    np.testing.assert_allclose(outcome.bands("SENSITIVITY")[-1], alone.map("SENSITIVITY"), 1e-7)
    assert all(f"Elasticity to {name}" in outcome.text("REPORT") for name in names)
