"""Rows of a raster on disk, written in any order and read by strips: results that are too large for memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError


class RowFile:
    """A plain file of rows.

    Read and written through system calls, not mapped: pages of a mapped file count as memory of the process.

    Parameters
    ----------
    path : Path
        Made when it is not there.
    rows, columns : int
        Size of the raster.
    dtype : str
        Type of its values.
    """

    def __init__(self, path: Path, rows: int, columns: int, dtype: str) -> None:
        self.shape = rows, columns
        self.dtype = np.dtype(dtype)
        self._file = open(path, "r+b" if path.exists() else "w+b", buffering=0)  # noqa: SIM115 - `close` closes it

    def write(self, first: int, values: NDArray[Any]) -> None:
        """Write rows from row `first` on.

        Raises
        ------
        OutputError
            When the disk does not take them.
        """
        data = np.ascontiguousarray(values, self.dtype).data.cast("B")
        try:
            self._file.seek(first * self._row_bytes)
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            raise OutputError(
                f"'{self._file.name}' could not be written ({error.strerror}).", "Is the disk full?"
            ) from error

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Return consecutive rows."""
        first, last, _ = rows.indices(self.shape[0])
        self._file.seek(first * self._row_bytes)
        values = np.empty((max(0, last - first), self.shape[1]), self.dtype)
        if self._file.readinto(values.data.cast("B")) != values.nbytes:
            raise OSError(f"'{self._file.name}' ends before row {last}")
        return values

    @property
    def _row_bytes(self) -> int:
        return self.shape[1] * self.dtype.itemsize

    def sync(self) -> None:
        """Return when everything is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
