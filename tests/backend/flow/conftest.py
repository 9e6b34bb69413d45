"""What the tests of corridors and flow share."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from corridor_runs import COLUMNS, ROWS
from small_landscapes import Laboratory


@pytest.fixture
def laboratory(tmp_path) -> Laboratory:
    return Laboratory(tmp_path)


@pytest.fixture(scope="session")
def resistance() -> np.ndarray:
    """Resistances with a wall, for corridors."""
    values = np.random.default_rng(8).uniform(1, 5, (ROWS, COLUMNS))
    values[3, 2:9] = values[6, 4] = values[5, 5] = np.nan
    return values


@pytest.fixture(scope="module")
def quick_to_compile():
    """Compile for correctness, not for speed."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
