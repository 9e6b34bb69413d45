"""What a Circuitscape run writes: grids, tables of resistances, their names and their oddities."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from .circuitscape_settings import Settings
from .errors import OutputError
from .gdal_messages import quietly
from .raster_grid import Grid
from .raster_io import NODATA

_DIGITS = 12


@dataclass
class GridWriter:
    """Writes grids as Circuitscape names them.

    Parameters
    ----------
    folder : Path
    settings : Settings
    grid : Grid
        Of the habitat raster.
    gap : array of bool, shape (rows, columns)
        Cells without a conductance, for the switches that set these to nodata.
    """

    folder: Path
    settings: Settings
    grid: Grid
    gap: NDArray[np.bool_]
    written: list[str] = field(default_factory=list)

    def current(self, values: NDArray[np.float64], name: str = "") -> None:
        """Write a map of current; `name` is that of the pair or focal node, with a leading ``_``."""
        self.write(values, f"curmap{name}")

    def potential(self, values: NDArray[np.float64], name: str = "") -> None:
        """Write a map of potentials."""
        self.write(values, f"voltmap{name}")

    def summary(self, total: NDArray[np.float64] | None, most: NDArray[np.float64] | None) -> None:
        """Write the summed and the greatest current."""
        for values, name in ((total, "cum_curmap"), (most, "max_curmap")):
            if values is not None:
                self.write(np.where(values < NODATA, NODATA, values), name)

    def processed(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a pair's current as its map shows it, and as it goes into the sum: log scale and nodata as set."""
        if self.settings.flag("log_transform_maps"):
            logs = np.full(current.shape, NODATA)
            np.log10(current, out=logs, where=current > 0)
            current = logs
        if self.settings.flag("set_null_currents_to_nodata"):
            current = np.where(self.gap, NODATA, current)
        return current

    def processed_potential(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a pair's potential as its map shows it."""
        return np.where(self.gap, NODATA, potential) if self.settings.flag("set_null_voltages_to_nodata") else potential

    def write(self, values: NDArray[np.float64], name: str) -> None:
        """Write a grid.

        Raises
        ------
        OutputError
            When it cannot be written whole.
        """
        is_tif = self.settings.flag("write_as_tif")
        path = self.folder / f"{self.settings.base}_{name}{'.tif' if is_tif else '.asc'}"
        memory = gdal.GetDriverByName("MEM").Create("", self.grid.columns, self.grid.rows, 1, gdal.GDT_Float64)
        memory.SetGeoTransform(self.grid.geotransform)
        if self.grid.crs:
            memory.SetProjection(self.grid.crs)
        band = memory.GetRasterBand(1)
        band.SetNoDataValue(NODATA)
        data = np.ascontiguousarray(values, np.float64).tobytes()
        band.WriteRaster(0, 0, self.grid.columns, self.grid.rows, data, buf_type=gdal.GDT_Float64)
        options = ["COMPRESS=LZW"] if is_tif else [f"SIGNIFICANT_DIGITS={_DIGITS}"]
        made, why = quietly(
            gdal.GetDriverByName("GTiff" if is_tif else "AAIGrid").CreateCopy, str(path), memory, options=options
        )
        if made is None:
            raise OutputError(f"'{path.name}' could not be written. {why}", "Is the disk full?", "OUTPUT_FOLDER")
        made = None
        self.written.append(path.name)


def resistance_matrix(ids: NDArray[np.int64], resistance: NDArray[np.float64]) -> str:
    """Return the matrix of resistances with the ids in its first row and column."""
    lines = [" ".join(["0", *map(str, ids.tolist())])]
    for identity, row in zip(ids.tolist(), resistance.tolist()):
        lines.append(" ".join([str(identity), *(f"{value:.{_DIGITS}g}" for value in row)]))
    return "\n".join(lines) + "\n"


def resistance_columns(ids: NDArray[np.int64], resistance: NDArray[np.float64]) -> str:
    """Return a line for each pair: the two ids and their resistance."""
    count = len(ids)
    lines = [f"{ids[i]} {ids[j]} {resistance[i, j]:.{_DIGITS}g}" for i in range(count) for j in range(i + 1, count)]
    return "\n".join(lines) + "\n"


def star_table(ids: NDArray[np.int64], values: NDArray[np.float64]) -> str:
    """Return a line for each focal node: its id and what its run gave."""
    return "".join(f"{identity} {value:.{_DIGITS}g}\n" for identity, value in zip(ids.tolist(), values.tolist()))
