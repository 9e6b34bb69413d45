"""What the tests of the QGIS side share: the checkout as a plugin, a profile of its own, small rasters."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "driftway"


def load_plugin() -> ModuleType:
    """Import the checkout as the package `driftway`, whatever its folder is called, as QGIS does."""
    if PACKAGE not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = module
        spec.loader.exec_module(module)
    return sys.modules[PACKAGE]


load_plugin()


@pytest.fixture(autouse=True)
def _own_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep settings, engine and cache of whoever runs the tests out of them."""
    from qgis.core import QgsSettings

    for name in ("PYTHON", "DEVICE", "THREADS", "MEMORY_LIMIT", "CACHE"):
        monkeypatch.delenv(f"DRIFTWAY_{name}", raising=False)
    monkeypatch.setenv("DRIFTWAY_HOME", str(tmp_path / "driftway home"))
    QgsSettings().remove("driftway")
    yield
    QgsSettings().remove("driftway")


@pytest.fixture
def plugin() -> Iterator[object]:
    """The plugin as qgis_process loads it."""
    loaded = load_plugin().classFactory(None)
    loaded.initProcessing()
    yield loaded
    loaded.unload()


@pytest.fixture
def provider(plugin: object) -> object:
    """The registered provider."""
    from qgis.core import QgsApplication

    return QgsApplication.processingRegistry().providerById("driftway")


def write_raster(
    path: Path,
    values: list[list[float]],
    nodata: float | None = -9999.0,
    epsg: int = 3112,
    corner: tuple[float, float] = (500000.0, 8000000.0),
    cell: float = 25.0,
    bands: int = 1,
) -> Path:
    """Write a GeoTIFF whose bands all hold `values`, and return its path."""
    import numpy as np
    from osgeo import gdal, osr

    array = np.asarray(values, dtype="float32")
    path.parent.mkdir(parents=True, exist_ok=True)
    raster = gdal.GetDriverByName("GTiff").Create(str(path), array.shape[1], array.shape[0], bands, gdal.GDT_Float32)
    raster.SetGeoTransform((corner[0], cell, 0.0, corner[1], 0.0, -cell))
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    raster.SetProjection(reference.ExportToWkt())
    for number in range(1, bands + 1):
        band = raster.GetRasterBand(number)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        band.WriteRaster(0, 0, array.shape[1], array.shape[0], array.tobytes())
    raster.FlushCache()
    return path


@pytest.fixture
def landscape(tmp_path: Path) -> dict[str, str]:
    """A quality and a movement raster of 8 x 6 cells, in a folder whose name is not ASCII and has a blank."""
    folder = tmp_path / "land schaft ä"
    quality = [[(row + column) % 4 / 3 for column in range(8)] for row in range(6)]
    movement = [[0.2 + 0.1 * column for column in range(8)] for _ in range(6)]
    return {
        "QUALITY": str(write_raster(folder / "quality.tif", quality)),
        "MOVEMENT": str(write_raster(folder / "movement.tif", movement)),
    }
