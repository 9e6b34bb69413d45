"""Distances: each a file of that name, found by the name; adding a file adds a distance."""

from .abstract import AbstractDistance
from .euclidean import EuclideanDistance
from .least_cost import LeastCostDistance
from .resistance import ResistanceDistance

#: Every distance that jobs can name.
DISTANCES: dict[str, type[AbstractDistance]] = {
    "least_cost": LeastCostDistance,
    "euclidean": EuclideanDistance,
    "resistance": ResistanceDistance,
}

__all__ = ["DISTANCES", "AbstractDistance", "EuclideanDistance", "LeastCostDistance", "ResistanceDistance"]
