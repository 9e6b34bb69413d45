"""One focal node to all others and back: beside a dense solve of each run."""

from __future__ import annotations

import numpy as np
import pytest
from circuit_oracle import CLOSE, RULES, Oracle, neighbourhood, some_cells, terrain

from backend.circuit_landscape import CircuitLandscape
from backend.circuit_memory import CircuitPlan
from backend.circuit_star import StarMaps, StarRun, star_currents


def runs_of(cells, strengths, mode):
    runs = []
    for k, cell in enumerate(cells):
        others = np.array([c for c in cells if c != cell])
        rest = np.delete(np.asarray(strengths, float), k)
        if mode == "one-to-all":
            runs.append(StarRun(k + 1, np.array([cell]), np.array([strengths[k]], float), others, cell))
        else:
            runs.append(StarRun(k + 1, others, rest, np.array([cell]), cell))
    return runs


def solve(landscape, runs, mode, report, plan, regions=None):
    maps = []
    shape = landscape.shape
    wanted = StarMaps(
        np.zeros(shape), np.zeros(shape), lambda run, current, v: maps.append((run, current.copy(), v.copy()))
    )
    values = star_currents(landscape, regions, runs, mode, wanted, report, plan)
    return values, wanted, maps


def expected(oracle, run):
    source, ground = np.zeros(oracle.count), np.zeros(oracle.count)
    for cell, strength in zip(run.sources, run.strengths, strict=True):
        source[oracle.at(cell)] += strength
    for cell in run.grounds:
        ground[oracle.at(cell)] = np.inf
    own = oracle.part == oracle.part[oracle.at(run.solved_at)]
    return oracle.solve(np.where(own, source, 0), np.where(own, ground, 0))


@pytest.mark.parametrize("mode", ["one-to-all", "all-to-one"])
@pytest.mark.parametrize(("neighbours", "rule"), RULES)
def test_every_run_is_that_of_a_dense_solve(neighbours, rule, mode, report, plan):
    conductance = terrain(seed=11)
    cells = some_cells(conductance, 5)
    strengths = [1.0, 0.5, 2.0, 0.1, 3.0]
    landscape = CircuitLandscape(conductance, neighbourhood(neighbours, rule))
    runs = runs_of(cells, strengths, mode)
    values, wanted, maps = solve(landscape, runs, mode, report, plan)
    oracle = Oracle(conductance, neighbours=neighbours, rule=rule)
    total = np.zeros(conductance.shape)
    for k, (run, value) in enumerate(zip(runs, values, strict=True)):
        voltage = expected(oracle, run)
        current = oracle.map(oracle.through(voltage))
        total += current
        np.testing.assert_allclose(maps[k][1], current, **CLOSE)
        np.testing.assert_allclose(
            maps[k][2], oracle.map(voltage), rtol=1e-6, atol=1e-6 * max(1, np.abs(voltage).max())
        )
        if not voltage.any():
            assert value == -1
        elif mode == "one-to-all":
            assert value == pytest.approx(voltage[oracle.at(cells[k])] / strengths[k], rel=1e-7)
        else:
            assert value == 0
    np.testing.assert_allclose(wanted.total, total, **CLOSE)


def test_focal_regions_and_short_circuits_are_one_node(report, plan):
    conductance = terrain(holes=0, seed=12)
    group = np.zeros(conductance.shape, np.int32)
    group[0, :3], group[5:7, 5:7] = 1, 2
    landscape = CircuitLandscape(conductance, neighbourhood())
    cells = [0, 45, 30]
    for mode in ("one-to-all", "all-to-one"):
        runs = runs_of(cells, [1, 1, 1], mode)
        _, wanted, _ = solve(landscape, runs, mode, report, plan, regions=group)
        oracle = Oracle(conductance, group=group)
        total = sum(oracle.map(oracle.through(expected(oracle, run))) for run in runs)
        np.testing.assert_allclose(wanted.total, total, **CLOSE)


def test_all_the_current_arrives(report, plan):
    """1 A from each of three others arrives at the one that is grounded; at a source of 1 A at least that passes."""
    landscape = CircuitLandscape(np.ones((6, 6)), neighbourhood())
    cells = [0, 5, 30, 35]
    _, _, maps = solve(landscape, runs_of(cells, [1] * 4, "all-to-one"), "all-to-one", report, plan)
    for k, cell in enumerate(cells):
        assert maps[k][1].ravel()[cell] == pytest.approx(3, rel=1e-8)


def test_a_node_that_is_source_and_ground(report, plan):
    """Two focal nodes in one region: one-to-all drops the ground there, all-to-one the source."""
    group = np.zeros((3, 4), np.int32)
    group[0, :2] = 1
    landscape = CircuitLandscape(np.ones((3, 4)), neighbourhood())
    cells = [0, 1, 11]
    values, _, maps = solve(landscape, runs_of(cells, [1] * 3, "one-to-all"), "one-to-all", report, plan, regions=group)
    assert values[0] == values[1] > 0
    _, _, maps = solve(landscape, runs_of(cells, [1] * 3, "all-to-one"), "all-to-one", report, plan, regions=group)
    assert maps[0][1].ravel()[11] == pytest.approx(1)
    assert maps[2][1].ravel()[11] == pytest.approx(2)


def test_runs_without_current_have_minus_one(report, plan):
    conductance = np.ones((3, 7))
    conductance[:, 3] = 0
    landscape = CircuitLandscape(conductance, neighbourhood())
    runs = runs_of([0, 1, 20, 3], [1, 0, 1, 1], "one-to-all")
    values, _, maps = solve(landscape, runs, "one-to-all", report, plan)
    assert values[0] > 0
    np.testing.assert_array_equal(values[1:], -1)  # no strength, no ground in its part, on a gap
    assert all((m[1] == 0).all() for m in maps[1:])


def test_files_and_batches_change_nothing(report, plan):
    conductance = terrain(20, 20, seed=13)
    runs = runs_of(some_cells(conductance, 4), [1] * 4, "one-to-all")
    landscape = CircuitLandscape(conductance, neighbourhood())
    values, wanted, _ = solve(landscape, runs, "one-to-all", report, plan)
    again, other, _ = solve(landscape, runs, "one-to-all", report, CircuitPlan(0, 1, on_disk=True))
    np.testing.assert_allclose(again, values, rtol=1e-12)
    np.testing.assert_allclose(other.total, wanted.total, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        star_currents(landscape, None, runs, "one-to-all", StarMaps(), report, plan), values, rtol=1e-12
    )
