"""What a run has finished is found again, whole or not at all, by the same job alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from backend import journal as journals
from backend.journal import Journal, PassState

IDENTITY = {"analysis": "connectivity", "content": "abc"}
STATE = PassState(0.4, 3, 2, [[1e300, 1.0, 1e-17], [0.1]], np.random.default_rng(0).random((2, 5, 7)))


def lines(journal: Journal) -> Path:
    return journal.folder / "journal.jsonl"


def same(found: PassState | None, state: PassState) -> None:
    assert found is not None
    assert (found.share, found.band, found.batches, found.sums) == (state.share, state.band, state.batches, state.sums)
    np.testing.assert_array_equal(found.totals, state.totals)


@pytest.fixture
def left(tmp_path) -> Journal:
    """A journal that was given up after two commits."""
    journal = Journal(IDENTITY, tmp_path)
    journal.enter_later("plan", {"batch": 4})
    assert not journal.holds_work
    journal.pass_("gradient").commit(PassState(0.1, 1, 0, [[2.0]], None))
    journal.pass_("gradient").commit(STATE)
    rows = journal.rows("map", 3, 4)
    rows.write(1, np.arange(8.0).reshape(2, 4))
    journal.close(keep=True)
    return journal


def test_the_same_job_finds_the_last_state(tmp_path, left):
    again = Journal(IDENTITY, tmp_path)
    assert again.folder == left.folder
    assert again.holds_work
    assert again.entry("plan") == {"batch": 4}
    same(again.pass_("gradient").state(), STATE)
    np.testing.assert_array_equal(again.rows("map", 3, 4)[1:3], np.arange(8.0).reshape(2, 4))
    assert again.pass_("other").state() is None


def test_another_job_does_not(tmp_path, left):
    other = Journal({**IDENTITY, "content": "abd"}, tmp_path)
    assert not other.holds_work
    assert other.folder != left.folder


def test_another_state_of_the_code_does_not(tmp_path, left, monkeypatch):
    monkeypatch.setattr(journals, "code_digest", lambda: "another")
    assert not Journal(IDENTITY, tmp_path).holds_work


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_not_read_and_not_continued(tmp_path, left, cut):
    """The arrays of the state before are still there: the last one did not overwrite them."""
    whole = lines(left).read_bytes()
    lines(left).write_bytes(whole[:-cut])
    again = Journal(IDENTITY, tmp_path)
    state = again.pass_("gradient").state()
    assert (state.band, state.sums, state.totals) == (1, [[2.0]], None)
    again.pass_("gradient").commit(STATE)
    again.close(keep=True)
    assert lines(again).read_bytes() == whole
    same(Journal(IDENTITY, tmp_path).pass_("gradient").state(), STATE)


def test_a_damaged_line_ends_the_journal(tmp_path, left):
    whole = lines(left).read_bytes()
    lines(left).write_bytes(whole.replace(b'"band": 3', b'"band": 4'))
    assert Journal(IDENTITY, tmp_path).pass_("gradient").state().band == 1


def test_two_runs_of_a_job_do_not_share(tmp_path):
    first, second = Journal(IDENTITY, tmp_path), Journal(IDENTITY, tmp_path)
    assert first.folder != second.folder
    second.pass_("gradient").commit(STATE)
    assert not second.holds_work
    second.close(keep=True)
    assert not second.folder.exists()
    first.pass_("gradient").commit(STATE)
    first.close(keep=True)
    assert Journal(IDENTITY, tmp_path).folder == first.folder


def test_success_and_runs_without_work_leave_nothing(tmp_path):
    for keep, work in ((False, True), (True, False)):
        journal = Journal(IDENTITY, tmp_path)
        journal.enter_later("plan", {})
        journal.rows("map", 3, 4).write(0, np.ones((1, 4)))
        if work:
            journal.pass_("gradient").commit(STATE)
        journal.close(keep=keep)
        assert list(tmp_path.iterdir()) == []


def test_a_journal_that_was_cleared_holds_nothing(tmp_path, left):
    again = Journal(IDENTITY, tmp_path)
    again.clear()
    assert not again.holds_work
    again.close(keep=True)
    assert not Journal(IDENTITY, tmp_path).holds_work


def test_journals_that_nobody_came_back_to_are_removed(tmp_path, left, monkeypatch):
    old = time.time() - 31 * 86400
    for path in left.folder.iterdir():
        os.utime(path, (old, old))
    held = Journal({"another": 1}, tmp_path)
    for path in held.folder.iterdir():
        os.utime(path, (old, old))
    Journal({"third": 1}, tmp_path)
    assert not left.folder.exists()
    assert held.folder.exists(), "a run is at it"


def test_the_oldest_are_removed_when_they_take_too_much_room(tmp_path, left, monkeypatch):
    newer = Journal({"newer": 1}, tmp_path)
    newer.pass_("gradient").commit(STATE)
    newer.close(keep=True)
    before = time.time() - 60
    for path in left.folder.iterdir():
        os.utime(path, (before, before))
    size = sum(path.stat().st_size for path in newer.folder.iterdir())
    monkeypatch.setattr(journals, "_KEPT_BYTES", size + 10)
    Journal({"third": 1}, tmp_path)
    assert newer.folder.exists()
    assert not left.folder.exists()


def test_it_commits_no_oftener_than_it_is_worth(tmp_path, monkeypatch):
    journal = Journal(IDENTITY, tmp_path)
    assert not journal.is_due()
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0.001")
    journal._last -= 1
    journal._cost = 0.1
    assert not journal.is_due(), "a commit took 0.1 s: the next is due after 10 s"
    journal._last -= 10
    assert journal.is_due()
