"""Planning on longitudes and latitudes: its gains are those of connectivity on the changed raster, which has an oracle of its own."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from osgeo import ogr, osr
from small_landscapes import Laboratory, hills

from backend.errors import InputError

# Far north, so that the widths of cells differ much; small blocks and a short reach make several windows.
SETTINGS = {"DISPERSAL_DISTANCE": 2.5e4, "CUTOFF": 0.1, "SELF": False}


class North(Laboratory):
    """Writes its rasters in cells of 0.6 x 0.2 degrees from 72 degrees north on."""

    def raster(self, *bands: np.ndarray, name: str = "", **options) -> str:
        return super().raster(
            *bands, name=name, **{**options, "cell": (0.6, 0.2), "origin": (10.0, 72.0), "crs": "EPSG:4326"}
        )


@pytest.fixture
def north(tmp_path):
    return North(tmp_path)


def connectivity(north, quality, permeability, **settings) -> float:
    return north.run("connectivity", quality, permeability, **{**SETTINGS, **settings}).numbers["C"]


@pytest.mark.parametrize(
    ("method", "distance", "tiles"),
    [("ranking", "least_cost", 7), ("ranking", "euclidean", 1), ("greedy", "least_cost", 1)],
)
def test_the_gain_is_that_of_connectivity_on_the_changed_raster(north, method, distance, tiles):
    # More than 2500 cells are cut into blocks in windows of several sizes.
    quality, permeability = (np.tile(values, (tiles, tiles)) for values in hills())
    action = {"ACTION": "raise_both", "AMOUNT": 0.3, "AMOUNT_QUALITY": 0.5}
    outcome = north.run(
        "prioritisation",
        quality,
        permeability,
        outputs=("SELECTION",),
        METHOD=method,
        DISTANCE=distance,
        BUDGET=6.0,
        ROUNDS=2,
        RANDOM_DRAWS=1,
        EXCHANGES=0,
        BOUND=tiles == 1,
        **action,
        **SETTINGS,
    )
    selected = outcome.map("SELECTION") == 1
    assert selected.sum() == 6
    before = connectivity(north, quality, permeability, DISTANCE=distance)
    after = connectivity(
        north,
        np.where(selected, np.nan_to_num(quality) + 0.5, quality),
        permeability + 0.3 * selected,
        DISTANCE=distance,
    )
    assert outcome.numbers["C_BEFORE"] == pytest.approx(before, rel=1e-9)
    assert outcome.numbers["GAIN"] == pytest.approx(after - before, rel=1e-7)
    assert not outcome.numbers["BEST_POSSIBLE"] < outcome.numbers["GAIN"] * (1 - 1e-9)


def test_area_is_that_of_a_sphere(north):
    quality, permeability = hills(holes=False)
    areas = 1000 * np.cos(np.radians(72 - 0.2 * (np.arange(9) + 0.5)))
    scale = (6371008.77**2 * np.radians(0.6) * 2 * np.sin(np.radians(0.1))) / 1000
    outcome = north.run(
        "prioritisation",
        quality,
        permeability,
        outputs=("SELECTION",),
        BUDGET=float(5.5 * areas.max() * scale),
        BUDGET_UNIT="area",
        ROUNDS=1,
        RANDOM_DRAWS=1,
        BOUND=False,
        **SETTINGS,
    )
    spent = ((outcome.map("SELECTION") == 1).sum(axis=1) * areas).sum() * scale
    assert outcome.numbers["SPENT"] == pytest.approx(spent, rel=1e-5)


def test_scenarios_and_impact_are_those_of_connectivity(north):
    quality, permeability = hills()
    poorer = np.where(np.arange(11) > 7, 0.0, quality)
    outcome = north.run(
        "evaluatescenarios", quality, permeability, outputs=("TABLE",), STACK_QUALITY=north.raster(poorer), **SETTINGS
    )
    rows = list(csv.DictReader(outcome.text("TABLE").splitlines()))
    expected = [connectivity(north, q, permeability) for q in (quality, poorer)]
    assert [float(row["C"]) for row in rows] == pytest.approx(expected, rel=1e-9)

    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(north.folder / "road.gpkg"))
    reference = osr.SpatialReference()
    reference.SetFromUserInput("EPSG:4326")
    layer = dataset.CreateLayer("road", reference, ogr.wkbLineString)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt("LINESTRING (13.3 71.99, 13.3 70.21)"))
    layer.CreateFeature(feature)
    feature = layer = dataset = None
    road = {"OBJECT": str(north.folder / "road.gpkg")}
    column = np.arange(11) == 5
    found = north.run("impact", quality, permeability, **road, **SETTINGS).numbers
    after = connectivity(north, np.where(column, 0.0, quality), np.where(column, 0.0, permeability))
    assert found["C_AFTER"] == pytest.approx(after, rel=1e-9)
    with pytest.raises(InputError, match=r"^WIDTH: On rasters of longitudes and latitudes map units are degrees"):
        north.check("impact", quality, permeability, **road, WIDTH=1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MINIMUM_PATCH": 1.0}, r"^MINIMUM_PATCH: On rasters of longitudes and latitudes cells have no single size"),
        ({"TARGET": "current"}, r"^TARGET: Currents are not computed on rasters of longitudes"),
    ],
)
def test_what_takes_cells_of_one_size_is_refused(north, settings, message):
    with pytest.raises(InputError, match=message):
        north.check("prioritisation", *hills(), **settings)


def test_what_cells_cost_that_cannot_be_acted_in_is_no_matter(north):
    quality, permeability = hills()
    cost = np.where(np.nan_to_num(permeability) > 0, 1.0, 0.0)
    north.check("prioritisation", quality, permeability, COST=cost, **SETTINGS)
    cost[np.unravel_index(np.nanargmax(permeability), cost.shape)] = 0
    with pytest.raises(InputError, match=r"^COST: 1 cell costs nothing"):
        north.check("prioritisation", quality, permeability, COST=cost, **SETTINGS)
