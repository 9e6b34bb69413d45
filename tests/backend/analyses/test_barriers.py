"""Barriers one cell wide hold in every direction, and open corners let through what the help says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from landscape_oracle import expect

ROWS, COLUMNS = np.mgrid[0:9, 0:9]
LINES = {
    "row": ROWS == 4,
    "column": COLUMNS == 4,
    "falling diagonal": ROWS == COLUMNS,
    "rising diagonal": ROWS + COLUMNS == 8,
    "staircase": (ROWS == COLUMNS) | (ROWS == COLUMNS + 1),
}
SIDES = {
    "row": ROWS < 4,
    "column": COLUMNS < 4,
    "falling diagonal": ROWS < COLUMNS,
    "rising diagonal": ROWS + COLUMNS < 8,
    "staircase": ROWS < COLUMNS,
}
BARRIERS = {"permeability": (0.0, np.nan), "resistance": (np.inf, np.nan)}


def behind(laboratory, line: str, barrier: float, **parameters) -> np.ndarray:
    """Return the accessible habitat behind a line, all habitat lying before it."""
    movement = np.where(LINES[line], barrier, 1.0)
    quality = SIDES[line].astype(float)
    outcome = laboratory.run("connectivity", quality, movement, outputs=("ACCESSIBLE_HABITAT",), **parameters)
    before = outcome.map("ACCESSIBLE_HABITAT")[SIDES[line]]
    assert (before > 0).all()
    return outcome.map("ACCESSIBLE_HABITAT")[~SIDES[line] & ~LINES[line]]


@pytest.mark.parametrize("kind", ["permeability", "resistance"])
@pytest.mark.parametrize("line", LINES)
def test_nothing_leaks_through_closed_corners(laboratory, line, kind):
    for barrier in BARRIERS[kind]:
        assert (behind(laboratory, line, barrier, MOVEMENT_KIND=kind) == 0).all()


@pytest.mark.parametrize(
    ("line", "leaks"), [("row", False), ("falling diagonal", True), ("rising diagonal", True), ("staircase", False)]
)
def test_open_corners_let_through_diagonals_of_single_cells_only(laboratory, line, leaks):
    assert (behind(laboratory, line, 0.0, CORNERS="open") > 0).all() == leaks


def test_four_neighbours_never_pass_a_diagonal(laboratory):
    assert (behind(laboratory, "falling diagonal", 0.0, CORNERS="open", NEIGHBOURS="4") == 0).all()


@pytest.mark.parametrize("corners", ["closed", "open"])
def test_one_step_beside_a_single_barrier_cell_is_free(laboratory, corners):
    """The diagonal past one barrier cell is a step; past two it is one with open corners only."""
    quality = np.array([[1.0, 0.0], [0.0, 1.0]])
    one = laboratory.run("connectivity", quality, np.array([[1.0, 0.0], [1.0, 1.0]]), CORNERS=corners)
    two = laboratory.run("connectivity", quality, np.array([[1.0, 0.0], [0.0, 1.0]]), CORNERS=corners)
    step = 2 * math.exp(-10 * math.sqrt(2) / 40)
    assert one.numbers["C"] == pytest.approx(step, rel=1e-14)
    assert two.numbers["C"] == pytest.approx(step if corners == "open" else 0, rel=1e-14)


@pytest.mark.parametrize(("neighbours", "steps"), [("8", 2 + 2 * math.sqrt(2)), ("4", 6.0)])
def test_the_way_through_a_gap_has_its_true_length(laboratory, neighbours, steps):
    quality, permeability = np.zeros((3, 3)), np.ones((3, 3))
    quality[0, 0] = quality[0, 2] = 1
    permeability[:2, 1] = 0
    outcome = laboratory.run("connectivity", quality, permeability, NEIGHBOURS=neighbours)
    assert outcome.numbers["C"] == pytest.approx(2 * math.exp(-10 * steps / 40), rel=1e-14)
    assert outcome.numbers["MEAN_DISTANCE"] == pytest.approx(10 * steps, rel=1e-14)


def test_a_euclidean_distance_sees_no_barrier(laboratory):
    open_side = behind(laboratory, "column", 0.0, DISTANCE="euclidean")
    assert (open_side > 0).all()


def test_the_raster_edge_is_no_way_round(laboratory):
    """A barrier that ends at the edge of the EXTENT is not walked round outside of it."""
    quality, permeability = np.ones((9, 9)), np.ones((9, 9))
    permeability[3:6, 4] = 0
    extent = [200_000.0, 200_090.0, 1_299_940.0, 1_299_970.0]
    outcome = laboratory.run("connectivity", quality, permeability, EXTENT=extent)
    assert outcome.numbers["C"] == pytest.approx(2 * expect(np.ones((3, 4)), np.ones((3, 4))).C, rel=1e-12)
