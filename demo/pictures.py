"""Which maps the demo draws, and what stands on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qgis.core import QgsRasterLayer, QgsRectangle

from processing_provider.catalogue import algorithm

from . import maps
from .landscape import PERMEABILITY, QUALITY

_SMALL, _ROW = 820, 1200
_DETAIL_SHARE = 0.42
_SHOWN = ("functional_habitat", "sensitivity", "selection")
_TENTHS = "; each step of colour holds a tenth of the cells"


@dataclass(frozen=True)
class Picture:
    """A map that the demo draws.

    Parameters
    ----------
    name : str
        Stem of the raster and of the PNG.
    sheet : Sheet
        What is drawn.
    """

    name: str
    sheet: maps.Sheet


def pictures(folder: Path) -> list[Picture]:
    """Return all maps of rasters in a folder, in the order in which they are shown."""
    inputs = {
        "quality": ("Quality", QUALITY.shown, "Habitat quality (no unit)", {"ramp": "viridis", "stretch": "linear"}),
        "permeability": (
            "Permeability",
            PERMEABILITY.shown,
            "Permeability: ease of movement (no unit)",
            {"ramp": "mako", "stretch": "linear"},
        ),
    }
    outputs = {
        "functional_habitat": (
            "connectivity",
            "Functional habitat",
            "Habitat in the cell times the habitat that animals reach from it",
            "Functional habitat (quality × quality)",
        ),
        "accessible_habitat": (
            "connectivity",
            "Accessible habitat",
            "Habitat that animals reach from the cell, near habitat counting more than far",
            "Accessible habitat (cells of quality 1)",
        ),
        "sensitivity": (
            "sensitivity",
            "Sensitivity",
            "How much landscape connectivity gains where movement becomes easier",
            "Gain in C per unit of permeability",
        ),
        "elasticity": (
            "sensitivity",
            "Elasticity",
            "How much landscape connectivity hangs on the permeability that is there",
            "Gain in C per relative change of permeability",
        ),
        "selection": (
            "prioritisation",
            "Selected cells",
            "Where easing movement gains most for the budget",
            "Candidate cells; the ground is habitat quality, dark where it is high",
        ),
        "rank": ("prioritisation", "Rank", "In which order cells should be acted in", "Rank (1 = first)"),
    }
    found = [Picture(name, maps.Sheet(folder / f"{name}.tif", *rest)) for name, rest in inputs.items()]
    for name, (entry, title, subtitle, legend) in outputs.items():
        style = _style(entry, name.upper())
        legend += _TENTHS if style["stretch"] == "quantile" else ""
        found.append(Picture(name, maps.Sheet(folder / f"{name}.tif", title, subtitle, legend, style)))
    return found


def draw(folder: Path, title: str, copies: Path | None) -> list[Picture]:
    """Draw all maps, the overview and a QGIS project into a folder, and small copies elsewhere if wanted."""
    found = pictures(folder)
    by_name = {picture.name: picture for picture in found}
    with maps.qgis():
        for picture in found:
            maps.draw_sheet(picture.sheet, folder / "quality.tif", folder / f"{picture.name}.png")
        sheets = [replace(by_name[name].sheet, legend=_plain(by_name[name].sheet.legend)) for name in _SHOWN]
        detail = _detail(QgsRasterLayer(str(folder / "quality.tif"), "quality").extent())
        maps.draw_row(sheets, detail, folder / "quality.tif", folder / "overview.png", title)
        order = ("selection", "sensitivity", "functional_habitat", "accessible_habitat", "elasticity", "rank")
        layers = [by_name[name].sheet for name in (*order, "quality", "permeability")]
        maps.write_project([maps.styled_layer(s.path, s.title, s.style) for s in layers], folder / "driftway-demo.qgz")
        if copies is not None:
            _copy(folder, found, copies)
    return found


def _copy(folder: Path, found: list[Picture], copies: Path) -> None:
    copies.mkdir(parents=True, exist_ok=True)
    for picture in found:
        maps.shrink(folder / f"{picture.name}.png", copies / f"{picture.name}.png", _SMALL, [picture.sheet.style])
    shown = [picture.sheet.style for picture in found if picture.name in _SHOWN]
    maps.shrink(folder / "overview.png", copies / "overview.png", _ROW, shown)


def _style(entry: str, output: str) -> dict[str, Any]:
    return next(o["style"] for o in algorithm(entry)["outputs"] if o["name"] == output)


def _plain(legend: str) -> str:
    return legend.removesuffix(_TENTHS).partition(";")[0]


def _detail(extent: QgsRectangle) -> QgsRectangle:
    """Return a square in the middle of the landscape."""
    side = _DETAIL_SHARE * min(extent.width(), extent.height())
    centre = extent.center()
    x, y = centre.x() - 0.065 * extent.width(), centre.y() + 0.024 * extent.height()
    return QgsRectangle(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
