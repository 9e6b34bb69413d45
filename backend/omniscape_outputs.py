"""The files that Omniscape writes, under its names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal

from .errors import OutputError
from .gdal_messages import quietly
from .omniscape_settings import OmniscapeSettings
from .raster_grid import Grid, strips
from .raster_io import NODATA, Rows

_DIGITS = 17


def write_grid(folder: Path, name: str, rows: Rows, grid: Grid, *, as_tif: bool, metadata: dict[str, str]) -> Path:
    """Write a grid of float64, as GeoTIFF or as text.

    Raises
    ------
    OutputError
        When it cannot be written whole.
    """
    path = folder / f"{name}.{'tif' if as_tif else 'asc'}"
    whole = path if as_tif else folder / f".{name}.tif"
    options = ["COMPRESS=LZW", "BIGTIFF=IF_SAFER"]
    size = grid.columns, grid.rows, 1, gdal.GDT_Float64
    dataset, why = quietly(gdal.GetDriverByName("GTiff").Create, str(whole), *size, options=options)
    if dataset is not None:
        dataset.SetGeoTransform(grid.geotransform)
        dataset.SetProjection(grid.crs)
        dataset.SetMetadata(metadata)
        why = _fill(dataset, rows, grid)
    if dataset is not None and not why and not as_tif:
        made: Any
        made, why = quietly(
            gdal.GetDriverByName("AAIGrid").CreateCopy, str(path), dataset, options=[f"SIGNIFICANT_DIGITS={_DIGITS}"]
        )
        why = "" if made is not None else why or "the grid could not be written"
        made = None
    dataset = None
    if not as_tif:
        whole.unlink(missing_ok=True)
        Path(f"{path}.aux.xml").unlink(missing_ok=True)
    if why or not path.exists():
        raise OutputError(f"'{path.name}' could not be written. {why}", "Is the disk full?", "OUTPUT_FOLDER")
    return path


def _fill(dataset: Any, rows: Rows, grid: Grid) -> str:
    band = dataset.GetRasterBand(1)
    band.SetNoDataValue(NODATA)
    for first, count in strips(grid):
        data = np.ascontiguousarray(rows[first : first + count], np.float64).tobytes()
        failed, why = quietly(band.WriteRaster, 0, first, grid.columns, count, data, buf_type=gdal.GDT_Float64)
        if failed != 0:
            return why or "writing failed"
    return quietly(dataset.FlushCache)[1]


def write_settings(folder: Path, settings: OmniscapeSettings) -> None:
    """Repeat the settings, as Omniscape does."""
    lines = [f"{name} = {value}\n" for name, value in settings.given.items() if name]
    (folder / "config.ini").write_text("".join(lines), encoding="utf-8")
