"""Sensitivity of randomised shortest paths: to theta and to the costs of steps, against dense formulas and a law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from small_landscapes import Laboratory, hills

from backend.errors import InputError

SETTINGS = {
    "DISTANCE": "survival",
    "STEP_COST": "raster",
    "NEIGHBOURS": "4",
    "DISPERSAL_DISTANCE": 2.0,
    "CUTOFF": 1e-6,
    "RADIUS": 5,
    "WITH_RESPECT_TO": ["movement", "quality", "movement_cost"],
}
THETA = 0.03
CELL = 10.0


@pytest.fixture(scope="module")
def rasters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quality, permeability and costs of 4 x 5 cells: the window of each cell is the whole raster."""
    quality, permeability = hills(4, 5)
    return quality, permeability, np.random.default_rng(3).uniform(0.5, 2, (4, 5))


@pytest.fixture(scope="module")
def outcome(rasters, tmp_path_factory):
    quality, permeability, cost = rasters
    laboratory = Laboratory(tmp_path_factory.mktemp("walks"))
    maps = ("SENSITIVITY", "ELASTICITY")
    return laboratory.run(
        "sensitivity", quality, permeability, outputs=maps, MOVEMENT_COST=cost, THETA=THETA, **SETTINGS
    )


def connectivity(rasters: Sequence[np.ndarray], theta: float) -> float:
    """Return C by dense formulas: survival s_ij = Z_ij / Z_jj, proximity s^(1/2)."""
    quality, permeability, cost = rasters
    rows, columns = quality.shape
    node = np.isfinite(permeability) & (permeability > 0)
    A = np.zeros((quality.size, quality.size))
    C = np.zeros_like(A)
    for i, j in np.ndindex(rows, columns):
        for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if 0 <= k < rows and 0 <= m < columns and node[i, j] and node[k, m]:
                A[i * columns + j, k * columns + m] = permeability[k, m]
                C[i * columns + j, k * columns + m] = cost[k, m] * CELL
    degree = A.sum(axis=1, keepdims=True)
    W = A / np.where(degree > 0, degree, 1) * np.exp(-theta * C)
    Z = np.linalg.inv(np.eye(len(A)) - W)
    s = Z / np.diag(Z)
    np.fill_diagonal(s, 0)
    q = np.where(node, np.nan_to_num(quality), 0).ravel()
    return float(q @ np.sqrt(s) @ q)


def test_theta(rasters, outcome):
    assert outcome.numbers["C"] == pytest.approx(connectivity(rasters, THETA), rel=1e-10)
    step = 1e-5 * THETA
    slope = (connectivity(rasters, THETA + step) - connectivity(rasters, THETA - step)) / (2 * step)
    assert outcome.numbers["THETA_SENSITIVITY"] == pytest.approx(slope, rel=1e-6)
    assert outcome.numbers["THETA_ELASTICITY"] == pytest.approx(THETA * slope, rel=1e-6)


@pytest.mark.parametrize("band", [0, 1, 2], ids=["movement", "quality", "movement cost"])
def test_each_raster(rasters, outcome, band):
    """Movement is the affinity of the steps alone: their costs are held."""
    order = (1, 0, 2)
    found = outcome.bands("SENSITIVITY")[band]
    node = np.isfinite(rasters[1]) & (rasters[1] > 0)
    assert (np.isfinite(found) == node).all()
    for place in map(tuple, np.argwhere(node)):
        ends = []
        for sign in (1, -1):
            changed = [np.nan_to_num(each) if n == 0 else each.copy() for n, each in enumerate(rasters)]
            changed[order[band]][place] += sign * 1e-6
            ends.append(connectivity(changed, THETA))
        slope = (ends[0] - ends[1]) / 2e-6
        # Maps are written in single precision.
        assert found[place] == pytest.approx(slope, rel=1e-6, abs=1e-6 * np.nanmax(np.abs(found)))


def test_costs_and_theta_are_punished_together(outcome):
    """Only theta times the costs matters to survival."""
    by_cost = np.nansum(outcome.bands("ELASTICITY")[2])
    assert by_cost == pytest.approx(outcome.numbers["THETA_ELASTICITY"], rel=1e-5)
    assert "THETA_SENSITIVITY" in outcome.numbers


def test_affinities_matter_by_their_ratios_alone(outcome):
    affinity = outcome.bands("ELASTICITY")[0]
    assert abs(np.nansum(affinity)) < 1e-5 * np.nansum(np.abs(affinity))


@pytest.mark.parametrize("settings", [{}, {**SETTINGS, "STEP_COST": "inverse"}], ids=["least cost", "linked"])
def test_costs_that_are_no_raster_of_their_own_are_refused(laboratory, settings):
    chosen = {**settings, "WITH_RESPECT_TO": ["movement_cost"]}
    with pytest.raises(InputError, match=r"(?s)^WITH_RESPECT_TO: The costs of steps are not those of a raster.*leave"):
        laboratory.check("sensitivity", *hills(4, 5), **chosen)


def test_numbers_of_walks_are_those_of_walks_only(laboratory):
    assert "THETA_SENSITIVITY" not in laboratory.run("sensitivity", *hills(4, 5)).numbers
