"""The list of all files of a package folder: written last, compared at every start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME = "manifest.json"
FORMAT = 1


class State(str):
    """``ready``, ``missing`` or ``damaged``; equal to that word, with the reason beside it.

    Attributes
    ----------
    why : str
        What is missing or damaged, and what to do; empty when ready.
    """

    why: str

    def __new__(cls, name: str, why: str = "") -> State:
        """Make the word and keep the reason with it."""
        made = super().__new__(cls, name)
        made.why = why
        return made


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the name and size of every file in ``folder``, and ``facts`` beside them, through to the disk."""
    content = {"manifest": FORMAT, **facts, "files": dict(sorted(_files(folder)))}
    with open(folder / NAME, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=0)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a package folder, or None where it is absent or unreadable."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(content, dict) and content.get("manifest") == FORMAT and content.get("files")
    return content if whole else None


def compare(folder: Path, facts: dict[str, Any]) -> State:
    """Return whether a package folder is whole: every file of its manifest, with its size, and the same facts."""
    if not folder.is_dir():
        return State("missing", "The compute engine is not installed.")
    manifest = read_manifest(folder)
    if manifest is None:
        return State("damaged", f"The compute engine has no readable {NAME}.")
    for name, value in facts.items():
        if manifest.get(name) != value:
            return State("damaged", f"The compute engine was built for {name} {manifest.get(name)}, not {value}.")
    present = dict(_files(folder))
    wrong = [name for name, size in manifest["files"].items() if present.get(name) != size]
    if wrong:
        first = wrong[0]
        how = "is missing" if first not in present else "has another size"
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return State("damaged", f"In the compute engine {first}{more} {how}.")
    return State("ready")


def size_on_disk(folder: Path) -> int:
    """Return the bytes of all files below ``folder``, compiled Python included."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Give every file's name, with ``/``, and size; not what Python compiles by itself, nor the manifest."""
    stack = [(str(folder), "")]
    while stack:
        path, prefix = stack.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        stack.append((entry.path, f"{prefix}{entry.name}/"))
                elif prefix or entry.name != NAME:
                    yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size
