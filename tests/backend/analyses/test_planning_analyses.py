"""Landscape ranking, scenarios and impact against the oracle."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from landscape_oracle import expect
from osgeo import ogr, osr
from small_landscapes import CRS, ORIGIN, Outcome, hills

from backend.errors import InputError


def rows_of(outcome: Outcome, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(outcome.text(name))))


def layer(path, shapes: list[str]) -> str:
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(CRS)
    made = dataset.CreateLayer("object", reference, ogr.wkbUnknown)
    for shape in shapes:
        feature = ogr.Feature(made.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkt(shape))
        made.CreateFeature(feature)
    return str(path)


# --- ranking ------------------------------------------------------------------------------------------------------

RANKING = ("PRIORITY", "CURVE", "REPORT")


@pytest.mark.parametrize("removal", ["habitat", "habitat_and_way"])
def test_the_loss_curve_is_that_of_the_removed_landscapes(laboratory, removal):
    quality, permeability = hills()
    outcome = laboratory.run(
        "landscaperanking", quality, permeability, outputs=RANKING, STEPS=4, REMOVAL=removal, REMAINING=0.05
    )
    priority = outcome.map("PRIORITY")
    node = np.isfinite(permeability) & (permeability > 0)
    ranked = node & (np.nan_to_num(quality) > 0) if removal == "habitat" else node
    np.testing.assert_array_equal(np.isfinite(priority), ranked)
    assert np.nanmax(priority) == 1
    for row in rows_of(outcome, "CURVE"):
        gone = priority <= float(row["removed_share"]) + 1e-6
        after = np.where(gone, 0, quality)
        way = (
            np.where(gone, np.minimum(permeability, 0.05), permeability)
            if removal == "habitat_and_way"
            else permeability
        )
        assert float(row["connectivity"]) == pytest.approx(expect(after, way).C, rel=1e-7, abs=1e-9)


def test_one_cell_after_the_other_it_removes_the_one_that_is_missed_least(laboratory):
    quality, permeability = (values[:4, :5] for values in hills(holes=False))
    outcome = laboratory.run("landscaperanking", quality, permeability, outputs=RANKING, STEPS=20)
    left, expected = quality.copy(), []
    while (left > 0).any():
        kept = {}
        for cell in map(tuple, np.argwhere(left > 0)):
            without = left.copy()
            without[cell] = 0
            kept[cell] = expect(without, permeability).C
        best = max(kept, key=lambda cell: kept[cell])
        expected.append(best)
        left[best] = 0
        if len(expected) == 17:
            # Of two cells that are left, each is as much missed as the other.
            break
    order = np.argsort(outcome.map("PRIORITY").ravel())[:17]
    assert [tuple(int(i) for i in divmod(o, 5)) for o in order] == [tuple(int(i) for i in cell) for cell in expected]


def test_removal_from_the_edges_starts_there(laboratory):
    quality, permeability = np.ones((9, 11)), np.ones((9, 11))
    free, edges = (
        laboratory.run("landscaperanking", quality, permeability, outputs=RANKING, STEPS=9, EDGES=e)
        for e in (False, True)
    )
    inner = np.zeros((9, 11), bool)
    inner[3:6, 3:8] = True
    assert edges.map("PRIORITY")[inner].mean() > 0.75
    assert edges.numbers["KEPT_BY_30"] <= free.numbers["KEPT_BY_30"] * 1.2


def test_nothing_to_rank(laboratory):
    with pytest.raises(InputError, match=r"^QUALITY: No cell that can be crossed has quality > 0: there is nothing"):
        laboratory.check("landscaperanking", np.zeros((9, 11)), hills()[1])


# --- scenarios ----------------------------------------------------------------------------------------------------


def test_scenarios_of_a_table_and_of_a_stack(laboratory):
    quality, permeability = hills()
    poorer = np.where(np.arange(11) > 7, 0.0, quality)
    laboratory.raster(poorer, name="poorer.tif")
    table = laboratory.folder / "scenarios.csv"
    table.write_text("name,quality,dispersal_distance\nloss,poorer.tif,\nfar,,80\n", encoding="utf-8")
    stack = laboratory.raster(permeability * 1.2, permeability * 0.7)
    outcome = laboratory.run(
        "evaluatescenarios",
        quality,
        permeability,
        outputs=("TABLE", "REPORT"),
        SCENARIOS=str(table),
        STACK_MOVEMENT=stack,
    )
    expected = [
        expect(quality, permeability),
        expect(poorer, permeability),
        expect(quality, permeability, DISPERSAL_DISTANCE=80.0),
        expect(quality, permeability * 1.2),
        expect(quality, permeability * 0.7),
    ]
    rows = rows_of(outcome, "TABLE")
    assert [row["scenario"] for row in rows] == ["as it is", "loss", "far", "band 1", "band 2"]
    for row, one in zip(rows, expected, strict=True):
        assert float(row["C"]) == pytest.approx(one.C, rel=1e-9)
        assert float(row["ECA"]) == pytest.approx(one.numbers["ECA"], rel=1e-9)
        assert float(row["gain"]) == pytest.approx(one.C - expected[0].C, rel=1e-8, abs=1e-9)
    assert outcome.numbers["BEST_GAIN"] == pytest.approx(expected[2].C - expected[0].C, rel=1e-8)


def test_no_scenario_and_scenarios_of_another_grid(laboratory):
    with pytest.raises(InputError, match=r"^SCENARIOS: There is no scenario"):
        laboratory.check("evaluatescenarios", *hills())
    laboratory.raster(np.ones((3, 3)), name="small.tif")
    table = laboratory.folder / "s.csv"
    table.write_text("name,quality,movement\nother,small.tif,small.tif\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"^SCENARIOS: Scenario 'other': its grid is not that of QUALITY: it has 3 rows"
    ):
        laboratory.check("evaluatescenarios", *hills(), SCENARIOS=str(table))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"^SCENARIOS: It has 0 rows\. Give a CSV file with a row for each scenario"),
        (
            "name,quality,weight,scenario\na,,2,dry\n",
            r"^SCENARIOS: It has 1 row, .*mean nothing here: weight, scenario",
        ),
        ("name,quality\na,\na,\n", r"^SCENARIOS: Two scenarios are named 'a'"),
        ("name,quality,dispersal_distance\na,,far\n", r"^SCENARIOS: Scenario 'a': its dispersal_distance is 'far'"),
    ],
)
def test_tables_of_scenarios(laboratory, text, match):
    table = laboratory.folder / "s.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=match):
        laboratory.check("evaluatescenarios", *hills(), SCENARIOS=str(table))


def test_stacks_of_different_depth(laboratory):
    quality, permeability = hills()
    stacks = {
        "STACK_QUALITY": laboratory.raster(quality),
        "STACK_MOVEMENT": laboratory.raster(permeability, permeability),
    }
    with pytest.raises(InputError, match=r"^STACK_MOVEMENT: It has 2 bands, STACK_QUALITY 1"):
        laboratory.check("evaluatescenarios", quality, permeability, **stacks)


# --- impact -------------------------------------------------------------------------------------------------------

IMPACT = ("DIFFERENCE", "CROSSINGS", "COMPENSATION", "TABLE", "REPORT")


@pytest.mark.parametrize("kind", ["permeability", "resistance"])
def test_a_road_costs_what_the_oracle_says_and_crossings_gain_it_back(laboratory, tmp_path, kind):
    quality, permeability = hills()
    with np.errstate(divide="ignore"):
        movement = permeability if kind == "permeability" else 1 / permeability
    x, y = ORIGIN[0] + 45, ORIGIN[1]
    road = layer(tmp_path / "road.gpkg", [f"LINESTRING({x} {y - 5},{x} {y - 85})"])
    outcome = laboratory.run("impact", quality, movement, outputs=IMPACT, OBJECT=road, MOVEMENT_KIND=kind)
    barrier, poorer = permeability.copy(), quality.copy()
    barrier[:, 4] = 0
    poorer[:, 4] = np.fmin(poorer[:, 4], 0)
    before, after = expect(quality, permeability), expect(poorer, barrier)
    assert outcome.numbers["LOSS"] == pytest.approx(before.C - after.C, rel=1e-9)
    assert outcome.numbers["LOSS_OF_HABITAT"] == pytest.approx(before.C - expect(poorer, permeability).C, rel=1e-9)
    assert np.nansum(outcome.map("DIFFERENCE")) == pytest.approx(after.C - before.C, rel=1e-5)
    crossings = outcome.map("CROSSINGS")
    assert np.isfinite(crossings).sum() == np.isfinite(crossings[:, 4]).sum() == 9 - (~(permeability[:, 4] > 0)).sum()
    for cell in map(tuple, np.argwhere(np.isfinite(crossings))):
        opened = barrier.copy()
        opened[cell] = 0.5
        assert crossings[cell] == pytest.approx(expect(poorer, opened).C - after.C, rel=1e-5)
    assert float(rows_of(outcome, "TABLE")[0]["gain"]) == pytest.approx(np.nanmax(crossings), rel=1e-5)


def test_disturbance_and_a_soft_object(laboratory, tmp_path):
    quality, permeability = hills()
    x, y = ORIGIN[0] + 60, ORIGIN[1] - 40
    town = layer(tmp_path / "town.gpkg", [f"POLYGON(({x} {y},{x + 20} {y},{x + 20} {y - 20},{x} {y - 20},{x} {y}))"])
    outcome = laboratory.run(
        "impact", quality, permeability, outputs=IMPACT, OBJECT=town, NEW_PERMEABILITY=0.3, NEW_QUALITY=0.1,
        DISTURBANCE_DISTANCE=10.0, DISTURBED_SHARE=0.25, MOST_CROSSINGS=2,
    )  # fmt: skip
    cells = np.zeros((9, 11), bool)
    cells[4:6, 6:8] = True
    near = np.zeros((9, 11), bool)
    # The centres of the cells at the corners are 7 m away.
    near[3:7, 5:9] = True
    lower = np.where(cells, np.minimum(permeability, 0.3), permeability)
    poorer = np.where(cells, np.fmin(quality, 0.1), quality)
    poorer = np.where(near & ~cells, poorer * 0.25, poorer)
    loss = expect(quality, permeability).C - expect(poorer, lower).C
    assert outcome.numbers["LOSS"] == pytest.approx(loss, rel=1e-6)
    assert np.isfinite(outcome.map("CROSSINGS")).sum() <= 2


def test_an_object_elsewhere(laboratory, tmp_path):
    road = layer(tmp_path / "road.gpkg", ["LINESTRING(0 0,10 10)"])
    with pytest.raises(InputError, match=r"^OBJECT: It lies on no cell of the raster"):
        laboratory.check("impact", *hills(), OBJECT=road)


def test_scenarios_without_connectivity_before_have_no_gain_in_per_cent(laboratory):
    quality, permeability = hills()
    stack = laboratory.raster(quality)
    outcome = laboratory.run(
        "evaluatescenarios", np.zeros_like(quality), permeability, outputs=("TABLE",), STACK_QUALITY=stack
    )
    rows = rows_of(outcome, "TABLE")
    assert float(rows[1]["gain"]) > 0
    assert rows[1]["gain_percent"] == "nan"


def test_scenarios_named_alike_and_of_a_shifted_quality(laboratory):
    quality, permeability = hills()
    laboratory.raster(quality, name="shifted.tif", origin=(ORIGIN[0] + 10, ORIGIN[1]))
    table = laboratory.folder / "s.csv"
    for text, message in (
        ("band 1,", "It names a scenario 'band 1', as another row"),
        ("as it is,", "It names a scenario 'as it is', as another row"),
        ("x,shifted.tif", "Scenario 'x': the grid of its quality is not that of QUALITY"),
    ):
        table.write_text(f"name,quality\n{text}\n", encoding="utf-8")
        with pytest.raises(InputError, match=rf"^SCENARIOS: {message}"):
            laboratory.check(
                "evaluatescenarios",
                quality,
                permeability,
                SCENARIOS=str(table),
                STACK_QUALITY=laboratory.raster(quality),
            )


def test_an_object_that_changes_nothing_and_features_outside(laboratory):
    x, y = ORIGIN
    road = layer(laboratory.folder / "o.gpkg", [f"POINT ({x + 25} {y - 25})", f"POINT ({x - 500} {y})"])
    heard = laboratory.check("impact", *hills(), OBJECT=road, NEW_PERMEABILITY=5.0, NEW_QUALITY=5.0)
    assert any("outside the raster: 1 of 2 features" in warning for warning in heard.warnings)
    assert any("it changes nothing" in warning for warning in heard.warnings)
    heard = laboratory.check("impact", *hills(), OBJECT=road)
    assert not any("it changes nothing" in warning for warning in heard.warnings)
