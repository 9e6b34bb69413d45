"""Maps of current made of potential fields: through every cell, pair by pair, summed and greatest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from .circuit import Circuit
from .solvers.circuit_currents import NEGLIGIBLE
from .solvers.pair_currents import add_currents, add_squared_drops, flows_at, largest_branches
from .solvers.threads import in_parts

_NO_MAP = np.empty((0, 0))


@dataclass
class CurrentMaps:
    """Turns potentials into currents through the cells of a circuit.

    All cells of a merged node show the node's current; branches with less than 1e-8 of the largest current count as 0. Fields hold
    0, never NaN, where no node is.

    Parameters
    ----------
    circuit : Circuit
        Without links.
    """

    circuit: Circuit
    _cells: NDArray[np.int64] = field(init=False)
    _node: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        merged = self.circuit.merged
        self._cells = np.empty(0, np.int64)
        if merged is not None:
            self._cells = np.flatnonzero((merged > 0).ravel() & self.circuit.node.ravel())
            self._node = merged.ravel()[self._cells].astype(np.int64)

    def add(
        self,
        minus: Float[np.ndarray, "rows columns"],
        plus: Float[np.ndarray, "rows columns"],
        *,
        total: Float[np.ndarray, "rows columns"] | None = None,
        most: Float[np.ndarray, "rows columns"] | None = None,
        single: Float[np.ndarray, "rows columns"] | None = None,
        silent: NDArray[np.int64] | None = None,
    ) -> None:
        """Add the current of the potential `plus - minus` to `total`, keep the greatest in `most`, put it into `single`.

        The current in the cells `silent` counts as 0.
        """
        rows = self.circuit.shape[0]
        largest = np.zeros(rows)
        edges = self.circuit.edges

        def look(first: int, last: int) -> int:
            largest_branches(edges, minus, plus, largest, first, last)
            return -1

        in_parts(look, rows)
        least = NEGLIGIBLE * float(largest.max(initial=0.0))
        given = [each for each in (total, most, single) if each is not None]
        before = [each.ravel()[self._cells] for each in given]
        quiet = [np.zeros(0) if silent is None else each.ravel()[silent] for each in given]

        def fill(first: int, last: int) -> int:
            sums, greatest, one = (_NO_MAP if each is None else each for each in (total, most, single))
            add_currents(edges, minus, plus, least, sums, greatest, one, first, last)
            return -1

        in_parts(fill, rows)
        if len(self._cells):
            through = self._through_merged(minus, plus, least)
            for each, old in zip(given, before, strict=True):
                if each is total:
                    each.ravel()[self._cells] = old + through
                else:
                    each.ravel()[self._cells] = through if each is single else np.maximum(old, through)
        if silent is not None:
            for each, old in zip(given, quiet, strict=True):
                each.ravel()[silent] = 0 if each is single else old

    def cells_of_node(self, cell: int) -> NDArray[np.int64]:
        """Return all cells of the node that a cell belongs to."""
        merged = self.circuit.merged
        number = 0 if merged is None else int(merged.ravel()[cell])
        return np.array([cell]) if number == 0 else self._cells[self._node == number]

    def _through_merged(self, minus: np.ndarray, plus: np.ndarray, least: float) -> NDArray[np.float64]:
        inflow, outflow = np.empty(len(self._cells)), np.empty(len(self._cells))
        flows_at(self.circuit.edges, minus, plus, least, self._cells, inflow, outflow)
        through = np.maximum(np.bincount(self._node, inflow), np.bincount(self._node, outflow))
        return through[self._node]


def add_drops(
    minus: Float[np.ndarray, "rows columns"],
    plus: Float[np.ndarray, "rows columns"],
    weight: float,
    drops: tuple[Float[np.ndarray, "rows columns"], ...],
) -> None:
    """Add `weight` x the squared drop of the potential `plus - minus` along each of the four kinds of edges to `drops`."""

    def add(first: int, last: int) -> int:
        add_squared_drops(minus, plus, weight, drops, first, last)
        return -1

    in_parts(add, len(plus))
