"""One look at every cell of a landscape: what it holds, and what cannot be worked with; light."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .job import Report
from .landscape_headers import LandscapeHeaders
from .movement import Movement
from .raster_grid import strips
from .wording import counted


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
            f"The transformation turns {counted(found.lost, 'valid cell')} into resistance 0 or infinity.",
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
            report.warning(f"{name} has {counted(count, 'NaN cell')} not declared as nodata: taken as nodata.")
    if not grid.crs:
        report.warning("QUALITY has no CRS: its coordinates are taken as lengths in one unit, such as metres.")
    if found.habitat == 0:
        report.warning("No cell that can be crossed has quality > 0: connectivity is 0 everywhere.")
    if found.stranded:
        report.warning(
            f"{counted(found.stranded, 'cell')} with quality > 0 on barriers or movement nodata: not counted."
        )
