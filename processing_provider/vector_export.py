"""Vector layers as the worker can open them: by their file, or as a GeoPackage made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProviderRegistry,
    QgsVectorFileWriter,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QVariant

from .qgis_enums import ORIGIN_PROVIDER
from .translation import tr

_KEY = "fid"


@dataclass
class VectorSource:
    """A vector input, read on the main thread.

    Parameters
    ----------
    name : str
        The parameter.
    path : str
        What the worker opens, ``path|layername=name``; empty while the layer has to be exported.
    crs : QgsCoordinateReferenceSystem
        Of the layer.
    features : QgsProcessingFeatureSource or None
        What is exported: selection, filter and edits respected.
    """

    name: str
    path: str
    crs: QgsCoordinateReferenceSystem
    features: QgsProcessingFeatureSource | None = None


def vector_source(
    name: str, value: Any, layer: QgsVectorLayer | None, features: QgsProcessingFeatureSource
) -> VectorSource:
    """Return the source of an input; to be called in the thread where the layer lives.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What the algorithm was called with: it tells whether only selected features are meant.
    layer : QgsVectorLayer or None
        The layer behind it.
    features : QgsProcessingFeatureSource
        Its features.
    """
    whole = not (isinstance(value, QgsProcessingFeatureSourceDefinition) and _is_partial(value))
    path = ogr_name(layer) if whole and layer is not None else None
    if path is not None:
        return VectorSource(name, path, features.sourceCrs())
    return VectorSource(name, "", features.sourceCrs(), features)


def _is_partial(value: QgsProcessingFeatureSourceDefinition) -> bool:
    filtered = getattr(value, "filterExpression", "")
    return bool(value.selectedFeaturesOnly or getattr(value, "featureLimit", -1) != -1 or filtered)


def ogr_name(layer: QgsVectorLayer) -> str | None:
    """Return what OGR opens to see the layer's features; None where only QGIS sees them.

    Only QGIS sees layers of other providers, and what is filtered, edited, joined or computed by expression.
    """
    provider = layer.dataProvider()
    if provider is None or provider.name() != "ogr":
        return None
    if layer.subsetString() or (layer.isEditable() and layer.isModified()):
        return None
    if layer.vectorJoins() or any(
        layer.fields().fieldOrigin(i) != ORIGIN_PROVIDER for i in range(layer.fields().count())
    ):
        return None
    parts = QgsProviderRegistry.instance().decodeUri("ogr", layer.source())
    path = parts.get("path") or ""
    if any(parts.get(key) for key in ("subset", "openOptions", "authcfg", "vsiPrefix", "layerId")) or not path:
        return None
    if os.path.exists(path):
        path = os.path.abspath(path)
    name = parts.get("layerName")
    return f"{path}|layername={name}" if name else path


def export_vector(source: VectorSource, folder: Path) -> str:
    """Write the features that only QGIS sees to a GeoPackage, their ids kept, and return what opens it.

    Raises
    ------
    QgsProcessingException
        When it cannot be written.
    """
    path = folder / f"{source.name}.gpkg"
    features = source.features
    fields = QgsFields(features.fields())
    has_key = fields.lookupField(_KEY) >= 0
    if not has_key:
        fields.append(QgsField(_KEY, QVariant.LongLong))
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = source.name.lower()
    options.layerOptions = [f"FID={_KEY}"]
    writer = QgsVectorFileWriter.create(
        str(path), fields, features.wkbType(), source.crs, QgsCoordinateTransformContext(), options
    )
    why = writer.errorMessage()
    for feature in features.getFeatures():
        if why:
            break
        whole = QgsFeature(fields)
        whole.setGeometry(feature.geometry())
        whole.setAttributes(feature.attributes() if has_key else [*feature.attributes(), feature.id()])
        if not writer.addFeature(whole, QgsFeatureSink.FastInsert):
            why = writer.errorMessage() or tr("a feature cannot be written")
    del writer
    if why:
        raise QgsProcessingException(
            tr(
                "{}: The layer could not be written to a temporary GeoPackage ({}). Save it as one and use that."
            ).format(source.name, why)
        )
    return f"{path}|layername={source.name.lower()}"
