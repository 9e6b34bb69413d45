"""Which cells of a circuit are one electrical node, and which nodes hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from .circuit import ENDS, Circuit


@dataclass(frozen=True)
class ElectricalNodes:
    """The nodes of a circuit after cells have been merged.

    Parameters
    ----------
    index : array of int64, shape (rows, columns)
        Which node a cell belongs to, -1 where it is none. Merged cells share theirs.
    count : int
        Number of nodes.
    """

    index: NDArray[np.int64]
    count: int

    def summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of cell values (rows, columns) over each node's cells."""
        there = self.index >= 0
        return np.bincount(self.index[there], values[there], self.count)

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return node values at each cell, NaN where there is no node."""
        return np.where(self.index >= 0, np.append(values, np.nan)[self.index], np.nan)


def electrical_nodes(circuit: Circuit) -> ElectricalNodes:
    """Count the nodes through: single cells in the order of rows, then merged cells by their number."""
    merged = np.zeros(circuit.shape, np.int32) if circuit.merged is None else circuit.merged
    single = circuit.node & (merged <= 0)
    together = circuit.node & (merged > 0)
    index = np.full(circuit.shape, -1, np.int64)
    singles = int(single.sum())
    index[single] = np.arange(singles)
    numbers, position = np.unique(merged[together], return_inverse=True)
    index[together] = singles + position
    return ElectricalNodes(index, singles + len(numbers))


def conductance_matrix(circuit: Circuit, nodes: ElectricalNodes) -> csr_matrix:
    """Return the symmetric matrix of conductances between nodes; branches within a node are left out."""
    first, second, conductance = [], [], []
    for values, (one, other, place) in zip(circuit.edges, ENDS.values(), strict=True):
        there = values[place] > 0
        first.append(nodes.index[one][there])
        second.append(nodes.index[other][there])
        conductance.append(values[place][there])
    if circuit.links is not None:
        first.append(nodes.index.ravel()[circuit.links.first])
        second.append(nodes.index.ravel()[circuit.links.second])
        conductance.append(circuit.links.conductance)
    a, b, g = np.concatenate(first), np.concatenate(second), np.concatenate(conductance)
    between = (a != b) & (a >= 0) & (b >= 0)
    a, b, g = a[between], b[between], g[between]
    shape = (nodes.count, nodes.count)
    return coo_matrix((np.concatenate([g, g]), (np.concatenate([a, b]), np.concatenate([b, a]))), shape).tocsr()


def component_labels(circuit: Circuit) -> NDArray[np.int32]:
    """Return which component each cell belongs to, (rows, columns): 1, 2, ... in the order of rows, 0 where no node is."""
    nodes = electrical_nodes(circuit)
    _, label = connected_components(conductance_matrix(circuit, nodes), directed=False)
    there = nodes.index >= 0
    of_cell = label[nodes.index[there]]
    numbers, first = np.unique(of_cell, return_index=True)
    order = np.empty(len(numbers), np.int32)
    order[np.argsort(first)] = np.arange(1, len(numbers) + 1)
    labels = np.zeros(circuit.shape, np.int32)
    labels[there] = order[of_cell]
    return labels
