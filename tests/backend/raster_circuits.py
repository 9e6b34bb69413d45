"""Raster circuits for tests: rough and hard landscapes, and the wires of a circuit written out."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.ndimage import gaussian_filter

from backend.neighbourhood import Neighbourhood

CIRCUITSCAPE = Neighbourhood(1.0, 1.0, 8, "average_conductance", "open")


def rough(rows: int, columns: int, seed: int = 1, decades: float = 2.0, holes: float = 0.15) -> np.ndarray:
    random = np.random.default_rng(seed)
    resistance = 10 ** random.uniform(0, decades, (rows, columns))
    resistance[random.random((rows, columns)) < holes] = np.inf
    return resistance


def wires(circuit):
    """Give (cell, cell, conductance) of all edges and links."""
    rows, columns = circuit.shape
    for i, j in itertools.product(range(rows), range(columns)):
        for name, (down, right) in {"east": (0, 1), "south": (1, 0), "southeast": (1, 1), "southwest": (1, -1)}.items():
            g = getattr(circuit, name)[i, j]
            if g > 0:
                yield i * columns + j, (i + down) * columns + j + right, g
    if circuit.links is not None:
        yield from zip(*circuit.links, strict=True)


def hard(kind: str, n: int = 129) -> np.ndarray:
    """Return conductances, 0 where no node is; the families of landscapes that solvers find hard."""
    random = np.random.default_rng(0)
    hills = sum(gaussian_filter(random.standard_normal((n, n)), s) * s for s in (1, 4, 16))
    hills = (hills - hills.mean()) / hills.std()
    classes = np.digitize(hills, [-0.5, 0.2, 0.8])
    name, decades = kind.split()[0], float(kind.split()[1]) if " " in kind else 0.0
    if name == "categories":
        return 10 ** (-decades * np.array([1, 0.66, 0.33, 0])[classes])
    if name == "noise":
        return 10 ** (-decades * random.random((n, n)))
    if name == "holes":
        p = 10 ** (-decades * np.array([1, 0.66, 0.33, 0])[classes])
        spots = gaussian_filter(random.standard_normal((n, n)), 3)
        p[spots > np.quantile(spots, 0.7)] = 0
        return p
    if name == "islands":
        return (random.random((n, n)) < 0.35).astype(float)
    background = np.where(hills > 0, 1.0, 10**-decades) if name == "roads" else np.zeros((n, n))
    if name == "corridors":
        background[gaussian_filter(random.standard_normal((n, n)), 6) > 0.02] = 1
    for k in range(n // 4):
        i, j = random.integers(0, n, 2)
        length = int(random.integers(20, n // 2))
        angle = random.uniform(0, 2 * np.pi) + np.cumsum(random.standard_normal(length) * 0.1)
        rows = (i + np.cumsum(np.sin(angle))).astype(int) % n
        columns = (j + np.cumsum(np.cos(angle))).astype(int) % n
        # Highways beside barriers.
        background[rows, columns] = 1.0 if k % 2 or name == "corridors" else 10**-decades
    return background
