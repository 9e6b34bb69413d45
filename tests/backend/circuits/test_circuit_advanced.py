"""Sources and grounds: beside a dense solve, and what happens where they meet."""

from __future__ import annotations

import numpy as np
import pytest
from circuit_oracle import CLOSE, RULES, Oracle, neighbourhood, some_cells, terrain

from backend.circuit_advanced import advanced_currents
from backend.circuit_grounds import settle
from backend.circuit_landscape import CircuitLandscape


def at(shape, **values):
    found = np.zeros(shape)
    for cell, value in values.items():
        found.ravel()[int(cell[1:])] = value
    return found


def node_sums(oracle, values):
    found = np.zeros(oracle.count)
    for node, value in zip(oracle.index.ravel(), values.ravel(), strict=True):
        if node >= 0:
            found[node] += value
    return found


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize(("neighbours", "rule"), RULES)
def test_it_is_a_dense_solve(neighbours, rule, merged, report):
    conductance = terrain(seed=21)
    source, ground = np.zeros(conductance.shape), np.zeros(conductance.shape)
    a, b, c, d, e, f = some_cells(conductance, 6)
    source.ravel()[[a, b, c]] = 1, 0.5, -0.25
    ground.ravel()[[d, e, f]] = np.inf, 2.0, 0.01
    group = None
    if merged:
        group = np.zeros(conductance.shape, np.int32)
        group[2:5, 2:4] = 3
        group[conductance == 0] = 0
    landscape = CircuitLandscape(conductance, neighbourhood(neighbours, rule), group)
    found = advanced_currents(landscape, source, ground, "keepall", report)
    oracle = Oracle(conductance, neighbours=neighbours, rule=rule, group=group)
    g = node_sums(oracle, ground)
    voltage = oracle.solve(node_sums(oracle, source), g)
    np.testing.assert_allclose(found.potential, oracle.map(voltage), rtol=1e-6, atol=1e-7 * np.abs(voltage).max())
    np.testing.assert_allclose(found.current, oracle.map(oracle.through(voltage, g)), **CLOSE)


def test_what_enters_goes_to_ground(report):
    landscape = CircuitLandscape(np.ones((5, 5)), neighbourhood())
    source, ground = at((5, 5), c0=2.0, c4=1.0), at((5, 5), c20=0.5, c24=0.25)
    found = advanced_currents(landscape, source, ground, "keepall", report)
    assert (found.potential * ground).sum() == pytest.approx(3, rel=1e-8)
    assert found.entering == 3


def test_uniform_field_between_two_edges(report):
    """1 A through each row of a raster: the potential falls by 1 a cell."""
    source, ground = np.zeros((4, 6)), np.zeros((4, 6))
    source[:, 0], ground[:, -1] = 1, np.inf
    found = advanced_currents(CircuitLandscape(np.ones((4, 6)), neighbourhood(4)), source, ground, "keepall", report)
    np.testing.assert_allclose(found.potential, np.broadcast_to(np.arange(5, -1, -1), (4, 6)), atol=1e-7)
    np.testing.assert_allclose(found.current, 1, rtol=1e-8)


def test_parts_without_a_ground_are_left_out_and_said(report):
    conductance = np.ones((3, 5))
    conductance[:, 2] = 0
    source, ground = at((3, 5), c0=1.0, c4=2.0), at((3, 5), c10=np.inf)
    found = advanced_currents(CircuitLandscape(conductance, neighbourhood()), source, ground, "keepall", report)
    assert (found.components, found.entering, found.lost) == (1, 1, 2)
    assert (found.current[:, 3:] == 0).all()
    assert found.solved[:, :2].all()
    assert not found.solved[:, 2:].any()


def test_nothing_to_solve(report):
    found = advanced_currents(
        CircuitLandscape(np.ones((2, 2)), neighbourhood()), at((2, 2), c0=1.0), np.zeros((2, 2)), "keepall", report
    )
    assert found.components == 0
    assert found.lost == 1
    assert not found.current.any()


def test_sources_that_sum_to_zero_flow_here_and_not_in_circuitscape(report):
    landscape = CircuitLandscape(np.ones((1, 5)), neighbourhood())
    source, ground = at((1, 5), c0=1.0, c4=-1.0), at((1, 5), c2=1.0)
    ours = advanced_currents(landscape, source, ground, "keepall", report)
    np.testing.assert_allclose(ours.current, 1, rtol=1e-8)
    theirs = advanced_currents(landscape, source, ground, "keepall", report, compatible=True)
    assert theirs.components == 0


INF = np.inf
SOURCE = np.array([1.0, 1.0, 0.0, -1.0])
GROUND = np.array([2.0, INF, 3.0, INF])


@pytest.mark.parametrize(
    ("policy", "compatible", "source", "finite", "tied"),
    [
        # An infinite ground where current enters is dropped; where it leaves, it stays.
        ("keepall", False, [1, 1, 0, -1], [2, 0, 3, 0], [0, 0, 0, 1]),
        ("rmvsrc", False, [0, 0, 0, 0], [2, 0, 3, 0], [0, 1, 0, 1]),
        ("rmvgnd", False, [1, 1, 0, -1], [0, 0, 3, 0], [0, 0, 0, 0]),
        ("rmvall", False, [0, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 0]),
        ("rmvgnd", True, [1, 1, 0, -1], [2, 0, 3, 0], [0, 0, 0, 0]),
        ("rmvall", True, [0, 0, 0, 0], [2, 0, 3, 0], [0, 1, 0, 1]),
    ],
)
def test_conflicts(policy, compatible, source, finite, tied):
    found = settle(SOURCE, GROUND, policy, compatible=compatible)
    np.testing.assert_array_equal(found.source, source)
    np.testing.assert_array_equal(found.finite, finite)
    np.testing.assert_array_equal(found.tied, np.array(tied, bool))
    np.testing.assert_array_equal(SOURCE, [1, 1, 0, -1])
