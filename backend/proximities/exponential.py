"""Negative exponential proximity."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from .abstract import AbstractKernel


class Kernel(AbstractKernel):
    r""":math:`k(d) = e^{-d / d_0}`; mean distance :math:`d_0`, median :math:`d_0 \ln 2`.

    References
    ----------
    Hanski, I. (1994) Journal of Animal Ecology 63, 151-162, doi:10.2307/5591.
    """

    mean = 1.0

    def value(self, u: Any, xp: ModuleType) -> Any:
        """Return exp(-u)."""
        return xp.exp(-u)

    def slope(self, u: Any, k: Any, xp: ModuleType) -> Any:
        """Return -k."""
        return -k

    def inverse(self, k: float) -> float:
        """Return -ln(k)."""
        return -math.log(k)
