"""What a plan is to raise in one landscape: each target has a value, a gradient, and the values after small changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .answers import Source, UnderWay
from .incremental import Edit, IncrementalConnectivity
from .job import Report


class Target(Source, Protocol):
    """A number of a landscape that planning is to raise."""

    def move(self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report) -> None:
        """Go over to another landscape."""

    def remember(self) -> None:
        """Take the present landscape, whose number is known, as the one that `elsewhere` compares with."""

    def value(self, report: Report) -> float:
        """Return the number."""
        ...

    def gradient(self, report: Report) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return the number and its gradient by resistance and by quality, shape (rows, columns)."""
        ...

    def trials(self, edits: Sequence[Edit], report: Report) -> NDArray[np.float64]:
        """Return the number with each of the edits alone."""
        ...

    def elsewhere(
        self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report
    ) -> tuple[float, float]:
        """Return the number of another landscape and the standard error of that (0: exact), and stay in this one."""
        ...


_SAMPLE = ("sample-chosen", "sample-chance", "sample-values")


class ConnectivityTarget:
    """C or ECA of a landscape.

    Parameters
    ----------
    connectivity : IncrementalConnectivity
    index : str
        ``"C"`` or ``"ECA"``, the square root of C with self terms.
    count_self : bool
        Whether C counts the pairs i = j.
    sample : int
        Other landscapes are estimated from this many blocks where there are more; drawn with chances in proportion to what they add
        to C.
    seed : int
        Of the draw.
    """

    def __init__(
        self, connectivity: IncrementalConnectivity, index: str, count_self: bool, *, sample: int, seed: int
    ) -> None:
        self._connectivity, self.index = connectivity, index
        self.counts_self = count_self or index == "ECA"
        self._sample, self._random = sample, np.random.default_rng(seed)
        self._drawn: tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64], float] | None = None

    @property
    def connectivity(self) -> IncrementalConnectivity:
        """What computes C."""
        return self._connectivity

    def move(self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report) -> None:
        """Go over to another landscape."""
        self._connectivity.move(resistance, quality, report)

    def remember(self) -> None:
        """Draw the sample that stands for all blocks."""
        blocks, values = self._connectivity.blocks, self._connectivity.values
        if blocks.count > self._sample:
            chance = 0.9 * values / max(values.sum(), 1e-300) + 0.1 / blocks.count
            # Systematically along the blocks, so that no part of the landscape is left to chance.
            steps = (np.arange(self._sample) + self._random.uniform()) / self._sample
            chosen = np.minimum(np.searchsorted(np.cumsum(chance / chance.sum()), steps), blocks.count - 1)
            self._drawn = chosen, chance[chosen], values[chosen].copy(), float(values.sum())

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is known of the landscape, and the sample."""
        found = self._connectivity.state()
        if self._drawn is None:
            return found
        *arrays, whole = self._drawn
        return {**found, **dict(zip(_SAMPLE, arrays)), "sample-whole": np.array(whole)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go over to a state that was returned before."""
        self._connectivity.restore(state)
        if "sample-whole" in state:
            chosen, chance, values = (state[name] for name in _SAMPLE)
            self._drawn = chosen, chance, values, float(state["sample-whole"])

    def keep(self, under_way: UnderWay) -> None:
        """Tell, from now on, what is under way."""
        self._connectivity.keep(under_way)

    def value(self, report: Report) -> float:
        """Return C or ECA."""
        return self._of(self._connectivity.value(report) + self._self_terms())

    def gradient(self, report: Report) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return C or ECA and its gradient by resistance and by quality."""
        total, by_resistance, by_quality = self._connectivity.gradient(report)
        total += self._self_terms()
        if self.counts_self:
            node = np.isfinite(self._connectivity.resistance)
            by_quality = by_quality + np.where(node, 2 * self._connectivity.quality, 0)
        slope = 1.0 if self.index == "C" else 0.5 / max(self._of(total), 1e-300)
        return self._of(total), slope * by_resistance, slope * by_quality

    def trials(self, edits: Sequence[Edit], report: Report) -> NDArray[np.float64]:
        """Return C or ECA with each of the edits alone."""
        gains = self._connectivity.trials(edits, report)
        now = self._connectivity.value(report) + self._self_terms()
        if self.counts_self:
            quality = self._connectivity.quality.ravel()
            gains = gains + [float((e.quality**2 - quality[e.cells] ** 2).sum()) for e in edits]
        return self._of(now + gains)

    def elsewhere(
        self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report
    ) -> tuple[float, float]:
        """Return C or ECA of another landscape, from a sample of the blocks where there are many; the sample stays the same."""
        if self._drawn is None:
            return self._of(
                float(self._connectivity.elsewhere(resistance, quality, None, report).sum())
                + self._self_terms(resistance, quality)
            ), 0.0
        chosen, chance, before, whole = self._drawn
        different, place = np.unique(chosen, return_inverse=True)
        after = self._connectivity.elsewhere(resistance, quality, different, report)[place]
        gains = (after - before) / chance
        total = whole + float(gains.mean()) + self._self_terms(resistance, quality)
        error = float(gains.std()) / np.sqrt(len(gains))
        return self._of(total), error * (1.0 if self.index == "C" else 0.5 / max(self._of(total), 1e-300))

    def _self_terms(
        self, resistance: NDArray[np.floating] | None = None, quality: NDArray[np.floating] | None = None
    ) -> float:
        if not self.counts_self:
            return 0.0
        r = self._connectivity.resistance if resistance is None else resistance
        q = self._connectivity.quality if quality is None else np.nan_to_num(quality)
        return float((q[np.isfinite(r)].astype(float) ** 2).sum())

    def _of(self, total):  # type: ignore[no-untyped-def]
        return total if self.index == "C" else np.sqrt(total)
