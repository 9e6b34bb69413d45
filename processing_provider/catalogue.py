"""The catalogue of algorithms that the backend declares, as committed beside this file."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

CATALOGUE_FILE = Path(__file__).with_name("catalogue.json")
CATALOGUE_VERSION = 1


def algorithms() -> tuple[dict[str, Any], ...]:
    """Return the declared algorithms in toolbox order."""
    return tuple(_read()["algorithms"])


def ramps() -> dict[str, list[str]]:
    """Return the colours of each ramp by its name, from the lowest value to the highest."""
    return _read()["ramps"]


def algorithm(identifier: str) -> dict[str, Any]:
    """Return the declared algorithm of that id."""
    return next(entry for entry in algorithms() if entry["id"] == identifier)


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    catalogue = json.loads(CATALOGUE_FILE.read_text(encoding="utf-8"))
    if catalogue["catalogue"] != CATALOGUE_VERSION:
        raise ValueError(f"{CATALOGUE_FILE} is of version {catalogue['catalogue']}, expected {CATALOGUE_VERSION}")
    return catalogue
