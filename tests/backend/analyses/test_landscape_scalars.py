"""Closeness, isolation, metapopulation capacity and criticality, beside dense matrices and landscapes without a cell."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra
from small_landscapes import CELL, Laboratory, Listener, hills

from backend.cells import ArrayCells
from backend.connectivity import LandscapeModel, connectivity
from backend.criticality import criticality
from backend.criticality_plan import check_windows_anew
from backend.dispersal import load_kernel
from backend.distances import ResistanceDistance
from backend.errors import InputError
from backend.grid import Neighbourhood
from backend.metapopulation import leading_eigenpair
from backend.proximity import Proximity
from backend.window_plan import WindowPlan
from backend.window_shape import WindowShape

SCALE = 25.0
REACH = SCALE * np.log(100)
SETTINGS = {"DISPERSAL_DISTANCE": SCALE}


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    return Laboratory(tmp_path_factory.mktemp("scalars"))


def dense(graph_of, quality, permeability) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return qualities, distances (inf where they do not count) and proximities between all cells."""
    node = np.nan_to_num(permeability) > 0
    resistance = np.where(node, 1 / np.where(node, permeability, 1), np.inf)
    distances = dijkstra(graph_of(resistance, Neighbourhood(*CELL)))
    np.fill_diagonal(distances, np.inf)
    distances[distances > REACH] = np.inf
    proximity = np.exp(-distances / SCALE)
    return np.where(node, np.nan_to_num(quality), 0).ravel(), distances, proximity


def test_isolation_is_the_mean_distance_and_closeness_its_corrected_inverse(laboratory, graph_of):
    quality, permeability = hills()
    outcome = laboratory.run("connectivity", quality, permeability, outputs=("ISOLATION", "CLOSENESS"), **SETTINGS)
    q, distances, _ = dense(graph_of, quality, permeability)
    node = (np.nan_to_num(permeability) > 0).ravel()
    reached = np.isfinite(distances) @ q
    length = np.where(np.isfinite(distances), distances, 0) @ q
    with np.errstate(invalid="ignore", divide="ignore"):
        isolation = np.where(node & (reached > 0), length / reached, np.nan)
        closeness = np.where(node, np.where(reached > 0, reached**2 / length / (q.sum() - q), 0), np.nan)
    np.testing.assert_allclose(outcome.map("ISOLATION").ravel(), isolation, rtol=1e-6)
    np.testing.assert_allclose(outcome.map("CLOSENESS").ravel(), closeness, rtol=1e-6)


@pytest.mark.parametrize("count_self", [False, True])
def test_metapopulation_capacity_is_the_leading_eigenvalue(laboratory, graph_of, count_self):
    quality, permeability = hills()
    outcome = laboratory.run(
        "connectivity", quality, permeability, outputs=("METAPOPULATION_SHARE",), SELF=count_self, **SETTINGS
    )
    q, _, proximity = dense(graph_of, quality, permeability)
    matrix = q[:, None] * (proximity + np.eye(len(q)) * count_self) * q
    values, vectors = np.linalg.eigh(matrix)
    assert outcome.numbers["METAPOPULATION_CAPACITY"] == pytest.approx(values[-1], rel=1e-9)
    share = np.abs(vectors[:, -1]) / np.abs(vectors[:, -1]).sum()
    found = outcome.map("METAPOPULATION_SHARE")
    np.testing.assert_allclose(np.nan_to_num(found).ravel(), share, atol=1e-6 * share.max())
    assert (np.isnan(found) == ~(np.nan_to_num(permeability) > 0)).all()
    assert any("relative residual" in text for text in outcome.heard.messages)


def test_an_eigenpair_need_not_be_of_a_symmetric_matrix_or_of_one_piece():
    random = np.random.default_rng(2)
    matrix = np.zeros((90, 90))
    matrix[:40, :40], matrix[40:, 40:] = random.uniform(0, 1, (40, 40)), random.uniform(0, 0.9, (50, 50)) ** 3
    values, vectors = np.linalg.eig(matrix)
    best = np.argmax(values.real)
    value, vector, residual = leading_eigenpair(lambda v: matrix @ v, np.ones(90), Listener())
    assert value == pytest.approx(values[best].real, rel=1e-9)
    np.testing.assert_allclose(vector, np.abs(vectors[:, best].real), atol=1e-6)
    assert residual <= 1e-7


def test_nothing_connected_has_no_capacity(laboratory):
    quality, permeability = np.zeros((3, 3)), np.ones((3, 3))
    assert (
        laboratory.run("connectivity", quality, permeability, METAPOPULATION=True).numbers["METAPOPULATION_CAPACITY"]
        == 0
    )
    quality[0, 0] = 2
    assert (
        laboratory.run("connectivity", quality, permeability, METAPOPULATION=True).numbers["METAPOPULATION_CAPACITY"]
        == 0
    )


def test_criticality_is_what_the_landscape_without_the_cell_loses(laboratory, graph_of):
    quality, permeability = hills()
    outcome = laboratory.run("connectivity", quality, permeability, outputs=("CRITICALITY",), **SETTINGS)
    found = outcome.map("CRITICALITY")
    q, _, proximity = dense(graph_of, quality, permeability)
    whole = q @ proximity @ q
    assert outcome.numbers["C"] == pytest.approx(whole, rel=1e-12)
    wanted = np.full(quality.shape, np.nan)
    for row, column in np.argwhere(np.nan_to_num(permeability) > 0):
        without = permeability.copy()
        without[row, column] = 0
        q, _, proximity = dense(graph_of, quality, without)
        wanted[row, column] = whole - q @ proximity @ q
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * np.nanmax(wanted))
    # As habitat alone it loses what the gradient says, exactly: C is linear in each quality. As a way it loses more.
    elasticity = laboratory.run(
        "sensitivity", quality, permeability, outputs=("ELASTICITY",), WITH_RESPECT_TO=["quality"], **SETTINGS
    ).map("ELASTICITY")
    assert (found >= elasticity - 1e-5 * np.nanmax(found))[~np.isnan(found)].all()
    assert (found > elasticity * 1.01)[~np.isnan(found)].any()


def test_criticality_where_no_way_depends_on_the_cell_is_the_elasticity(laboratory):
    quality, permeability = hills()
    settings = {**SETTINGS, "DISTANCE": "euclidean"}
    found = laboratory.run("connectivity", quality, permeability, outputs=("CRITICALITY",), SELF=True, **settings)
    elasticity = laboratory.run(
        "sensitivity", quality, permeability, outputs=("ELASTICITY",), WITH_RESPECT_TO=["quality"], **settings
    )
    q = np.nan_to_num(quality)
    np.testing.assert_allclose(found.map("CRITICALITY"), elasticity.map("ELASTICITY") + q**2, rtol=1e-5, atol=1e-9)


def test_criticality_in_declared_windows():
    """Where a cell beyond the reach carries current all the same."""
    quality, permeability = (np.nan_to_num(each) for each in hills(6, 7))
    resistance = np.where(permeability > 0, 1 / np.where(permeability > 0, permeability, 1), np.inf)
    proximity = Proximity(load_kernel("exponential"), jnp.asarray(SCALE))
    model = LandscapeModel(ResistanceDistance(), proximity, Neighbourhood(*CELL), 15.0)
    plan = WindowPlan(6, 7, WindowShape(3, 3, 2, 2), 4, 0, 0.0)
    found = criticality(model, plan, ArrayCells(resistance, quality), Listener(), ways_end_at_limit=False)
    totals = []
    for cell in (None, (2, 3), (0, 5), (5, 6)):
        without = resistance.copy()
        if cell is not None:
            without[cell] = np.inf
        totals.append(connectivity(model, plan, without, quality, Listener(), mean_distance=False).total)
    lost = [found.loss[cell] for cell in ((2, 3), (0, 5), (5, 6))]
    np.testing.assert_allclose(lost, totals[0] - np.array(totals[1:]), rtol=1e-9, atol=1e-12)


def test_criticality_that_takes_days_is_refused():
    plan = WindowPlan(1000, 2000, WindowShape(4, 4, 20, 20), 64, 10**9, 300.0)
    with pytest.raises(
        InputError, match=r"CRITICALITY: It takes about 161 hours: each of the 125000 windows.*EXTENT to 297\d+ cells"
    ):
        check_windows_anew(plan, Listener())
    heard = Listener()
    check_windows_anew(WindowPlan(50, 50, WindowShape(4, 4, 5, 5), 64, 10**9, 0.1), heard)
    assert "196 cells" in heard.messages[0]


def test_a_cell_out_of_reach_may_hold_a_diagonal_step_open(laboratory):
    quality = np.ones((6, 6))
    resistance = np.full((6, 6), np.nan)
    resistance[2, 2] = resistance[3, 3] = 1
    resistance[2, 3] = 50  # without it the step from (2, 2) to (3, 3) squeezes between two barriers
    options = {"MOVEMENT_KIND": "resistance", "DISPERSAL_DISTANCE": 5.0}
    whole = laboratory.run("connectivity", quality, resistance, outputs=("CRITICALITY",), **options)
    assert whole.numbers["C"] > 0
    assert whole.map("CRITICALITY")[2, 3] == pytest.approx(whole.numbers["C"], rel=1e-6)
