"""Rasters in and out through GDAL, by strips of rows, without GDAL's NumPy bridge.

GDAL's `gdal_array` may be built for another NumPy than the one in use, so only `ReadRaster` and `WriteRaster` are used.
Light: used by the toolbox for its checks as well as by the worker.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from .errors import InputError, OutputError
from .gdal_messages import gdal_errors_as_text, quietly
from .raster_grid import Grid, strips

NODATA = -9999.0
_GDAL_TYPE = {"float32": gdal.GDT_Float32, "int32": gdal.GDT_Int32, "uint8": gdal.GDT_Byte}


class RasterBand:
    """One band of a raster, opened for reading.

    Parameters
    ----------
    source : str
        Path or GDAL source.
    band : int
        Counted from 1.
    parameter : str
        Name of the parameter that gave it, for messages.

    Raises
    ------
    InputError
        When it cannot be opened, the band does not exist, is complex, or the raster is rotated.
    """

    def __init__(self, source: str, band: int, parameter: str) -> None:
        self.parameter = parameter
        self.source = str(source)
        self._dataset, why = quietly(gdal.OpenEx, self.source, gdal.OF_RASTER | gdal.OF_READONLY)
        if self._dataset is None:
            raise InputError(parameter, f"'{source}' cannot be opened as a raster. {why}".strip(), "Check the path.")
        self._band_number = int(band)
        self._use(self._dataset)

    def _use(self, dataset: Any) -> None:
        count = dataset.RasterCount
        if not 1 <= self._band_number <= count:
            raise InputError(
                f"{self.parameter}_BAND",
                f"{self.parameter} has no band {self._band_number}.",
                f"It has {count} band{'s' if count != 1 else ''}; choose from 1 to {count}."
                if count
                else "It has no bands at all; if it holds subdatasets, name one of them.",
            )
        self._dataset = dataset
        self._band = dataset.GetRasterBand(self._band_number)
        if gdal.DataTypeIsComplex(self._band.DataType):
            raise InputError(self.parameter, "The band holds complex numbers.", "Give a raster of real numbers.")
        self.grid = _grid(dataset, self.parameter)
        #: NaN cells of the last rectangle read that the raster does not declare as nodata; they count as nodata.
        self.undeclared_nan = 0
        self._scale = self._band.GetScale() or 1.0
        self._offset = self._band.GetOffset() or 0.0

    @property
    def band_count(self) -> int:
        """Number of bands of the raster."""
        return int(self._dataset.RasterCount)

    @property
    def is_paletted(self) -> bool:
        """Whether the values are indices of a colour table."""
        return self._band.GetColorInterpretation() == gdal.GCI_PaletteIndex

    def align(self, grid: Grid, resampling: str) -> None:
        """Resample the raster to `grid`, "nearest" or "bilinear"; nothing is written to disk."""
        if grid.south_up:
            raise InputError(
                self.parameter,
                "It cannot be aligned: the quality raster is stored south up.",
                "Warp QUALITY to a north-up grid first.",
            )
        left, bottom, right, top = grid.bounds
        options = gdal.WarpOptions(
            format="VRT",
            outputBounds=(left, bottom, right, top),
            width=grid.columns,
            height=grid.rows,
            dstSRS=grid.crs or None,
            resampleAlg=resampling,
            outputType=gdal.GDT_Float64,
            dstNodata="nan",  # also where the raster does not reach and declares no nodata of its own
        )
        warped, why = quietly(gdal.Warp, "", self._dataset, options=options)
        if warped is None:
            raise InputError(self.parameter, f"It cannot be aligned to the quality raster. {why}", "Check its CRS.")
        self._unaligned = self._dataset
        self._use(warped)

    def read(self, first_row: int, first_column: int, rows: int, columns: int) -> NDArray[np.float64]:
        """Return the values of a rectangle, scale and offset applied, NaN where there are none.

        Raises
        ------
        InputError
            When the file cannot be read.
        """
        place = (first_column, first_row, columns, rows)
        raw, why = quietly(self._band.ReadRaster, *place, buf_type=gdal.GDT_Float64)
        mask, why_mask = quietly(self._band.GetMaskBand().ReadRaster, *place, buf_type=gdal.GDT_Byte)
        if raw is None or mask is None:
            raise InputError(
                self.parameter, f"'{self.source}' cannot be read: {why or why_mask}", "The file may be damaged."
            )
        values = np.frombuffer(raw, np.float64).reshape(rows, columns).copy()
        values *= self._scale
        values += self._offset
        masked = np.frombuffer(mask, np.uint8).reshape(rows, columns) == 0
        self.undeclared_nan = int((np.isnan(values) & ~masked).sum())
        values[masked] = np.nan
        return values


def _grid(dataset: Any, parameter: str) -> Grid:
    transform = dataset.GetGeoTransform(can_return_null=True)
    if transform is None:
        raise InputError(parameter, "The raster has no position and no cell size.", "Georeference it first.")
    if transform[2] or transform[4] or transform[1] <= 0 or transform[5] == 0:
        raise InputError(parameter, "The raster is rotated or mirrored.", "Warp it to a north-up grid first.")
    reference = dataset.GetSpatialRef()
    return Grid(
        rows=dataset.RasterYSize,
        columns=dataset.RasterXSize,
        left=transform[0],
        top=transform[3],
        cell_width=transform[1],
        cell_height=abs(transform[5]),
        south_up=transform[5] > 0,
        crs=reference.ExportToWkt() if reference else "",
    )


class Rows(Protocol):
    """Rows of a raster, in memory or on disk."""

    dtype: np.dtype[Any]

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return some rows, shape (rows, columns)."""
        ...


def write_raster(
    path: str | Path,
    bands: Sequence[Rows],
    grid: Grid,
    *,
    nodata: float,
    descriptions: list[str],
    unit: str,
    metadata: dict[str, str],
    parameter: str,
) -> None:
    """Write a tiled, compressed GeoTIFF.

    Parameters
    ----------
    path : str or Path
        File to write.
    bands : list of Rows
        Arrays of shape (rows, columns), or rows on disk. All of one type: float32, int32 or uint8.
    nodata : float
        Value of cells without a result.
    descriptions : list of str
        One per band.
    unit : str
        Unit of the values.
    metadata : dict
        Provenance, stored in the file.
    parameter : str
        Name of the output, for messages.

    Raises
    ------
    OutputError
        When the file cannot be written whole.
    """
    kind = bands[0].dtype.name
    options = ["COMPRESS=DEFLATE", "TILED=YES", "BIGTIFF=IF_SAFER", f"PREDICTOR={3 if kind == 'float32' else 2}"]
    size = grid.columns, grid.rows, len(bands)
    with gdal_errors_as_text(gdal.CE_Failure) as failures:
        try:
            dataset = gdal.GetDriverByName("GTiff").Create(str(path), *size, _GDAL_TYPE[kind], options=options)
            if dataset is not None:
                dataset.SetGeoTransform(grid.geotransform)
                dataset.SetProjection(grid.crs)
                dataset.SetMetadata({**metadata, "AREA_OR_POINT": "Area"})
                _write_bands(dataset, bands, grid, nodata, descriptions, unit)
        except RuntimeError as error:
            failures.append(str(error))
        dataset = None  # closing writes as well
    if failures or not os.path.getsize(path):
        why = failures[0].rstrip(".") if failures else "it is empty"
        raise OutputError(
            f"A file in '{Path(path).parent}' could not be written whole: {why}.",
            "Free some space there, or choose another folder.",
            parameter,
        )


def _write_bands(
    dataset: Any, bands: Sequence[Rows], grid: Grid, nodata: float, descriptions: list[str], unit: str
) -> None:
    for number, (values, description) in enumerate(zip(bands, descriptions), start=1):
        band = dataset.GetRasterBand(number)
        band.SetNoDataValue(nodata)
        band.SetDescription(description)
        band.SetUnitType(unit)
        for first, rows in strips(grid):
            data = np.ascontiguousarray(values[first : first + rows]).tobytes()
            if band.WriteRaster(0, first, grid.columns, rows, data, buf_type=_GDAL_TYPE[values.dtype.name]) != 0:
                return
    dataset.FlushCache()
