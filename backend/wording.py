"""Numbers of things in words; standard library only."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """Return ``1 patch`` or ``3 patches``; `several` by default is `one` with s or es."""
    if count == 1:
        return f"1 {one}"
    if several:
        return f"{count} {several}"
    if one.endswith(("ch", "sh", "s", "x")):
        return f"{count} {one}es"
    return f"{count} {one}s"
