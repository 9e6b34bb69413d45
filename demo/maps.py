"""Maps for people: layers in their own styles, with title, legend, scale bar and north arrow, drawn by QGIS."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsContrastEnhancement,
    QgsMapRendererCustomPainterJob,
    QgsMapSettings,
    QgsPalettedRasterRenderer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QFont, QFontMetricsF, QImage, QLinearGradient, QPainter, QPen, QPolygonF

from processing_provider.colour_ramps import colour_at
from processing_provider.styles import apply_style

INK, SOFT, LINE = QColor("#1c2430"), QColor("#5a6675"), QColor("#9aa5b1")
_MARGIN, _HEAD, _FOOT = 40, 108, 128
_BAR_WIDTH, _BAR_HEIGHT = 620, 20
_PALETTE, _GREYS = 256, 40
_PALE = 3.5


@dataclass(frozen=True)
class Sheet:
    """One map on a sheet of its own.

    Parameters
    ----------
    path : Path
        The raster.
    title, subtitle : str
        What stands above it.
    legend : str
        What the colours mean, with the unit.
    style : dict
        As in the catalogue.
    """

    path: Path
    title: str
    subtitle: str
    legend: str
    style: dict[str, Any]


@contextmanager
def qgis() -> Iterator[None]:
    """Hold QGIS while maps are drawn."""
    application = QgsApplication([], False)
    application.initQgis()
    try:
        yield
    finally:
        QgsProject.instance().clear()
        application.exitQgis()


def styled_layer(path: Path, name: str, style: dict[str, Any]) -> QgsRasterLayer:
    """Return a layer in the style that the plugin gives it.

    Raises
    ------
    ValueError
        When the raster cannot be opened or holds no value.
    """
    layer = QgsRasterLayer(str(path), name)
    if not apply_style(layer, style):
        raise ValueError(f"{path} cannot be drawn: it cannot be opened or has no valid cell.")
    return layer


def grey_layer(path: Path) -> QgsRasterLayer:
    """Return a pale grey layer, for the ground under a selection."""
    layer = QgsRasterLayer(str(path), path.stem)
    renderer = QgsSingleBandGrayRenderer(layer.dataProvider(), 1)
    statistics = layer.dataProvider().bandStatistics(1)
    contrast = QgsContrastEnhancement(layer.dataProvider().dataType(1))
    contrast.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    contrast.setMinimumValue(statistics.minimumValue)
    contrast.setMaximumValue(statistics.minimumValue + _PALE * (statistics.maximumValue - statistics.minimumValue))
    renderer.setContrastEnhancement(contrast)
    renderer.setGradient(QgsSingleBandGrayRenderer.Gradient.WhiteToBlack)
    layer.setRenderer(renderer)
    return layer


def draw_sheet(sheet: Sheet, ground: Path, target: Path, width: int = 1320) -> None:
    """Draw one map and write it as a PNG; classes are laid over the ground, a pale grey raster."""
    layers = _layers(sheet, ground)
    layer, extent = layers[0], layers[0].extent()
    inner = width - 2 * _MARGIN
    height = round(inner * extent.height() / extent.width())
    image = _canvas(width, _HEAD + height + _FOOT)
    with _painter(image) as painter:
        _text(painter, _MARGIN, 52, sheet.title, 32, bold=True)
        _text(painter, _MARGIN, 86, sheet.subtitle, 18, colour=SOFT)
        frame = QRectF(_MARGIN, _HEAD, inner, height)
        _draw_map(painter, layers, extent, frame)
        _draw_legend(painter, layer, sheet.legend, QPointF(_MARGIN, _HEAD + height + 22))
        _scale_bar(painter, layer, extent, frame, QPointF(width - _MARGIN, _HEAD + height + 72))
        _north_arrow(painter, QPointF(width - _MARGIN - 14, 40))
    _save(image, target)


def draw_row(
    sheets: list[Sheet], extent: QgsRectangle, ground: Path, target: Path, title: str, width: int = 1500
) -> None:
    """Draw a part of several maps side by side; classes are laid over the ground, a pale grey raster."""
    gap = 24
    inner = (width - 2 * _MARGIN - gap * (len(sheets) - 1)) / len(sheets)
    height = round(inner * extent.height() / extent.width())
    top = 112
    image = _canvas(width, top + height + 104)
    with _painter(image) as painter:
        _text(painter, _MARGIN, 50, title, 28, bold=True)
        layer = None
        for place, sheet in enumerate(sheets):
            layers = _layers(sheet, ground)
            layer = layers[0]
            left = _MARGIN + place * (inner + gap)
            frame = QRectF(left, top, inner, height)
            _text(painter, left, top - 14, sheet.title, 20, bold=True)
            _draw_map(painter, layers, extent, frame)
            _draw_legend(painter, layer, sheet.legend, QPointF(left, top + height + 16), inner - 10, brief=True)
        if layer is not None:
            corner = QPointF(width - _MARGIN, 44)
            _scale_bar(painter, layer, extent, QRectF(0, 0, inner, height), corner)
    _save(image, target)


def _layers(sheet: Sheet, ground: Path) -> list[QgsRasterLayer]:
    layer = styled_layer(sheet.path, sheet.title, sheet.style)
    if not sheet.style.get("classes"):
        return [layer]
    layer.setBlendMode(QPainter.CompositionMode.CompositionMode_Multiply)
    return [layer, grey_layer(ground)]


def shrink(source: Path, target: Path, width: int, styles: list[dict[str, Any]]) -> None:
    """Write a smaller copy of a picture in 256 colours: those of the styles that it shows, greys and the ink."""
    image = QImage(str(source)).scaledToWidth(width, Qt.TransformationMode.SmoothTransformation)
    greys = [QColor(grey, grey, grey) for grey in (round(255 * place / (_GREYS - 1)) for place in range(_GREYS))]
    colours = [*greys, INK, SOFT, LINE]
    share = (_PALETTE - len(colours)) // max(1, len(styles))
    for style in styles:
        if style.get("classes"):
            colours += _darkened([QColor(colour) for _, _, colour in style["classes"]], share)
        else:
            colours += [colour_at(style["ramp"], place / (share - 1)) for place in range(share)]
    table = [colour.rgb() for colour in colours[:_PALETTE]]
    _save(image.convertToFormat(QImage.Format.Format_Indexed8, table, Qt.ImageConversionFlag.ThresholdDither), target)


def _darkened(colours: list[QColor], count: int) -> list[QColor]:
    """Return shades of class colours as they look over the ground, from pure to half as bright."""
    steps = max(1, count // max(1, len(colours)))
    lights = [1 - 0.5 * place / steps for place in range(steps)]
    return [QColor(*(round(part * light) for part in colour.getRgb()[:3])) for colour in colours for light in lights]


def write_project(layers: list[QgsRasterLayer], target: Path) -> None:
    """Write a QGIS project with these layers, the first on top."""
    project = QgsProject.instance()
    project.clear()
    project.setCrs(layers[0].crs())
    project.setTitle("Driftway demo")
    root = project.layerTreeRoot()
    for place, layer in enumerate(layers):
        project.addMapLayer(layer, False)
        node = root.addLayer(layer)
        node.setItemVisibilityChecked(place == 0)
        node.setExpanded(place == 0)
    if not project.write(str(target)):
        raise OSError(f"{target} cannot be written: {project.error()}")


def _canvas(width: int, height: int) -> QImage:
    image = QImage(QSize(width, height), QImage.Format.Format_RGB32)
    image.fill(QColor("#ffffff"))
    return image


@contextmanager
def _painter(image: QImage) -> Iterator[QPainter]:
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    try:
        yield painter
    finally:
        painter.end()


def _save(image: QImage, target: Path) -> None:
    if not image.save(str(target), "PNG", 0):
        raise OSError(f"{target} cannot be written.")


def _draw_map(painter: QPainter, layers: list[QgsRasterLayer], extent: QgsRectangle, frame: QRectF) -> None:
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(layers[0].crs())
    settings.setOutputSize(QSize(round(frame.width()), round(frame.height())))
    settings.setExtent(extent)
    settings.setBackgroundColor(QColor("#ffffff"))
    picture = QImage(settings.outputSize(), QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(QColor("#ffffff"))
    inner = QPainter(picture)
    job = QgsMapRendererCustomPainterJob(settings, inner)
    job.renderSynchronously()
    inner.end()
    painter.drawImage(frame.topLeft(), picture)
    painter.setPen(QPen(LINE, 1))
    painter.drawRect(frame)


def _font(size: float, bold: bool = False) -> QFont:
    font = QFont("DejaVu Sans")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPixelSize(round(size))
    font.setBold(bold)
    return font


def _text(
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


def _draw_legend(
    painter: QPainter, layer: QgsRasterLayer, text: str, at: QPointF, width: float = _BAR_WIDTH, *, brief: bool = False
) -> None:
    size = 15 if brief else 17
    _text(painter, at.x(), at.y() + size, text, size, colour=SOFT)
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
        _text(painter, left + 40, top + 16, entry.label, size)
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
        _text(painter, x, bar.bottom() + 8 + size, _short(item.value), size - 2, align=align)


def _short(value: float) -> str:
    """Return a number in two or three digits."""
    if abs(value) < 1000:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    digits = math.floor(math.log10(abs(value))) - 2
    return f"{round(value / 10**digits) * 10**digits:,}"


def _scale_bar(painter: QPainter, layer: QgsRasterLayer, extent: QgsRectangle, frame: QRectF, right: QPointF) -> None:
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
        _text(painter, left, right.y() - 8, "0", 15)
    _text(painter, right.x(), right.y() - 8, shown, 15, align=1.0)


def _north_arrow(painter: QPainter, top: QPointF) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(INK)
    x, y = top.x(), top.y()
    painter.drawPolygon(
        QPolygonF([QPointF(x, y - 16), QPointF(x + 9, y + 12), QPointF(x, y + 6), QPointF(x - 9, y + 12)])
    )
    painter.setBrush(Qt.BrushStyle.NoBrush)
    _text(painter, x, y + 34, "N", 16, bold=True, align=0.5)
