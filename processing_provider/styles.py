"""What a raster looks like when it lands on the canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsColorRampShader,
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from .colour_ramps import colour_at
from .qgis_enums import RAMP_CONTINUOUS, RAMP_INTERPOLATED
from .translation import tr

_STEPS = 11
_SAMPLES_PER_SIDE = 512
_DECADES = 4.0
_DIVERGING_SHARE = 0.98
_post_processors: dict[tuple[str, str], _StylePostProcessor] = {}


def apply_style(layer: QgsRasterLayer, style: dict[str, Any], band: int = 1) -> bool:
    """Give a raster layer the look that the catalogue declares.

    Parameters
    ----------
    layer : QgsRasterLayer
        Any raster layer.
    style : dict
        ``ramp`` (viridis, magma, mako, vik), ``stretch`` (linear, quantile, log, diverging, ratio, classes) and ``classes``
        as [value, label, "#rrggbb"].
    band : int
        The band that is shown.

    Returns
    -------
    bool
        False when the layer is left as it is: not valid, or no valid cell.
    """
    if not layer.isValid() or not 1 <= band <= layer.bandCount():
        return False
    if style.get("classes"):
        layer.setRenderer(_paletted(layer, style["classes"], band))
    else:
        values = sample(layer, band)
        if not values:
            return False
        layer.setRenderer(_pseudocolour(layer, stops(values, style["ramp"], style["stretch"]), band))
    layer.triggerRepaint()
    layer.emitStyleChanged()
    return True


def stops(values: Sequence[float], ramp: str, stretch: str) -> list[tuple[float, QColor]]:
    """Return increasing values with their colours, between which the legend is continuous.

    Parameters
    ----------
    values : sequence of float
        Sorted finite cell values.
    ramp : str
        Name of the colour ramp.
    stretch : str
        ``linear``: evenly from the smallest to the largest value. ``quantile``: every stop covers the same number of
        cells. ``log``: evenly in the logarithm, over at most four decades. ``diverging``: symmetric about 0, to the
        98 % quantile of the absolute values. ``ratio``: symmetric about 1 in the logarithm, to the 98 % quantile of it.
    """
    positions = [i / (_STEPS - 1) for i in range(_STEPS)]
    placed = _STRETCHES.get(stretch, _linear)(values, positions)
    increasing: list[tuple[float, QColor]] = []
    for position, value in zip(positions, placed):
        if increasing and value <= increasing[-1][0]:
            continue
        increasing.append((value, colour_at(ramp, position)))
    return increasing


def sample(layer: QgsRasterLayer, band: int) -> list[float]:
    """Return sorted finite values of at most 512 x 512 cells, spread evenly over the layer."""
    provider = layer.dataProvider()
    columns = min(provider.xSize() or _SAMPLES_PER_SIDE, _SAMPLES_PER_SIDE)
    rows = min(provider.ySize() or _SAMPLES_PER_SIDE, _SAMPLES_PER_SIDE)
    block = provider.block(band, provider.extent(), columns, rows)
    if block is None or not block.isValid():
        return []
    places = ((row, column) for row in range(rows) for column in range(columns))
    cells = (block.value(row, column) for row, column in places if not block.isNoData(row, column))
    return sorted(value for value in cells if math.isfinite(value))


def post_processor(algorithm: str, output: dict[str, Any]) -> QgsProcessingLayerPostProcessorInterface:
    """Return what styles an output's layer; kept for ever, since QGIS does not own it."""
    key = (algorithm, output["name"])
    if key not in _post_processors:
        _post_processors[key] = _StylePostProcessor(output)
    return _post_processors[key]


class _StylePostProcessor(QgsProcessingLayerPostProcessorInterface):
    """Styles one declared output; holds no state of a run, so that several layers may share it."""

    def __init__(self, output: dict[str, Any]) -> None:
        super().__init__()
        self._output = output

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Style the layer; a style is never a reason to fail."""
        if not isinstance(layer, QgsRasterLayer):
            return
        if not apply_style(layer, self._output["style"]):
            feedback.pushInfo(tr("{} has no valid cell and is not styled.").format(layer.name()))


def _linear(values: Sequence[float], positions: Sequence[float]) -> list[float]:
    low, high = values[0], values[-1]
    return [low + position * (high - low) for position in positions]


def _quantile(values: Sequence[float], positions: Sequence[float]) -> list[float]:
    return [_quantile_of(values, position) for position in positions]


def _log(values: Sequence[float], positions: Sequence[float]) -> list[float]:
    positive = [value for value in values if value > 0]
    if not positive:
        return _linear(values, positions)
    high = positive[-1]
    low = max(positive[0], high / 10**_DECADES)
    return [low * (high / low) ** position for position in positions]


def _diverging(values: Sequence[float], positions: Sequence[float]) -> list[float]:
    sizes = sorted(abs(value) for value in values)
    reach = _quantile_of(sizes, _DIVERGING_SHARE) or sizes[-1] or 1.0
    return [(2 * position - 1) * reach for position in positions]


def _ratio(values: Sequence[float], positions: Sequence[float]) -> list[float]:
    return [
        math.exp(value) for value in _diverging([math.log(value) for value in values if value > 0] or [1.0], positions)
    ]


_STRETCHES = {"linear": _linear, "quantile": _quantile, "log": _log, "diverging": _diverging, "ratio": _ratio}


def _quantile_of(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _pseudocolour(
    layer: QgsRasterLayer, coloured: list[tuple[float, QColor]], band: int
) -> QgsSingleBandPseudoColorRenderer:
    low, high = coloured[0][0], coloured[-1][0]
    ramp = QgsColorRampShader(low, high)
    ramp.setColorRampType(RAMP_INTERPOLATED)
    ramp.setClassificationMode(RAMP_CONTINUOUS)
    ramp.setClip(False)
    ramp.setColorRampItemList([QgsColorRampShader.ColorRampItem(v, colour, _number(v)) for v, colour in coloured])
    shader = QgsRasterShader(low, high)
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), band, shader)
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    return renderer


def _paletted(layer: QgsRasterLayer, classes: Sequence[Sequence[Any]], band: int) -> QgsPalettedRasterRenderer:
    legend = [QgsPalettedRasterRenderer.Class(value, QColor(colour), tr(label)) for value, label, colour in classes]
    return QgsPalettedRasterRenderer(layer.dataProvider(), band, legend)


def _number(value: float) -> str:
    return f"{value:.4g}"
