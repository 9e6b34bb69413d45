"""A search that is broken off anywhere hears again what was entered, and ends as one that was not."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from small_landscapes import Listener

from backend import answers as kept
from backend import journal as journals
from backend.answers import Answers
from backend.errors import DriftwayError, OutputError
from backend.journal import Journal

PARTS, ASKED = 4, 6


class Broken(Exception):
    """The power is cut."""


class Landscape:
    """Adds up what it was told, so that each answer depends on all that came before; long calls add up part by part."""

    def __init__(self, patience: float = float("inf")) -> None:
        self.total, self.memory = 0.1, np.zeros(3)
        self.patience, self.parts = patience, 0
        self.under_way: kept.UnderWay | None = None

    def state(self):
        return {"total": np.array(self.total), "memory": self.memory}

    def restore(self, state):
        self.total, self.memory = float(state["total"]), state["memory"]

    def keep(self, under_way):
        self.under_way = under_way

    def move(self, by: float) -> None:
        self.under_way.changed()
        self.total = self.total * 1.7 + by

    def answer(self) -> np.ndarray:
        sums = {"found": np.zeros(3)}
        for part in range(self.under_way.begin(sums), PARTS):
            self.parts += 1
            if self.parts > self.patience:
                raise Broken
            sums["found"] += self.memory + np.arange(3) * self.total / (part + 3)
            self.under_way.done(part + 1, sums)
        self.under_way.changed()
        self.memory = sums["found"]
        return self.memory


def search(folder, patience: float = float("inf"), keep: bool = True):
    """Ask some times, moving twice before each and in a direction that the last answer tells; return answers and parts done."""
    journal, land, report = Journal({"search": 1}, folder), Landscape(patience), Listener()
    found = []
    try:
        answers = Answers(journal, [land], report)
        by = 1.0
        for number in range(ASKED):
            answers.move(lambda by=by: land.move(by))
            answers.move(lambda number=number: land.move(number))
            found.append(answers.ask(f"answer {number}", land.answer))
            by = float(found[-1][1] % 1)
    finally:
        journal.close(keep=keep)
    return np.array(found), land.parts, report.messages


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    monkeypatch.setattr(os, "fsync", lambda file: None)  # nobody pulls the plug here


@pytest.mark.parametrize("patience", range(ASKED * PARTS))
def test_a_search_goes_on_within_the_answer_that_it_waited_for(tmp_path, patience):
    expected, all_parts, messages = search(tmp_path / "whole", keep=False)
    assert all_parts == ASKED * PARTS
    assert not messages
    with pytest.raises(Broken):
        search(tmp_path / "cut", patience)
    found, parts, messages = search(tmp_path / "cut", keep=False)
    np.testing.assert_array_equal(found, expected)
    assert parts == all_parts - patience
    assert len(messages) == (patience > 0)


def test_a_search_that_is_broken_off_again_and_again_ends_the_same(tmp_path):
    expected, *_ = search(tmp_path / "whole", keep=False)
    for _ in range(ASKED * PARTS // 3):
        with pytest.raises(Broken):
            search(tmp_path / "cut", 2)
    np.testing.assert_array_equal(search(tmp_path / "cut")[0], expected)


@pytest.mark.parametrize("cut", [1, 9, 700])
def test_a_torn_last_line_costs_what_it_said_and_more_torn_lines_everything(tmp_path, cut):
    expected, *_ = search(tmp_path / "whole", keep=False)
    with pytest.raises(Broken):
        search(tmp_path / "cut", 14)
    (lines,) = (tmp_path / "cut").glob("*/journal.jsonl")
    lines.write_bytes(lines.read_bytes()[:-cut])
    found, parts, _ = search(tmp_path / "cut")
    np.testing.assert_array_equal(found, expected)
    assert parts == ASKED * PARTS if cut == 700 else ASKED * PARTS - 14 < parts <= ASKED * PARTS - 12


@pytest.mark.parametrize("place", ["lines", "half a line", "arrays", "answers"])
def test_a_full_disk_ends_the_run_and_loses_nothing(tmp_path, monkeypatch, place):
    expected, *_ = search(tmp_path / "whole", keep=False)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    calls = {"number": 0}

    def fails(original):
        def limited(*arguments, **options):
            calls["number"] += 1
            if calls["number"] > 12:
                raise full
            return original(*arguments, **options)

        return limited

    with monkeypatch.context() as patch:
        if place == "lines":
            patch.setattr(Journal, "_append", fails(Journal._append))
        elif place == "half a line":
            patch.setattr(journals, "open", _open_a_small_disk, raising=False)
        elif place == "arrays":
            patch.setattr(np, "save", fails(np.save))
        else:
            patch.setattr("backend.row_file.RowFile.sync", fails(journals.RowFile.sync))
        with pytest.raises(OutputError, match=r"No space left on device.*Is the disk full"):
            search(tmp_path / "cut")
    found, parts, messages = search(tmp_path / "cut")
    np.testing.assert_array_equal(found, expected)
    assert parts < ASKED * PARTS
    assert len(messages) == 1


class _SmallDisk:
    """A file whose disk takes so many bytes, of the last write but a part."""

    def __init__(self, file) -> None:
        self.file, self.left = file, 2000

    def write(self, data: bytes) -> int:
        taken = min(len(data), self.left)
        self.left -= taken
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data[:taken])

    def __getattr__(self, name):
        return getattr(self.file, name)


def _open_a_small_disk(path, *arguments, **options):
    file = open(path, *arguments, **options)  # noqa: SIM115 - the journal closes it
    return _SmallDisk(file) if path.name == "journal.jsonl" else file


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(Broken):
        search(tmp_path, 14)
    answers = Answers(Journal({"search": 1}, tmp_path), [Landscape()], Listener())
    with pytest.raises(DriftwayError, match="does not fit this one"):
        answers.ask("something else", lambda: np.zeros(1))
