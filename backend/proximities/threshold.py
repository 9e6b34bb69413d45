"""Threshold proximity."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .abstract import AbstractKernel


class Kernel(AbstractKernel):
    r""":math:`k(d) = 1` for :math:`d \le d_0`, else 0; mean and median distance :math:`d_0`.

    Its derivative is 0 wherever there is one: connectivity has no sensitivity to movement or distance under it.
    """

    mean = 1.0

    def value(self, u: Any, xp: ModuleType) -> Any:
        """Return 1 within the threshold; what lies beyond is cut off before (see `inverse`)."""
        return xp.ones_like(u)

    def slope(self, u: Any, k: Any, xp: ModuleType) -> Any:
        """Return 0: there is no slope within the threshold, and none is asked for beyond."""
        return xp.zeros_like(u)

    def inverse(self, k: float) -> float:
        """Return 1: the threshold itself, whatever the proximity."""
        return 1.0
