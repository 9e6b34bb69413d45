"""What goes wrong in the middle of a run: killed, cancelled, damaged, disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from osgeo import gdal
from qgis.core import QgsProcessingException, QgsProcessingFeedback, QgsRasterLayer
from rasters import landscape, leftovers, read

SIDE = 700
SECONDS_TO_GO = 2.0


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return landscape(tmp_path_factory.mktemp("large"), SIDE)


class Watcher(QgsProcessingFeedback):
    """Does something once, when the progress or a step says so."""

    def __init__(self, when, then):
        super().__init__()
        self._when, self._then, self.done_at, self.errors = when, then, None, []
        self.progressChanged.connect(lambda percent: self._look(percent, ""))

    def setProgressText(self, text):
        self._look(self.progress(), text)

    def reportError(self, error, fatal=False):
        self.errors.append(error)

    def _look(self, percent, text):
        if self.done_at is None and self._when(percent, text):
            self.done_at = time.monotonic()
            self._then(self)


def workers(of: int | None = None) -> list[int]:
    """Process ids of the workers that a process, by default this one, has started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if b"backend" in command and b"run" in command and state != "Z" and int(parent) == (of or os.getpid()):
                found.append(int(folder.name))
    return found


def gone_within(seconds: float, processes: list[int] | None = None) -> bool:
    """Wait for processes, by default all of this one's workers, to be gone."""

    def left() -> bool:
        if processes is None:
            return bool(workers())
        return any(Path(f"/proc/{process}").exists() for process in processes)

    until = time.monotonic() + seconds
    while left() and time.monotonic() < until:
        time.sleep(0.05)
    return not left()


def parameters(rasters, folder, **more):
    quality, movement = map(str, rasters)
    outputs = {"FUNCTIONAL_HABITAT": str(folder / "f.tif"), "ACCESSIBLE_HABITAT": str(folder / "a.tif")}
    return {"QUALITY": quality, "MOVEMENT": movement, "DISPERSAL_DISTANCE": 100.0, **outputs, **more}


def test_cancel_while_computing(processing, large, tmp_path):
    feedback = Watcher(lambda percent, _: percent > 4, lambda f: f.cancel())
    with pytest.raises(QgsProcessingException):
        processing.run("driftway:connectivity", parameters(large, tmp_path), feedback=feedback)
    assert time.monotonic() - feedback.done_at < SECONDS_TO_GO
    assert gone_within(0.5)
    assert list(tmp_path.iterdir()) == []


def test_cancel_while_the_worker_starts_and_compiles(processing, large, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTWAY_CACHE", str(tmp_path / "cold"))
    folder = tmp_path / "out"
    folder.mkdir()
    feedback = Watcher(lambda percent, text: "Computing" in text, lambda f: threading.Timer(0.5, f.cancel).start())
    with pytest.raises(QgsProcessingException):
        processing.run("driftway:connectivity", parameters(large, folder), feedback=feedback)
    assert time.monotonic() - feedback.done_at < SECONDS_TO_GO + 0.5
    assert gone_within(0.5)
    assert list(folder.iterdir()) == []


def test_cancel_while_writing(processing, large, tmp_path):
    feedback = Watcher(lambda percent, text: "Writing" in text, lambda f: f.cancel())
    small = {"EXTENT": "26025,31025,-1431975,-1426975"}
    try:
        processing.run("driftway:connectivity", parameters(large, tmp_path, **small), feedback=feedback)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "f.tif"], "whole, when it was too late to stop"
    except QgsProcessingException:
        assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - feedback.done_at < SECONDS_TO_GO
    assert gone_within(0.5)


def test_a_killed_worker_is_reported_and_leaves_nothing(processing, large, tmp_path):
    def kill(_):
        for process in workers():
            os.kill(process, signal.SIGKILL)

    feedback = Watcher(lambda percent, _: percent > 4, kill)
    with pytest.raises(QgsProcessingException, match="memory"):
        processing.run("driftway:connectivity", parameters(large, tmp_path), feedback=feedback)
    assert gone_within(0.5)
    assert list(tmp_path.iterdir()) == []


def test_the_worker_ends_when_qgis_is_killed(large, tmp_path):
    script = Path(__file__).with_name("run_in_qgis.py")
    quality, movement = map(str, large)
    qgis = subprocess.Popen(
        [sys.executable, str(script), quality, movement, str(tmp_path / "f.tif")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for line in qgis.stdout:
            if line.startswith("under way"):
                break
        started = workers(qgis.pid)
        assert started
    finally:
        qgis.kill()
        qgis.wait()
    assert gone_within(5.0, started)
    assert not (tmp_path / "f.tif").exists()
    assert not leftovers(tmp_path)


def test_two_runs_at_once_do_not_disturb_each_other(large, tmp_path):
    script = Path(__file__).with_name("run_in_qgis.py")
    quality, movement = map(str, large)
    extent = "26025,31025,-1431975,-1426975"
    outs = [tmp_path / f"{name}.tif" for name in ("one", "two")]
    runs = [
        subprocess.Popen([sys.executable, str(script), quality, movement, str(out), extent], stdout=subprocess.PIPE)
        for out in outs
    ]
    for run in runs:
        text, _ = run.communicate(timeout=200)
        assert run.returncode == 0, text[-2000:]
    assert read(outs[0]) == read(outs[1])


def test_an_output_that_is_open_as_a_layer_is_replaced_whole(processing, large, tmp_path):
    small = {"EXTENT": "26025,27025,-1427975,-1426975"}
    first = processing.run("driftway:connectivity", parameters(large, tmp_path, **small))
    layer = QgsRasterLayer(first["FUNCTIONAL_HABITAT"], "open")
    assert layer.isValid()
    layer.dataProvider().block(1, layer.extent(), 4, 4)
    before = gdal.Open(first["FUNCTIONAL_HABITAT"]).GetMetadataItem("DRIFTWAY_JOB")
    second = processing.run("driftway:connectivity", parameters(large, tmp_path, **small, SELF=True))
    assert gdal.Open(second["FUNCTIONAL_HABITAT"]).GetMetadataItem("DRIFTWAY_JOB") != before
    assert layer.dataProvider().block(1, layer.extent(), 4, 4).isValid()
    assert not leftovers(tmp_path)


def test_a_damaged_engine_is_noticed(processing, large, tmp_path, damaged_engine):
    feedback = Watcher(lambda percent, text: False, None)
    with pytest.raises(QgsProcessingException) as raised:
        processing.run("driftway:connectivity", parameters(large, tmp_path), feedback=feedback)
    said = " ".join([str(raised.value), *feedback.errors])
    assert "equinox/__init__.py is missing" in said
    assert "driftway:installengine" in said
    assert list(tmp_path.iterdir()) == []
