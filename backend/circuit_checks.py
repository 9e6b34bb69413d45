"""What a circuit analysis is given, and everything that can be wrong with it.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .circuit_layers import layer_cells
from .errors import InputError
from .job import Job, Report
from .neighbourhood import Neighbourhood
from .output_checks import check_outputs
from .raster_grid import Grid, grid_difference, is_geographic, strips
from .raster_io import RasterBand
from .vector_io import VectorLayer
from .wording import counted


@dataclass(frozen=True)
class CircuitHeaders:
    """What is known before any value is read.

    Parameters
    ----------
    bands : dict of str to RasterBand
        The rasters that are given, on one grid.
    layers : dict of str to VectorLayer
        The vector layers that are given.
    """

    bands: dict[str, RasterBand]
    layers: dict[str, VectorLayer]

    @property
    def grid(self) -> Grid:
        """The cells."""
        return self.bands["RESISTANCE"].grid


@dataclass(frozen=True)
class CircuitRaster:
    """What current flows through.

    Parameters
    ----------
    values : array of float64, shape (rows, columns)
        As given, NaN in gaps.
    conductance : array of float64, shape (rows, columns)
        0 in gaps.
    regions : array of int32, shape (rows, columns), or None
        Short-circuit regions, 0 elsewhere.
    """

    values: NDArray[np.float64]
    conductance: NDArray[np.float64]
    regions: NDArray[np.int32] | None


def open_circuit(job: Job, *, rasters: tuple[str, ...], layers: tuple[str, ...]) -> CircuitHeaders:
    """Open rasters and layers and check what needs no values: files, bands, CRS, grids, outputs.

    Parameters
    ----------
    job : Job
    rasters, layers : tuple of str
        Further parameters of the analysis.

    Raises
    ------
    InputError
        Names the parameter, the place and the remedy.
    """
    values = job.parameters
    first = RasterBand(values["RESISTANCE"], values["RESISTANCE_BAND"] or 1, "RESISTANCE")
    if is_geographic(first.grid):
        raise InputError(
            "RESISTANCE",
            "Its coordinates are longitudes and latitudes, in which cells have no single size.",
            "Reproject it to a projected CRS, for example the UTM zone or an equal-area projection.",
        )
    bands = {"RESISTANCE": first}
    for name in ("SHORT_CIRCUIT_RASTER", "MASK", *rasters):
        if not values.get(name):
            continue
        bands[name] = RasterBand(values[name], 1, name)
        difference = grid_difference(first.grid, bands[name].grid).replace("QUALITY", "RESISTANCE")
        if difference:
            raise InputError(
                name, f"Its grid is not that of RESISTANCE: {difference}.", "Warp it to the grid of RESISTANCE."
            )
    opened = {name: VectorLayer(values[name], name) for name in ("SHORT_CIRCUITS", *layers) if values.get(name)}
    for name, layer in opened.items():
        if layer.family == "none":
            raise InputError(name, "It has no geometry.", "Give a layer of points or polygons.")
    if "SHORT_CIRCUITS" in opened and "SHORT_CIRCUIT_RASTER" in bands:
        raise InputError("SHORT_CIRCUITS", "There are polygons and a raster of regions.", "Give one of them.")
    check_outputs(job, first.grid)
    return CircuitHeaders(bands, opened)


def one_of(job: Job, names: tuple[str, ...], what: str) -> str:
    """Return the one of some parameters that is given.

    Raises
    ------
    InputError
        When none or several are.
    """
    given = [name for name in names if job.parameters.get(name)]
    if len(given) != 1:
        state = f"There are no {what}" if not given else f"{what.capitalize()} are given as {' and '.join(given)}"
        raise InputError(given[0] if given else names[0], f"{state}.", f"Give one of {', '.join(names)}.")
    return given[0]


def neighbourhood_of(job: Job, grid: Grid) -> Neighbourhood:
    """Return how cells are joined; lengths are counted in cells, of an oblong cell in the mean of its sides."""
    values = job.parameters
    side = math.sqrt(grid.cell_width * grid.cell_height)
    return Neighbourhood(
        grid.cell_width / side,
        grid.cell_height / side,
        4 if values["NEIGHBOURS"] == "4" else 8,
        values["EDGE_RULE"],
        values["CORNERS"],
    )


def read_band(headers: CircuitHeaders, name: str, report: Report) -> NDArray[np.float64]:
    """Return all values of a raster, NaN where there are none."""
    grid = headers.grid
    values = np.empty((grid.rows, grid.columns))
    for first, rows in strips(grid):
        report.raise_if_cancelled()
        values[first : first + rows] = headers.bands[name].read(first, 0, rows, grid.columns)
    return values


def read_circuit(job: Job, headers: CircuitHeaders, report: Report) -> CircuitRaster:
    """Read resistances, mask and short-circuit regions.

    Raises
    ------
    InputError
        Cells that cannot be used, with their number and the place of the first.
    """
    values = read_band(headers, "RESISTANCE", report)
    if headers.bands["RESISTANCE"].is_paletted:
        report.warning("RESISTANCE is paletted: its values are taken as they are, not as the colours stand for.")
    if "MASK" in headers.bands:
        values[~(read_band(headers, "MASK", report) > 0)] = np.nan
    if job.parameters["RESISTANCE_KIND"] == "resistance":
        _refuse(values <= 0, values, "resistance must be > 0 (nodata or infinity is a gap)")
        with np.errstate(invalid="ignore"):
            conductance = 1 / values
    else:
        _refuse((values < 0) | np.isinf(values), values, "conductance must be >= 0 and finite (0 is a gap)")
        conductance = values.copy()
    np.nan_to_num(conductance, copy=False, nan=0.0)
    values[conductance <= 0] = np.nan
    if not (conductance > 0).any():
        raise InputError("RESISTANCE", "All cells are gaps.", "Check band, nodata value, MASK and RESISTANCE_KIND.")
    if not headers.grid.crs:
        report.warning("RESISTANCE has no CRS.")
    return CircuitRaster(values, conductance, _regions(job, headers, report))


def _refuse(wrong: NDArray[np.bool_], values: NDArray[np.float64], rule: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            "RESISTANCE",
            f"Cells that cannot be used: {int(wrong.sum())} (first at row {row + 1}, column {column + 1}), value "
            f"{values[row, column]:g}; {rule}.",
            "Reclassify them or set them to nodata.",
        )


def whole_numbers(values: NDArray[np.float64], parameter: str, report: Report | None = None) -> NDArray[np.int64]:
    """Return a raster of ids, 0 for nodata.

    Raises
    ------
    InputError
        When there are other numbers than whole ones >= 0.
    """
    values = np.nan_to_num(values, nan=0.0)
    wrong = (values != np.floor(values)) | (values < 0) | (values > 2**31 - 1)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            parameter,
            f"{counted(int(wrong.sum()), 'cell holds', 'cells hold')} no id, the first {values[row, column]:g} at row {row + 1}, column {column + 1}.",
            "Ids are whole numbers > 0, 0 or nodata elsewhere.",
        )
    return values.astype(np.int64)


def _regions(job: Job, headers: CircuitHeaders, report: Report) -> NDArray[np.int32] | None:
    if "SHORT_CIRCUIT_RASTER" in headers.bands:
        values = read_band(headers, "SHORT_CIRCUIT_RASTER", report)
        return whole_numbers(values, "SHORT_CIRCUIT_RASTER").astype(np.int32)
    layer = headers.layers.get("SHORT_CIRCUITS")
    if layer is None:
        return None
    from .circuit_landscape import united

    name = job.parameters["SHORT_CIRCUIT_ID"]
    field = layer.field(name, "SHORT_CIRCUIT_ID") if name else None
    table = layer.read([field] if field else [], geometry=True)
    found = layer_cells(layer, table.geometry or [], headers.grid)
    key: list[Any] = table.columns[field].tolist() if field else list(range(len(table.fid)))
    groups: dict[Any, list[NDArray[np.int64]]] = {}
    for row in np.unique(found.feature).tolist():
        groups.setdefault(key[row], []).append(found.cell[found.feature == row])
    if not groups:
        report.warning("No short-circuit region lies on the raster.")
    shape = (headers.grid.rows, headers.grid.columns)
    # Polygons that overlap become one region, as cells cannot be in two.
    return united(shape, None, [np.unique(np.concatenate(cells)) for cells in groups.values()])
