"""Rasters in and out through GDAL, by strips of rows, without GDAL's NumPy bridge.

GDAL's `gdal_array` may be built for another NumPy than the one in use, so only `ReadRaster` and `WriteRaster` are used.
Light: used by the toolbox for its checks as well as by the worker.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, osr

from .errors import InputError, OutputError

NODATA = -9999.0
_STRIP_CELLS = 2**19
_GRID_TOLERANCE = 1e-3
_GDAL_TYPE = {"float32": gdal.GDT_Float32, "int32": gdal.GDT_Int32, "uint8": gdal.GDT_Byte}


@dataclass(frozen=True)
class Grid:
    """The cells of a raster, north up.

    Parameters
    ----------
    rows, columns : int
        Number of cells.
    left, top : float
        Outer corner of the first cell, map units.
    cell_width, cell_height : float
        Size of a cell, map units, > 0.
    south_up : bool
        Whether row 0 is the southernmost.
    crs : str
        WKT of the coordinate system, empty when there is none.
    """

    rows: int
    columns: int
    left: float
    top: float
    cell_width: float
    cell_height: float
    south_up: bool
    crs: str

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.rows * self.columns

    @property
    def geotransform(self) -> tuple[float, float, float, float, float, float]:
        """GDAL's six numbers."""
        step = self.cell_height if self.south_up else -self.cell_height
        return (self.left, self.cell_width, 0.0, self.top, 0.0, step)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax)."""
        far = self.top + self.geotransform[5] * self.rows
        return (self.left, min(self.top, far), self.left + self.cell_width * self.columns, max(self.top, far))

    def part(self, first_row: int, first_column: int, rows: int, columns: int) -> Grid:
        """Return the grid of a rectangle of the cells."""
        return replace(
            self,
            rows=rows,
            columns=columns,
            left=self.left + first_column * self.cell_width,
            top=self.top + first_row * self.geotransform[5],
        )


@contextmanager
def _gdal_errors_as_text(least: int = gdal.CE_Warning) -> Iterator[list[str]]:
    """Collect GDAL's messages of this severity or more; works whether or not the process lets GDAL raise."""
    messages: list[str] = []

    def collect(severity: int, number: int, text: str) -> None:
        if severity >= least:
            messages.append(text)

    gdal.PushErrorHandler(collect)
    try:
        yield messages
    finally:
        gdal.PopErrorHandler()


def _quiet(call: Any, *arguments: Any, **named: Any) -> tuple[Any, str]:
    with _gdal_errors_as_text() as messages:
        try:
            value = call(*arguments, **named)
        except RuntimeError as error:
            value, messages = None, [*messages, str(error)]
    return value, " ".join(dict.fromkeys(messages))


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
        self._dataset, why = _quiet(gdal.OpenEx, self.source, gdal.OF_RASTER | gdal.OF_READONLY)
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
        warped, why = _quiet(gdal.Warp, "", self._dataset, options=options)
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
        raw, why = _quiet(self._band.ReadRaster, *place, buf_type=gdal.GDT_Float64)
        mask, why_mask = _quiet(self._band.GetMaskBand().ReadRaster, *place, buf_type=gdal.GDT_Byte)
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


def strips(grid: Grid) -> Iterator[tuple[int, int]]:
    """Yield (first row, number of rows) of strips that are small enough to be read at once."""
    step = max(1, _STRIP_CELLS // max(1, grid.columns))
    for first in range(0, grid.rows, step):
        yield first, min(step, grid.rows - first)


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


def is_geographic(grid: Grid) -> bool:
    """Whether the grid's coordinates are longitudes and latitudes."""
    if not grid.crs:
        return False
    return bool(osr.SpatialReference(grid.crs).IsGeographic())


def grid_difference(grid: Grid, other: Grid) -> str:
    """Return in words how `other` differs from `grid`, empty when the cells coincide."""
    if bool(grid.crs) != bool(other.crs):
        return f"its CRS is {_crs_name(other)}, that of QUALITY is {_crs_name(grid)}"
    if grid.crs and not osr.SpatialReference(grid.crs).IsSame(osr.SpatialReference(other.crs)):
        return f"its CRS is {_crs_name(other)}, that of QUALITY is {_crs_name(grid)}"
    width, height = grid.cell_width, grid.cell_height
    span = max(grid.rows, grid.columns)
    if max(abs(other.cell_width - width) / width, abs(other.cell_height - height) / height) * span > _GRID_TOLERANCE:
        return (
            f"its cells are {other.cell_width:g} x {other.cell_height:g} map units, "
            f"those of QUALITY {width:g} x {height:g}"
        )
    if abs(other.left - grid.left) > _GRID_TOLERANCE * width or abs(other.top - grid.top) > _GRID_TOLERANCE * height:
        return (
            f"its first corner lies at ({other.left:.10g}, {other.top:.10g}), "
            f"that of QUALITY at ({grid.left:.10g}, {grid.top:.10g})"
        )
    if (other.rows, other.columns) != (grid.rows, grid.columns):
        return (
            f"it has {other.rows} rows and {other.columns} columns, QUALITY {grid.rows} rows and {grid.columns} columns"
        )
    return "" if other.south_up == grid.south_up else "one is stored north up, the other south up"


def _crs_name(grid: Grid) -> str:
    if not grid.crs:
        return "not set"
    reference = osr.SpatialReference(grid.crs)
    authority = reference.GetAuthorityCode(None)
    name = reference.GetName() or "unnamed"
    return f"{reference.GetAuthorityName(None)}:{authority} ({name})" if authority else name


def extent_window(grid: Grid, extent: list[float], name: str = "QUALITY") -> tuple[int, int, int, int]:
    """Return (first row, first column, rows, columns) of the cells that an extent touches.

    Parameters
    ----------
    extent : list of float
        xmin, xmax, ymin, ymax in the coordinates of the grid.
    name : str
        Of the raster, for messages.

    Raises
    ------
    InputError
        When it holds no cell of the grid.
    """
    xmin, xmax, ymin, ymax = extent
    left, bottom, right, top = grid.bounds
    tolerance = _GRID_TOLERANCE
    first_column = max(0, math.floor((xmin - left) / grid.cell_width + tolerance))
    last_column = min(grid.columns, math.ceil((xmax - left) / grid.cell_width - tolerance))
    near, far = ((ymin - bottom), (ymax - bottom)) if grid.south_up else ((top - ymax), (top - ymin))
    first_row = max(0, math.floor(near / grid.cell_height + tolerance))
    last_row = min(grid.rows, math.ceil(far / grid.cell_height - tolerance))
    if first_row >= last_row or first_column >= last_column:
        raise InputError(
            "EXTENT",
            f"x {xmin:.10g} to {xmax:.10g}, y {ymin:.10g} to {ymax:.10g} holds no cell of {name} "
            f"(x {left:.10g} to {right:.10g}, y {bottom:.10g} to {top:.10g}).",
            "Choose an extent that overlaps the rasters.",
        )
    return first_row, first_column, last_row - first_row, last_column - first_column


def part_path(path: str | Path, job_id: str) -> Path:
    """Return where an output is written until it is whole (the caller removes it when the worker dies)."""
    path = Path(path)
    return path.with_name(f".{path.stem}.{job_id}.part{path.suffix}")


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
    with _gdal_errors_as_text(gdal.CE_Failure) as failures:
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
