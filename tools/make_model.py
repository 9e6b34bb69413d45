"""Make the bundled model: connectivity, sensitivity and prioritisation of one landscape in one run.

Run it with the Python that imports `qgis`, QGIS 3.22, so that later versions read the file as well::

    python3 tools/make_model.py [FILE]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildDependency,
    QgsProcessingModelChildParameterSource,
)

sys.path.insert(0, str(Path(__file__).resolve().parent))
from model_making import AUTHORS, MODELS, add_input, child, give_outputs, in_order, write

__all__ = ["MODEL_FILE", "in_order", "make_model"]

MODEL_FILE = MODELS / "landscapeconnectivity.model3"
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
    declared = {p["name"]: p for step in STEPS for p in catalogue.algorithm(step)["parameters"]}
    model = QgsProcessingModelAlgorithm(NAME, "Landscape", "landscape")
    for place, name in enumerate(INPUTS):
        add_input(model, package, declared[name], 140.0 + 230.0 * place, 80.0)
    earlier: list[QgsProcessingModelChildDependency] = []
    for place, (step, (title, outputs)) in enumerate(STEPS.items()):
        one = _step(catalogue.algorithm(step), title, outputs, 300.0 + 420.0 * place)
        # They could run in any order; so they do in one, which the log and the progress bar follow.
        one.setDependencies(earlier)
        earlier = [QgsProcessingModelChildDependency(step)]
        model.addChildAlgorithm(one)
    model.setParameterOrder(list(INPUTS))
    model.setHelpContent(_help(declared))
    return model


def _step(entry: dict[str, Any], title: str, outputs: tuple[str, ...], x: float) -> QgsProcessingModelChildAlgorithm:
    """Return a step that takes the model's inputs by their names, and whose files are outputs of the model."""
    step = entry["id"]
    made = child(step, f"{entry['label']}: {title}", COLOURS[step], x, 340.0)
    for parameter in entry["parameters"]:
        if parameter["name"] in INPUTS:
            source = QgsProcessingModelChildParameterSource.fromModelParameter(parameter["name"])
            made.addParameterSources(parameter["name"], [source])
    labels = {output["name"]: output["label"] for output in entry["outputs"]}
    named = []
    for name in outputs:
        if name == "REPORT":
            named.append((f"{step.upper()}_REPORT", f"{entry['label']} report", name))
        else:
            named.append((name, labels[name], name))
    give_outputs(made, named)
    return made


def _help(declared: dict[str, dict[str, Any]]) -> dict[str, str]:
    texts = {"ALG_DESC": DESCRIPTION, "ALG_CREATOR": AUTHORS}
    return {**texts, **{name: declared[name]["help"] for name in INPUTS}}


if __name__ == "__main__":
    sys.exit(write(make_model, Path(sys.argv[1]) if sys.argv[1:] else MODEL_FILE))
