"""The three algorithms and their model through qgis_process, from rasters to layers."""

from __future__ import annotations

import csv
import json
import math

import pytest
from osgeo import gdal, osr
from rasters import CELL, landscape, leftovers, read, write

SCALE = 40.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("Räume mit Leerzeichen")


@pytest.fixture(scope="module")
def rasters(folder):
    return landscape(folder, 14)


def octile_sum(side: int) -> float:
    """C of an even landscape of quality and resistance 1, pair by pair."""
    cells = [(row, column) for row in range(side) for column in range(side)]
    total = 0.0
    for a, b in cells:
        for c, d in cells:
            long, short = max(abs(a - c), abs(b - d)), min(abs(a - c), abs(b - d))
            distance = CELL * (long + (math.sqrt(2) - 1) * short)
            if long and math.exp(-distance / SCALE) >= 0.01:
                total += math.exp(-distance / SCALE)
    return total


def test_connectivity_of_an_even_landscape_is_known(command_line, folder):
    ones = write(folder / "ones.tif", [[1.0] * 11 for _ in range(11)])
    out = folder / "functional habitat é.tif"
    found = command_line("connectivity", QUALITY=ones, MOVEMENT=ones, DISPERSAL_DISTANCE=SCALE, FUNCTIONAL_HABITAT=out)
    expected = octile_sum(11)
    assert found["C"] == pytest.approx(expected, rel=1e-9)
    assert found["ECA"] == pytest.approx(math.sqrt(expected + 121), rel=1e-9)
    assert found["PC"] == pytest.approx((expected + 121) / 121**2, rel=1e-9)
    assert sum(map(sum, read(out))) == pytest.approx(expected, rel=1e-6)


def test_numbers_come_without_any_file(command_line, rasters):
    quality, movement = rasters
    found = command_line("connectivity", QUALITY=quality, MOVEMENT=movement, DISPERSAL_DISTANCE=SCALE)
    assert found["C"] > 0
    assert not found.get("FUNCTIONAL_HABITAT")


def test_outputs_say_what_they_are(command_line, folder, rasters):
    quality, movement = rasters
    out, report = folder / "accessible.tif", folder / "report.html"
    command_line(
        "connectivity",
        QUALITY=quality,
        MOVEMENT=movement,
        DISPERSAL_DISTANCE=SCALE,
        FUNCTIONAL_HABITAT=folder / "functional.tif",
        ACCESSIBLE_HABITAT=out,
        REPORT=report,
    )
    dataset = gdal.Open(str(out))
    band = dataset.GetRasterBand(1)
    given = gdal.Open(str(quality))
    assert dataset.GetGeoTransform() == given.GetGeoTransform()
    assert osr.SpatialReference(dataset.GetProjection()).IsSame(osr.SpatialReference(given.GetProjection()))
    assert band.GetNoDataValue() == -9999
    assert band.GetDescription() == "Accessible habitat"
    assert band.GetUnitType() == "quality x cells"
    assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "DEFLATE"
    job = json.loads(dataset.GetMetadataItem("DRIFTWAY_JOB"))
    assert job["parameters"]["DISPERSAL_DISTANCE"] == SCALE
    assert report.read_text(encoding="utf-8").count("<img") == 2
    assert not leftovers(folder)


def test_sensitivity_elasticities_to_quality_sum_to_twice_c(command_line, folder, rasters):
    quality, movement = rasters
    elasticity = folder / "elasticity.tif"
    found = command_line(
        "sensitivity",
        QUALITY=quality,
        MOVEMENT=movement,
        DISPERSAL_DISTANCE=SCALE,
        WITH_RESPECT_TO="quality",
        SENSITIVITY=folder / "sensitivity.tif",
        ELASTICITY=elasticity,
    )
    assert sum(map(sum, read(elasticity))) == pytest.approx(2 * found["C"], rel=1e-6)


def test_prioritisation_beats_chance(command_line, folder, rasters):
    quality, movement = rasters
    curve = folder / "curve.csv"
    found = command_line(
        "prioritisation",
        QUALITY=quality,
        MOVEMENT=movement,
        DISPERSAL_DISTANCE=SCALE,
        BUDGET=20,
        ROUNDS=2,
        SELECTION=folder / "selection.tif",
        RANK=folder / "rank.tif",
        CURVE=curve,
    )
    selection, rank = read(folder / "selection.tif"), read(folder / "rank.tif")
    assert sum(map(sum, selection)) == found["SELECTED"] == 20
    assert all(
        (r <= 20) == (s == 1) for rs, ss in zip(rank, selection, strict=True) for r, s in zip(rs, ss, strict=True)
    )
    assert found["GAIN"] > 1.5 * found["GAIN_RANDOM"] > 0
    rows = list(csv.DictReader(curve.open(encoding="utf-8")))
    assert [int(row["cells"]) for row in rows] == [0, 10, 20]
    assert float(rows[-1]["gain"]) == pytest.approx(found["GAIN"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DISPERSAL_DISTANCE": 3}, "DISPERSAL_DISTANCE: 3 map units is less than half a cell"),
        ({"QUALITY_BAND": 4}, "QUALITY"),
        ({"MOVEMENT": "shifted"}, "MOVEMENT: Its grid is not that of QUALITY"),
        ({"QUALITY": "negative"}, "QUALITY: Negative cells: 1 (first at row 3, column 7)"),
    ],
)
def test_bad_input_is_named_before_any_work(command_line, folder, rasters, change, words):
    quality, movement = rasters
    cells = [[1.0] * 14 for _ in range(14)]
    cells[2][6] = -0.5
    made = {
        "shifted": lambda: write(folder / "small.tif", [[1.0] * 13 for _ in range(14)]),
        "negative": lambda: write(folder / "negative.tif", cells),
    }
    change = {name: made[value]() if value in made else value for name, value in change.items()}
    parameters = {"QUALITY": quality, "MOVEMENT": movement, "DISPERSAL_DISTANCE": SCALE, **change}
    out = folder / "never.tif"
    done = command_line.attempt("connectivity", FUNCTIONAL_HABITAT=out, **parameters)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert not out.exists()
    assert not leftovers(folder)


def test_the_bundled_model_chains_all_three(command_line, folder, rasters):
    quality, movement = rasters
    names = ("connectivity:FUNCTIONAL_HABITAT", "sensitivity:SENSITIVITY", "prioritisation:SELECTION")
    found = command_line(
        "landscapeconnectivity",
        QUALITY=quality,
        MOVEMENT=movement,
        DISPERSAL_DISTANCE=SCALE,
        BUDGET=10,
        **{name: folder / f"model {number}.tif" for number, name in enumerate(names)},
    )
    maps = [read(found[name]) for name in names]
    assert sum(map(sum, maps[0])) > 0
    assert sum(map(sum, maps[2])) == 10
