"""A landscape as the analyses take it: two rasters, how they are read, and everything that can be wrong with them.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import registry
from .dispersal import Dispersal, dispersal
from .errors import InputError
from .geographic import narrowest_cell, row_areas, spans_the_globe, sphere_of
from .job import Job, Report
from .movement import Movement
from .neighbourhood import Sphere
from .output_checks import check_outputs
from .raster_grid import Grid, extent_window, grid_difference, is_geographic, strips
from .raster_io import RasterBand

_DEFAULT_DISPERSAL_CELLS = 4.0


@dataclass(frozen=True)
class LandscapeHeaders:
    """What is known before any value is read.

    Parameters
    ----------
    bands : dict
        The opened rasters by parameter name, on one grid.
    grid : Grid
        The part of the grid that is used.
    corner : tuple of int
        Row and column of that part's first cell in the rasters.
    movement : Movement
        How the movement raster is read.
    dispersal : Dispersal
        Proximity kernel with scale and reach.
    sphere : Sphere, optional
        Of rasters of longitudes and latitudes; lengths are then in metres.
    wraps : bool
        Whether the last column is joined with the first, around the globe.
    """

    bands: dict[str, RasterBand]
    grid: Grid
    corner: tuple[int, int]
    movement: Movement
    dispersal: Dispersal
    sphere: Sphere | None = None
    wraps: bool = False

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell, map units; on longitudes and latitudes of the narrowest cells, metres."""
        return _cell_size(self.grid, self.sphere)

    @property
    def length_unit(self) -> str:
        """What lengths are in."""
        return "metres" if self.sphere else "map units"

    @property
    def around(self) -> int:
        """Columns around the globe, 0 where they do not close."""
        return self.grid.columns if self.wraps else 0

    def area(self, counts: NDArray[np.integer]) -> float:
        """Return the area of so many cells in each row, square map units, or square metres on longitudes and latitudes."""
        if self.sphere:
            return float(counts @ row_areas(self.sphere, self.grid.rows))
        return float(counts.sum()) * self.grid.cell_width * self.grid.cell_height

    def read(self, name: str, first: int, rows: int) -> NDArray[np.float64]:
        """Return a strip of rows of the used part, NaN where there is no value."""
        row, column = self.corner
        return self.bands[name].read(row + first, column, rows, self.grid.columns)


@dataclass
class Survey:
    """What one look over all cells has found.

    Parameters
    ----------
    nodes : int
        Cells that can be crossed.
    habitat : int
        Nodes of quality > 0.
    smallest_resistance, largest_resistance : float
        Smallest and largest resistance of a node.
    lowest_movement, highest_movement : float
        Range of the movement raster's nodes.
    quality_cells : int
        Cells with a quality.
    stranded : int
        Cells of quality > 0 that are no nodes.
    lost : int
        Nodes whose transformed resistance is 0 or infinite.
    undeclared_nan : dict
        NaN cells that the rasters do not declare as nodata, by parameter name.
    total_quality, squared_quality : float
        Sums of the qualities of the nodes, and of their squares.
    node_bits, habitat_bits : list of array, shape (rows, columns / 8)
        Which cells are nodes, and nodes of quality > 0: one bit a cell, strip by strip.
    content : str
        A digest of all values that were read.
    """

    nodes: int = 0
    habitat: int = 0
    smallest_resistance: float = math.inf
    largest_resistance: float = 0.0
    lowest_movement: float = math.inf
    highest_movement: float = 0.0
    quality_cells: int = 0
    stranded: int = 0
    lost: int = 0
    undeclared_nan: dict[str, int] = field(default_factory=lambda: {"QUALITY": 0, "MOVEMENT": 0})
    total_quality: float = 0.0
    squared_quality: float = 0.0
    node_bits: list[NDArray[np.uint8]] = field(default_factory=list)
    habitat_bits: list[NDArray[np.uint8]] = field(default_factory=list)
    content: str = ""

    def habitat_of_rows(self) -> NDArray[np.integer]:
        """Return the number of nodes with quality > 0 in each row."""
        return np.concatenate([np.unpackbits(bits, axis=1).sum(axis=1, dtype=np.int64) for bits in self.habitat_bits])


def check_headers(job: Job, rasters: tuple[str, ...] = (), *, geographic: bool = False) -> LandscapeHeaders:
    """Check all that can be checked without reading values: files, bands, CRS, grids, ranges, outputs.

    Parameters
    ----------
    job : Job
        With the landscape parameters.
    rasters : tuple of str
        Further rasters that must share the grid, where they are given.
    geographic : bool
        Whether longitudes and latitudes will do.

    Raises
    ------
    InputError
        Names the parameter, the place and the remedy.
    """
    values = job.parameters
    quality = RasterBand(values["QUALITY"], values["QUALITY_BAND"], "QUALITY")
    if not geographic and is_geographic(quality.grid):
        raise InputError(
            "QUALITY",
            "Its coordinates are longitudes and latitudes, in which cells have no single size.",
            "Reproject the rasters to a projected CRS, for example the UTM zone or an equal-area projection.",
        )
    bands = {"QUALITY": quality}
    for name in ("MOVEMENT", *_cost_raster(values), *rasters):
        if values.get(name):
            bands[name] = _aligned(name, values, quality.grid)
    if values["EXTENT"] is None:
        row, column, grid = 0, 0, quality.grid
    else:
        row, column, rows, columns = extent_window(quality.grid, values["EXTENT"])
        grid = quality.grid.part(row, column, rows, columns)
    check_outputs(job, grid)
    if values["BLOCK"] % 2 == 0:
        raise InputError(
            "BLOCK", f"It is {values['BLOCK']}, and a block has a cell at its centre.", "Give an odd number of cells."
        )
    movement = Movement(values["MOVEMENT_KIND"], values["TRANSFORMATION"], values["EXPONENT"])
    sphere, wraps = sphere_of(grid), values.get("WRAP") == "automatic" and spans_the_globe(grid)
    if wraps:
        _check_window_around(values, grid)
    return LandscapeHeaders(bands, grid, (row, column), movement, _dispersal(values, grid, sphere), sphere, wraps)


def _cell_size(grid: Grid, sphere: Sphere | None) -> tuple[float, float]:
    return narrowest_cell(sphere, grid.rows) if sphere else (grid.cell_width, grid.cell_height)


def _check_window_around(values: dict[str, Any], grid: Grid) -> None:
    """Refuse declared windows that would meet themselves around the globe, or whose blocks do not fit around it."""
    if distance_constant(values["DISTANCE"], "HALO_FOLLOWS") != "radius":
        return
    widest = (grid.columns - values["BLOCK"]) // 2
    if values["RADIUS"] > widest:
        raise InputError(
            "RADIUS",
            f"The raster closes around the globe (WRAP), where a window of {values['BLOCK']} + 2 x {values['RADIUS']} columns would "
            f"meet itself: there are {grid.columns}.",
            f"Set RADIUS to {widest} or less, or WRAP to never.",
        )
    if grid.columns % values["BLOCK"]:
        raise InputError(
            "BLOCK",
            f"The raster closes around the globe (WRAP), where blocks of {values['BLOCK']} columns do not fit: there are {grid.columns}.",
            "Choose a divisor of the number of columns, such as 1, or set WRAP to never.",
        )


def _aligned(name: str, values: dict[str, Any], grid: Grid) -> RasterBand:
    band = RasterBand(values[name], values.get(f"{name}_BAND") or 1, name)
    difference = grid_difference(grid, band.grid)
    if difference and values["ALIGN"] == "stop":
        raise InputError(
            name,
            f"Its grid is not that of QUALITY: {difference}.",
            "Warp it to the grid of QUALITY, or set ALIGN to nearest or bilinear to have it done for this run.",
        )
    if difference:
        if not (grid.crs and band.grid.crs) and bool(grid.crs) != bool(band.grid.crs):
            raise InputError(name, f"It cannot be aligned: {difference}.", "Assign the missing CRS to the raster.")
        band.align(grid, values["ALIGN"])
    return band


def _dispersal(values: dict[str, Any], grid: Grid, sphere: Sphere | None) -> Dispersal:
    smaller = min(_cell_size(grid, sphere))
    length = "metres" if sphere else "map units"
    distance = values["DISPERSAL_DISTANCE"]
    unit = registry.constant("distances", values["DISTANCE"], "UNIT", "map units")
    if unit != "map units":
        return _dispersal_in_unit(values, unit)
    if distance is None:
        distance = _DEFAULT_DISPERSAL_CELLS * smaller
    if not math.isfinite(distance) or distance < 0.5 * smaller:
        raise InputError(
            "DISPERSAL_DISTANCE",
            f"{distance:g} {length} is less than half a cell, whose side is {smaller:g} {length}: too short for this raster.",
            "The raster has longitudes and latitudes: give the distance in metres, not in degrees."
            if sphere
            else "Give the distance in map units (metres in most projected CRS), or use finer rasters.",
        )
    return dispersal(values["PROXIMITY"], distance, values["DISPERSAL_MEANING"], values["CUTOFF"])


def _cost_raster(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the name of the raster of step costs, if the distance takes one."""
    if not has_step_cost(values["DISTANCE"]) or values["STEP_COST"] != "raster":
        return ()
    if not values["MOVEMENT_COST"]:
        raise InputError("MOVEMENT_COST", "STEP_COST is a raster, but there is none.", "Give MOVEMENT_COST.")
    return ("MOVEMENT_COST",)


def has_step_cost(distance: str) -> bool:
    """Say whether a distance takes THETA and STEP_COST."""
    return registry.constant("distances", distance, "HAS_STEP_COST", False)


def _dispersal_in_unit(values: dict[str, Any], unit: str) -> Dispersal:
    distance = values["DISPERSAL_DISTANCE"]
    if distance is None:
        raise InputError(
            "DISPERSAL_DISTANCE",
            f"It is empty, and {values['DISTANCE'].replace('_', ' ')} is a distance in {unit}, for which there is no usual value.",
            f"State it in {unit}.",
        )
    if not math.isfinite(distance) or distance <= 0:
        raise InputError("DISPERSAL_DISTANCE", f"It is {distance:g}.", f"State a number > 0, in {unit}.")
    return dispersal(values["PROXIMITY"], distance, values["DISPERSAL_MEANING"], values["CUTOFF"])


def read_whole(headers: LandscapeHeaders, name: str, report: Report) -> NDArray[np.float64]:
    """Return all values of one raster, NaN where there are none."""
    values = np.empty((headers.grid.rows, headers.grid.columns))
    for first, rows in strips(headers.grid):
        report.raise_if_cancelled()
        values[first : first + rows] = headers.read(name, first, rows)
    return values


def survey(headers: LandscapeHeaders, report: Report) -> Survey:
    """Look at every cell once and say what cannot be worked with.

    Raises
    ------
    InputError
        Negative or infinite values, or no valid cell; with count and place.
    Cancelled
        When the user asked to stop.
    """
    found = Survey()
    done = 0
    content = hashlib.blake2b(repr((headers.grid.geotransform, headers.grid.rows, headers.grid.columns)).encode())
    for name, band in headers.bands.items():
        if band.is_paletted:
            report.warning(f"{name} is paletted: its values are taken as they are, not as the colours stand for.")
    for first, rows in strips(headers.grid):
        report.raise_if_cancelled()
        quality = headers.read("QUALITY", first, rows)
        movement = headers.read("MOVEMENT", first, rows)
        for name in found.undeclared_nan:
            found.undeclared_nan[name] += headers.bands[name].undeclared_nan
        _check_quality(quality, first, headers)
        _check_movement(movement, first, headers)
        _count(found, quality, movement, headers.movement)
        content.update(np.ascontiguousarray(quality).data)
        content.update(np.ascontiguousarray(movement).data)
        if "MOVEMENT_COST" in headers.bands:
            cost = headers.read("MOVEMENT_COST", first, rows)
            _check_cost(cost, movement, first, headers)
            content.update(np.ascontiguousarray(cost).data)
        done += rows
        report.progress(done / headers.grid.rows, "Looking at the rasters")
    _check_whole(found, headers, report)
    found.content = content.hexdigest()
    return found


def _place(wrong: NDArray[np.bool_], first: int, headers: LandscapeHeaders) -> str:
    row, column = np.argwhere(wrong)[0]
    top, left = headers.corner
    return f"{int(wrong.sum())} (first at row {top + first + row + 1}, column {left + column + 1})"


def _check_quality(quality: NDArray[np.float64], first: int, headers: LandscapeHeaders) -> None:
    remedy = "Reclassify them or set them to nodata."
    negative = quality < 0
    if negative.any():
        place = _place(negative, first, headers)
        lowest = np.nanmin(quality)
        raise InputError(
            "QUALITY",
            f"Negative cells: {place}, down to {lowest:g}; habitat quality must be >= 0.",
            remedy,
        )
    infinite = np.isinf(quality)
    if infinite.any():
        raise InputError("QUALITY", f"Infinite cells: {_place(infinite, first, headers)}.", remedy)


def _check_movement(movement: NDArray[np.float64], first: int, headers: LandscapeHeaders) -> None:
    remedy = "Reclassify them or set them to nodata."
    if headers.movement.kind == "permeability":
        wrong = (movement < 0) | np.isinf(movement)
        rule = "permeability must be >= 0 and finite (0 is a barrier)"
    else:
        wrong = movement <= 0
        rule = "resistance must be > 0 (nodata or infinity is a barrier)"
    if wrong.any():
        value = movement[wrong][0]
        raise InputError(
            "MOVEMENT", f"Cells that cannot be used: {_place(wrong, first, headers)}, value {value:g}; {rule}.", remedy
        )


def _check_cost(
    cost: NDArray[np.float64], movement: NDArray[np.float64], first: int, headers: LandscapeHeaders
) -> None:
    with np.errstate(over="ignore"):
        node = np.isfinite(headers.movement.resistance(movement, np))
    wrong = node & ~((cost >= 0) & np.isfinite(cost))
    if wrong.any():
        raise InputError(
            "MOVEMENT_COST",
            f"Cells that cannot be used: {_place(wrong, first, headers)}, value {cost[wrong][0]:g}; where the movement raster is "
            "valid, the cost must be >= 0 and finite.",
            "Fill them, or set the movement raster to nodata there.",
        )


def _count(found: Survey, quality: NDArray[np.float64], movement: NDArray[np.float64], reading: Movement) -> None:
    with np.errstate(over="ignore"):
        resistance = reading.resistance(movement, np)
    nodes = np.isfinite(resistance) & (resistance > 0)
    found.lost += int(((movement > 0) & np.isfinite(movement) & ~nodes).sum())
    valid = ~np.isnan(quality)
    habitat = nodes & (quality > 0)
    found.node_bits.append(np.packbits(nodes, axis=1))
    found.habitat_bits.append(np.packbits(habitat, axis=1))
    found.total_quality += float(quality[habitat].sum())
    found.squared_quality += float((quality[habitat] ** 2).sum())
    found.nodes += int(nodes.sum())
    found.habitat += int(habitat.sum())
    found.quality_cells += int(valid.sum())
    found.stranded += int((~nodes & (quality > 0)).sum())
    if nodes.any():
        found.smallest_resistance = min(found.smallest_resistance, float(resistance[nodes].min()))
        found.largest_resistance = max(found.largest_resistance, float(resistance[nodes].max()))
        found.lowest_movement = min(found.lowest_movement, float(movement[nodes].min()))
        found.highest_movement = max(found.highest_movement, float(movement[nodes].max()))


def _check_whole(found: Survey, headers: LandscapeHeaders, report: Report) -> None:
    grid = headers.grid
    if found.lost:
        raise InputError(
            "EXPONENT",
            f"The transformation turns {found.lost} valid cells into resistance 0 or infinity.",
            "Choose a smaller exponent.",
        )
    where = f"in its {grid.rows} rows and {grid.columns} columns"
    if found.quality_cells == 0:
        raise InputError("QUALITY", f"No valid cell {where}: all are nodata.", "Check band, nodata value and EXTENT.")
    if found.nodes == 0:
        raise InputError(
            "MOVEMENT",
            f"No valid cell {where}: all are nodata or barriers.",
            "Check band, nodata value, MOVEMENT_KIND and EXTENT.",
        )
    for name, count in found.undeclared_nan.items():
        if count:
            report.warning(
                f"{name} has {count} NaN cells that it does not declare as nodata; they are taken as nodata."
            )
    if not grid.crs:
        report.warning("QUALITY has no CRS: its coordinates are taken as lengths in one unit, such as metres.")
    if found.habitat == 0:
        report.warning("No cell that can be crossed has quality > 0: connectivity is 0 everywhere.")
    if found.stranded:
        report.warning(f"{found.stranded} cells with quality > 0 lie on barriers or movement nodata: not counted.")


def distance_constant(distance: str, name: str) -> Any:
    """Return a constant of a distance's file, such as ``HALO_FOLLOWS``, without importing it."""
    return registry.constant("distances", distance, name)
