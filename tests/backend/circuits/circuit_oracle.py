"""Raster circuits written out cell by cell, and solved by a dense inverse: slow, plain, independent of the backend."""

from __future__ import annotations

import math

import numpy as np

from backend.circuit_focal import FocalNodes
from backend.neighbourhood import Neighbourhood

RULES = [(n, rule) for n in (4, 8) for rule in ("average_conductance", "average_resistance")]
# The solver stops at a remaining current of 1e-9.
CLOSE = {"rtol": 1e-6, "atol": 1e-7}


class Oracle:
    """A circuit as a dense Laplacian.

    `group` numbers > 0 make cells one node; cells of conductance 0 are none unless `node` says so.
    """

    def __init__(self, conductance, *, neighbours=8, rule="average_conductance", group=None, node=None, corners="open"):
        rows, columns = conductance.shape
        node = conductance > 0 if node is None else node
        self.shape = (rows, columns)
        names: dict[object, int] = {}
        self.index = np.full((rows, columns), -1)
        for i in range(rows):
            for j in range(columns):
                if node[i, j]:
                    name = ("group", group[i, j]) if group is not None and group[i, j] > 0 else (i, j)
                    self.index[i, j] = names.setdefault(name, len(names))
        self.count = len(names)
        self.branches: dict[tuple[int, int], float] = {}
        steps = [(0, 1), (1, 0)] + ([(1, 1), (1, -1)] if neighbours == 8 else [])
        for i in range(rows):
            for j in range(columns):
                for down, right in steps:
                    k, m = i + down, j + right
                    if not (0 <= k < rows and 0 <= m < columns and node[i, j] and node[k, m]):
                        continue
                    if corners == "closed" and down and right and not node[i, m] and not node[k, j]:
                        continue
                    length = math.sqrt(2) if down and right else 1.0
                    a, b = conductance[i, j], conductance[k, m]
                    if rule == "average_conductance":
                        g = (a + b) / 2 / length
                    else:
                        g = 0.0 if a == 0 or b == 0 else 1 / (length * (1 / a + 1 / b) / 2)
                    u, v = self.index[i, j], self.index[k, m]
                    if u != v and g > 0:
                        pair = (min(u, v), max(u, v))
                        self.branches[pair] = self.branches.get(pair, 0.0) + g
        self.laplacian = np.zeros((self.count, self.count))
        for (u, v), g in self.branches.items():
            self.laplacian[u, u] += g
            self.laplacian[v, v] += g
            self.laplacian[u, v] -= g
            self.laplacian[v, u] -= g
        self.part = self._parts()

    def _parts(self):
        part = np.arange(self.count)
        changed = True
        while changed:
            changed = False
            for u, v in self.branches:
                low = min(part[u], part[v])
                if part[u] != low or part[v] != low:
                    part[u] = part[v] = low
                    changed = True
        return part

    def at(self, cell):
        """Return the node of a flat cell."""
        return int(self.index.ravel()[cell])

    def resistance(self, one, other):
        u, v = self.at(one), self.at(other)
        if u < 0 or v < 0 or self.part[u] != self.part[v]:
            return -1.0
        inverse = np.linalg.pinv(self.laplacian)
        return inverse[u, u] + inverse[v, v] - 2 * inverse[u, v]

    def pair_potential(self, one, other):
        """Return the potential of nodes with 1 A out at `one` and in at `other`, 0 at `one`."""
        u, v = self.at(one), self.at(other)
        source = np.zeros(self.count)
        source[u], source[v] = -1, 1
        voltage = np.linalg.pinv(self.laplacian) @ source
        return np.where(self.part == self.part[u], voltage - voltage[u], 0.0)

    def solve(self, source, ground):
        """Return the potential of nodes; ground conductances may be inf. Parts without ground or source stay 0."""
        voltage = np.zeros(self.count)
        for name in np.unique(self.part):
            members = np.flatnonzero(self.part == name)
            if not np.any(source[members]) or not np.any(ground[members]):
                continue
            free = members[~np.isinf(ground[members])]
            matrix = self.laplacian[np.ix_(free, free)] + np.diag(ground[free])
            voltage[free] = np.linalg.solve(matrix, source[free])
        return voltage

    def through(self, voltage, ground=None):
        """Return the current through nodes: the greater of in and out, finite grounds counted as out."""
        into, out = np.zeros(self.count), np.zeros(self.count)
        for (u, v), g in self.branches.items():
            flow = g * (voltage[u] - voltage[v])
            out[u] += max(flow, 0)
            into[v] += max(flow, 0)
            into[u] += max(-flow, 0)
            out[v] += max(-flow, 0)
        if ground is not None:
            flow = np.where(np.isinf(ground), 0.0, ground) * voltage
            out += np.maximum(flow, 0)
            into += np.maximum(-flow, 0)
        return np.maximum(into, out)

    def map(self, values):
        """Return node values at cells, 0 where there is no node."""
        return np.where(self.index >= 0, np.append(values, 0.0)[self.index], 0.0)


def terrain(rows=9, columns=8, seed=0, decades=3.0, holes=0.15):
    """Return conductances over some decades with gaps, and cells that are no gaps."""
    random = np.random.default_rng(seed)
    conductance = 10 ** random.uniform(-decades, 0, (rows, columns))
    conductance[random.random((rows, columns)) < holes] = 0
    return conductance


def neighbourhood(neighbours=8, rule="average_conductance", corners="open"):
    return Neighbourhood(1.0, 1.0, neighbours, rule, corners)


def focal_of(*cells, ids=None):
    return FocalNodes.of_cells(np.arange(1, len(cells) + 1) if ids is None else np.array(ids), np.array(cells))


def some_cells(conductance, count, seed=3):
    return np.random.default_rng(seed).permutation(np.flatnonzero(conductance))[:count].tolist()
