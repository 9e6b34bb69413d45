"""One class that serves every entry of the catalogue as a QGIS algorithm.

What only a run needs is imported when it runs, so that QGIS starts without waiting for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
)
from qgis.PyQt.QtGui import QIcon

from .help_text import rich_help, terminal_help
from .icons import icon, icon_path
from .parameters import (
    is_empty,
    job_value,
    normalised,
    qgis_destination,
    qgis_number_output,
    qgis_parameter,
)
from .plugin_facts import homepage
from .translation import tr
from .vector_parameters import layer_outputs, layer_sources

if TYPE_CHECKING:
    from .layer_export import RasterSource
    from .settings import Settings
    from .vector_export import VectorSource


class CatalogueAlgorithm(QgsProcessingAlgorithm):
    """A toolbox entry made of a catalogue entry.

    Parameters
    ----------
    entry : dict
        One of the catalogue's ``algorithms``.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__()
        self._entry = entry
        self._layers: dict[str, RasterSource | VectorSource] = {}
        self._values: dict[str, Any] = {}
        self._settings: Settings | None = None

    def createInstance(self) -> CatalogueAlgorithm:
        """Return a fresh algorithm of the same entry."""
        return CatalogueAlgorithm(self._entry)

    def name(self) -> str:
        """Return the id, which never changes."""
        return self._entry["id"]

    def displayName(self) -> str:
        """Return the name that people read."""
        return tr(self._entry["label"])

    def group(self) -> str:
        """Return the name of the group."""
        return tr(self._entry["group"])

    def groupId(self) -> str:
        """Return the id of the group."""
        return self._entry["group_id"]

    def tags(self) -> list[str]:
        """Return words that find it in the toolbox."""
        return [tr(tag) for tag in self._entry["tags"]]

    def shortDescription(self) -> str:
        """Return one sentence."""
        return tr(self._entry["summary"])

    def shortHelpString(self) -> str:
        """Return the whole help: rich text, or plain text in qgis_process, which prints it as it is."""
        return terminal_help(self._entry) if QgsApplication.platform() == "qgis_process" else rich_help(self._entry)

    def helpUrl(self) -> str:
        """Return the plugin's page."""
        return homepage()

    def icon(self) -> QIcon:
        """Return the icon."""
        return icon(self._entry["id"])

    def svgIconPath(self) -> str:
        """Return the icon's file."""
        return icon_path(self._entry["id"])

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        for declared in self._entry["parameters"]:
            self.addParameter(qgis_parameter(declared))
        for declared in self._entry["outputs"]:
            destination = qgis_destination(declared)
            if destination is not None:
                self.addParameter(destination)
            else:
                self.addOutput(qgis_number_output(declared))
            for output in layer_outputs(declared) if declared["kind"] == "vector" else ():
                self.addOutput(output)

    def canExecute(self) -> tuple[bool, str]:
        """Return whether the compute engine is there, and how to install it."""
        from .launch import engine_problem
        from .settings import read_settings

        problem = engine_problem(read_settings())
        return problem is None, problem or ""

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        """Check values, files, reference systems, grids and bands, as far as no cell needs to be read."""
        from .job import build_job
        from .local_check import check_headers
        from .value_problems import value_problem

        parameters = self._normalised(parameters)
        # What was given before what is missing.
        for declared in sorted(self._entry["parameters"], key=lambda p: is_empty(parameters.get(p["name"]))):
            if why := value_problem(declared, parameters.get(declared["name"])):
                return False, why
        try:
            sources = self._sources(parameters, context)
            accepted, why = super().checkParameterValues(parameters, context)
            if not accepted:
                return False, why
            if not all(source.path for source in sources.values()):
                return True, ""
            values = self._values_of(parameters, context, sources)
            values.update({name: source.path for name, source in sources.items()})
            why = check_headers(build_job(self.name(), values, {}))
        except QgsProcessingException as error:
            why = str(error)
        return not why, why or ""

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read layers and settings on the main thread."""
        from .settings import read_settings

        known = [definition.name() for definition in self.parameterDefinitions()]
        for name in (name for name in parameters if name not in known):
            feedback.pushWarning(tr("{} is no parameter of this algorithm and is ignored.").format(name))
        parameters = self._normalised(parameters)
        self._settings = read_settings()
        self._layers = self._sources(parameters, context)
        self._values = self._values_of(parameters, context, self._layers)
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Check the job, let a worker do it, and return what it made."""
        from .job_run import run_job

        outputs = self._destinations(parameters, context)
        result = run_job(self.name(), self._values, self._layers, outputs, self._settings, feedback)
        self._style(outputs, context)
        layers: dict[str, str] = {}
        for declared in self._entry["outputs"]:
            if declared["kind"] == "vector" and declared["name"] in outputs:
                layers.update(layer_sources(declared, outputs[declared["name"]]))
        numbers = {name: result.numbers.get(name) for name in self._names("number")}
        return {**outputs, **layers, **numbers}

    def _sources(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> dict[str, RasterSource | VectorSource]:
        """Return the layers that are given."""
        readers = {"raster": self._raster_source, "vector": self._vector_source}
        return {
            declared["name"]: readers[declared["kind"]](declared["name"], parameters, context)
            for declared in self._entry["parameters"]
            if declared["kind"] in readers and not (declared["optional"] and is_empty(parameters.get(declared["name"])))
        }

    def _raster_source(self, name: str, parameters: dict[str, Any], context: QgsProcessingContext) -> RasterSource:
        from .layer_export import raster_source

        layer = self.parameterAsRasterLayer(parameters, name, context)
        if layer is None or not layer.isValid():
            raise QgsProcessingException(
                tr("{}: The raster '{}' cannot be opened. Check that it exists and that it is a raster.").format(
                    name, parameters.get(name)
                )
            )
        return raster_source(name, layer)

    def _vector_source(self, name: str, parameters: dict[str, Any], context: QgsProcessingContext) -> VectorSource:
        from .vector_export import vector_source

        features = self.parameterAsSource(parameters, name, context)
        if features is None:
            raise QgsProcessingException(
                tr("{}: The layer '{}' cannot be opened. Check that it exists and that it is a vector layer.").format(
                    name, parameters.get(name)
                )
            )
        layer = self.parameterAsVectorLayer(parameters, name, context)
        return vector_source(name, parameters.get(name), layer, features)

    def _values_of(
        self, parameters: dict[str, Any], context: QgsProcessingContext, sources: dict[str, RasterSource | VectorSource]
    ) -> dict[str, Any]:
        """Return the job's values; layers are None, since some have to be exported first."""
        # Extents are those of rasters, whatever the reference system of layers that come before them.
        rasters = {declared["name"] for declared in self._entry["parameters"] if declared["kind"] == "raster"}
        first = next((source for name, source in sources.items() if name in rasters), None)
        crs = first.crs if first else QgsCoordinateReferenceSystem()
        return {
            declared["name"]: None
            if declared["kind"] in ("raster", "vector")
            else job_value(self, declared, parameters, context, crs)
            for declared in self._entry["parameters"]
        }

    def _destinations(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, str]:
        """Return the path of every output that is asked for."""
        outputs = {}
        for declared in self._entry["outputs"]:
            name = declared["name"]
            if declared["kind"] in ("raster", "vector"):
                path = self.parameterAsOutputLayer(parameters, name, context)
            elif declared["kind"] != "number":
                path = self.parameterAsFileOutput(parameters, name, context)
            else:
                continue
            if path:
                outputs[name] = path
        return outputs

    def _style(self, outputs: dict[str, str], context: QgsProcessingContext) -> None:
        """Have the layers that land on the canvas styled."""
        from .styles import post_processor

        for declared in self._entry["outputs"]:
            path = outputs.get(declared["name"])
            if not path or not context.willLoadLayerOnCompletion(path):
                continue
            details = context.layerToLoadOnCompletionDetails(path)
            if declared["kind"] == "raster":
                details.setPostProcessor(post_processor(self.name(), declared))
            elif declared["kind"] == "vector":
                self._load_layers(declared, path, context)

    def _load_layers(self, declared: dict[str, Any], path: str, context: QgsProcessingContext) -> None:
        """Have every layer of a file loaded and styled instead of its first alone."""
        from .vector_styles import vector_post_processor

        waiting = context.layersToLoadOnCompletion()
        details = waiting.pop(path)
        project, output = details.project, details.outputName
        context.setLayersToLoadOnCompletion(waiting)
        sources = layer_sources(declared, path)
        for layer in declared["layers"]:
            one = QgsProcessingContext.LayerDetails(tr(layer["label"]), project, output)
            one.setPostProcessor(vector_post_processor(self.name(), layer))
            context.addLayerToLoadOnCompletion(sources[layer["name"]], one)

    def _names(self, kind: str) -> list[str]:
        return [output["name"] for output in self._entry["outputs"] if output["kind"] == kind]

    def _normalised(self, parameters: dict[str, Any]) -> dict[str, Any]:
        declared = {p["name"]: p for p in self._entry["parameters"]}
        return {n: normalised(declared[n], v) if n in declared else v for n, v in parameters.items()}
