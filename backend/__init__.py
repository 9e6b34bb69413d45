"""Driftway's mathematics: landscape connectivity as windowed JAX kernels, without QGIS.

Importing it loads nothing else: the names below bring JAX along when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connectivity import LandscapeModel as LandscapeModel
    from .connectivity import window_connectivity as window_connectivity
    from .distances import DISTANCES as DISTANCES
    from .neighbourhood import Neighbourhood as Neighbourhood
    from .proximity import Proximity as Proximity
    from .transformations import ExponentialTransformation as ExponentialTransformation
    from .transformations import LogLinearPermeability as LogLinearPermeability
    from .transformations import PowerTransformation as PowerTransformation
    from .transformations import Sequential as Sequential
    from .whole_landscape import LandscapeConnectivity as LandscapeConnectivity
    from .whole_landscape import landscape_connectivity as landscape_connectivity
    from .whole_landscape import landscape_window as landscape_window
    from .window_shape import WindowShape as WindowShape

__version__ = "0.1.0"

_HOMES = {
    "connectivity": ("LandscapeModel", "window_connectivity"),
    "distances": ("DISTANCES",),
    "whole_landscape": ("LandscapeConnectivity", "landscape_connectivity", "landscape_window"),
    "neighbourhood": ("Neighbourhood",),
    "proximity": ("Proximity",),
    "transformations": (
        "ExponentialTransformation",
        "LogLinearPermeability",
        "PowerTransformation",
        "Sequential",
    ),
    "window_shape": ("WindowShape",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
