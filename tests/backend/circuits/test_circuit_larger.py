"""A raster that is too large to be solved directly: beside SciPy's factorisation, and in the balance of every cell."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from circuit_oracle import focal_of, neighbourhood, terrain
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

from backend.circuit_landscape import CircuitLandscape
from backend.circuit_pairwise import Collected, pairwise
from backend.circuit_plan import chosen_method

ROWS, COLUMNS = 106, 98
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def branches(conductance: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ends and the conductance of every edge; cells of a group carry the name of its first cell."""
    name = np.arange(conductance.size).reshape(conductance.shape)
    name[group > 0] = np.flatnonzero(group.ravel())[:1].sum()
    first, second, values = [], [], []
    for down, right in STEPS:
        here = (slice(0, ROWS - down), slice(max(0, -right), COLUMNS - max(0, right)))
        there = (slice(down, ROWS), slice(max(0, right), COLUMNS + min(0, right)))
        a, b = conductance[here], conductance[there]
        joined = (a > 0) & (b > 0) & (name[here] != name[there])
        first.append(name[here][joined])
        second.append(name[there][joined])
        values.append(((a + b) / 2 / math.hypot(down, right))[joined])
    return np.concatenate(first), np.concatenate(second), np.concatenate(values)


@pytest.mark.parametrize("with_region", [False, True])
def test_it_agrees_with_a_sparse_factorisation(with_region, report, plan):
    assert chosen_method(ROWS * COLUMNS) == "multigrid"
    conductance = terrain(ROWS, COLUMNS, seed=61, decades=3, holes=0.1)
    group = np.zeros((ROWS, COLUMNS), np.int32)
    if with_region:
        group[40:44, 20:70] = np.where(conductance[40:44, 20:70] > 0, 1, 0)
    cells = [int(np.flatnonzero(conductance.ravel()[k:])[0]) + k for k in (300, 2500, 9000)]
    landscape = CircuitLandscape(conductance, neighbourhood(), group if with_region else None)
    collected = Collected(total=np.zeros((ROWS, COLUMNS)))
    counted = ~np.eye(3, dtype=bool)
    resistance = pairwise(landscape, focal_of(*cells), counted, collected, report, plan)
    assert collected.iterations > 0
    a, b, g = branches(conductance, group)
    size = conductance.size
    matrix = coo_matrix((np.concatenate([-g, -g, g, g]), (np.r_[a, b, a, b], np.r_[b, a, a, b])), (size, size)).tocsc()
    held = cells[0]
    # Cells that are no node, and the one that is held, stand alone.
    alone = np.asarray(matrix.diagonal() == 0)
    alone[held] = True
    keep = np.flatnonzero(~alone)
    labels = landscape.parts(landscape.circuit(landscape.regions)).ravel()
    keep = keep[labels[keep] == labels[held]]
    factors = splu(matrix[keep][:, keep])
    total = np.zeros(size)
    for one, other in itertools.combinations(range(3), 2):
        source = np.zeros(size)
        source[cells[one]], source[cells[other]] = -1, 1
        voltage = np.zeros(size)
        voltage[keep] = factors.solve(source[keep])
        assert resistance[one, other] == pytest.approx(voltage[cells[other]] - voltage[cells[one]], rel=2e-7)
        flow = g * (voltage[a] - voltage[b])
        out = np.bincount(a, np.maximum(flow, 0), size) + np.bincount(b, np.maximum(-flow, 0), size)
        into = np.bincount(b, np.maximum(flow, 0), size) + np.bincount(a, np.maximum(-flow, 0), size)
        total += np.maximum(out, into)
    if with_region:
        inside = np.flatnonzero(group.ravel())
        total[inside] = total[inside[0]]
    np.testing.assert_allclose(collected.total.ravel(), total, atol=1e-6)
