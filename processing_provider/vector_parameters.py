"""The declared kinds that belong to vector layers and files, as QGIS parameters and job values."""

from __future__ import annotations

import os
from typing import Any

from qgis.core import (
    QgsProcessingOutputDefinition,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterVectorDestination,
)

from .qgis_enums import (
    FIELD_ANY,
    FIELD_NUMERIC,
    FILE,
    FLAG_OPTIONAL,
    SOURCE_LINE,
    SOURCE_POINT,
    SOURCE_POLYGON,
    SOURCE_VECTOR,
)
from .translation import tr

_GEOMETRIES = {"any": SOURCE_VECTOR, "point": SOURCE_POINT, "line": SOURCE_LINE, "polygon": SOURCE_POLYGON}


def vector(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    """Return the parameter of a vector layer, or of its selected features."""
    kinds = [_GEOMETRIES[declared["geometry"]]]
    return QgsProcessingParameterFeatureSource(
        declared["name"], tr(declared["label"]), kinds, None, declared["optional"]
    )


def field(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    """Return the parameter of a field."""
    parameter = QgsProcessingParameterField(
        declared["name"],
        tr(declared["label"]),
        declared["default"],
        declared["vector"],
        FIELD_NUMERIC if declared["numeric"] else FIELD_ANY,
        False,
        declared["optional"],
    )
    # QGIS 3.22 overlooks the default of a field: there it has to be optional, so that it can be left out.
    if declared["default"] is not None and not parameter.checkValueIsAcceptable(None):
        parameter.setFlags(parameter.flags() | FLAG_OPTIONAL)
    return parameter


def file(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    """Return the parameter of a file that is read."""
    return QgsProcessingParameterFile(
        declared["name"], tr(declared["label"]), FILE, declared["ending"], None, declared["optional"]
    )


def vector_destination(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    """Return the destination of a GeoPackage."""
    return QgsProcessingParameterVectorDestination(
        declared["name"],
        tr(declared["label"]),
        SOURCE_VECTOR,
        None,
        declared["optional"],
        declared["create_by_default"],
    )


def layer_outputs(declared: dict[str, Any]) -> list[QgsProcessingOutputDefinition]:
    """Return an output definition per layer of a declared vector output, for models and scripts."""
    return [QgsProcessingOutputVectorLayer(layer["name"], tr(layer["label"])) for layer in declared["layers"]]


def layer_sources(declared: dict[str, Any], path: str) -> dict[str, str]:
    """Return what opens each layer of a vector output, by its name."""
    return {layer["name"]: f"{path}|layername={layer['layer']}" for layer in declared["layers"]}


def read_text(algorithm, declared, parameters, context, crs):
    """Return the job's value of a field or a text."""
    return algorithm.parameterAsString(parameters, declared["name"], context)


def read_file(algorithm, declared, parameters, context, crs):
    """Return the job's value of a file."""
    path = algorithm.parameterAsFile(parameters, declared["name"], context)
    return os.path.abspath(path) if path else None
