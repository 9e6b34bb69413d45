"""Focal nodes: the places between which current flows, one cell or several cells each. NumPy only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FocalNodes:
    """Focal nodes in the order of their ids.

    Parameters
    ----------
    ids : array of int64, shape (nodes,)
        Ascending, each once.
    cells : array of int64, shape (cells,)
        Flat indices ``row * columns + column`` of all their cells, those of a node together and in the order of `ids`.
    owner : array of int64, shape (cells,)
        Position in `ids` of the node that each cell belongs to, ascending.
    """

    ids: NDArray[np.int64]
    cells: NDArray[np.int64]
    owner: NDArray[np.int64]

    @classmethod
    def of_cells(cls, identity: NDArray[np.int64], cells: NDArray[np.int64]) -> FocalNodes:
        """Return the focal nodes of cells that are given with the id of each; cells of one id keep their order."""
        order = np.argsort(identity, kind="stable")
        ids, owner = np.unique(identity[order], return_inverse=True)
        return cls(ids.astype(np.int64), cells[order].astype(np.int64), owner.reshape(-1).astype(np.int64))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def first_cells(self) -> NDArray[np.int64]:
        """The first cell of each node, (nodes,)."""
        return self.cells[np.searchsorted(self.owner, np.arange(len(self.ids)))]

    @property
    def has_regions(self) -> bool:
        """Whether a node has more than one cell."""
        return len(self.cells) > len(self.ids)

    def cells_of(self, node: int) -> NDArray[np.int64]:
        """Return the cells of the node at a position in `ids`."""
        first, last = np.searchsorted(self.owner, [node, node + 1])
        return self.cells[first:last]

    def kept(self, keep: NDArray[np.bool_]) -> FocalNodes:
        """Return the nodes for which `keep`, (nodes,), is true."""
        there = keep[self.owner]
        return FocalNodes.of_cells(self.ids[self.owner[there]], self.cells[there])

    def on(self, shape: tuple[int, int], keep: Iterable[int] | None = None) -> NDArray[np.int64]:
        """Return a raster of the ids, 0 elsewhere; of the nodes at the positions `keep` alone if given."""
        there = slice(None) if keep is None else np.isin(self.owner, np.asarray(list(keep), np.int64))
        flat = np.zeros(shape[0] * shape[1], np.int64)
        flat[self.cells[there]] = self.ids[self.owner[there]]
        return flat.reshape(shape)
