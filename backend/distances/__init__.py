"""Distances: each a file of that name, found by the name; adding a file adds a distance."""

from .abstract import AbstractDistance
from .commute import CommuteDistance
from .euclidean import EuclideanDistance
from .expected_cost import ExpectedCostDistance
from .free_energy import FreeEnergyDistance
from .least_cost import LeastCostDistance
from .resistance import ResistanceDistance
from .survival import SurvivalDistance

#: Every distance that jobs can name.
DISTANCES: dict[str, type[AbstractDistance]] = {
    "least_cost": LeastCostDistance,
    "euclidean": EuclideanDistance,
    "resistance": ResistanceDistance,
    "commute": CommuteDistance,
    "expected_cost": ExpectedCostDistance,
    "free_energy": FreeEnergyDistance,
    "survival": SurvivalDistance,
}

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
