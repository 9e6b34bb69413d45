"""What stands on a map beside the map: text, legend, scale bar, north arrow."""

from __future__ import annotations

import math

from qgis.core import (
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleBandPseudoColorRenderer,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPen, QPolygonF

INK, SOFT, LINE = QColor("#1c2430"), QColor("#5a6675"), QColor("#9aa5b1")
_BAR_WIDTH, _BAR_HEIGHT = 620, 20


def _font(size: float, bold: bool = False) -> QFont:
    font = QFont("DejaVu Sans")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPixelSize(round(size))
    font.setBold(bold)
    return font


def draw_text(
    painter: QPainter,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    bold: bool = False,
    colour: QColor = INK,
    align: float = 0.0,
) -> None:
    """Write text with its baseline at y; `align` is the share of its width that lies left of x."""
    font = _font(size, bold)
    painter.setFont(font)
    painter.setPen(QPen(colour))
    painter.drawText(QPointF(x - align * QFontMetricsF(font).horizontalAdvance(text), y), text)


def draw_legend(
    painter: QPainter,
    layer: QgsRasterLayer,
    meaning: str,
    at: QPointF,
    width: float = _BAR_WIDTH,
    *,
    brief: bool = False,
) -> None:
    """Draw the colours of a layer and what they mean; briefly, with fewer numbers and smaller letters."""
    size = 15 if brief else 17
    draw_text(painter, at.x(), at.y() + size, meaning, size, colour=SOFT)
    renderer = layer.renderer()
    top = at.y() + size + 12
    if isinstance(renderer, QgsPalettedRasterRenderer):
        _class_legend(painter, renderer, at.x(), top, size)
    elif isinstance(renderer, QgsSingleBandPseudoColorRenderer):
        _ramp_legend(painter, renderer, QRectF(at.x(), top, width, _BAR_HEIGHT), size, every=5 if brief else 1)


def _class_legend(painter: QPainter, renderer: QgsPalettedRasterRenderer, left: float, top: float, size: float) -> None:
    for entry in renderer.classes():
        painter.setPen(QPen(LINE, 1))
        painter.setBrush(entry.color)
        painter.drawRect(QRectF(left, top, 30, _BAR_HEIGHT))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        draw_text(painter, left + 40, top + 16, entry.label, size)
        left += 40 + QFontMetricsF(_font(size)).horizontalAdvance(entry.label) + 36


def _ramp_legend(
    painter: QPainter, renderer: QgsSingleBandPseudoColorRenderer, bar: QRectF, size: float, every: int
) -> None:
    items = renderer.shader().rasterShaderFunction().colorRampItemList()
    last = max(1, len(items) - 1)
    widest = max(QFontMetricsF(_font(size - 2)).horizontalAdvance(_short(item.value)) for item in items) * 1.5 + 8
    while every < last and bar.width() * every / last < widest:
        every += 1
    every = next((step for step in range(every, last) if last % step == 0), last)
    gradient = QLinearGradient(bar.topLeft(), bar.topRight())
    for place, item in enumerate(items):
        gradient.setColorAt(place / last, item.color)
    painter.fillRect(bar, gradient)
    painter.setPen(QPen(LINE, 1))
    painter.drawRect(bar)
    for place, item in enumerate(items):
        if place % every and place != last:
            continue
        x = bar.left() + bar.width() * place / last
        painter.setPen(QPen(LINE, 1))
        painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + 5))
        align = 0.0 if place == 0 else 1.0 if place == last else 0.5
        draw_text(painter, x, bar.bottom() + 8 + size, _short(item.value), size - 2, align=align)


def _short(value: float) -> str:
    """Return a number in two or three digits."""
    if abs(value) < 1000:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    digits = math.floor(math.log10(abs(value))) - 2
    return f"{round(value / 10**digits) * 10**digits:,}"


def draw_scale_bar(
    painter: QPainter, layer: QgsRasterLayer, extent: QgsRectangle, frame: QRectF, right: QPointF
) -> None:
    """Draw a bar of a round length that ends at `right`."""
    per_pixel = extent.width() / frame.width()
    longest = 0.24 * frame.width() * per_pixel
    power = 10 ** math.floor(math.log10(longest))
    length = max(step * power for step in (1, 2, 5) if step * power <= longest)
    unit = QgsUnitTypes.toAbbreviatedString(layer.crs().mapUnits())
    shown = f"{length / 1000:g} km" if unit == "m" and length >= 1000 else f"{length:g} {unit}"
    pixels = length / per_pixel
    left = right.x() - pixels
    painter.setPen(QPen(INK, 1))
    for half in (0, 1):
        painter.setBrush(INK if half == 0 else QColor("#ffffff"))
        painter.drawRect(QRectF(left + half * pixels / 2, right.y(), pixels / 2, 7))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if pixels > 90:
        draw_text(painter, left, right.y() - 8, "0", 15)
    draw_text(painter, right.x(), right.y() - 8, shown, 15, align=1.0)


def draw_north_arrow(painter: QPainter, top: QPointF) -> None:
    """Draw an arrow that points up, and an N."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(INK)
    x, y = top.x(), top.y()
    painter.drawPolygon(
        QPolygonF([QPointF(x, y - 16), QPointF(x + 9, y + 12), QPointF(x, y + 6), QPointF(x - 9, y + 12)])
    )
    painter.setBrush(Qt.BrushStyle.NoBrush)
    draw_text(painter, x, y + 34, "N", 16, bold=True, align=0.5)
