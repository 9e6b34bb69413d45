"""Whether every output can be written, before any work."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .declarations import FileOutput
from .errors import InputError
from .job import Job
from .memory import human_bytes
from .raster_grid import Grid

_ENDINGS = {
    "raster": (".tif", ".tiff"),
    "vector": (".gpkg",),
    "table": (".csv",),
    "report": (".html", ".htm"),
}
_FILE_INPUTS = ("raster", "vector", "file")
_BYTES_PER_CELL = 5


def check_outputs(job: Job, grid: Grid | None) -> None:
    """Check folders, names and free space of every output that the job asks for; `grid` is that of output rasters.

    Raises
    ------
    InputError
        With the output's name, the path and what to do.
    """
    kinds = {output.name: output.kind for output in job.declaration.outputs}
    endings = {**_ENDINGS, **{o.name: (f".{o.ending}",) for o in job.declaration.outputs if isinstance(o, FileOutput)}}
    needed: dict[Path, int] = {}
    seen: dict[Path, str] = {}
    for name, given in job.outputs.items():
        if kinds.get(name) == "folder":
            whole = _check_folder(name, Path(given))
            if whole in seen:
                raise InputError(name, f"'{given}' is the output of {seen[whole]} as well.", "Choose another folder.")
            seen[whole] = name
            needed[whole.parent] = needed.get(whole.parent, 0) + 1_000_000
            continue
        allowed = endings.get(name) or endings.get(kinds.get(name, ""))
        if allowed is None:
            raise InputError(name, f"'{job.analysis}' has no such output file.", f"Known: {', '.join(kinds)}.")
        path = Path(given)
        _check_path(name, path, allowed)
        whole = path.resolve()
        if whole in seen:
            raise InputError(name, f"'{path}' is the output of {seen[whole]} as well.", "Give each its own file.")
        seen[whole] = name
        size = grid.cells * _BYTES_PER_CELL if grid and kinds[name] == "raster" else 1_000_000
        needed[whole.parent] = needed.get(whole.parent, 0) + size
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        if free < size:
            first = next(name for path, name in seen.items() if path.parent == folder)
            raise InputError(
                first,
                f"The outputs need up to {human_bytes(size)} in '{folder}', {human_bytes(free)} are free.",
                "Free some space or choose another folder.",
            )
    for name in (p.name for p in job.declaration.parameters if p.kind in _FILE_INPUTS):
        source = str(job.parameters.get(name) or "").partition("|")[0]
        if source and Path(source).exists() and Path(source).resolve() in seen:
            raise InputError(seen[Path(source).resolve()], f"It would overwrite {name}.", "Choose another file.")


def _check_folder(name: str, path: Path) -> Path:
    """Check a folder that need not exist yet, and return it whole."""
    if path.exists() and not path.is_dir():
        raise InputError(name, f"'{path}' is a file.", "Give the name of a folder.")
    if not path.resolve().parent.is_dir():
        raise InputError(name, f"The folder '{path.resolve().parent}' does not exist.", "Create it or choose another.")
    try:
        for folder in {path.resolve().parent, path.resolve() if path.exists() else path.resolve().parent}:
            with tempfile.TemporaryFile(dir=folder):  # it is filled beside its place, then moved
                pass
    except OSError as error:
        raise InputError(
            name, f"'{path}' cannot be written ({error.strerror}).", "Choose a folder that you may write to."
        ) from error
    return path.resolve()


def _check_path(name: str, path: Path, endings: tuple[str, ...]) -> None:
    if path.suffix.lower() not in endings:
        raise InputError(name, f"'{path.name}' does not end in {' or '.join(endings)}.", "Rename the output.")
    if path.is_dir():
        raise InputError(name, f"'{path}' is a folder.", "Give the name of a file.")
    if not path.parent.is_dir():
        raise InputError(name, f"The folder '{path.parent}' does not exist.", "Create it or choose another.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.exists():
            with path.open("ab"):
                pass
    except OSError as error:
        raise InputError(
            name, f"'{path}' cannot be written ({error.strerror}).", "Choose a folder that you may write to."
        ) from error
