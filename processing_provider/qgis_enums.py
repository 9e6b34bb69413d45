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
SOURCE_VECTOR = member("Qgis.ProcessingSourceType.Vector", "QgsProcessing.TypeVector")
SOURCE_POINT = member("Qgis.ProcessingSourceType.VectorPoint", "QgsProcessing.TypeVectorPoint")
SOURCE_LINE = member("Qgis.ProcessingSourceType.VectorLine", "QgsProcessing.TypeVectorLine")
SOURCE_POLYGON = member("Qgis.ProcessingSourceType.VectorPolygon", "QgsProcessing.TypeVectorPolygon")
FIELD_ANY = member("Qgis.ProcessingFieldParameterDataType.Any", "QgsProcessingParameterField.Any")
FIELD_NUMERIC = member("Qgis.ProcessingFieldParameterDataType.Numeric", "QgsProcessingParameterField.Numeric")
GEOMETRY_POINT = member("Qgis.GeometryType.Point", "QgsWkbTypes.PointGeometry")
GEOMETRY_LINE = member("Qgis.GeometryType.Line", "QgsWkbTypes.LineGeometry")
PROPERTY_SIZE = member("QgsSymbolLayer.Property.Size", "QgsSymbolLayer.PropertySize")
PROPERTY_STROKE_WIDTH = member("QgsSymbolLayer.Property.StrokeWidth", "QgsSymbolLayer.PropertyStrokeWidth")
ORIGIN_PROVIDER = member("Qgis.FieldOrigin.Provider", "QgsFields.OriginProvider")
