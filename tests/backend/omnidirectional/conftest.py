"""Fixtures of the moving window's tests."""

from __future__ import annotations

import pytest
from omnidirectional_rasters import currents_of, random_landscape


@pytest.fixture(scope="session")
def currents():
    return currents_of


@pytest.fixture(scope="session")
def landscape():
    return random_landscape
