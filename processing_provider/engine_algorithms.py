"""The two algorithms that need no engine: one installs it, one says how it is."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
)
from qgis.PyQt.QtGui import QIcon

from .engine_facts import FACTS, NUMBERS
from .icons import icon, icon_path
from .plugin_facts import homepage
from .qgis_enums import FILE, FOLDER
from .translation import tr


class _EngineAlgorithm(QgsProcessingAlgorithm):
    """What the two share."""

    def createInstance(self) -> _EngineAlgorithm:
        """Return a fresh algorithm."""
        return type(self)()

    def group(self) -> str:
        """Return the name of the group."""
        return tr("Engine")

    def groupId(self) -> str:
        """Return the id of the group."""
        return "engine"

    def helpUrl(self) -> str:
        """Return the plugin's page."""
        return homepage()

    def icon(self) -> QIcon:
        """Return the icon."""
        return icon(self.name())

    def svgIconPath(self) -> str:
        """Return the icon's file."""
        return icon_path(self.name())


class InstallEngine(_EngineAlgorithm):
    """`driftway:installengine`."""

    def name(self) -> str:
        """Return the id, which never changes."""
        return "installengine"

    def displayName(self) -> str:
        """Return the name that people read."""
        return tr("Install compute engine")

    def tags(self) -> list[str]:
        """Return words that find it in the toolbox."""
        return [tr(tag) for tag in ("engine", "install", "jax", "numba", "setup", "offline", "wheelhouse")]

    def shortDescription(self) -> str:
        """Return one sentence."""
        return tr("Installs the packages that Driftway computes with, apart from QGIS's own.")

    def shortHelpString(self) -> str:
        """Return the help, one paragraph a line."""
        return tr(
            "Driftway computes in a process of its own with JAX and Numba. This downloads them from the Python "
            "Package Index, with versions and checksums that are fixed in the plugin, into a folder of your user data. "
            "QGIS's own Python packages are not touched.\n"
            "It takes about 300 MB to download and 0.8 GB on disk. When all is there already, nothing is done; a "
            "damaged engine is built anew.\n"
            "Without a network: make a folder of wheels on another computer of the same kind and give it as WHEELHOUSE."
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        wheelhouse = QgsProcessingParameterFile(
            "WHEELHOUSE", tr("Folder of wheels (offline installation)"), FOLDER, optional=True
        )
        wheelhouse.setHelp(tr("Packages are taken from this folder and nothing is downloaded. Empty: download."))
        interpreter = QgsProcessingParameterFile("INTERPRETER", tr("Python interpreter"), FILE, optional=True)
        interpreter.setHelp(
            tr(
                "The Python that is to run the worker, 3.11 or newer, with GDAL's Python bindings. Empty: the one in "
                "the options, else QGIS's own. To compute with another one, name it in the options as well."
            )
        )
        self.addParameter(wheelhouse)
        self.addParameter(interpreter)
        self.addOutput(QgsProcessingOutputString("PACKAGE_FOLDER", tr("Package folder")))

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Install the engine."""
        from .engine import EngineError
        from .engine_setup import install_engine
        from .settings import read_settings

        wheelhouse = self.parameterAsFile(parameters, "WHEELHOUSE", context)
        named = self.parameterAsFile(parameters, "INTERPRETER", context) or read_settings().interpreter
        try:
            folder = install_engine(named, wheelhouse, feedback.pushInfo, feedback.isCanceled)
        except (EngineError, OSError) as error:
            raise QgsProcessingException(str(error)) from error
        return {"PACKAGE_FOLDER": str(folder or "")}


class EngineStatus(_EngineAlgorithm):
    """`driftway:enginestatus`."""

    def name(self) -> str:
        """Return the id, which never changes."""
        return "enginestatus"

    def displayName(self) -> str:
        """Return the name that people read."""
        return tr("Engine status")

    def tags(self) -> list[str]:
        """Return words that find it in the toolbox."""
        return [tr(tag) for tag in ("engine", "status", "version", "device", "gpu", "memory", "self-test", "jax")]

    def shortDescription(self) -> str:
        """Return one sentence."""
        return tr("Says which engine Driftway computes with, on what device, and tests it with a known answer.")

    def shortHelpString(self) -> str:
        """Return the help, one paragraph a line."""
        return tr(
            "Starts a worker, asks for its versions, device and memory, and has it compute something whose answer is "
            "known. A missing or damaged engine is reported as the state, it is no error; a wrong answer is an error.\n"
            "Add the log of this algorithm to a report of a fault."
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare outputs."""
        report = QgsProcessingParameterFileDestination(
            "REPORT", tr("Report"), tr("HTML files (*.html)"), None, True, False
        )
        report.setHelp(tr("The same as an HTML file."))
        self.addParameter(report)
        for name, label in FACTS.items():
            kind = QgsProcessingOutputNumber if name in NUMBERS else QgsProcessingOutputString
            self.addOutput(kind(name, tr(label)))

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Ask, test and report."""
        from .engine import EngineError
        from .engine_report import inspect_engine, report_html
        from .settings import read_settings
        from .worker_client import WorkerCancelledError, WorkerError
        from .worker_feedback import FeedbackListener

        path = self.parameterAsFileOutput(parameters, "REPORT", context)
        try:
            facts = inspect_engine(read_settings(), FeedbackListener(feedback))
            for label, value in facts.lines():
                feedback.pushInfo(f"{label}: {value}")
            if path:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(report_html(facts))
        except WorkerCancelledError:
            raise QgsProcessingException(tr("Cancelled.")) from None
        except (EngineError, WorkerError, OSError) as error:
            raise QgsProcessingException(str(error)) from error
        return {**facts.values, **({"REPORT": path} if path else {})}
