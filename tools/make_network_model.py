"""Make the bundled model from land cover to network indices.

Run it with the Python that imports `qgis`, QGIS 3.22, so that later versions read the file as well::

    python3 tools/make_network_model.py [FILE]
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
)
from qgis.PyQt.QtCore import QPointF, QSizeF
from qgis.PyQt.QtGui import QColor

sys.path.insert(0, str(Path(__file__).resolve().parent))
from make_model import ROOT, _load_plugin, in_order

MODEL_FILE = ROOT / "processing_provider" / "models" / "habitatnetwork.model3"
NAME = "habitatnetwork"
INPUTS = {
    "buildnetwork": (
        "HABITAT",
        "HABITAT_VALUES",
        "MINIMUM_AREA",
        "MOVEMENT",
        "MOVEMENT_KIND",
        "DISTANCE",
        "MAXIMUM_DISTANCE",
    ),
    "networkindices": ("DISPERSAL_DISTANCE", "PROBABILITY", "MORE_DISTANCES"),
}
OUTPUTS = ("NETWORK", "INDICES", "REPORT")
COLOURS = {"buildnetwork": "#d3f9d8", "networkindices": "#d0ebff"}
DESCRIPTION = (
    "From a land-cover raster to the indices of its habitat network: cells of the classes HABITAT_VALUES make patches, "
    "neighbouring patches are linked, and PC, ECA and IIC are computed with what each patch and each link contributes. All "
    "else has the defaults of the two algorithms; open the model in the modeller to change that."
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
    model = QgsProcessingModelAlgorithm(NAME, "Habitat networks", "networks")
    texts: dict[str, Any] = {"ALG_DESC": DESCRIPTION, "ALG_CREATOR": "Driftway developers"}
    for row, (step, names) in enumerate(INPUTS.items()):
        declared = {parameter["name"]: parameter for parameter in catalogue.algorithm(step)["parameters"]}
        for place, name in enumerate(names):
            component = QgsProcessingModelParameter(name)
            component.setDescription(declared[name]["label"])
            component.setSize(QSizeF(210.0, 36.0))
            component.setPosition(QPointF(140.0 + 230.0 * place, 80.0 + 60.0 * row))
            required = name in ("HABITAT", "HABITAT_VALUES")
            model.addModelParameter(
                parameters.qgis_parameter({**declared[name], "optional": False} if required else declared[name]),
                component,
            )
            texts[name] = declared[name]["help"]
        model.addChildAlgorithm(_child(catalogue.algorithm(step), names, 300.0 + 420.0 * row))
    model.setParameterOrder([name for names in INPUTS.values() for name in names])
    model.setHelpContent(texts)
    return model


def _child(entry: dict[str, Any], names: tuple[str, ...], x: float) -> QgsProcessingModelChildAlgorithm:
    step = entry["id"]
    child = QgsProcessingModelChildAlgorithm(f"driftway:{step}")
    child.setChildId(step)
    child.setDescription(entry["label"])
    child.setSize(QSizeF(300.0, 36.0))
    child.setPosition(QPointF(x, 260.0))
    child.setColor(QColor(COLOURS[step]))
    for name in names:
        child.addParameterSources(name, [QgsProcessingModelChildParameterSource.fromModelParameter(name)])
    if step == "networkindices":
        for name in ("NODES", "EDGES"):
            source = QgsProcessingModelChildParameterSource.fromChildOutput("buildnetwork", f"{name}_LAYER")
            child.addParameterSources(name, [source])
        labels = {output["name"]: output["label"] for output in entry["outputs"]}
        outputs = {}
        for place, name in enumerate(OUTPUTS):
            output = QgsProcessingModelOutput(name, labels[name])
            output.setChildId(step)
            output.setChildOutputName(name)
            output.setPosition(QPointF(x + 40.0, 390.0 + 60.0 * place))
            outputs[name] = output
        child.setModelOutputs(outputs)
    return child


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
