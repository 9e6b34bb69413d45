"""Sensitivities of effective resistances: beside finite differences and the laws that they obey."""

from __future__ import annotations

import numpy as np
import pytest
from circuit_oracle import RULES, Oracle, focal_of, neighbourhood, some_cells, terrain

from backend.circuit_landscape import CircuitLandscape
from backend.circuit_pairwise import Collected, pairwise
from backend.circuit_sensitivity import barrier_gain, resistance_gradient

STEP = 1e-5


def gradient_of(landscape, focal, report, plan, weights=None):
    shape = landscape.shape
    counted = ~np.eye(len(focal), dtype=bool)
    collected = Collected(drops=tuple(np.zeros(shape) for _ in range(4)), weights=weights)
    resistance = pairwise(landscape, focal, counted, collected, report, plan)
    circuit = landscape.circuit(None)
    return resistance, resistance_gradient(landscape.conductance, circuit, landscape.neighbourhood, collected.drops)


def total(conductance, cells, weights, **options):
    oracle = Oracle(conductance, **options)
    count = len(cells)
    return sum(weights[a, b] * oracle.resistance(cells[a], cells[b]) for a in range(count) for b in range(a + 1, count))


@pytest.mark.parametrize("one_pair", [False, True])
@pytest.mark.parametrize(("neighbours", "rule"), RULES)
def test_it_is_the_derivative(neighbours, rule, one_pair, report, plan):
    conductance = terrain(6, 6, seed=31, decades=1.5, holes=0.1)
    cells = [c for c in some_cells(conductance, 8) if Oracle(conductance, neighbours=4).part.size][:3]
    weights = np.zeros((3, 3)) if one_pair else np.ones((3, 3))
    weights[0, 2] = 1
    oracle = Oracle(conductance, neighbours=neighbours)
    if any(oracle.resistance(cells[0], c) < 0 for c in cells):
        pytest.skip("not connected")
    landscape = CircuitLandscape(conductance, neighbourhood(neighbours, rule))
    resistance, found = gradient_of(landscape, focal_of(*cells), report, plan, weights if one_pair else None)
    for cell in np.flatnonzero(conductance)[::4].tolist():
        r = 1 / conductance.ravel()[cell]
        values = []
        for sign in (1, -1):
            changed = conductance.copy()
            changed.ravel()[cell] = 1 / (r * (1 + sign * STEP))
            values.append(total(changed, cells, weights, neighbours=neighbours, rule=rule))
        slope = (values[0] - values[1]) / (2 * STEP * r)
        assert found.by_resistance.ravel()[cell] == pytest.approx(slope, rel=1e-5, abs=1e-8)
        assert found.by_conductance.ravel()[cell] == pytest.approx(-slope * r**2, rel=1e-5, abs=1e-8)
    counted = np.triu(weights, 1) > 0
    # Effective resistance is homogeneous of degree 1 in the raster.
    assert found.share.sum() == pytest.approx(resistance[counted].sum(), rel=1e-7)
    assert (found.by_resistance[conductance == 0] == 0).all()


def test_a_short_circuit_has_no_sensitivity(report, plan):
    group = np.zeros((3, 5), np.int32)
    group[:, 1:4] = 1
    landscape = CircuitLandscape(np.ones((3, 5)), neighbourhood(4), group)
    _, found = gradient_of(landscape, focal_of(5, 9), report, plan)
    assert found.by_resistance[1, 2] == pytest.approx(0, abs=1e-12)
    assert found.by_resistance[1, 0] > 0


@pytest.mark.parametrize("rule", ["average_conductance", "average_resistance"])
def test_restoring_a_cell_gains_at_least_what_the_map_says(rule, report, plan):
    conductance = terrain(5, 5, seed=33, decades=2, holes=0)
    landscape = CircuitLandscape(conductance, neighbourhood(8, rule))
    cells, weights = [0, 24], np.ones((2, 2))
    before, gradient = gradient_of(landscape, focal_of(*cells), report, plan)
    gain = barrier_gain(gradient, conductance, 1.0)
    for cell in range(25):
        better = conductance.copy()
        better.ravel()[cell] = max(1.0, better.ravel()[cell])
        fall = before[0, 1] - total(better, cells, weights, rule=rule)
        assert fall >= gain.ravel()[cell] - 1e-9
    assert gain.max() > 0
