"""C of a landscape that changes little by little: only the blocks of sources that a change reaches are computed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .answers import UnderWay
from .block_connectivity import block_gradients, block_values, reached_blocks
from .job import Report
from .landscape_blocks import Blocks, Edits, Ground
from .quiet import Quiet

#: From this share of all blocks on, everything is computed again rather than old values taken off and new ones added.
_MANY = 0.45
#: What a state holds of the last gradient: it, the landscape of then, and the blocks that it counted.
_OF_GRADIENT = ("by-resistance", "by-quality", "then-resistance", "then-quality", "then-wanted")


@dataclass(frozen=True)
class Edit:
    """Other values of some cells.

    Parameters
    ----------
    cells : int array, shape (changed,)
        Flat numbers.
    resistance, quality : array, shape (changed,)
        Their values.
    """

    cells: NDArray[np.intp]
    resistance: NDArray[np.floating]
    quality: NDArray[np.floating]


class IncrementalConnectivity:
    """C and its gradient, kept up to date.

    Which sources a change reaches is found by the distances from the changed cells in the easier of the two landscapes, so that what
    is not computed again cannot have changed.

    Parameters
    ----------
    blocks : Blocks
    resistance, quality : array, shape (rows, columns)
        Inf resistance is no node; NaN quality is 0.
    report : Report
        May cancel between batches.
    cost : array, shape (rows, columns), optional
        Movement cost, for distances that take one.
    by_quality : bool
        Whether the gradient with respect to quality is wanted; without it, blocks of quality 0 are left out.
    by_paths : bool
        Whether the gradient with respect to resistance is wanted; without it, it is 0.
    """

    def __init__(
        self,
        blocks: Blocks,
        resistance: NDArray[np.floating],
        quality: NDArray[np.floating],
        report: Report,
        *,
        cost: NDArray[np.floating] | None = None,
        by_quality: bool = True,
        by_paths: bool = True,
    ) -> None:
        self.blocks, self.report = blocks, report
        self._cost, self._by_quality, self._by_paths = cost, by_quality, by_paths
        self.resistance, self.quality = resistance, np.nan_to_num(quality)
        self._ground = blocks.ground(resistance, quality, cost)
        self._values = np.zeros(blocks.count)
        self._stale = np.ones(blocks.count, bool)
        self._gradient: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._gradient_ground: Ground | None = None
        self._gradient_stale = np.ones(blocks.count, bool)
        self._old_wanted = np.zeros(blocks.count, bool)
        #: Blocks computed so far, forward or with gradient.
        self.computed = 0

    def move(
        self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report | None = None
    ) -> None:
        """Go over to another landscape on the same grid."""
        quality = np.nan_to_num(quality)
        changed = (resistance != self.resistance) | (quality != self.quality)
        if not changed.any():
            return
        nodes = np.isfinite(resistance) != np.isfinite(self.resistance)
        if nodes.any():
            # A cell that ceases to be a node may close the diagonal steps beside it.
            changed |= ndimage.binary_dilation(nodes, np.ones((3, 3)))
        touched = self._touched(changed, np.fmin(resistance, self.resistance), report or self.report)
        self._say_changed()
        self.resistance, self.quality = resistance, quality
        self._ground = self.blocks.ground(resistance, quality, self._cost)
        self._stale |= touched
        self._gradient_stale |= touched

    def _touched(self, changed: NDArray[np.bool_], easier: NDArray[np.floating], report: Report) -> NDArray[np.bool_]:
        touched = np.zeros(self.blocks.count, bool)
        if self.blocks.by_block(changed, np.logical_or, False).mean() > _MANY:
            return ~touched
        ground = self.blocks.ground(easier, np.zeros_like(easier), self._cost)
        (reached,) = reached_blocks(self.blocks, ground, [np.flatnonzero(changed)], Quiet(report))
        touched[reached] = True
        return touched

    def value(self, report: Report | None = None) -> float:
        """Return C, without self terms."""
        report = report or self.report
        stale = np.flatnonzero(self._stale)
        wanted = stale[self.blocks.with_sources(self.quality)[stale]]
        # Nothing is changed before all is there: the state may be kept meanwhile.
        found = block_values(self.blocks, self._ground, wanted, report)
        self._say_changed()
        self._values[stale] = 0
        self._values[wanted] = found
        self.computed += len(wanted)
        self._stale[:] = False
        return float(self._values.sum())

    @property
    def values(self) -> NDArray[np.float64]:
        """What each block adds; after `value` or `gradient`."""
        return self._values

    def gradient(self, report: Report | None = None) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return C and its gradient, shape (rows, columns), by resistance and by quality; 0 where there is no node."""
        report = report or self.report
        wanted = self._wanted(self.quality)
        stale = self._gradient_stale
        if self._gradient is None or self._gradient_ground is None or 2 * stale.mean() > 2 * _MANY:
            every = np.flatnonzero(wanted)
            added, by_resistance, by_quality = block_gradients(
                self.blocks, self._ground, every, report, by_paths=self._by_paths
            )
            self._say_changed()
            self._values = np.zeros(self.blocks.count)
            self._values[every] = added
            self.computed += len(every)
        else:
            # What was without a source of quality > 0 added nothing to the old gradient where quality does not matter.
            before = np.flatnonzero(stale & self._old_wanted)
            after = np.flatnonzero(stale & wanted)
            _, off_resistance, off_quality = block_gradients(
                self.blocks, self._gradient_ground, before, report, by_paths=self._by_paths
            )
            added, on_resistance, on_quality = block_gradients(
                self.blocks, self._ground, after, report, by_paths=self._by_paths
            )
            by_resistance = self._gradient[0] - off_resistance + on_resistance
            by_quality = self._gradient[1] - off_quality + on_quality
            self._say_changed()
            self._values[stale] = 0
            self._values[after] = added
            self.computed += len(before) + len(after)
        self._stale[:] = False
        self._gradient_stale = np.zeros(self.blocks.count, bool)
        self._gradient, self._gradient_ground, self._old_wanted = (by_resistance, by_quality), self._ground, wanted
        node = np.isfinite(self.resistance)
        return float(self._values.sum()), np.where(node, by_resistance, 0), np.where(node, by_quality, 0)

    def _say_changed(self) -> None:
        if self.blocks.under_way is not None:
            self.blocks.under_way.changed()

    def keep(self, under_way: UnderWay) -> None:
        """Tell, from now on, what is under way."""
        self.blocks.under_way = under_way

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the landscape and what is known of it."""
        found: dict[str, NDArray[Any]] = {
            "resistance": self.resistance,
            "quality": self.quality,
            "values": self._values,
            "stale": self._stale,
            "gradient-stale": self._gradient_stale,
        }
        if self._gradient is None or self._gradient_ground is None:
            return found
        then = [self.blocks.unpad(each) for each in (self._gradient_ground.resistance, self._gradient_ground.quality)]
        return {**found, **dict(zip(_OF_GRADIENT, (*self._gradient, *then, self._old_wanted)))}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go over to a state that was returned before."""
        self.resistance, self.quality = state["resistance"], state["quality"]
        self._ground = self.blocks.ground(self.resistance, self.quality, self._cost)
        self._values, self._stale, self._gradient_stale = state["values"], state["stale"], state["gradient-stale"]
        self._gradient = self._gradient_ground = None
        if _OF_GRADIENT[0] in state:
            by_resistance, by_quality, then_resistance, then_quality, self._old_wanted = (
                state[name] for name in _OF_GRADIENT
            )
            self._gradient = by_resistance, by_quality
            self._gradient_ground = self.blocks.ground(then_resistance, then_quality, self._cost)

    def _wanted(self, quality: NDArray[np.floating]) -> NDArray[np.bool_]:
        if self._by_quality:
            return self.blocks.by_block(np.isfinite(self.resistance), np.logical_or, False).ravel()
        return self.blocks.with_sources(quality)

    def trials(self, edits: Sequence[Edit], report: Report | None = None) -> NDArray[np.float64]:
        """Return what C would change by with each of the edits alone; edits keep nodes nodes."""
        report = report or self.report
        self.value(report)
        every = Edits(
            [edit.cells for edit in edits],
            [np.asarray(edit.resistance, self.resistance.dtype) for edit in edits],
            [np.asarray(np.nan_to_num(edit.quality), self.resistance.dtype) for edit in edits],
        )
        flat = self.resistance.ravel()
        easier = Edits(every.cells, [np.fmin(r, flat[c]) for r, c in zip(every.resistance, every.cells)], every.quality)
        reached = reached_blocks(self.blocks, self._ground, every.cells, Quiet(report), easier)
        blocks = np.concatenate([np.zeros(0, np.intp), *reached])
        variant = np.repeat(np.arange(len(edits)), [len(each) for each in reached])
        could = self.blocks.with_sources(self.quality)
        for edit in edits:
            could[self.blocks.block_of(edit.cells[np.nan_to_num(edit.quality) > 0])] = True
        blocks, variant = blocks[could[blocks]], variant[could[blocks]]
        after = block_values(self.blocks, self._ground, blocks, report, every, variant)
        self.computed += len(blocks)
        return np.bincount(variant, after - self._values[blocks], len(edits)).astype(float)

    def elsewhere(
        self,
        resistance: NDArray[np.floating],
        quality: NDArray[np.floating],
        chosen: NDArray[np.intp] | None = None,
        report: Report | None = None,
    ) -> NDArray[np.float64]:
        """Return what blocks (the chosen ones, or all) add in another landscape, and stay in this one."""
        ground = self.blocks.ground(resistance, quality, self._cost)
        blocks = np.arange(self.blocks.count) if chosen is None else chosen
        found = np.zeros(len(blocks))
        some = self.blocks.with_sources(quality)[blocks]
        found[some] = block_values(self.blocks, ground, blocks[some], report or self.report)
        self.computed += int(some.sum())
        return found
