"""Current from one focal node to all others (grounded), or from all others to one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from .circuit_landscape import CircuitLandscape
from .circuit_maps import CurrentMaps
from .circuit_memory import CircuitPlan
from .circuit_terminals import TerminalFields, terminals_of
from .job import Report

Mode = Literal["one-to-all", "all-to-one"]


@dataclass(frozen=True)
class StarRun:
    """Sources and grounds of one run.

    Parameters
    ----------
    identity : int
        Id of the focal node that is the one.
    sources : array of int64, shape (k,)
        Cells at which current enters.
    strengths : array of float64, shape (k,)
        How much, amperes.
    grounds : array of int64, shape (m,)
        Cells that are tied to ground.
    solved_at : int
        Only the component of this cell takes part.
    """

    identity: int
    sources: NDArray[np.int64]
    strengths: NDArray[np.float64]
    grounds: NDArray[np.int64]
    solved_at: int


@dataclass
class StarMaps:
    """What is made of each run's potential; give arrays for what is wanted.

    Parameters
    ----------
    total, most : array of float64, shape (rows, columns), or None
        Sum and greatest of the runs' currents.
    each : callable or None
        Called with the run's position, its map of current (None unless `wants_current`) and its potential, 0 outside its component.
    wants_current : bool
    """

    total: NDArray[np.float64] | None = None
    most: NDArray[np.float64] | None = None
    each: Callable[[int, NDArray[np.float64] | None, NDArray[np.float64]], None] | None = None
    wants_current: bool = True
    iterations: int = field(default=0)

    @property
    def needs_fields(self) -> bool:
        """Whether potentials are needed, not the values at the focal nodes alone."""
        return any(wanted is not None for wanted in (self.total, self.most, self.each))


def star_currents(
    landscape: CircuitLandscape,
    regions: NDArray[np.int32] | None,
    runs: list[StarRun],
    mode: Mode,
    maps: StarMaps,
    report: Report,
    plan: CircuitPlan,
) -> Float[np.ndarray, " runs"]:
    """Solve one-to-all or all-to-one and return a number for each run.

    A terminal that is source and ground in one run loses its ground in one-to-all and its source in all-to-one. All runs are sums
    of the same fields: n - 1 solves serve them.

    Returns
    -------
    array of float64, shape (runs,)
        One-to-all: the potential of the source / its strength; all-to-one: 0. -1 where nothing could be solved: no current enters,
        or no ground is connected to it.
    """
    circuit = landscape.circuit(regions)
    parts = landscape.parts(circuit)
    cells = np.concatenate([np.concatenate([run.sources, run.grounds]) for run in runs])
    terminals = terminals_of(circuit, parts, cells)
    used = np.bincount(terminals.part, minlength=parts.max(initial=0) + 1)[terminals.part] > 1
    found = np.full(len(runs), -1.0)
    current_maps = CurrentMaps(circuit)
    nothing = np.zeros(circuit.shape) if maps.needs_fields else np.empty((0, 0))
    with TerminalFields(circuit, terminals, used, report, keep=maps.needs_fields, plan=plan) as fields:
        maps.iterations = fields.iterations
        stop = 0
        for position, run in enumerate(runs):
            report.raise_if_cancelled()
            start, middle = stop, stop + len(run.sources)
            stop = middle + len(run.grounds)
            own = int(parts.ravel()[run.solved_at])
            settled = _settled(
                terminals.of_cell[start:middle],
                run.strengths,
                terminals.of_cell[middle:stop],
                mode,
                terminals.part,
                own,
            )
            if settled is None:
                if maps.each is not None:
                    maps.each(position, nothing if maps.wants_current else None, nothing)
                continue
            amperes, shift, at_source = _balanced(fields, *settled)
            strength = settled[0][int(terminals.of_cell[start])] if mode == "one-to-all" else 0.0
            found[position] = at_source / strength if strength else 0.0
            if maps.needs_fields:
                potential = fields.potential(amperes)
                single = np.empty(circuit.shape) if maps.each is not None and maps.wants_current else None
                if maps.total is not None or maps.most is not None or single is not None:
                    current_maps.add(nothing, potential, total=maps.total, most=maps.most, single=single)
                if maps.each is not None:
                    maps.each(position, single, np.where(parts == own, potential + shift, 0.0))
    return found


def _settled(
    source: NDArray[np.int64],
    strength: NDArray[np.float64],
    ground: NDArray[np.int64],
    mode: Mode,
    part: NDArray[np.int32],
    own: int,
) -> tuple[dict[int, float], list[int]] | None:
    """Return (amperes by terminal, grounded terminals) within a component; None where nothing can be solved."""
    if own == 0:
        return None
    amperes: dict[int, float] = {}
    for terminal, value in zip(source.tolist(), strength.tolist(), strict=True):
        if terminal >= 0 and part[terminal] == own:
            amperes[terminal] = amperes.get(terminal, 0.0) + value
    amperes = {terminal: value for terminal, value in amperes.items() if value != 0}
    grounded = {terminal for terminal in ground.tolist() if terminal >= 0 and part[terminal] == own}
    both = grounded & set(amperes)
    if mode == "one-to-all":
        grounded -= both
    else:
        amperes = {terminal: value for terminal, value in amperes.items() if terminal not in both}
    if not amperes or not grounded:
        return None
    return amperes, sorted(grounded)


def _balanced(
    fields: TerminalFields, amperes: dict[int, float], grounded: list[int]
) -> tuple[dict[int, float], float, float]:
    """Return (amperes of all terminals, what to add to the potential so that the grounds lie at 0, potential of a source)."""
    value = fields.at_terminals
    count = len(grounded)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = value[np.ix_(grounded, grounded)].T
    system[:count, count] = 1
    system[count, :count] = 1
    given = np.zeros(count + 1)
    for terminal, current in amperes.items():
        given[:count] -= current * value[terminal, grounded]
        given[count] -= current
    # The potentials may be far larger than 1, the row of the balance is not: scaled rows keep the elimination exact.
    scale = np.maximum(np.abs(system[:count, :count]).max(), 1e-300)
    system[:count] /= scale
    given[:count] /= scale
    solution = np.linalg.solve(system, given)
    shift = float(solution[count])
    everything = {**amperes, **dict(zip(grounded, solution[:count].tolist(), strict=True))}
    first = next(iter(amperes))
    at_source = sum(current * value[terminal, first] for terminal, current in everything.items()) + shift
    return everything, shift, float(at_source)
