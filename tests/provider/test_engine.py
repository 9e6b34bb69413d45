"""The engine's home, its environment and its command line."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from fake_engine import this_python

from processing_provider import engine_self_test
from processing_provider.engine import EngineError, home, main, recipe_for, worker_environment
from processing_provider.engine_paths import LOCKS, lock_file


def test_home_is_the_named_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRIFTWAY_HOME", str(tmp_path / "ä b"))
    assert home() == tmp_path / "ä b"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/driftway"),
        ("linux", {"HOME": "/home/eve"}, "/home/eve/.local/share/driftway"),
        ("darwin", {"HOME": "/Users/eve"}, "/Users/eve/Library/Application Support/driftway"),
        ("win32", {"LOCALAPPDATA": "/Local"}, "/Local/driftway"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the paths are Unix's")
def test_home_is_in_the_users_data(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict, expected: str
) -> None:
    for name in ("DRIFTWAY_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert home() == Path(expected)


@pytest.mark.skipif(sys.platform == "win32", reason="there the folder comes from the environment")
def test_without_a_home_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DRIFTWAY_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(EngineError, match="There is no folder for the compute engine") as refused:
        home()
    assert "DRIFTWAY_HOME" in refused.value.remedy


def test_worker_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("GDAL_DATA", "kept")
    made = worker_environment(tmp_path / "packages", tmp_path / "plugin", "cpu", tmp_path / "cache")
    assert made["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "packages"), str(tmp_path / "plugin")]
    assert made["GDAL_DATA"] == "kept"
    assert made["OPENBLAS_NUM_THREADS"] == made["OMP_NUM_THREADS"] == made["PYTHONNOUSERSITE"] == "1"
    assert made["DRIFTWAY_CACHE"] == str(tmp_path / "cache")
    assert made["JAX_PLATFORMS"] == "cpu"
    dropped = {"PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PIP_INDEX_URL"}
    assert not dropped & set(made)


def test_worker_environment_without_package_folder(tmp_path: Path) -> None:
    made = worker_environment(None, tmp_path, "auto")
    assert made["PYTHONPATH"] == str(tmp_path)
    assert made.get("JAX_PLATFORMS") == os.environ.get("JAX_PLATFORMS")


@pytest.mark.parametrize(
    ("version", "name"), [((3, 11, 2), "py311.txt"), ((3, 12, 0), "py312.txt"), ((3, 14, 1), "py312.txt")]
)
def test_lock_follows_the_version(version: tuple[int, ...], name: str) -> None:
    assert lock_file(version) == LOCKS / name
    assert lock_file(version).is_file()


@pytest.mark.parametrize("name", ["py311.txt", "py312.txt"])
def test_locks_pin_every_package_by_hash_and_name_no_index(name: str) -> None:
    text = (LOCKS / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    names = {entry.split("==")[0] for entry in entries}
    assert {"equinox", "jax", "jaxlib", "jaxtyping", "llvmlite", "ml-dtypes", "numba", "numpy", "scipy"} <= names
    assert all(re.match(r"[a-z0-9-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:|file:|--index|--extra|--find", text)


def test_self_test_is_the_backends_own_where_it_exists(tmp_path: Path) -> None:
    assert recipe_for(this_python(), tmp_path).self_test == ("-c", engine_self_test.KERNELS)
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "__main__.py").write_text("")
    assert recipe_for(this_python(), tmp_path).self_test == ("-m", "backend", "check")


def test_status_of_a_missing_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("DRIFTWAY_HOME", str(tmp_path))
    assert main(["status"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["state"] == "missing"
    assert facts["folder"].startswith(str(tmp_path))


def test_command_line_explains_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("DRIFTWAY_HOME", str(tmp_path))
    assert main(["install", "--interpreter", "/no/such/python"]) == 1
    said = capsys.readouterr().err
    assert "does not exist" in said
    assert "Settings > Options > Driftway" in said
    assert main(["check"]) == 1
    assert "not installed" in capsys.readouterr().err


def test_removing_nothing_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("DRIFTWAY_HOME", str(tmp_path))
    assert main(["remove", "--all"]) == 0
    assert "0 MB freed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ('{"event": "heartbeat"}', ""),
        ('{"event": "hello", "jax": "0.10.2", "device": "cpu", "devices": ["cpu:0"]}', "JAX 0.10.2 on cpu (cpu:0)"),
        ('{"event": "error", "message": "Wrong.", "remedy": "Do this."}', "Wrong. Do this."),
        (
            '{"event": "result", "numbers": {"RELATIVE_ERROR": 4e-14}}',
            "The self-test is right (relative error 4.0e-14).",
        ),
        ("{no json", "{no json"),
        ("ImportError: numba", "ImportError: numba"),
    ],
)
def test_events_of_the_self_test_are_told_in_words(line: str, meaning: str) -> None:
    assert engine_self_test.spoken(line) == meaning
