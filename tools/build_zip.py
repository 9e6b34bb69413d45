"""Build the plugin's zip: the same bytes from the same files, and nothing that does not belong there."""

from __future__ import annotations

import configparser
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FOLDER = "driftway"
FILES = ("metadata.txt", "__init__.py", "README.md", "LICENSE", "CHANGELOG.md")
FOLDERS = ("plugin", "processing_provider", "backend", "icons")
KINDS = {
    ".py", ".json", ".txt", ".svg", ".png", ".qml", ".model3", ".md", ".html", ".css", ".ui", ".qm"
}  # fmt: skip
STAMP = (1980, 1, 1, 0, 0, 0)
LARGEST = 25_000_000


def contents(top: Path) -> Iterator[tuple[str, Path]]:
    """Give the name in the zip and the file of all that belongs to the plugin, sorted by name."""
    found = [top / name for name in FILES]
    for folder in FOLDERS:
        found += [path for path in (top / folder).rglob("*") if path.is_file() and not _stays(path.relative_to(top))]
    for path in sorted(found, key=lambda path: path.relative_to(top).as_posix()):
        name = path.relative_to(top)
        if not path.is_file():
            raise ValueError(f"{name} is missing; the plugin cannot be packaged without it.")
        if path.name != "LICENSE" and path.suffix not in KINDS:
            raise ValueError(f"{name} is of a kind that does not belong in the plugin.")
        yield f"{FOLDER}/{name.as_posix()}", path


def version(top: Path) -> str:
    """Return the version in metadata.txt."""
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(top / "metadata.txt", encoding="utf-8")
    return metadata["general"]["version"]


def build(top: Path, into: Path) -> Path:
    """Write ``driftway-<version>.zip`` into a folder and return its path."""
    into.mkdir(parents=True, exist_ok=True)
    target = into / f"driftway-{version(top)}.zip"
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in contents(top):
            entry = zipfile.ZipInfo(name, STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, path.read_bytes())
    if part.stat().st_size > LARGEST:
        raise ValueError(f"The zip has {part.stat().st_size} bytes; the plugin repository takes {LARGEST}.")
    part.replace(target)
    return target


def _stays(name: Path) -> bool:
    """Say whether a file is a cache's, or only what `./run lock` starts from."""
    return name.suffix == ".in" or any(part.startswith(".") or part == "__pycache__" for part in name.parts)


def main() -> int:
    """Build the zip into the folder on the command line, or into ``dist``, and print its path."""
    try:
        built = build(TOP, Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "dist")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{built}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
