"""One pass over all windows of a landscape: band after band of rows, from the first to the last, never the whole in memory.

A band holds some rows of blocks. What its windows find is added up in accumulators of the band's rows and the halo around them;
rows that no later window reaches are finished and given away. Windows add in one order, row by row, whatever the bands and
batches are, so that results have the same bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import Cells, Strip
from .exact_sum import ExactSum
from .job import Report
from .journal import PassJournal, PassState
from .window_plan import WindowPlan
from .windows import Batch, Windows


@dataclass(frozen=True)
class Found:
    """What a batch of windows has found.

    Parameters
    ----------
    of_sources : sequence of array, shape (batch, lanes)
        Values of the sources; each source lies in one window only.
    of_cells : sequence of array, shape (batch, height, width)
        Values of the windows' cells; they add up over windows.
    numbers : sequence of float or array
        They add up over batches and within arrays.
    """

    of_sources: Sequence[Any] = ()
    of_cells: Sequence[Any] = ()
    numbers: Sequence[Any] = ()


@dataclass(frozen=True)
class Finished:
    """Rows whose values are complete.

    Parameters
    ----------
    strip : Strip
        The rows themselves.
    of_sources, of_cells : list of array, shape (rows, columns)
        In the order of `Found`; 0 where there is no window.
    """

    strip: Strip
    of_sources: list[NDArray[np.float64]]
    of_cells: list[NDArray[np.float64]]


@dataclass(frozen=True)
class WindowPass:
    """What is computed in every window, and what becomes of it.

    Parameters
    ----------
    compute : callable
        Takes a `Batch` and returns `Found`; called in threads of its own, in order.
    take : callable
        Takes `Finished` rows, in order, and returns numbers that add up over the rows, or over arrays of such numbers.
    sources, cells, numbers, sums : int
        How many arrays and numbers `compute` and `take` return.
    habitat_only : bool
        Leave out blocks whose sources all have quality 0.
    """

    compute: Callable[[Batch], Found]
    take: Callable[[Finished], Sequence[Any]]
    sources: int = 0
    cells: int = 0
    numbers: int = 0
    sums: int = 0
    habitat_only: bool = False

    def run(
        self, plan: WindowPlan, cells: Cells, report: Report, journal: PassJournal | None = None
    ) -> tuple[list[float], list[float]]:
        """Run the pass and return the sums of the numbers that `compute` and `take` returned.

        Parameters
        ----------
        plan : WindowPlan
            Its bands and batches change nothing.
        cells : Cells
            The landscape.
        report : Report
            Hears of the progress; may cancel between batches.
        journal : PassJournal, optional
            Keeps what is finished, and knows what was finished before.
        """
        return _Run(self, plan, cells, report, journal).whole()


@dataclass
class _Run:
    what: WindowPass
    plan: WindowPlan
    cells: Cells
    report: Report
    journal: PassJournal | None
    sums: list[ExactSum] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = [ExactSum() for _ in range(self.what.numbers + self.what.sums)]
        #: Rows at the end of a band that later windows reach.
        self.lag = self.plan.window.halo_rows if self.what.cells else 0
        self.bands = self.plan.bands()
        self.windows_before = np.concatenate([[0], np.cumsum([self._count(*band) for band in self.bands])])

    def _count(self, first: int, last: int) -> int:
        """Return the number of windows of a band."""
        shape = self.plan.window
        sources = self.cells.sources(first, last, habitat_only=self.what.habitat_only)
        by_rows = np.logical_or.reduceat(sources, range(0, last - first, shape.block_rows), axis=0)
        return int(np.logical_or.reduceat(by_rows, range(0, self.cells.columns, shape.block_columns), axis=1).sum())

    def whole(self) -> tuple[list[float], list[float]]:
        state = self.journal.state() if self.journal else None
        begin, skip, totals = 0, 0, None
        if state is not None:
            begin, skip, totals = state.band, state.batches, state.totals
            self.sums = [ExactSum(partials) for partials in state.sums]
            if state.share < 1 and self.journal:
                self.journal.say_continued(self.report, f"{state.share:.0%} was done")
        for number in range(begin, len(self.bands)):
            self.report.raise_if_cancelled()
            totals = self._band(number, self.bands[number], skip, totals)
            skip = 0
        if self.journal is not None and begin < len(self.bands):
            self.journal.end(PassState(1.0, len(self.bands), 0, [each.partials for each in self.sums], None))
        self.report.progress(1.0, "")
        values = [each.value for each in self.sums]
        return values[: self.what.numbers], values[self.what.numbers :]

    def _band(self, number: int, band: tuple[int, int], skip: int, totals: NDArray | None) -> NDArray | None:
        """Compute a band; takes the accumulators where the journal left them, or as they overlap with those before."""
        first, last = band
        plan, rows = self.plan.at(first), self.plan.rows
        shape = plan.window
        above, below = min(shape.halo_rows, first), min(shape.halo_rows, rows - last)
        strip = self.cells.strip(first - above, last + below)
        windows = Windows(
            plan,
            strip.resistance,
            strip.quality,
            habitat_only=self.what.habitat_only,
            movement_cost=strip.movement_cost,
            above=above,
            below=below,
            first=first,
        )
        totals = self._begun(totals, windows)
        for done, (batch, found) in enumerate(self._computed(windows, skip), start=skip + 1):
            self._add(windows, totals, batch, found)
            self._progress(number, min(len(windows), done * plan.batch))
            self._commit_if_due(number, done, totals)
        self._finish(windows, totals, strip, band)
        following = totals[:, windows.rows :]
        if last < rows and self.plan.at(last).window != shape:
            following = windows.without_side_halos(following)
        if last < rows:
            self._commit_if_due(number + 1, 0, following)
        return following if self.lag else None

    def _begun(self, totals: NDArray | None, windows: Windows) -> NDArray:
        """Return accumulators of a band's padded shape that hold what the band before has added already."""
        height, width = windows.padded_shape
        begun = np.zeros((self.what.sources + self.what.cells, height, width))
        if totals is not None:
            rows = min(totals.shape[1], height)
            # After windows of another width they come without the halos at the sides.
            first = 0 if totals.shape[2] == width else windows.plan.window.halo_columns
            begun[:, :rows, first : first + totals.shape[2]] = totals[:, :rows]
        return begun

    def _add(self, windows: Windows, totals: NDArray, batch: Batch, found: Found) -> None:
        shape = batch.window
        for total, values in zip(totals, found.of_sources):
            windows.put_blocks(total, batch, np.asarray(values).reshape(-1, shape.block_rows, shape.block_columns))
        for total, values in zip(totals[self.what.sources :], found.of_cells):
            windows.add_windows(total, batch, np.asarray(values))
        for total, values in zip(self.sums, found.numbers):
            for value in np.ravel(values).tolist():
                total.add(value)

    def _finish(self, windows: Windows, totals: NDArray, strip: Strip, band: tuple[int, int]) -> None:
        """Give away the rows that no later window reaches."""
        first, last = band
        halo, rows = self.plan.window.halo_rows, self.plan.rows
        start, stop = max(0, first - self.lag), rows if last == rows else max(0, last - self.lag)
        if start >= stop:
            return
        values = windows.without_side_halos(totals[:, start - first + halo : stop - first + halo])
        done = Finished(strip.part(start, stop), list(values[: self.what.sources]), list(values[self.what.sources :]))
        for total, found in zip(self.sums[self.what.numbers :], self.what.take(done)):
            for number in np.ravel(found).tolist():
                total.add(number)

    def _commit_if_due(self, band: int, batches: int, totals: NDArray) -> None:
        if self.journal is None or not self.journal.is_due():
            return
        before = int(self.windows_before[band])
        if batches:
            before += batches * self.plan.at(self.bands[band][0]).batch
        share = min(1.0, before / max(1, int(self.windows_before[-1])))
        self.journal.commit(PassState(share, band, batches, [each.partials for each in self.sums], totals))

    def _progress(self, band: int, windows: int) -> None:
        before, every = int(self.windows_before[band]), max(1, int(self.windows_before[-1]))
        self.report.progress(min(1.0, (before + windows) / every), "")

    def _computed(self, windows: Windows, skip: int) -> Iterator[tuple[Batch, Found]]:
        """Compute the batches of a band, some at once, and yield what they have found in their order."""
        under_way = self.plan.under_way
        waiting: deque[tuple[Batch, Future[Found]]] = deque()
        with ThreadPoolExecutor(under_way, "driftway-windows") as pool:
            try:
                for batch in windows.batches(skip=skip):
                    self.report.raise_if_cancelled()
                    waiting.append((batch, pool.submit(self.what.compute, batch)))
                    if len(waiting) > under_way:
                        batch, found = waiting.popleft()
                        yield batch, found.result()
                while waiting:
                    self.report.raise_if_cancelled()
                    batch, found = waiting.popleft()
                    yield batch, found.result()
            finally:
                for _, found in waiting:
                    found.cancel()
