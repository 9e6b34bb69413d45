"""What every proximity kernel declares, in units of its scale d0."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import ModuleType
from typing import Any


class AbstractKernel(ABC):
    r"""A decreasing function :math:`k(d) = f(d / d_0)` with :math:`f(0) = 1` and values in [0, 1].

    Read as the probability of dispersing at least as far as `d`, it has a mean and a median distance. Free of JAX, so
    that the toolbox can plan with it: `value` takes the array module to compute with.
    """

    #: Mean dispersal distance in units of the scale, or None where it is not finite.
    mean: float | None

    @abstractmethod
    def value(self, u: Any, xp: ModuleType) -> Any:
        """Return f(u) for distances ``u = d / d0 >= 0``; `xp` is numpy or jax.numpy."""

    @abstractmethod
    def slope(self, u: Any, k: Any, xp: ModuleType) -> Any:
        """Return f'(u), from u and k = f(u), which is at hand."""

    @abstractmethod
    def inverse(self, k: float) -> float:
        """Return the largest u with f(u) >= k, for 0 < k <= 1."""
