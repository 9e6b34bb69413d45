"""A folder that one process holds at a time; the lock ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

LOCK = "lock"


def locked(folder: Path) -> int | None:
    """Return a lock on a folder, made if needed, until it is closed or the process ends; None where another holds it."""
    for _ in range(3):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:  # removed in between
            continue
        if not _lock(descriptor):
            os.close(descriptor)
            return None
        with contextlib.suppress(OSError):
            if os.fstat(descriptor).st_nlink and os.path.samestat(os.fstat(descriptor), os.stat(folder / LOCK)):
                return descriptor
        os.close(descriptor)  # its folder was removed before it was locked
    return None


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_locked(folder: Path, lock: int) -> None:
    """Remove a folder that one holds, and give the lock up."""
    if sys.platform == "win32":  # which removes no open file
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
