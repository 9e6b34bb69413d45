"""Members of QGIS enumerations that moved between 3.22 and 4: each is looked up once, here."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsColorRampShader,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsTask,
)


def member(owner: Any, scope: str, name: str) -> Any:
    """Return `owner.name`, or `owner.scope.name` where only the scoped form exists."""
    if hasattr(owner, name):
        return getattr(owner, name)
    return getattr(getattr(owner, scope), name)


FLAG_ADVANCED = member(QgsProcessingParameterDefinition, "Flag", "FlagAdvanced")
FLAG_OPTIONAL = member(QgsProcessingParameterDefinition, "Flag", "FlagOptional")
NUMBER_INTEGER = member(QgsProcessingParameterNumber, "Type", "Integer")
NUMBER_DOUBLE = member(QgsProcessingParameterNumber, "Type", "Double")
FILE = member(QgsProcessingParameterFile, "Behavior", "File")
FOLDER = member(QgsProcessingParameterFile, "Behavior", "Folder")
TASK_CAN_CANCEL = member(QgsTask, "Flag", "CanCancel")
RAMP_INTERPOLATED = member(QgsColorRampShader, "Type", "Interpolated")
RAMP_CONTINUOUS = member(QgsColorRampShader, "ClassificationMode", "Continuous")
