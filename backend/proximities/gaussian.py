"""Gaussian proximity."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from .abstract import AbstractKernel


class Kernel(AbstractKernel):
    r""":math:`k(d) = e^{-d^2 / (2 d_0^2)}`; mean distance :math:`d_0 \sqrt{\pi / 2}`, median :math:`d_0 \sqrt{2 \ln 2}`.

    References
    ----------
    Clark, J.S. et al. (1999) Ecology 80, 1475-1494, doi:10.1890/0012-9658(1999)080[1475:SDNAFP]2.0.CO;2.
    """

    mean = math.sqrt(math.pi / 2)

    def value(self, u: Any, xp: ModuleType) -> Any:
        """Return exp(-u^2 / 2)."""
        return xp.exp(-0.5 * u * u)

    def slope(self, u: Any, k: Any, xp: ModuleType) -> Any:
        """Return -u k."""
        return -u * k

    def inverse(self, k: float) -> float:
        """Return sqrt(-2 ln(k))."""
        return math.sqrt(-2 * math.log(k))
