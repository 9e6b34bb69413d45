"""C that is kept up to date: always what a computation from scratch finds."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from small_landscapes import Listener

from backend.connectivity import LandscapeModel, connectivity, connectivity_gradient
from backend.dispersal import load_kernel
from backend.distances import DISTANCES
from backend.grid import Neighbourhood
from backend.incremental import Edit, IncrementalConnectivity
from backend.landscape_blocks import Blocks
from backend.proximity import Proximity
from backend.window_plan import WindowPlan
from backend.window_shape import WindowShape

CELL, SCALE = 10.0, 12.0
LIMIT = SCALE * np.log(100)
ROWS, COLUMNS = 37, 43


@pytest.fixture(scope="module")
def landscape():
    random = np.random.default_rng(3)
    resistance = 10 ** random.uniform(0, 1, (ROWS, COLUMNS))
    resistance[:, 25:] *= 4
    resistance[:9, :9] = 0.5
    resistance[random.random((ROWS, COLUMNS)) < 0.1] = np.inf
    quality = random.uniform(0, 1, (ROWS, COLUMNS)) * (random.random((ROWS, COLUMNS)) < 0.5)
    return resistance, quality


def model_of(distance: str = "least_cost") -> LandscapeModel:
    kernel = Proximity(load_kernel("exponential"), jnp.asarray(SCALE))
    return LandscapeModel(
        DISTANCES[distance](), kernel, Neighbourhood(CELL, CELL, 8, "average_resistance", "closed"), LIMIT
    )


def plan_of(halo: int = 11) -> WindowPlan:
    """Windows for resistances down to 0.5: 55 / (0.5 x 10) = 11 cells."""
    return WindowPlan(ROWS, COLUMNS, WindowShape(4, 4, halo, halo), 8, 0, 0.0)


def incremental(landscape, **options) -> IncrementalConnectivity:
    return IncrementalConnectivity(
        Blocks(model_of(), plan_of(), True), landscape[0], landscape[1], Listener(), **options
    )


def from_scratch(resistance, quality):
    return connectivity_gradient(model_of(), plan_of(), resistance, quality, Listener())


def assert_is_from_scratch(kept: IncrementalConnectivity, resistance, quality) -> None:
    expected = from_scratch(resistance, quality)
    assert kept.value() == pytest.approx(expected.total, rel=1e-12)
    total, by_resistance, by_quality = kept.gradient()
    assert total == pytest.approx(expected.total, rel=1e-12)
    scale = np.abs(expected.resistance).max()
    np.testing.assert_allclose(by_resistance, expected.resistance, rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(by_quality, expected.quality, rtol=1e-9, atol=1e-12)


def test_small_windows_give_the_same(landscape):
    """Some blocks need the plan's window, others get by with a part of it."""
    kept = incremental(landscape)
    kinds = kept.blocks.kinds(kept.blocks.ground(*landscape), np.arange(kept.blocks.count))
    assert len(np.unique(kinds)) >= 3
    assert_is_from_scratch(kept, *landscape)


@pytest.mark.parametrize("change", ["easier", "harder", "quality", "barrier", "opened"])
def test_after_changes_it_is_as_from_scratch(landscape, change):
    kept = incremental(landscape)
    kept.gradient()
    computed = kept.computed
    random = np.random.default_rng(5)
    resistance, quality = (values.copy() for values in landscape)
    for _ in range(2):
        node = np.flatnonzero(np.isfinite(resistance).ravel())
        cells = random.choice(node, 5, replace=False)
        if change == "easier":
            resistance.ravel()[cells] = np.maximum(0.5, resistance.ravel()[cells] / 4)
        elif change == "harder":
            resistance.ravel()[cells] *= 5
        elif change == "quality":
            quality.ravel()[cells] = random.uniform(0, 1, 5)
        elif change == "barrier":
            resistance.ravel()[cells] = np.inf
        else:
            resistance.ravel()[np.flatnonzero(np.isinf(resistance.ravel()))[:5]] = 1.0
        kept.move(resistance.copy(), quality.copy())
        kept.value()
    assert kept.computed - computed < kept.blocks.count
    assert_is_from_scratch(kept, resistance, quality)


def test_only_what_a_change_reaches_is_computed_again(landscape):
    kept = incremental(landscape)
    kept.value()
    before = kept.computed
    resistance = landscape[0].copy()
    row, column = np.argwhere(np.isfinite(resistance[20:30, 5:20]))[0]
    resistance[20 + row, 5 + column] *= 0.5
    kept.move(resistance, landscape[1])
    kept.value()
    assert 0 < kept.computed - before < 0.1 * kept.blocks.count


def test_trials_tell_what_each_change_alone_would_do(landscape):
    resistance, quality = landscape
    kept = incremental(landscape)
    random = np.random.default_rng(6)
    node = np.flatnonzero(np.isfinite(resistance).ravel())
    edits = []
    for number in range(12):
        cells = random.choice(node, 1 + number % 3, replace=False)
        edits.append(
            Edit(
                cells,
                np.maximum(0.5, resistance.ravel()[cells] * random.uniform(0.2, 3)),
                random.uniform(0, 1, len(cells)),
            )
        )
    found = kept.trials(edits)
    before = connectivity(model_of(), plan_of(), resistance, quality, Listener(), mean_distance=False).total
    for edit, change in zip(edits, found, strict=True):
        r, q = resistance.copy(), quality.copy()
        r.ravel()[edit.cells], q.ravel()[edit.cells] = edit.resistance, edit.quality
        after = connectivity(model_of(), plan_of(), r, q, Listener(), mean_distance=False).total
        assert change == pytest.approx(after - before, rel=1e-8, abs=1e-10 * before)
    assert kept.value() == pytest.approx(before, rel=1e-12)


def test_other_landscapes_leave_it_where_it_is(landscape):
    kept = incremental(landscape)
    before = kept.value()
    values = kept.elsewhere(landscape[0] * 2, landscape[1])
    expected = connectivity(model_of(), plan_of(), landscape[0] * 2, landscape[1], Listener(), mean_distance=False)
    assert values.sum() == pytest.approx(expected.total, rel=1e-12)
    assert kept.value() == before


def test_where_windows_are_the_definition_every_window_that_holds_a_change_is_computed(landscape):
    """No window may shrink, and a change matters to every window that holds it, here of radius 2."""
    resistance, quality = (values[:15, :15] for values in landscape)
    plan = WindowPlan(15, 15, WindowShape(1, 1, 2, 2), 32, 0, 0.0)
    model = model_of("euclidean")
    kept = IncrementalConnectivity(Blocks(model, plan, False), resistance, quality, Listener())
    kept.value()
    changed, poorer = resistance.copy(), quality.copy()
    changed[10, 10], poorer[4, 12] = np.inf, 0.9
    before = kept.computed
    kept.move(changed, poorer)
    expected = connectivity(model, plan, changed, poorer, Listener(), mean_distance=False)
    assert kept.value() == pytest.approx(expected.total, rel=1e-11)
    # The neighbours of a cell that ceases to be a node count as changed.
    assert kept.computed - before <= 25 + 49


def test_gradients_by_quality_alone_are_the_same(landscape):
    _, by_resistance, by_quality = incremental(landscape, by_paths=False).gradient()
    np.testing.assert_allclose(by_quality, from_scratch(*landscape).quality, rtol=1e-10, atol=1e-12)
    assert not by_resistance.any()


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_no_more_windows_at_once_than_are_planned(batch):
    """Or in little memory, where windows are small or few."""
    plan = replace(window_plan_of_a_large_raster(), batch=batch)
    blocks = Blocks(model_of(), plan, True)
    ground = blocks.ground(np.ones((plan.rows, plan.columns)), np.ones((plan.rows, plan.columns)))
    sizes = []
    for window, _, (resistance, *_) in blocks.batches(ground, np.arange(blocks.count), Listener()):
        sizes.append(8 * len(resistance) * window.height * window.width * window.lanes)
    one = 8 * plan.window.height * plan.window.width * plan.window.lanes
    assert 0 < max(sizes) <= max(plan.under_way * batch * one, 4_000_000)


def window_plan_of_a_large_raster() -> WindowPlan:
    return WindowPlan(200, 200, WindowShape(4, 4, 11, 11), 64, 0, 0.0)
