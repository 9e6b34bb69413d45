"""Current between every pair of focal nodes: 1 A in at one, out at the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from .circuit_focal import FocalNodes
from .circuit_landscape import CircuitLandscape
from .circuit_maps import CurrentMaps, add_drops
from .circuit_memory import CircuitPlan
from .circuit_terminals import TerminalFields, Terminals, terminals_of
from .job import Report

#: Regions of a pair: (landscape, focal nodes, positions of the two) -> regions in which each of the two is one node.
PairRegions = Callable[[int, int], "NDArray[np.int32] | None"]


@dataclass
class Collected:
    """What is made of each pair's potential; give arrays for what is wanted.

    Parameters
    ----------
    total, most : array of float64, shape (rows, columns), or None
        Sum and greatest of the pairs' currents.
    drops : tuple of four arrays of float64, shape (rows, columns), or None
        Sum of the squared potential drops along the edges, for sensitivities.
    weights : array of float64, shape (nodes, nodes), or None
        Weight of each pair in `drops`; 1 by default.
    each : callable or None
        Called with the positions of the two focal nodes, the map of current and the potential, 0 at the first.
    wants_current : bool
        Whether `each` takes a map of current.
    silent_ends : bool
        Whether the current at a pair's own focal nodes counts as 0.
    """

    total: NDArray[np.float64] | None = None
    most: NDArray[np.float64] | None = None
    drops: tuple[NDArray[np.float64], ...] | None = None
    weights: NDArray[np.float64] | None = None
    each: Callable[[int, int, NDArray[np.float64] | None, NDArray[np.float64]], None] | None = None
    wants_current: bool = True
    silent_ends: bool = False
    iterations: int = field(default=0)

    @property
    def needs_fields(self) -> bool:
        """Whether potentials are needed, not resistances alone."""
        return any(wanted is not None for wanted in (self.total, self.most, self.drops, self.each))


def pairwise(
    landscape: CircuitLandscape,
    focal: FocalNodes,
    counted: NDArray[np.bool_],
    collected: Collected,
    report: Report,
    plan: CircuitPlan,
    *,
    regions_of_pair: PairRegions | None = None,
) -> Float[np.ndarray, "nodes nodes"]:
    """Solve for all pairs of focal nodes that count and return their effective resistances.

    The fields of n focal nodes superpose: n - 1 solves serve all pairs, and without maps nothing but the potentials at the focal
    nodes is kept. Where focal regions are one node for their own pairs only, each pair is a circuit of its own.

    Parameters
    ----------
    landscape : CircuitLandscape
    focal : FocalNodes
    counted : array of bool, shape (nodes, nodes)
        Which pairs count; symmetric.
    collected : Collected
        Takes the maps.
    report : Report
    plan : CircuitPlan
    regions_of_pair : callable or None
        Returns the regions of the circuit of a pair; None: the landscape's own regions hold for all pairs.

    Returns
    -------
    array of float64, shape (nodes, nodes)
        0 on the diagonal and between focal nodes that are one electrical node; -1 where two are not connected, where the pair does
        not count, and where a focal node is no node.
    """
    if regions_of_pair is not None:
        return _each_pair_its_circuit(landscape, focal, counted, collected, report, plan, regions_of_pair)
    circuit = landscape.circuit(landscape.regions)
    parts = landscape.parts(circuit)
    terminals = terminals_of(circuit, parts, focal.first_cells)
    place = terminals.of_cell
    used = _used(terminals, counted)
    found = np.full((len(focal), len(focal)), -1.0)
    np.fill_diagonal(found, 0)
    with TerminalFields(
        circuit, terminals, used, _Part(report, 0, 0.85), keep=collected.needs_fields, plan=plan
    ) as fields:
        collected.iterations = fields.iterations
        maps = CurrentMaps(circuit)
        pairs = list(_in_order(terminals, counted))
        for done, (one, other) in enumerate(pairs):
            if place[one] < 0 or place[other] < 0:
                continue
            value = fields.resistance(int(place[one]), int(place[other]))
            if value < 0 or not (counted[one, other] or value == 0):
                continue
            found[one, other] = found[other, one] = value
            if place[one] == place[other] or not collected.needs_fields:
                continue
            report.raise_if_cancelled()
            report.progress(0.85 + 0.15 * done / len(pairs), "Mapping currents")
            minus, plus = fields.field(int(place[one])), fields.field(int(place[other]))
            inside = None if collected.each is None else parts == terminals.part[place[one]]
            ends = int(terminals.cells[place[one]]), int(terminals.cells[place[other]])
            _collect(collected, maps, (minus, plus), (one, other), ends, inside)
    return found


def _used(terminals: Terminals, counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which terminals have a pair that counts within their component."""
    used = np.zeros(len(terminals), bool)
    place = terminals.of_cell
    one, other = np.nonzero(counted & (place >= 0)[:, None] & (place >= 0))
    a, b = place[one], place[other]
    joined = (terminals.part[a] == terminals.part[b]) & (a != b)
    used[a[joined]] = used[b[joined]] = True
    return used


def _in_order(terminals: Terminals, counted: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Give the pairs of focal nodes: terminal by terminal in the order of their first focal node, then those that share one."""
    place = terminals.of_cell
    nodes: list[list[int]] = [[] for _ in range(len(terminals))]
    for position, terminal in enumerate(place.tolist()):
        if terminal >= 0:
            nodes[terminal].append(position)
    for first, members in enumerate(nodes):
        yield from ((a, b) for n, a in enumerate(members) for b in members[n + 1 :])
        for others in nodes[first + 1 :]:
            yield from ((a, b) for a in members for b in others if counted[a, b])


def _each_pair_its_circuit(
    landscape: CircuitLandscape,
    focal: FocalNodes,
    counted: NDArray[np.bool_],
    collected: Collected,
    report: Report,
    plan: CircuitPlan,
    regions_of_pair: PairRegions,
) -> Float[np.ndarray, "nodes nodes"]:
    found = np.full((len(focal), len(focal)), -1.0)
    np.fill_diagonal(found, 0)
    pairs = [(a, b) for a in range(len(focal)) for b in range(a + 1, len(focal)) if counted[a, b]]
    first_cells = focal.first_cells
    for done, (one, other) in enumerate(pairs):
        report.raise_if_cancelled()
        report.progress(done / len(pairs), f"Solving for pair {done + 1} of {len(pairs)}")
        circuit = landscape.circuit(regions_of_pair(one, other))
        parts = landscape.parts(circuit)
        terminals = terminals_of(circuit, parts, first_cells[[one, other]])
        a, b = terminals.of_cell.tolist()
        if a < 0 or b < 0 or terminals.part[a] != terminals.part[b]:
            continue
        if a == b:
            found[one, other] = found[other, one] = 0
            continue
        used = np.ones(2, bool)
        with TerminalFields(
            circuit, terminals, used, _Silent(report), keep=collected.needs_fields, plan=plan
        ) as fields:
            collected.iterations = max(collected.iterations, fields.iterations)
            found[one, other] = found[other, one] = fields.resistance(a, b)
            if collected.needs_fields:
                inside = parts == terminals.part[a]
                both = fields.field(a), fields.field(b)
                ends = int(terminals.cells[a]), int(terminals.cells[b])
                _collect(collected, CurrentMaps(circuit), both, (one, other), ends, inside)
    return found


def _collect(
    collected: Collected,
    maps: CurrentMaps,
    fields: tuple[NDArray[np.float64], NDArray[np.float64]],
    pair: tuple[int, int],
    ends: tuple[int, int],
    inside: NDArray[np.bool_] | None,
) -> None:
    """Take what is wanted of one pair, given the fields and a cell of both; `inside` is needed where each pair's maps are."""
    minus, plus = fields
    single = np.empty(minus.shape) if collected.each is not None and collected.wants_current else None
    if collected.total is not None or collected.most is not None or single is not None:
        silent = None
        if collected.silent_ends:
            silent = np.concatenate([maps.cells_of_node(cell) for cell in ends])
        maps.add(minus, plus, total=collected.total, most=collected.most, single=single, silent=silent)
    if collected.drops is not None:
        weight = 1.0 if collected.weights is None else float(collected.weights[pair])
        if weight:
            add_drops(minus, plus, weight, collected.drops)
    if collected.each is not None and inside is not None:
        potential = plus - minus
        potential -= potential.ravel()[ends[0]]
        collected.each(*pair, single, np.where(inside, potential, 0.0))


class _Part:
    """A report that takes up a part of another's progress."""

    def __init__(self, report: Report, low: float, high: float) -> None:
        self._report, self._low, self._high = report, low, high

    def message(self, text: str) -> None:
        self._report.message(text)

    def warning(self, text: str) -> None:
        self._report.warning(text)

    def progress(self, fraction: float, step: str) -> None:
        self._report.progress(self._low + (self._high - self._low) * fraction, step)

    def raise_if_cancelled(self) -> None:
        self._report.raise_if_cancelled()


class _Silent(_Part):
    """A report that says nothing of its progress."""

    def __init__(self, report: Report) -> None:
        super().__init__(report, 0, 1)

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""

    def message(self, text: str) -> None:
        """Say nothing: the same for every pair."""
