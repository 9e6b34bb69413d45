"""Bands change no bit; sums have no order; what was finished is not computed again."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from small_landscapes import Listener

from backend.cells import ArrayCells
from backend.errors import Cancelled
from backend.exact_sum import ExactSum
from backend.journal import Journal
from backend.latitude_zones import Zone
from backend.window_pass import Finished, Found, WindowPass
from backend.window_plan import WindowPlan
from backend.window_shape import WindowShape
from backend.windows import Batch

ROWS, COLUMNS = 23, 17
PLAN = WindowPlan(ROWS, COLUMNS, WindowShape(3, 2, 4, 5), batch=4, memory=0, seconds=0.0)
ZONES = (
    Zone(0, 6, WindowShape(3, 2, 4, 2), 3),
    Zone(6, 15, WindowShape(3, 2, 4, 5), 4),
    Zone(15, 23, WindowShape(3, 2, 4, 0), 5),
)
ZONED = replace(PLAN, zones=ZONES)
RANDOM = np.random.default_rng(5)
RESISTANCE = np.where(RANDOM.random((ROWS, COLUMNS)) < 0.3, np.inf, RANDOM.uniform(1, 9, (ROWS, COLUMNS)))
RESISTANCE[6:12] = np.inf  # blocks without a source, and bands
QUALITY = np.where(RANDOM.random((ROWS, COLUMNS)) < 0.1, np.nan, RANDOM.random((ROWS, COLUMNS)))


class Sums:
    """A pass whose answers depend on all that a window holds and on where it lies."""

    def __init__(self) -> None:
        self.maps = np.full((2, ROWS, COLUMNS), np.nan)
        self.computed = 0

    def compute(self, batch: Batch) -> Found:
        self.computed += len(batch.tops)
        shape = batch.window
        weight = np.arange(shape.height * shape.width).reshape(shape.height, shape.width) % 7 / 3
        value = np.where(np.isfinite(batch.resistance), batch.quality / batch.resistance, 0) * weight
        lanes = np.arange(shape.lanes) + value.sum(axis=(1, 2))[:, None]
        return Found([lanes], [value * 1e3], [float(value[: len(batch.tops)].sum())])

    def take(self, done: Finished) -> list[np.ndarray]:
        rows = slice(done.strip.first, done.strip.first + len(done.strip.quality))
        assert np.isnan(self.maps[:, rows]).all(), "rows are given away once"
        np.testing.assert_array_equal(done.strip.node, np.isfinite(RESISTANCE[rows]))
        self.maps[:, rows] = done.of_sources[0], done.of_cells[0]
        return [done.strip.quality.sum(axis=1)]

    def run(self, plan: WindowPlan, report=None, journal=None):
        over_windows = WindowPass(self.compute, self.take, sources=1, cells=1, numbers=1, sums=1)
        return over_windows.run(plan, ArrayCells(RESISTANCE, QUALITY), report or Listener(), journal)


@pytest.fixture(scope="module")
def whole() -> tuple[Sums, object]:
    sums = Sums()
    return sums, sums.run(PLAN)


def test_every_row_is_given_away(whole):
    sums, ((_,), (quality,)) = whole
    assert not np.isnan(sums.maps).any()
    assert quality == math.fsum(QUALITY[np.isfinite(RESISTANCE) & ~np.isnan(QUALITY)])


def test_blocks_without_a_source_are_not_computed(whole):
    node = np.pad(np.isfinite(RESISTANCE), ((0, 1), (0, 1)))
    assert whole[0].computed == np.any(node.reshape(8, 3, 9, 2), axis=(1, 3)).sum() < 72


@pytest.mark.parametrize("band_rows", [3, 6, 9, 24])
def test_bands_change_no_bit(whole, band_rows):
    found = Sums()
    numbers = found.run(replace(PLAN, band_rows=band_rows))
    np.testing.assert_array_equal(found.maps, whole[0].maps)
    assert numbers[1] == whole[1][1]
    assert numbers[0] == pytest.approx(whole[1][0], rel=1e-14)  # its batches hold other windows


class Stops(Listener):
    """Asks to stop after some batches."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def raise_if_cancelled(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


@pytest.mark.parametrize("around", [0, COLUMNS])
def test_zones_have_windows_of_their_own(around):
    """Row by row as in a plan of the zone's window alone; what windows of two zones add to a cell is added up."""
    columns = COLUMNS - 1 if around else COLUMNS  # which blocks divide
    cells = ArrayCells(RESISTANCE[:, :columns], QUALITY[:, :columns])
    zoned = replace(ZONED, columns=columns, around=columns if around else 0)

    def run(plan: WindowPlan, first: int = 0, last: int = ROWS) -> list[np.ndarray]:
        sums, maps = Sums(), np.zeros((2, ROWS, columns))

        def compute(batch: Batch) -> Found:
            found = sums.compute(batch)
            top = batch.first_rows + batch.window.halo_rows
            inside = ((top >= first) & (top < last))[:, None]
            values = found.of_cells[0] * inside[..., None]
            return Found([found.of_sources[0] * inside], [values])

        def take(done: Finished) -> tuple[()]:
            rows = slice(done.strip.first, done.strip.first + len(done.strip.quality))
            maps[:, rows] = done.of_sources[0], done.of_cells[0]
            return ()

        WindowPass(compute, take, sources=1, cells=1).run(plan, cells, Listener())
        return maps

    alone = [run(zoned.at(zone.first), zone.first, zone.last) for zone in ZONES]
    for band_rows in (0, 3, 6):
        np.testing.assert_allclose(run(replace(zoned, band_rows=band_rows)), sum(alone), rtol=1e-13)


def test_bands_change_no_bit_in_zones():
    results = []
    for band_rows, under_way in ((0, 2), (3, 1), (9, 3)):
        sums = Sums()
        sums.run(replace(ZONED, band_rows=band_rows, under_way=under_way))
        results.append(sums.maps)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("of", [PLAN, ZONED], ids=["alike", "zones"])
@pytest.mark.parametrize(("band_rows", "after"), list(itertools.product([3, 9, 24], [2, 5, 9])))
def test_a_run_that_was_stopped_ends_in_the_same_bits(tmp_path, monkeypatch, of, band_rows, after):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    plan = replace(of, band_rows=band_rows)
    straight = Sums()
    expected = straight.run(plan)
    maps = np.full((2, ROWS, COLUMNS), np.nan)
    heard: list[str] = []
    for turn in itertools.count():
        journal = Journal({"job": 1}, tmp_path)
        journal.enter_later("plan", {})
        part, report = Sums(), Stops(after + turn if turn < 4 else 1000)
        try:
            found = part.run(plan, report, journal.pass_("sums"))
            break
        except Cancelled:
            journal.close(keep=True)
        finally:
            maps = np.where(np.isnan(part.maps), maps, part.maps)
            heard.extend(report.messages)
    assert found == expected
    np.testing.assert_array_equal(maps, straight.maps)
    assert part.computed < straight.computed
    assert any("Continuing" in text for text in heard)


def test_exact_sums_have_no_order():
    numbers = [random.Random(1).uniform(-1, 1) * 10.0**e for e in range(-20, 20)] * 3 + [1e16, 1.0, -1e16]
    expected = math.fsum(numbers)
    for seed in range(5):
        random.Random(seed).shuffle(numbers)
        half = ExactSum()
        for number in numbers[:50]:
            half.add(number)
        total = ExactSum(half.partials)
        for number in numbers[50:]:
            total.add(number)
        assert total.value == expected
