"""Outputs appear whole, all together, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from osgeo import gdal
from small_landscapes import Laboratory, hills, run_job, write_raster

from backend import output_checks
from backend.errors import OutputError
from backend.html_report import HtmlReport
from backend.job import Job
from backend.outputs import Outputs, part_path

ALL = ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT", "REPORT")


def written(job: Job) -> list[str]:
    folder = Path(job.outputs["REPORT"]).parent
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("input"))


@pytest.fixture
def job(laboratory: Laboratory) -> Job:
    return laboratory.job("connectivity", *hills(rows=5, columns=6), outputs=ALL)


def test_the_name_of_an_unfinished_output_is_a_contract():
    """The caller removes files of this name after the worker died."""
    assert part_path("/data/my map.tif", "0123456789ab") == Path("/data/.my map.0123456789ab.part.tif")


def test_all_outputs_appear_and_nothing_else(job):
    run_job(job)
    assert written(job) == sorted(Path(path).name for path in job.outputs.values())


def test_nothing_appears_where_a_later_output_fails(job, monkeypatch):
    def full(self) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(HtmlReport, "render", full)
    with pytest.raises(OSError, match="No space left"):
        run_job(job)
    assert written(job) == []


def test_a_text_that_cannot_be_written_is_said_and_leaves_nothing(job, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OutputError, match=r"^REPORT: '.*\.html' could not be written \(No space left on device\). Is the disk full"
    ):
        run_job(job)
    assert written(job) == []


def test_an_earlier_result_survives_a_run_that_fails(job, monkeypatch):
    target = Path(job.outputs["FUNCTIONAL_HABITAT"])
    target.write_text("the map of last week", encoding="utf-8")
    monkeypatch.setattr(HtmlReport, "render", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division"):
        run_job(job)
    assert target.read_text(encoding="utf-8") == "the map of last week"


def test_an_output_that_is_open_elsewhere_is_replaced(job):
    target = write_raster(Path(job.outputs["FUNCTIONAL_HABITAT"]), np.zeros((5, 6)))
    layer = gdal.Open(str(target))
    outcome = run_job(job)
    assert np.nanmax(outcome.map("FUNCTIONAL_HABITAT")) > 0
    assert layer.RasterXSize == 6


def test_an_output_that_cannot_be_replaced_is_named_with_its_remedy(job, monkeypatch):
    def held(source: object, target: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(
        OutputError, match=r"^FUNCTIONAL_HABITAT: '.*' could not be replaced .*Close what has it open.* layer in QGIS"
    ):
        run_job(job)
    assert written(job) == []


def test_outputs_that_are_not_published_are_removed(job):
    with Outputs(job) as outputs:
        outputs.write_text("REPORT", "half")
        assert written(job) == [part_path(job.outputs["REPORT"], job.id).name]
    assert written(job) == []


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 64 kB with 2 kB free, where one may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("cannot mount a small disk here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("free", [0, 4096, 12288])
def test_a_disk_that_fills_up_while_writing(job, tiny_disk, monkeypatch, free):
    """Two maps and a report of more than 12 kB on what is left."""
    (tiny_disk / "fill").write_bytes(bytes(65536 - free))
    monkeypatch.setattr(output_checks.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**9))
    monkeypatch.setattr(output_checks.tempfile, "TemporaryFile", lambda **_: (tiny_disk / "fill").open("rb"))
    job = Job(
        **{**vars(job), "outputs": {name: str(tiny_disk / Path(path).name) for name, path in job.outputs.items()}}
    )
    with pytest.raises(
        OutputError, match=r"^(FUNCTIONAL_HABITAT|ACCESSIBLE_HABITAT|REPORT): .*could not be written.*No space left"
    ) as caught:
        run_job(job)
    assert "disk" in caught.value.remedy or "space" in caught.value.remedy
    assert [path.name for path in tiny_disk.iterdir()] == ["fill"]


def test_when_one_output_cannot_be_moved_none_is(tmp_path, monkeypatch):
    paths = {
        "FUNCTIONAL_HABITAT": tmp_path / "f.tif",
        "REPORT": tmp_path / "r.html",
        "ACCESSIBLE_HABITAT": tmp_path / "a.tif",
    }
    paths["FUNCTIONAL_HABITAT"].write_text("old")
    paths["ACCESSIBLE_HABITAT"].write_text("old")
    job = Job("connectivity", {}, {name: str(path) for name, path in paths.items()})
    replace = os.replace

    def locked(source, target):
        if Path(target).name == "a.tif":
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", locked)
    with Outputs(job) as outputs:
        for name in paths:
            outputs.write_text(name, "new")
        with pytest.raises(OutputError, match=r"a\.tif' could not be replaced"):
            outputs.publish()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"f.tif": "old", "a.tif": "old"}
