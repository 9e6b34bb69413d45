"""What the plugin's metadata say: version, pages."""

from __future__ import annotations

import configparser
from functools import lru_cache
from pathlib import Path

METADATA_FILE = Path(__file__).resolve().parent.parent / "metadata.txt"


@lru_cache(maxsize=1)
def _facts() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(METADATA_FILE, encoding="utf-8")
    except configparser.Error:
        return {}
    return dict(parser["general"]) if parser.has_section("general") else {}


def homepage() -> str:
    """Return the plugin's page; empty when the metadata name none."""
    return _facts().get("homepage", "")


def version() -> str:
    """Return the plugin's version."""
    return _facts().get("version", "")
