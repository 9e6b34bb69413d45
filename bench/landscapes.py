"""The landscapes of the benchmark: a real one, Djelk in Arnhem Land, Australia, and a synthetic rough one. Light."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TOP = Path(__file__).resolve().parents[1]
STATE = TOP / ".driftway"
_DATA = STATE / "data" / "djelk"
_PACKAGE = "deepssf==0.3.1"


@dataclass(frozen=True)
class Landscape:
    """Two rasters on one grid.

    Parameters
    ----------
    quality, resistance : array, shape (rows, columns), float64
        Resistance >= 1, inf where there is no node; quality 0 there.
    cell : float
        Size of a cell in map units.
    """

    quality: NDArray[np.float64]
    resistance: NDArray[np.float64]
    cell: float

    def cut(self, side: int) -> Landscape:
        """Return the square of this side in the middle."""
        rows, columns = self.resistance.shape
        top, left = (rows - side) // 2, (columns - side) // 2
        inside = slice(top, top + side), slice(left, left + side)
        return Landscape(self.quality[inside], self.resistance[inside], self.cell)


def landscape(name: str) -> Landscape:
    """Return the landscape of that name, the same object every time."""
    return {"Djelk": djelk, "rough": rough}[name]()


@cache
def rough(side: int = 600, seed: int = 0) -> Landscape:
    """Return hills in four classes of resistance from 1 to 50, crossed by roads of resistance 100."""
    rng = np.random.default_rng(seed)
    hills = sum(width * _smooth_noise(rng, side, width) for width in (1, 3, 8))
    hills = (hills - hills.mean()) / hills.std()
    permeability = np.array([0.02, 0.1, 0.5, 1.0])[np.digitize(hills, [-0.8, -0.1, 0.6])]
    for _ in range(side * side // 4000):
        row, column, angle = rng.integers(side), rng.integers(side), rng.uniform(0, np.pi)
        along = np.arange(rng.integers(10, 60))
        rows, columns = row + along * np.sin(angle), column + along * np.cos(angle)
        permeability[rows.astype(int) % side, columns.astype(int) % side] = 0.01
    quality = np.clip(4 * _smooth_noise(rng, side, 2) + 0.5, 0, 1)
    return Landscape(quality, 1 / permeability, 1.0)


def _smooth_noise(rng: np.random.Generator, side: int, width: float) -> NDArray[np.float64]:
    """Return white noise under a Gaussian of this width, closed at the edges."""
    frequency = np.fft.fftfreq(side)
    kernel = np.exp(-2 * (np.pi * width * frequency) ** 2)
    noise = np.fft.fft2(rng.standard_normal((side, side))) * np.outer(kernel, kernel)
    return np.fft.ifft2(noise).real


@cache
def djelk() -> Landscape:
    """Return the landscape of the demo: quality from the NDVI, resistance exp(slope / 4 degrees), cells of 25 m."""
    folder = _fetched()
    ndvi, cell = _read(folder / "ndvi_2005.tif")
    slope, _ = _read(folder / "slope_2005.tif")
    node = ~np.isnan(slope)
    quality = np.where(node & ~np.isnan(ndvi), np.clip((ndvi - 0.2) / 0.4, 0, 1), 0)
    return Landscape(quality, np.where(node, np.exp(slope / 4), np.inf), cell)


def _read(path: Path) -> tuple[NDArray[np.float64], float]:
    from osgeo import gdal

    gdal.UseExceptions()
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    shape = dataset.RasterYSize, dataset.RasterXSize
    raw = band.ReadRaster(0, 0, shape[1], shape[0], buf_type=gdal.GDT_Float64)
    values = np.frombuffer(raw, np.float64).reshape(shape).copy()
    missing = band.GetNoDataValue()
    if missing is not None:
        values[values == missing] = np.nan
    return values, abs(dataset.GetGeoTransform()[1])


def write_raster(path: Path, values: NDArray[np.floating], cell: float) -> None:
    """Write a raster of 64 bits, inf and NaN as nodata."""
    from osgeo import gdal, osr

    gdal.UseExceptions()
    rows, columns = values.shape
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), columns, rows, 1, gdal.GDT_Float64)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32753)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.SetGeoTransform((400_000.0, cell, 0.0, 8_700_000.0, 0.0, -cell))
    band = dataset.GetRasterBand(1)
    band.SetNoDataValue(-9999.0)
    band.WriteRaster(0, 0, columns, rows, np.where(np.isfinite(values), values, -9999.0).astype(np.float64).tobytes())
    dataset.FlushCache()


def read_raster(path: Path) -> NDArray[np.float64]:
    """Return the first band, NaN where there is no data."""
    return _read(path)[0]


def _fetched() -> Path:
    """Return the folder of the rasters that `./run demo` uses, fetched as it does when they are not there."""
    folder = _DATA / "deepssf" / "datasets" / "data"
    if (folder / "slope_2005.tif").exists():
        return folder
    script = (TOP / "run").read_text(encoding="utf-8")
    digest = re.search(r"^DEEPSSF_HASH=(sha256:[0-9a-f]{64})$", script, re.MULTILINE)
    if digest is None:
        raise RuntimeError("The hash of the Djelk landscape is no longer in the script `run`.")
    _DATA.parent.mkdir(parents=True, exist_ok=True)
    wanted = _DATA.parent / "djelk.txt"
    wanted.write_text(f"{_PACKAGE} --hash={digest[1]}\n", encoding="utf-8")
    pip = [os.environ["PEERS"], "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    choice = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", str(_DATA.parent), "-r", str(wanted)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([*pip, *choice], check=True, env=environment, stdin=subprocess.DEVNULL)
    with zipfile.ZipFile(next(_DATA.parent.glob("deepssf-*.whl"))) as wheel:
        wheel.extractall(_DATA)
    return folder
