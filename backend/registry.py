"""What a package offers, known by the names of its files: adding a file adds an option.

Nothing is imported to list the names, so that the toolbox can do it without the engine.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

_HERE = Path(__file__).resolve().parent
_NOT_OFFERED = "abstract"
_NEEDED = object()


def names(package: str) -> list[str]:
    """Return the names that a package of the backend offers, in alphabetical order.

    Parameters
    ----------
    package : str
        ``"distances"``, ``"proximities"`` or ``"analyses"``.
    """
    found = pkgutil.iter_modules([str(_HERE / package)])
    return sorted(m.name for m in found if not m.name.startswith(_NOT_OFFERED))


def load(package: str, name: str) -> ModuleType:
    """Import the module that carries that name."""
    return importlib.import_module(f".{package}.{name}", __package__)


def options(package: str, first: str) -> tuple[tuple[str, str], ...]:
    """Return (value, label) of everything that a package offers, `first` first."""
    ordered = sorted(names(package), key=lambda name: (name != first, name))
    return tuple((name, name.replace("_", " ").capitalize()) for name in ordered)


def constant(package: str, name: str, attribute: str, default: Any = _NEEDED) -> Any:
    """Return a literal that a module assigns at its top level, without importing the module.

    Raises
    ------
    AttributeError
        When the module has no such constant and there is no default.
    """
    source = (_HERE / package / f"{name}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", None) == attribute for t in node.targets):
            return ast.literal_eval(node.value)
    if default is not _NEEDED:
        return default
    raise AttributeError(f"{package}/{name}.py has no constant {attribute}")
