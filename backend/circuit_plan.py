"""What it takes to solve a raster circuit: memory and method, known before any work. Light."""

from __future__ import annotations

from typing import Literal

Method = Literal["automatic", "direct", "multigrid"]

#: Circuits of at most this many cells are solved directly, and up to the second number if so many right-hand sides share the
#: factors: measured with SuperLU, whose every solution takes longer than multigrid's beyond that.
DIRECT_CELLS, SHARED_CELLS, SHARING = 4_000, 40_000, 30
_BYTES_PER_CELL = {"multigrid": 140, "direct": 1500}


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
    chosen = chosen_method(cells, right_hand_sides) if method == "automatic" else method
    return cells * (_BYTES_PER_CELL[chosen] + 8 * right_hand_sides)


def chosen_method(cells: int, right_hand_sides: int = 1) -> Literal["direct", "multigrid"]:
    """Return the method that ``automatic`` stands for."""
    direct = cells <= DIRECT_CELLS or (cells <= SHARED_CELLS and right_hand_sides >= SHARING)
    return "direct" if direct else "multigrid"
