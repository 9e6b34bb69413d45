"""The toolbox entries on files: layers, rasters, options, outputs."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from circuit_layers_on_disk import box, layer, place, points
from circuit_oracle import Oracle, terrain
from osgeo import gdal
from small_landscapes import Listener, Outcome, read_raster, run_job, write_raster

from backend.job import Job
from backend.vector_io import VectorLayer

ENDINGS = {"RESISTANCES": ".csv", "RESISTANCE_MATRIX": ".csv", "RESISTANCE_LINES": ".gpkg", "REPORT": ".html"}
ROWS, COLUMNS = 8, 7
# Maps are stored in single precision.
CLOSE = {"rtol": 2e-6, "atol": 2e-7}


class Bench:
    """A raster of resistances and what is run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conductance = terrain(ROWS, COLUMNS, seed=51, decades=1.5, holes=0)
        self.conductance[3, 3] = 0
        self.oracle = Oracle(self.conductance)
        self.raster = self.write(
            "r.tif", np.where(self.conductance > 0, 1 / np.maximum(self.conductance, 1e-9), np.nan)
        )
        self.cells = [0, 6, 50, 30]
        self.focal = points(folder / "focal.gpkg", self.cells, COLUMNS, name=[4, 1, 7, 2])

    def write(self, name: str, values: np.ndarray, **options: Any) -> str:
        return str(write_raster(self.folder / name, values, **options))

    def job(self, analysis: str, outputs: tuple[str, ...] = (), **parameters: Any) -> Job:
        values = {"RESISTANCE": self.raster, **parameters}
        paths = {n: str(self.folder / f"out-{n.lower()}{ENDINGS.get(n, '.tif')}") for n in outputs}
        return Job.from_dict({"job": 1, "analysis": analysis, "parameters": values, "outputs": paths})

    def run(self, analysis: str, *outputs: str, **parameters: Any) -> Outcome:
        return run_job(self.job(analysis, outputs, **parameters))

    def pairs(self, *outputs: str, **parameters: Any) -> Outcome:
        given = {} if "FOCAL_RASTER" in parameters else {"FOCAL_NODES": self.focal, "FOCAL_ID": "name"}
        return self.run("pairwisecurrent", *outputs, **{**given, **parameters})

    def sum_of_pairs(self, cells: list[int], oracle: Oracle | None = None) -> np.ndarray:
        oracle = oracle or self.oracle
        pairs = itertools.combinations(cells, 2)
        return sum(oracle.map(oracle.through(oracle.pair_potential(a, b))) for a, b in pairs)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def rows_of(outcome: Outcome, name: str) -> list[list[str]]:
    return list(csv.reader(outcome.text(name).splitlines()))


def test_all_outputs_of_the_pairs(bench):
    outcome = bench.pairs(
        "CUMULATIVE_CURRENT",
        "MAXIMUM_CURRENT",
        "PAIR_CURRENTS",
        "POTENTIALS",
        "RESISTANCES",
        "RESISTANCE_MATRIX",
        "RESISTANCE_LINES",
        "REPORT",
    )
    cells = dict(zip([4, 1, 7, 2], bench.cells, strict=True))
    gap = bench.conductance == 0
    expected = np.where(gap, np.nan, bench.sum_of_pairs(bench.cells))
    np.testing.assert_allclose(outcome.map("CUMULATIVE_CURRENT"), expected, **CLOSE)
    table = rows_of(outcome, "RESISTANCES")
    assert table[0] == ["from", "to", "resistance"]
    assert [row[:2] for row in table[1:]] == [["1", "2"], ["1", "4"], ["1", "7"], ["2", "4"], ["2", "7"], ["4", "7"]]
    resistances = [bench.oracle.resistance(cells[int(a)], cells[int(b)]) for a, b, _ in table[1:]]
    np.testing.assert_allclose([float(row[2]) for row in table[1:]], resistances, rtol=1e-7)
    matrix = np.array([row[1:] for row in rows_of(outcome, "RESISTANCE_MATRIX")[1:]], float)
    np.testing.assert_allclose(matrix[np.triu_indices(4, 1)], resistances, rtol=1e-7)
    bands = gdal.Open(str(outcome.paths["PAIR_CURRENTS"]))
    assert [bands.GetRasterBand(k + 1).GetDescription() for k in range(6)] == ["1-2", "1-4", "1-7", "2-4", "2-7", "4-7"]
    greatest = np.nan_to_num(outcome.bands("PAIR_CURRENTS")).max(axis=0)
    np.testing.assert_allclose(greatest, np.nan_to_num(outcome.map("MAXIMUM_CURRENT")), rtol=1e-6)
    potentials = outcome.bands("POTENTIALS")
    assert potentials[2].ravel()[cells[1]] == 0
    assert potentials[2].ravel()[cells[7]] == pytest.approx(resistances[2], rel=1e-6)
    lines = VectorLayer(str(outcome.paths["RESISTANCE_LINES"]), "L").read(geometry=True)
    np.testing.assert_allclose(lines.columns["resistance"], resistances, rtol=1e-7)
    assert lines.columns["from"].tolist() == [1, 1, 1, 2, 2, 4]
    assert outcome.numbers["TOTAL_RESISTANCE"] == pytest.approx(sum(resistances))
    assert outcome.numbers["CONNECTED_PAIRS"] == outcome.numbers["PAIRS"] == 6
    assert "Cumulative current" in outcome.text("REPORT")


def test_points_raster_and_counted_features_are_the_same_focal_nodes(bench):
    ids = np.zeros(ROWS * COLUMNS)
    ids[bench.cells] = [4, 1, 7, 2]
    raster = bench.write("ids.tif", ids.reshape(ROWS, COLUMNS))
    first = bench.pairs("RESISTANCES")
    table = rows_of(first, "RESISTANCES")
    assert rows_of(bench.pairs("RESISTANCES", FOCAL_RASTER=raster), "RESISTANCES") == table
    counted = bench.run("pairwisecurrent", "RESISTANCES", FOCAL_NODES=bench.focal)
    assert counted.numbers["TOTAL_RESISTANCE"] == pytest.approx(first.numbers["TOTAL_RESISTANCE"])
    assert {row[0] for row in rows_of(counted, "RESISTANCES")[1:]} == {"1", "2", "3"}


def test_layers_in_another_reference_system_are_transformed(bench, tmp_path):
    from osgeo import osr

    one, other = osr.SpatialReference(), osr.SpatialReference()
    one.SetFromUserInput("EPSG:3112")
    other.SetFromUserInput("EPSG:4283")
    for reference in (one, other):
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    change = osr.CoordinateTransformation(one, other)
    places = [change.TransformPoint(*place(cell, COLUMNS))[:2] for cell in bench.cells]
    moved = layer(tmp_path / "moved.gpkg", [f"POINT({x} {y})" for x, y in places], "EPSG:4283", name=[4, 1, 7, 2])
    table = rows_of(bench.pairs("RESISTANCES"), "RESISTANCES")
    assert rows_of(bench.pairs("RESISTANCES", FOCAL_NODES=moved), "RESISTANCES") == table


@pytest.mark.parametrize("regions", ["own", "always"])
def test_focal_regions(bench, tmp_path, regions):
    """Polygons of several cells, with a gap in one of them."""
    shapes = [box(0, 9, COLUMNS), box(17, 31, COLUMNS), "POINT({} {})".format(*place(55, COLUMNS))]
    focal = layer(tmp_path / "regions.gpkg", shapes, name=[1, 2, 3])
    outcome = bench.pairs("CUMULATIVE_CURRENT", FOCAL_NODES=focal, FOCAL_REGIONS=regions)
    groups = {1: [0, 1, 2, 7, 8, 9], 2: [17, 25, 31, 18, 30, 32, 23, 24, 16], 3: [55]}
    groups[2] = [r * COLUMNS + c for r in range(2, 5) for c in range(3, 4)]
    inside = np.zeros((ROWS, COLUMNS), int)
    inside[0:2, 0:3] = 1
    inside[2:5, 3] = 2
    total = np.zeros((ROWS, COLUMNS))
    for a, b in itertools.combinations((1, 2, 3), 2):
        group = inside if regions == "always" else np.where((inside == a) | (inside == b), inside, 0)
        oracle = Oracle(bench.conductance, group=group)
        ends = [next(c for c in groups[k] if bench.conductance.ravel()[c] > 0) for k in (a, b)]
        total += oracle.map(oracle.through(oracle.pair_potential(*ends)))
    found = outcome.map("CUMULATIVE_CURRENT")
    assert np.isnan(found[3, 3])
    np.testing.assert_allclose(np.nan_to_num(found), total, **CLOSE)


def test_short_circuits_mask_and_conductances(bench, tmp_path):
    conductance = np.where(bench.conductance > 0, bench.conductance, np.nan)
    mask = np.ones((ROWS, COLUMNS))
    mask[6, 0:3] = 0
    regions = layer(tmp_path / "s.gpkg", [box(10, 18, COLUMNS), box(45, 46, COLUMNS)], which=["a", "a"])
    outcome = bench.pairs(
        "CUMULATIVE_CURRENT",
        RESISTANCE=bench.write("g.tif", conductance),
        RESISTANCE_KIND="conductance",
        MASK=bench.write("m.tif", mask),
        SHORT_CIRCUITS=regions,
        SHORT_CIRCUIT_ID="which",
        EDGE_RULE="average_resistance",
        NEIGHBOURS="4",
    )
    left = np.where(mask > 0, bench.conductance, 0)
    group = np.zeros((ROWS, COLUMNS), int)
    group[1:3, 3:5] = group[6, 3:5] = 1
    group[left == 0] = 0
    oracle = Oracle(left, neighbours=4, rule="average_resistance", group=group)
    np.testing.assert_allclose(
        np.nan_to_num(outcome.map("CUMULATIVE_CURRENT")), bench.sum_of_pairs(bench.cells, oracle), **CLOSE
    )
    first = outcome.map("CUMULATIVE_CURRENT")
    as_raster = bench.pairs(
        "CUMULATIVE_CURRENT",
        MASK=bench.write("m.tif", mask),
        SHORT_CIRCUIT_RASTER=bench.write("s.tif", group.astype(float)),
        EDGE_RULE="average_resistance",
        NEIGHBOURS="4",
    )
    np.testing.assert_allclose(as_raster.map("CUMULATIVE_CURRENT"), first, rtol=1e-6)


def test_pairs_files(bench, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("from,to\n4,7\n1,4\n99,4\n")
    outcome = bench.pairs("RESISTANCES", PAIRS_FILE=str(path))
    assert [row[:2] for row in rows_of(outcome, "RESISTANCES")[1:]] == [["1", "4"], ["4", "7"]]
    assert any("no focal node has: 99" in text for text in outcome.heard.warnings)


def test_log_scale_and_silent_ends(bench):
    plain = bench.pairs("CUMULATIVE_CURRENT").map("CUMULATIVE_CURRENT")
    logs = bench.pairs("CUMULATIVE_CURRENT", LOG_SCALE=True).map("CUMULATIVE_CURRENT")
    np.testing.assert_allclose(logs, np.log10(plain), atol=1e-6)
    silent = bench.pairs("CUMULATIVE_CURRENT", FOCAL_CURRENTS="zero").map("CUMULATIVE_CURRENT")
    np.testing.assert_allclose((plain - silent).ravel()[bench.cells], 3, rtol=1e-5)


@pytest.mark.parametrize("kind", ["resistance", "conductance"])
def test_sensitivity_pinch_points_and_barriers(bench, kind):
    if kind == "conductance":
        bench.raster = bench.write("g.tif", np.where(bench.conductance > 0, bench.conductance, np.nan))
    names = ("SENSITIVITY", "PINCH_POINTS", "BARRIERS")
    outcome = bench.pairs(*names, RESISTANCE_KIND=kind)
    slope, share, gain = (outcome.map(name) for name in names)
    given = bench.conductance if kind == "conductance" else 1 / np.maximum(bench.conductance, 1e-9)
    np.testing.assert_allclose(share, np.abs(slope * given), rtol=1e-5)
    assert np.nansum(share) == pytest.approx(outcome.numbers["TOTAL_RESISTANCE"], rel=1e-5)
    best = 1 / bench.conductance.max()
    resistance = np.where(bench.conductance > 0, 1 / np.maximum(bench.conductance, 1e-9), np.nan)
    np.testing.assert_allclose(gain, share / resistance * (resistance - best), rtol=1e-4, atol=1e-8)
    one = bench.pairs("PINCH_POINTS", RESISTANCE_KIND=kind, SENSITIVITY_PAIR="7, 1")
    assert np.nansum(one.map("PINCH_POINTS")) == pytest.approx(bench.oracle.resistance(6, 50), rel=1e-5)


@pytest.mark.parametrize("mode", ["one-to-all", "all-to-one"])
def test_one_to_all_and_back(bench, mode):
    outcome = bench.run(
        "onetoallcurrent",
        "CUMULATIVE_CURRENT",
        "NODE_CURRENTS",
        "POTENTIALS",
        "RESISTANCES",
        "REPORT",
        FOCAL_NODES=points(
            bench.folder / "f.gpkg", bench.cells, COLUMNS, name=[4, 1, 7, 2], amperes=[1.0, 0.5, 2.0, 0.0]
        ),
        FOCAL_ID="name",
        STRENGTH_FIELD="amperes",
        MODE=mode,
    )
    strength = {4: 1.0, 1: 0.5, 7: 2.0, 2: 0.0}
    cell = dict(zip(strength, bench.cells, strict=True))
    total = np.zeros((ROWS, COLUMNS))
    table = {int(i): float(v) for i, _, v in rows_of(outcome, "RESISTANCES")[1:]}
    for one in strength:
        source, ground = np.zeros(bench.oracle.count), np.zeros(bench.oracle.count)
        for each, value in strength.items():
            if (each == one) == (mode == "one-to-all"):
                source[bench.oracle.at(cell[each])] = value
            else:
                ground[bench.oracle.at(cell[each])] = np.inf
        voltage = bench.oracle.solve(source, ground)
        total += bench.oracle.map(bench.oracle.through(voltage))
        if mode == "one-to-all" and strength[one]:
            assert table[one] == pytest.approx(voltage[bench.oracle.at(cell[one])] / strength[one], rel=1e-7)
    np.testing.assert_allclose(np.nan_to_num(outcome.map("CUMULATIVE_CURRENT")), total, **CLOSE)
    assert table[2] == (-1 if mode == "one-to-all" else 0)
    assert outcome.numbers == {"FOCAL_COUNT": 4, "CONNECTED": 3 if mode == "one-to-all" else 4}
    assert len(outcome.bands("NODE_CURRENTS")) == len(outcome.bands("POTENTIALS")) == 4


def test_strengths_of_a_file_and_excluded_sources(bench, tmp_path):
    (tmp_path / "s.txt").write_text("id strength\n4 2\n1 3\n")
    (tmp_path / "p.txt").write_text("mode exclude\n1 7\n")
    outcome = bench.run(
        "onetoallcurrent",
        "NODE_CURRENTS",
        FOCAL_NODES=bench.focal,
        FOCAL_ID="name",
        MODE="all-to-one",
        STRENGTHS_FILE=str(tmp_path / "s.txt"),
        PAIRS_FILE=str(tmp_path / "p.txt"),
    )
    # Bands in the order of the ids 1, 2, 4, 7: what arrives at each.
    arriving = [band.ravel()[cell] for band, cell in zip(outcome.bands("NODE_CURRENTS"), [6, 30, 0, 50], strict=True)]
    np.testing.assert_allclose(arriving, [1 + 2, 3 + 2 + 1, 3 + 1 + 1, 1 + 2], rtol=1e-6)
    assert any("does not name 2 focal nodes" in text for text in outcome.heard.warnings)


def test_sources_and_grounds_as_points(bench):
    sources = points(bench.folder / "s.gpkg", [0, 0, 6], COLUMNS, amperes=[1.0, 0.5, 2.0])
    grounds = points(bench.folder / "g.gpkg", [50, 55], COLUMNS, ohm=[0.0, 4.0])
    given = {"SOURCES": sources, "SOURCE_FIELD": "amperes", "GROUNDS": grounds, "GROUND_FIELD": "ohm"}
    outcome = bench.run("advancedcurrent", "CURRENT", "POTENTIAL", "REPORT", **given)
    source, ground = np.zeros(bench.oracle.count), np.zeros(bench.oracle.count)
    source[bench.oracle.at(0)], source[bench.oracle.at(6)] = 1.5, 2
    ground[bench.oracle.at(50)], ground[bench.oracle.at(55)] = np.inf, 0.25
    voltage = bench.oracle.solve(source, ground)
    np.testing.assert_allclose(np.nan_to_num(outcome.map("POTENTIAL")), bench.oracle.map(voltage), rtol=1e-6, atol=1e-5)
    current = bench.oracle.map(bench.oracle.through(voltage, ground))
    np.testing.assert_allclose(np.nan_to_num(outcome.map("CURRENT")), current, **CLOSE)
    assert outcome.numbers == {"ENTERING": 3.5, "LOST": 0, "COMPONENTS": 1}
    tied = bench.run("advancedcurrent", "CURRENT", **given, TIED_GROUNDS=True, UNIT_SOURCES=True)
    assert tied.numbers["ENTERING"] == 3  # 1 A a point


def test_sources_and_grounds_as_rasters(bench):
    source, ground = np.full((ROWS, COLUMNS), np.nan), np.full((ROWS, COLUMNS), np.nan)
    source[0, 0], source[1, 1], ground[7, 6], ground[0, 0] = 2, 0, 3, 1
    given = {"SOURCE_RASTER": bench.write("s.tif", source), "GROUND_RASTER": bench.write("g.tif", ground)}
    both = bench.run("advancedcurrent", "POTENTIAL", **given, GROUND_KIND="conductance").map("POTENTIAL")
    alone = bench.run("advancedcurrent", "POTENTIAL", **given, GROUND_KIND="conductance", CONFLICTS="rmvgnd")
    # Whatever is on the way: all 2 A leave at a ground of 3 siemens.
    assert alone.map("POTENTIAL")[7, 6] == pytest.approx(2 / 3, rel=1e-6)
    assert both[7, 6] < 0.6


def test_a_raster_stored_south_up(bench):
    """Row 0 may be the southernmost: places are looked up in the grid as it is."""
    values = read_raster(bench.raster)[0]
    upside = bench.write("up.tif", values, south_up=True)
    first = bench.pairs("CUMULATIVE_CURRENT").map("CUMULATIVE_CURRENT")
    second = bench.pairs("CUMULATIVE_CURRENT", RESISTANCE=upside).map("CUMULATIVE_CURRENT")
    np.testing.assert_allclose(second, first, rtol=1e-6)


def test_a_run_stops_when_asked(bench):
    from backend import registry
    from backend.errors import Cancelled
    from backend.outputs import Outputs

    class Impatient(Listener):
        def progress(self, fraction: float, step: str) -> None:
            if "Mapping" in step:
                raise Cancelled

    job = bench.job("pairwisecurrent", ("CUMULATIVE_CURRENT",), FOCAL_NODES=bench.focal)
    with Outputs(job) as outputs, pytest.raises(Cancelled):
        registry.load("analyses", "pairwisecurrent").run(job, Impatient(), outputs)
    assert not Path(job.outputs["CUMULATIVE_CURRENT"]).exists()
