"""The bundled model: made by its script, loaded by the provider, fit to run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT
from driftway.processing_provider.catalogue import algorithm
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingDestinationParameter,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildParameterSource,
)

MADE_WITH = 322


@pytest.fixture
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_model", ROOT / "tools" / "make_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(provider: Any) -> QgsProcessingModelAlgorithm:
    return QgsApplication.processingRegistry().createAlgorithmById("driftway:landscapeconnectivity")


@pytest.mark.skipif(Qgis.QGIS_VERSION_INT // 100 != MADE_WITH, reason="the committed model is made with QGIS 3.22")
def test_the_committed_model_is_what_the_script_makes(provider: Any, maker: ModuleType, tmp_path: Path) -> None:
    again = tmp_path / "again.model3"
    assert maker.make_model().toFile(str(again))
    assert maker.in_order(again.read_text(encoding="utf-8")) == maker.MODEL_FILE.read_text(encoding="utf-8")


def test_the_toolbox_shows_its_title(provider: Any) -> None:
    shown = QgsApplication.processingRegistry().algorithmById("driftway:landscapeconnectivity")
    assert shown.displayName() == "Landscape connectivity (all three steps)"
    assert shown.groupId() == "landscape"
    assert not shown.icon().isNull()
    assert "BUDGET" in shown.shortHelpString()


def test_it_takes_the_inputs_and_gives_the_files_of_its_steps(
    model: QgsProcessingModelAlgorithm, maker: ModuleType
) -> None:
    definitions = model.parameterDefinitions()
    inputs = [p.name() for p in definitions if not isinstance(p, QgsProcessingDestinationParameter)]
    assert inputs == list(maker.INPUTS)
    outputs = {
        p.name().rpartition(":")[2].upper() for p in definitions if isinstance(p, QgsProcessingDestinationParameter)
    }
    assert outputs == {
        "FUNCTIONAL_HABITAT",
        "ACCESSIBLE_HABITAT",
        "CONNECTIVITY_REPORT",
        "SENSITIVITY",
        "ELASTICITY",
        "SENSITIVITY_REPORT",
        "SELECTION",
        "RANK",
        "CURVE",
        "PRIORITISATION_REPORT",
    }


def test_its_inputs_are_those_of_the_algorithms(model: QgsProcessingModelAlgorithm) -> None:
    declared = {p["name"]: p for p in algorithm("prioritisation")["parameters"]}
    for name in ("BUDGET", "AMOUNT", "DISPERSAL_DISTANCE", "MOVEMENT_KIND"):
        assert model.parameterDefinition(name).defaultValue() == declared[name]["default"]


def test_every_step_is_fed_by_the_inputs(model: QgsProcessingModelAlgorithm, maker: ModuleType) -> None:
    steps = model.childAlgorithms()
    assert set(steps) == {"connectivity", "sensitivity", "prioritisation"}
    for name, step in steps.items():
        assert step.algorithmId() == f"driftway:{name}"
        wanted = {p["name"] for p in algorithm(name)["parameters"]} & set(maker.INPUTS)
        fed = {key for key, sources in step.parameterSources().items() if sources}
        assert fed == wanted
        for key in fed:
            (source,) = step.parameterSources()[key]
            assert source.source() == QgsProcessingModelChildParameterSource.ModelParameter
            assert source.parameterName() == key


def test_its_steps_run_in_order(model: QgsProcessingModelAlgorithm) -> None:
    before = {name: [d.childId for d in step.dependencies()] for name, step in model.childAlgorithms().items()}
    assert before == {"connectivity": [], "sensitivity": ["connectivity"], "prioritisation": ["sensitivity"]}


def test_its_steps_do_not_lie_on_each_other(model: QgsProcessingModelAlgorithm) -> None:
    places = [(step.position().x(), step.position().y()) for step in model.childAlgorithms().values()]
    places += [
        (output.position().x(), output.position().y())
        for step in model.childAlgorithms().values()
        for output in step.modelOutputs().values()
    ]
    places += [(c.position().x(), c.position().y()) for c in model.parameterComponents().values()]
    assert len(set(places)) == len(places)


def test_without_the_engine_a_run_says_how_to_install_it(
    model: QgsProcessingModelAlgorithm, landscape: dict, tmp_path: Path
) -> None:
    log = QgsProcessingFeedback(False)
    with pytest.raises(QgsProcessingException, match="Connectivity"):
        model.run(landscape, QgsProcessingContext(), log, {}, False)
    assert "driftway:installengine" in log.textLog()
