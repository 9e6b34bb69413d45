"""Outputs that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from .errors import OutputError
from .job import Job
from .raster_io import part_path


class Outputs:
    """The output files of one run: written beside their places, moved there when all are whole.

    Use as a context: leaving it without `publish` removes what was written.

    Parameters
    ----------
    job : Job
        Whose outputs.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._parts: dict[str, Path] = {}

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def wants(self, name: str) -> bool:
        """Whether the job asks for this output."""
        return bool(self._job.outputs.get(name))

    def write(self, name: str, writer: Callable[[Path], None]) -> None:
        """Have `writer` write an output to the path that it is given, if the job asks for it."""
        if not self.wants(name):
            return
        part = part_path(self._job.outputs[name], self._job.id)
        self._parts[name] = part
        try:
            writer(part)
        except OSError as error:
            raise OutputError(
                f"'{self._job.outputs[name]}' could not be written ({error.strerror}).", "Is the disk full?", name
            ) from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text output."""
        self.write(name, lambda path: _write_text(path, text))

    def publish(self) -> dict[str, str]:
        """Move all outputs to their places and return these.

        Raises
        ------
        OutputError
            When a file cannot be replaced, for example because another program holds it.
        """
        published = {}
        for name, part in list(self._parts.items()):
            target = self._job.outputs[name]
            try:
                os.replace(part, target)
            except OSError as error:
                raise OutputError(
                    f"'{target}' could not be replaced ({error.strerror}).",
                    "Close what has it open, for example the layer in QGIS, or choose another file.",
                    name,
                ) from error
            del self._parts[name]
            published[name] = target
        return published

    def discard(self) -> None:
        """Remove what was written and not published."""
        for part in self._parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        self._parts.clear()


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
