"""Inverse proximity."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .abstract import AbstractKernel


class Kernel(AbstractKernel):
    r""":math:`k(d) = 1 / (1 + d / d_0)`; median distance :math:`d_0`, no finite mean.

    The tail is long: with the default cut-off of 0.01 pairs up to 99 times the scale count.
    """

    mean = None

    def value(self, u: Any, xp: ModuleType) -> Any:
        """Return 1 / (1 + u)."""
        return 1 / (1 + u)

    def slope(self, u: Any, k: Any, xp: ModuleType) -> Any:
        """Return -k^2."""
        return -k * k

    def inverse(self, k: float) -> float:
        """Return 1 / k - 1."""
        return 1 / k - 1
