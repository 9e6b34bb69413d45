"""From vegetation and slope to the two rasters that Driftway takes, with Processing's own raster calculator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .toolbox import Toolbox, ToolboxError


@dataclass(frozen=True)
class Formula:
    """A formula on one raster, in the words of each raster calculator.

    Parameters
    ----------
    shown : str
        For people.
    qgis : str
        For QGIS's own calculator; ``{x}`` is the raster.
    gdal : str
        For GDAL's, where the raster is ``A``.
    """

    shown: str
    qgis: str
    gdal: str


QUALITY = Formula(
    "quality = (NDVI − 0.2) / 0.4, not below 0 and not above 1",
    "max(0, min(1, ({x} - 0.2) / 0.4))",
    "clip((A - 0.2) / 0.4, 0, 1)",
)
PERMEABILITY = Formula(
    "permeability = exp(−slope / 4°)",
    "2.718281828459045 ^ (0 - {x} / 4)",
    "exp(-A / 4.0)",
)


def calculate(toolbox: Toolbox, formula: Formula, source: Path, target: Path) -> str:
    """Compute one raster from another and return the algorithm that did it.

    QGIS's own calculator comes first: under the id that it had up to QGIS 3.32, then under the one that it has since.
    GDAL's, which needs GDAL's Python scripts and NumPy, is the last resort.

    Raises
    ------
    ToolboxError
        When no raster calculator works.
    """
    reasons = []
    for algorithm, parameters in _CALCULATORS:
        if algorithm not in toolbox.known:
            reasons.append(f"{algorithm} is not there.")
            continue
        target.unlink(missing_ok=True)
        try:
            toolbox.run(algorithm, parameters(formula, source, target))
        except ToolboxError as error:
            reasons.append(str(error))
            continue
        if target.is_file():
            return algorithm
        reasons.append(f"{algorithm} wrote nothing.")
    raise ToolboxError("No raster calculator works:\n" + "\n".join(reasons))


def _by_qgis(formula: Formula, source: Path, target: Path) -> dict[str, Any]:
    expression = formula.qgis.format(x=f'"{source.stem}@1"')
    return {"LAYERS": source, "EXPRESSION": expression, "OUTPUT": target}


def _by_gdal(formula: Formula, source: Path, target: Path) -> dict[str, Any]:
    return {"INPUT_A": source, "BAND_A": 1, "FORMULA": formula.gdal, "RTYPE": 5, "OUTPUT": target}


_CALCULATORS: tuple[tuple[str, Callable[[Formula, Path, Path], dict[str, Any]]], ...] = (
    ("qgis:rastercalculator", _by_qgis),
    ("native:rastercalc", _by_qgis),
    ("native:rastercalculator", _by_qgis),
    ("gdal:rastercalculator", _by_gdal),
)
