"""What acting in a cell changes, in the units of the rasters as they were given; light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .movement import Movement


@dataclass(frozen=True)
class Action:
    """An action on single cells.

    Parameters
    ----------
    name : str
        ``"raise_permeability"``, ``"raise_permeability_to"``, ``"raise_quality"``, ``"raise_quality_to"`` or
        ``"protect"``.
    amount : float
        By how much or to what value, > 0.
    movement_kind : str
        What the movement raster holds; permeability of a resistance x is 1 / x.
    """

    name: str
    amount: float
    movement_kind: str

    @property
    def raster(self) -> str:
        """The raster that the action changes: ``"movement"`` or ``"quality"``."""
        return "movement" if self.name.startswith("raise_permeability") else "quality"

    def before(self, value: NDArray[np.float64], candidate: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the raster if nothing is done: as it is, or with the loss that threatens every candidate."""
        if self.name != "protect":
            return value
        return np.where(candidate, np.maximum(value - self.amount, 0), value)

    def after(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the raster if something is done in every cell (for protect: the raster as given)."""
        if self.name == "protect":
            return value
        return self._from_ease(self._raised(self.ease(value)))

    def ease(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values as what the action raises: permeability or quality."""
        return 1 / value if self._inverted else value

    def by_ease(self, gradient: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn a gradient with respect to the raster into one with respect to what the action raises."""
        return -gradient * value**2 if self._inverted else gradient

    def smallest_resistance(self, reading: Movement, lowest: float, highest: float) -> float:
        """Return the smallest resistance of a node before or after the action.

        Parameters
        ----------
        reading : Movement
            How the movement raster is read.
        lowest, highest : float
            Range of the movement raster's nodes.
        """
        easiest = np.array([lowest if self.movement_kind == "resistance" else highest])
        states = [easiest, self.after(easiest)] if self.raster == "movement" else [easiest]
        with np.errstate(over="ignore"):
            return min(float(reading.resistance(state, np)[0]) for state in states)

    @property
    def _inverted(self) -> bool:
        return self.raster == "movement" and self.movement_kind == "resistance"

    def _raised(self, ease: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.name.endswith("_to"):
            return np.maximum(ease, self.amount)
        return ease + self.amount

    def _from_ease(self, ease: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 / ease if self._inverted else ease
