"""The machine, told by its parts: never by name, address or path."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path

_SETS = ("avx512f", "avx2", "avx", "sse4_2", "asimd", "sve")
_NAMES = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse4_2": "SSE 4.2", "asimd": "NEON", "sve": "SVE"}


def describe() -> str:
    """Return cores, processor, widest instruction set, caches, memory and system in one line."""
    parts = [f"{_cores()} cores", _processor(), _instructions(), _cache(), _memory(), platform.system()]
    parts.append(f"Python {platform.python_version()}")
    return ", ".join(part for part in parts if part)


def peers(folder: Path) -> str:
    """Return the packages of `peers.in` in this folder with the versions of `peers.txt`."""
    wanted = [line.split("==")[0].strip() for line in (folder / "peers.in").read_text(encoding="utf-8").splitlines()]
    locked = re.findall(
        r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (folder / "peers.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    versions = dict(locked)
    return ", ".join(f"{name} {versions[name]}" for name in wanted if name in versions)


class Others:
    """How busy other processes keep the machine, from here on.

    Processes that this one starts and waits for are not counted.
    """

    def __init__(self) -> None:
        self._wall, self._busy, self._own = time.monotonic(), _busy_seconds(), own_seconds()

    def load(self) -> float:
        """Return the mean number of cores that others kept busy."""
        wall = max(time.monotonic() - self._wall, 0.01)
        busy = _busy_seconds()
        if busy == 0:
            return max(0.0, os.getloadavg()[0] - 1) if hasattr(os, "getloadavg") else 0.0
        return max(0.0, (busy - self._busy - (own_seconds() - self._own)) / wall)


def _busy_seconds() -> float:
    """Return the CPU time of everything since the machine started, 0 where it is not known."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, *rest = map(int, first[1:])
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Return the CPU time of this process and of those that it waited for."""
    return sum(os.times()[:4])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _information() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _information(), re.MULTILINE)
    return f"{platform.machine()} ({found[1].strip()})" if found else platform.machine()


def _instructions() -> str:
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _information(), re.MULTILINE)
    has = set(found[1].split()) if found else set()
    return next((_NAMES[name] for name in _SETS if name in has), "")


def _cache() -> str:
    sizes = []
    for level in (2, 3):
        try:
            text = Path(f"/sys/devices/system/cpu/cpu0/cache/index{level}/size").read_text(encoding="ascii").strip()
        except OSError:
            continue
        sizes.append(f"{int(text.rstrip('K')) // 1024} MB L{level}" if text.endswith("K") else f"{text} L{level}")
    return " + ".join(sizes)


def _memory() -> str:
    if not hasattr(os, "sysconf"):
        return ""
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of memory"
