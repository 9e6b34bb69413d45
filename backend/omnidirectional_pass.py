"""A pass over all windows of a raster: batches in threads, sums in a fixed order, a journal of how far it is."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .job import Report
from .journal import Journal
from .omnidirectional_groups import Batch, Group, Groups
from .solvers.threads import thread_count
from .solvers.window_circuits_gather import WindowCells, add_windows

Values = NDArray[np.float64]
#: What a batch gives for one sum: the cells it belongs to, values of shape (windows, cells), factors of the cells.
Contribution = tuple[WindowCells, Values, Values]


class TakeSums(Protocol):
    """What is called with finished rows: first row, sums of shape (sums, rows, columns), which cells there are."""

    def __call__(self, first: int, sums: Values, cell: NDArray[np.bool_]) -> None:
        """Take rows."""


def pass_over_windows(
    groups: Groups,
    count: int,
    work: Callable[[Group, Batch], Callable[[], list[Contribution]]],
    take: TakeSums,
    report: Report,
    *,
    name: str,
    journal: Journal | None = None,
) -> int:
    """Add up what all windows contribute, strip by strip.

    Parameters
    ----------
    groups : Groups
    count : int
        Number of sums.
    work : callable
        Makes what a thread calls for a batch.
    take : callable
        Called once for all rows, in order, as soon as they are finished.
    report : Report
        Hears of progress, may cancel.
    name : str
        What is computed: for people, and the name of the entry in the journal.
    journal : Journal, optional
        Where a run that was interrupted goes on, and leaves how far it is.

    Returns
    -------
    int
        Number of windows.
    """
    sums = _Sums(groups, count)
    at = sums.restore(journal, name)
    threads = thread_count()
    with ThreadPoolExecutor(threads, thread_name_prefix="driftway") as pool:
        for number in range(at.group, len(groups)):
            group = groups[number]
            sums.reach(number)
            skip, at.batches = at.batches, 0
            tasks = ((batch, work(group, batch)) for batch in group.batches[skip:])
            results = _in_order(tasks, pool, 2 * threads, report)
            for done, (batch, contributions) in enumerate(results, start=skip + 1):
                for which, contribution in enumerate(contributions):
                    sums.add(which, group, batch, contribution)
                at.windows += batch.size
                share = (number + done / len(group.batches)) / len(groups)
                report.progress(min(1.0, share), f"Computing {name}")
                if journal is not None and journal.is_due():
                    sums.keep(journal, name, _Progress(number, done, at.windows))
            sums.hand_over(number, group, take)
            _return_freed_memory()
    return at.windows


def _return_freed_memory() -> None:
    """Give freed memory back: glibc keeps it in pieces, and over thousands of strips these add up."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _in_order(
    tasks: Iterator[tuple[Any, Callable[[], Any]]], pool: ThreadPoolExecutor, ahead: int, report: Report
) -> Iterator[tuple[Any, Any]]:
    """Run tasks in threads and yield (key, result) in their order; no more than `ahead` are begun before they are due."""
    waiting: deque[tuple[Any, Future[Any]]] = deque()
    try:
        for key, task in tasks:
            waiting.append((key, pool.submit(task)))
            if len(waiting) > ahead:
                done, future = waiting.popleft()
                yield done, future.result()
                report.raise_if_cancelled()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


@dataclass
class _Progress:
    """How far a pass has come: the group, the batches of it that are done, the windows done before."""

    group: int = 0
    batches: int = 0
    windows: int = 0


class _Sums:
    """Accumulators of the rows that the present group reaches."""

    def __init__(self, groups: Groups, count: int) -> None:
        self._groups = groups
        grid, self._margin = groups.source.grid, groups.window.reach[1]
        self._stride = grid.columns + 2 * self._margin
        self._first = groups.span(0)[0] if len(groups) else 0
        self._totals = np.zeros((count, 0, self._stride))
        self._handed = 0

    def restore(self, journal: Journal | None, name: str) -> _Progress:
        """Go on where a journal stopped."""
        entry = journal.entry(name) if journal is not None else None
        if journal is None or entry is None:
            return _Progress()
        kept = journal.arrays(name)
        self._first, self._handed = entry["first"], entry["handed"]
        self._totals = kept["totals"]
        return _Progress(entry["group"], entry["batches"], entry["windows"])

    def keep(self, journal: Journal, name: str, at: _Progress) -> None:
        """Enter how far the run is."""
        entry = {"group": at.group, "batches": at.batches, "windows": at.windows}
        journal.enter(name, {**entry, "first": self._first, "handed": self._handed}, {"totals": self._totals})

    def reach(self, number: int) -> None:
        """Make room for the rows of a group."""
        _, after = self._groups.span(number)
        missing = after - self._first - self._totals.shape[1]
        if missing > 0:
            room = np.zeros((self._totals.shape[0], missing, self._stride))
            self._totals = np.concatenate([self._totals, room], axis=1)

    def add(self, which: int, group: Group, batch: Batch, contribution: Contribution) -> None:
        """Add windows."""
        cells, found, factor = contribution
        rows = self._totals[which][group.strip.first - self._first :].ravel()
        targets, shift = group.targets, group.shift
        add_windows(rows, self._stride, cells, targets, batch.first, batch.size, found, factor, shift)

    def hand_over(self, number: int, group: Group, take: TakeSums) -> None:
        """Give away the rows that no later group reaches."""
        grid, strip = self._groups.source.grid, group.strip
        last = self._groups.finished(number)
        first, after = self._handed, min(last, strip.first + strip.rows)
        columns = slice(self._margin, self._margin + grid.columns)
        if after > first:
            rows = self._totals[:, first - self._first : after - self._first, columns]
            cell = strip.conductance[first - strip.first : after - strip.first, columns] > 0
            take(first, rows, cell)
        for start in range(after, last, 256):  # below the last windows
            self._beyond(start, min(last, start + 256), take)
        self._handed = last
        keep_from = self._groups.span(number + 1)[0] if number + 1 < len(self._groups) else last
        self._totals = self._totals[:, max(0, keep_from - self._first) :].copy()
        self._first = max(self._first, keep_from)

    def _beyond(self, first: int, after: int, take: TakeSums) -> None:
        source = self._groups.source
        cell = source.conductance(source.movement(first, after - first)) > 0
        take(first, np.zeros((len(self._totals), *cell.shape)), cell)
