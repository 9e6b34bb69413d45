"""Distances: each a file of that name, found by the name; adding a file adds a distance."""

from .. import registry
from .abstract import AbstractDistance
from .commute import CommuteDistance
from .euclidean import EuclideanDistance
from .expected_cost import ExpectedCostDistance
from .free_energy import FreeEnergyDistance
from .least_cost import LeastCostDistance
from .resistance import ResistanceDistance
from .survival import SurvivalDistance


def _distance_of(name: str) -> type[AbstractDistance]:
    """Return the distance that a file of this package defines."""
    module = registry.load("distances", name)
    defined = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    (distance,) = (each for each in defined if issubclass(each, AbstractDistance))
    return distance


#: Every distance that jobs can name, by the name of its file.
DISTANCES: dict[str, type[AbstractDistance]] = {name: _distance_of(name) for name in registry.names("distances")}

__all__ = [
    "DISTANCES",
    "AbstractDistance",
    "CommuteDistance",
    "EuclideanDistance",
    "ExpectedCostDistance",
    "FreeEnergyDistance",
    "LeastCostDistance",
    "ResistanceDistance",
    "SurvivalDistance",
]
