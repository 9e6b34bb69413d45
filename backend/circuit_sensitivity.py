"""How effective resistances change with the raster: from the potential drops along the edges. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .circuit import ENDS, Circuit
from .neighbourhood import Neighbourhood


@dataclass(frozen=True)
class ResistanceGradient:
    """Derivatives of a sum of effective resistances, 0 in gaps.

    Parameters
    ----------
    by_resistance : array, shape (rows, columns)
        With respect to the resistance of each cell, >= 0.
    by_conductance : array, shape (rows, columns)
        With respect to its conductance, <= 0.
    share : array, shape (rows, columns)
        Resistance x the first: how much of the sum a cell accounts for. These sum up to the sum of the resistances.
    """

    by_resistance: Float[np.ndarray, "rows columns"]
    by_conductance: Float[np.ndarray, "rows columns"]
    share: Float[np.ndarray, "rows columns"]


def resistance_gradient(
    conductance: Float[np.ndarray, "rows columns"],
    circuit: Circuit,
    neighbourhood: Neighbourhood,
    drops: tuple[Float[np.ndarray, "rows columns"], ...],
) -> ResistanceGradient:
    """Return the gradient of ``sum_p w_p R_p`` over pairs p.

    ``dR / dg_e = -(v_i - v_j)^2`` with the potential v of 1 A, since the circuit is its own adjoint; the chain rule over the edge
    rule gives the cells'.

    Parameters
    ----------
    conductance : array, shape (rows, columns)
        Of the cells, 0 in gaps.
    circuit : Circuit
        The edges made of it.
    neighbourhood : Neighbourhood
    drops : tuple of four arrays, shape (rows, columns)
        ``sum_p w_p (v_i - v_j)^2`` of each edge, as `circuit_maps.add_drops` adds them up.

    References
    ----------
    Ghosh, A., Boyd, S. & Saberi, A. (2008) Minimizing effective resistance of a graph. SIAM Review 50, 37-66, section 2.6.
    """
    width, height = neighbourhood.cell_width, neighbourhood.cell_height
    lengths = (width, height, math.hypot(width, height), math.hypot(width, height))
    is_average_conductance = neighbourhood.edge_rule == "average_conductance"
    at_cells = np.zeros(circuit.shape)
    for length, g, squared, (one, other, place) in zip(lengths, circuit.edges, drops, ENDS.values(), strict=True):
        there = g[place]
        if is_average_conductance:
            weight = np.where(there > 0, squared[place] / (2 * length), 0.0)
        else:
            weight = squared[place] * there**2 * (length / 2)
        at_cells[one] += weight
        at_cells[other] += weight
    node = conductance > 0
    if is_average_conductance:
        by_conductance = np.where(node, -at_cells, 0.0)
        by_resistance = -by_conductance * conductance**2
    else:
        by_resistance = np.where(node, at_cells, 0.0)
        by_conductance = np.zeros(circuit.shape)
        np.divide(-by_resistance, conductance**2, out=by_conductance, where=node)
    return ResistanceGradient(by_resistance, by_conductance, -by_conductance * conductance)


def barrier_gain(
    gradient: ResistanceGradient, conductance: Float[np.ndarray, "rows columns"], restored: float
) -> Float[np.ndarray, "rows columns"]:
    """Return by how much at least the sum of resistances falls when one cell alone gets the resistance `restored`.

    Effective resistance is concave in the resistance of a cell, so ``(r - restored) dR/dr`` is a lower bound; 0 where the cell is as
    good already.
    """
    resistance = np.zeros_like(conductance)
    np.divide(1.0, conductance, out=resistance, where=conductance > 0)
    return np.maximum(resistance - restored, 0.0) * gradient.by_resistance
