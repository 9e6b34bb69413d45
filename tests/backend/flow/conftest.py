"""A folder of small rasters, and a way to run analyses on them."""

from __future__ import annotations

import pytest
from small_landscapes import Laboratory


@pytest.fixture
def laboratory(tmp_path) -> Laboratory:
    return Laboratory(tmp_path)
