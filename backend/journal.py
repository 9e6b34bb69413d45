"""What a run has finished, on disk: after a kill, a cancel or a power cut the same job continues there, bit by bit.

A journal is a folder, named by the content of the inputs and the parameters. Values are on the disk before the line that says
so, and the line is on the disk before work goes on; a last line that was torn is not read. A lock keeps it to one run: a second
run of the same job gets a folder of its own, which nobody continues.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError
from .folder_lock import LOCK, locked, remove_locked
from .job import Job, Report
from .row_file import RowFile

_LINES = "journal.jsonl"
#: Journals that nobody came back to are removed after so long, and the oldest of many when they are too large.
_KEPT_SECONDS, _KEPT_BYTES = 30 * 86400.0, 50_000_000_000
#: Time between commits, and how much longer than the last commit it is at least: what committing may cost.
_SECONDS, _SHARE = 5.0, 100


def journals_folder() -> Path:
    """Return where journals lie: the folder that DRIFTWAY_JOURNALS names, or one in the user's cache."""
    named = os.environ.get("DRIFTWAY_JOURNALS")
    if named:
        return Path(named)
    cache = os.environ.get("DRIFTWAY_CACHE")
    if cache:
        return Path(cache) / "journals"
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return Path(local or Path.home() / ".cache") / "driftway" / "journals"


def code_digest() -> str:
    """Return a name for the present state of the backend's code: another state may round differently."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).resolve().parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def digest_of(*arrays: NDArray[Any]) -> str:
    """Return a name for what arrays hold."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def job_identity(job: Job, content: dict[str, str]) -> dict[str, Any]:
    """Return everything that the results of a job depend on.

    Parameters
    ----------
    job : Job
        Its files count by what they hold, not by their names; memory, threads and paths of outputs do not count.
    content : dict
        Digests of what its files hold, as read.
    """
    files = {p.name for p in job.declaration.parameters if p.kind in ("raster", "vector", "file")}
    values = {name: value for name, value in job.parameters.items() if name not in files}
    given = sorted(name for name in files if job.parameters.get(name))
    wanted = sorted(name for name, path in job.outputs.items() if path)
    plain = {"analysis": job.analysis, "parameters": values, "files": given, "outputs": wanted, "device": job.device}
    return {**plain, "seed": job.seed, "content": content, "machine": platform.machine()}


@dataclass(frozen=True)
class PassState:
    """How far a pass over windows has come.

    Parameters
    ----------
    share : float
        Share of the windows that are done.
    band, batches : int
        The band that is next, and how many of its batches are done.
    sums : list of list of float
        Partials of the sums.
    totals : array or None
        The accumulators of the rows that are not finished.
    """

    share: float
    band: int
    batches: int
    sums: list[list[float]]
    totals: NDArray[np.float64] | None


class Journal:
    """The journal of one run.

    Parameters
    ----------
    identity : dict
        Everything that results depend on, as JSON values. The same identity finds what it has left.
    folder : Path, optional
        Where journals lie.

    Raises
    ------
    OSError
        When the folder cannot be made.
    """

    def __init__(self, identity: dict[str, Any], folder: Path | None = None) -> None:
        self._above = folder or journals_folder()
        self._above.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**identity, "code": code_digest()}, sort_keys=True)
        self.folder = self._above / hashlib.sha256(text.encode()).hexdigest()[:32]
        self._lock = locked(self.folder)
        self._shared = self._lock is None
        if self._lock is None:  # another run is at this job
            self.folder = Path(tempfile.mkdtemp(prefix="alone-", dir=self._above))
            self._lock = locked(self.folder)
        _clear(self._above, keep=self.folder)
        lines = _read_lines(self.folder / _LINES)
        self._lines = open(self.folder / _LINES, "ab", buffering=0)  # noqa: SIM115 - `close` closes it
        self._lines.truncate(sum(len(line) for line, _ in lines))
        self._known = {entry["name"]: entry for _, entry in lines}
        # Of each name only the last two turns are there: where more lines are lost, what they say is not.
        self._known = {name: entry for name, entry in self._known.items() if self._is_whole(entry)}
        self._waiting: list[dict[str, Any]] = []
        self._row_files: dict[str, RowFile] = {}
        self._last, self._cost = time.monotonic(), 0.0

    @property
    def holds_work(self) -> bool:
        """Whether there is anything to continue from."""
        return len(self._known) > len(self._waiting) and not self._shared

    def say_continued(self, report: Report, known: str) -> None:
        """Tell the user that the run goes on from what an earlier one left, what that is, and how to begin afresh instead."""
        report.message(
            f"Continuing a run that was interrupted: {known}. To start afresh, cancel this run and delete '{self.folder}'."
        )

    def entry(self, name: str) -> Any:
        """Return what was last entered under a name, or None."""
        return self._known[name]["entry"] if name in self._known else None

    def is_due(self) -> bool:
        """Whether it is time to commit: not often enough to cost more than a percent.

        The environment variable DRIFTWAY_JOURNAL_SECONDS sets another time; with 0 it is always time.
        """
        seconds = float(os.environ.get("DRIFTWAY_JOURNAL_SECONDS", _SECONDS))
        return seconds == 0 or time.monotonic() - self._last >= max(seconds, _SHARE * self._cost)

    def enter_later(self, name: str, entry: Any) -> None:
        """Enter JSON values together with what is entered next: alone they are not worth the wait for the disk."""
        self._waiting.append({"name": name, "turn": 0, "arrays": {}, "entry": entry})
        self._known[name] = self._waiting[-1]

    def enter(self, name: str, entry: Any, arrays: dict[str, NDArray[Any]] | None = None) -> None:
        """Enter JSON values and arrays under a name, in place of what it held; returns when they are on the disk.

        Raises
        ------
        OutputError
            When the disk does not take them.
        """
        try:
            self._enter(name, entry, arrays)
        except OSError as error:
            raise OutputError(
                f"'{self.folder}' could not be written ({error.strerror or error}).", "Is the disk full?"
            ) from error

    def _enter(self, name: str, entry: Any, arrays: dict[str, NDArray[Any]] | None) -> None:
        began = time.monotonic()
        if self._waiting:
            _sync_folder(self._above)
        for rows in self._row_files.values():
            rows.sync()
        turn = 1 - self._known[name]["turn"] if name in self._known else 0
        checks = {}
        for label, given in (arrays or {}).items():
            values = np.asarray(given, order="C")
            checks[label] = _check(values)
            with self._array_path(name, label, turn).open("wb") as file:
                np.save(file, values)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(self.folder)
        line = {"name": name, "turn": turn, "arrays": checks, "entry": entry}
        self._append(b"".join(_line(each) for each in (*self._waiting, line)))
        self._waiting = []
        self._known[name] = line
        self._last = time.monotonic()
        self._cost = self._last - began

    def _append(self, data: bytes) -> None:
        """Append lines, all or none: what follows half a line would not be read."""
        length = os.fstat(self._lines.fileno()).st_size
        try:
            while data:
                data = data[self._lines.write(data) or 0 :]
            os.fsync(self._lines.fileno())
        except OSError:
            self._lines.truncate(length)
            raise

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays that were last entered under a name."""
        known = self._known[name]
        return {label: np.load(self._array_path(name, label, known["turn"])) for label in known["arrays"]}

    def _is_whole(self, entry: dict[str, Any]) -> bool:
        try:
            found = {n: _check(np.load(self._array_path(entry["name"], n, entry["turn"]))) for n in entry["arrays"]}
        except (OSError, ValueError):
            return False
        return found == entry["arrays"]

    def _array_path(self, name: str, label: str, turn: int) -> Path:
        return self.folder / f"{name}.{label}.{turn}.npy"

    def rows(self, name: str, rows: int, columns: int, dtype: str = "float32") -> RowFile:
        """Return the file of rows of that name, with what an earlier run has written."""
        if name not in self._row_files:
            self._row_files[name] = RowFile(self.folder / f"{name}.rows", rows, columns, dtype)
        return self._row_files[name]

    def clear(self) -> None:
        """Forget everything that was entered."""
        self._lines.truncate(0)
        os.fsync(self._lines.fileno())
        self._known.clear()
        self._waiting = []

    def pass_(self, name: str, number: int = 0) -> PassJournal:
        """Return the part of the journal that belongs to one pass over windows; of several in a row, each has its number."""
        return PassJournal(self, name, number)

    def close(self, *, keep: bool) -> None:
        """Give the journal up; unless it is to be kept and holds work, it is removed."""
        if self._lock is None:
            return
        for rows in self._row_files.values():
            rows.close()
        self._lines.close()
        if not (keep and self.holds_work):
            remove_locked(self.folder, self._lock)
        else:
            os.close(self._lock)
        self._lock = None


@dataclass
class PassJournal:
    """The journal of one pass over windows, which takes the place of the pass of another number."""

    journal: Journal
    name: str
    number: int = 0

    def state(self) -> PassState | None:
        """Return how far the pass has come, None at its beginning."""
        entry = self.journal.entry(self.name)
        if entry is not None and entry["number"] != self.number:
            # What that pass gave away is going to be overwritten: nobody may continue it.
            self.journal.enter_later(self.name, None)
            entry = None
        if entry is None:
            return None
        arrays = self.journal.arrays(self.name)
        known = {name: value for name, value in entry.items() if name != "number"}
        return PassState(**known, totals=arrays.get("totals"))

    def say_continued(self, report: Report, known: str) -> None:
        """Tell the user that the run goes on."""
        self.journal.say_continued(report, known)

    def is_due(self) -> bool:
        """Whether it is time to commit."""
        return self.journal.is_due()

    def end(self, state: PassState) -> None:
        """Enter that the pass is done, if the run has taken so long that it is worth it."""
        if self.journal.holds_work or self.is_due():
            self.commit(state)

    def commit(self, state: PassState) -> None:
        """Enter how far the pass has come."""
        entry = {each: getattr(state, each) for each in ("share", "band", "batches", "sums")}
        entry["number"] = self.number
        arrays = {} if state.totals is None or not state.totals.size else {"totals": state.totals}
        self.journal.enter(self.name, entry, arrays)


def _sync_folder(folder: Path) -> None:
    """Return when names of new files are on the disk."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(values: NDArray[Any]) -> int:
    return zlib.crc32(values.reshape(-1).view(np.uint8).data)


def _line(content: dict[str, Any]) -> bytes:
    text = json.dumps(content).encode()
    return hashlib.sha256(text).hexdigest()[:8].encode() + b" " + text + b"\n"


def _read_lines(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """Return the whole lines at the beginning of a journal."""
    found: list[tuple[bytes, dict[str, Any]]] = []
    if not path.exists():
        return found
    for line in path.read_bytes().splitlines(keepends=True):
        check, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or hashlib.sha256(text).hexdigest()[:8].encode() != check:
            break
        found.append((line, json.loads(text)))
    return found


def _clear(above: Path, keep: Path) -> None:
    """Remove journals that nobody came back to, and the oldest where they take too much room."""
    found = []
    for folder in above.iterdir():
        if folder != keep and folder.is_dir() and (folder / LOCK).exists():
            files = [path.stat() for path in folder.iterdir()]
            found.append((max(file.st_mtime for file in files), sum(file.st_size for file in files), folder))
    room = _KEPT_BYTES
    for latest, size, folder in sorted(found, reverse=True):
        room -= size
        left_alone = folder.name.startswith("alone-")
        if not left_alone and room >= 0 and time.time() - latest < _KEPT_SECONDS:
            continue
        descriptor = locked(folder)
        if descriptor is not None:  # nobody is at it
            remove_locked(folder, descriptor)
