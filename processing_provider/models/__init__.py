"""The bundled models: files that the modeller opens, shown in the toolbox under their own names."""

from __future__ import annotations

from qgis.core import QgsApplication, QgsProcessingModelAlgorithm
from qgis.PyQt.QtGui import QIcon

from ..help_text import plain, wrapped
from ..icons import icon, icon_path
from ..translation import tr

TITLES = {
    "landscapeconnectivity": "Landscape connectivity (all three steps)",
    "habitatnetwork": "From land cover to network indices",
}
_GROUPS = {"Habitat networks": "networks"}


class BundledModel(QgsProcessingModelAlgorithm):
    """A model of this plugin; its id has no spaces, its title has."""

    def displayName(self) -> str:
        """Return the name that people read."""
        return tr(TITLES.get(self.name(), self.name()))

    def groupId(self) -> str:
        """Return the id of the group that the algorithms are in as well."""
        return _GROUPS.get(self.group(), self.group().lower())

    def shortHelpString(self) -> str:
        """Return the help; only the description in qgis_process, which prints it as it is and the inputs below it."""
        if QgsApplication.platform() != "qgis_process":
            return super().shortHelpString()
        return "\n" + wrapped(plain(str(self.helpContent().get("ALG_DESC", ""))))

    def icon(self) -> QIcon:
        """Return the model's icon."""
        return icon("model")

    def svgIconPath(self) -> str:
        """Return the icon's file."""
        return icon_path("model")
