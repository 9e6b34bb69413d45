"""Ini files of Omniscape: its stored results, its options, its errors; and jobs of both algorithms from file to file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from small_landscapes import Laboratory, Listener, read_raster, run_job

from backend import omniscape_settings, registry
from backend.errors import Cancelled, InputError, MemoryPlanError
from backend.job import Job
from backend.outputs import Outputs
from backend.raster_grid import Grid

REFERENCE = Path(__file__).resolve().parents[2] / "reference" / "omniscape"
# Omniscape's conjugate gradients stop at 1e-6.
CASES = [
    ("config", "test1", 1e-6),
    ("config3", "test3", 1e-6),
    ("config5", "test5", 1e-6),
    ("config_reclass", "test_reclass", 1e-6),
]


@pytest.fixture(autouse=True)
def journals(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTWAY_JOURNALS", str(tmp_path / "journals"))


@pytest.fixture
def laboratory(tmp_path) -> Laboratory:
    return Laboratory(tmp_path)


def ini_job(ini: Path | str, folder: Path, mode: str = "compatible") -> Job:
    return Job.from_dict(
        {
            "analysis": "omniscapeini",
            "parameters": {"INI": str(ini), "MODE": mode},
            "outputs": {"OUTPUT_FOLDER": str(folder)},
        }
    )


def distance(found: Path, expected: Path) -> float:
    """Return the relative difference as Omniscape's own tests measure it, nodata as -9999."""
    a, b = (np.nan_to_num(read_raster(path)[0], nan=-9999) for path in (found, expected))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize(("ini", "case", "tolerance"), CASES, ids=[case for _, case, _ in CASES])
def test_stored_results_are_reproduced(tmp_path, ini, case, tolerance):
    out = tmp_path / "out"
    run_job(ini_job(REFERENCE / "input" / f"{ini}.ini", out))
    compared = 0
    for expected in (REFERENCE / "output_verify" / case).iterdir():
        if expected.suffix in (".tif", ".asc"):
            assert distance(out / expected.name, expected) < tolerance, expected.name
            compared += 1
    assert compared
    assert "block_size" in (out / "config.ini").read_text()


def test_modes_differ_near_the_edge_only_where_nothing_lacks(tmp_path):
    ini = REFERENCE / "input" / "config.ini"
    for mode in ("compatible", "corrected"):
        run_job(ini_job(ini, tmp_path / mode, mode))
    one, other = (read_raster(tmp_path / mode / "cum_currmap.tif")[0] for mode in ("compatible", "corrected"))
    # Windows that the top and left edge cut lie within radius + buffer = 7 cells of it and reach 7 more.
    np.testing.assert_allclose(one[15:, 15:], other[15:, 15:], 1e-9)
    assert np.abs(one / other - 1)[:7, :7].max() > 0.02


def edited(folder: Path, **lines: str) -> Path:
    shutil.copytree(REFERENCE / "input", folder / "input", dirs_exist_ok=True)
    text = (folder / "input" / "config.ini").read_text() + "\n"
    text += "".join(f"{name} = {value}\n" for name, value in lines.items())
    path = folder / "edited.ini"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"radius": "500"}, "whole raster .30 rows x 30 columns."),
        ({"radius": "x"}, "radius = x is no number"),
        ({"block_size": "9"}, "larger than the radius"),
        ({"source_file": "input/nowhere.asc"}, "found neither"),
        ({"conditional": "true", "condition1_file": "input/temperature.asc", "comparison1": "foo"}, "not known"),
        ({"condition1_file": "input/temperature.asc"}, "conditional is not true"),
        ({"n_conditions": "3", "conditional": "true"}, "not known"),
        ({"source_from_resistance": "true", "r_cutoff": "0"}, "leaves no source"),
        ({"source_threshold": "99"}, "no target"),
        ({"source_file": "input/resistance1.asc"}, "rows"),
    ],
)
def test_a_bad_ini_is_refused_in_words(tmp_path, lines, message):
    job = ini_job(edited(tmp_path, **lines), tmp_path / "out")
    with pytest.raises(InputError, match=message) as caught:
        registry.load("analyses", "omniscapeini").check(job, Listener())
    assert caught.value.parameter == "INI"


def rasters(laboratory: Laboratory, landscape, **more):
    resistance, strength = landscape(True)
    files = {"RESISTANCE": laboratory.raster(resistance), "SOURCE": laboratory.raster(strength)}
    return {**files, "SOURCE_FROM": "raster", "RADIUS": 5, "BLOCK": 3, **more}


def job_of(laboratory: Laboratory, values, *outputs: str, **settings) -> Job:
    endings = {"REPORT": ".html"}
    paths = {name: str(laboratory.folder / f"{name.lower()}{endings.get(name, '.tif')}") for name in outputs}
    return Job.from_dict({"analysis": "omnidirectionalcurrent", "parameters": values, "outputs": paths, **settings})


MAPS = ("CUMULATIVE_CURRENT", "FLOW_POTENTIAL", "NORMALISED_CURRENT")


def test_the_algorithm_writes_its_maps(laboratory, landscape, currents):
    from omnidirectional_oracle import Question

    resistance, strength = landscape(True)
    outcome = run_job(job_of(laboratory, rasters(laboratory, landscape), *MAPS, "SENSITIVITY", "REPORT"))
    expected = currents(Question(resistance, strength, block=3))
    for name, values in zip(MAPS, expected, strict=True):
        np.testing.assert_allclose(outcome.map(name), np.where(np.isnan(resistance), np.nan, values), 1e-6, 1e-6)
    ratio = expected[2][np.isfinite(resistance)]
    assert outcome.numbers["MEAN_NORMALISED"] == pytest.approx(ratio.mean(), rel=1e-9)
    assert "Normalised current" in outcome.text("REPORT")
    assert np.isfinite(outcome.map("SENSITIVITY")).any()


def test_lengths_in_map_units_and_a_part_of_the_raster(laboratory, landscape):
    values = rasters(laboratory, landscape)
    in_cells = run_job(job_of(laboratory, values, *MAPS)).map("CUMULATIVE_CURRENT")
    metres = {**values, "UNITS": "map_units", "RADIUS": 50, "BLOCK": 30}
    np.testing.assert_array_equal(run_job(job_of(laboratory, metres, *MAPS)).map("CUMULATIVE_CURRENT"), in_cells)
    part = {**values, "EXTENT": [200_000.0, 200_200.0, 1_300_000.0 - 150, 1_300_000.0]}
    assert run_job(job_of(laboratory, part, *MAPS)).map("CUMULATIVE_CURRENT").shape == (15, 20)


def test_reclassification_missing_stands_for_nodata(laboratory, tmp_path):
    cover = np.random.default_rng(0).integers(1, 4, (20, 20)).astype(float)
    (tmp_path / "table.txt").write_text("1\t10\n2 missing\n")
    values = {"RESISTANCE": laboratory.raster(cover), "RECLASS_TABLE": str(tmp_path / "table.txt"), "RADIUS": 4}
    outcome = run_job(job_of(laboratory, values, "CUMULATIVE_CURRENT", "RECLASSIFIED_RESISTANCE"))
    made = outcome.map("RECLASSIFIED_RESISTANCE")
    np.testing.assert_array_equal(made, np.select([cover == 1, cover == 2], [10, np.nan], cover))
    np.testing.assert_array_equal(np.isnan(outcome.map("CUMULATIVE_CURRENT")), cover == 2)


class Impatient(Listener):
    """Asks to stop after some progress."""

    def raise_if_cancelled(self) -> None:
        if self.fractions and self.fractions[-1] > 0.55 and len(self.fractions) > 20:
            raise Cancelled


def test_a_run_that_was_stopped_goes_on_bit_by_bit(laboratory, landscape, monkeypatch):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    monkeypatch.setattr("backend.journal._SHARE", 0)
    monkeypatch.setattr("backend.journal.code_digest", lambda: "the code as it is")
    resistance, strength = landscape(True, (60, 30))
    values = {
        "RESISTANCE": laboratory.raster(resistance),
        "SOURCE": laboratory.raster(strength),
        "SOURCE_FROM": "raster",
        "RADIUS": 5,
    }
    job = job_of(laboratory, values, *MAPS)
    analysis = registry.load("analyses", "omnidirectionalcurrent")
    with pytest.raises(Cancelled), Outputs(job) as outputs:
        analysis.run(job, Impatient(), outputs)
    resumed = run_job(job)
    assert any(text.startswith("Continuing") for text in resumed.heard.messages)
    computing = [f for f in resumed.heard.fractions if f < 1]
    found = {name: resumed.map(name) for name in MAPS}
    whole = run_job(job_of(laboratory, values, *MAPS))
    assert not any(text.startswith("Continuing") for text in whole.heard.messages)
    for name in MAPS:
        np.testing.assert_array_equal(whole.map(name), found[name])
    assert len(computing) < len([f for f in whole.heard.fractions if f < 1])


@pytest.mark.parametrize(
    ("change", "parameter", "message"),
    [
        ({"RADIUS": 400}, "RADIUS", "corner to corner"),
        ({"RADIUS": 0.5}, "RADIUS", "less than a cell"),
        ({"BLOCK": 7}, "BLOCK", "larger than the radius"),
        ({"BLOCK": 1.5}, "BLOCK", "no number of cells"),
        ({"SOURCE": None}, "SOURCE", "there is none"),
        ({"SOURCE_THRESHOLD": 9.0}, "SOURCE", "no target"),
        ({"DECAY_DISTANCE": -1.0}, "DECAY_DISTANCE", "> 0"),
    ],
)
def test_bad_input_is_refused_in_words(laboratory, landscape, change, parameter, message):
    values = {**rasters(laboratory, landscape), **change}
    with pytest.raises(InputError, match=message) as caught:
        registry.load("analyses", "omnidirectionalcurrent").check(job_of(laboratory, values), Listener())
    assert caught.value.parameter == parameter


def test_values_and_grids_that_cannot_be_used(laboratory, landscape):
    analysis = registry.load("analyses", "omnidirectionalcurrent")
    resistance, _ = landscape(True)
    negative = resistance.copy()
    negative[2, 3] = 0
    for values, message in (
        ({"RESISTANCE": laboratory.raster(negative)}, "row 3, column 4"),
        ({"RESISTANCE": laboratory.raster(resistance, crs="EPSG:4326")}, "longitudes"),
        ({"RESISTANCE": laboratory.raster(np.full((9, 9), np.nan))}, "No cell"),
        ({**rasters(laboratory, landscape), "TARGET": laboratory.raster(np.ones((4, 5)))}, "rows"),
        ({**rasters(laboratory, landscape), "CONDITION1_FUTURE": laboratory.raster(resistance)}, "CONDITION1"),
    ):
        with pytest.raises(InputError, match=message):
            analysis.check(job_of(laboratory, {"RADIUS": 3, **values}), Listener())


def test_an_even_block_becomes_odd_with_a_warning(laboratory, landscape):
    heard = Listener()
    values = {**rasters(laboratory, landscape), "BLOCK": 2}
    registry.load("analyses", "omnidirectionalcurrent").check(job_of(laboratory, values), heard)
    assert any("3 is used" in text for text in heard.warnings)


def test_a_plan_that_does_not_fit_says_what_would(laboratory, landscape):
    resistance = np.ones((300, 300))
    values = {"RESISTANCE": laboratory.raster(resistance), "RADIUS": 140}
    job = job_of(laboratory, values, "CUMULATIVE_CURRENT", memory_limit=500_000_000)
    with pytest.raises(MemoryPlanError, match=r"cells or less") as caught:
        registry.load("analyses", "omnidirectionalcurrent").check(job, Listener())
    reach = int(re.findall(r"to (\d+) cells", caught.value.remedy)[0])
    assert 0 < reach < 140
    fits = job_of(laboratory, {**values, "RADIUS": reach}, "CUMULATIVE_CURRENT", memory_limit=500_000_000)
    registry.load("analyses", "omnidirectionalcurrent").check(fits, Listener())


def test_direction_is_geographic_whichever_way_rows_are_stored(laboratory, landscape):
    resistance, strength = landscape(True)
    maps = []
    for south_up in (False, True):
        files = [laboratory.raster(values, south_up=south_up) for values in (resistance, strength)]
        values = {"RESISTANCE": files[0], "SOURCE": files[1], "SOURCE_FROM": "raster", "RADIUS": 5, "DIRECTION": 30}
        maps.append(run_job(job_of(laboratory, values, "CUMULATIVE_CURRENT")).map("CUMULATIVE_CURRENT"))
    np.testing.assert_allclose(maps[0], maps[1], 1e-5, 1e-6)


def test_an_ini_knows_oblong_cells_unless_it_has_to_be_compatible(tmp_path):
    folder = tmp_path / "oblong"
    ini = edited(folder)
    plain = [
        omniscape_settings.check_settings(omniscape_settings.read_settings(ini), compatible=c)[1] for c in (False, True)
    ]
    assert [window.step_height for window in plain] == [1, 1]
    settings = omniscape_settings.read_settings(ini)
    grid = Grid(30, 30, 0.0, 0.0, 10.0, 20.0, False, "")
    windows = [omniscape_settings.window_of(settings, grid, compatible=c) for c in (False, True)]
    assert [window.step_height for window in windows] == [grid.cell_height / grid.cell_width, 1]


def test_an_ini_that_was_changed_does_not_go_on_from_before(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    monkeypatch.setattr("backend.journal._SHARE", 0)
    monkeypatch.setattr("backend.journal.code_digest", lambda: "the code as it is")
    analysis = registry.load("analyses", "omniscapeini")
    job = ini_job(edited(tmp_path, radius="6", block_size="1"), tmp_path / "out", "corrected")
    with pytest.raises(Cancelled), Outputs(job) as outputs:
        analysis.run(job, Impatient(), outputs)
    assert outputs.can_be_continued
    edited(tmp_path, radius="4", block_size="1")
    changed = run_job(job)
    assert not any(text.startswith("Continuing") for text in changed.heard.messages)
    edited(tmp_path, radius="6", block_size="1")
    assert any(text.startswith("Continuing") for text in run_job(job).heard.messages)


def test_a_raster_of_one_column_has_a_report(laboratory):
    resistance = np.random.default_rng(2).uniform(1, 9, (25, 1))
    values = {"RESISTANCE": laboratory.raster(resistance), "RADIUS": 3}
    outcome = run_job(job_of(laboratory, values, *MAPS, "REPORT"))
    assert "hold" in outcome.text("REPORT")  # normalised current is 1 but for rounding


def test_sensitivity_is_that_of_the_mean_that_is_reported(laboratory):
    random = np.random.default_rng(4)
    resistance, strength = random.uniform(1, 9, (8, 9)), random.random((8, 9))
    resistance[:, 6] = np.nan  # behind it nothing flows
    strength[:, 6:] = 0
    source = laboratory.raster(strength)

    def run(values):
        given = {"RESISTANCE": laboratory.raster(values), "SOURCE": source, "SOURCE_FROM": "raster", "RADIUS": 3}
        return run_job(job_of(laboratory, given, "NORMALISED_CURRENT", "SENSITIVITY"))

    found, means = run(resistance).map("SENSITIVITY")[3, 3], []
    for change in (1e-4, -1e-4):
        other = resistance.copy()
        other[3, 3] += change
        means.append(run(other).numbers["MEAN_NORMALISED"])
    assert found == pytest.approx((means[0] - means[1]) / 2e-4, rel=1e-4)


def test_barriers_can_be_written_as_zero(laboratory, landscape):
    values = {**rasters(laboratory, landscape), "MASK_NODATA": False}
    masked = run_job(job_of(laboratory, {**values, "MASK_NODATA": True}, *MAPS))
    outcome = run_job(job_of(laboratory, values, *MAPS))
    assert outcome.numbers == masked.numbers
    found = outcome.map("CUMULATIVE_CURRENT")
    resistance, _ = landscape(True)
    assert (found[np.isnan(resistance)] == 0).all()
    assert gdal.Open(str(laboratory.folder / "cumulative_current.tif")).GetRasterBand(1).GetNoDataValue() == -9999
