"""How a function of a circuit's potentials changes with its conductances, and with the raster they come from.

By the adjoint: for ``L v = s`` and a function ``f(v)``, ``df/dg = -(v_a - v_b) (w_a - w_b)`` for an edge of conductance ``g`` between a
and b, where ``L w = df/dv``. The matrix is symmetric, so the same solver finds ``w``. For an effective resistance,
``f = v_a - v_b`` with 1 A from a to b, ``w = v``: no further solution is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .circuit import ENDS, Circuit
from .circuit_solver import CircuitSolver
from .neighbourhood import Neighbourhood


class EdgeGradient(NamedTuple):
    """Derivatives with respect to the conductances of edges, (rows, columns) each; 0 where there is no edge."""

    east: Float[np.ndarray, "rows columns"]
    south: Float[np.ndarray, "rows columns"]
    southeast: Float[np.ndarray, "rows columns"]
    southwest: Float[np.ndarray, "rows columns"]


def adjoint_potentials(
    solver: CircuitSolver, cotangents: Float[np.ndarray, "n rows columns"]
) -> Float[np.ndarray, "n rows columns"]:
    """Return the adjoints ``w`` of potentials that `solver` found.

    Parameters
    ----------
    solver : CircuitSolver
    cotangents : array, shape (n, rows, columns)
        ``df/dv`` at every cell; ignored where there is no node.
    """
    right = np.where(solver.circuit.node, cotangents, 0.0)
    count = len(solver.floats)
    size = np.bincount(solver.labels.ravel(), minlength=count)
    for each in right:
        # Potentials of a floating component have mean 0: what the cotangents sum to has no effect.
        total = np.bincount(solver.labels.ravel(), each.ravel(), count)
        mean = np.where(solver.floats, total / np.maximum(size, 1), 0.0)
        each -= mean[solver.labels]
    return solver.potentials(right)


def edge_gradient(
    circuit: Circuit, potential: Float[np.ndarray, "rows columns"], adjoint: Float[np.ndarray, "rows columns"]
) -> EdgeGradient:
    """Return ``-(v_a - v_b) (w_a - w_b)`` of every edge.

    Parameters
    ----------
    circuit : Circuit
    potential, adjoint : array, shape (rows, columns)
        ``v`` and ``w``. With ``w = v``, the potentials of 1 A from a to b, the derivative of their effective resistance.
    """
    found = []
    for values, (one, other, place) in zip(circuit.edges, ENDS.values(), strict=True):
        gradient = np.zeros(circuit.shape)
        change = -(potential[one] - potential[other]) * (adjoint[one] - adjoint[other])
        gradient[place] = np.where(values[place] > 0, change, 0.0)
        found.append(gradient)
    return EdgeGradient(*found)


def resistance_gradient(
    circuit: Circuit,
    gradient: EdgeGradient,
    resistance: Float[np.ndarray, "rows columns"],
    neighbourhood: Neighbourhood,
) -> Float[np.ndarray, "rows columns"]:
    """Return the derivative with respect to the resistance of each cell, NaN where there is no node.

    Parameters
    ----------
    circuit : Circuit
        As `circuit.circuit_of_resistance` makes it of the next two.
    gradient : EdgeGradient
    resistance : array, shape (rows, columns)
    neighbourhood : Neighbourhood
    """
    r = np.where(circuit.node, resistance, 1.0)
    total = np.zeros(circuit.shape)
    for by_edge, values, length, (one, other, place) in _with_lengths(circuit, gradient, neighbourhood):
        if neighbourhood.edge_rule == "average_resistance":
            # g = 2 / (l (r_a + r_b))
            change = -by_edge[place] * values[place] ** 2 * length / 2
            total[one] += change
            total[other] += change
        else:
            # g = (1 / r_a + 1 / r_b) / (2 l)
            total[one] -= by_edge[place] / (2 * length * r[one] ** 2)
            total[other] -= by_edge[place] / (2 * length * r[other] ** 2)
    return np.where(circuit.node, total, np.nan)


def conductance_gradient(
    circuit: Circuit,
    gradient: EdgeGradient,
    conductance: Float[np.ndarray, "rows columns"],
    neighbourhood: Neighbourhood,
) -> Float[np.ndarray, "rows columns"]:
    """Return the derivative with respect to the conductance of each cell; see `resistance_gradient`."""
    if neighbourhood.edge_rule == "average_resistance":
        c = np.where(circuit.node, conductance, 1.0)
        return -resistance_gradient(circuit, gradient, 1 / c, neighbourhood) / c**2
    total = np.zeros(circuit.shape)
    for by_edge, _, length, (one, other, place) in _with_lengths(circuit, gradient, neighbourhood):
        total[one] += by_edge[place] / (2 * length)
        total[other] += by_edge[place] / (2 * length)
    return np.where(circuit.node, total, np.nan)


def _with_lengths(
    circuit: Circuit, gradient: EdgeGradient, neighbourhood: Neighbourhood
) -> Iterator[tuple[np.ndarray, np.ndarray, float, tuple]]:
    width, height = neighbourhood.cell_width, neighbourhood.cell_height
    diagonal = math.hypot(width, height)
    return zip(gradient, circuit.edges, (width, height, diagonal, diagonal), ENDS.values(), strict=True)
