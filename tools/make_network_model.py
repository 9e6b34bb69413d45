"""Make the bundled model from land cover to network indices.

Run it with the Python that imports `qgis`, QGIS 3.22, so that later versions read the file as well::

    python3 tools/make_network_model.py [FILE]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
)

sys.path.insert(0, str(Path(__file__).resolve().parent))
from model_making import AUTHORS, MODELS, add_input, child, give_outputs, in_order, write

__all__ = ["MODEL_FILE", "in_order", "make_model"]

MODEL_FILE = MODELS / "habitatnetwork.model3"
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
    model = QgsProcessingModelAlgorithm(NAME, "Habitat networks", "networks")
    texts: dict[str, Any] = {"ALG_DESC": DESCRIPTION, "ALG_CREATOR": AUTHORS}
    for row, (step, names) in enumerate(INPUTS.items()):
        declared = {parameter["name"]: parameter for parameter in catalogue.algorithm(step)["parameters"]}
        for place, name in enumerate(names):
            required = {"optional": False} if name in ("HABITAT", "HABITAT_VALUES") else {}
            add_input(model, package, {**declared[name], **required}, 140.0 + 230.0 * place, 80.0 + 60.0 * row)
            texts[name] = declared[name]["help"]
        model.addChildAlgorithm(_step(catalogue.algorithm(step), names, 300.0 + 420.0 * row))
    model.setParameterOrder([name for names in INPUTS.values() for name in names])
    model.setHelpContent(texts)
    return model


def _step(entry: dict[str, Any], names: tuple[str, ...], x: float) -> QgsProcessingModelChildAlgorithm:
    step = entry["id"]
    made = child(step, entry["label"], COLOURS[step], x, 300.0)
    for name in names:
        made.addParameterSources(name, [QgsProcessingModelChildParameterSource.fromModelParameter(name)])
    if step == "networkindices":
        for name in ("NODES", "EDGES"):
            source = QgsProcessingModelChildParameterSource.fromChildOutput("buildnetwork", f"{name}_LAYER")
            made.addParameterSources(name, [source])
        labels = {output["name"]: output["label"] for output in entry["outputs"]}
        give_outputs(made, [(name, labels[name], name) for name in OUTPUTS])
    return made


if __name__ == "__main__":
    sys.exit(write(make_model, Path(sys.argv[1]) if sys.argv[1:] else MODEL_FILE))
