"""From the toolbox to the job and back, with a worker that computes nothing; the checks are the backend's own."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import write_raster
from driftway.processing_provider import job_run, launch
from driftway.processing_provider.launch import Launch
from driftway.processing_provider.styles import post_processor
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsRasterRange,
    QgsRectangle,
    QgsReferencedRectangle,
)

HERE = Path(__file__).parent


class Log(QgsProcessingFeedback):
    """Remembers what it hears."""

    def __init__(self) -> None:
        super().__init__(False)
        self.lines: list[tuple[str, str]] = []

    def pushInfo(self, info: str) -> None:
        self.lines.append(("info", info))

    def pushWarning(self, warning: str) -> None:
        self.lines.append(("warning", warning))

    def pushDebugInfo(self, info: str) -> None:
        self.lines.append(("debug", info))

    def setProgressText(self, text: str) -> None:
        self.lines.append(("step", text))

    def reportError(self, error: str, fatalError: bool = False) -> None:
        self.lines.append(("error", error))


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Choose how the worker behaves; the engine counts as installed."""
    record = tmp_path / "record.json"

    def behave(mode: str = "run") -> Path:
        command = (sys.executable, str(HERE / "fake_worker.py"), "run_mode", mode)
        environment = {**os.environ, "FAKE_WORKER_RECORD": str(record)}
        monkeypatch.setattr(job_run, "launch", lambda settings: Launch(command, environment, HERE))
        monkeypatch.setattr(job_run, "engine_problem", lambda settings: None)
        return record

    return behave


def run(name: str, parameters: dict[str, Any], context: QgsProcessingContext | None = None) -> tuple[dict, Log]:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"driftway:{name}")
    context, log = context or QgsProcessingContext(), Log()
    accepted, why = algorithm.checkParameterValues(parameters, context)
    if not accepted:
        raise QgsProcessingException(why)
    results, well = algorithm.run(parameters, context, log, {}, False)
    assert well
    return results, log


def check(name: str, parameters: dict[str, Any]) -> str:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"driftway:{name}")
    return algorithm.checkParameterValues(parameters, QgsProcessingContext())[1]


def test_a_misspelt_parameter_is_told(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    worker()
    outputs = {"FUNCTIONAL_HABITAT": str(tmp_path / "habitat.tif")}
    _, log = run("connectivity", {**landscape, **outputs, "CUTOF": 0.1})
    assert ("warning", "CUTOF is no parameter of this algorithm and is ignored.") in log.lines


def test_two_rasters_are_enough(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    record = worker()
    output = tmp_path / "out ä" / "habitat.tif"
    output.parent.mkdir()
    results, log = run("connectivity", {**landscape, "FUNCTIONAL_HABITAT": str(output)})
    job = json.loads(record.read_text())
    assert job["job"] == 1
    assert job["analysis"] == "connectivity"
    assert len(job["id"]) == 12
    assert int(job["id"], 16) >= 0
    assert job["parameters"] == {
        **landscape,
        "QUALITY_BAND": 1,
        "MOVEMENT_BAND": 1,
        "MOVEMENT_KIND": "permeability",
        "DISPERSAL_DISTANCE": None,
        "DISPERSAL_MEANING": "scale",
        "PROXIMITY": "exponential",
        "DISTANCE": "least_cost",
        "NEIGHBOURS": "8",
        "EDGE_RULE": "average_resistance",
        "CORNERS": "closed",
        "CUTOFF": 0.01,
        "TRANSFORMATION": "none",
        "EXPONENT": 1.0,
        "SELF": False,
        "MAXIMUM_WINDOW": None,
        "ALIGN": "stop",
        "EXTENT": None,
        "PRECISION": "double",
        "RADIUS": 10,
        "BLOCK": 1,
        "THETA": 1.0,
        "STEP_COST": "minus_log",
        "MOVEMENT_COST": None,
        "MOVEMENT_COST_BAND": 1,
        "COARSENING": 1,
        "METAPOPULATION": False,
        "WRAP": "automatic",
    }
    assert job["outputs"] == {"FUNCTIONAL_HABITAT": str(output)}
    assert (job["device"], job["threads"], job["memory_limit"], job["seed"]) == ("auto", 0, 0, 0)
    assert results["C"] == 2.5
    assert results["FUNCTIONAL_HABITAT"] == str(output)
    assert set(results) == {
        "FUNCTIONAL_HABITAT",
        "C",
        "ECA",
        "PC",
        "HABITAT_AREA",
        "MEAN_DISTANCE",
        "COARSENING_ERROR",
        "METAPOPULATION_CAPACITY",
    }
    assert ("info", "half way") in log.lines
    assert ("warning", "careful") in log.lines
    assert ("step", "Computing") in log.lines
    assert log.progress() == 50.0 + 1.0


def test_settings_reach_the_job(
    provider: Any, worker: Any, landscape: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = worker()
    for name, value in (("DEVICE", "cpu"), ("THREADS", "3"), ("MEMORY_LIMIT", "512")):
        monkeypatch.setenv(f"DRIFTWAY_{name}", value)
    run("prioritisation", {**landscape, "SEED": 7, "SELECTION": str(tmp_path / "s.tif")})
    job = json.loads(record.read_text())
    assert (job["device"], job["threads"], job["memory_limit"], job["seed"]) == ("cpu", 3, 512 * 1024**2, 7)
    assert job["parameters"]["COST"] is None
    assert job["parameters"]["COST_BAND"] == 1


def test_values_arrive_as_they_are_given(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    record = worker()
    given = {
        "WITH_RESPECT_TO": "movement,quality",
        "NEIGHBOURS": 4,
        "DISPERSAL_DISTANCE": "80.5",
        "CUTOFF": 0.05,
        "SELF": True,
        "MAXIMUM_WINDOW": 12,
    }
    run("sensitivity", {**landscape, **given, "SENSITIVITY": str(tmp_path / "s.tif")})
    values = json.loads(record.read_text())["parameters"]
    assert values["WITH_RESPECT_TO"] == ["movement", "quality"]
    assert values["NEIGHBOURS"] == "4"
    assert values["DISPERSAL_DISTANCE"] == 80.5
    assert (values["CUTOFF"], values["SELF"], values["MAXIMUM_WINDOW"]) == (0.05, True, 12)


def test_optional_outputs_are_only_made_when_asked_for(
    provider: Any, worker: Any, landscape: dict, tmp_path: Path
) -> None:
    record = worker()
    asked = {"FUNCTIONAL_HABITAT": str(tmp_path / "f.tif"), "REPORT": str(tmp_path / "r.html")}
    results, _ = run("connectivity", {**landscape, **asked})
    assert json.loads(record.read_text())["outputs"] == asked
    assert results["REPORT"] == asked["REPORT"]


def test_temporary_outputs_get_a_geotiff_and_the_other_endings(provider: Any, worker: Any, landscape: dict) -> None:
    record = worker()
    temporary = dict.fromkeys(("SELECTION", "RANK", "CURVE", "REPORT"), "TEMPORARY_OUTPUT")
    run("prioritisation", {**landscape, **temporary})
    endings = {name: Path(path).suffix for name, path in json.loads(record.read_text())["outputs"].items()}
    assert endings == {"SELECTION": ".tif", "RANK": ".tif", "CURVE": ".csv", "REPORT": ".html"}


def test_the_job_folder_is_gone_afterwards(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    worker()
    before = set(Path(QgsProcessingUtils.tempFolder()).glob("driftway-*"))
    run("connectivity", {**landscape, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")})
    assert set(Path(QgsProcessingUtils.tempFolder()).glob("driftway-*")) == before


def test_an_extent_in_another_crs_is_transformed(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    record = worker()
    here, there = QgsCoordinateReferenceSystem("EPSG:3112"), QgsCoordinateReferenceSystem("EPSG:4326")
    box = QgsRectangle(500025.0, 7999900.0, 500150.0, 7999975.0)
    geographic = QgsCoordinateTransform(here, there, QgsProject.instance()).transformBoundingBox(box)
    given = QgsReferencedRectangle(geographic, there)
    run("connectivity", {**landscape, "EXTENT": given, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")})
    west, east, south, north = json.loads(record.read_text())["parameters"]["EXTENT"]
    # A box of a box: a little larger, by the convergence of the meridians over the box's own size.
    assert west == pytest.approx(box.xMinimum(), abs=15)
    assert east == pytest.approx(box.xMaximum(), abs=15)
    assert south == pytest.approx(box.yMinimum(), abs=15)
    assert north == pytest.approx(box.yMaximum(), abs=15)


def test_an_extent_goes_with_the_raster_not_with_a_layer_before_it(
    provider: Any, worker: Any, landscape: dict, tmp_path: Path
) -> None:
    record = worker()
    sources = tmp_path / "sources.geojson"
    here, there = QgsCoordinateReferenceSystem("EPSG:3112"), QgsCoordinateReferenceSystem("EPSG:4326")
    move = QgsCoordinateTransform(here, there, QgsProject.instance()).transform
    places = [move(QgsPointXY(x, 7999940.0)) for x in (500040.0, 500120.0)]
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [place.x(), place.y()]}}
        for place in places
    ]
    sources.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    given = {"SOURCES": str(sources), "MOVEMENT": landscape["MOVEMENT"], "EXTENT": "500025,500150,7999900,7999975"}
    run("leastcostcorridors", {**given, "CORRIDORS": str(tmp_path / "corridors.tif")})
    assert json.loads(record.read_text())["parameters"]["EXTENT"] == [500025.0, 500150.0, 7999900.0, 7999975.0]


def test_an_extent_as_text_keeps_its_order(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    record = worker()
    text = "500025,500150,7999900,7999975 [EPSG:3112]"
    run("connectivity", {**landscape, "EXTENT": text, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")})
    assert json.loads(record.read_text())["parameters"]["EXTENT"] == [500025.0, 500150.0, 7999900.0, 7999975.0]


def test_a_layer_that_only_qgis_sees_is_exported(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    record = worker()
    layer = QgsRasterLayer(landscape["QUALITY"], "quality")
    layer.dataProvider().setUserNoDataValue(1, [QgsRasterRange(0.9, 1.1)])
    parameters = {**landscape, "QUALITY": layer, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")}
    _, log = run("connectivity", parameters)
    source = json.loads(record.read_text())["parameters"]["QUALITY"]
    assert source != landscape["QUALITY"]
    assert not Path(source).exists()
    assert any("exported" in text for kind, text in log.lines if kind == "info")
    exported = QgsRasterLayer(str(record) + ".quality.tif", "exported")
    block = exported.dataProvider().block(1, exported.extent(), 8, 6)
    nodata = [[block.isNoData(row, column) for column in range(8)] for row in range(6)]
    assert nodata == [[(row + column) % 4 == 3 for column in range(8)] for row in range(6)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"QUALITY": "/no/such/file.tif"}, ["QUALITY|Habitat quality"]),
        ({"DISPERSAL_DISTANCE": 5}, ["DISPERSAL_DISTANCE", "half a cell", "map units"]),
        ({"CUTOFF": 2}, ["CUTOFF|Smallest proximity"]),
        ({"QUALITY_BAND": 3}, ["QUALITY", "band"]),
        ({"MOVEMENT_KIND": "speed"}, ["MOVEMENT_KIND", "resistance"]),
        ({"MOVEMENT": "other grid"}, ["MOVEMENT", "grid", "ALIGN"]),
        (
            {"QUALITY": "degrees", "MOVEMENT": "degrees", "DISPERSAL_DISTANCE": 5},
            ["DISPERSAL_DISTANCE", "longitudes", "in metres, not in degrees"],
        ),
    ],
)
def test_bad_input_is_refused_before_the_run(
    provider: Any, landscape: dict, tmp_path: Path, change: dict, words: list[str]
) -> None:
    import re

    values = [[0.5] * 8 for _ in range(6)]
    made = {
        "other grid": write_raster(tmp_path / "other.tif", values, corner=(500010.0, 8000000.0)),
        "degrees": write_raster(tmp_path / "degrees.tif", values, epsg=4326, corner=(10.0, 50.0), cell=0.01),
    }
    changed = {name: str(made.get(value, value)) if name in landscape else value for name, value in change.items()}
    why = check("connectivity", {**landscape, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif"), **changed})
    for word in words:
        assert re.search(word, why), why


def test_bad_cells_are_refused_before_the_worker_starts(
    provider: Any, worker: Any, landscape: dict, tmp_path: Path
) -> None:
    record = worker()
    bad = write_raster(tmp_path / "bad.tif", [[0.5] * 8, [0.5, -2.0, *[0.5] * 6], *[[0.5] * 8] * 4])
    with pytest.raises(QgsProcessingException, match=r"QUALITY: Negative cells: 1 \(first at row 2, column 2\)"):
        run("connectivity", {**landscape, "QUALITY": str(bad), "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")})
    assert not record.exists()


def test_an_input_is_never_overwritten(provider: Any, worker: Any, landscape: dict) -> None:
    worker()
    with pytest.raises(QgsProcessingException, match="overwrite"):
        run("connectivity", {**landscape, "FUNCTIONAL_HABITAT": landscape["QUALITY"]})


def test_a_failing_worker_is_an_exception_and_leaves_no_part(
    provider: Any, worker: Any, landscape: dict, tmp_path: Path
) -> None:
    worker("fail")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(QgsProcessingException, match=r"FUNCTIONAL_HABITAT: The disk is full\. Free some space\."):
        run("connectivity", {**landscape, "FUNCTIONAL_HABITAT": str(folder / "f.tif")})
    assert list(folder.iterdir()) == []


def test_cancelling_is_an_exception_and_quick(provider: Any, worker: Any, landscape: dict, tmp_path: Path) -> None:
    worker("stubborn")
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("driftway:connectivity")
    log = Log()
    moment: list[float] = []

    def cancel() -> None:
        moment.append(time.monotonic())
        log.cancel()

    timer = threading.Timer(1.0, cancel)
    timer.start()
    parameters = {**landscape, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")}
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        algorithm.run(parameters, QgsProcessingContext(), log, {}, False)
    assert time.monotonic() - moment[0] < 2.0


def test_without_the_engine_a_run_says_how_to_install_it(provider: Any, landscape: dict, tmp_path: Path) -> None:
    with pytest.raises(QgsProcessingException, match="driftway:installengine"):
        run("connectivity", {**landscape, "FUNCTIONAL_HABITAT": str(tmp_path / "f.tif")})


def test_once_the_engine_is_there_it_is_used_without_a_restart(provider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    algorithm = QgsApplication.processingRegistry().algorithmById("driftway:connectivity")
    states = iter(["missing", "missing", "ready"])
    monkeypatch.setattr(launch.engine, "find_interpreter", lambda named: None)
    monkeypatch.setattr(launch.engine, "state", lambda interpreter, home: next(states))
    assert [algorithm.canExecute()[0] for _ in range(4)] == [False, False, True, True]
    launch.forget_engine()


def test_layers_that_land_are_styled_by_a_processor_that_lives_on(
    provider: Any, worker: Any, landscape: dict, tmp_path: Path
) -> None:
    worker()
    context = QgsProcessingContext()
    project = QgsProject()
    context.setProject(project)
    output = str(tmp_path / "f.tif")
    context.addLayerToLoadOnCompletion(
        output, QgsProcessingContext.LayerDetails("habitat", project, "FUNCTIONAL_HABITAT")
    )
    run("connectivity", {**landscape, "FUNCTIONAL_HABITAT": output}, context)
    processor = context.layerToLoadOnCompletionDetails(output).postProcessor()
    declared = next(
        o for o in provider.algorithm("connectivity")._entry["outputs"] if o["name"] == "FUNCTIONAL_HABITAT"
    )
    assert processor is post_processor("connectivity", declared)
    layer = QgsRasterLayer(output, "habitat")
    processor.postProcessLayer(layer, context, Log())
    assert layer.renderer().type() == "singlebandpseudocolor"
