"""A folder output: its files appear all at once or not at all, and what stood in it stays."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend import registry
from backend.declarations import Declaration, FolderOutput
from backend.errors import InputError, OutputError
from backend.job import Job
from backend.output_checks import check_outputs
from backend.outputs import Outputs, part_path


@pytest.fixture(autouse=True)
def folder_analysis(monkeypatch):
    declared = Declaration(
        id="filler",
        label="Filler",
        group="",
        group_id="",
        summary="",
        help=(),
        tags=(),
        parameters=(),
        outputs=(FolderOutput("FOLDER", "Folder", "Files."), FolderOutput("OTHER", "Other", "Files.", optional=True)),
    )
    monkeypatch.setattr(registry, "load", lambda *_: SimpleNamespace(DECLARATION=declared))


def job_into(folder: Path, **more: Path) -> Job:
    return Job("filler", {}, {"FOLDER": str(folder), **{name: str(path) for name, path in more.items()}})


def fill(**files: str):
    def write(folder: Path) -> None:
        for name, text in files.items():
            place = folder.joinpath(*name.split("__"))
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)

    return write


def files_of(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_files_appear_in_a_new_folder_and_nothing_beside_it(tmp_path):
    job = job_into(tmp_path / "results")
    with Outputs(job) as outputs:
        outputs.write("FOLDER", fill(a="1", maps__b="2"))
        assert not (tmp_path / "results").exists()
        assert outputs.publish() == {"FOLDER": str(tmp_path / "results")}
    assert files_of(tmp_path) == {"results/a": "1", "results/maps/b": "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_what_stood_in_the_folder_stays_unless_it_has_the_same_name(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    fill(a="old", kept="mine")(folder)
    with Outputs(job_into(folder)) as outputs:
        outputs.write("FOLDER", fill(a="new", b="new"))
        outputs.publish()
    assert files_of(folder) == {"a": "new", "b": "new", "kept": "mine"}


def test_a_folder_that_stays_empty_is_made(tmp_path):
    with Outputs(job_into(tmp_path / "results")) as outputs:
        outputs.write("FOLDER", fill())
        outputs.publish()
    assert files_of(tmp_path / "results") == {}


def test_when_one_file_cannot_be_moved_none_is(tmp_path, monkeypatch):
    folder = tmp_path / "results"
    folder.mkdir()
    fill(a="old", z="old")(folder)
    replace = os.replace

    def locked(source, target):
        if Path(target).name == "z":
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", locked)
    with Outputs(job_into(folder)) as outputs:
        outputs.write("FOLDER", fill(a="new", maps__b="new", z="new"))
        with pytest.raises(OutputError, match=r"^FOLDER: .*z' could not be replaced"):
            outputs.publish()
    assert files_of(tmp_path) == {"results/a": "old", "results/z": "old"}
    assert not (folder / "maps").exists()


def test_a_folder_that_is_not_published_leaves_nothing(tmp_path):
    job = job_into(tmp_path / "results")
    with Outputs(job) as outputs:
        outputs.write("FOLDER", fill(a="1"))
        assert [p.name for p in tmp_path.iterdir()] == [part_path(tmp_path / "results", job.id).name]
    assert list(tmp_path.iterdir()) == []


def test_folders_that_can_be_written_pass(tmp_path):
    check_outputs(job_into(tmp_path, OTHER=tmp_path / "new"), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "words"), [("file", r"is a file.*Give the name of a folder"), ("none/new", r"none' does not exist")]
)
def test_folders_that_cannot_be_are_said(tmp_path, place, words):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"^FOLDER: .*{words}"):
        check_outputs(job_into(tmp_path / place), None)


def test_one_folder_for_two_outputs_is_said(tmp_path):
    with pytest.raises(InputError, match=r"^OTHER: .* is the output of FOLDER as well"):
        check_outputs(job_into(tmp_path, OTHER=tmp_path), None)
