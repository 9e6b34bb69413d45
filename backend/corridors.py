"""Least-cost corridors and paths between sources on a raster."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .corridor_search import accumulated_cost, lay_corridor, step_lengths
from .job import Report
from .neighbourhood import Neighbourhood, Sphere
from .raster_grid import Grid
from .raster_steps import trace_back
from .solvers.threads import in_parts, thread_count

#: A share of the least cost that rounding may add along a path, and by which costs that tie may differ.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Corridors:
    """Corridors between pairs of sources.

    Parameters
    ----------
    excess : array, shape (rows, columns)
        How much more than the least cost of the pair it takes to go through the cell, the smallest over the pairs whose corridor
        holds the cell; inf outside all corridors.
    count : array of int32, shape (rows, columns)
        Number of corridors that hold the cell.
    """

    excess: NDArray[np.float64]
    count: NDArray[np.int32]


@dataclass(frozen=True)
class Path:
    """The cheapest path between two sources, by their places in the list of sources.

    Parameters
    ----------
    start, end : int
        start < end.
    cost : float
    cells : array of int
        Flat numbers of the cells, from `start` to `end`.
    """

    start: int
    end: int
    cost: float
    cells: NDArray[np.int64]


def each_source(task: Callable[[int], None], count: int, report: Report, step: str) -> None:
    """Run a task for every source, as many at once as there are threads, with progress and a chance to stop."""
    at_once = thread_count()
    for first in range(0, count, at_once):
        report.raise_if_cancelled()
        some = range(first, min(first + at_once, count))

        def part(low: int, high: int, some: range = some) -> int:
            for number in range(low, high):
                task(some[number])
            return 0

        in_parts(part, len(some))
        report.progress(some[-1] / count, step)


def cost_surfaces(
    resistance: NDArray[np.float64], sources: Sequence[NDArray[np.int64]], neighbourhood: Neighbourhood, report: Report
) -> list[NDArray[np.float64]]:
    """Return the accumulated cost from each source, inf where it does not get.

    Parameters
    ----------
    resistance : array, shape (rows, columns)
        > 0; inf where there is no node.
    sources : sequence of int array
        Flat numbers of the cells of each source.
    neighbourhood : Neighbourhood
    report : Report
        May cancel.
    """
    found: list[Any] = [None] * len(sources)

    def surface(number: int) -> None:
        found[number] = accumulated_cost(resistance, sources[number], neighbourhood)[0]

    each_source(surface, len(sources), report, "Accumulated cost from each source")
    return found


def least_costs(surfaces: Sequence[NDArray[np.float64]], sources: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the least cost between every two sources, (sources, sources); inf where they cannot reach each other."""
    found = np.array([[surface.ravel()[cells].min() for cells in sources] for surface in surfaces])
    # Forth and back are added up in another order.
    return np.minimum(found, found.T)


def nearest_pairs(costs: NDArray[np.float64], number: int) -> list[tuple[int, int]]:
    """Return the pairs in which one is among the cheapest `number` to reach from the other, each once; ties go to the first."""
    pairs = set()
    for start, row in enumerate(costs):
        pairs |= {(min(start, end), max(start, end)) for end in cheapest(row, start, number)}
    return sorted(pairs)


def cheapest(costs: NDArray[np.float64], start: int, number: int) -> list[int]:
    """Return the places that are cheapest to reach from `start`, at most `number`; ties, up to rounding, go to the first."""
    order = np.argsort(costs, kind="stable")
    order = order[np.isfinite(costs[order]) & (order != start)]
    ranked = costs[order]
    tie = np.concatenate([[0], np.cumsum(np.diff(ranked) > _ROUNDING * ranked[1:])]) if len(order) else order
    return order[np.lexsort((order, tie))][:number].tolist()


def lay_corridors(
    surfaces: Sequence[NDArray[np.float64]],
    costs: NDArray[np.float64],
    pairs: Sequence[tuple[int, int]],
    slack: Callable[[float], float],
    report: Report,
) -> Corridors:
    """Lay the corridors of some pairs over each other.

    Parameters
    ----------
    surfaces : sequence of array
        Accumulated cost from each source.
    costs : array, shape (sources, sources)
        Least cost between them.
    pairs : sequence of (int, int)
        Pairs that reach each other.
    slack : callable
        From the least cost of a pair to how much more a cell of its corridor may cost.
    report : Report
        May cancel.
    """
    excess, count = np.full(surfaces[0].shape, np.inf), np.zeros(surfaces[0].shape, np.int32)
    for done, (start, end) in enumerate(pairs, start=1):
        report.raise_if_cancelled()
        least = float(costs[start, end])
        ends = surfaces[start], surfaces[end], least, slack(least) + _ROUNDING * least, excess, count
        in_parts(lambda first, last, ends=ends: lay_corridor(first, last, *ends), len(excess))
        report.progress(done / len(pairs), "Corridors")
    return Corridors(excess, count)


def least_cost_paths(
    resistance: NDArray[np.float64],
    sources: Sequence[NDArray[np.int64]],
    wanted: Callable[[int, NDArray[np.float64]], Sequence[int]],
    neighbourhood: Neighbourhood,
    limit: float,
    report: Report,
) -> list[Path]:
    """Return the cheapest paths between sources; of several as cheap one.

    Parameters
    ----------
    resistance : array, shape (rows, columns)
    sources : sequence of int array
        Flat numbers of the cells of each source.
    wanted : callable
        From a source's place and its costs to all sources (inf: not reached) to the places that paths are wanted to.
    neighbourhood : Neighbourhood
    limit : float
        Longest path, cost.
    report : Report
        May cancel.

    Returns
    -------
    list of Path
        By start and end; each pair once, as it was found from the first of its sources that wants it.
    """
    found: list[list[Path]] = [[] for _ in sources]

    def search(start: int) -> None:
        cost, step = accumulated_cost(resistance, sources[start], neighbourhood, limit)
        ends = [cells[np.argmin(cost.ravel()[cells])] for cells in sources]
        costs = cost.ravel()[ends]
        for end in wanted(start, costs):
            if end != start and math.isfinite(costs[end]):
                cells = trace_back(step, ends[end])
                forth = (start, end) if start < end else (end, start)
                found[start].append(Path(*forth, float(costs[end]), cells[::-1] if start < end else cells))

    each_source(search, len(sources), report, "Least-cost paths from each source")
    first = {}
    for path in (path for of_source in found for path in of_source):
        first.setdefault((path.start, path.end), path)
    return [first[pair] for pair in sorted(first)]


def centres(cells: NDArray[np.int64], grid: Grid) -> NDArray[np.float64]:
    """Return the centres of cells, (cells, 2) of x and y, map units."""
    rows, columns = np.divmod(cells, grid.columns)
    left, width, _, top, _, height = grid.geotransform
    return np.stack([left + (columns + 0.5) * width, top + (rows + 0.5) * height], axis=1)


def straight_length(start: int, end: int, grid: Grid, sphere: Sphere | None) -> float:
    """Return the length of the straight line between two cells, map units; on a sphere that of the great circle, metres."""
    if sphere is None:
        return math.dist(*centres(np.array([start, end]), grid))
    rows, columns = np.divmod([start, end], grid.columns)
    one, other = (sphere.first_latitude + sphere.latitude_step * rows).tolist()
    across = float(np.diff(columns)[0]) * sphere.longitude_step
    chord = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(across / 2) ** 2
    return 2 * sphere.radius * math.asin(min(1.0, math.sqrt(chord)))


def path_line(
    cells: NDArray[np.int64], grid: Grid, neighbourhood: Neighbourhood
) -> tuple[list[tuple[float, float]], float]:
    """Return the line through cells, centres on a straight run left out, and its length in map units (metres on a sphere)."""
    places = centres(cells, grid)
    rows, columns = np.divmod(cells, grid.columns)
    down, right = np.diff(rows), np.diff(columns)
    lengths = step_lengths(replace(neighbourhood, neighbours=8), grid.rows)[rows[:-1]]
    way = np.where(down == 0, 2, np.where(right == 0, 0, np.where(down < 0, 4, 6)))
    length = math.fsum(lengths[np.arange(len(way)), way])
    turn = np.ones(len(cells), bool)
    if len(cells) > 2:
        turn[1:-1] = (np.diff(down) != 0) | (np.diff(right) != 0)
    kept = [(x, y) for x, y in places[turn].tolist()]
    return (kept if len(kept) > 1 else kept * 2), length
