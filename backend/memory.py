"""How much memory this machine has, and how much a process has used; standard library only."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_device_memory = 0


def available_memory() -> int:
    """Return the bytes that can be allocated now without swapping, container limits respected."""
    if sys.platform == "win32":
        return _windows_available()
    free = _meminfo("MemAvailable")
    if free == 0:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return min(free, _container_free())


def use_device_memory(size: int) -> None:
    """Say how much memory the accelerator has that windows are computed on; 0 = they are computed in the machine's."""
    global _device_memory
    _device_memory = size


def has_device() -> bool:
    """Return whether windows are computed on an accelerator."""
    return _device_memory > 0


def room_for_windows(room: int) -> int:
    """Return the bytes that batches of windows may take, where so many are left in the machine's memory."""
    return min(room, int(0.8 * _device_memory)) if _device_memory else room


def peak_memory() -> int:
    """Return the largest resident size that this process has had, in bytes (0 where it is not known)."""
    if sys.platform == "win32":
        return 0
    peak = _kilobytes("/proc/self/status", "VmHWM")
    if peak:  # what the kernel counts as usage begins with what the process had that started this one
        return peak
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def human_bytes(size: float) -> str:
    """Return a size as a person writes it."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{max(size, 0) / 1e6:.0f} MB"


def _meminfo(name: str) -> int:
    return _kilobytes("/proc/meminfo", name)


def _kilobytes(path: str, name: str) -> int:
    """Return the bytes on a line of one of Linux's files, 0 where there is none."""
    try:
        lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def _container_free() -> int:
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except OSError:
        return sys.maxsize
    return sys.maxsize if limit == "max" else max(0, int(limit) - used)


def _windows_available() -> int:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "available", "page_total", "page_free", "virtual_total", "virtual_free", "extended")
        ]

    status = Status()
    status.length = ctypes.sizeof(Status)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return int(status.available)
