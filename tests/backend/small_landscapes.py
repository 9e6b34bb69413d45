"""Small rasters on disk, jobs on them, and what came of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal, osr

from backend import registry
from backend.job import Job
from backend.outputs import Outputs

CELL = (10.0, 10.0)
ORIGIN = (200_000.0, 1_300_000.0)
CRS = "EPSG:3112"
NODATA = -9999.0
ENDINGS = {"raster": ".tif", "table": ".csv", "report": ".html"}
TYPES = {
    "float64": (gdal.GDT_Float64, np.float64),
    "float32": (gdal.GDT_Float32, np.float32),
    "uint8": (gdal.GDT_Byte, np.uint8),
    "int16": (gdal.GDT_Int16, np.int16),
    "int64": (getattr(gdal, "GDT_Int64", gdal.GDT_Float64), np.int64),  # GDAL >= 3.5
}


@dataclass
class Listener:
    """A report that keeps what it hears, and asks to stop after a number of questions."""

    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, fraction: float, step: str) -> None:
        self.fractions.append(fraction)

    def raise_if_cancelled(self) -> None:
        pass


@dataclass
class Outcome:
    """Numbers, rasters (bands, rows, columns; NaN for nodata) and texts of a run."""

    numbers: dict[str, float]
    paths: dict[str, Path]
    heard: Listener
    job: Job

    def bands(self, name: str) -> np.ndarray:
        return read_raster(self.paths[name])

    def map(self, name: str) -> np.ndarray:
        return self.bands(name)[0]

    def text(self, name: str) -> str:
        return self.paths[name].read_text(encoding="utf-8")


def write_raster(
    path: Path,
    *bands: np.ndarray,
    kind: str = "float64",
    cell: tuple[float, float] = CELL,
    origin: tuple[float, float] = ORIGIN,
    crs: str | None = CRS,
    nodata: float | None = NODATA,
    south_up: bool = False,
    driver: str = "GTiff",
    **options: float,
) -> Path:
    """Write a raster; NaN becomes the nodata value; `options`: scale, offset."""
    rows, columns = bands[0].shape
    code, dtype = TYPES[kind]
    dataset = gdal.GetDriverByName(driver).Create(str(path), columns, rows, len(bands), code)
    height = cell[1] if south_up else -cell[1]
    top = origin[1] - cell[1] * rows if south_up else origin[1]
    dataset.SetGeoTransform((origin[0], cell[0], 0.0, top, 0.0, height))
    if crs:
        reference = osr.SpatialReference()
        reference.SetFromUserInput(crs)
        dataset.SetProjection(reference.ExportToWkt())
    for number, values in enumerate(bands, start=1):
        band = dataset.GetRasterBand(number)
        if nodata is not None:
            band.SetNoDataValue(nodata)
            values = np.where(np.isnan(values.astype(float)), nodata, values)
        if "scale" in options:
            band.SetScale(options["scale"])
            band.SetOffset(options["offset"])
        stored = np.ascontiguousarray(values[::-1] if south_up else values, dtype)
        band.WriteRaster(0, 0, columns, rows, stored.tobytes(), buf_type=code)
    band = dataset = None
    return path


def read_raster(path: Path | str) -> np.ndarray:
    """Return all bands, (bands, rows, columns), north up, NaN where there is nodata."""
    dataset = gdal.Open(str(path))
    rows, columns = dataset.RasterYSize, dataset.RasterXSize
    bands = []
    for number in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        values = np.frombuffer(band.ReadRaster(buf_type=gdal.GDT_Float64)).reshape(rows, columns)
        values = np.where(values == band.GetNoDataValue(), np.nan, values)
        bands.append(values[::-1] if dataset.GetGeoTransform()[5] > 0 else values)
    return np.array(bands)


class Laboratory:
    """Writes rasters into a folder and runs analyses on them, in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def raster(self, *bands: np.ndarray, name: str = "", **options: Any) -> str:
        self._count += 1
        return str(write_raster(self.folder / (name or f"input-{self._count}.tif"), *bands, **options))

    def job(
        self,
        analysis: str,
        quality: np.ndarray | str,
        movement: np.ndarray | str,
        *,
        outputs: tuple[str, ...] = (),
        cell: tuple[float, float] = CELL,
        settings: dict[str, Any] | None = None,
        **parameters: Any,
    ) -> Job:
        """Return a job; arrays are written to files on one grid first."""
        given = {"QUALITY": quality, "MOVEMENT": movement, **parameters}
        values = {
            name: self.raster(value, cell=cell) if isinstance(value, np.ndarray) else value
            for name, value in given.items()
        }
        self._count += 1
        kinds = {o.name: o.kind for o in registry.load("analyses", analysis).DECLARATION.outputs}
        paths = {name: str(self.folder / f"{name.lower()}-{self._count}{ENDINGS[kinds[name]]}") for name in outputs}
        plain = {"job": 1, "analysis": analysis, "parameters": values, "outputs": paths, **(settings or {})}
        return Job.from_dict(plain)

    def run(self, analysis: str, quality: Any, movement: Any, **parameters: Any) -> Outcome:
        """Run a job to its published outputs."""
        return run_job(self.job(analysis, quality, movement, **parameters))

    def check(self, analysis: str, quality: Any, movement: Any, **parameters: Any) -> Listener:
        """Check a job as the toolbox does."""
        heard = Listener()
        job = self.job(analysis, quality, movement, **parameters)
        registry.load("analyses", analysis).check(job, heard)
        return heard


def run_job(job: Job) -> Outcome:
    heard = Listener()
    with Outputs(job) as outputs:
        numbers = registry.load("analyses", job.analysis).run(job, heard, outputs)
        published = outputs.publish()
    return Outcome(numbers, {name: Path(path) for name, path in published.items()}, heard, job)


def hills(rows: int = 9, columns: int = 11, holes: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return quality and permeability; with holes, nodata in each, in both, and cells of value 0."""
    random = np.random.default_rng(1)
    quality = random.uniform(0.1, 1, (9, 11))
    permeability = random.uniform(0.25, 1, (9, 11))
    if holes:
        quality[random.random((9, 11)) < 0.15] = 0
        quality[1, 2] = quality[4, 4:6] = np.nan
        permeability[1, 2] = permeability[6, 1] = permeability[2, 8] = np.nan
        permeability[5, 7:10] = permeability[3, 0] = 0
    return quality[:rows, :columns], permeability[:rows, :columns]
