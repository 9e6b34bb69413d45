"""What a method of prioritisation returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .planning import Promise


@dataclass
class Round:
    """A part of the budget.

    Parameters
    ----------
    number : int
        Counted from 1.
    selected : array of bool, shape (candidates,)
        At its end.
    predicted : float
        What the gradients promised, summed over the rounds so far.
    gain : float
        True gain, NaN until it is known.
    """

    number: int
    selected: NDArray[np.bool_]
    predicted: float
    gain: float = float("nan")


@dataclass
class Plan:
    """A selection and how it came about.

    Parameters
    ----------
    selected : array of bool, shape (candidates,)
    order : int array
        The selected candidates, first to last.
    scores : array, shape (candidates,)
        Of those that are not selected, for their ranks.
    first : Promise
        Of the landscape without action.
    rounds : list of Round
        May be empty: the curve is then drawn along `order`.
    allocation : array, shape (candidates,), or None
        The continuous allocation that was rounded.
    trace : list of float
        The energy after each step of a continuous method.
    notes : list of str
        What the reader should know of the search.
    """

    selected: NDArray[np.bool_]
    order: NDArray[np.intp]
    scores: NDArray[np.float64]
    first: Promise
    rounds: list[Round] = field(default_factory=list)
    allocation: NDArray[np.float64] | None = None
    trace: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
