"""Why a contestant gave no result, as a sentence; told by its exit status and what it wrote to stderr. Light."""

from __future__ import annotations

import re
import signal

#: How a package that is missing is told; such contestants do not take part.
NOT_INSTALLED = "is not installed"

_UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_UNITS |= {f"{letter}i": 1024.0**power for power, letter in enumerate(("K", "M", "G", "T", "P", "E"), 1)}
_ALLOCATION = (
    re.compile(r"[Oo]ut of memory (?:allocating|trying to allocate) ([\d.]+)\s?([kKMGTPE]?i?)(?:B|bytes)"),
    re.compile(r"[Uu]nable to allocate ([\d.]+)\s?([kKMGTPE]?i?)(?:B|bytes)"),
)
_NO_MEMORY = (
    "MemoryError",
    "bad_alloc",
    "RESOURCE_EXHAUSTED",
    "out of memory",
    "Out of memory",
    "failed to map segment",
)
#: What follows an exception in JAX's own traceback and says nothing of the cause.
_EMPTY = ("For simplicity, JAX has removed", "-----", "The stack trace below", "  ", "\t")
_PATH = re.compile(r"(?:/[\w.+-]+){2,}/?")


def told(status: int, errors: str) -> str:
    """Return why a process with this exit status and this text on stderr has no result."""
    for pattern in _ALLOCATION:
        asked = [float(number) * _UNITS[unit] for number, unit in pattern.findall(errors)]
        if asked:
            return f"ran out of memory: asks for {_size(max(asked))}"
    if any(word in errors for word in _NO_MEMORY) or status == -signal.SIGKILL:
        return "ran out of memory"
    missing = re.search(r"^ModuleNotFoundError: No module named '([\w.]+)'", errors, re.MULTILINE)
    if missing:
        return f"{missing[1].split('.')[0]} {NOT_INSTALLED}"
    if status < 0:
        return f"ended by signal {signal.Signals(-status).name}"
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith(_EMPTY)]
    last = _PATH.sub("a file", lines[-1].strip()) if lines else f"exit status {status}"
    return last if len(last) <= 200 else f"{last[:197]}..."


def _size(size: float) -> str:
    unit, name = next((each for each in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB")) if size >= each[0]), (1e6, "MB"))
    return f"{size / unit:,.0f} {name}"
