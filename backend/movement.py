"""From the values of a movement raster to the resistance of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Movement:
    r"""How the values x of the movement raster are read.

    The transformation t(x) is x, :math:`x^c` or :math:`e^{c (x - 1)}`. Permeability means resistance 1 / t(x),
    resistance means t(x). A cell is no node (resistance inf) where x is nodata (NaN) or infinite, and where a
    permeability x is 0.

    Parameters
    ----------
    kind : str
        ``"permeability"`` or ``"resistance"``.
    transformation : str
        ``"none"``, ``"power"`` or ``"exponential"``.
    exponent : float
        c, > 0.
    """

    kind: str
    transformation: str = "none"
    exponent: float = 1.0

    def resistance(self, x: Any, xp: ModuleType) -> Any:
        """Return the resistance of each cell, same shape, inf where there is no node; `xp` is numpy or jax.numpy."""
        node = xp.isfinite(x) & (x > 0)
        transformed = self._transform(xp.where(node, x, 1), xp)
        resistance = 1 / transformed if self.kind == "permeability" else transformed
        return xp.where(node, resistance, xp.inf)

    def derivative(self, x: Any, xp: ModuleType) -> Any:
        """Return the derivative of each cell's resistance with respect to x, 0 where there is no node."""
        node = xp.isfinite(x) & (x > 0)
        x = xp.where(node, x, 1)
        transformed = self._transform(x, xp)
        slope = {
            "none": lambda: xp.ones_like(x),
            "power": lambda: self.exponent * x ** (self.exponent - 1),
            "exponential": lambda: self.exponent * transformed,
        }[self.transformation]()
        by_x = -slope / transformed**2 if self.kind == "permeability" else slope
        return xp.where(node, by_x, 0)

    def _transform(self, x: Any, xp: ModuleType) -> Any:
        if self.transformation == "power":
            return x**self.exponent
        if self.transformation == "exponential":
            return xp.exp(self.exponent * (x - 1))
        return x
