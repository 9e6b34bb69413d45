"""Far cells aggregated: the definition written out cell by cell, exact gradients, and the error that is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from landscape_oracle import DEFAULTS, distances, expect
from small_landscapes import Outcome

from backend.errors import InputError

SIDE, NEAR = 2, 2
SCALE = 60.0
CUTOFF = 0.01
REACH = SCALE * math.log(1 / CUTOFF)
OPTIONS = {"COARSENING": SIDE, "DISPERSAL_DISTANCE": SCALE, "CUTOFF": CUTOFF}
MAPS = ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT")


def landscape(rows: int = 13, columns: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(11)
    quality, permeability = random.uniform(0.1, 1, (rows, columns)), random.uniform(0.4, 1, (rows, columns))
    permeability[random.random((rows, columns)) < 0.12] = np.nan
    permeability[0:2, 0:2] = np.nan  # a coarse cell without a node
    quality[random.random((rows, columns)) < 0.2] = 0
    quality[3, 4] = np.nan
    return quality, permeability


def coarse(values: np.ndarray, side: int) -> np.ndarray:
    rows, columns = (-(-size // side) for size in values.shape)
    result = np.zeros((rows, columns))
    for row, column in np.argwhere(~np.isnan(values)):
        result[row // side, column // side] += values[row, column]
    return result


def proximity(distance: np.ndarray) -> np.ndarray:
    return np.where(distance <= REACH * (1 + 1e-9), np.exp(-distance / SCALE), 0)


def accessible(quality: np.ndarray, permeability: np.ndarray, side: int, distance: str) -> tuple[np.ndarray, float]:
    """Return accessible habitat and C by the definition, one pair of cells after the other."""
    node = permeability > 0
    q = np.where(node & ~np.isnan(quality), quality, 0)
    rows, columns = q.shape
    values = {**DEFAULTS, "DISTANCE": distance}
    resistance = np.where(node, 1 / np.where(node, permeability, 1), np.inf)
    count = coarse(np.where(node, 1.0, np.nan), side)
    wide = np.where(count > 0, count / np.maximum(1e-300, coarse(np.where(node, permeability, np.nan), side)), np.inf)
    Q = coarse(q, side)
    far = distances(wide, (10.0 * side, 10.0 * side), values)
    found = np.zeros((rows, columns))
    cells = np.argwhere(np.ones_like(q, bool))
    own = cells // side
    of_window: dict[tuple[int, int], np.ndarray] = {}
    for source in np.flatnonzero(node.ravel()):
        row, column = cells[source]
        # The window of near pairs: the source's block of sources (4 x 4 cells for a side of 2) and the halo.
        block = side * math.ceil(4 / side)
        top, left = row - row % block - NEAR * side, column - column % block - NEAR * side
        high = block + 2 * NEAR * side
        inside = (cells >= (top, left)).all(axis=1) & (cells < (top + high, left + high)).all(axis=1)
        if (top, left) not in of_window:
            part = np.where(inside.reshape(rows, columns), resistance, np.inf)
            of_window[top, left] = distances(part, (10.0, 10.0), values)
        near = of_window[top, left][source]
        is_near = (np.abs(own - own[source]) <= NEAR).all(axis=1)
        is_near[source] = False
        found[row, column] = (proximity(near) * q.ravel())[is_near].sum()
        here = own[source][0] * Q.shape[1] + own[source][1]
        there = np.argwhere(np.ones_like(Q, bool))
        others = (np.abs(there - own[source]) > NEAR).any(axis=1)
        found[row, column] += (proximity(far[here]) * Q.ravel())[others].sum()
    return np.where(node, found, np.nan), float((q * found).sum())


@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
def test_it_is_what_its_definition_says(laboratory, distance):
    quality, permeability = landscape()
    expected, total = accessible(quality, permeability, SIDE, distance)
    found = laboratory.run("connectivity", quality, permeability, outputs=MAPS, DISTANCE=distance, **OPTIONS)
    np.testing.assert_allclose(found.map("ACCESSIBLE_HABITAT"), expected, 2e-7)
    assert found.numbers["C"] == pytest.approx(total, rel=1e-12)
    assert found.map("FUNCTIONAL_HABITAT")[~np.isnan(expected)].sum() == pytest.approx(total, rel=1e-6)


def gradient(laboratory, quality, permeability, **options) -> Outcome:
    both = {"WITH_RESPECT_TO": ["movement", "quality"], "outputs": ("SENSITIVITY",), "SELF": True}
    return laboratory.run("sensitivity", quality, permeability, **both, **OPTIONS, **options)


def test_its_gradient_is_exact(laboratory):
    """Against central differences in the pairs that count, along three directions; C of both analyses is the same."""
    quality, permeability = landscape()
    found = gradient(laboratory, quality, permeability)
    maps = np.nan_to_num(found.bands("SENSITIVITY"))

    def total(change: float, what: int, direction: np.ndarray, scale: float = SCALE) -> float:
        rasters = [quality.copy(), permeability.copy()]
        rasters[what] = rasters[what] + change * direction
        # Pairs at the cut-off are held: so few lie near it that none comes or goes.
        options = {**OPTIONS, "DISPERSAL_DISTANCE": scale, "CUTOFF": math.exp(-REACH / scale)}
        return laboratory.run("connectivity", *rasters, SELF=True, **options).numbers["C"]

    assert found.numbers["C"] == pytest.approx(total(0, 0, np.zeros_like(quality)), rel=1e-13)
    random = np.random.default_rng(0)
    for what, band in ((1, 0), (0, 1)):
        direction = random.uniform(0.2, 1, quality.shape) * ((quality, permeability)[what] > 0)
        step = 1e-6
        slope = (total(step, what, direction) - total(-step, what, direction)) / (2 * step)
        expected = (direction * maps[band]).sum()
        assert slope == pytest.approx(expected, rel=1e-6)
    step = 1e-4
    slope = (total(0, 0, direction, SCALE + step) - total(0, 0, direction, SCALE - step)) / (2 * step)
    assert slope == pytest.approx(found.numbers["DISPERSAL_SENSITIVITY"], rel=1e-6)


def test_the_error_that_is_said_is_that_of_the_sample(laboratory):
    """Of a raster of so few blocks the sample is the whole."""
    quality, permeability = landscape(8, 13)
    exact = expect(quality, permeability, DISPERSAL_DISTANCE=SCALE)
    found = laboratory.run("connectivity", quality, permeability, **OPTIONS)
    change = found.numbers["C"] / exact.C - 1
    assert 1e-4 < abs(change) < 0.2
    assert found.numbers["COARSENING_ERROR"] == pytest.approx(100 * change, rel=1e-9)
    assert any("on a sample of 8 blocks" in text for text in found.heard.messages)
    assert gradient(laboratory, quality, permeability).numbers["COARSENING_ERROR"] == pytest.approx(
        100 * change, rel=1e-9
    )


def test_it_is_exact_where_all_pairs_are_near(laboratory):
    pair = landscape(9, 9)
    exact = laboratory.run("connectivity", *pair, DISPERSAL_DISTANCE=SCALE)
    found = laboratory.run("connectivity", *pair, DISPERSAL_DISTANCE=SCALE, COARSENING=3)
    for name, value in exact.numbers.items():
        assert found.numbers[name] == pytest.approx(value, rel=1e-12, abs=1e-9), name


def test_euclidean_distances_of_uniform_habitat_hardly_change(laboratory):
    """Of a smooth landscape the coarse sum is a quadrature of the fine one."""
    ones = np.ones((40, 40))
    exact = laboratory.run("connectivity", ones, ones, DISTANCE="euclidean", DISPERSAL_DISTANCE=100.0)
    found = laboratory.run("connectivity", ones, ones, DISTANCE="euclidean", DISPERSAL_DISTANCE=100.0, COARSENING=2)
    assert found.numbers["C"] == pytest.approx(exact.numbers["C"], rel=5e-3)
    assert found.numbers["MEAN_DISTANCE"] == pytest.approx(exact.numbers["MEAN_DISTANCE"], rel=5e-3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"DISTANCE": "resistance"}, "^COARSENING: The distance resistance is defined in its window"),
        ({"MAXIMUM_WINDOW": 3}, "^COARSENING: It does not go with MAXIMUM_WINDOW"),
        ({"COARSENING": 9}, "^COARSENING: 9 is out of range"),
    ],
)
def test_what_cannot_be_coarse_is_refused(laboratory, options, match):
    with pytest.raises(InputError, match=match):
        laboratory.check("connectivity", *landscape(), **{**OPTIONS, **options})
