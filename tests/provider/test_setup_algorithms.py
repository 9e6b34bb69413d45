"""The algorithms that install the engine and say how it is; the engine itself is played."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from driftway.processing_provider import engine, engine_report, engine_setup, launch
from driftway.processing_provider.engine_facts import FACTS, NUMBERS
from driftway.processing_provider.launch import Launch
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingException, QgsProcessingFeedback

HERE = Path(__file__).parent


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """An engine whose state can be set and which remembers how it was installed."""
    play = SimpleNamespace(state="missing", calls=[], folder=tmp_path / "engine" / "cp311", error=None)
    interpreter = SimpleNamespace(path=Path(sys.executable), version=(3, 11, 2))

    def find(named: str | None) -> Any:
        play.calls.append(("find", named))
        return interpreter

    def install(
        found: Any,
        home: Path,
        wheelhouse: str | None,
        report: Callable[[str], None],
        cancelled: Callable[[], bool],
        proxy: str | None,
    ) -> Path:
        report("unpacking")
        play.calls.append(("install", wheelhouse, proxy))
        if play.error:
            raise play.error
        play.state = "ready"
        return play.folder

    monkeypatch.setattr(engine, "find_interpreter", find)
    monkeypatch.setattr(engine, "install", install)
    monkeypatch.setattr(engine, "state", lambda found, home: play.state)
    monkeypatch.setattr(engine, "package_folder", lambda found, home: play.folder)
    launch.forget_engine()
    yield play
    launch.forget_engine()


def answer_checks_with(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    command = (sys.executable, str(HERE / "fake_worker.py"), mode)
    monkeypatch.setattr(engine_report, "launch", lambda settings: Launch(command, dict(os.environ), HERE))


def run(name: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], str]:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"driftway:{name}")
    log = QgsProcessingFeedback(False)
    results, well = algorithm.run(parameters, QgsProcessingContext(), log, {}, False)
    assert well
    return results, log.textLog()


def test_installing_passes_its_parameters_on(provider: Any, played: SimpleNamespace, tmp_path: Path) -> None:
    results, log = run("installengine", {"WHEELHOUSE": str(tmp_path), "INTERPRETER": "/some/python"})
    assert played.calls == [("find", "/some/python"), ("install", str(tmp_path), None)]
    assert results == {"PACKAGE_FOLDER": str(played.folder)}
    assert "unpacking" in log


def test_after_installing_the_algorithms_can_run_at_once(provider: Any, played: SimpleNamespace) -> None:
    algorithm = QgsApplication.processingRegistry().algorithmById("driftway:connectivity")
    assert not algorithm.canExecute()[0]
    run("installengine", {})
    assert algorithm.canExecute()[0]
    played.state = "damaged"
    launch.forget_engine()
    able, why = algorithm.canExecute()
    assert not able
    assert "anew" in why


def test_an_installation_that_fails_is_an_exception_with_its_remedy(provider: Any, played: SimpleNamespace) -> None:
    played.error = engine.EngineError("There is no network.", "Connect, or give a WHEELHOUSE.")
    with pytest.raises(QgsProcessingException, match=r"no network\. Connect, or give a WHEELHOUSE"):
        run("installengine", {})


def test_the_interpreter_of_the_options_is_the_default(
    provider: Any, played: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWAY_PYTHON", "/chosen/python")
    run("installengine", {})
    assert played.calls[0] == ("find", "/chosen/python")


def test_removing_says_what_was_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(engine, "remove", lambda home, report: report("Removed it.") or 7_000_000)
    engine_setup.remove_engine(lines.append)
    assert lines == ["Removed it.", "7 MB freed."]


def test_a_missing_engine_is_a_state_and_no_error(provider: Any, played: SimpleNamespace) -> None:
    results, log = run("enginestatus", {})
    assert results["STATE"] == "missing"
    assert results["SELF_TEST"] == "not run"
    assert "driftway:installengine" in log


def test_a_ready_engine_is_asked_and_tested(
    provider: Any, played: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    played.state = "ready"
    answer_checks_with(monkeypatch, "result")
    report = tmp_path / "status.html"
    results, log = run("enginestatus", {"REPORT": str(report)})
    assert set(results) <= {*FACTS, "REPORT"}
    assert (results["STATE"], results["SELF_TEST"], results["DEVICE"]) == ("ready", "passed", "cpu (cpu:0)")
    assert results["SELF_TEST_SECONDS"] == 1.0
    page = report.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "passed" in page
    assert "Self-test: passed" in log


def test_a_self_test_that_fails_is_an_exception(
    provider: Any, played: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.state = "ready"
    answer_checks_with(monkeypatch, "error")
    with pytest.raises(QgsProcessingException, match=r"It is empty\. Fill it\."):
        run("enginestatus", {})


def test_every_fact_is_an_output(provider: Any) -> None:
    status = QgsApplication.processingRegistry().algorithmById("driftway:enginestatus")
    kinds = {output.name(): output.type() for output in status.outputDefinitions()}
    assert kinds.pop("REPORT") == "outputHtml"
    assert kinds == {name: "outputNumber" if name in NUMBERS else "outputString" for name in FACTS}
