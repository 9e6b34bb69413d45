"""Make the bundled model: connectivity, sensitivity and prioritisation of one landscape in one run.

Run it with the Python that imports `qgis`, QGIS 3.22, so that later versions read the file as well::

    python3 tools/make_model.py [FILE]
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildDependency,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
)
from qgis.PyQt.QtCore import QPointF, QSizeF
from qgis.PyQt.QtGui import QColor

ROOT = Path(__file__).resolve().parent.parent
MODEL_FILE = ROOT / "processing_provider" / "models" / "landscapeconnectivity.model3"
NAME = "landscapeconnectivity"
INPUTS = ("QUALITY", "MOVEMENT", "MOVEMENT_KIND", "DISPERSAL_DISTANCE", "BUDGET", "AMOUNT")
STEPS = {
    "connectivity": ("Where is habitat connected?", ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT", "REPORT")),
    "sensitivity": ("Where does connectivity hang by a thread?", ("SENSITIVITY", "ELASTICITY", "REPORT")),
    "prioritisation": ("Where does acting help most?", ("SELECTION", "RANK", "CURVE", "REPORT")),
}
COLOURS = {"connectivity": "#d3f9d8", "sensitivity": "#d0ebff", "prioritisation": "#ffdeeb"}
DESCRIPTION = (
    "From a quality and a movement raster to three answers: how well the habitat of every cell is connected, how much "
    "connectivity depends on the movement raster in every cell, and where raising permeability by AMOUNT in as many "
    "cells as BUDGET says gains most. All else has the defaults of the three algorithms; open the model in the "
    "modeller to change that."
)


def make_model(package: str = "driftway") -> QgsProcessingModelAlgorithm:
    """Return the model; the provider has to be registered.

    Parameters
    ----------
    package : str
        Name under which the plugin is imported.
    """
    catalogue = importlib.import_module(f"{package}.processing_provider.catalogue")
    parameters = importlib.import_module(f"{package}.processing_provider.parameters")
    declared = {p["name"]: p for step in STEPS for p in catalogue.algorithm(step)["parameters"]}
    model = QgsProcessingModelAlgorithm(NAME, "Landscape", "landscape")
    for place, name in enumerate(INPUTS):
        component = QgsProcessingModelParameter(name)
        component.setDescription(declared[name]["label"])
        component.setSize(QSizeF(210.0, 36.0))
        component.setPosition(QPointF(140.0 + 230.0 * place, 80.0))
        model.addModelParameter(parameters.qgis_parameter(declared[name]), component)
    earlier: list[QgsProcessingModelChildDependency] = []
    for place, (step, (title, outputs)) in enumerate(STEPS.items()):
        child = _child(catalogue.algorithm(step), title, outputs, QPointF(300.0 + 420.0 * place, 260.0))
        # They could run in any order; so they do in one, which the log and the progress bar follow.
        child.setDependencies(earlier)
        earlier = [QgsProcessingModelChildDependency(step)]
        model.addChildAlgorithm(child)
    model.setParameterOrder(list(INPUTS))
    model.setHelpContent(_help(declared))
    return model


def _child(
    entry: dict[str, Any], title: str, outputs: tuple[str, ...], position: QPointF
) -> QgsProcessingModelChildAlgorithm:
    """Return a step that takes the model's inputs by their names, and whose files are outputs of the model."""
    step = entry["id"]
    child = QgsProcessingModelChildAlgorithm(f"driftway:{step}")
    child.setChildId(step)
    child.setDescription(f"{entry['label']}: {title}")
    child.setSize(QSizeF(340.0, 36.0))
    child.setPosition(position)
    child.setColor(QColor(COLOURS[step]))
    for parameter in entry["parameters"]:
        if parameter["name"] in INPUTS:
            source = QgsProcessingModelChildParameterSource.fromModelParameter(parameter["name"])
            child.addParameterSources(parameter["name"], [source])
    labels = {output["name"]: output["label"] for output in entry["outputs"]}
    model_outputs = {}
    for place, name in enumerate(outputs):
        is_report = name == "REPORT"
        own_name = f"{step.upper()}_REPORT" if is_report else name
        output = QgsProcessingModelOutput(own_name, f"{entry['label']} report" if is_report else labels[name])
        output.setChildId(step)
        output.setChildOutputName(name)
        output.setPosition(QPointF(position.x() + 40.0, position.y() + 130.0 + 60.0 * place))
        model_outputs[own_name] = output
    child.setModelOutputs(model_outputs)
    return child


def _help(declared: dict[str, dict[str, Any]]) -> dict[str, str]:
    texts = {"ALG_DESC": DESCRIPTION, "ALG_CREATOR": "Driftway developers"}
    return {**texts, **{name: declared[name]["help"] for name in INPUTS}}


def in_order(xml: str) -> str:
    """Return XML with the attributes of every element in alphabetical order; Qt writes them in a random one."""
    attributes = re.compile(r'(?: [\w]+="[^"]*")+')
    return attributes.sub(lambda m: "".join(sorted(re.findall(r' \w+="[^"]*"', m.group(0)))), xml)


def _load_plugin() -> ModuleType:
    """Import the checkout as the package `driftway`, whatever its folder is called."""
    spec = importlib.util.spec_from_file_location(
        "driftway", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    plugin = importlib.util.module_from_spec(spec)
    sys.modules["driftway"] = plugin
    spec.loader.exec_module(plugin)
    return plugin


def main(arguments: list[str]) -> int:
    """Write the model and return the exit status."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], False)
    application.initQgis()
    plugin = _load_plugin().classFactory(None)
    plugin.initProcessing()
    path = Path(arguments[0]) if arguments else MODEL_FILE
    written = make_model().toFile(str(path))
    path.write_text(in_order(path.read_text(encoding="utf-8")), encoding="utf-8")
    plugin.unload()
    application.exitQgis()
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
