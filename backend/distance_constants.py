"""What a distance's file says of it, read without importing it; light."""

from __future__ import annotations

from typing import Any

from . import registry


def distance_constant(distance: str, name: str) -> Any:
    """Return a constant of a distance's file, such as ``HALO_FOLLOWS``, without importing it."""
    return registry.constant("distances", distance, name)


def has_step_cost(distance: str) -> bool:
    """Say whether a distance takes THETA and STEP_COST."""
    return registry.constant("distances", distance, "HAS_STEP_COST", False)
