"""Which cells of a circuit hang together, fast: by labelling the raster. SciPy."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .circuit import Circuit
from .circuit_nodes import component_labels


def parts(circuit: Circuit, *, corners: bool, every_edge_conducts: bool) -> NDArray[np.int32]:
    """Return a number > 0 per component at each cell, (rows, columns), 0 where no node is.

    Parameters
    ----------
    circuit : Circuit
    corners : bool
        Whether cells are joined at their corners as well.
    every_edge_conducts : bool
        Whether neighbouring nodes are always joined; where not, the edges are looked at one by one, which takes longer.
    """
    if not every_edge_conducts:
        return component_labels(circuit)
    structure = np.ones((3, 3), int) if corners else None
    label, count = cast(tuple[NDArray[np.int32], int], ndimage.label(circuit.node, structure, output=np.int32))
    first, second = [], []
    if circuit.merged is not None:
        cells = np.flatnonzero(circuit.node.ravel() & (circuit.merged.ravel() > 0))
        number = circuit.merged.ravel()[cells]
        order = np.argsort(number, kind="stable")
        cells, number = cells[order], number[order]
        same = np.flatnonzero(number[1:] == number[:-1])
        first.append(label.ravel()[cells[same]])
        second.append(label.ravel()[cells[same + 1]])
    if circuit.links is not None:
        first.append(label.ravel()[circuit.links.first])
        second.append(label.ravel()[circuit.links.second])
    if not first or count < 2:
        return label
    one, other = np.concatenate(first), np.concatenate(second)
    joined = coo_matrix((np.ones(len(one)), (one, other)), (count + 1, count + 1))
    _, part = connected_components(joined, directed=False)
    # Label 0, where no node is, is joined to nothing.
    return np.where(label > 0, part[label] + 1, 0).astype(np.int32)
