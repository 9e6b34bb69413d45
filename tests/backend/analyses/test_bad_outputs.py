"""What can be wrong with the outputs of a job: said before any work, and without a trace on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_landscapes import hills

from backend import output_checks
from backend.errors import InputError
from backend.job import Job


def job_with(laboratory, *, name: str = "FUNCTIONAL_HABITAT", path: Path | str, **more: Path | str) -> Job:
    job = laboratory.job("connectivity", *hills())
    job.outputs.update({name: str(path), **{n: str(p) for n, p in more.items()}})
    return job


def refused(job: Job, match: str) -> None:
    from backend.analyses import connectivity

    before = sorted(Path(job.parameters["QUALITY"]).parent.iterdir())
    with pytest.raises(InputError, match=match):
        connectivity.check_headers(job)
    assert sorted(Path(job.parameters["QUALITY"]).parent.iterdir()) == before, "a check leaves nothing behind"


def test_an_output_folder_that_does_not_exist(laboratory):
    path = laboratory.folder / "gone" / "habitat.tif"
    refused(job_with(laboratory, path=path), r"^FUNCTIONAL_HABITAT: The folder '.*gone' does not exist. Create it")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root may write to")
def test_an_output_that_cannot_be_written(laboratory):
    refused(
        job_with(laboratory, path="/proc/habitat.tif"),
        r"^FUNCTIONAL_HABITAT: '/proc/habitat.tif' cannot be written \(.*may write",
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_that_one_may_not_write(laboratory):
    path = laboratory.folder / "habitat.tif"
    path.touch(mode=0o400)
    refused(
        job_with(laboratory, path=path), r"^FUNCTIONAL_HABITAT: '.*habitat.tif' cannot be written \(Permission denied\)"
    )


def test_an_output_of_another_kind(laboratory):
    path = laboratory.folder / "habitat.asc"
    refused(
        job_with(laboratory, path=path), r"^FUNCTIONAL_HABITAT: 'habitat.asc' does not end in .tif or .tiff. Rename"
    )


def test_an_output_that_is_a_folder(laboratory):
    path = laboratory.folder / "habitat.tif"
    path.mkdir()
    refused(
        job_with(laboratory, path=path), r"^FUNCTIONAL_HABITAT: '.*habitat.tif' is a folder. Give the name of a file"
    )


def test_two_outputs_of_one_name(laboratory):
    path = laboratory.folder / "habitat.tif"
    job = job_with(laboratory, path=path, ACCESSIBLE_HABITAT=path)
    refused(job, r"^ACCESSIBLE_HABITAT: .*is the output of FUNCTIONAL_HABITAT as well")


@pytest.mark.parametrize("name", ["QUALITY", "MOVEMENT", "LOCKED_OUT"])
def test_an_output_that_is_an_input(laboratory, name):
    from backend.analyses import prioritisation

    job = laboratory.job("prioritisation", *hills(), LOCKED_OUT=np.zeros((9, 11)))
    job.outputs["SELECTION"] = job.parameters[name]
    with pytest.raises(InputError, match=rf"^SELECTION: It would overwrite {name}. Choose another file"):
        prioritisation.check_headers(job)


def test_an_output_that_the_analysis_does_not_have(laboratory):
    refused(
        job_with(laboratory, name="HABITAT", path="h.tif"),
        r"^HABITAT: 'connectivity' has no such output file. Known: FUNC",
    )


def test_a_full_disk(laboratory, monkeypatch):
    monkeypatch.setattr(output_checks.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    refused(
        job_with(laboratory, path=laboratory.folder / "habitat.tif"),
        r"^FUNCTIONAL_HABITAT: The outputs need up to .* in '.*', 0 MB are free. Free some space",
    )
