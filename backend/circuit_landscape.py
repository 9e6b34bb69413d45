"""A raster of conductances with regions of no resistance, as the circuits that the modes need. NumPy; SciPy when it is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .circuit import Circuit, circuit_of_conductance
from .neighbourhood import Neighbourhood


@dataclass(frozen=True)
class CircuitLandscape:
    """What current flows through.

    Parameters
    ----------
    conductance : array of float64, shape (rows, columns)
        >= 0 and finite; 0 where there is no node.
    neighbourhood : Neighbourhood
        Lengths of steps in the unit of the conductances' cells.
    regions : array of int32, shape (rows, columns), or None
        Short-circuit regions: cells of the same number other than 0 are one node.
    joins_gaps : bool
        Whether cells without a node that lie in a region with nodes become part of it, as in Circuitscape; else they stay gaps.
    """

    conductance: NDArray[np.float64]
    neighbourhood: Neighbourhood
    regions: NDArray[np.int32] | None = None
    joins_gaps: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.conductance.shape
        return rows, columns

    @cached_property
    def _plain(self) -> Circuit:
        return circuit_of_conductance(self.conductance, self.neighbourhood, node=self.conductance > 0)

    def circuit(self, regions: NDArray[np.int32] | None) -> Circuit:
        """Return the circuit in which the cells of each region are one node."""
        if regions is None:
            return self._plain
        node = self.conductance > 0
        if self.joins_gaps:
            gaps = ~node & (regions != 0)
            if gaps.any():
                node = node | (gaps & np.isin(regions, np.unique(regions[node & (regions != 0)])))
                merged = _counted(np.where(node, regions, 0))
                return circuit_of_conductance(self.conductance, self.neighbourhood, node=node, merged=merged)
        return dataclasses.replace(self._plain, merged=_counted(np.where(node, regions, 0)))

    def parts(self, circuit: Circuit) -> NDArray[np.int32]:
        """Return a number > 0 per component at each cell, 0 where no node is."""
        from .circuit_nodes import component_labels

        return component_labels(circuit)


def _counted(regions: NDArray[np.int32]) -> NDArray[np.int32] | None:
    """Return regions with numbers > 0; None where no region has two cells."""
    there = np.flatnonzero(regions)
    numbers, place, count = np.unique(regions.ravel()[there], return_inverse=True, return_counts=True)
    if not (count > 1).any():
        return None
    merged = np.zeros(regions.shape, np.int32)
    several = (count > 1)[place]
    merged.ravel()[there[several]] = place[several] + 1
    return merged


def united(
    shape: tuple[int, int], regions: NDArray[np.int32] | None, groups: Sequence[NDArray[np.int64]]
) -> NDArray[np.int32] | None:
    """Return regions in which the cells of each group are one as well, together with the regions that they touch.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    regions : array of int32, shape (rows, columns), or None
        Numbers other than 0.
    groups : sequence of array of int64
        Flat indices of cells; groups of one cell change nothing.
    """
    groups = [cells for cells in groups if len(cells) > 1]
    if not groups:
        return regions
    found = np.zeros(shape, np.int32) if regions is None else regions.copy()
    flat = found.ravel()
    free = int(flat.max(initial=0)) + 1
    for cells in groups:
        touched = np.unique(flat[cells])
        touched = touched[touched != 0]
        if len(touched) == 0:
            flat[cells], free = free, free + 1
            continue
        if len(touched) > 1:
            flat[np.isin(flat, touched)] = touched[0]
        flat[cells] = touched[0]
    return found
