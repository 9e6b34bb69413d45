"""What the plugin's metadata say: version, pages."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

METADATA_FILE = Path(__file__).resolve().parent.parent / "metadata.txt"


@lru_cache(maxsize=1)
def _facts() -> dict[str, str]:
    lines = METADATA_FILE.read_text(encoding="utf-8").splitlines() if METADATA_FILE.exists() else []
    named = (line.partition("=") for line in lines if "=" in line and line[0].isalpha())
    return {name.strip(): value.strip() for name, _, value in named}


def homepage() -> str:
    """Return the plugin's page; empty when the metadata name none."""
    return _facts().get("homepage", "")


def version() -> str:
    """Return the plugin's version."""
    return _facts().get("version", "")
