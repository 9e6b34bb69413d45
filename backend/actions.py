"""What acting in a cell changes, in the units of the rasters as they were given; light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .movement import Movement

#: A threatened permeability of 0 keeps this share of what it was, so that protection has a slope to follow.
_NEARLY_CLOSED = 1e-6

OPTIONS = (
    ("raise_permeability", "Raise permeability by"),
    ("raise_permeability_to", "Raise permeability to"),
    ("raise_quality", "Raise quality by"),
    ("raise_quality_to", "Raise quality to"),
    ("raise_both", "Raise permeability and quality by"),
    ("raise_both_to", "Raise permeability and quality to"),
    ("towards", "Raise towards the target rasters"),
    ("protect", "Protect against a loss of quality of"),
    ("protect_permeability", "Protect against a loss of permeability of"),
    ("protect_from", "Protect from falling to the target rasters"),
)


@dataclass(frozen=True)
class Action:
    """An action on single cells.

    Parameters
    ----------
    name : str
        One of `OPTIONS`; ``"remove_quality"``: quality falls to 0; ``"remove"``: permeability also falls to `amount`.
    amount : float
        By how much or to what value, > 0. Of ``"towards"``: the share of the way to the target, in (0, 1].
    movement_kind : str
        What the movement raster holds; permeability of a resistance x is 1 / x.
    amount_quality : float
        The same for quality, where an action changes both.
    targets : dict
        ``"movement"`` and / or ``"quality"``: rasters of the values to reach (or to fall to), NaN for none.
    """

    name: str
    amount: float
    movement_kind: str
    amount_quality: float = 0.0
    targets: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def rasters(self) -> tuple[str, ...]:
        """What the action changes: ``"movement"``, ``"quality"`` or both."""
        if self.name in ("towards", "protect_from"):
            return tuple(raster for raster in ("movement", "quality") if raster in self.targets)
        if self.name.startswith("raise_both") or self.name == "remove":
            return ("movement", "quality")
        return ("movement",) if "permeability" in self.name else ("quality",)

    @property
    def protects(self) -> bool:
        """Whether doing nothing is what changes the landscape."""
        return self.name.startswith("protect")

    def before(self, raster: str, value: NDArray[np.float64], candidate: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return a raster if nothing is done: as it is, or with the loss that threatens every candidate."""
        if not self.protects or raster not in self.rasters:
            return value
        ease = self.ease(raster, np.where(candidate, value, 1))
        if self.name == "protect_from":
            target = self.targets[raster]
            wanted = self.ease(raster, np.where(np.isnan(target), value, target))
            lost = np.minimum(ease, np.where(np.isnan(wanted), ease, wanted))
        else:
            lost = np.maximum(ease - self.amount, 0)
        if raster == "movement":
            lost = np.maximum(lost, ease * _NEARLY_CLOSED)
        return np.where(candidate, self.from_ease(raster, lost), value)

    def after(self, raster: str, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a raster if something is done in every cell (for protection: the raster as given)."""
        if self.protects or raster not in self.rasters:
            return value
        return self.from_ease(raster, self._acted(raster, self.ease(raster, value)))

    def ease(self, raster: str, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values as what the action raises: permeability or quality."""
        with np.errstate(divide="ignore"):
            return 1 / value if self._inverted(raster) else value

    def from_ease(self, raster: str, ease: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return permeability or quality as the raster holds it."""
        with np.errstate(divide="ignore"):
            return 1 / ease if self._inverted(raster) else ease

    def by_ease(self, raster: str, gradient: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn a gradient with respect to the raster into one with respect to what the action raises."""
        return -gradient * value**2 if self._inverted(raster) else gradient

    def smallest_resistance(self, reading: Movement, movement: NDArray[np.float64]) -> float:
        """Return the smallest resistance of a node before or after the action.

        Parameters
        ----------
        reading : Movement
            How the movement raster is read.
        movement : array, shape (rows, columns)
            NaN where there is none.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            now = reading.resistance(movement, np)
            node = np.isfinite(now)
            after = reading.resistance(self.after("movement", np.where(node, movement, 1)), np)
            return float(min(now[node].min(), after[node].min()))

    def _inverted(self, raster: str) -> bool:
        return raster == "movement" and self.movement_kind == "resistance"

    def _acted(self, raster: str, ease: NDArray[np.float64]) -> NDArray[np.float64]:
        amount = self.amount_quality if raster == "quality" and self.name.startswith("raise_both") else self.amount
        if self.name == "towards":
            target = self.ease(raster, self.targets[raster])
            return ease + amount * np.maximum(np.where(np.isfinite(target), target, ease) - ease, 0)
        if self.name in ("remove", "remove_quality"):
            return np.zeros_like(ease) if raster == "quality" else np.minimum(ease, amount)
        return np.maximum(ease, amount) if self.name.endswith("_to") else ease + amount
