"""Each declared kind of parameter as a QGIS parameter, and its value as the job takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingOutputDefinition,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBand,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterDistance,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from .help_text import parameter_help, plain
from .qgis_enums import FLAG_ADVANCED, FLAG_OPTIONAL, NUMBER_DOUBLE, NUMBER_INTEGER
from .translation import tr
from .vector_parameters import field, file, read_file, read_text, vector, vector_destination

_LARGEST = 1.7976931348623157e308


def is_empty(value: Any) -> bool:
    """Return whether a parameter's value means that nothing was given."""
    if value is None or value == "":
        return True
    is_null = getattr(value, "isNull", None)
    return bool(is_null()) if callable(is_null) else False


def qgis_parameter(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    """Return the QGIS parameter that the catalogue declares."""
    parameter = _DEFINITIONS[declared["kind"]](declared)
    parameter.setHelp(parameter_help(declared))
    if declared["advanced"]:
        parameter.setFlags(parameter.flags() | FLAG_ADVANCED)
    return parameter


def qgis_destination(declared: dict[str, Any]) -> QgsProcessingParameterDefinition | None:
    """Return the destination parameter of a declared output; None when it is a number."""
    if declared["kind"] == "number":
        return None
    common = (None, declared["optional"], declared["create_by_default"])
    if declared["kind"] == "raster":
        parameter = QgsProcessingParameterRasterDestination(declared["name"], tr(declared["label"]), *common)
    elif declared["kind"] == "vector":
        parameter = vector_destination(declared)
    elif declared["kind"] == "folder":
        parameter = QgsProcessingParameterFolderDestination(declared["name"], tr(declared["label"]), *common)
    else:
        file_filter = _file_filter(declared)
        parameter = QgsProcessingParameterFileDestination(declared["name"], tr(declared["label"]), file_filter, *common)
    parameter.setHelp(plain(declared["help"]))
    return parameter


def _file_filter(declared: dict[str, Any]) -> str:
    if declared["kind"] == "file":
        return f"{tr(declared['format'])} (*.{declared['ending']})"
    return tr(_FILE_FILTERS[declared["kind"]])


def qgis_number_output(declared: dict[str, Any]) -> QgsProcessingOutputDefinition:
    """Return the output definition of a declared number, its unit in the label."""
    unit = f" ({declared['unit']})" if declared.get("unit") else ""
    return QgsProcessingOutputNumber(declared["name"], tr(declared["label"]) + unit)


def normalised(declared: dict[str, Any], value: Any) -> Any:
    """Return a value as the QGIS parameter accepts it: numbers given for a choice become its static strings."""
    if declared["kind"] != "choice" or is_empty(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return value


def choice_problem(declared: dict[str, Any], value: Any) -> str:
    """Return what is wrong with words given for a choice; empty when nothing is."""
    if declared["kind"] != "choice" or is_empty(value):
        return ""
    words = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else []
    allowed = [option for option, _ in declared["options"]]
    for word in words:
        if word not in allowed:
            return tr("{}: '{}' is not a choice. Choose from: {}.").format(declared["name"], word, ", ".join(allowed))
    if len(words) > 1 and not declared["several"]:
        return tr("{}: Only one can be chosen. Choose from: {}.").format(declared["name"], ", ".join(allowed))
    return ""


def job_value(
    algorithm: QgsProcessingAlgorithm,
    declared: dict[str, Any],
    parameters: dict[str, Any],
    context: QgsProcessingContext,
    crs: QgsCoordinateReferenceSystem,
) -> Any:
    """Return the job's value of any parameter but a raster or a vector layer.

    Parameters
    ----------
    algorithm : QgsProcessingAlgorithm
        Whose parameter it is.
    declared : dict
        The catalogue's declaration of the parameter.
    parameters : dict
        What the algorithm was called with.
    context : QgsProcessingContext
        Resolves layers and expressions.
    crs : QgsCoordinateReferenceSystem
        An extent is returned in this reference system.

    Returns
    -------
    object
        A JSON value; None where nothing was given and nothing is the default.
    """
    name = declared["name"]
    if is_empty(parameters.get(name)) and (
        declared["default"] is None or (name in parameters and declared["optional"])
    ):
        return None
    return _READERS[declared["kind"]](algorithm, declared, parameters, context, crs)


def _label(declared: dict[str, Any]) -> str:
    unit = declared.get("unit")
    label = tr(declared["label"])
    return f"{label} ({unit})" if unit and unit not in label else label


def _raster(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterRasterLayer(declared["name"], _label(declared), None, declared["optional"])


def _band(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    parameter = QgsProcessingParameterBand(
        declared["name"], _label(declared), declared["default"], declared["raster"], declared["optional"]
    )
    # QGIS 3.22 overlooks the default of a band: there it has to be optional, so that it can be left out.
    if not parameter.checkValueIsAcceptable(None):
        parameter.setFlags(parameter.flags() | FLAG_OPTIONAL)
    return parameter


def _bounds(declared: dict[str, Any]) -> tuple[float, float]:
    low, high = declared["minimum"], declared["maximum"]
    if declared.get("integer"):
        return (-(2**31) if low is None else low, 2**31 - 1 if high is None else high)
    return (-_LARGEST if low is None else low, _LARGEST if high is None else high)


def _number(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    if declared["unit"] == "map units" and declared.get("raster"):
        return _distance(declared)
    return QgsProcessingParameterNumber(
        declared["name"],
        _label(declared),
        NUMBER_INTEGER if declared["integer"] else NUMBER_DOUBLE,
        declared["default"],
        declared["optional"],
        *_bounds(declared),
    )


def _distance(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    parameter = QgsProcessingParameterDistance(
        declared["name"],
        tr(declared["label"]),
        declared["default"],
        declared["raster"],
        declared["optional"],
        *_bounds(declared),
    )
    parameter.setMetadata({"widget_wrapper": {"class": f"{__package__}.length_widget.LengthWidget"}})
    return parameter


def _choice(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterEnum(
        declared["name"],
        _label(declared),
        [value for value, _ in declared["options"]],
        declared["several"],
        declared["default"],
        declared["optional"],
        True,
    )


def _flag(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterBoolean(declared["name"], _label(declared), declared["default"], declared["optional"])


def _extent(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterExtent(declared["name"], _label(declared), None, declared["optional"])


def _text(declared: dict[str, Any]) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterString(
        declared["name"], _label(declared), declared["default"], False, declared["optional"]
    )


def _read_band(algorithm, declared, parameters, context, crs):
    return algorithm.parameterAsInt(parameters, declared["name"], context)


def _read_number(algorithm, declared, parameters, context, crs):
    if declared.get("integer"):
        return algorithm.parameterAsInt(parameters, declared["name"], context)
    return algorithm.parameterAsDouble(parameters, declared["name"], context)


def _read_choice(algorithm, declared, parameters, context, crs):
    if declared["several"]:
        return list(algorithm.parameterAsEnumStrings(parameters, declared["name"], context))
    return algorithm.parameterAsEnumString(parameters, declared["name"], context)


def _read_flag(algorithm, declared, parameters, context, crs):
    return algorithm.parameterAsBool(parameters, declared["name"], context)


def _read_extent(algorithm, declared, parameters, context, crs):
    box = algorithm.parameterAsExtent(parameters, declared["name"], context, crs)
    return None if box.isNull() else [box.xMinimum(), box.xMaximum(), box.yMinimum(), box.yMaximum()]


_DEFINITIONS: dict[str, Callable[[dict[str, Any]], QgsProcessingParameterDefinition]] = {
    "raster": _raster,
    "band": _band,
    "number": _number,
    "distance": _distance,
    "choice": _choice,
    "flag": _flag,
    "extent": _extent,
    "text": _text,
    "vector": vector,
    "field": field,
    "file": file,
}

_READERS: dict[str, Callable[..., Any]] = {
    "band": _read_band,
    "number": _read_number,
    "distance": _read_number,
    "choice": _read_choice,
    "flag": _read_flag,
    "extent": _read_extent,
    "text": read_text,
    "field": read_text,
    "file": read_file,
}

_FILE_FILTERS = {"table": "CSV files (*.csv)", "report": "HTML files (*.html)"}
