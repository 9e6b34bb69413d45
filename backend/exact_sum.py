"""A sum of floating-point numbers that does not depend on their order."""

from __future__ import annotations

import math
from collections.abc import Iterable


class ExactSum:
    """A running sum without rounding errors.

    It is kept as a few numbers that do not overlap; `value` is the exact sum, rounded once.

    Parameters
    ----------
    partials : iterable of float
        What `partials` of an earlier sum held, to go on with it.

    References
    ----------
    Shewchuk, J. R. (1997) Adaptive precision floating-point arithmetic and fast robust geometric predicates. Discrete and
    Computational Geometry 18, 305-363. doi:10.1007/PL00009321.
    """

    def __init__(self, partials: Iterable[float] = ()) -> None:
        self.partials = list(partials)

    def add(self, number: float) -> None:
        """Add a number."""
        kept = []
        for partial in self.partials:
            if abs(number) < abs(partial):
                number, partial = partial, number
            high = number + partial
            low = partial - (high - number)
            if low:
                kept.append(low)
            number = high
        self.partials = [*kept, number] if number else kept

    @property
    def value(self) -> float:
        """The sum."""
        return math.fsum(self.partials)
