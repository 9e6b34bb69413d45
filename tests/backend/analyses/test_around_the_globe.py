"""Every landscape analysis on a world that closes: across 180 degrees as anywhere else, wherever the raster begins."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from small_landscapes import Laboratory, Outcome

from backend.errors import InputError

RADIUS = (2 * 6378137.0 + 6356752.314245179) / 3
ROWS, COLUMNS, STEP, TOP = 6, 36, (10.0, 2.0), 72.0
SETTINGS = {"DISPERSAL_DISTANCE": 3e5, "CUTOFF": 0.1, "SELF": False}
TO_QUALITY = {"ACTION": "raise_both", "AMOUNT": 0.3, "AMOUNT_QUALITY": 0.5}


class World(Laboratory):
    """Writes its rasters in cells of 10 x 2 degrees around the globe."""

    def raster(self, *bands: np.ndarray, name: str = "", **options) -> str:
        place = {"cell": (360 / bands[0].shape[1], STEP[1]), "origin": (-180.0, TOP), "crs": "EPSG:4326"}
        return super().raster(*bands, name=name, **{**options, **place})


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture(scope="module")
def land() -> tuple[np.ndarray, np.ndarray]:
    """The best habitat lies on either side of 180 degrees."""
    random = np.random.default_rng(14)
    quality, permeability = random.uniform(0.1, 0.3, (ROWS, COLUMNS)), random.uniform(0.4, 0.7, (ROWS, COLUMNS))
    quality[1:5, [0, 1, 34, 35]] += 2
    permeability[random.random((ROWS, COLUMNS)) < 0.1] = np.nan
    permeability[2:4, [0, 35]] = 0.5
    return quality, permeability


def rolled(pair, by: int):
    return [np.roll(values, by, axis=1) for values in pair]


def connectivity(world: World, pair, **settings) -> float:
    return world.run("connectivity", *pair, **{**SETTINGS, **settings}).numbers["C"]


def prioritised(world: World, pair, **settings) -> Outcome:
    options = {"BUDGET": 6.0, "ROUNDS": 2, "RANDOM_DRAWS": 1, "EXCHANGES": 0, "BOUND": False, **TO_QUALITY}
    return world.run("prioritisation", *pair, outputs=("SELECTION",), **{**options, **SETTINGS, **settings})


@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
def test_the_gain_of_a_plan_is_that_of_connectivity(world, land, distance):
    declared = {"DISTANCE": distance}
    outcome = prioritised(world, land, **declared)
    selected = outcome.map("SELECTION") == 1
    assert selected.sum() == 6
    quality, permeability = land
    changed = np.where(selected, quality + 0.5, quality), permeability + 0.3 * selected
    before, after = connectivity(world, land, **declared), connectivity(world, changed, **declared)
    assert outcome.numbers["C_BEFORE"] == pytest.approx(before, rel=1e-9)
    assert outcome.numbers["GAIN"] == pytest.approx(after - before, rel=1e-7)
    assert before > connectivity(world, land, WRAP="never", **declared)


def test_a_plan_does_not_depend_on_where_the_raster_begins(world, land):
    one = prioritised(world, land)
    other = prioritised(world, rolled(land, 14), BOUND=True)
    np.testing.assert_array_equal(np.roll(other.map("SELECTION"), -14, axis=1), one.map("SELECTION"))
    assert np.nansum(one.map("SELECTION")[:, [0, 1, 34, 35]]) > 0
    assert other.numbers["GAIN"] == pytest.approx(one.numbers["GAIN"], rel=1e-9)
    assert other.numbers["BEST_POSSIBLE"] >= other.numbers["GAIN"]


def test_ranking_and_scenarios_close_as_well(world, land):
    steps = {"STEPS": 2, **SETTINGS, "DISPERSAL_DISTANCE": 1e6}  # cells that are connected with nothing tie
    maps = [
        world.run("landscaperanking", *rolled(land, by), outputs=("PRIORITY",), **steps).map("PRIORITY")
        for by in (0, 14)
    ]
    np.testing.assert_allclose(np.roll(maps[1], -14, axis=1), maps[0], rtol=1e-6)
    poorer = np.where(np.arange(COLUMNS) == 0, 0.0, land[0])
    outcome = world.run("evaluatescenarios", *land, outputs=("TABLE",), STACK_QUALITY=world.raster(poorer), **SETTINGS)
    rows = list(csv.DictReader(outcome.text("TABLE").splitlines()))
    expected = [connectivity(world, (quality, land[1])) for quality in (land[0], poorer)]
    assert [float(row["C"]) for row in rows] == pytest.approx(expected, rel=1e-9)


def test_metapopulation_capacity_and_criticality_roll(world, land):
    options = {"outputs": ("METAPOPULATION_SHARE", "CRITICALITY"), **SETTINGS}
    one, other = (world.run("connectivity", *rolled(land, by), **options) for by in (0, 9))
    capacity = "METAPOPULATION_CAPACITY"
    assert other.numbers[capacity] == pytest.approx(one.numbers[capacity], rel=1e-9)
    for name in ("METAPOPULATION_SHARE", "CRITICALITY"):
        moved = np.roll(other.map(name), -9, axis=1)
        np.testing.assert_allclose(moved, one.map(name), rtol=1e-4, atol=1e-6 * np.nanmax(one.map(name)))


def test_movement_flows_across_the_seam(world, land):
    options = {"outputs": ("FLOW", "STEP_FLOW"), **{name: SETTINGS[name] for name in SETTINGS if name != "SELF"}}
    one, other = (world.run("movementflow", *rolled(land, by), **options) for by in (0, 11))
    for name in ("FLOW", "STEP_FLOW"):
        wanted = one.bands(name)
        found = np.roll(other.bands(name), -11, axis=2)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7 * np.nanmax(wanted))
    assert np.nansum(one.bands("STEP_FLOW")[0][:, -1]) > 0.01 * np.nansum(one.bands("STEP_FLOW")[0])
    assert one.numbers["TOTAL_MOVEMENT"] == pytest.approx(connectivity(world, land), rel=1e-9)
    with pytest.raises(InputError, match=r"^WHOLE_RASTER: .*close around the globe.*Set WRAP to never"):
        world.check("movementflow", *land, DISTANCE="free_energy", DISPERSAL_DISTANCE=2.0, WHOLE_RASTER=True)


def distances(permeability: np.ndarray, step: tuple[float, float], top: float) -> np.ndarray:
    """Return least costs between all cells of open ground around the globe."""
    rows, columns = permeability.shape
    width = [RADIUS * math.radians(step[0]) * math.cos(math.radians(top - (i + 0.5) * step[1])) for i in range(rows)]
    height = RADIUS * math.radians(step[1])
    costs = np.zeros((rows * columns,) * 2)
    for i, j in np.ndindex(rows, columns):
        for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
            k, m = i + down, (j + right) % columns
            if k < rows:
                length = math.hypot(height * down, (width[i] + width[k]) / 2 * right)
                mean = (1 / permeability[i, j] + 1 / permeability[k, m]) / 2
                costs[i * columns + j, k * columns + m] = length * mean
    return dijkstra(csr_matrix(costs), directed=False)


def test_far_cells_are_aggregated_around_the_globe(world):
    """Near the equator, where no way between near cells leaves their window."""
    rows, columns, step, side = 8, 24, (15.0, 2.0), 2
    random = np.random.default_rng(3)
    quality, permeability = random.uniform(0, 1, (rows, columns)), np.full((rows, columns), 0.8)

    class Equator(World):
        def raster(self, *bands, name="", **options):
            place = {"cell": step, "origin": (0.0, 8.0), "crs": "EPSG:4326"}
            return Laboratory.raster(self, *bands, name=name, **{**options, **place})

    equator = Equator(world.folder)
    settings = {"DISPERSAL_DISTANCE": 4e6, "CUTOFF": 0.2, "SELF": False, "COARSENING": side}
    found = equator.run("connectivity", quality, permeability, outputs=("FUNCTIONAL_HABITAT",), **settings)
    scale, reach = 4e6, 4e6 * math.log(5)

    def proximity(distance: np.ndarray) -> np.ndarray:
        return np.where(distance <= reach, np.exp(-distance / scale), 0)

    summed = quality.reshape(rows // side, side, columns // side, side).sum(axis=(1, 3))
    coarse = np.full(summed.shape, 0.8)
    fine_k = proximity(distances(permeability, step, 8.0))
    far_k = proximity(distances(coarse, (step[0] * side, step[1] * side), 8.0))
    place = np.arange(rows * columns)
    row, column = place // columns // side, place % columns // side
    apart = np.abs(column[:, None] - column)
    near = (np.abs(row[:, None] - row) <= 2) & (np.minimum(apart, columns // side - apart) <= 2)
    own = row * (columns // side) + column
    q = quality.ravel()
    np.fill_diagonal(fine_k, 0)
    of_near = (fine_k * near) @ q
    rows_c, columns_c = np.divmod(np.arange(summed.size), columns // side)
    apart = np.abs(columns_c[:, None] - columns_c)
    far = (np.abs(rows_c[:, None] - rows_c) > 2) | (np.minimum(apart, columns // side - apart) > 2)
    of_far = ((far_k * far) @ summed.ravel())[own]
    np.testing.assert_allclose(found.map("FUNCTIONAL_HABITAT").ravel(), q * (of_near + of_far), rtol=1e-6)
    to = {"WITH_RESPECT_TO": ["movement", "quality"]}
    gradient = equator.run("sensitivity", quality, permeability, outputs=("SENSITIVITY",), **to, **settings)
    turned = equator.run("sensitivity", *rolled((quality, permeability), 8), outputs=("SENSITIVITY",), **to, **settings)
    assert gradient.numbers["C"] == pytest.approx(found.numbers["C"], rel=1e-9)
    bands = gradient.bands("SENSITIVITY")
    np.testing.assert_allclose(
        np.roll(turned.bands("SENSITIVITY"), -8, axis=2), bands, rtol=1e-5, atol=1e-7 * float(np.nanmax(abs(bands)))
    )
    with pytest.raises(InputError, match=r"^COARSENING: .*coarse cells of 7 columns do not fit: there are 24"):
        equator.check("connectivity", quality, permeability, **{**settings, "COARSENING": 7})
