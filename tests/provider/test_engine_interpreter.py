"""Which Python is taken for the worker, and why another one is not."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from processing_provider import engine_interpreter
from processing_provider.engine import EngineError, find_interpreter
from processing_provider.engine_interpreter import candidates

GOOD = {
    "version": [3, 12, 3],
    "implementation": "cpython",
    "platform": "linux-x86_64",
    "free_threaded": False,
    "gdal": "3.9.0",
    "why": "",
    "packages": False,
}
on_unix = pytest.mark.skipif(os.name == "nt", reason="a shell script stands for the Python")


def stand_in(folder: Path, **changes: object) -> str:
    """Write an executable that answers the probe as some Python would."""
    answer = json.dumps({**GOOD, **changes})
    script = folder / "python éxample"
    script.write_text(f"#!/bin/sh\necho some noise\ncat <<'END'\ndriftway-probe {answer}\nEND\n", encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def test_qgis_own_python_is_found_and_imports_gdal() -> None:
    found = find_interpreter()
    assert found.version[:2] == sys.version_info[:2]
    assert found.gdal
    assert found.tag == f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert not found.own_packages


@on_unix
def test_named_interpreter_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = stand_in(tmp_path)
    assert find_interpreter(named).version == (3, 12, 3)
    monkeypatch.setenv("DRIFTWAY_PYTHON", named)
    assert str(find_interpreter().path) == named


@on_unix
def test_named_interpreter_with_its_own_packages(tmp_path: Path) -> None:
    assert find_interpreter(stand_in(tmp_path, packages=True)).own_packages


@on_unix
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": [3, 9, 18]}, r"it is Python 3\.9\.18, and 3\.11 or newer is needed"),
        ({"implementation": "pypy"}, "it is pypy, not CPython"),
        ({"free_threaded": True}, "free-threaded"),
        ({"gdal": "", "why": "ImportError: no osgeo"}, "cannot import osgeo.gdal .ImportError: no osgeo"),
    ],
)
def test_unfit_interpreter_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        find_interpreter(stand_in(tmp_path, **changes))
    assert "Name another interpreter" in caught.value.remedy


@on_unix
@pytest.mark.parametrize(
    ("named", "message"), [("/no/such/python", "does not exist"), ("/bin/true", "no Python, or a broken one")]
)
def test_what_is_no_python_is_refused(named: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        find_interpreter(named)


def test_old_qgis_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_interpreter, "_probe", lambda *arguments: {**GOOD, "version": [3, 9, 5]})
    with pytest.raises(EngineError, match=r"QGIS's own Python cannot .*Python 3\.9\.5.*Name another interpreter"):
        find_interpreter()


def test_nothing_found_says_where_it_was_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_interpreter, "candidates", lambda: iter(()))
    with pytest.raises(EngineError, match="no Python executable beside"):
        find_interpreter()


@pytest.mark.parametrize(
    ("platform", "program", "python"),
    [
        ("win32", "bin/qgis-bin.exe", "apps/Python312/python3.exe"),
        ("darwin", "MacOS/QGIS", "MacOS/bin/python3"),
    ],
)
def test_qgis_itself_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, program: str, python: str
) -> None:
    for name in (program, python):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    prefix = (tmp_path / python).parent if platform == "win32" else (tmp_path / python).parent.parent
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "executable", str(tmp_path / program))
    for name in ("prefix", "base_prefix", "base_exec_prefix", "exec_prefix"):
        monkeypatch.setattr(sys, name, str(prefix))
    found = list(candidates())
    assert found[0] == tmp_path / python
    assert tmp_path / program not in found
