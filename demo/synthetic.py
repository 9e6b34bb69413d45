"""A landscape out of a random number generator: habitat patches, hills, rivers with fords, and roads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, osr

ROWS, COLUMNS, CELL = 420, 640, 25.0
SEED = 20240229
_CORNER = (500_000.0, 5_400_000.0)
_EPSG = 32633
_RIVERS, _FORDS, _ROADS = 3, 4, 3
_RIVER_CELLS, _ROAD_CELLS, _FORD_CELLS = 2, 1, 3
_EMBANKMENT = 12.0
_NODATA = -9999.0


def write_landscape(folder: Path) -> tuple[Path, Path]:
    """Write ``ndvi_synthetic.tif`` and ``slope_synthetic.tif`` and return their paths.

    Rivers are nodata in the slope: nothing crosses them but at their fords. Roads are bare, between steep banks.
    """
    rng = np.random.default_rng(SEED)
    relief, patches = _noise(rng, 2.2), _noise(rng, 1.6)
    ndvi = 0.15 + 0.5 / (1 + np.exp(-3.0 * patches))
    slope = np.hypot(*np.gradient(_noise(rng, 2.6))) * 20 + np.maximum(0, relief)
    for number in range(_ROADS):
        road, _along = _line(rng, _ROAD_CELLS, (number + 0.5) / _ROADS, upright=True)
        ndvi[road], slope[road] = 0.05, _EMBANKMENT
    for number in range(_RIVERS):
        river, along = _line(rng, _RIVER_CELLS, (number + 0.5) / _RIVERS, upright=False)
        for ford in rng.integers(0, COLUMNS, _FORDS):
            river &= np.abs(along - ford) > _FORD_CELLS
        slope[river], ndvi[river] = _NODATA, 0.0
    paths = folder / "ndvi_synthetic.tif", folder / "slope_synthetic.tif"
    for path, values in zip(paths, (ndvi, slope), strict=True):
        _write(path, values)
    return paths


def _noise(rng: np.random.Generator, exponent: float) -> NDArray[np.float64]:
    """Return a field of mean 0 and standard deviation 1, smoother the larger the exponent."""
    white = np.fft.rfft2(rng.standard_normal((ROWS, COLUMNS)))
    frequency = np.hypot(np.fft.fftfreq(ROWS)[:, None], np.fft.rfftfreq(COLUMNS)[None, :])
    frequency[0, 0] = 1.0
    spectrum = white * frequency ** (-exponent)
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, (ROWS, COLUMNS))
    return (field - field.mean()) / field.std()


def _line(
    rng: np.random.Generator, half: int, share: float, *, upright: bool
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the cells of a winding line that crosses the map at a share of it, and each cell's place along it."""
    length, width = (ROWS, COLUMNS) if upright else (COLUMNS, ROWS)
    steps = np.cumsum(rng.normal(0, 0.8, length))
    middle = (share + rng.uniform(-0.06, 0.06)) * width + steps - np.linspace(steps[0], steps[-1], length)
    along, across = np.meshgrid(np.arange(length), np.arange(width), indexing="ij")
    line = np.abs(across - middle[:, None]) <= half
    return (line, along) if upright else (line.T, along.T)


def _write(path: Path, values: NDArray[np.float64]) -> None:
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), COLUMNS, ROWS, 1, gdal.GDT_Float32, options=["COMPRESS=DEFLATE", "TILED=YES"]
    )
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(_EPSG)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.SetGeoTransform((_CORNER[0], CELL, 0.0, _CORNER[1], 0.0, -CELL))
    band = dataset.GetRasterBand(1)
    band.SetNoDataValue(_NODATA)
    band.WriteRaster(0, 0, COLUMNS, ROWS, values.astype(np.float32).tobytes())
    band = None
    dataset.FlushCache()
