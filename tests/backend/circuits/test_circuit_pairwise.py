"""Pairs of focal nodes: beside a dense inverse, beside the laws of circuits, and whatever way it is computed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from circuit_oracle import CLOSE, RULES, Oracle, focal_of, neighbourhood, some_cells, terrain

from backend.circuit_focal import FocalNodes
from backend.circuit_landscape import CircuitLandscape, united
from backend.circuit_memory import CircuitPlan
from backend.circuit_pairs import parse_pairs
from backend.circuit_pairwise import Collected, pairwise
from backend.solvers.threads import set_thread_count


def solve(landscape, focal, report, plan, counted=None, regions_of_pair=None, **wanted):
    maps = []
    shape = landscape.shape
    collected = Collected(
        total=np.zeros(shape),
        most=np.zeros(shape),
        each=lambda a, b, current, potential: maps.append((a, b, current, potential)),
        **wanted,
    )
    counted = ~np.eye(len(focal), dtype=bool) if counted is None else counted
    resistance = pairwise(landscape, focal, counted, collected, report, plan, regions_of_pair=regions_of_pair)
    return resistance, collected, maps


@pytest.mark.parametrize(("neighbours", "rule"), RULES)
def test_resistances_currents_and_potentials_are_those_of_a_dense_inverse(neighbours, rule, report, plan):
    conductance = terrain()
    cells = some_cells(conductance, 4)
    landscape = CircuitLandscape(conductance, neighbourhood(neighbours, rule))
    resistance, collected, maps = solve(landscape, focal_of(*cells), report, plan)
    oracle = Oracle(conductance, neighbours=neighbours, rule=rule)
    total, most = np.zeros(conductance.shape), np.zeros(conductance.shape)
    for a, b in itertools.combinations(range(4), 2):
        expected = oracle.resistance(cells[a], cells[b])
        assert resistance[a, b] == pytest.approx(expected, rel=1e-7)
        assert resistance[b, a] == resistance[a, b]
        if expected < 0:
            continue
        potential = oracle.pair_potential(cells[a], cells[b])
        current = oracle.map(oracle.through(potential))
        total += current
        most = np.maximum(most, current)
        found = next(m for m in maps if m[:2] == (a, b))
        np.testing.assert_allclose(found[2], current, **CLOSE)
        np.testing.assert_allclose(found[3], oracle.map(potential), rtol=1e-6, atol=1e-6 * expected)
    np.testing.assert_allclose(collected.total, total, **CLOSE)
    np.testing.assert_allclose(collected.most, most, **CLOSE)
    assert len(maps) == (np.triu(resistance, 1) > 0).sum()


def test_short_circuits_are_one_node(report, plan):
    conductance = terrain(holes=0.1, seed=5)
    group = np.zeros(conductance.shape, np.int32)
    group[1:3, 1:4] = 7
    group[6:8, 5:8] = 9
    group[8, 0] = 7  # apart from the rest
    group[conductance == 0] = 0
    cells = [*some_cells(np.where(group == 0, conductance, 0), 3), int(np.flatnonzero(group == 7)[0])]
    landscape = CircuitLandscape(conductance, neighbourhood(), group)
    resistance, collected, _ = solve(landscape, focal_of(*cells), report, plan)
    oracle = Oracle(conductance, group=group)
    total = np.zeros(conductance.shape)
    for a, b in itertools.combinations(range(4), 2):
        assert resistance[a, b] == pytest.approx(oracle.resistance(cells[a], cells[b]), rel=1e-7)
        total += oracle.map(oracle.through(oracle.pair_potential(cells[a], cells[b])))
    np.testing.assert_allclose(collected.total, total, **CLOSE)
    assert np.ptp(collected.total[group == 7]) == 0


def test_two_focal_nodes_in_one_region_have_no_resistance(report, plan):
    group = np.zeros((4, 5), np.int32)
    group[0] = 1
    landscape = CircuitLandscape(np.ones((4, 5)), neighbourhood(), group)
    resistance, _, maps = solve(landscape, focal_of(0, 4, 19), report, plan)
    assert resistance[0, 1] == 0
    assert resistance[0, 2] == resistance[1, 2] > 0
    assert [m[:2] for m in maps] == [(0, 2), (1, 2)]


def test_focal_regions_are_one_node_in_their_own_pairs(report, plan):
    conductance = terrain(holes=0, seed=8)
    identity = np.array([1, 1, 1, 2, 3, 3])
    cells = np.array([0, 1, 9, 35, 70, 71])
    focal = FocalNodes.of_cells(identity, cells)
    landscape = CircuitLandscape(conductance, neighbourhood())

    def regions(one, other):
        return united(conductance.shape, None, [focal.cells_of(one), focal.cells_of(other)])

    resistance, collected, _ = solve(landscape, focal, report, plan, regions_of_pair=regions)
    total = np.zeros(conductance.shape)
    for a, b in itertools.combinations(range(3), 2):
        group = np.zeros(conductance.size, int)
        group[cells[identity == a + 1]], group[cells[identity == b + 1]] = 1, 2
        oracle = Oracle(conductance, group=group.reshape(conductance.shape))
        ends = cells[identity == a + 1][0], cells[identity == b + 1][0]
        assert resistance[a, b] == pytest.approx(oracle.resistance(*ends), rel=1e-7)
        total += oracle.map(oracle.through(oracle.pair_potential(*ends)))
    np.testing.assert_allclose(collected.total, total, **CLOSE)


def test_regions_that_touch_become_one():
    short = np.array([[1, 1, 0, 2], [0, 0, 0, 2]], np.int32)
    joined = united((2, 4), short, [np.array([1, 2, 3]), np.array([4, 5]), np.array([6])])
    assert len({int(joined[0, k]) for k in range(4)} | {int(joined[1, 3])}) == 1
    assert joined[1, 0] == joined[1, 1] != joined[0, 0]
    assert joined[1, 2] == 0


def test_pairs_that_are_not_connected_have_minus_one(report, plan):
    conductance = np.ones((3, 7))
    conductance[:, 3] = 0
    landscape = CircuitLandscape(conductance, neighbourhood())
    resistance, collected, maps = solve(landscape, focal_of(0, 1, 20, 3), report, plan)
    assert resistance[0, 1] > 0
    np.testing.assert_array_equal(resistance[[0, 1, 2], [2, 2, 3]], -1)  # the last lies on a gap
    assert len(maps) == 1
    assert (collected.total[:, 3:] == 0).all()
    assert (maps[0][3][:, 3:] == 0).all()


def test_current_squeezes_between_gaps_only_where_corners_are_open(report, plan):
    conductance = np.array([[1.0, 0.0], [0.0, 1.0]])
    for corners, expected in (("open", math.sqrt(2)), ("closed", -1)):
        landscape = CircuitLandscape(conductance, neighbourhood(corners=corners))
        resistance, _, _ = solve(landscape, focal_of(0, 3), report, plan)
        assert resistance[0, 1] == pytest.approx(expected)


def test_without_maps_the_resistances_are_the_same(report, plan):
    conductance = terrain(seed=2)
    focal = focal_of(*some_cells(conductance, 5))
    landscape = CircuitLandscape(conductance, neighbourhood())
    with_maps, _, _ = solve(landscape, focal, report, plan)
    counted = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(pairwise(landscape, focal, counted, Collected(), report, plan), with_maps, rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("on_disk", [False, True])
def test_batches_files_and_threads_change_nothing(batch, on_disk, report, plan):
    conductance = terrain(30, 25, seed=4)
    focal = focal_of(*some_cells(conductance, 4))
    landscape = CircuitLandscape(conductance, neighbourhood())
    resistance, collected, _ = solve(landscape, focal, report, plan)
    set_thread_count(1 if on_disk else 3)
    try:
        other, again, _ = solve(landscape, focal, report, CircuitPlan(0, batch, on_disk))
    finally:
        set_thread_count(0)
    np.testing.assert_allclose(other, resistance, rtol=1e-12)
    np.testing.assert_allclose(again.total, collected.total, rtol=1e-10, atol=1e-12)


def test_current_is_conserved_at_every_cell(report, plan):
    """In = out everywhere but at the ends: then the greater of both is half of what touches the cell."""
    conductance = terrain(12, 10, seed=6)
    cells = some_cells(conductance, 2)
    landscape = CircuitLandscape(conductance, neighbourhood())
    resistance, _, maps = solve(landscape, focal_of(*cells), report, plan)
    if resistance[0, 1] < 0:
        pytest.skip("not connected")
    current, potential = maps[0][2], maps[0][3]
    net, touching = np.zeros(conductance.size), np.zeros(conductance.size)
    oracle = Oracle(conductance)
    cell_of = {int(n): c for c, n in enumerate(oracle.index.ravel()) if n >= 0}
    for (u, v), g in oracle.branches.items():
        a, b = cell_of[u], cell_of[v]
        flow = g * (potential.ravel()[a] - potential.ravel()[b])
        net[a] -= flow
        net[b] += flow
        touching[a] += abs(flow)
        touching[b] += abs(flow)
    expected = np.zeros(conductance.size)
    expected[cells[0]], expected[cells[1]] = 1, -1
    np.testing.assert_allclose(net, expected, atol=1e-8)
    inner = np.ones(conductance.size, bool)
    inner[cells] = False
    np.testing.assert_allclose(current.ravel()[inner], touching[inner] / 2, atol=1e-7)
    np.testing.assert_allclose(current.ravel()[cells], 1, atol=1e-8)


def test_foster_the_sum_over_branches_is_the_number_of_nodes_less_one(report, plan):
    conductance = terrain(5, 4, holes=0, seed=1)
    landscape = CircuitLandscape(conductance, neighbourhood())
    counted = ~np.eye(20, dtype=bool)
    resistance = pairwise(landscape, focal_of(*range(20)), counted, Collected(), report, plan)
    branches = Oracle(conductance).branches
    assert math.fsum(g * resistance[u, v] for (u, v), g in branches.items()) == pytest.approx(19, rel=1e-9)


def test_series_and_parallel(report, plan):
    row = np.array([[1.0, 0.5, 0.25, 1.0, 2.0]])
    series = CircuitLandscape(row, neighbourhood(rule="average_resistance"))
    resistance, _, maps = solve(series, focal_of(0, 4), report, plan)
    steps = [(1 / a + 1 / b) / 2 for a, b in itertools.pairwise(row[0])]
    assert resistance[0, 1] == pytest.approx(sum(steps))
    np.testing.assert_allclose(maps[0][2], 1, rtol=1e-9)
    # Three corridors side by side between two bars of no resistance.
    block = np.ones((3, 6))
    bars = np.zeros((3, 6), np.int32)
    bars[:, 0], bars[:, -1] = 1, 2
    parallel = CircuitLandscape(block, neighbourhood(4), bars)
    resistance, _, maps = solve(parallel, focal_of(0, 5), report, plan)
    assert resistance[0, 1] == pytest.approx(5 / 3)
    np.testing.assert_allclose(maps[0][2][:, 1:-1], 1 / 3, rtol=1e-9)
    np.testing.assert_allclose(maps[0][3], np.broadcast_to(np.arange(6) / 3, (3, 6)), atol=1e-9)


def test_resistance_scales_with_the_raster_and_never_rises_with_a_better_cell(report, plan):
    conductance = terrain(7, 7, holes=0, seed=9)
    focal, counted = focal_of(0, 48), ~np.eye(2, dtype=bool)

    def resistance(values):
        return pairwise(CircuitLandscape(values, neighbourhood()), focal, counted, Collected(), report, plan)[0, 1]

    before = resistance(conductance)
    assert resistance(conductance * 4) == pytest.approx(before / 4)
    better = conductance.copy()
    better[3, 3] *= 10
    assert resistance(better) < before


def test_included_and_excluded_pairs(report, plan):
    landscape = CircuitLandscape(np.ones((4, 4)), neighbourhood())
    focal = focal_of(0, 5, 15, ids=[2, 5, 9])
    rule = parse_pairs("mode exclude\n9 2\n", "PAIRS_FILE")
    resistance, collected, maps = solve(landscape, focal, report, plan, counted=rule.counted_both_ways(focal.ids))
    assert resistance[0, 2] == resistance[2, 0] == -1
    assert [m[:2] for m in maps] == [(0, 1), (1, 2)]
    np.testing.assert_allclose(collected.total, maps[0][2] + maps[1][2], rtol=1e-12)


def test_the_ends_can_be_left_out_of_the_maps(report, plan):
    landscape = CircuitLandscape(np.ones((5, 5)), neighbourhood())
    focal = focal_of(0, 12, 24)
    _, whole, _ = solve(landscape, focal, report, plan)
    _, silent, maps = solve(landscape, focal, report, plan, silent_ends=True)
    ends = np.zeros(25)
    ends[[0, 12, 24]] = 2  # 1 A in each of two pairs
    np.testing.assert_allclose(silent.total.ravel(), whole.total.ravel() - ends, atol=1e-12)
    middle_of_first_and_last = next(m for m in maps if m[:2] == (0, 2))[2].ravel()
    assert middle_of_first_and_last[0] == middle_of_first_and_last[24] == 0
    assert silent.most.ravel()[12] == pytest.approx(middle_of_first_and_last[12])


def test_oblong_cells_are_counted_in_the_mean_of_their_sides():
    from backend.circuit_checks import neighbourhood_of
    from backend.job import Job
    from backend.raster_grid import Grid

    given = {"NEIGHBOURS": "8", "EDGE_RULE": "average_conductance", "CORNERS": "open"}
    found = neighbourhood_of(Job("pairwisecurrent", given), Grid(2, 2, 0.0, 0.0, 20.0, 5.0, south_up=False, crs=""))
    assert (found.cell_width, found.cell_height) == (2.0, 0.5)
