"""The Processing provider: one algorithm per catalogue entry, the engine's two, and the bundled models."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithm import CatalogueAlgorithm
from .catalogue import algorithms
from .engine_algorithms import EngineStatus, InstallEngine
from .icons import icon, icon_path
from .models import BundledModel
from .plugin_facts import version
from .translation import tr

PROVIDER_ID = "driftway"


class DriftwayProvider(QgsProcessingProvider):
    """Driftway's algorithms in the toolbox."""

    def id(self) -> str:
        """Return the id that stands before every algorithm's."""
        return PROVIDER_ID

    def name(self) -> str:
        """Return the name in the toolbox."""
        return "Driftway"

    def longName(self) -> str:
        """Return the name with what it is for."""
        return tr("Driftway: landscape and habitat connectivity")

    def versionInfo(self) -> str:
        """Return the plugin's version."""
        return version()

    def icon(self) -> QIcon:
        """Return the plugin's icon."""
        return icon("driftway")

    def svgIconPath(self) -> str:
        """Return the icon's file."""
        return icon_path("driftway")

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Return what the worker writes."""
        return ["tif", "tiff"]

    def defaultRasterFileExtension(self) -> str:
        """Return the ending of rasters that are not named."""
        return "tif"

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        """Return what the worker writes."""
        return ["gpkg"]

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:
        """Return the ending of vector files that are not named."""
        return "gpkg"

    def supportsNonFileBasedOutput(self) -> bool:
        """Return that the worker writes files only."""
        return False

    def loadAlgorithms(self) -> None:
        """Fill the toolbox; models only once this provider is registered, since they look up its algorithms."""
        for entry in algorithms():
            self.addAlgorithm(CatalogueAlgorithm(entry))
        for algorithm in (InstallEngine(), EngineStatus()):
            self.addAlgorithm(algorithm)
        if QgsApplication.processingRegistry().providerById(PROVIDER_ID) is not None:
            for file in sorted((Path(__file__).parent / "models").glob("*.model3")):
                self._add_model(file)

    def _add_model(self, file: Path) -> None:
        model = BundledModel()
        if model.fromFile(str(file)):
            model.setSourceFilePath(str(file))
            self.addAlgorithm(model)
