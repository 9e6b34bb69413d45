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
    choice_problem,
    is_empty,
    job_value,
    normalised,
    qgis_destination,
    qgis_number_output,
    qgis_parameter,
)
from .plugin_facts import homepage
from .translation import tr

if TYPE_CHECKING:
    from .layer_export import RasterSource
    from .settings import Settings


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
        self._rasters: dict[str, RasterSource] = {}
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

        parameters = self._normalised(parameters)
        for declared in self._entry["parameters"]:
            if why := choice_problem(declared, parameters.get(declared["name"])):
                return False, why
        accepted, why = super().checkParameterValues(parameters, context)
        if not accepted:
            return False, why
        try:
            sources = self._sources(parameters, context)
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

        parameters = self._normalised(parameters)
        self._settings = read_settings()
        self._rasters = self._sources(parameters, context)
        self._values = self._values_of(parameters, context, self._rasters)
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Check the job, let a worker do it, and return what it made."""
        from .job_run import run_job

        outputs = self._destinations(parameters, context)
        result = run_job(self.name(), self._values, self._rasters, outputs, self._settings, feedback)
        self._style(outputs, context)
        numbers = {name: result.numbers.get(name) for name in self._names("number")}
        return {**outputs, **numbers}

    def _sources(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, RasterSource]:
        """Return the raster inputs that are given."""
        from .layer_export import raster_source

        sources = {}
        for declared in self._entry["parameters"]:
            name = declared["name"]
            if declared["kind"] != "raster" or (declared["optional"] and is_empty(parameters.get(name))):
                continue
            layer = self.parameterAsRasterLayer(parameters, name, context)
            if layer is None or not layer.isValid():
                raise QgsProcessingException(
                    tr("{}: The raster '{}' cannot be opened. Check that it exists and that it is a raster.").format(
                        name, parameters.get(name)
                    )
                )
            sources[name] = raster_source(name, layer)
        return sources

    def _values_of(
        self, parameters: dict[str, Any], context: QgsProcessingContext, sources: dict[str, RasterSource]
    ) -> dict[str, Any]:
        """Return the job's values; rasters are None, since some have to be exported first."""
        first = next(iter(sources.values()), None)
        crs = first.crs if first else QgsCoordinateReferenceSystem()
        return {
            declared["name"]: None
            if declared["kind"] == "raster"
            else job_value(self, declared, parameters, context, crs)
            for declared in self._entry["parameters"]
        }

    def _destinations(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, str]:
        """Return the path of every output that is asked for."""
        outputs = {}
        for declared in self._entry["outputs"]:
            name = declared["name"]
            if declared["kind"] == "raster":
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
            if declared["kind"] == "raster" and path and context.willLoadLayerOnCompletion(path):
                details = context.layerToLoadOnCompletionDetails(path)
                details.setPostProcessor(post_processor(self.name(), declared))

    def _names(self, kind: str) -> list[str]:
        return [output["name"] for output in self._entry["outputs"] if output["kind"] == kind]

    def _normalised(self, parameters: dict[str, Any]) -> dict[str, Any]:
        declared = {p["name"]: p for p in self._entry["parameters"]}
        return {n: normalised(declared[n], v) if n in declared else v for n, v in parameters.items()}
