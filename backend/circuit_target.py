"""Targets of planning between chosen sites: how easily current passes between them, and how much of it passes through habitat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import UnderWay
from .circuit import ENDS, Circuit, circuit_of_resistance
from .circuit_solver import CircuitSolver
from .errors import DriftwayError, InputError
from .incremental import Edit
from .job import Report
from .neighbourhood import Neighbourhood
from .sites import Sites

MOST_PAIRS = 500


class CircuitTarget:
    r"""Effective resistance between sites, or the quality-weighted current between them.

    1 A enters one site, in equal parts through its cells, and leaves another one; :math:`v` are the potentials. Resistance: minus the
    mean over all pairs of sites of the potential difference :math:`R_{ij}` (each site's the mean over its cells); raising it makes
    the sites less apart. Its derivative by the conductance of an edge is :math:`(v_a - v_b)^2`, averaged over pairs. Current: the mean
    over pairs of :math:`\sum_c q_c I_c`, quality times the current through each cell, :math:`I_c` half the sum of the currents in its
    edges and of what enters or leaves there; its derivative takes one more solution per pair.

    Parameters
    ----------
    kind : str
        ``"resistance"`` or ``"current"``.
    sites : Sites
    neighbourhood : Neighbourhood
    """

    def __init__(self, kind: str, sites: Sites, neighbourhood: Neighbourhood) -> None:
        pairs = len(sites.cells) * (len(sites.cells) - 1) // 2
        if kind == "current" and pairs > MOST_PAIRS:
            raise InputError(
                "SITES",
                f"{len(sites.cells)} sites make {pairs} pairs; this TARGET takes {MOST_PAIRS}.",
                "Choose fewer.",
            )
        self._kind, self._sites, self._neighbourhood = kind, sites, neighbourhood
        self._resistance: NDArray[np.float64] = np.zeros((0, 0))
        self._quality = self._resistance
        self._known: float | None = None

    def move(self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report) -> None:
        """Go over to another landscape."""
        self._resistance, self._quality = resistance.astype(float), np.nan_to_num(quality).astype(float)
        self._known = None

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the landscape and, where it is known, the target."""
        found = {"resistance": self._resistance, "quality": self._quality}
        return found if self._known is None else {**found, "known": np.array(self._known)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go over to a state that was returned before."""
        self._resistance, self._quality = state["resistance"], state["quality"]
        self._known = float(state["known"]) if "known" in state else None

    def keep(self, under_way: UnderWay) -> None:
        """No call is so long that its parts are kept."""

    def remember(self) -> None:
        """Nothing needs to be remembered: other landscapes are computed exactly."""

    def value(self, report: Report) -> float:
        """Return the target."""
        if self._known is None:
            self._known = self._value(self._resistance, self._quality, report)
        return self._known

    def _value(self, resistance: NDArray[np.float64], quality: NDArray[np.float64], report: Report) -> float:
        report.raise_if_cancelled()
        circuit, _, potentials = self._solved(resistance, report)
        if self._kind == "resistance":
            return -self._mean_resistance(potentials)
        return float(np.mean([self._through_habitat(circuit, quality, *pair) for pair in self._pairs(potentials)]))

    def _solved(
        self, resistance: NDArray[np.float64], report: Report
    ) -> tuple[Circuit, CircuitSolver, NDArray[np.float64]]:
        """Return the circuit and the potentials of 1 A from each site but the first to the first."""
        circuit = circuit_of_resistance(resistance, self._neighbourhood)
        solver = CircuitSolver(circuit, report=report)
        currents = np.zeros((len(self._sites.cells) - 1, *resistance.shape))
        for number, cells in enumerate(self._sites.cells[1:]):
            currents[number].ravel()[self._sites.cells[0]] -= 1 / len(self._sites.cells[0])
            currents[number].ravel()[cells] += 1 / len(cells)
        try:
            return circuit, solver, np.nan_to_num(solver.potentials(currents))
        except DriftwayError as error:
            raise InputError(
                "SITES",
                f"Not all of the sites are connected. ({error.message})",
                "Choose sites on one connected part of the landscape.",
            ) from error

    def _site_means(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = potential.ravel()
        return np.array([flat[cells].mean() for cells in self._sites.cells])

    def _mean_resistance(self, potentials: NDArray[np.float64]) -> float:
        at_sites = np.stack([np.zeros(len(self._sites.cells)), *(self._site_means(v) for v in potentials)])
        count = len(at_sites)
        own = np.diag(at_sites) - at_sites[:, 0]
        apart = [
            own[i] + own[j] - (at_sites[i, j] - at_sites[i, 0]) - (at_sites[j, i] - at_sites[j, 0])
            for i in range(count)
            for j in range(i)
        ]
        return float(np.mean(apart))

    def _pairs(self, potentials: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], int, int]]:
        every = [np.zeros(potentials.shape[1:]), *potentials]
        return [(every[i] - every[j], i, j) for i in range(len(every)) for j in range(i)]

    def _through_habitat(
        self, circuit: Circuit, quality: NDArray[np.float64], potential: NDArray[np.float64], i: int, j: int
    ) -> float:
        flat = quality.ravel()
        total = sum(0.5 * flat[self._sites.cells[site]].mean() for site in (i, j))
        for conductance, (one, other, place) in zip(circuit.edges, ENDS.values()):
            weight = 0.5 * (quality[one] + quality[other])
            total += float((weight * conductance[place] * np.abs(potential[one] - potential[other])).sum())
        return float(total)

    def gradient(self, report: Report) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return the target and its gradient by resistance and by quality."""
        circuit, solver, potentials = self._solved(self._resistance, report)
        if self._kind == "resistance":
            by_edge = self._resistance_slopes(potentials)
            self._known = -self._mean_resistance(potentials)
            return self._known, self._by_resistance(by_edge), np.zeros(circuit.shape)
        by_edge, by_quality, total = [np.zeros(circuit.shape) for _ in ENDS], np.zeros(circuit.shape), 0.0
        pairs = self._pairs(potentials)
        for potential, i, j in pairs:
            report.raise_if_cancelled()
            total += self._through_habitat(circuit, self._quality, potential, i, j)
            for site in (i, j):
                by_quality.ravel()[self._sites.cells[site]] += 0.5 / len(self._sites.cells[site])
            pull = np.zeros(circuit.shape)
            for conductance, (one, other, place) in zip(circuit.edges, ENDS.values()):
                drop = potential[one] - potential[other]
                current = conductance[place] * np.abs(drop)
                by_quality[one] += 0.5 * current
                by_quality[other] += 0.5 * current
                force = 0.5 * (self._quality[one] + self._quality[other]) * conductance[place] * np.sign(drop)
                pull[one] += force
                pull[other] -= force
            answer = np.nan_to_num(solver.potentials(pull[None])[0])
            for slopes, (one, other, place) in zip(by_edge, ENDS.values()):
                drop = potential[one] - potential[other]
                weight = 0.5 * (self._quality[one] + self._quality[other])
                slopes[place] += weight * np.abs(drop) - (answer[one] - answer[other]) * drop
        self._known = total / len(pairs)
        return self._known, self._by_resistance([each / len(pairs) for each in by_edge]), by_quality / len(pairs)

    def _resistance_slopes(self, potentials: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the mean of (v_a - v_b)^2 over all pairs: by the sums of the drops and of their squares over sites."""
        count = len(potentials) + 1
        found = []
        for one, other, place in ENDS.values():
            slopes = np.zeros(potentials.shape[1:])
            drops = np.stack([v[one] - v[other] for v in potentials])
            slopes[place] = (count * (drops**2).sum(axis=0) - drops.sum(axis=0) ** 2) / (count * (count - 1) / 2)
            found.append(slopes)
        return found

    def _by_resistance(self, by_edge: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Turn slopes by the conductances of edges into those by the resistances of cells."""
        circuit = circuit_of_resistance(self._resistance, self._neighbourhood)
        width, height = self._neighbourhood.cell_width, self._neighbourhood.cell_height
        lengths = (width, height, np.hypot(width, height), np.hypot(width, height))
        r = np.where(circuit.node, self._resistance, 1.0)
        found = np.zeros(circuit.shape)
        for slopes, conductance, length, (one, other, place) in zip(by_edge, circuit.edges, lengths, ENDS.values()):
            joined = conductance[place] > 0
            for end in (one, other):
                if self._neighbourhood.edge_rule == "average_resistance":
                    by_end = -(conductance[place] ** 2) * length / 2
                else:
                    by_end = -1 / (2 * length * r[end] ** 2)
                found[end] += np.where(joined, slopes[place] * by_end, 0)
        return np.where(circuit.node, found, 0)

    def trials(self, edits: Sequence[Edit], report: Report) -> NDArray[np.float64]:
        """Return the target with each of the edits alone."""
        found = np.zeros(len(edits))
        for number, edit in enumerate(edits):
            resistance, quality = self._resistance.copy(), self._quality.copy()
            resistance.ravel()[edit.cells] = edit.resistance
            quality.ravel()[edit.cells] = np.nan_to_num(edit.quality)
            found[number] = self._value(resistance, quality, report)
        return found

    def elsewhere(
        self, resistance: NDArray[np.floating], quality: NDArray[np.floating], report: Report
    ) -> tuple[float, float]:
        """Return the target of another landscape, exactly."""
        return self._value(resistance.astype(float), np.nan_to_num(quality).astype(float), report), 0.0
