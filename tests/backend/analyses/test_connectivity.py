"""Connectivity's maps and numbers against the oracle, from job to GeoTIFF."""

from __future__ import annotations

import numpy as np
import pytest
from landscape_oracle import expect
from osgeo import gdal
from small_landscapes import Laboratory, Outcome, hills

MAPS = ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT")
# Numbers are float64 sums in another order; maps are stored as float32.
NUMBERS_RTOL, MAP_RTOL = 1e-11, 2e-7


def agree(outcome: Outcome, quality: np.ndarray, movement: np.ndarray, cell=(10.0, 10.0), **parameters) -> None:
    expected = expect(quality, movement, cell, **parameters)
    for name, value in expected.numbers.items():
        np.testing.assert_allclose(outcome.numbers[name], value, NUMBERS_RTOL, err_msg=name)
    np.testing.assert_allclose(outcome.map("FUNCTIONAL_HABITAT"), expected.functional, MAP_RTOL, 1e-12)
    np.testing.assert_allclose(outcome.map("ACCESSIBLE_HABITAT"), expected.accessible, MAP_RTOL, 1e-12)


def compare(
    laboratory: Laboratory, quality: np.ndarray, movement: np.ndarray, cell=(10.0, 10.0), **parameters
) -> Outcome:
    outcome = laboratory.run("connectivity", quality, movement, outputs=MAPS, cell=cell, **parameters)
    agree(outcome, quality, movement, cell, **parameters)
    return outcome


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"SELF": True},
        {"NEIGHBOURS": "4"},
        {"EDGE_RULE": "average_conductance"},
        {"CORNERS": "open"},
        {"NEIGHBOURS": "4", "EDGE_RULE": "average_conductance", "SELF": True},
        {"TRANSFORMATION": "power", "EXPONENT": 2.5},
        {"TRANSFORMATION": "exponential", "EXPONENT": 1.5},
        {"DISTANCE": "euclidean"},
        {"DISTANCE": "euclidean", "PROXIMITY": "threshold", "DISPERSAL_DISTANCE": 30.0},
        {"CUTOFF": 0.3},
        {"DISPERSAL_DISTANCE": 5.0, "CUTOFF": 0.05},
    ],
    ids=lambda p: "-".join(f"{name}={value}" for name, value in p.items()).lower() or "defaults",
)
def test_maps_and_numbers_are_those_of_the_definition(laboratory, parameters):
    compare(laboratory, *hills(), **parameters)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"TRANSFORMATION": "power", "EXPONENT": 0.5}, {"TRANSFORMATION": "exponential", "EXPONENT": 0.3}],
    ids=["as is", "power", "exponential"],
)
def test_resistance_is_read_as_resistance(laboratory, parameters):
    quality, permeability = hills()
    with np.errstate(divide="ignore"):
        resistance = 1 / permeability
    outcome = compare(laboratory, quality, resistance, MOVEMENT_KIND="resistance", **parameters)
    if not parameters:
        twin = laboratory.run("connectivity", quality, permeability)
        assert outcome.numbers["C"] == pytest.approx(twin.numbers["C"], rel=1e-12)


@pytest.mark.parametrize(
    ("proximity", "meaning"),
    [
        (proximity, meaning)
        for proximity in ("exponential", "gaussian", "inverse", "threshold")
        for meaning in ("scale", "mean", "median", "maximum")
        if (proximity, meaning) != ("inverse", "mean")
    ],
)
def test_every_proximity_with_every_meaning_of_the_dispersal_distance(laboratory, proximity, meaning):
    quality, permeability = hills()
    compare(laboratory, quality, permeability, PROXIMITY=proximity, DISPERSAL_MEANING=meaning, DISPERSAL_DISTANCE=35.0)


@pytest.mark.parametrize("neighbours", ["4", "8"])
def test_cells_that_are_not_square(laboratory, neighbours):
    quality, permeability = hills()
    compare(laboratory, quality, permeability, (10.0, 14.0), NEIGHBOURS=neighbours)


def test_euclidean_distance_over_cells_that_are_not_square(laboratory):
    compare(laboratory, *hills(), (10.0, 14.0), DISTANCE="euclidean")


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1), (2, 2)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_rasters_smaller_than_a_block_or_the_window(laboratory, shape):
    quality, permeability = hills(*shape, holes=False)
    outcome = compare(laboratory, quality, permeability)
    if shape == (1, 1):
        assert outcome.numbers["C"] == 0
        assert np.isnan(outcome.numbers["MEAN_DISTANCE"])


def test_a_single_cell_counts_itself_with_self(laboratory):
    outcome = compare(laboratory, np.array([[3.0]]), np.array([[1.0]]), SELF=True)
    assert (outcome.numbers["C"], outcome.numbers["ECA"], outcome.numbers["PC"]) == (9, 3, 9)


def test_parts_that_cannot_reach_each_other(laboratory):
    quality, permeability = hills(holes=False)
    permeability[:, 5] = 0
    permeability[4, :5] = np.nan
    whole = compare(laboratory, quality, permeability)
    parts = 0.0
    for rows, columns in ((slice(4), slice(5)), (slice(5, None), slice(5)), (slice(None), slice(6, None))):
        parts += expect(quality[rows, columns], permeability[rows, columns]).C
    assert whole.numbers["C"] == pytest.approx(parts, rel=1e-12)


def test_permeability_over_six_decades(laboratory):
    quality, permeability = hills()
    decades = np.random.default_rng(5).uniform(-6, 0, permeability.shape)
    permeability = np.where(np.isfinite(permeability) & (permeability > 0), 10**decades, permeability)
    permeability[3, :] = 1
    compare(laboratory, quality, permeability)


def test_easy_cells_widen_the_window(laboratory):
    quality, permeability = hills()
    compare(laboratory, quality, permeability * 40, DISPERSAL_DISTANCE=12.0)


def test_no_quality_anywhere(laboratory):
    quality, permeability = hills()
    outcome = compare(laboratory, np.where(np.isnan(quality), np.nan, 0.0), permeability)
    assert outcome.numbers["C"] == 0
    assert outcome.numbers["HABITAT_AREA"] == 0
    assert any("connectivity is 0 everywhere" in warning for warning in outcome.heard.warnings)


@pytest.mark.parametrize("where", ["quality", "movement", "both", "different"])
def test_nodata(laboratory, where):
    quality, permeability = hills(holes=False)
    if where in ("quality", "both", "different"):
        quality[2:4, 3:6] = np.nan
    if where in ("movement", "both"):
        permeability[2:4, 3:6] = np.nan
    if where == "different":
        permeability[6, 2:9] = np.nan
    outcome = compare(laboratory, quality, permeability)
    mapped = np.isnan(outcome.map("FUNCTIONAL_HABITAT"))
    np.testing.assert_array_equal(
        mapped, np.isnan(permeability), "a map is nodata where there is no node, and only there"
    )
    if where == "quality":
        assert (outcome.map("FUNCTIONAL_HABITAT")[2:4, 3:6] == 0).all()
        assert (outcome.map("ACCESSIBLE_HABITAT")[2:4, 3:6] > 0).all()
    lost = [warning for warning in outcome.heard.warnings if "on barriers" in warning]
    assert bool(lost) == (where in ("movement", "different"))


def test_quality_beside_nodata_movement_does_not_count(laboratory):
    quality, permeability = hills(holes=False)
    permeability[2, 2] = np.nan
    changed = quality.copy()
    changed[2, 2] = 1000.0
    first, second = (laboratory.run("connectivity", q, permeability).numbers for q in (quality, changed))
    assert first == second


# --- closed forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbours", ["4", "8"])
def test_an_even_plain_has_known_distances(laboratory, neighbours):
    """Manhattan and octile distances on a plain of resistance 2."""
    rows, columns, total = 5, 7, 0.0
    for a in range(rows * columns):
        for b in range(rows * columns):
            down, right = abs(a // columns - b // columns), abs(a % columns - b % columns)
            long, short = max(down, right), min(down, right)
            length = down + right if neighbours == "4" else long + (np.sqrt(2) - 1) * short
            total += np.exp(-2 * 10 * length / 40) * (a != b and 2 * 10 * length / 40 <= -np.log(0.01))
    outcome = laboratory.run(
        "connectivity", np.ones((rows, columns)), np.full((rows, columns), 0.5), NEIGHBOURS=neighbours
    )
    assert outcome.numbers["C"] == pytest.approx(total, rel=1e-12)


def test_the_default_dispersal_distance_is_four_cells(laboratory):
    quality, permeability = hills()
    stated = laboratory.run("connectivity", quality, permeability, DISPERSAL_DISTANCE=40.0)
    assert laboratory.run("connectivity", quality, permeability).numbers == stated.numbers


def test_pairs_exactly_at_the_threshold_count(laboratory):
    """Four steps of 10 through resistance 3 are 120: the pair at the threshold counts, the next does not."""
    ones = np.ones((1, 9))
    outcome = laboratory.run(
        "connectivity", ones, ones / 3, PROXIMITY="threshold", DISPERSAL_DISTANCE=120.0, NEIGHBOURS="4"
    )
    assert outcome.numbers["C"] == 2 * sum(9 - step for step in (1, 2, 3, 4))


# --- the capped window --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
def test_a_capped_window_is_that_of_each_source(laboratory, distance):
    quality, permeability = hills()
    outcome = compare(laboratory, quality, permeability, MAXIMUM_WINDOW=2, DISTANCE=distance)
    assert any("MAXIMUM_WINDOW = 2" in warning for warning in outcome.heard.warnings)


def test_a_cap_that_does_not_cut_changes_nothing_and_says_nothing(laboratory):
    quality, permeability = hills()
    free = laboratory.run("connectivity", quality, permeability, DISPERSAL_DISTANCE=5.0, CUTOFF=0.05)
    capped = laboratory.run(
        "connectivity", quality, permeability, DISPERSAL_DISTANCE=5.0, CUTOFF=0.05, MAXIMUM_WINDOW=5
    )
    assert free.numbers == capped.numbers
    assert not capped.heard.warnings or free.heard.warnings == capped.heard.warnings


# --- the report ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gdal_raises", [False, True], ids=["GDAL quiet", "GDAL raises"])
def test_the_report_names_numbers_and_parameters(laboratory, gdal_raises, request):
    if gdal_raises:
        gdal.UseExceptions()
        request.addfinalizer(gdal.DontUseExceptions)
    outcome = laboratory.run("connectivity", *hills(), outputs=("REPORT",), DISPERSAL_DISTANCE=35.0)
    page = outcome.text("REPORT")
    for text in (
        "Equivalent connected area",
        "DISPERSAL_DISTANCE",
        "35.0",
        "data:image/png;base64",
        "Histogram",
        "Saura",
    ):
        assert text in page
    assert "<script" not in page
    assert "http://" not in page
