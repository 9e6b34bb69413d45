"""Maps for people: layers in their own styles, with title, legend, scale bar and north arrow, drawn by QGIS."""

from __future__ import annotations

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
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPainter, QPen

from processing_provider.colour_ramps import colour_at
from processing_provider.styles import apply_style

from .furniture import INK, LINE, SOFT, draw_legend, draw_north_arrow, draw_scale_bar, draw_text

_MARGIN, _HEAD, _FOOT = 40, 108, 128
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
        draw_text(painter, _MARGIN, 52, sheet.title, 32, bold=True)
        draw_text(painter, _MARGIN, 86, sheet.subtitle, 18, colour=SOFT)
        frame = QRectF(_MARGIN, _HEAD, inner, height)
        _draw_map(painter, layers, extent, frame)
        draw_legend(painter, layer, sheet.legend, QPointF(_MARGIN, _HEAD + height + 22))
        draw_scale_bar(painter, layer, extent, frame, QPointF(width - _MARGIN, _HEAD + height + 72))
        draw_north_arrow(painter, QPointF(width - _MARGIN - 14, 40))
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
        draw_text(painter, _MARGIN, 50, title, 28, bold=True)
        layer = None
        for place, sheet in enumerate(sheets):
            layers = _layers(sheet, ground)
            layer = layers[0]
            left = _MARGIN + place * (inner + gap)
            frame = QRectF(left, top, inner, height)
            draw_text(painter, left, top - 14, sheet.title, 20, bold=True)
            _draw_map(painter, layers, extent, frame)
            draw_legend(painter, layer, sheet.legend, QPointF(left, top + height + 16), inner - 10, brief=True)
        if layer is not None:
            corner = QPointF(width - _MARGIN, 44)
            draw_scale_bar(painter, layer, extent, QRectF(0, 0, inner, height), corner)
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
