"""Rows of the rasters of a moving window, read as conductance, strength and conditions; light.

Conductance 0 is no cell. Strengths are 0 where there are none; conditions NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .raster_grid import Grid
from .raster_io import RasterBand

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    """A condition that the cells of a source and of a target have to share.

    Parameters
    ----------
    present, future : str
        Names of the rasters of sources and of targets.
    comparison : str
        ``"within"`` or ``"equal"``.
    lower, upper : float
        How far a source's value may lie from that of the target's block.
    """

    present: str
    future: str
    comparison: str
    lower: float = 0.0
    upper: float = 0.0


@dataclass(frozen=True)
class Strengths:
    """Where strengths come from.

    Parameters
    ----------
    from_resistance : bool
        Whether the strength of a cell is 1 / resistance.
    largest_resistance : float
        Cells of more resistance are no sources; only where strength comes from resistance.
    threshold : float
        Values below it are 0; only where strength comes from a raster.
    on_cells : bool
        Whether only cells that can be crossed have a strength.
    """

    from_resistance: bool
    largest_resistance: float = np.inf
    threshold: float = 0.0
    on_cells: bool = True


@dataclass(frozen=True)
class RowSource:
    """The opened rasters, and how their values are read.

    Parameters
    ----------
    bands : dict
        By name of the parameter; RESISTANCE, and SOURCE, TARGET and conditions where they are given.
    grid : Grid
        The part of the grid that is used.
    corner : tuple of int
        Row and column of its first cell.
    is_conductance : bool
        Whether RESISTANCE holds conductances.
    table : dict or None
        New values by old values; NaN is no cell.
    strengths : Strengths
    conditions : tuple of Condition
    single : bool
        Whether values are rounded to float32 when they are read.
    """

    bands: dict[str, RasterBand]
    grid: Grid
    corner: tuple[int, int]
    is_conductance: bool
    strengths: Strengths
    table: dict[float, float] | None = None
    conditions: tuple[Condition, ...] = field(default=())
    single: bool = False

    def read(self, name: str, first: int, rows: int) -> Values:
        """Return rows as they are, NaN where there is no value."""
        row, column = self.corner
        values = self.bands[name].read(row + first, column, rows, self.grid.columns)
        return values.astype(np.float32).astype(np.float64) if self.single else values

    def movement(self, first: int, rows: int) -> Values:
        """Return resistances or conductances after reclassification."""
        return reclassified(self.read("RESISTANCE", first, rows), self.table)

    def conductance(self, movement: Values) -> Values:
        """Return conductances of reclassified values, 0 where there is no cell."""
        with np.errstate(divide="ignore"):
            value = movement if self.is_conductance else 1 / movement
        return np.nan_to_num(value, nan=0.0, posinf=0.0)

    def strength(self, movement: Values, first: int, rows: int) -> Values:
        """Return the strengths of sources."""
        if not self.strengths.from_resistance:
            return self._from_raster("SOURCE", movement, first, rows)
        with np.errstate(divide="ignore"):
            value = movement if self.is_conductance else 1 / movement
            least = 1 / np.float64(self.strengths.largest_resistance)
        return np.where(value >= least, np.nan_to_num(value, nan=0.0, posinf=0.0), 0.0)

    def target(self, strength: Values, movement: Values, first: int, rows: int) -> Values:
        """Return the strengths of targets: those of sources where there is no raster of their own."""
        return self._from_raster("TARGET", movement, first, rows) if "TARGET" in self.bands else strength

    def _from_raster(self, name: str, movement: Values, first: int, rows: int) -> Values:
        value = np.nan_to_num(self.read(name, first, rows), nan=0.0)
        value[value < self.strengths.threshold] = 0
        if self.strengths.on_cells:
            value[self.conductance(movement) == 0] = 0
        return value


def reclassified(values: Values, table: dict[float, float] | None) -> Values:
    """Return values with those that the table names replaced, NaN for missing."""
    if table is None:
        return values
    result = values.copy()
    for old, new in table.items():
        result[values == old] = new
    return result
