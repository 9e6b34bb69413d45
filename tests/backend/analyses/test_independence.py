"""Results depend on the landscape alone: not on blocks, batches, order, threads, memory or, but for rounding, precision."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_landscapes import Laboratory, Listener, Outcome, hills

from backend import window_plan
from backend.analyses import sensitivity
from backend.processors import available_processors
from backend.solvers import set_thread_count
from backend.windows import Windows

MAPS = ("SENSITIVITY",)
# Sums in another order; maps are stored as float32.
NUMBERS_RTOL, MAP_RTOL = 1e-12, 2e-7


def gradient(laboratory: Laboratory, **parameters) -> Outcome:
    return laboratory.run("sensitivity", *hills(), outputs=MAPS, WITH_RESPECT_TO=["movement", "quality"], **parameters)


def habitat(laboratory: Laboratory, **parameters) -> Outcome:
    return laboratory.run("connectivity", *hills(), outputs=("FUNCTIONAL_HABITAT",), **parameters)


@pytest.fixture
def reference(laboratory) -> tuple[Outcome, Outcome]:
    return habitat(laboratory), gradient(laboratory)


def same(found: Outcome, reference: Outcome, numbers_rtol: float = NUMBERS_RTOL, map_rtol: float = MAP_RTOL) -> None:
    for name, value in reference.numbers.items():
        assert found.numbers[name] == pytest.approx(value, rel=numbers_rtol), name
    for name in reference.paths:
        expected = reference.bands(name)
        np.testing.assert_allclose(found.bands(name), expected, map_rtol, map_rtol * np.nanmax(np.abs(expected)))


def windows_of(laboratory: Laboratory, **parameters) -> window_plan.WindowPlan:
    return sensitivity.check(laboratory.job("sensitivity", *hills(), **parameters), Listener()).windows


@pytest.mark.parametrize("block", [1, 2, 5])
def test_of_the_block(laboratory, reference, monkeypatch, block):
    """Blocks of 5 divide neither 9 rows nor 11 columns."""
    monkeypatch.setattr(window_plan, "_COMPILED_BLOCK", block)
    assert windows_of(laboratory).window.lanes == block**2
    same(habitat(laboratory), reference[0])
    same(gradient(laboratory), reference[1])


def test_of_the_block_where_windows_are_capped(laboratory, monkeypatch):
    first = habitat(laboratory, MAXIMUM_WINDOW=2), gradient(laboratory, MAXIMUM_WINDOW=2)
    monkeypatch.setattr(window_plan, "_COMPILED_BLOCK", 1)
    same(habitat(laboratory, MAXIMUM_WINDOW=2), first[0])
    same(gradient(laboratory, MAXIMUM_WINDOW=2), first[1])


@pytest.mark.parametrize("batch", [1, 4])
def test_of_the_batch(laboratory, reference, monkeypatch, batch):
    """Of 9 windows the last batch of 4 is not full."""
    monkeypatch.setattr(window_plan, "_COMPILED_BLOCK", 4)
    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", batch)
    assert windows_of(laboratory).batch == batch
    same(habitat(laboratory), reference[0])
    same(gradient(laboratory), reference[1])


def test_of_the_order_of_the_windows(laboratory, reference, monkeypatch):
    monkeypatch.setattr(window_plan, "_COMPILED_BLOCK", 4)
    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", 4)
    straight = Windows.__init__

    def shuffled(self, *arguments, **named) -> None:
        straight(self, *arguments, **named)
        order = np.random.default_rng(3).permutation(len(self._tops))
        self._tops, self._lefts = self._tops[order], self._lefts[order]

    monkeypatch.setattr(Windows, "__init__", shuffled)
    same(habitat(laboratory), reference[0])
    same(gradient(laboratory), reference[1])


def test_of_the_number_of_threads(laboratory, request):
    request.addfinalizer(lambda: set_thread_count(0))
    found = []
    for threads in (1, 2, 3):
        set_thread_count(threads)
        found.append((habitat(laboratory), gradient(laboratory)))
    for pair in found[1:]:
        for outcome, first in zip(pair, found[0], strict=True):
            assert outcome.numbers == first.numbers
            for name in first.paths:
                np.testing.assert_array_equal(outcome.bands(name), first.bands(name))


def test_of_the_memory(laboratory):
    """The limit leaves room for blocks of 2 x 2 only, of a distance whose windows store every pair."""
    expected = gradient(laboratory, DISTANCE="euclidean")
    roomy = windows_of(laboratory, DISTANCE="euclidean")
    one = roomy.window.height * roomy.window.width * roomy.window.lanes * 8 * window_plan._COPIES[True]
    fixed = roomy.memory - roomy.batch * one
    settings = {"memory_limit": fixed + one // 3}
    frugal = windows_of(laboratory, settings=settings, DISTANCE="euclidean")
    assert frugal.window.lanes == 4
    assert frugal.memory <= settings["memory_limit"] < roomy.memory
    same(gradient(laboratory, settings=settings, DISTANCE="euclidean"), expected)


def test_single_precision_differs_by_its_rounding_only(laboratory, reference):
    """A path of up to 15 steps in float32 (6e-8 a step), times a proximity's steepness of up to ln(100)."""
    same(habitat(laboratory, PRECISION="single"), reference[0], 2e-6, 5e-6)
    same(gradient(laboratory, PRECISION="single"), reference[1], 2e-6, 2e-5)


def test_the_plan_counts_what_it_says(laboratory):
    plan = windows_of(laboratory)
    assert (plan.rows, plan.columns, plan.blocks) == (9, 11, 4)
    assert (plan.window.halo_rows, plan.window.halo_columns) == (8, 10)
    assert dataclasses.replace(plan, rows=8, columns=8).blocks == 1
    assert available_processors() >= 1


@pytest.mark.parametrize(
    ("reach", "resistance", "cell", "cells", "expected"),
    [
        (40.0, 1.0, 10.0, 100, 4),
        (39.999, 1.0, 10.0, 100, 3),
        (40.0, 0.5, 10.0, 100, 8),
        (40.0, 2.0, 10.0, 100, 2),
        (5.0, 1.0, 10.0, 100, 0),
        (1e9, 1.0, 10.0, 100, 99),
        (40.0, 1e-320, 10.0, 100, 99),
    ],
)
def test_the_halo_holds_every_path_within_reach(reach, resistance, cell, cells, expected):
    assert window_plan.halo(reach, resistance, cell, cells) == expected
