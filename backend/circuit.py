"""A raster as an electrical circuit: cells are nodes, steps between them resistors. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .neighbourhood import Neighbourhood

#: The two cells of each edge that lies at [i, j], as (rows, columns) slices of its first and second cell, and where the
#: edge itself lies; in the order of `Circuit`'s fields.
_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
ENDS = {
    "east": ((_ALL, _FIRST), (_ALL, _LAST), (_ALL, _FIRST)),
    "south": ((_FIRST, _ALL), (_LAST, _ALL), (_FIRST, _ALL)),
    "southeast": ((_FIRST, _FIRST), (_LAST, _LAST), (_FIRST, _FIRST)),
    "southwest": ((_FIRST, _LAST), (_LAST, _FIRST), (_FIRST, _LAST)),
}


class Links(NamedTuple):
    """Resistors between any two cells.

    Parameters
    ----------
    first, second : array of int64, shape (links,)
        Flat indices of the cells, ``row * columns + column``.
    conductance : array of float64, shape (links,)
        > 0.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    conductance: NDArray[np.float64]


@dataclass(frozen=True)
class Circuit:
    """The resistors between the cells of a raster.

    At ``[i, j]``, ``east`` joins ``(i, j)`` with ``(i, j + 1)``, ``south`` with ``(i + 1, j)``, ``southeast`` with
    ``(i + 1, j + 1)`` and ``southwest`` with ``(i + 1, j - 1)``, as in `grid.EdgeCosts`.

    Parameters
    ----------
    east, south, southeast, southwest : array of float64, shape (rows, columns)
        Conductances, >= 0; 0 where there is no edge.
    node : array of bool, shape (rows, columns)
        Which cells are nodes; edges end at nodes only.
    merged : array of int32, shape (rows, columns), or None
        Cells of the same number > 0 are one node: short-circuit regions, focal regions. 0 elsewhere; ignored where there
        is no node.
    links : Links or None
        Further resistors, between nodes.
    """

    east: NDArray[np.float64]
    south: NDArray[np.float64]
    southeast: NDArray[np.float64]
    southwest: NDArray[np.float64]
    node: NDArray[np.bool_]
    merged: NDArray[np.int32] | None = None
    links: Links | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.node.shape
        return rows, columns

    @property
    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The four arrays of conductances, in the order of `ENDS`."""
        return self.east, self.south, self.southeast, self.southwest

    def degree(self) -> NDArray[np.float64]:
        """Return the sum of the conductances of each cell's edges and links, (rows, columns), merged cells each by themselves."""
        total = np.zeros(self.shape)
        for values, (one, other, place) in zip(self.edges, ENDS.values(), strict=True):
            total[one] += values[place]
            total[other] += values[place]
        if self.links is not None:
            np.add.at(total.ravel(), self.links.first, self.links.conductance)
            np.add.at(total.ravel(), self.links.second, self.links.conductance)
        return total


def circuit_of_resistance(
    resistance: NDArray[np.float64],
    neighbourhood: Neighbourhood,
    *,
    merged: NDArray[np.int32] | None = None,
    links: Links | None = None,
) -> Circuit:
    """Return the circuit of a raster of resistances.

    The edge of length ``l`` between cells of resistance ``r_i`` and ``r_j`` conducts ``2 / (l (r_i + r_j))`` under the rule
    ``average_resistance`` and ``(1 / r_i + 1 / r_j) / (2 l)`` under ``average_conductance``: 1 / the cost of `grid.edge_costs`.
    With a cell size of 1 these are Circuitscape's.

    Parameters
    ----------
    resistance : array of float64, shape (rows, columns)
        > 0; inf or nan where the cell is no node.
    neighbourhood : Neighbourhood
    merged, links
        See `Circuit`.
    """
    node = np.isfinite(resistance)
    r = np.where(node, resistance, 1.0)
    if neighbourhood.edge_rule == "average_resistance":
        return _circuit(r, node, neighbourhood, True, merged, links)
    return _circuit(1 / r, node, neighbourhood, False, merged, links)


def circuit_of_conductance(
    conductance: NDArray[np.float64],
    neighbourhood: Neighbourhood,
    *,
    node: NDArray[np.bool_] | None = None,
    merged: NDArray[np.int32] | None = None,
    links: Links | None = None,
) -> Circuit:
    """Return the circuit of a raster of conductances; see `circuit_of_resistance`.

    Parameters
    ----------
    conductance : array of float64, shape (rows, columns)
        >= 0, finite where the cell is a node.
    neighbourhood : Neighbourhood
    node : array of bool, shape (rows, columns), or None
        Which cells are nodes; by default those with a finite conductance > 0. A node of conductance 0 has edges to
        conducting neighbours under ``average_conductance`` and none under ``average_resistance``.
    merged, links
        See `Circuit`.
    """
    if node is None:
        node = np.isfinite(conductance) & (conductance > 0)
    g = np.where(node, conductance, 1.0)
    if neighbourhood.edge_rule == "average_conductance":
        return _circuit(g, node, neighbourhood, False, merged, links)
    with np.errstate(divide="ignore"):
        return _circuit(1 / g, node, neighbourhood, True, merged, links)


def _circuit(
    values: NDArray[np.float64],
    node: NDArray[np.bool_],
    neighbourhood: Neighbourhood,
    are_resistances: bool,
    merged: NDArray[np.int32] | None,
    links: Links | None,
) -> Circuit:
    width, height = neighbourhood.cell_width, neighbourhood.cell_height
    diagonal = math.hypot(width, height)
    lengths = {"east": width, "south": height, "southeast": diagonal, "southwest": diagonal}
    found: dict[str, NDArray[np.float64]] = {}
    for name, (one, other, place) in ENDS.items():
        edges = np.zeros(node.shape)
        if neighbourhood.neighbours == 4 and name in ("southeast", "southwest"):
            found[name] = edges
            continue
        total = values[one] + values[other]
        joined = node[one] & node[other]
        if name in ("southeast", "southwest") and neighbourhood.corners == "closed":
            joined &= _has_node_beside(node, name)
        half = 2 / (lengths[name] * total) if are_resistances else total / (2 * lengths[name])
        edges[place] = np.where(joined, half, 0.0)
        found[name] = edges
    return Circuit(**found, node=node, merged=merged, links=links)


def _has_node_beside(node: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """Say whether one of the two cells that a diagonal squeezes between is a node."""
    if name == "southeast":
        return node[_FIRST, _LAST] | node[_LAST, _FIRST]
    return node[_FIRST, _FIRST] | node[_LAST, _LAST]
