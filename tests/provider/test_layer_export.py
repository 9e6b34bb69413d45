"""Which layers the worker can open as they are, and what becomes of the others."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from conftest import write_raster
from driftway.processing_provider.job import build_job
from driftway.processing_provider.layer_export import RasterSource, export, gdal_name, raster_source
from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingException, QgsRasterLayer, QgsRasterRange

VALUES = [[1.0, 2.0, 3.0], [4.0, -9999.0, 6.0]]


def cells(path: str) -> list[list[float | None]]:
    layer = QgsRasterLayer(path, "exported")
    block = layer.dataProvider().block(1, layer.extent(), layer.width(), layer.height())
    return [
        [None if block.isNoData(row, column) else block.value(row, column) for column in range(block.width())]
        for row in range(block.height())
    ]


def test_a_file_passes_through_unharmed(tmp_path: Path) -> None:
    path = str(write_raster(tmp_path / "mit leer ä" / "raster.tif", VALUES))
    assert gdal_name(QgsRasterLayer(path, "raster")) == path


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_raster(tmp_path / "raster.tif", VALUES)
    monkeypatch.chdir(tmp_path)
    assert gdal_name(QgsRasterLayer("raster.tif", "raster")) == str(tmp_path / "raster.tif")
    assert build_job("connectivity", {}, {"REPORT": "report.html"})["outputs"] == {
        "REPORT": str(tmp_path / "report.html")
    }


def test_a_file_in_an_archive_passes_through(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "raster.tif", VALUES)
    with zipfile.ZipFile(tmp_path / "archive ü.zip", "w") as archive:
        archive.write(path, "folder/raster.tif")
    name = f"/vsizip/{tmp_path / 'archive ü.zip'}/folder/raster.tif"
    layer = QgsRasterLayer(name, "raster")
    assert layer.isValid()
    assert gdal_name(layer) == name


def test_a_layer_of_another_provider_is_exported(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "raster.tif", VALUES)
    base = QgsRasterLayer(str(path), "base")
    uri = (
        "?crs=EPSG:3112&extent=500000,7999950,500075,8000000&width=3&height=2&formula=%22base@1%22 * 2"
        f"&base:uri={path}&base:provider=gdal"
    )
    layer = QgsRasterLayer(uri, "twice", "virtualraster")
    if not layer.isValid():
        pytest.skip("this QGIS has no virtual rasters")
    assert base.isValid()
    source = raster_source("QUALITY", layer)
    assert source.provider is not None
    made = export(source, tmp_path)
    # QGIS 3.22's virtual rasters turn nodata into the lowest float, which the checks refuse.
    assert [value for row in cells(made) for value in row if value is not None and value > 0] == [2, 4, 6, 8, 12]
    assert QgsRasterLayer(made, "made").crs() == QgsCoordinateReferenceSystem("EPSG:3112")
    assert QgsRasterLayer(made, "made").extent() == base.extent()


def test_nodata_that_the_user_has_set_is_kept(tmp_path: Path) -> None:
    layer = QgsRasterLayer(str(write_raster(tmp_path / "raster.tif", VALUES)), "raster")
    layer.dataProvider().setUserNoDataValue(1, [QgsRasterRange(3.0, 3.0)])
    source = raster_source("MOVEMENT", layer)
    assert cells(export(source, tmp_path)) == [[1.0, 2.0, None], [4.0, None, 6.0]]


def test_nodata_that_the_user_has_switched_off_is_a_value(tmp_path: Path) -> None:
    layer = QgsRasterLayer(str(write_raster(tmp_path / "raster.tif", VALUES)), "raster")
    layer.dataProvider().setUseSourceNoDataValue(1, False)
    source = raster_source("MOVEMENT", layer)
    assert cells(export(source, tmp_path)) == VALUES


def test_all_bands_are_exported(tmp_path: Path) -> None:
    layer = QgsRasterLayer(str(write_raster(tmp_path / "raster.tif", VALUES, bands=3)), "raster")
    layer.dataProvider().setUserNoDataValue(1, [QgsRasterRange(3.0, 3.0)])
    assert QgsRasterLayer(export(raster_source("QUALITY", layer), tmp_path), "made").bandCount() == 3


def test_a_source_with_open_options_or_a_login_is_not_taken_for_a_file(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "raster.tif", VALUES)
    assert gdal_name(QgsRasterLayer(f"{path}|option:NUM_THREADS=2", "raster")) is None


def test_a_picture_without_cells_is_refused(tmp_path: Path) -> None:
    class Picture:
        def xSize(self) -> int:
            return 0

        def ySize(self) -> int:
            return 0

        def extent(self) -> None:
            return None

    source = RasterSource("QUALITY", "", QgsCoordinateReferenceSystem(), Picture())
    with pytest.raises(QgsProcessingException, match="QUALITY: The layer has no cells"):
        export(source, tmp_path)
