"""A refusal for want of memory says the largest setting that would fit: there it fits, and one more does not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from small_landscapes import CELL, ORIGIN

from backend.errors import MemoryPlanError

ROWS, COLUMNS = 260, 300
MEGABYTE = 10**6
REMEDIES = {
    "RADIUS": r"^RADIUS = (\d+) would fit",
    "BLOCK": r"^BLOCK = (\d+) would fit",
    "EXTENT": r"^Set (?:RADIUS and BLOCK to 1 and )?EXTENT to (\d+) x \1 cells or fewer",
    "MAXIMUM_WINDOW": r"set MAXIMUM_WINDOW to (\d+) or less",
}
WIDE = {"DISPERSAL_DISTANCE": 1000.0}
CIRCUIT = {"DISTANCE": "resistance", "RADIUS": 60, "BLOCK": 5}


#: Blocks are odd; planning leaves some room where it names an extent.
MORE = {"RADIUS": 1, "BLOCK": 2, "MAXIMUM_WINDOW": 1, "EXTENT": 100}


@pytest.fixture(scope="module")
def raster() -> np.ndarray:
    return np.ones((ROWS, COLUMNS))


def setting(name: str, value: int, remedy: str) -> dict[str, Any]:
    if name != "EXTENT":
        return {name: value}
    (left, top), (width, height) = ORIGIN, CELL
    extent = [left, left + value * width, top - value * height, top]
    return {"EXTENT": extent, **({"RADIUS": 1, "BLOCK": 1} if "BLOCK to 1" in remedy else {})}


@pytest.mark.parametrize(
    ("analysis", "parameters", "limit", "name"),
    [
        ("sensitivity", WIDE, 500, "MAXIMUM_WINDOW"),
        ("landscaperanking", {"DISPERSAL_DISTANCE": 40.0}, 510, "EXTENT"),
        ("landscaperanking", WIDE, 560, "MAXIMUM_WINDOW"),
        ("prioritisation", {"DISPERSAL_DISTANCE": 40.0}, 510, "EXTENT"),
        ("prioritisation", WIDE, 560, "MAXIMUM_WINDOW"),
        ("movementflow", {"DISPERSAL_DISTANCE": 40.0}, 440, "EXTENT"),
        ("connectivity", CIRCUIT, 620, "RADIUS"),
        ("connectivity", {**CIRCUIT, "BLOCK": 99}, 680, "BLOCK"),
    ],
)
def test_what_is_said_to_fit_fits_and_no_more(laboratory, raster, analysis, parameters, limit, name):
    """Without the streams of files: analyses that hold the raster have the most to say about it."""
    own = {"BUDGET": 5} if analysis == "prioritisation" else {}
    given = {**parameters, **own, "settings": {"memory_limit": limit * MEGABYTE}}
    rasters = [laboratory.raster(raster)] * 2
    with pytest.raises(MemoryPlanError, match="are allowed|Of the") as caught:
        laboratory.check(analysis, *rasters, **given)
    remedy = caught.value.remedy
    said = re.search(REMEDIES[name], remedy)
    assert said, remedy
    most = int(said[1])
    laboratory.check(analysis, *rasters, **{**given, **setting(name, most, remedy)})
    with pytest.raises(MemoryPlanError, match="are allowed|Of the"):
        laboratory.check(analysis, *rasters, **{**given, **setting(name, most + MORE[name], remedy)})
