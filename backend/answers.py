"""What a search over variants of landscapes was answered so far: one that was interrupted hears the same again and goes on from there.

A search is quick beside what it asks for (values, gradients, gains), and the same answers lead it the same way. So they are kept in
order, and with the last one the state of what gives them, which depends on what was asked before: its next answer has the same bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import DriftwayError
from .job import Report
from .journal import Journal

_NAME = "answers"
#: More numbers than any log holds.
_MOST = 2**60
#: In front of each answer: what was asked, and how many numbers follow.
_HEAD = 2


class Source(Protocol):
    """What answers: a landscape that keeps what it has computed."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that later answers depend on."""
        ...

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go over to a state that was returned before."""
        ...

    def keep(self, under_way: UnderWay) -> None:
        """Tell, from now on, what is under way."""
        ...


class Answers:
    """The answers of one search.

    Parameters
    ----------
    journal : Journal
        Keeps them, and knows those of an earlier run.
    sources : sequence of Source
        As they are at the beginning of the search.
    report : Report
        Hears that the run goes on.
    """

    def __init__(self, journal: Journal, sources: Sequence[Source], report: Report) -> None:
        self._journal, self._sources = journal, list(sources)
        self._log = journal.rows(_NAME, _MOST, 1, "float64")
        entry = journal.entry(_NAME)
        #: While earlier answers are heard again, the sources stay as they are.
        self._asleep = entry is not None
        self._known: dict[str, Any] = entry or {"numbers": 0, "asked": 0, "moves": 0, "under_way": None}
        self._at = self._asked = self._moved = 0
        self._moves: list[Callable[[], None]] = []
        self._interrupted: tuple[list[int], dict[str, NDArray[Any]]] | None = None
        self._under_way = [UnderWay(self, number) for number in range(len(self._sources))]
        for source, under_way in zip(self._sources, self._under_way):
            source.keep(under_way)
        if self._asleep:
            journal.say_continued(report, f"{self._known['asked']} evaluations of the landscape are known")

    def move(self, apply: Callable[[], None]) -> None:
        """Change the sources; while they sleep, when they wake up."""
        self._moves.append(apply)
        if not self._asleep:
            self._move()

    def _move(self) -> None:
        for apply in self._moves[self._moved :]:
            apply()
        self._moved = len(self._moves)

    def ask(self, what: str, find: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the next answer: that of the earlier run, or what `find` returns, flat.

        Raises
        ------
        OutputError
            When the disk does not take it.
        """
        if self._at < self._known["numbers"]:
            found = self._heard(what)
        else:
            self._wake()
            found = np.ravel(np.asarray(find(), np.float64))
            head = np.array([zlib.crc32(what.encode()), len(found)], np.float64)
            self._log.write(self._at, np.concatenate([head, found]))
        self._at += _HEAD + len(found)
        self._asked += 1
        self._moves, self._moved = [], 0
        for under_way in self._under_way:
            under_way.changed()
        if not self._asleep and self._journal.is_due():
            self.enter(None, {})
        return found

    def _heard(self, what: str) -> NDArray[np.float64]:
        asked, count = self._log[self._at : self._at + _HEAD].ravel()
        if asked != zlib.crc32(what.encode()):
            raise DriftwayError(
                "What an interrupted run has left does not fit this one.", f"Delete '{self._journal.folder}'."
            )
        first = self._at + _HEAD
        return self._log[first : first + int(count)].ravel()

    def _wake(self) -> None:
        """Bring the sources to where the earlier run was."""
        if not self._asleep:
            return
        self._asleep = False
        arrays = self._journal.arrays(_NAME)
        for number, source in enumerate(self._sources):
            source.restore(_of(f"{number}-", arrays))
        if self._known["under_way"] is not None:
            self._interrupted = self._known["under_way"], _of("under-way-", arrays)
        self._moved = self._known["moves"]
        self._move()

    def enter(self, under_way: tuple[int, int, int] | None, arrays: dict[str, NDArray[Any]]) -> None:
        """Enter all answers, the state of the sources, and what is under way."""
        entry = {"numbers": self._at, "asked": self._asked, "moves": self._moved, "under_way": under_way}
        every = {f"under-way-{label}": values for label, values in arrays.items()}
        for number, source in enumerate(self._sources):
            every.update({f"{number}-{label}": values for label, values in source.state().items()})
        self._journal.enter(_NAME, entry, every)

    def enter_if_due(self, source: int, call: int, done: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Enter what is under way in a source, if it is time."""
        if self._journal.is_due():
            self.enter((source, call, done), arrays)

    def resume(self, source: int, call: int, arrays: dict[str, NDArray[Any]]) -> int:
        """Fill arrays with what the earlier run had of this call, and return how much of it was done."""
        if self._interrupted is None or self._interrupted[0][:2] != [source, call]:
            return 0
        (_, _, done), kept = self._interrupted
        self._interrupted = None
        for label, values in arrays.items():
            values[...] = kept[label]
        return done


class UnderWay:
    """A long call in one of the sources, whose parts are kept.

    Calls are counted from the last change of the source: from there an interrupted run makes them again.

    Parameters
    ----------
    answers : Answers
    source : int
        Its number.
    """

    def __init__(self, answers: Answers, source: int) -> None:
        self._answers, self._source, self._calls = answers, source, 0

    def begin(self, arrays: dict[str, NDArray[Any]]) -> int:
        """Begin a call that adds up in these arrays; fill them with what an earlier run had, and return how much was done."""
        self._calls += 1
        return self._answers.resume(self._source, self._calls, arrays)

    def done(self, done: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Say how much is done; between two calls of this the source is as it was when the call began."""
        self._answers.enter_if_due(self._source, self._calls, done, arrays)

    def changed(self) -> None:
        """Say that the source has changed, or the call's answer is given."""
        self._calls = 0


def _of(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {label[len(prefix) :]: values for label, values in arrays.items() if label.startswith(prefix)}
