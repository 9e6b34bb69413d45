"""The gradient of the current with respect to conductance against central differences."""

from __future__ import annotations

import numpy as np
import pytest
from omnidirectional_oracle import Question
from omnidirectional_rasters import Silence, plan_of, source_of, window_of

from backend.omnidirectional_gradient import conductance_sensitivity


def gradient(question, weight, lanes=8, rows=8):
    found = np.full(question.resistance.shape, np.nan)

    def take(first, sums, cell):
        found[first : first + len(cell)] = sums[0]

    conductance_sensitivity(
        source_of(question),
        window_of(question),
        plan_of(lanes, rows),
        lambda first, count: weight[first : first + count],
        take,
        Silence(),
    )
    return found


@pytest.mark.parametrize("compatible", [False, True], ids=["corrected", "compatible"])
@pytest.mark.parametrize(("neighbours", "block"), [(8, 1), (4, 3), (8, 3)])
def test_it_is_the_change_of_weighted_current(currents, landscape, neighbours, block, compatible):
    resistance, strength = landscape(True, (13, 14), seed=3)
    resistance = resistance**0.3
    weight = np.random.default_rng(1).random(resistance.shape)
    question = Question(
        resistance, strength, radius=5, buffer=1, block=block, neighbours=neighbours, compatible=compatible
    )
    found = gradient(question, weight)
    assert (found[np.isnan(resistance)] == 0).all()
    cells = np.argwhere(np.isfinite(resistance))
    for row, column in cells[:: max(1, len(cells) // 12)]:
        totals = []
        for change in (1e-5, -1e-5):
            conductance = 1 / resistance
            conductance[row, column] *= 1 + change
            changed = Question(**{**vars(question), "resistance": 1 / conductance})
            totals.append((weight * currents(changed)[0]).sum())
        slope = (totals[0] - totals[1]) / (2e-5 / resistance[row, column])
        assert found[row, column] == pytest.approx(slope, rel=2e-5, abs=2e-6)


def test_it_keeps_its_value_under_batches_and_strips(landscape):
    resistance, strength = landscape(True)
    question = Question(resistance, strength, radius=4, block=3)
    weight = np.ones(resistance.shape)
    np.testing.assert_allclose(gradient(question, weight, 2, 2), gradient(question, weight), 1e-8, 1e-8)


def test_it_sums_to_nothing_over_relative_changes(landscape):
    """Doubling all conductances changes no current."""
    resistance, strength = landscape(True)
    resistance = resistance**0.3
    found = gradient(Question(resistance, strength, radius=4, block=3), np.ones(resistance.shape))
    elasticity = found / resistance
    assert abs(np.nansum(elasticity)) < 1e-10 * np.nansum(np.abs(elasticity))
