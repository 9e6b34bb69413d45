"""The shape of one window: a block of sources and the halo around it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WindowShape:
    """Lay out a block of sources inside a window.

    Every cell of the block is a source. A window holds the block and ``halo_rows`` / ``halo_columns`` cells on every side
    of it. Lane ``l = a * block_columns + b`` is the source at window cell ``(halo_rows + a, halo_columns + b)``.

    Parameters
    ----------
    block_rows, block_columns : int
        Size of the block of sources in cells, >= 1.
    halo_rows, halo_columns : int
        Cells added on each side of the block, >= 0.
    own_windows : bool
        If true, the graph of each lane is only the cells within ``halo_rows`` rows and ``halo_columns`` columns of its own
        source, so that results do not depend on the size of the block. If false, all lanes share the whole window.
    """

    block_rows: int
    block_columns: int
    halo_rows: int
    halo_columns: int
    own_windows: bool = False

    def __post_init__(self) -> None:
        if self.block_rows < 1 or self.block_columns < 1:
            raise ValueError(
                f"a block of {self.block_rows} x {self.block_columns} cells holds no source; give at least 1 x 1."
            )
        if self.halo_rows < 0 or self.halo_columns < 0:
            raise ValueError(f"a halo of {self.halo_rows} x {self.halo_columns} cells is negative; give 0 or more.")

    @property
    def height(self) -> int:
        """Rows of the window."""
        return self.block_rows + 2 * self.halo_rows

    @property
    def width(self) -> int:
        """Columns of the window."""
        return self.block_columns + 2 * self.halo_columns

    @property
    def lanes(self) -> int:
        """Number of sources."""
        return self.block_rows * self.block_columns

    def source_cell(self, lane: int) -> tuple[int, int]:
        """Return the window row and column of the source of a lane."""
        return self.halo_rows + lane // self.block_columns, self.halo_columns + lane % self.block_columns

    def block(self, values: Any) -> Any:
        """Return the block's part of an array of shape (..., height, width).

        Raises
        ------
        ValueError
            If the array is not a whole window.
        """
        self.check(values.shape)
        return values[
            ...,
            self.halo_rows : self.halo_rows + self.block_rows,
            self.halo_columns : self.halo_columns + self.block_columns,
        ]

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless an array of this shape holds whole windows in its last two axes."""
        if shape[-2:] != (self.height, self.width):
            raise ValueError(
                f"an array of shape {shape} for windows of {self.height} x {self.width}; give whole windows."
            )
