"""What it takes to solve a raster circuit: memory and method, known before any work. Light."""

from __future__ import annotations

from typing import Literal

Method = Literal["automatic", "direct", "multigrid"]

#: Circuits of at most this many cells are solved directly.
DIRECT_CELLS = 10_000
_BYTES_PER_CELL = {"multigrid": 130, "direct": 1500}


def memory_needed(rows: int, columns: int, method: Method = "automatic", *, right_hand_sides: int = 1) -> int:
    """Return the bytes that a circuit and its solver take at most, besides what the process takes anyway.

    Included are the circuit itself and the potentials of all right-hand sides that are asked for at once.

    Parameters
    ----------
    rows, columns : int
    method : {"automatic", "direct", "multigrid"}
    right_hand_sides : int
        Potentials that are in memory at once.
    """
    cells = rows * columns
    chosen = chosen_method(cells) if method == "automatic" else method
    return cells * (_BYTES_PER_CELL[chosen] + 8 * right_hand_sides)


def chosen_method(cells: int) -> Literal["direct", "multigrid"]:
    """Return the method that ``automatic`` stands for."""
    return "direct" if cells <= DIRECT_CELLS else "multigrid"
