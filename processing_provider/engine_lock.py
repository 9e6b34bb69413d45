"""One installation at a time, also between several QGIS."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .engine_errors import EngineError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD: set[str] = set()
_GUARD = threading.Lock()


@contextmanager
def install_lock(path: Path) -> Iterator[None]:
    """Hold the operating system's lock on a file while a package folder is built or removed.

    The operating system lets go of it when the process ends, however it ends, so it is never stale.

    Raises
    ------
    EngineError
        Where another installation holds it.
    """
    key = os.path.normcase(os.path.abspath(path))
    with _GUARD:
        if key in _HELD:
            raise _busy()
        _HELD.add(key)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _take(descriptor):
                raise _busy()
            yield
        finally:
            os.close(descriptor)
    finally:
        with _GUARD:
            _HELD.discard(key)


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _busy() -> EngineError:
    return EngineError(
        "Another installation of the compute engine is running.",
        "Wait until it has finished, or cancel it; then try again.",
    )
