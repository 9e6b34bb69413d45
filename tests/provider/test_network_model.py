"""The bundled model from land cover to network indices."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT
from qgis.core import Qgis, QgsApplication, QgsProcessingDestinationParameter, QgsProcessingModelChildParameterSource


@pytest.fixture
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_network_model", ROOT / "tools" / "make_network_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(provider: Any) -> Any:
    return QgsApplication.processingRegistry().createAlgorithmById("driftway:habitatnetwork")


@pytest.mark.skipif(Qgis.QGIS_VERSION_INT // 100 != 322, reason="the committed model is made with QGIS 3.22")
def test_the_committed_model_is_what_the_script_makes(provider: Any, maker: ModuleType, tmp_path: Path) -> None:
    again = tmp_path / "again.model3"
    assert maker.make_model().toFile(str(again))
    assert maker.in_order(again.read_text(encoding="utf-8")) == maker.MODEL_FILE.read_text(encoding="utf-8")


def test_it_is_shown_beside_the_algorithms(model: Any, maker: ModuleType) -> None:
    shown = QgsApplication.processingRegistry().algorithmById("driftway:habitatnetwork")
    assert shown.displayName() == "From land cover to network indices"
    assert shown.groupId() == "networks"
    definitions = model.parameterDefinitions()
    inputs = [p.name() for p in definitions if not isinstance(p, QgsProcessingDestinationParameter)]
    assert inputs == [name for names in maker.INPUTS.values() for name in names]


def test_the_indices_take_both_layers_of_the_network(model: Any) -> None:
    sources = model.childAlgorithms()["networkindices"].parameterSources()
    for name in ("NODES", "EDGES"):
        (source,) = sources[name]
        assert source.source() == QgsProcessingModelChildParameterSource.ChildOutput
        assert (source.outputChildId(), source.outputName()) == ("buildnetwork", f"{name}_LAYER")
