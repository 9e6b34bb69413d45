"""The files that a Circuitscape ini names: rasters in any format of GDAL, gzipped too, and lists in text files. Light."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from .errors import InputError
from .raster_grid import Grid
from .raster_io import RasterBand

_NODATA = -9999.0


@dataclass(frozen=True)
class PointList:
    """Rows of a text list.

    Parameters
    ----------
    value : array of float64, shape (points,)
        Id or strength, the first column.
    row, column : array of int64, shape (points,)
        The cell of each, which may lie outside.
    x, y : array of float64, shape (points,)
        Coordinates.
    """

    value: NDArray[np.float64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def read_text(path: Path) -> str:
    """Return the text of a file, which may be gzipped."""
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        data = gzip.decompress(data)
    return data.decode("utf-8-sig", "replace")


def open_raster(path: Path, key: str) -> RasterBand:
    """Open a raster; `key` is the line of the ini that names it.

    Raises
    ------
    InputError
        When GDAL cannot.
    """
    source = f"/vsigzip/{path}" if path.name.lower().endswith(".gz") else str(path)
    # By default grids of text come as single precision.
    before = gdal.GetConfigOption("AAIGRID_DATATYPE")
    gdal.SetConfigOption("AAIGRID_DATATYPE", "Float64")
    try:
        return RasterBand(source, 1, "INI")
    except InputError as error:
        raise InputError("INI", f"{key}: {error.message}", error.remedy) from error
    finally:
        gdal.SetConfigOption("AAIGRID_DATATYPE", before)


def read_cells(band: RasterBand) -> NDArray[np.float64]:
    """Return all values, (rows, columns), NaN where there is nodata; -9999 always stands for it."""
    grid = band.grid
    values = band.read(0, 0, grid.rows, grid.columns)
    values[values == _NODATA] = np.nan
    return values


def is_list(path: Path) -> bool:
    """Whether a file is a text list of a value and coordinates, not a raster."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as file:
        start = file.read(512)
    if b"\0" in start:
        return False
    words = start.decode("utf-8", "replace").split("\n")[0].replace(",", " ").split()
    try:
        return len([float(word) for word in words]) >= 3
    except ValueError:
        return False


def read_points(path: Path, grid: Grid, key: str) -> PointList:
    """Return the rows of a text list: value, x, y.

    A point on the line between two cells belongs to the western and to the southern one, as in Circuitscape.

    Raises
    ------
    InputError
        Names the line that is none.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words[:3]])
        except ValueError:
            rows.append([])
        if len(rows[-1]) < 3:
            raise InputError("INI", f"{key}: line {number} of '{path.name}' is not a value, x and y.", "Mend it.")
    table = np.array(rows, float).reshape(-1, 3)
    value, x, y = table[:, 0], table[:, 1], table[:, 2]
    # Circuitscape's cells are square: as high as they are wide.
    size = grid.cell_width
    bottom = grid.top - grid.rows * size
    row = np.ceil(grid.rows - (y - bottom) / size).astype(np.int64) - 1
    column = np.ceil((x - grid.left) / size).astype(np.int64) - 1
    # The outer edge belongs to the raster.
    row[(row == -1) & (y == grid.top)] = 0
    column[(column == -1) & (x == grid.left)] = 0
    return PointList(value, row, column, x, y)
