"""Whether the kernels that Numba compiles can be kept on disk for the next run."""

from __future__ import annotations

import functools

from numba import njit


@functools.cache
def is_writable() -> bool:
    """Return whether Numba finds a folder for its compiled code: the one named, its own beside the code, or the user's.

    Where there is none it refuses to compile functions that are to be kept: those are then compiled in every run.
    """
    try:
        njit(cache=True)(_nothing)
    except RuntimeError:
        return False
    return True


def _nothing() -> None:
    """Be a function, no more."""
