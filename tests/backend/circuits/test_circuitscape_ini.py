"""Ini files of Circuitscape: what they say, where their files lie, what comes out under which name."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from circuit_oracle import Oracle, terrain
from osgeo import gdal
from small_landscapes import Listener, run_job, write_raster

from backend import registry
from backend.circuitscape_settings import read_settings
from backend.errors import InputError
from backend.job import Job

CELL = (10.0, 10.0)
ORIGIN = (0.0, 90.0)
BASICS = {
    "scenario": "pairwise",
    "habitat_file": "habitat.asc",
    "point_file": "points.txt",
    "output_file": "out/case.out",
}


def asc(path: Path, values: np.ndarray) -> Path:
    rows, columns = values.shape
    lines = [
        f"ncols {columns}",
        f"nrows {rows}",
        "xllcorner 0",
        f"yllcorner {90 - 10 * rows}",
        "cellsize 10",
        "NODATA_value -9999",
    ]
    lines += [" ".join("-9999" if np.isnan(v) else f"{v:.17g}" for v in row) for row in values]
    path.write_text("\n".join(lines) + "\n")
    return path


def centre(row: int, column: int) -> str:
    return f"{10 * column + 5}\t{90 - 10 * row - 5}"


class Case:
    """A folder with an ini and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conductance = terrain(7, 6, seed=41, decades=1, holes=0)
        self.conductance[2, 3] = 0
        with np.errstate(divide="ignore"):
            asc(folder / "habitat.asc", np.where(self.conductance > 0, 1 / self.conductance, np.nan))
        self.cells = [0, 5, 38]
        self.points(1, 2, 3)

    def points(self, *ids: int) -> None:
        rows = [f"{i}\t{centre(*divmod(c, 6))}" for i, c in zip(ids, self.cells, strict=True)]
        (self.folder / "points.txt").write_text("\n".join(rows) + "\n")

    def ini(self, **more: Any) -> Path:
        path = self.folder / "case.ini"
        path.write_text("[Some section]\n" + "".join(f"{k} = {v}\n" for k, v in {**BASICS, **more}.items()))
        return path

    def job(self, ini: Path) -> Job:
        outputs = {"OUTPUT_FOLDER": str(self.folder / "results")}
        return Job.from_dict(
            {"job": 1, "analysis": "circuitscapeini", "parameters": {"INI": str(ini)}, "outputs": outputs}
        )

    def run(self, **more: Any) -> tuple[dict[str, Path], Listener]:
        outcome = run_job(self.job(self.ini(**more)))
        return {p.name: p for p in (self.folder / "results").iterdir()}, outcome.heard

    def refusal(self, **more: Any) -> str:
        with pytest.raises(InputError) as caught:
            registry.load("analyses", "circuitscapeini").check(self.job(self.ini(**more)), Listener())
        return str(caught.value)

    def pair_map(self, one: int, other: int, **options: Any) -> np.ndarray:
        oracle = Oracle(self.conductance, **options)
        return oracle.map(oracle.through(oracle.pair_potential(one, other)))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def grid(path: Path) -> np.ndarray:
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    return np.frombuffer(band.ReadRaster(buf_type=gdal.GDT_Float64)).reshape(dataset.RasterYSize, dataset.RasterXSize)


def test_the_names_of_a_pairwise_run(case):
    files, _ = case.run(write_cur_maps="True", write_volt_maps="True", write_max_cur_maps="True")
    pairs = ["1_2", "1_3", "2_3"]
    assert set(files) == {
        "case.out",
        "case_resistances.out",
        "case_resistances_3columns.out",
        "case_cum_curmap.asc",
        "case_max_curmap.asc",
        *(f"case_curmap_{pair}.asc" for pair in pairs),
        *(f"case_voltmap_{pair}.asc" for pair in pairs),
    }
    expected = [case.pair_map(a, b) for a, b in ((0, 5), (0, 38), (5, 38))]
    np.testing.assert_allclose(grid(files["case_curmap_1_3.asc"]), expected[1], atol=1e-7)
    np.testing.assert_allclose(grid(files["case_cum_curmap.asc"]), sum(expected), atol=1e-7)
    np.testing.assert_allclose(grid(files["case_max_curmap.asc"]), np.maximum.reduce(expected), atol=1e-7)
    matrix = np.loadtxt(files["case_resistances.out"])
    np.testing.assert_array_equal(matrix[0], [0, 1, 2, 3])
    assert matrix[1, 3] == pytest.approx(Oracle(case.conductance).resistance(0, 38))
    np.testing.assert_allclose(np.loadtxt(files["case_resistances_3columns.out"])[1], [1, 3, matrix[1, 3]])


def test_without_maps_there_are_tables_alone(case):
    files, _ = case.run()
    assert set(files) == {"case.out", "case_resistances.out", "case_resistances_3columns.out"}


def test_the_sum_alone(case):
    files, _ = case.run(write_cur_maps="True", write_cum_cur_map_only="True")
    assert {name for name in files if "curmap" in name} == {"case_cum_curmap.asc"}


def test_log_scales_are_summed_as_circuitscape_does(case):
    """Cells without current are -9999 in every pair's map and in the sum."""
    files, _ = case.run(write_cur_maps="True", log_transform_maps="True", write_max_cur_maps="True")
    expected = [case.pair_map(a, b) for a, b in ((0, 5), (0, 38), (5, 38))]
    with np.errstate(divide="ignore"):
        logs = [np.where(e > 0, np.log10(e), -9999) for e in expected]
    np.testing.assert_allclose(grid(files["case_curmap_2_3.asc"]), logs[2], atol=1e-6)
    np.testing.assert_allclose(grid(files["case_cum_curmap.asc"]), np.maximum(sum(logs), -9999), atol=1e-6)
    np.testing.assert_allclose(grid(files["case_max_curmap.asc"]), np.maximum.reduce(logs), atol=1e-6)


def test_gaps_become_nodata_where_that_is_set(case):
    files, _ = case.run(
        write_cur_maps="True",
        write_volt_maps="True",
        set_null_currents_to_nodata="True",
        set_null_voltages_to_nodata="1",
    )
    for name in ("case_curmap_1_2.asc", "case_cum_curmap.asc", "case_voltmap_1_2.asc"):
        assert (grid(files[name]) == -9999).sum() == 1
        assert grid(files[name])[2, 3] == -9999


def test_maps_as_geotiff(case):
    files, _ = case.run(write_cur_maps="True", write_as_tif="true")
    np.testing.assert_allclose(grid(files["case_curmap_1_2.tif"]), case.pair_map(0, 5), atol=1e-7)


@pytest.mark.parametrize("neighbours", [4, 8])
@pytest.mark.parametrize("rule", ["average_conductance", "average_resistance"])
def test_how_cells_are_joined(case, neighbours, rule):
    files, _ = case.run(
        write_cur_maps="True",
        connect_four_neighbors_only=str(neighbours == 4),
        connect_using_avg_resistances=str(rule == "average_resistance"),
    )
    expected = case.pair_map(0, 38, neighbours=neighbours, rule=rule)
    np.testing.assert_allclose(grid(files["case_curmap_1_3.asc"]), expected, atol=1e-7)


def test_conductances_mask_and_a_zipped_grid(case):
    mask = np.ones((7, 6))
    mask[4, :3] = 0
    mask[5, 5] = np.nan
    asc(case.folder / "mask.asc", mask)
    plain = asc(case.folder / "conductance.asc", np.where(case.conductance > 0, case.conductance, np.nan))
    (case.folder / "conductance.asc.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    files, _ = case.run(
        write_cur_maps="True",
        habitat_file="conductance.asc.gz",
        habitat_map_is_resistances="False",
        use_mask="True",
        mask_file="mask.asc",
    )
    case.conductance = np.where(mask > 0, case.conductance, 0)
    np.testing.assert_allclose(grid(files["case_curmap_1_3.asc"]), case.pair_map(0, 38), atol=1e-7)


def test_a_gap_inside_a_short_circuit_region_conducts(case):
    """So Circuitscape does it: the gap joins the region, and its neighbours are joined to it."""
    regions = np.zeros((7, 6))
    regions[2, 2:5] = 8
    asc(case.folder / "regions.asc", np.where(regions > 0, regions, np.nan))
    files, _ = case.run(write_cur_maps="True", use_polygons="True", polygon_file="regions.asc")
    node = case.conductance > 0
    node[2, 3] = True
    expected = case.pair_map(0, 38, group=regions.astype(int), node=node)
    np.testing.assert_allclose(grid(files["case_curmap_1_3.asc"]), expected, atol=1e-7)


def test_included_pairs(case):
    (case.folder / "pairs.txt").write_text("mode\tinclude\n1\t3\n")
    files, _ = case.run(write_cur_maps="True", use_included_pairs="True", included_pairs_file="pairs.txt")
    assert {name for name in files if "_curmap_" in name} == {"case_curmap_1_3.asc"}
    np.testing.assert_array_equal(np.loadtxt(files["case_resistances.out"])[0], [0, 1, 3])


def test_one_to_all_with_strengths(case):
    (case.folder / "strengths.txt").write_text("3 0.5\n1 2\n")  # by id, whatever the order; 2 gets 1 A
    files, _ = case.run(
        scenario="one-to-all",
        write_cur_maps="True",
        write_volt_maps="True",
        write_max_cur_maps="True",
        use_variable_source_strengths="True",
        variable_source_file="strengths.txt",
    )
    assert {f"case_{kind}_{i}.asc" for kind in ("curmap", "voltmap") for i in (1, 2, 3)} <= set(files)
    oracle = Oracle(case.conductance)
    ground = np.zeros(oracle.count)
    ground[[oracle.at(5), oracle.at(38)]] = np.inf
    source = np.zeros(oracle.count)
    source[oracle.at(0)] = 2
    voltage = oracle.solve(source, ground)
    np.testing.assert_allclose(grid(files["case_voltmap_1.asc"]), oracle.map(voltage), atol=1e-6)
    np.testing.assert_allclose(grid(files["case_curmap_1.asc"]), oracle.map(oracle.through(voltage)), atol=1e-7)
    table = np.loadtxt(files["case_resistances.out"])
    assert table[0, 1] == pytest.approx(voltage[oracle.at(0)] / 2)
    assert table[:, 0].tolist() == [1, 2, 3]
    maps = [grid(files[f"case_curmap_{i}.asc"]) for i in (1, 2, 3)]
    np.testing.assert_allclose(grid(files["case_cum_curmap.asc"]), sum(maps), atol=1e-9)
    np.testing.assert_allclose(grid(files["case_max_curmap.asc"]), np.maximum.reduce(maps), atol=1e-9)


def test_all_to_one_and_what_it_excludes(case):
    """An excluded focal node stays a source of 1 A in Circuitscape."""
    (case.folder / "pairs.txt").write_text("mode include\n1 2\n3 0\n")
    files, _ = case.run(
        scenario="all-to-one", write_cur_maps="True", use_included_pairs="True", included_pairs_file="pairs.txt"
    )
    oracle = Oracle(case.conductance)
    source, ground = np.zeros(oracle.count), np.zeros(oracle.count)
    source[[oracle.at(5), oracle.at(38)]] = 1
    ground[oracle.at(0)] = np.inf
    expected = oracle.map(oracle.through(oracle.solve(source, ground)))
    np.testing.assert_allclose(grid(files["case_curmap_1.asc"]), expected, atol=1e-7)
    np.testing.assert_array_equal(np.loadtxt(files["case_resistances.out"]), [[1, 0], [2, 0], [3, -1]])
    assert {name for name in files if "_curmap_" in name} == {"case_curmap_1.asc", "case_curmap_2.asc"}


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("is_resistance", ["True", "False"])
def test_advanced(case, as_list, is_resistance):
    sources, grounds = {0: 1.0, 20: -0.5, 36: 2.0}, {5: 4.0, 41: 0.0, 36: 0.5}
    names = {}
    for name, given in (("sources", sources), ("grounds", grounds)):
        if as_list:
            path = case.folder / f"{name}.txt"
            path.write_text("".join(f"{v}\t{centre(*divmod(c, 6))}\n" for c, v in given.items()))
        else:
            values = np.full((7, 6), np.nan)
            for cell, value in given.items():
                values.ravel()[cell] = value
            path = asc(case.folder / f"{name}.asc", values)
        names[name[:-1] + "_file"] = path.name
    files, _ = case.run(
        scenario="advanced",
        write_cur_maps="True",
        write_volt_maps="True",
        ground_file_is_resistances=is_resistance,
        **names,
    )
    assert set(files) == {"case.out", "case_curmap.asc", "case_voltmap.asc"}
    oracle = Oracle(case.conductance)
    source, ground = np.zeros(oracle.count), np.zeros(oracle.count)
    for cell, value in sources.items():
        source[oracle.at(cell)] += value
    for cell, value in grounds.items():
        to_ground = value if is_resistance == "False" else (np.inf if value == 0 else 1 / value)
        ground[oracle.at(cell)] += to_ground
    voltage = oracle.solve(source, ground)
    np.testing.assert_allclose(grid(files["case_voltmap.asc"]), oracle.map(voltage), atol=1e-6)
    np.testing.assert_allclose(grid(files["case_curmap.asc"]), oracle.map(oracle.through(voltage, ground)), atol=1e-7)


def test_unit_currents_and_direct_grounds(case):
    (case.folder / "s.txt").write_text(f"7 {centre(0, 0)}\n")
    (case.folder / "g.txt").write_text(f"5 {centre(6, 5)}\n")
    files, _ = case.run(
        scenario="advanced",
        write_cur_maps="True",
        source_file="s.txt",
        ground_file="g.txt",
        use_unit_currents="True",
        use_direct_grounds="True",
    )
    np.testing.assert_allclose(grid(files["case_curmap.asc"]), case.pair_map(0, 41), atol=1e-7)


def test_paths_are_tried_from_the_folder_from_those_above_and_by_name(tmp_path):
    deep = tmp_path / "top" / "input" / "case"
    deep.mkdir(parents=True)
    (tmp_path / "top" / "maps").mkdir()
    (tmp_path / "top" / "maps" / "a.asc").touch()
    (deep / "b.asc").touch()
    (deep / "x.ini").write_text(
        "habitat_file = maps/a.asc\npoint_file = C:\\old\\b.asc\nmask_file = gone.asc\npolygon_file = (Browse for it)\n"
    )
    settings = read_settings(deep / "x.ini")
    assert settings.file("habitat_file") == tmp_path / "top" / "maps" / "a.asc"
    assert settings.file("point_file") == deep / "b.asc"
    assert not settings.names_file("polygon_file")
    with pytest.raises(InputError, match=r"mask_file = gone.asc: there is no such file"):
        settings.file("mask_file")
    with pytest.raises(InputError, match=r"does not say polygon_file"):
        settings.file("polygon_file")


@pytest.mark.parametrize(
    ("given", "base"),
    [("output/my.case.out", "my.case"), ("C:\\out\\run1.out", "run1"), ("plain", "plain"), ("(Choose", "x")],
)
def test_what_the_names_begin_with(tmp_path, given, base):
    (tmp_path / "x.ini").write_text(f"output_file = {given}\n")
    assert read_settings(tmp_path / "x.ini").base == base


def test_switches_without_effect_are_said(case):
    _, heard = case.run(compress_grids="True", set_focal_node_currents_to_zero="True")
    assert sum("Circuitscape 5 does nothing with it" in text for text in heard.messages) == 2


def test_what_cannot_be_run(case, tmp_path):
    assert "is about a network" in case.refusal(data_type="network")
    case.points(1, 1, 1)
    assert "1 focal node" in case.refusal()
    case.points(1, 2, 3)
    text = (case.folder / "points.txt").read_text()
    (case.folder / "points.txt").write_text(text + "4\t900\t5\n")
    assert "1 point lies outside the habitat raster, the first, 4, at (900, 5)" in case.refusal()
    (case.folder / "points.txt").write_text(text + "4.5\t15\t5\n")
    assert "4.5 is no id" in case.refusal()
    (case.folder / "points.txt").write_text(text + "4\t15\n")
    assert "line 4 of 'points.txt' is not a value, x and y" in case.refusal()
    (case.folder / "points.txt").write_text(text)
    asc(case.folder / "small.asc", np.ones((3, 6)))
    assert "3 rows and 6 columns, the habitat raster has 7 and 6" in case.refusal(
        use_mask="True", mask_file="small.asc"
    )
    asc(case.folder / "zero.asc", np.array([[1.0, 0.0], [2.0, 0.0]]))
    assert "cells of resistance 0: 2 (first at row 1, column 2)" in case.refusal(habitat_file="zero.asc")
    asc(case.folder / "none.asc", np.zeros((7, 6)))
    assert "the mask leaves none" in case.refusal(use_mask="True", mask_file="none.asc")
    assert "there is no such file" in case.refusal(habitat_file="nowhere.asc")


def test_a_run_without_connection_says_so(case):
    case.conductance[3] = 0
    with np.errstate(divide="ignore"):
        asc(case.folder / "habitat.asc", np.where(case.conductance > 0, 1 / case.conductance, np.nan))
    files, heard = case.run(write_cur_maps="True", write_cum_cur_map_only="True")
    assert any("Not connected: 2 of 3 pairs" in text for text in heard.warnings)
    assert (np.loadtxt(files["case_resistances.out"])[1:3, 3] == -1).all()


def test_the_writer_of_tests_agrees_with_gdal(tmp_path):
    values = np.array([[1.0, np.nan], [3.0, 4.0]])
    asc(tmp_path / "a.asc", values)
    other = write_raster(tmp_path / "b.tif", values, cell=CELL, origin=ORIGIN)
    assert gdal.Open(str(tmp_path / "a.asc")).GetGeoTransform() == gdal.Open(str(other)).GetGeoTransform()
