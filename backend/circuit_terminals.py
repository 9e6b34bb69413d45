"""Potential fields of a circuit's terminals: every current between terminals is a sum of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from .circuit import Circuit
from .circuit_memory import CircuitPlan
from .circuit_solver import CircuitSolver, PointCurrents
from .job import Report


@dataclass(frozen=True)
class Terminals:
    """The electrical nodes at which current enters or leaves, each once.

    Parameters
    ----------
    cells : array of int64, shape (terminals,)
        A cell of each.
    of_cell : array of int64, shape (given cells,)
        The terminal of each cell that was given, -1 where that cell is no node.
    part : array of int32, shape (terminals,)
        The component that each lies in.
    """

    cells: NDArray[np.int64]
    of_cell: NDArray[np.int64]
    part: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.cells)


def terminals_of(circuit: Circuit, parts: NDArray[np.int32], cells: NDArray[np.int64]) -> Terminals:
    """Return the terminals at some cells: those of one merged node are one terminal."""
    node = circuit.node.ravel()[cells]
    merged = (
        np.zeros(len(cells), np.int64) if circuit.merged is None else circuit.merged.ravel()[cells].astype(np.int64)
    )
    name = np.where(merged > 0, -merged, cells)
    _, first, place = np.unique(np.where(node, name, np.iinfo(np.int64).max), return_index=True, return_inverse=True)
    place = place.reshape(-1)
    order = np.argsort(first)  # terminals in the order in which the cells name them
    number = np.full(len(order), -1, np.int64)
    there = order[node[first[order]]]
    number[there] = np.arange(len(there))
    kept = cells[first[there]]
    return Terminals(kept, np.where(node, number[place], -1), parts.ravel()[kept])


class TerminalFields:
    """The potential field of 1 A from each terminal to the first terminal of its component.

    Parameters
    ----------
    circuit : Circuit
    terminals : Terminals
    used : array of bool, shape (terminals,)
        Those between which current is going to flow.
    keep : bool
        Whether the fields themselves are needed; else only their values at the terminals.
    plan : CircuitPlan
        How many fields are solved for at once, and whether they are kept in a temporary file.
    report : Report
        Hears of the progress, in [0, 1].
    """

    def __init__(
        self,
        circuit: Circuit,
        terminals: Terminals,
        used: NDArray[np.bool_],
        report: Report,
        *,
        keep: bool,
        plan: CircuitPlan,
    ) -> None:
        self.terminals = terminals
        count = len(terminals)
        #: Value of field t at terminal s, (t, s).
        self.at_terminals = np.zeros((count, count))
        self._place = np.full(count, -1, np.int64)
        self._shape = circuit.shape
        self._nothing = np.zeros(circuit.shape) if keep else np.empty((0, 0))
        self._file: IO[bytes] | None = None
        pairs = self._anchored(used)
        self._fields = self._room(len(pairs) if keep else 0, plan.on_disk)
        #: The largest number of iterations of a solve, 0 when it was direct.
        self.iterations = 0
        if not pairs:
            return
        solver = CircuitSolver(circuit, report=report)
        for first in range(0, len(pairs), plan.at_once):
            report.raise_if_cancelled()
            report.progress(first / len(pairs), f"Solving for focal node {first + 1} of {len(pairs)}")
            batch = pairs[first : first + plan.at_once]
            found = solver.potentials(_point_currents(terminals.cells, batch))
            flat = found.reshape(len(batch), -1)
            for row, (terminal, _) in enumerate(batch):
                same = terminals.part == terminals.part[terminal]
                self.at_terminals[terminal, same] = flat[row, terminals.cells[same]]
                if keep:
                    self._place[terminal] = first + row
                    np.copyto(self._fields[first + row], found[row])
                    np.nan_to_num(self._fields[first + row], copy=False)
        self.iterations = solver.iterations

    def _anchored(self, used: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """Return (terminal, first terminal of its component) of those that need a field."""
        anchors: dict[int, int] = {}
        pairs = []
        for terminal in np.flatnonzero(used).tolist():
            anchor = anchors.setdefault(int(self.terminals.part[terminal]), terminal)
            if anchor != terminal:
                pairs.append((terminal, anchor))
        return pairs

    def _room(self, count: int, on_disk: bool) -> NDArray[np.float64]:
        if not on_disk or count == 0:
            return np.empty((count, *self._shape))
        self._file = tempfile.TemporaryFile(prefix="driftway-fields-")  # noqa: SIM115 - closed with the fields
        return np.memmap(self._file, np.float64, "w+", shape=(count, *self._shape))

    def close(self) -> None:
        """Give the fields back."""
        self._fields = np.empty((0, *self._shape))
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> TerminalFields:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def field(self, terminal: int) -> Float[np.ndarray, "rows columns"]:
        """Return the field of a terminal: 0 everywhere for the first of a component."""
        place = self._place[terminal]
        return self._nothing if place < 0 else self._fields[place]

    def resistance(self, one: int, other: int) -> float:
        """Return the effective resistance between two terminals, -1 where they are not connected."""
        if one == other:
            return 0.0
        if self.terminals.part[one] != self.terminals.part[other]:
            return -1.0
        value = self.at_terminals
        return float((value[one, one] - value[one, other]) - (value[other, one] - value[other, other]))

    def potential(self, amperes: dict[int, float]) -> Float[np.ndarray, "rows columns"]:
        """Return the potential of currents that enter at terminals, up to a constant in each component."""
        found = np.zeros(self._shape)
        for terminal, current in amperes.items():
            if self._place[terminal] >= 0 and current != 0:
                found += current * self._fields[self._place[terminal]]
        return found


def _point_currents(cells: NDArray[np.int64], pairs: list[tuple[int, int]]) -> PointCurrents:
    used = sorted({terminal for pair in pairs for terminal in pair})
    amperes = np.zeros((len(pairs), len(used)))
    for row, (terminal, anchor) in enumerate(pairs):
        amperes[row, used.index(terminal)] = 1
        amperes[row, used.index(anchor)] = -1
    return PointCurrents(cells[used], amperes)
