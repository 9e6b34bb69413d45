"""The cells of a landscape whose rasters stay on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import Strip
from .landscape_headers import LandscapeHeaders
from .landscape_survey import Survey

_RASTERS = ("QUALITY", "MOVEMENT", "MOVEMENT_COST")


class RasterCells:
    """A landscape that is read by strips; rows that two strips share are read once.

    Parameters
    ----------
    headers : LandscapeHeaders
        The opened rasters.
    survey : Survey
        What was seen when all cells were looked at.
    dtype : type
        Working precision.
    """

    def __init__(self, headers: LandscapeHeaders, survey: Survey, dtype: Any) -> None:
        self.rows, self.columns = headers.grid.rows, headers.grid.columns
        self._headers, self._dtype = headers, dtype
        self._bits = {False: np.concatenate(survey.node_bits), True: np.concatenate(survey.habitat_bits)}
        self._names = [name for name in _RASTERS if name in headers.bands]
        self._held: tuple[int, int] = (0, 0)
        self._values: dict[str, NDArray[np.float64]] = {}

    def sources(self, first: int, last: int, *, habitat_only: bool) -> NDArray[np.bool_]:
        """Return which cells of these rows are nodes, or nodes with habitat."""
        return np.unpackbits(self._bits[habitat_only][first:last], axis=1, count=self.columns).astype(bool)

    def strip(self, first: int, last: int) -> Strip:
        """Return the rows from `first` up to `last`."""
        self._values = {name: self._read(name, first, last) for name in self._names}
        self._held = (first, last)
        movement = self._values["MOVEMENT"]
        resistance = self._headers.movement.resistance(movement, np)
        quality = self._values["QUALITY"]
        quality = np.where(np.isfinite(resistance) & ~np.isnan(quality), quality, 0)
        return Strip(first, resistance.astype(self._dtype), quality, self._values.get("MOVEMENT_COST"), movement)

    def _read(self, name: str, first: int, last: int) -> NDArray[np.float64]:
        start, stop = self._held
        if not start <= first < stop < last:
            return self._headers.read(name, first, last - first)
        more = self._headers.read(name, stop, last - stop)
        return np.concatenate([self._values[name][first - start :], more])
