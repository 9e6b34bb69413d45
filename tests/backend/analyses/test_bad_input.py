"""What can be wrong with the inputs of a job: the message names the parameter, the place and the remedy, before any work.

All of it comes from `check`, which the toolbox calls before it starts the worker.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from small_landscapes import ORIGIN, hills

from backend import window_plan
from backend.errors import InputError, MemoryPlanError

PAIR = hills()


def with_value(values: np.ndarray, place: tuple[int, int], value: float) -> np.ndarray:
    changed = values.copy()
    changed[place] = value
    return changed


GRIDS = {
    "CRS": ({"crs": "EPSG:28353"}, r"its CRS is EPSG:28353 \(.*\), that of QUALITY is EPSG:3112"),
    "no CRS": ({"crs": None}, r"its CRS is not set, that of QUALITY is EPSG:3112"),
    "cell size": ({"cell": (10.0, 12.5)}, r"its cells are 10 x 12.5 map units, those of QUALITY 10 x 10"),
    "position": (
        {"origin": (ORIGIN[0] + 3, ORIGIN[1])},
        r"its first corner lies at \(200003, 1300000\), that of QUALITY at \(200000,",
    ),
    "south up": ({"south_up": True}, r"its first corner lies at"),
}


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        *(("MOVEMENT", difference) for difference in GRIDS),
        *((name, "position") for name in ("COST", "CANDIDATES", "LOCKED_IN", "LOCKED_OUT")),
    ],
)
def test_another_grid(laboratory, name, difference):
    options, words = GRIDS[difference]
    quality, permeability = PAIR
    other = laboratory.raster(np.ones_like(permeability), **options)
    given: dict[str, Any] = {"quality": quality, "movement": permeability}
    given |= {"movement": other} if name == "MOVEMENT" else {name: other}
    with pytest.raises(
        InputError, match=rf"^{name}: Its grid is not that of QUALITY: {words}.* Warp it .* or set ALIGN to nearest"
    ):
        laboratory.check("prioritisation", **given)


def test_another_number_of_cells(laboratory):
    quality, permeability = PAIR
    with pytest.raises(InputError, match=r"^MOVEMENT: .*it has 8 rows and 11 columns, QUALITY 9 rows and 11 columns"):
        laboratory.check("connectivity", quality, permeability[:-1])


def test_align_cannot_guess_a_crs(laboratory):
    quality, permeability = PAIR
    movement = laboratory.raster(permeability, crs=None)
    with pytest.raises(
        InputError, match=r"^MOVEMENT: It cannot be aligned: its CRS is not set.*Assign the missing CRS"
    ):
        laboratory.check("connectivity", quality, movement, ALIGN="nearest")


def test_align_to_a_raster_that_is_stored_south_up(laboratory):
    quality, permeability = PAIR
    with pytest.raises(InputError, match=r"^MOVEMENT: .*quality raster is stored south up. Warp QUALITY"):
        laboratory.check("connectivity", laboratory.raster(quality, south_up=True), permeability, ALIGN="nearest")


@pytest.mark.parametrize(("name", "band"), [("QUALITY", 2), ("MOVEMENT", 7)])
def test_a_band_that_does_not_exist(laboratory, name, band):
    with pytest.raises(
        InputError, match=rf"^{name}_BAND: {name} has no band {band}. It has 1 band; choose from 1 to 1"
    ):
        laboratory.check("connectivity", *PAIR, **{f"{name}_BAND": band})


def test_a_file_that_does_not_exist(laboratory):
    with pytest.raises(
        InputError, match=r"^MOVEMENT: '/nowhere/slope.tif' cannot be opened as a raster.*Check the path"
    ):
        laboratory.check("connectivity", PAIR[0], "/nowhere/slope.tif")


def test_a_file_that_is_no_raster(laboratory):
    path = laboratory.folder / "notes.tif"
    path.write_text("no raster", encoding="utf-8")
    with pytest.raises(InputError, match=r"^QUALITY: '.*notes.tif' cannot be opened as a raster"):
        laboratory.check("connectivity", str(path), PAIR[1])


def test_a_rotated_raster(laboratory):
    path = laboratory.raster(PAIR[1])
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.SetGeoTransform((*ORIGIN[:1], 10, 2, ORIGIN[1], 2, -10))
    dataset = None
    with pytest.raises(InputError, match=r"^MOVEMENT: The raster is rotated or mirrored. Warp it"):
        laboratory.check("connectivity", PAIR[0], path)


def test_complex_numbers(laboratory):
    path = laboratory.folder / "complex.tif"
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 11, 9, 1, gdal.GDT_CFloat32)
    dataset.SetGeoTransform((ORIGIN[0], 10, 0, ORIGIN[1], 0, -10))
    dataset = None
    with pytest.raises(InputError, match=r"^QUALITY: The band holds complex numbers. Give a raster of real numbers"):
        laboratory.check("connectivity", str(path), PAIR[1])


def test_a_damaged_file(laboratory):
    quality = laboratory.raster(np.random.default_rng(0).random((400, 400)))
    Path(quality).write_bytes(Path(quality).read_bytes()[:200_000])
    with pytest.raises(InputError, match=r"^QUALITY: '.*' cannot be (read|opened).*"):
        laboratory.check("connectivity", quality, np.ones((400, 400)))


def test_negative_quality(laboratory):
    quality = with_value(with_value(PAIR[0], (2, 6), -0.25), (7, 1), -3)
    with pytest.raises(
        InputError, match=r"^QUALITY: Negative cells: 2 \(first at row 3, column 7\), down to -3; .* >= 0. Reclassify"
    ):
        laboratory.check("connectivity", quality, PAIR[1])


def test_the_place_is_that_in_the_whole_raster(laboratory):
    quality = with_value(PAIR[0], (2, 6), -0.25)
    extent = [ORIGIN[0] + 20, ORIGIN[0] + 110, ORIGIN[1] - 90, ORIGIN[1] - 10]
    with pytest.raises(InputError, match=r"first at row 3, column 7"):
        laboratory.check("connectivity", quality, PAIR[1], EXTENT=extent)


def test_infinite_quality(laboratory):
    with pytest.raises(InputError, match=r"^QUALITY: Infinite cells: 1 \(first at row 1, column 1\). Reclassify"):
        laboratory.check("connectivity", with_value(PAIR[0], (0, 0), np.inf), PAIR[1])


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("permeability", -0.5, r"value -0.5; permeability must be >= 0 and finite \(0 is a barrier\)"),
        ("permeability", np.inf, r"value inf; permeability must be >= 0 and finite"),
        ("resistance", 0.0, r"value 0; resistance must be > 0 \(nodata or infinity is a barrier\)"),
        ("resistance", -2.0, r"value -2; resistance must be > 0"),
        ("resistance", -np.inf, r"value -inf; resistance must be > 0"),
    ],
)
def test_movement_that_means_nothing(laboratory, kind, value, words):
    movement = with_value(np.ones((9, 11)), (4, 9), value)
    with pytest.raises(
        InputError, match=rf"^MOVEMENT: Cells that cannot be used: 1 \(first at row 5, column 10\), {words}"
    ):
        laboratory.check("connectivity", PAIR[0], movement, MOVEMENT_KIND=kind)


def test_infinite_resistance_is_a_barrier(laboratory):
    laboratory.check("connectivity", PAIR[0], with_value(np.ones((9, 11)), (4, 9), np.inf), MOVEMENT_KIND="resistance")


def test_all_nodata(laboratory):
    nothing = np.full((9, 11), np.nan)
    with pytest.raises(
        InputError, match=r"^QUALITY: No valid cell in its 9 rows and 11 columns: all are nodata. Check band"
    ):
        laboratory.check("connectivity", nothing, PAIR[1])
    with pytest.raises(
        InputError, match=r"^MOVEMENT: No valid cell .*: all are nodata or barriers. Check .*MOVEMENT_KIND"
    ):
        laboratory.check("connectivity", PAIR[0], nothing)
    with pytest.raises(InputError, match=r"^MOVEMENT: No valid cell"):
        laboratory.check("connectivity", PAIR[0], np.zeros((9, 11)))


def test_no_valid_cell_in_the_extent(laboratory):
    quality = PAIR[0].copy()
    quality[:4, :4] = np.nan
    extent = [ORIGIN[0], ORIGIN[0] + 40, ORIGIN[1] - 40, ORIGIN[1]]
    with pytest.raises(InputError, match=r"^QUALITY: No valid cell in its 4 rows and 4 columns.*EXTENT"):
        laboratory.check("connectivity", quality, PAIR[1], EXTENT=extent)


def test_an_extent_beside_the_raster(laboratory):
    with pytest.raises(
        InputError, match=r"^EXTENT: x 0 to 10, y 0 to 10 holds no cell of QUALITY \(x 200000 to 200110.*overlaps"
    ):
        laboratory.check("connectivity", *PAIR, EXTENT=[0, 10, 0, 10])


def test_a_transformation_beyond_what_numbers_hold(laboratory):
    with pytest.raises(
        InputError, match=r"^EXPONENT: The transformation turns 99 valid cells into resistance 0 or infinity. Choose"
    ):
        laboratory.check(
            "connectivity", np.ones((9, 11)), np.full((9, 11), 900.0), TRANSFORMATION="exponential", EXPONENT=50.0
        )


@pytest.mark.parametrize("distance", [0.0, 4.9])
def test_a_dispersal_distance_below_half_a_cell(laboratory, distance):
    with pytest.raises(
        InputError, match=rf"^DISPERSAL_DISTANCE: {distance:g} map units is less than half a cell.*map units"
    ):
        laboratory.check("connectivity", *PAIR, DISPERSAL_DISTANCE=distance)


def test_the_inverse_proximity_has_no_mean(laboratory):
    with pytest.raises(InputError, match=r"^DISPERSAL_MEANING: The inverse proximity has no finite mean.*median"):
        laboratory.check("connectivity", *PAIR, PROXIMITY="inverse", DISPERSAL_MEANING="mean")


def test_windows_that_exceed_the_memory_limit(laboratory):
    """The remedy is true: the window that is said to fit, fits."""
    big = np.ones((300, 300))
    limit = window_plan.fixed_memory(300, 300, gradient=True) + 10_000_000
    job = {"quality": big, "movement": big, "DISPERSAL_DISTANCE": 600.0, "settings": {"memory_limit": limit}}
    with pytest.raises(
        MemoryPlanError,
        match=r"^DISPERSAL_DISTANCE: The run needs about \d+ MB of memory, \d+ MB are allowed: windows of 553 x 553 cells on "
        r"300 x 300 cells. Windows of up to (\d+) x \1 cells would fit: lower DISPERSAL_DISTANCE or raise CUTOFF, set "
        r"MAXIMUM_WINDOW to \d+ or less",
    ) as caught:
        laboratory.check("sensitivity", **job)
    radius = int(caught.value.remedy.split("MAXIMUM_WINDOW to ")[1].split(" ")[0])
    heard = laboratory.check("sensitivity", **job, MAXIMUM_WINDOW=radius)
    assert any(f"MAXIMUM_WINDOW = {radius} cells cuts" in warning for warning in heard.warnings)


def test_a_limit_that_the_engine_alone_exceeds(laboratory):
    with pytest.raises(
        MemoryPlanError, match=r"300 MB are allowed.*Raise the memory limit: the engine alone takes about \d+ MB"
    ):
        laboratory.check("connectivity", *PAIR, settings={"memory_limit": 300_000_000})


def test_free_memory_is_the_limit_where_none_is_given(laboratory, monkeypatch):
    monkeypatch.setattr(window_plan, "available_memory", lambda: 400_000_000)
    with pytest.raises(MemoryPlanError, match=r"320 MB are allowed"):
        laboratory.check("connectivity", *PAIR)


EMPTY = np.zeros((9, 11))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"BUDGET": 0}, r"^BUDGET: It is 0: nothing can be done. Give a budget above 0"),
        ({"BUDGET": 0.5}, r"^BUDGET: 0.5 does not pay for one cell: the cheapest takes 1 cell. Raise it"),
        ({"BUDGET": 99, "BUDGET_UNIT": "area"}, r"^BUDGET: 99 does not pay for one cell: the cheapest takes 100 area"),
        ({"BUDGET_UNIT": "cost"}, r"^BUDGET_UNIT: The budget is a cost, but there is no COST raster. Give COST"),
        ({"CANDIDATES": EMPTY}, r"^CANDIDATES: The mask is empty: no cell has a value other than 0. Mark cells"),
        ({"CANDIDATES": EMPTY * np.nan}, r"^CANDIDATES: The mask is empty"),
        ({"LOCKED_OUT": EMPTY + 1}, r"^CANDIDATES: No cell is left to act in: .* Check CANDIDATES, LOCKED_OUT"),
        (
            {"COST": EMPTY},
            r"^COST: 92 cells cost nothing, .*first at row 1, column 1: 0\). Give every candidate a cost > 0",
        ),
        ({"COST": with_value(EMPTY + 1, (1, 3), -2)}, r"^COST: 1 cell costs .*row 2, column 4: -2\)"),
        ({"COST": with_value(EMPTY + 1, (1, 3), np.inf)}, r"^COST: 1 cell costs .*infinitely much .*: inf\)"),
        ({"COST": EMPTY * np.nan}, r"^CANDIDATES: No cell is left to act in: .*have a cost"),
        (
            {"LOCKED_IN": EMPTY + 1, "BUDGET": 20},
            r"^LOCKED_IN: Its \d+ cells take \d+ cells, the budget is 20. Raise BUDGET or lock fewer",
        ),
        (
            {"ACTION": "raise_permeability_to", "AMOUNT": 0.01},
            r"^ACTION: It changes nothing in any of the \d+ candidates. Check .*AMOUNT",
        ),
        (
            {"TRANSFORMATION": "exponential", "EXPONENT": 100.0, "AMOUNT": 20.0},
            r"^AMOUNT: Raising permeability .* 20 turns transformed resistances into 0. Choose a smaller AMOUNT",
        ),
    ],
)
def test_budgets_costs_and_masks(laboratory, parameters, match):
    with pytest.raises(InputError, match=match):
        laboratory.check("prioritisation", *PAIR, **parameters)


def test_nothing_chosen(laboratory):
    with pytest.raises(InputError, match=r"^WITH_RESPECT_TO: Nothing is chosen. Choose from: movement, quality"):
        laboratory.check("sensitivity", *PAIR, WITH_RESPECT_TO=[])
