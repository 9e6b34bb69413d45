"""Members of QGIS enumerations that moved between 3.22 and 4: each is looked up once, here."""

from __future__ import annotations

from functools import reduce
from typing import Any

from qgis import core


def member(*paths: str) -> Any:
    """Return the first of these dotted names that this QGIS has in `qgis.core`; the newest name comes first."""
    for path in paths:
        try:
            return reduce(getattr, path.split("."), core)
        except AttributeError:
            continue
    raise AttributeError(f"This QGIS has none of {', '.join(paths)}")


FLAG_ADVANCED = member("Qgis.ProcessingParameterFlag.Advanced", "QgsProcessingParameterDefinition.FlagAdvanced")
FLAG_OPTIONAL = member("Qgis.ProcessingParameterFlag.Optional", "QgsProcessingParameterDefinition.FlagOptional")
NUMBER_INTEGER = member("Qgis.ProcessingNumberParameterType.Integer", "QgsProcessingParameterNumber.Integer")
NUMBER_DOUBLE = member("Qgis.ProcessingNumberParameterType.Double", "QgsProcessingParameterNumber.Double")
FILE = member("Qgis.ProcessingFileParameterBehavior.File", "QgsProcessingParameterFile.File")
FOLDER = member("Qgis.ProcessingFileParameterBehavior.Folder", "QgsProcessingParameterFile.Folder")
TASK_CAN_CANCEL = member("QgsTask.Flag.CanCancel", "QgsTask.CanCancel")
RAMP_INTERPOLATED = member("Qgis.ShaderInterpolationMethod.Linear", "QgsColorRampShader.Interpolated")
RAMP_CONTINUOUS = member("Qgis.ShaderClassificationMethod.Continuous", "QgsColorRampShader.Continuous")
