"""Every entry of the catalogue, as the toolbox and qgis_process show it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from driftway.processing_provider.catalogue import algorithms
from driftway.processing_provider.help_text import plain, terminal_help
from driftway.processing_provider.qgis_enums import FIELD_NUMERIC, FLAG_ADVANCED, member
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingDestinationParameter,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBand,
    QgsProcessingParameterDistance,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterVectorDestination,
)

ENTRIES = {entry["id"]: entry for entry in algorithms()}
ALL = pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))

# Names and defaults that models and scripts hold: never to be changed. (name, kind, options or None, default)
FROZEN_LANDSCAPE = (
    ("QUALITY", "raster", None, None),
    ("QUALITY_BAND", "band", None, 1),
    ("MOVEMENT", "raster", None, None),
    ("MOVEMENT_BAND", "band", None, 1),
    ("MOVEMENT_KIND", "choice", ("permeability", "resistance"), "permeability"),
    ("DISTANCE", "choice", ("least_cost", "euclidean"), "least_cost"),
    ("NEIGHBOURS", "choice", ("4", "8"), "8"),
    ("EDGE_RULE", "choice", ("average_resistance", "average_conductance"), "average_resistance"),
    ("DISPERSAL_DISTANCE", "distance", None, None),
    ("DISPERSAL_MEANING", "choice", ("scale", "mean", "median", "maximum"), "scale"),
    ("PROXIMITY", "choice", ("exponential", "gaussian", "inverse", "threshold"), "exponential"),
    ("CUTOFF", "number", None, 0.01),
    ("SELF", "flag", None, False),
)
FROZEN_INPUTS = {
    "connectivity": FROZEN_LANDSCAPE,
    "sensitivity": (*FROZEN_LANDSCAPE, ("WITH_RESPECT_TO", "choice", ("movement", "quality"), ["movement"])),
    "prioritisation": (
        *FROZEN_LANDSCAPE,
        ("COST", "raster", None, None),
        ("BUDGET", "number", None, 100.0),
        ("ACTION", "choice", ("raise_permeability",), "raise_permeability"),
        ("AMOUNT", "number", None, 0.4),
        ("LOCKED_IN", "raster", None, None),
        ("LOCKED_OUT", "raster", None, None),
        ("ROUNDS", "number", None, 5),
    ),
    "networkindices": (
        ("NODES", "vector", None, None),
        ("EDGES", "vector", None, None),
        ("CAPACITY_FIELD", "field", None, "capacity"),
        ("DISTANCE_FIELD", "field", None, "distance"),
        ("DISPERSAL_DISTANCE", "number", None, None),
        ("PROBABILITY", "number", None, 0.5),
    ),
}
FROZEN_OUTPUTS = {
    "connectivity": ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT", "REPORT", "C", "ECA", "PC"),
    "sensitivity": ("SENSITIVITY", "ELASTICITY"),
    "prioritisation": ("SELECTION", "RANK", "CURVE", "REPORT", "GAIN", "GAIN_RANDOM"),
    "networkindices": ("NETWORK", "PC_NUMERATOR", "ECA", "IIC_NUMERATOR"),
}


def registered(entry: dict[str, Any]) -> Any:
    found = QgsApplication.processingRegistry().algorithmById(f"driftway:{entry['id']}")
    assert found is not None
    return found


def test_the_three_algorithms_of_the_first_version_are_there() -> None:
    assert set(FROZEN_INPUTS) <= set(ENTRIES)


@pytest.mark.parametrize("name", list(FROZEN_INPUTS))
def test_frozen_parameters_keep_their_names_options_and_defaults(name: str) -> None:
    declared = {parameter["name"]: parameter for parameter in ENTRIES[name]["parameters"]}
    for parameter, kind, options, default in FROZEN_INPUTS[name]:
        assert declared[parameter]["kind"] == kind, parameter
        assert declared[parameter]["default"] == default, parameter
        assert set(options or ()) <= {value for value, _ in declared[parameter].get("options", ())}, parameter


@pytest.mark.parametrize("name", list(FROZEN_OUTPUTS))
def test_frozen_outputs_keep_their_names(name: str) -> None:
    assert set(FROZEN_OUTPUTS[name]) <= {output["name"] for output in ENTRIES[name]["outputs"]}


@ALL
def test_it_introduces_itself(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    assert algorithm.displayName() == entry["label"]
    assert algorithm.group() == entry["group"]
    assert algorithm.groupId() == entry["group_id"]
    assert set(algorithm.tags()) == set(entry["tags"])
    assert algorithm.shortDescription().endswith(".")
    assert not algorithm.icon().isNull()
    assert algorithm.svgIconPath().endswith(".svg")
    assert algorithm.helpUrl().startswith("https://")
    assert type(algorithm.create()) is type(algorithm)


@ALL
def test_every_parameter_is_as_declared(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    inputs = [p for p in algorithm.parameterDefinitions() if not isinstance(p, QgsProcessingDestinationParameter)]
    assert [p.name() for p in inputs] == [p["name"] for p in entry["parameters"]]
    for parameter, declared in zip(inputs, entry["parameters"], strict=True):
        assert parameter.help().strip(), parameter.name()
        assert "<" not in re.sub(r"[<>]=| [<>] ", "", parameter.help()), parameter.name()
        assert declared["label"] in parameter.description()
        advanced = bool(parameter.flags() & FLAG_ADVANCED)
        assert advanced == declared["advanced"], parameter.name()
        if declared["default"] is not None:
            assert parameter.defaultValue() == declared["default"], parameter.name()
            assert parameter.checkValueIsAcceptable(declared["default"]), parameter.name()
        assert parameter.checkValueIsAcceptable(None) == (declared["optional"] or declared["default"] is not None), (
            parameter.name()
        )


@ALL
def test_choices_take_their_words(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    for declared in entry["parameters"]:
        if declared["kind"] != "choice":
            continue
        parameter = algorithm.parameterDefinition(declared["name"])
        assert isinstance(parameter, QgsProcessingParameterEnum)
        assert parameter.usesStaticStrings()
        assert parameter.allowMultiple() == declared["several"]
        words = [value for value, _ in declared["options"]]
        assert parameter.options() == words
        for word in words:
            assert parameter.checkValueIsAcceptable(word)
            assert word in parameter.help()
        assert not parameter.checkValueIsAcceptable("no such word")
        if declared["several"]:
            assert parameter.checkValueIsAcceptable(",".join(words))
            assert parameter.checkValueIsAcceptable(words)


@ALL
def test_numbers_keep_to_their_ranges(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    for declared in entry["parameters"]:
        if declared["kind"] not in ("number", "distance"):
            continue
        parameter = algorithm.parameterDefinition(declared["name"])
        assert isinstance(parameter, QgsProcessingParameterNumber)
        for bound, outside in (("minimum", -1.0), ("maximum", 1.0)):
            if declared[bound] is not None:
                assert parameter.checkValueIsAcceptable(declared[bound]), declared["name"]
                assert not parameter.checkValueIsAcceptable(declared[bound] + outside), declared["name"]


@ALL
def test_distances_and_bands_belong_to_their_raster(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    for declared in entry["parameters"]:
        parameter = algorithm.parameterDefinition(declared["name"])
        if declared["kind"] == "distance":
            assert isinstance(parameter, QgsProcessingParameterDistance)
            assert parameter.parentParameterName() == declared["raster"]
        if declared["kind"] == "band":
            assert isinstance(parameter, QgsProcessingParameterBand)
            assert parameter.parentLayerParameterName() == declared["raster"]


@ALL
def test_fields_belong_to_their_layer(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    for declared in entry["parameters"]:
        parameter = algorithm.parameterDefinition(declared["name"])
        if declared["kind"] == "vector":
            assert isinstance(parameter, QgsProcessingParameterFeatureSource)
        if declared["kind"] == "field":
            assert isinstance(parameter, QgsProcessingParameterField)
            assert parameter.parentLayerParameterName() == declared["vector"]
            assert (parameter.dataType() == FIELD_NUMERIC) == declared["numeric"]


@ALL
def test_every_output_is_as_declared(provider: Any, entry: dict[str, Any]) -> None:
    algorithm = registered(entry)
    layers = {layer["name"] for output in entry["outputs"] for layer in output.get("layers", ())}
    names = {output["name"] for output in entry["outputs"]} | layers
    assert {output.name() for output in algorithm.outputDefinitions()} == names
    endings = {"raster": "tif", "table": "csv", "report": "html", "vector": "gpkg"}
    kinds = {
        "raster": QgsProcessingParameterRasterDestination,
        "vector": QgsProcessingParameterVectorDestination,
        "folder": QgsProcessingParameterFolderDestination,
    }
    for declared in entry["outputs"]:
        if declared["kind"] == "number":
            assert isinstance(algorithm.outputDefinition(declared["name"]), QgsProcessingOutputNumber)
            continue
        parameter = algorithm.parameterDefinition(declared["name"])
        assert isinstance(parameter, kinds.get(declared["kind"], QgsProcessingParameterFileDestination))
        if declared["kind"] != "folder":
            assert parameter.defaultFileExtension() == (endings.get(declared["kind"]) or declared["ending"])
        assert parameter.createByDefault() == declared["create_by_default"]
        assert parameter.help().strip()


@ALL
def test_help_is_whole_as_rich_text(provider: Any, entry: dict[str, Any]) -> None:
    text = registered(entry).shortHelpString()
    for declared in (*entry["parameters"], *entry["outputs"]):
        assert f"<tt>{declared['name']}</tt>" in text
    for reference in entry["references"]:
        assert reference.partition("(")[0] in html.unescape(text)
    assert text.count("<a href=") == len(entry["references"])
    assert "<p>" not in text  # Processing makes a paragraph of every line


@ALL
def test_help_reads_well_in_a_terminal(entry: dict[str, Any]) -> None:
    text = terminal_help(entry)
    assert not re.search(r"</?(b|i|sub|sup|tt|p|a)\b|&\w+;", text)
    assert max(len(line) for line in text.splitlines()) <= 100
    for output in entry["outputs"]:
        assert output["name"] in text
    for reference in entry["references"]:
        assert re.search(re.escape(reference[:20]), text)


@pytest.mark.parametrize(
    ("rich", "text"),
    [
        ("q<sub>i</sub> &Sigma;<sub>j</sub>", "q_i \u03a3_j"),
        ("x<sup>c</sup>", "x^c"),
        ("e<sup>-d/d0</sup>", "e^(-d/d0)"),
        ("d&sup2; <b>bold</b><br>next", "d\u00b2 bold\nnext"),
        ("a < b and c >= 0", "a < b and c >= 0"),
    ],
)
def test_plain_text_of_simple_html(rich: str, text: str) -> None:
    assert plain(rich) == text


@ALL
def test_without_the_engine_it_says_how_to_install_it(provider: Any, entry: dict[str, Any]) -> None:
    able, why = registered(entry).canExecute()
    assert not able
    assert "driftway:installengine" in why


@ALL
def test_a_word_that_is_no_choice_is_refused_with_the_choices(provider: Any, entry: dict[str, Any]) -> None:
    for declared in (parameter for parameter in entry["parameters"] if parameter["kind"] == "choice"):
        accepted, why = registered(entry).checkParameterValues({declared["name"]: "6"}, QgsProcessingContext())
        words = ", ".join(value for value, _ in declared["options"])
        assert not accepted
        assert why == f"{declared['name']}: '6' is not a choice. Choose from: {words}."


@pytest.mark.parametrize("name", ["installengine", "enginestatus"])
def test_the_engines_own_algorithms_need_no_engine(provider: Any, name: str) -> None:
    algorithm = QgsApplication.processingRegistry().algorithmById(f"driftway:{name}")
    assert algorithm.canExecute()[0]
    assert algorithm.groupId() == "engine"
    assert algorithm.shortHelpString()
    assert all(parameter.help() for parameter in algorithm.parameterDefinitions())


def test_the_first_known_name_of_an_enumeration_is_taken() -> None:
    assert member("Qgis.NoSuchScope.Value", "QgsTask.CanCancel") == member("QgsTask.Flag.CanCancel")
    with pytest.raises(AttributeError, match="has none of"):
        member("Qgis.NoSuchScope.Value")
