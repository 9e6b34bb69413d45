"""Set JAX up, and the oracle for least-cost distances: the graph of a raster written out cell by cell, and SciPy's Dijkstra."""

import math
import os
import tempfile

import jax
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from backend.grid import Neighbourhood
from backend.window_shape import WindowShape

jax.config.update("jax_enable_x64", True)
# What tests break off is no business of the user's own runs.
os.environ["DRIFTWAY_JOURNALS"] = tempfile.mkdtemp(prefix="driftway-journals-")

STRAIGHT = [(-1, 0), (1, 0), (0, -1), (0, 1)]
DIAGONAL = [(-1, -1), (-1, 1), (1, -1), (1, 1)]


def _graph_of(resistance: np.ndarray, neighbourhood: Neighbourhood, inside=None) -> csr_matrix:
    """Build the graph; ``inside`` limits it to some cells."""
    height, width = resistance.shape
    node = np.isfinite(resistance) if inside is None else np.isfinite(resistance) & inside
    steps = STRAIGHT + (DIAGONAL if neighbourhood.neighbours == 8 else [])
    starts, ends, costs = [], [], []
    for i in range(height):
        for j in range(width):
            for down, right in steps:
                k, m = i + down, j + right
                if not (0 <= k < height and 0 <= m < width and node[i, j] and node[k, m]):
                    continue
                squeezed = (
                    down != 0 and right != 0 and not np.isfinite(resistance[i, m]) and not np.isfinite(resistance[k, j])
                )
                if squeezed and neighbourhood.corners == "closed":
                    continue
                length = math.sqrt((down * neighbourhood.cell_height) ** 2 + (right * neighbourhood.cell_width) ** 2)
                a, b = resistance[i, j], resistance[k, m]
                mean = (a + b) / 2 if neighbourhood.edge_rule == "average_resistance" else 2 / (1 / a + 1 / b)
                starts.append(i * width + j)
                ends.append(k * width + m)
                costs.append(length * mean)
    return csr_matrix((costs, (starts, ends)), shape=(height * width, height * width))


def _expected_distances(
    resistance: np.ndarray, neighbourhood: Neighbourhood, window: WindowShape, limit: float = np.inf
) -> np.ndarray:
    """Return (height, width, lanes) distances within the limit."""
    height, width = resistance.shape
    whole = None if window.own_windows else _graph_of(resistance, neighbourhood)
    result = np.full((height, width, window.lanes), np.inf)
    for lane in range(window.lanes):
        row, column = window.source_cell(lane)
        if not np.isfinite(resistance[row, column]):
            continue
        graph = whole
        if graph is None:
            near_rows = np.abs(np.arange(height) - row) <= window.halo_rows
            near_columns = np.abs(np.arange(width) - column) <= window.halo_columns
            graph = _graph_of(resistance, neighbourhood, near_rows[:, None] & near_columns)
        result[..., lane] = dijkstra(graph, indices=row * width + column).reshape(height, width)
    return np.where(result <= limit * (1 + 1e-12), result, np.inf)


def _landscape(height: int, width: int, seed: int, decades: float = 6.0, holes: float = 0.15) -> np.ndarray:
    """Return resistances over some decades, with cells that are no nodes."""
    random = np.random.default_rng(seed)
    resistance = 10 ** random.uniform(0, decades, (height, width))
    resistance[random.random((height, width)) < holes] = np.inf
    return resistance


@pytest.fixture(scope="session")
def expected_distances():
    return _expected_distances


@pytest.fixture(scope="session")
def landscape():
    return _landscape


@pytest.fixture(scope="session")
def graph_of():
    return _graph_of


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled_programs():
    """Keep the memory of the tests' process small: the programs of one module are of little use to the next."""
    yield
    jax.clear_caches()
