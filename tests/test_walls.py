"""Who may import whom, read from the source; and what QGIS loads when it loads the plugin."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
# Checks that the QGIS side calls before the worker starts; nothing in them may need the engine.
LIGHT = (
    "__init__",
    "declarations",
    "errors",
    "window_plan",
    "window_shape",
    "landscape_headers",
    "landscape_survey",
    "distance_constants",
    "raster_io",
    "raster_grid",
    "gdal_messages",
    "job",
)
OLDEST_QGIS_PYTHON = (3, 9)
MATHEMATICS = (
    "connectivity",
    "sensitivity",
    "prioritisation",
    "proximity",
    "dispersal",
    "grid",
    "windows",
    "window_plan",
    "window_shape",
)
MATHEMATICS_FOLDERS = ("distances", "proximities", "solvers")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((TOP / folder).rglob("*.py"))]


def imports(path: Path, everywhere: bool = True) -> Iterator[str]:
    """Give the dotted names a file imports, relative ones as from the top of the checkout with a leading dot.

    With ``everywhere`` false only those that run when the module is imported, without type checking's.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    nodes = ast.walk(tree) if everywhere else at_load(tree.body)
    package = path.relative_to(TOP).with_suffix("").parts[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
                continue
            if node.level > len(package) + 1:
                raise AssertionError(f"{path} imports from above the plugin's folder")
            base = list(package[: len(package) - node.level + 1]) + (node.module or "").split(".")
            stem = ".".join(part for part in base if part)
            yield from (f".{stem}.{alias.name}" if stem else f".{alias.name}" for alias in node.names)


def at_load(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements that run when a module is imported."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from at_load(node.orelse)
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from at_load(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from at_load(handler.body)


def file_of(name: str) -> Path | None:
    """Return the file of a relative import's name, whether it names a module or something in it."""
    parts = name.strip(".").split(".")
    for length in range(len(parts), 0, -1):
        stem = TOP.joinpath(*parts[:length])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


def loaded_with(start: list[Path], everywhere: bool = False) -> set[Path]:
    """Return all files of the checkout that importing these files imports, packages included.

    With ``everywhere`` true also those that functions import, except for packages, which import what is asked of them.
    """
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [
            init
            for init in (parent / "__init__.py" for parent in path.parents)
            if init.is_file() and TOP in init.parents and init.parent != TOP
        ]
        waiting += [
            reached
            for name in imports(path, everywhere and path.name != "__init__.py")
            if name.startswith(".") and (reached := file_of(name))
        ]
    return found


def outside(paths: set[Path] | list[Path], allowed: set[str], everywhere: bool) -> list[str]:
    """Return what these files import that is neither the standard library, nor allowed, nor relative."""
    free = set(sys.stdlib_module_names) | allowed
    return [
        f"{path.relative_to(TOP)} imports {name}"
        for path in sorted(paths)
        for name in imports(path, everywhere)
        if not name.startswith(".") and name.split(".")[0] not in free
    ]


def light_modules() -> list[Path]:
    named = [TOP / "backend" / f"{name}.py" for name in LIGHT]
    return [path for path in named if path.is_file()] + sources("backend/analyses")


def test_the_walls_have_something_to_hold() -> None:
    assert sources("plugin")
    assert len(sources("processing_provider")) > 5
    assert len(sources("backend")) > 10
    assert len(light_modules()) > 5


def test_qgis_side_imports_only_the_standard_library_and_qgis() -> None:
    assert (
        outside(
            [TOP / "__init__.py", *sources("plugin", "processing_provider")], {"qgis", "processing"}, everywhere=True
        )
        == []
    )


def test_plugin_load_reaches_no_numpy() -> None:
    reached = loaded_with([TOP / "__init__.py", *sources("plugin", "processing_provider")])
    assert outside(reached, {"qgis"}, everywhere=False) == []


def test_backend_never_imports_qgis_nor_itself_by_name() -> None:
    forbidden = {
        "qgis",
        "PyQt5",
        "PyQt6",
        "PySide2",
        "PySide6",
        "sip",
        "backend",
        "plugin",
        "processing_provider",
        "processing",
    }
    found = [
        f"{path.relative_to(TOP)} imports {name}"
        for path in sources("backend")
        for name in imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert found == []


def test_backend_does_not_reach_out_of_its_folder() -> None:
    found = [
        f"{path.relative_to(TOP)} imports {name}"
        for path in sources("backend")
        for name in imports(path)
        if name.startswith(".") and not name.startswith(".backend")
    ]
    assert found == []


def test_light_modules_need_no_engine() -> None:
    assert outside(loaded_with(light_modules()), {"numpy", "osgeo"}, everywhere=False) == []


def test_analyses_without_jax_reach_none() -> None:
    without = [
        path for path in sources("backend/analyses") if "\nUSES_JAX = False\n" in path.read_text(encoding="utf-8")
    ]
    assert without
    found = {
        f"{path.relative_to(TOP)} imports {name}"
        for path in loaded_with(without, everywhere=True)
        for name in imports(path)
        if name.split(".")[0] in {"jax", "equinox"}
    }
    assert found == set()


def test_mathematics_reads_and_writes_no_files() -> None:
    paths = [TOP / "backend" / f"{name}.py" for name in MATHEMATICS]
    paths = [path for path in paths if path.is_file()] + sources(*(f"backend/{name}" for name in MATHEMATICS_FOLDERS))
    found = [
        f"{path.relative_to(TOP)} imports {name}"
        for path in paths
        for name in imports(path)
        if name.split(".")[0] == "osgeo"
        or name.startswith((".backend.raster_io", ".backend.vector_io", ".backend.analyses"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "path",
    [TOP / "__init__.py", *sources("plugin", "processing_provider"), *light_modules()],
    ids=lambda path: str(path.relative_to(TOP)),
)
def test_what_qgis_loads_is_readable_by_its_oldest_python(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=OLDEST_QGIS_PYTHON)


def test_importing_the_plugin_loads_neither_numpy_nor_jax(tmp_path: Path) -> None:
    (tmp_path / "any_name").symlink_to(TOP, target_is_directory=True)
    code = (
        "import sys, any_name; heavy = {'numpy', 'jax', 'numba', 'osgeo'};"
        "print(sorted(heavy & set(sys.modules)), callable(any_name.classFactory))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] True"
