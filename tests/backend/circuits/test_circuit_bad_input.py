"""What whole-raster circuits refuse, and in which words."""

from __future__ import annotations

import numpy as np
import pytest
from circuit_layers_on_disk import box, layer, place, points
from small_landscapes import Listener
from test_circuit_analyses import COLUMNS, ROWS, Bench

from backend import registry
from backend.errors import InputError, MemoryPlanError
from backend.job import Job

GAP = 3 * COLUMNS + 3


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def refusal(bench: Bench, analysis: str = "pairwisecurrent", **parameters) -> str:
    if analysis != "advancedcurrent" and "FOCAL_RASTER" not in parameters:
        parameters = {"FOCAL_NODES": bench.focal, "FOCAL_ID": "name", **parameters}
    with pytest.raises(InputError) as caught:
        registry.load("analyses", analysis).check(bench.job(analysis, **parameters), Listener())
    return str(caught.value)


def focal(bench: Bench, cells: list[int], **fields) -> str:
    return points(bench.folder / "other.gpkg", cells, COLUMNS, **fields)


def test_a_focal_node_on_a_gap_is_named_with_its_place(bench):
    given = {"FOCAL_NODES": focal(bench, [0, GAP, 50], name=[5, 6, 7])}
    x, y = place(GAP, COLUMNS)
    assert refusal(bench, **given) == (
        f"FOCAL_NODES: 1 focal node lies on a gap (nodata) of RESISTANCE: 6 at ({x:.10g}, {y:.10g}). Move them, or set "
        "FOCAL_PROBLEMS to drop."
    )
    heard = Listener()
    job = bench.job("pairwisecurrent", **given, FOCAL_ID="name", FOCAL_PROBLEMS="drop")
    assert len(registry.load("analyses", "pairwisecurrent").check(job, heard).focal) == 2
    assert any("6 at" in text and "Left out" in text for text in heard.warnings)


def test_a_focal_node_outside_is_named_with_its_place_and_the_raster(bench):
    shapes = ["POINT(0 0)", "POINT({} {})".format(*place(0, COLUMNS)), "POINT({} {})".format(*place(9, COLUMNS))]
    given = {"FOCAL_NODES": layer(bench.folder / "o.gpkg", shapes, name=[5, 6, 7])}
    text = refusal(bench, **given)
    assert "1 focal node lies outside the raster (x 200000 to 200070, y 1299920 to 1300000): 5 at (0, 0)" in text
    job = bench.job("pairwisecurrent", **given, FOCAL_ID="name", FOCAL_PROBLEMS="drop")
    assert len(registry.load("analyses", "pairwisecurrent").check(job, Listener()).focal) == 2


def test_two_ids_in_one_cell(bench):
    text = refusal(bench, FOCAL_NODES=focal(bench, [0, 17, 17], name=[5, 6, 7]))
    assert text.startswith(
        "FOCAL_NODES: The focal nodes 6 and 7 lie in one cell (row 3, column 4, centre 200035, 1299975)"
    )


def test_one_focal_node_only(bench):
    assert "There is one focal node on the raster" in refusal(bench, FOCAL_NODES=focal(bench, [0], name=[5]))
    assert "There are no focal nodes" in refusal(bench, FOCAL_RASTER=bench.write("i.tif", np.zeros((ROWS, COLUMNS))))


@pytest.mark.parametrize(("ids", "words"), [([1, 2.5, 3], "2.5"), ([1, 0, 3], ": 0"), ([1, None, 3], "empty")])
def test_ids_that_are_none(bench, ids, words):
    text = refusal(bench, FOCAL_NODES=focal(bench, [0, 9, 50], name=ids))
    assert text.startswith("FOCAL_ID: 'name' holds 1 value that is no id, the first in feature 2")
    assert words in text


def test_raster_ids_that_are_none(bench):
    ids = np.zeros((ROWS, COLUMNS))
    ids[0, 0], ids[1, 2] = 1, 2.5
    text = refusal(bench, FOCAL_RASTER=bench.write("i.tif", ids))
    assert text.startswith("FOCAL_RASTER: 1 cell holds no id, the first 2.5 at row 2, column 3")


def test_text_ids(bench):
    assert "FOCAL_ID: The field 'name' holds text" in refusal(bench, FOCAL_NODES=focal(bench, [0, 9], name=["a", "b"]))


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("resistance", 0.0, "value 0; resistance must be > 0"),
        ("resistance", -3.0, "value -3; resistance must be > 0"),
        ("conductance", -3.0, "value -3; conductance must be >= 0 and finite"),
        ("conductance", np.inf, "value inf; conductance must be >= 0 and finite"),
    ],
)
def test_cells_that_cannot_be_used(bench, kind, value, words):
    values = np.ones((ROWS, COLUMNS))
    values[2, 4] = values[5, 5] = value
    text = refusal(bench, RESISTANCE=bench.write("bad.tif", values), RESISTANCE_KIND=kind)
    assert text.startswith("RESISTANCE: Cells that cannot be used: 2 (first at row 3, column 5)")
    assert words in text


def test_nothing_but_gaps(bench):
    nothing = bench.write("none.tif", np.full((ROWS, COLUMNS), np.nan))
    assert "All cells are gaps" in refusal(bench, RESISTANCE=nothing)
    assert "All cells are gaps" in refusal(bench, MASK=nothing)


def test_a_grid_of_longitudes_and_latitudes(bench):
    degrees = bench.write("degrees.tif", np.ones((5, 5)), cell=(0.1, 0.1), origin=(10.0, 50.0), crs="EPSG:4326")
    text = refusal(bench, RESISTANCE=degrees)
    assert text.startswith("RESISTANCE: Its coordinates are longitudes and latitudes")
    assert "Reproject" in text


@pytest.mark.parametrize("name", ["MASK", "SHORT_CIRCUIT_RASTER", "FOCAL_RASTER"])
def test_grids_that_differ(bench, name):
    other = bench.write("other.tif", np.ones((ROWS, COLUMNS)), cell=(20.0, 20.0))
    text = refusal(bench, **{name: other})
    assert text.startswith(f"{name}: Its grid is not that of RESISTANCE: its cells are 20 x 20")


def test_focal_nodes_given_twice_or_not_at_all(bench):
    assert "There are no focal nodes. Give one of FOCAL_NODES, FOCAL_RASTER" in refusal(
        bench, FOCAL_NODES=None, FOCAL_ID=None
    )
    raster = bench.write("i.tif", np.ones((ROWS, COLUMNS)))
    with pytest.raises(InputError, match=r"given as FOCAL_NODES and FOCAL_RASTER"):
        registry.load("analyses", "pairwisecurrent").check_headers(
            bench.job("pairwisecurrent", FOCAL_NODES=bench.focal, FOCAL_RASTER=raster)
        )


@pytest.mark.parametrize(
    ("pair", "words"), [("1", "no pair of ids"), ("1 99", "No focal node has the id 99"), ("4 4", "does not count")]
)
def test_sensitivity_of_a_pair_that_is_none(bench, pair, words):
    assert words in refusal(bench, SENSITIVITY_PAIR=pair)


def test_pairs_that_name_nobody(bench, tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("mode include\n80 90\n")
    assert "No pair of the focal nodes counts" in refusal(bench, PAIRS_FILE=str(path))
    assert "cannot be read" in refusal(bench, PAIRS_FILE=str(tmp_path / "none.txt"))


def test_strengths_that_are_none(bench):
    given = {"FOCAL_NODES": focal(bench, [0, 9, 50], name=[1, 2, 3], amperes=[1.0, -1.0, 2.0])}
    text = refusal(bench, "onetoallcurrent", **given, STRENGTH_FIELD="amperes")
    assert text.startswith("STRENGTH_FIELD: The strength of focal node 2 is -1")
    given = {"FOCAL_NODES": focal(bench, [0, 9], name=[1, 2], amperes=[0.0, 0.0])}
    assert "All strengths are 0" in refusal(bench, "onetoallcurrent", **given, STRENGTH_FIELD="amperes")


def sources(bench, cells, **fields):
    return points(bench.folder / "s.gpkg", cells, COLUMNS, **fields)


def grounds(bench, cells, **fields):
    return points(bench.folder / "g.gpkg", cells, COLUMNS, **fields)


def test_missing_grounds_and_sources(bench):
    text = refusal(bench, "advancedcurrent", SOURCES=sources(bench, [0]))
    assert text.startswith("GROUNDS: There are no grounds. Give one of GROUNDS, GROUND_RASTER")
    text = refusal(bench, "advancedcurrent", GROUNDS=grounds(bench, [0]))
    assert text.startswith("SOURCES: There are no sources.")
    nothing = bench.write("n.tif", np.full((ROWS, COLUMNS), np.nan))
    assert "no ground on the raster" in refusal(
        bench, "advancedcurrent", SOURCES=sources(bench, [0]), GROUND_RASTER=nothing
    )
    assert "No current enters" in refusal(bench, "advancedcurrent", GROUNDS=grounds(bench, [0]), SOURCE_RASTER=nothing)


def test_sources_on_gaps_and_grounds_outside(bench):
    text = refusal(bench, "advancedcurrent", SOURCES=sources(bench, [0, GAP]), GROUNDS=grounds(bench, [50]))
    assert text.startswith("SOURCES: 1 of 2 sources lie on a gap (nodata) of RESISTANCE: (200035, 1299965)")
    far = layer(bench.folder / "far.gpkg", ["POINT(1 2)"])
    text = refusal(bench, "advancedcurrent", SOURCES=sources(bench, [0]), GROUNDS=far)
    assert text.startswith("GROUNDS: 1 point lies outside the raster")


def test_grounds_below_zero(bench):
    given = {"SOURCES": sources(bench, [0]), "GROUNDS": grounds(bench, [50], ohm=[-1.0]), "GROUND_FIELD": "ohm"}
    assert "1 value is not >= 0, the first -1" in refusal(bench, "advancedcurrent", **given)


def test_sources_that_no_ground_is_connected_to(bench):
    values = np.ones((ROWS, COLUMNS))
    values[:, 3] = np.nan
    raster = bench.write("cut.tif", values)
    job = bench.job(
        "advancedcurrent", RESISTANCE=raster, SOURCES=sources(bench, [0]), GROUNDS=grounds(bench, [COLUMNS - 1])
    )
    from backend.outputs import Outputs

    with Outputs(job) as outputs, pytest.raises(InputError, match=r"^GROUNDS: No source is connected to a ground"):
        registry.load("analyses", "advancedcurrent").run(job, Listener(), outputs)


def test_a_raster_that_does_not_fit_into_memory(bench):
    job = bench.job("pairwisecurrent", FOCAL_NODES=bench.focal)
    small = Job(**{**vars(job), "memory_limit": 300_000_000})
    with pytest.raises(MemoryPlanError, match=r"needs .* of memory; 300 MB may be used"):
        registry.load("analyses", "pairwisecurrent").check(small, Listener())


def test_fields_go_to_disk_where_memory_is_short(monkeypatch):
    from backend import circuit_memory
    from backend.circuit_memory import plan_circuit

    job = Job("pairwisecurrent", {}, memory_limit=1_000_000_000)
    heard = Listener()
    assert plan_circuit(job, 1_000_000, 100, 2, heard, solves=100).on_disk
    assert "800 MB of potentials go to a temporary file" in heard.messages[-1]
    assert not plan_circuit(job, 1_000_000, 3, 2, heard, solves=3).on_disk
    assert heard.messages[-1].startswith("Plan: 3 solves on 1,000,000 cells, up to ")
    monkeypatch.setattr(circuit_memory.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**6}))
    with pytest.raises(MemoryPlanError, match=r"Up to \d+ focal nodes fit; or ask for no maps"):
        plan_circuit(job, 1_000_000, 100, 2, heard, solves=100)


def test_overlapping_focal_polygons(bench):
    shapes = [box(0, 9, COLUMNS), box(8, 16, COLUMNS)]
    text = refusal(bench, FOCAL_NODES=layer(bench.folder / "p.gpkg", shapes, name=[1, 2]))
    assert "The focal nodes 1 and 2 lie in one cell" in text
