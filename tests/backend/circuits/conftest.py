"""What the tests of circuits share."""

from __future__ import annotations

import pytest
from small_landscapes import Laboratory, Listener

from backend.circuit_memory import CircuitPlan


@pytest.fixture
def laboratory(tmp_path):
    return Laboratory(tmp_path)


@pytest.fixture
def report():
    return Listener()


@pytest.fixture(scope="session")
def plan():
    return CircuitPlan(0, 8, on_disk=False)
