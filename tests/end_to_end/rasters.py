"""Rasters on disk for whole runs, and reading them back, with GDAL and the standard library alone."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

from osgeo import gdal, osr

CELL = 25.0


def write(path: Path, rows: list[list[float]], *, epsg: int = 3112, nodata: float | None = -9999.0) -> Path:
    """Write rows of numbers as a float32 GeoTIFF with 25 m cells."""
    height, width = len(rows), len(rows[0])
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), width, height, 1, gdal.GDT_Float32)
    dataset.SetGeoTransform((26025.0, CELL, 0.0, -1426975.0, 0.0, -CELL))
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    dataset.SetProjection(reference.ExportToWkt())
    band = dataset.GetRasterBand(1)
    if nodata is not None:
        band.SetNoDataValue(nodata)
    band.WriteRaster(0, 0, width, height, array("f", [v for row in rows for v in row]).tobytes())
    band = dataset = None
    return path


def landscape(folder: Path, side: int, seed: int = 1) -> tuple[Path, Path]:
    """Write a seeded quality and a permeability raster of side x side cells."""
    rng = random.Random(seed)
    quality = [[rng.choice((0.0, 0.3, 1.0)) for _ in range(side)] for _ in range(side)]
    permeability = [[rng.choice((0.2, 0.6, 1.0)) for _ in range(side)] for _ in range(side)]
    return write(folder / "quality.tif", quality), write(folder / "permeability.tif", permeability)


def read(path: Path | str, band: int = 1) -> list[list[float]]:
    """Return the values of a band by rows, nodata as it is stored."""
    dataset = gdal.Open(str(path))
    raw = dataset.GetRasterBand(band).ReadRaster(buf_type=gdal.GDT_Float64)
    values = array("d")
    values.frombytes(raw)
    width = dataset.RasterXSize
    return [list(values[i : i + width]) for i in range(0, len(values), width)]


def leftovers(folder: Path) -> list[str]:
    """Return unfinished outputs that a run has left in a folder."""
    return sorted(p.name for p in folder.iterdir() if ".part" in p.name)
