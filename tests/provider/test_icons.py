"""The icon of every algorithm: its own, small, and to be seen on light and on dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driftway.processing_provider.catalogue import algorithms
from driftway.processing_provider.icons import FOLDER
from qgis.PyQt.QtCore import QRectF, QSize
from qgis.PyQt.QtGui import QColor, QImage, QPainter
from qgis.PyQt.QtSvg import QSvgRenderer

IDS = [entry["id"] for entry in algorithms()]
EVERY = sorted(path.name for path in FOLDER.glob("*.svg"))
TOOLBOX_SIZE = 16
BACKGROUNDS = {"light": "#f0f0f0", "dark": "#2b2b2b"}


def drawn(name: str, background: str) -> QImage:
    image = QImage(TOOLBOX_SIZE, TOOLBOX_SIZE, QImage.Format.Format_ARGB32)
    image.fill(QColor(background))
    painter = QPainter(image)
    QSvgRenderer(str(FOLDER / name)).render(painter, QRectF(0, 0, TOOLBOX_SIZE, TOOLBOX_SIZE))
    painter.end()
    return image


def standing_out(name: str, background: str) -> float:
    """Return the share of pixels whose colour differs clearly from the background."""
    image, ground = drawn(name, background), QColor(background)
    pixels = [image.pixelColor(x, y) for x in range(TOOLBOX_SIZE) for y in range(TOOLBOX_SIZE)]
    far = [
        max(abs(p.red() - ground.red()), abs(p.green() - ground.green()), abs(p.blue() - ground.blue())) > 60
        for p in pixels
    ]
    return sum(far) / len(far)


@pytest.mark.parametrize("name", IDS)
def test_every_algorithm_shows_an_icon_of_its_own(provider: Any, name: str) -> None:
    algorithm = provider.algorithm(name)
    assert Path(algorithm.svgIconPath()) == FOLDER / f"{name}.svg"
    assert not algorithm.icon().pixmap(TOOLBOX_SIZE).isNull()


@pytest.mark.parametrize("name", EVERY)
def test_an_icon_is_small_square_and_readable(qgis_app: Any, name: str) -> None:
    renderer = QSvgRenderer(str(FOLDER / name))
    assert renderer.isValid()
    assert renderer.defaultSize() == QSize(24, 24)
    assert (FOLDER / name).stat().st_size < 2048
    for background in BACKGROUNDS.values():
        assert standing_out(name, background) > 0.12


def test_no_two_icons_are_alike(qgis_app: Any) -> None:
    seen = {bytes(drawn(name, "#ffffff").bits().asarray(4 * TOOLBOX_SIZE**2)) for name in EVERY}
    assert len(seen) == len(EVERY)
