"""A package folder small enough for tests: one tiny wheel made here, its lock, and a Python to install it with."""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
import zipfile
from pathlib import Path

from processing_provider.engine import Interpreter, Recipe

TRY_TINY = ("-c", "import tiny; raise SystemExit(0 if tiny.ANSWER == 42 else 1)")


def make_wheel(folder: Path, name: str = "tiny", version: str = "1.0", code: str = "ANSWER = 42\n") -> Path:
    """Write a valid pure Python wheel with one module, a data file and a script."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code,
        f"{name}/data/numbers.txt": "1 2 3\n" * 50,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-script = {name}:main\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def lock_of(file: Path, wheels: list[Path]) -> Path:
    """Write a lock file that pins these wheels by their hashes."""
    lines = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    file.write_text("".join(lines))
    return file


def recipe_of(lock: Path, self_test: tuple[str, ...] = TRY_TINY, needed: int = 1) -> Recipe:
    """Return a recipe that needs hardly any disk."""
    return Recipe(lock, self_test, needed)


def this_python(path: Path | None = None) -> Interpreter:
    """Return this Python as if it had been found and tried out."""
    major, minor, micro = sys.version_info[:3]
    return Interpreter(path or Path(sys.executable), (major, minor, micro), sysconfig.get_platform(), "3.6.2")


def leftovers(home: Path) -> list[str]:
    """Return the names in the engine's folder that are no package folder."""
    root = home / "engine"
    return sorted(path.name for path in root.iterdir() if path.name.startswith(".")) if root.is_dir() else []


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
