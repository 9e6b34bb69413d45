"""One number from several landscapes: species add up by weight, scenarios by their mean, the worst, or a soft worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

RULES = (("mean", "Mean"), ("worst", "Worst case"), ("soft_worst", "Soft worst case"))


@dataclass(frozen=True)
class Objective:
    r"""How the targets of several landscapes become one.

    With one landscape it is the target itself. With several, each counts by its change in per cent of what it was before; within
    a scenario these add up by weight, :math:`x_s = \sum_m w_m x_m / \sum_m w_m`; scenarios by their mean, by the smallest
    :math:`x_s`, or softly by :math:`-\beta^{-1} \ln \frac1S \sum_s e^{-\beta x_s}`, which lies between the two.

    Parameters
    ----------
    weight : array, shape (landscapes,)
        > 0.
    scenario : int array, shape (landscapes,)
        0, 1, ...
    rule : str
        ``"mean"``, ``"worst"`` or ``"soft_worst"``.
    softness : float
        1 / beta, per cent.
    before : array, shape (landscapes,)
        Values without action; of several landscapes none may be 0.

    Raises
    ------
    InputError
        When one of several landscapes is worth nothing without action: nothing is a change in per cent of that.
    """

    weight: NDArray[np.float64]
    scenario: NDArray[np.intp]
    rule: str
    softness: float
    before: NDArray[np.float64]

    def __post_init__(self) -> None:
        nothing = np.flatnonzero(self.before == 0)
        if self.in_per_cent and nothing.size:
            raise InputError(
                "LANDSCAPES",
                f"The landscape of row {nothing[0] + 1} has a connectivity of 0 without action: no change is a share of that.",
                "Leave it out, or give it habitat that something can reach.",
            )

    @property
    def in_per_cent(self) -> bool:
        """Whether values are per cent of change, not those of the one target."""
        return len(self.weight) > 1

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the objective of each set of values, (..., landscapes) to (...)."""
        if not self.in_per_cent:
            return values[..., 0]
        return self._joined(self.scenarios(values))

    def scenarios(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the change of each scenario, per cent, (..., landscapes) to (..., scenarios)."""
        return self.changes(values) @ self._shares()

    def changes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the change of each landscape, per cent."""
        return 100 * (values - self.before) / np.abs(self.before)

    def _shares(self) -> NDArray[np.float64]:
        shares = np.zeros((len(self.weight), int(self.scenario.max()) + 1))
        shares[np.arange(len(self.weight)), self.scenario] = self.weight
        return shares / shares.sum(axis=0)

    def _joined(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.rule == "mean":
            return x.mean(axis=-1)
        lowest = x.min(axis=-1)
        if self.rule == "worst":
            return lowest
        soft = np.exp(-(x - lowest[..., None]) / self.softness).mean(axis=-1)
        return lowest - self.softness * np.log(soft)

    def slopes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the derivative of the objective with respect to each value; of the worst scenario alone for the worst case."""
        if not self.in_per_cent:
            return np.ones(1)
        x = self.scenarios(values)
        if self.rule == "mean":
            by_scenario = np.full(len(x), 1 / len(x))
        elif self.rule == "worst":
            by_scenario = (np.arange(len(x)) == int(np.argmin(x))).astype(float)
        else:
            soft = np.exp(-(x - x.min()) / self.softness)
            by_scenario = soft / soft.sum()
        return 100 * (self._shares() @ by_scenario) / np.abs(self.before)
