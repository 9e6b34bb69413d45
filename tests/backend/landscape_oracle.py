"""The oracle for whole analyses: a landscape's graph written out cell by cell, SciPy's Dijkstra, and sums over all pairs.

Nothing of the backend is used. Parameters carry the names and defaults that the toolbox shows, and mean what its help says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

DEFAULTS: dict[str, Any] = {
    "MOVEMENT_KIND": "permeability",
    "TRANSFORMATION": "none",
    "EXPONENT": 1.0,
    "DISPERSAL_DISTANCE": None,
    "DISPERSAL_MEANING": "scale",
    "PROXIMITY": "exponential",
    "CUTOFF": 0.01,
    "DISTANCE": "least_cost",
    "NEIGHBOURS": "8",
    "EDGE_RULE": "average_resistance",
    "CORNERS": "closed",
    "SELF": False,
    "MAXIMUM_WINDOW": None,
}
FORMULA = {
    "exponential": lambda u: math.exp(-u),
    "gaussian": lambda u: math.exp(-u * u / 2),
    "inverse": lambda u: 1 / (1 + u),
    "threshold": lambda u: 1.0 if u <= 1 + 1e-9 else 0.0,
}
# What a rounding error may do to a pair that lies exactly at the cut-off.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Expected:
    """What an analysis has to find; maps are NaN where there is no node."""

    numbers: dict[str, float]
    functional: np.ndarray
    accessible: np.ndarray
    distances: np.ndarray
    counts: np.ndarray

    @property
    def C(self) -> float:
        return self.numbers["C"]


def resistance_of(x: float, kind: str, transformation: str, exponent: float) -> float:
    """Return the resistance of one cell, inf where it is no node."""
    if math.isnan(x) or math.isinf(x) or x == 0:
        return math.inf
    if transformation == "power":
        x = x**exponent
    elif transformation == "exponential":
        x = math.exp(exponent * (x - 1))
    return 1 / x if kind == "permeability" else x


def scale_of(proximity: str, distance: float, meaning: str, cutoff: float) -> float:
    """Return d0, by solving the formulas for it with numbers."""
    f = FORMULA[proximity]
    if meaning == "scale":
        return distance
    if proximity == "threshold":
        return distance
    if meaning == "mean":
        return distance / quad(f, 0, math.inf)[0]
    share = 0.5 if meaning == "median" else cutoff
    return distance / brentq(lambda u: f(u) - share, 0, 1e7, xtol=1e-14, rtol=1e-14)


def graph(resistance: np.ndarray, cell: tuple[float, float], values: dict[str, Any]) -> csr_matrix:
    """Return the graph of a raster, one loop turn per step from cell to cell."""
    rows, columns = resistance.shape
    width, height = cell
    starts, ends, costs = [], [], []
    for i in range(rows):
        for j in range(columns):
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    k, m = i + down, j + right
                    if (down, right) == (0, 0) or not (0 <= k < rows and 0 <= m < columns):
                        continue
                    diagonal = down != 0 and right != 0
                    if diagonal and values["NEIGHBOURS"] == "4":
                        continue
                    a, b = resistance[i, j], resistance[k, m]
                    if math.isinf(a) or math.isinf(b):
                        continue
                    squeezed = diagonal and math.isinf(resistance[i, m]) and math.isinf(resistance[k, j])
                    if squeezed and values["CORNERS"] == "closed":
                        continue
                    length = math.sqrt((down * height) ** 2 + (right * width) ** 2)
                    if values["EDGE_RULE"] == "average_resistance":
                        cost = length * (a + b) / 2
                    else:
                        cost = length / ((1 / a + 1 / b) / 2)
                    starts.append(i * columns + j)
                    ends.append(k * columns + m)
                    costs.append(cost)
    return csr_matrix((costs, (starts, ends)), shape=(resistance.size, resistance.size))


def distances(resistance: np.ndarray, cell: tuple[float, float], values: dict[str, Any]) -> np.ndarray:
    """Return the distance from every node to every other, (cells, cells), inf where there is none."""
    rows, columns = resistance.shape
    node = np.isfinite(resistance).ravel()
    radius = values["MAXIMUM_WINDOW"]
    if values["DISTANCE"] == "euclidean":
        found = np.full((node.size, node.size), np.inf)
        for a in np.flatnonzero(node):
            for b in np.flatnonzero(node):
                down, right = b // columns - a // columns, b % columns - a % columns
                if radius is None or max(abs(down), abs(right)) <= radius:
                    found[a, b] = math.hypot(down * cell[1], right * cell[0])
    elif radius is None:
        found = dijkstra(graph(resistance, cell, values))
    else:
        found = np.full((node.size, node.size), np.inf)
        for a in np.flatnonzero(node):
            row, column = divmod(a, columns)
            near = np.maximum.outer(np.abs(np.arange(rows) - row), np.abs(np.arange(columns) - column)) <= radius
            whole = graph(resistance, cell, values).tolil()
            whole[~near.ravel(), :] = 0
            whole[:, ~near.ravel()] = 0
            found[a] = dijkstra(whole.tocsr(), indices=a)
    found[~node] = np.inf
    found[:, ~node] = np.inf
    return found


def expect(
    quality: np.ndarray,
    movement: np.ndarray,
    cell: tuple[float, float] = (10.0, 10.0),
    counts: np.ndarray | None = None,
    **parameters: Any,
) -> Expected:
    """Return what the analyses have to find on two rasters.

    With `counts` (cells, cells) the pairs that count are given, not found from the cut-off.
    """
    values = {**DEFAULTS, **parameters}
    reading = values["MOVEMENT_KIND"], values["TRANSFORMATION"], values["EXPONENT"]
    resistance = np.array([[resistance_of(x, *reading) for x in row] for row in movement])
    node = np.isfinite(resistance)
    q = np.where(node & ~np.isnan(quality), quality, 0).ravel()
    d = distances(resistance, cell, values)
    np.fill_diagonal(d, np.inf)
    distance = values["DISPERSAL_DISTANCE"] or 4 * min(cell)
    scale = scale_of(values["PROXIMITY"], distance, values["DISPERSAL_MEANING"], values["CUTOFF"])
    f = FORMULA[values["PROXIMITY"]]
    if counts is None:
        near = np.array(
            [[f(x / scale) >= values["CUTOFF"] * (1 - ROUNDING) if x < np.inf else False for x in r] for r in d]
        )
        counts = near
    k = np.zeros_like(d)
    for a, b in np.argwhere(counts):
        k[a, b] = f(d[a, b] / scale)
    own = node.ravel().astype(float) if values["SELF"] else np.zeros(node.size)
    accessible = k @ q + own * q
    functional = q * accessible
    pairs = q @ counts @ q
    eca = math.sqrt(q @ k @ q + q @ q)
    numbers = {
        "C": float(functional.sum()),
        "ECA": eca,
        "PC": eca**2 / max(1, node.sum()) ** 2,
        "HABITAT_AREA": float((q > 0).sum() * cell[0] * cell[1]),
        "MEAN_DISTANCE": float(q @ np.where(counts, d, 0) @ q / pairs) if pairs > 0 else math.nan,
    }
    as_map = lambda v: np.where(node, v.reshape(node.shape), np.nan)  # noqa: E731
    return Expected(numbers, as_map(functional), as_map(accessible), d, counts)
