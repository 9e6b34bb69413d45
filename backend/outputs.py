"""Outputs that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from .errors import OutputError
from .job import Job
from .journal import Journal, job_identity, journals_folder
from .memory import human_bytes


def part_path(path: str | Path, job_id: str) -> Path:
    """Return where an output is written until it is whole (the caller removes it when the worker dies)."""
    path = Path(path)
    return path.with_name(f".{path.stem}.{job_id}.part{path.suffix}")


class Outputs:
    """The output files of one run: written beside their places, moved there when all are whole.

    Use as a context: leaving it without `publish` removes what was written.

    Parameters
    ----------
    job : Job
        Whose outputs.
    warnings : list of str
        What the user was warned of so far, for reports; whoever gives the list may add to it.
    """

    def __init__(self, job: Job, warnings: list[str] | None = None) -> None:
        self._job = job
        self.warnings = [] if warnings is None else warnings
        self._parts: dict[str, Path] = {}
        self._folders = {o.name for o in job.declaration.outputs if o.kind == "folder"}
        self._moving = threading.RLock()
        self._published = False
        self._journal: Journal | None = None

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()
        if self._journal is not None:
            self._journal.close(keep=not self._published)

    def journal(self, content: dict[str, str], needed: int = 0) -> Journal:
        """Return the journal of this run, with what an interrupted run of the same job has left in it.

        Parameters
        ----------
        content : dict of str
            Digests of what the job's files hold.
        needed : int
            Bytes that it will take on the disk.

        Raises
        ------
        OutputError
            When there is no room for it.
        """
        folder = journals_folder()
        remedy = "Free some space there, or name another folder in the environment variable DRIFTWAY_JOURNALS."
        try:
            self._journal = Journal(job_identity(self._job, content), folder)
        except OSError as error:
            raise OutputError(f"'{folder}' cannot hold unfinished results ({error.strerror}).", remedy) from error
        free = shutil.disk_usage(folder).free
        if free < needed and not self._journal.holds_work:
            raise OutputError(
                f"Unfinished results take {human_bytes(needed)} in '{folder}', {human_bytes(free)} are free.", remedy
            )
        return self._journal

    @property
    def can_be_continued(self) -> bool:
        """Whether the same job would continue where this run is."""
        return self._journal is not None and self._journal.holds_work

    def wants(self, name: str) -> bool:
        """Whether the job asks for this output."""
        return bool(self._job.outputs.get(name))

    def write(self, name: str, writer: Callable[[Path], None]) -> None:
        """Have `writer` write an output to the path that it is given, if the job asks for it.

        A folder output gets an empty folder to fill.
        """
        if not self.wants(name):
            return
        part = part_path(self._job.outputs[name], self._job.id)
        self._parts[name] = part
        try:
            if name in self._folders:
                part.mkdir()
            writer(part)
        except OSError as error:
            raise OutputError(
                f"'{self._job.outputs[name]}' could not be written ({error.strerror}).", "Is the disk full?", name
            ) from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text output."""
        self.write(name, lambda path: _write_text(path, text))

    def publish(self) -> dict[str, str]:
        """Move all outputs to their places and return these; if one cannot be moved, none is.

        Raises
        ------
        OutputError
            When a file cannot be replaced, for example because another program holds it.
        """
        with self._moving:
            return self._publish()

    def _publish(self) -> dict[str, str]:
        moved: list[tuple[Path, Path | None]] = []
        made: list[Path] = []
        for name, part, target in self._moves():
            before = target.with_name(f".{target.name}.{self._job.id}.before") if target.exists() else None
            try:
                _make_folders(target.parent, made)
                if before is not None:
                    _keep(target, before)
                moved.append((target, before))
                os.replace(part, target)
            except OSError as error:
                _move_back(moved)
                _remove_folders(made)
                raise OutputError(
                    f"'{target}' could not be replaced ({error.strerror}).",
                    "Close what has it open, for example the layer in QGIS, or choose another file.",
                    name,
                ) from error
        published = {name: str(Path(self._job.outputs[name])) for name in self._parts}
        for name in self._folders & set(self._parts):
            shutil.rmtree(self._parts[name], ignore_errors=True)
            Path(published[name]).mkdir(exist_ok=True)  # where nothing was written into it
        self._parts.clear()
        self._published = True
        for _, before in moved:
            if before is not None:
                with contextlib.suppress(OSError):
                    before.unlink()
        return published

    def _moves(self) -> list[tuple[str, Path, Path]]:
        """Return (output, file written, its place) of every file."""
        moves = []
        for name, part in self._parts.items():
            target = Path(self._job.outputs[name])
            if name in self._folders:
                files = sorted(file for file in part.rglob("*") if file.is_file())
                moves += [(name, file, target / file.relative_to(part)) for file in files]
            else:
                moves.append((name, part, target))
        return moves

    def discard(self) -> None:
        """Remove what was written and not published; waits for outputs that are being moved."""
        with self._moving:
            for part in list(self._parts.values()):  # a run may be writing while its caller disappears
                if part.is_dir():
                    shutil.rmtree(part, ignore_errors=True)
                    continue
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
            self._parts.clear()


def _make_folders(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it; add what was made to the list, the outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir()
        made.append(one)


def _remove_folders(made: list[Path]) -> None:
    for folder in reversed(made):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _keep(target: Path, name: Path) -> None:
    """Keep a file under a second name; where there are no links, it moves there."""
    try:
        os.link(target, name)
    except OSError:
        os.replace(target, name)


def _move_back(moved: list[tuple[Path, Path | None]]) -> None:
    """Restore what stood in the outputs' places."""
    for target, before in reversed(moved):
        with contextlib.suppress(OSError):
            if before is None:
                target.unlink()
            elif target.exists() and target.samefile(before):
                before.unlink()  # nothing has moved yet; and replacing a link by itself would leave both
            else:
                os.replace(before, target)


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
