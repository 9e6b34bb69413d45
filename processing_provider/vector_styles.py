"""What a vector layer looks like when it lands on the canvas."""

from __future__ import annotations

import math
from typing import Any

from qgis.core import (
    QgsGraduatedSymbolRenderer,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProperty,
    QgsRendererRange,
    QgsSymbol,
    QgsVectorLayer,
)

from .colour_ramps import colour_at
from .qgis_enums import GEOMETRY_LINE, GEOMETRY_POINT, PROPERTY_SIZE, PROPERTY_STROKE_WIDTH
from .styles import stops
from .translation import tr

_CLASSES = 5
_SIZES = {"point": (1.2, 6.0), "line": (0.2, 1.8)}
_post_processors: dict[tuple[str, str], _VectorStylePostProcessor] = {}


def apply_vector_style(layer: QgsVectorLayer, style: dict[str, Any]) -> bool:
    """Give a vector layer graduated colours of a field, and sizes where it is points or lines.

    Parameters
    ----------
    layer : QgsVectorLayer
        Any vector layer.
    style : dict
        ``field``, ``ramp``, ``stretch`` (linear, quantile, log, diverging), ``size_by`` (a field, may be empty) and
        ``inverted``.

    Returns
    -------
    bool
        False when the layer is left as it is: not valid, no such field, or no value.
    """
    name = style["field"]
    if not layer.isValid() or not layer.isSpatial() or layer.fields().lookupField(name) < 0:
        return False
    values = _values(layer, name)
    if not values:
        return False
    limits = [value for value, _ in stops(values, style["ramp"], style["stretch"])]
    step = max(1, math.ceil((len(limits) - 1) / _CLASSES))
    edges = [*limits[:-1:step], limits[-1]] if len(limits) > 1 else [limits[0], limits[0]]
    ranges = []
    for number, (low, high) in enumerate(zip(edges[:-1], edges[1:])):
        symbol = QgsSymbol.defaultSymbol(layer.geometryType())
        place = number / max(1, len(edges) - 2)
        symbol.setColor(colour_at(style["ramp"], 1 - place if style["inverted"] else place))
        _size(symbol, layer, style["size_by"])
        ranges.append(QgsRendererRange(low, high, symbol, f"{low:.4g} \u2013 {high:.4g}"))
    layer.setRenderer(QgsGraduatedSymbolRenderer(name, ranges))
    layer.triggerRepaint()
    layer.emitStyleChanged()
    return True


def vector_post_processor(algorithm: str, layer: dict[str, Any]) -> QgsProcessingLayerPostProcessorInterface:
    """Return what styles a layer of an output; kept for ever, since QGIS does not own it."""
    key = (algorithm, layer["name"])
    if key not in _post_processors:
        _post_processors[key] = _VectorStylePostProcessor(layer)
    return _post_processors[key]


class _VectorStylePostProcessor(QgsProcessingLayerPostProcessorInterface):
    """Styles one declared layer; holds no state of a run, so that several layers may share it."""

    def __init__(self, layer: dict[str, Any]) -> None:
        super().__init__()
        self._layer = layer

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Style the layer; a style is never a reason to fail."""
        if not isinstance(layer, QgsVectorLayer) or not self._layer["style"]["field"] or not layer.isSpatial():
            return
        if not apply_vector_style(layer, self._layer["style"]):
            feedback.pushInfo(tr("{} has no value to show and is not styled.").format(layer.name()))


def _values(layer: QgsVectorLayer, name: str) -> list[float]:
    found = []
    for feature in layer.getFeatures():
        try:
            value = float(feature[name])
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            found.append(value)
    return sorted(found)


def _size(symbol: QgsSymbol, layer: QgsVectorLayer, name: str) -> None:
    if not name:
        return
    kind = layer.geometryType()
    family = "point" if kind == GEOMETRY_POINT else "line" if kind == GEOMETRY_LINE else ""
    largest = max(_values(layer, name), default=0.0)
    if not family or largest <= 0:
        return
    small, large = _SIZES[family]
    expression = f'{small} + {large - small} * sqrt(max(0, coalesce("{name}", 0)) / {largest!r})'
    key = PROPERTY_SIZE if family == "point" else PROPERTY_STROKE_WIDTH
    symbol.symbolLayer(0).setDataDefinedProperty(key, QgsProperty.fromExpression(expression))
