"""What the scripts that make bundled models share: parts of a model, and writing it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
)
from qgis.PyQt.QtCore import QPointF, QSizeF
from qgis.PyQt.QtGui import QColor

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "processing_provider" / "models"
AUTHORS = "Driftway developers"


def add_input(model: QgsProcessingModelAlgorithm, package: str, declared: dict[str, Any], x: float, y: float) -> None:
    """Add an input that is declared like an algorithm's parameter.

    Parameters
    ----------
    package : str
        Name under which the plugin is imported.
    declared : dict
        The parameter as the catalogue has it.
    x, y : float
        Where it stands in the modeller.
    """
    parameters = importlib.import_module(f"{package}.processing_provider.parameters")
    component = QgsProcessingModelParameter(declared["name"])
    component.setDescription(declared["label"])
    component.setSize(QSizeF(210.0, 36.0))
    component.setPosition(QPointF(x, y))
    model.addModelParameter(parameters.qgis_parameter(declared), component)


def child(step: str, description: str, colour: str, x: float, width: float) -> QgsProcessingModelChildAlgorithm:
    """Return a step of a model: one of our algorithms."""
    made = QgsProcessingModelChildAlgorithm(f"driftway:{step}")
    made.setChildId(step)
    made.setDescription(description)
    made.setSize(QSizeF(width, 36.0))
    made.setPosition(QPointF(x, 260.0))
    made.setColor(QColor(colour))
    return made


def give_outputs(made: QgsProcessingModelChildAlgorithm, outputs: list[tuple[str, str, str]]) -> None:
    """Make outputs of the model of a step's: (name in the model, label, name of the step's output) each."""
    found = {}
    for place, (name, label, own) in enumerate(outputs):
        output = QgsProcessingModelOutput(name, label)
        output.setChildId(made.childId())
        output.setChildOutputName(own)
        output.setPosition(QPointF(made.position().x() + 40.0, made.position().y() + 130.0 + 60.0 * place))
        found[name] = output
    made.setModelOutputs(found)


def in_order(xml: str) -> str:
    """Return XML with the attributes of every element in alphabetical order; Qt writes them in a random one."""
    attributes = re.compile(r'(?: [\w]+="[^"]*")+')
    return attributes.sub(lambda m: "".join(sorted(re.findall(r' \w+="[^"]*"', m.group(0)))), xml)


def load_plugin() -> ModuleType:
    """Import the checkout as the package `driftway`, whatever its folder is called."""
    spec = importlib.util.spec_from_file_location(
        "driftway", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    plugin = importlib.util.module_from_spec(spec)
    sys.modules["driftway"] = plugin
    spec.loader.exec_module(plugin)
    return plugin


def write(make_model: Callable[[], QgsProcessingModelAlgorithm], path: Path) -> int:
    """Write a model and return the exit status."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], False)
    application.initQgis()
    plugin = load_plugin().classFactory(None)
    plugin.initProcessing()
    written = make_model().toFile(str(path))
    path.write_text(in_order(path.read_text(encoding="utf-8")), encoding="utf-8")
    plugin.unload()
    application.exitQgis()
    return 0 if written else 1
