"""Which cells of a circuit are one electrical node, and which nodes hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from .circuit import ENDS, Circuit
from .solvers.circuit_components import label_components


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
        return np.bincount(self.index[there], values[there], self.count).astype(np.float64)

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
    ends = np.concatenate([a, b]), np.concatenate([b, a])
    return csr_matrix(coo_matrix((np.concatenate([g, g]), ends), shape))


def joined_by_merging(circuit: Circuit) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of flat indices that hold all cells of each merged node together."""
    if circuit.merged is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cells = np.flatnonzero((circuit.merged > 0) & circuit.node)
    _, first, group = np.unique(circuit.merged.ravel()[cells], return_index=True, return_inverse=True)
    return cells[first[group]], cells


def component_labels(circuit: Circuit) -> Int[np.ndarray, "rows columns"]:
    """Return which component each cell belongs to: 1, 2, ... in the order of rows, 0 where no node is."""
    first, second = joined_by_merging(circuit)
    if circuit.links is not None:
        first = np.concatenate([first, circuit.links.first])
        second = np.concatenate([second, circuit.links.second])
    labels = np.zeros(circuit.shape, np.int32)
    label_components(*circuit.edges, circuit.node, first, second, labels)
    return labels
