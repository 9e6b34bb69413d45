"""Currents of the moving window against SciPy's SuperLU, window by window, and against laws of circuits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from omnidirectional_oracle import Question, omnidirectional

from backend.moving_window import MovingWindow
from backend.solvers import threads

# Both solve directly in double precision; resistances span three decades.
RTOL = 1e-11


def agree(found, expected):
    for got, true in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, true, RTOL, RTOL * np.abs(true).max())


def variants(landscape, holes) -> Iterator[dict[str, Any]]:
    resistance, strength = landscape(holes)
    random = np.random.default_rng(5)
    warmth = random.random(resistance.shape)
    cover = random.integers(0, 3, resistance.shape).astype(float)
    cover[random.random(cover.shape) < 0.1] = np.nan
    conditions = [(warmth, warmth[::-1], "within", -0.3, 0.2), (cover, cover, "equal", 0, 0)]
    yield {"block": 1}
    yield {"block": 3, "buffer": 2}
    yield {"block": 5, "conditions": conditions}
    yield {"block": 3, "target": warmth}
    yield {"block": 3, "correct_artefacts": False, "radius": 9}


@pytest.mark.parametrize("compatible", [False, True], ids=["corrected", "compatible"])
@pytest.mark.parametrize("neighbours", [4, 8])
@pytest.mark.parametrize("holes", [False, True], ids=["whole", "holes"])
def test_maps_are_those_of_the_definition(currents, landscape, holes, neighbours, compatible):
    resistance, strength = landscape(holes)
    for variant in variants(landscape, holes):
        question = Question(resistance, strength, neighbours=neighbours, compatible=compatible, **variant)
        agree(currents(question), omnidirectional(question))


def test_a_raster_smaller_than_the_window(currents, landscape):
    resistance, strength = landscape(True, (7, 9))
    question = Question(resistance, strength, radius=11, block=3)
    agree(currents(question), omnidirectional(question))


@pytest.mark.parametrize(
    ("more", "weight"),
    [
        ({"decay": "exponential", "decay_distance": 2.5}, lambda d, r: np.exp(-np.hypot(d, r) / 2.5)),
        ({"decay": "gaussian", "decay_distance": 2.5}, lambda d, r: np.exp(-(d**2 + r**2) / 12.5)),
        ({"decay": "linear", "decay_distance": 4}, lambda d, r: np.maximum(0, 1 - np.hypot(d, r) / 4)),
        # Movement to the east comes from the west.
        ({"direction": 90, "wedge": 90}, lambda d, r: (r < 0) & (abs(d) <= -r)),
        ({"direction": 0, "wedge": 90}, lambda d, r: (d > 0) & (abs(r) <= d)),
    ],
    ids=["exponential", "gaussian", "linear", "eastwards", "northwards"],
)
def test_sources_that_decay_or_lie_in_a_wedge(currents, landscape, more, weight):
    resistance, strength = landscape(True)
    question = Question(resistance, strength, block=3, source_weight=weight)
    agree(currents(question, **more), omnidirectional(question))


def test_batches_strips_and_threads_change_the_last_digits_at_most(currents, landscape):
    resistance, strength = landscape(True)
    question = Question(resistance, strength, radius=4, block=1)
    first = currents(question)
    for lanes, rows in ((8, 2), (2, 8), (2, 100)):
        for one, other in zip(currents(question, lanes, rows), first, strict=True):
            np.testing.assert_allclose(one, other, 1e-12, 1e-12)
    threads.set_thread_count(1)
    try:
        alone = currents(question)
    finally:
        threads.set_thread_count(0)
    for one, other in zip(alone, first, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_resistance_current_is_its_potential(currents, landscape):
    _, strength = landscape(False)
    for barrier in (False, True):
        resistance = np.ones(strength.shape)
        if barrier:
            resistance[10, 3:12] = np.nan
        cumulative, potential, ratio = currents(Question(resistance, strength, block=3))
        np.testing.assert_allclose(cumulative, potential, 1e-11, 1e-11)
        there = potential > 0
        np.testing.assert_allclose(ratio[there], 1, 1e-9)


def test_currents_do_not_change_with_the_unit_of_resistance(currents, landscape):
    resistance, strength = landscape(True)
    one = currents(Question(resistance, strength, block=3))
    other = currents(Question(resistance * 1e6, strength, block=3))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-10)


def test_a_target_receives_what_its_block_is_worth(currents):
    strength = np.zeros((11, 11))
    strength[5, 5], strength[5, 8], strength[2, 5] = 3.0, 1.0, 0.5
    target = np.zeros((11, 11))
    target[5, 5] = 3.0
    question = Question(np.ones((11, 11)), strength, radius=5, block=1, target=target)
    cumulative, _, _ = currents(question)
    assert cumulative[5, 5] == pytest.approx(3, rel=1e-12)
    assert cumulative[5, 8] >= 2 - 1e-12
    corridor = np.full((11, 11), np.nan)
    corridor[5] = 1.0
    strength[2, 5] = 0
    cumulative, _, _ = currents(Question(corridor, strength, radius=5, block=1, target=target))
    np.testing.assert_allclose(cumulative[5], [0, 0, 0, 0, 0, 3, 3, 3, 3, 0, 0], atol=1e-12)


def test_a_mirrored_landscape_has_mirrored_currents(currents, landscape):
    resistance, strength = landscape(True, (23, 23))
    question = Question(resistance, strength, radius=6, block=1)
    mirrored = Question(resistance[::-1, ::-1], strength[::-1, ::-1], radius=6, block=1)
    for a, b in zip(currents(question), currents(mirrored), strict=True):
        np.testing.assert_allclose(a, b[::-1, ::-1], 1e-9, 1e-10)


def test_artefact_correction_makes_blocks_flow_like_single_cells(currents):
    shape = (60, 60)
    resistance, strength = np.ones(shape), np.ones(shape)
    inner = np.s_[24:36, 24:36]
    single = currents(Question(resistance, strength, radius=10, block=1))[0][inner]
    corrected = currents(Question(resistance, strength, radius=10, block=3))[0][inner]
    plain = currents(Question(resistance, strength, radius=10, block=3, correct_artefacts=False))[0][inner]
    # Not exactly: windows of a block's outer cells reach beyond the block's circle.
    assert np.abs(corrected / single - 1).max() < 0.02
    assert np.abs(plain / single - 1).max() > 0.06


def test_lengths_in_map_units_on_oblong_cells(currents, landscape):
    resistance, strength = landscape(False)
    found = MovingWindow(30, cell_height=10, cell_width=5)
    assert found.reach == (3, 6)
    down, right = found.offsets()
    np.testing.assert_array_equal(found.inside(), np.hypot(down * 10, right * 5) <= 30)
    scales = MovingWindow(30, step_height=2.0).edge_scales
    np.testing.assert_allclose(scales, [0.5, 0.25, 0.5 / math.sqrt(5)])
