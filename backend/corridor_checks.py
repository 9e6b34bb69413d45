"""Everything that can be wrong with corridors and paths, and the plan of their run.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .corridor_sources import Sources, listed, read_sources
from .errors import InputError, MemoryPlanError
from .geographic import spans_the_globe, sphere_of
from .job import Job, Report
from .memory import human_bytes
from .movement import Movement
from .neighbourhood import Sphere
from .output_checks import check_outputs
from .processors import available_processors
from .raster_grid import Grid, extent_window, strips
from .raster_io import RasterBand
from .vector_io import VectorLayer
from .window_plan import allowed_memory
from .wording import counted

MOST_BANDS = 500
_WORKER_BYTES = 300_000_000
#: Of the maps of corridors, of the raster of paths, and of each search that is under way: step and heap, for paths its costs
#: too. As measured at 3000 x 3000 cells, with a third to spare.
_BYTES_OF_CORRIDORS, _BYTES_OF_PATHS = 40, 14
_BYTES_PER_SEARCH, _BYTES_OF_COSTS = 6, 8
#: Seconds per cell and source.
_SECONDS = 4e-7


@dataclass(frozen=True)
class CorridorHeaders:
    """What is known before features and cells are read.

    Parameters
    ----------
    layer : VectorLayer
        Of sources.
    field : str or None
        That names them.
    band : RasterBand
        Of movement.
    movement : Movement
        How it is read.
    table : tuple or None
        Layer and two fields of the pairs that are wanted.
    grid : Grid
        The used part of the raster.
    corner : (int, int)
        Its first row and column.
    sphere : Sphere or None
        That it lies on, for longitudes and latitudes.
    """

    layer: VectorLayer
    field: str | None
    band: RasterBand
    movement: Movement
    table: tuple[VectorLayer, str, str] | None
    grid: Grid
    corner: tuple[int, int]
    sphere: Sphere | None

    def read(self, first: int, rows: int) -> NDArray[np.float64]:
        """Return a strip of rows of the used part, NaN where there is no value."""
        return self.band.read(self.corner[0] + first, self.corner[1], rows, self.grid.columns)


@dataclass(frozen=True)
class CorridorPlan:
    """What is to be done.

    Parameters
    ----------
    headers : CorridorHeaders
    sources : Sources
        Those that are left.
    pairs : list of (int, int) or None
        Places of the sources that are to be joined, start < end; None where the nearest are.
    """

    headers: CorridorHeaders
    sources: Sources
    pairs: list[tuple[int, int]] | None


def check_corridor_headers(job: Job) -> CorridorHeaders:
    """Check layers, fields, raster and outputs.

    Raises
    ------
    InputError
        Names the parameter and the remedy.
    """
    given = job.parameters
    layer = VectorLayer(given["SOURCES"], "SOURCES")
    if layer.family == "none":
        raise InputError("SOURCES", "It is a table without geometry.", "Give points, lines or polygons.")
    field = layer.field(given["ID_FIELD"], "ID_FIELD") if given["ID_FIELD"] else None
    band = RasterBand(given["MOVEMENT"], given["MOVEMENT_BAND"], "MOVEMENT")
    corner, grid = (0, 0), band.grid
    if given["EXTENT"] is not None:
        row, column, rows, columns = extent_window(band.grid, given["EXTENT"], "MOVEMENT")
        corner, grid = (row, column), band.grid.part(row, column, rows, columns)
    table = None
    if given["PAIRS"] == "table":
        if not given["PAIR_TABLE"]:
            raise InputError("PAIR_TABLE", "The pairs are to come from a table, and none is given.", "Give one.")
        pairs = VectorLayer(given["PAIR_TABLE"], "PAIR_TABLE")
        ends = [pairs.field(given[name] or usual, name) for name, usual in (("PAIR_FROM", "from"), ("PAIR_TO", "to"))]
        table = (pairs, ends[0], ends[1])
    check_outputs(job, grid)
    movement = Movement(given["MOVEMENT_KIND"], given["TRANSFORMATION"], given["EXPONENT"])
    return CorridorHeaders(layer, field, band, movement, table, grid, corner, sphere_of(grid))


def check_corridors(job: Job, report: Report, *, surfaces: bool) -> CorridorPlan:
    """Check everything and state the memory; with `surfaces` the costs from all sources are held at once.

    Raises
    ------
    InputError
        With count and place.
    MemoryPlanError
        When more is needed than may be used; says how many sources would fit.
    """
    headers = check_corridor_headers(job)
    grid = headers.grid
    if headers.sphere is not None:
        report.message("MOVEMENT holds longitudes and latitudes: lengths and costs are in metres, on the sphere.")
        if spans_the_globe(headers.grid):
            report.warning(
                "MOVEMENT spans 360 degrees: ways do not lead across its east and west edges. Where they should, let the raster begin at "
                "a meridian that no way crosses."
            )
    if not grid.crs:
        report.warning("MOVEMENT has no CRS: its coordinates are taken as lengths in one unit, such as metres.")
    sources = _on_nodes(read_sources(headers.layer, headers.field, grid, report, _area(job)), headers, report)
    if len(sources) < 2:
        raise InputError(
            "SOURCES",
            f"{'One source' if len(sources) else 'No source'} is left on cells of MOVEMENT that can be crossed; two are needed.",
            "Check the CRS of both layers, the nodata cells of MOVEMENT, ID_FIELD and EXTENT.",
        )
    pairs = None
    if job.parameters["PAIRS"] == "all":
        pairs = [(start, end) for start in range(len(sources)) for end in range(start + 1, len(sources))]
    elif headers.table is not None:
        pairs = _pairs_of_table(headers.table, sources, report)
    wanted = len(pairs) if pairs is not None else len(sources) * int(job.parameters["NEAREST"])
    _plan_memory(job, headers, sources, wanted, report, surfaces=surfaces)
    return CorridorPlan(headers, sources, pairs)


def _area(job: Job) -> str:
    return "EXTENT" if job.parameters["EXTENT"] is not None else "MOVEMENT"


def _band_bytes(job: Job, count: int, pairs: int) -> int:
    """Return how many bytes per cell the outputs of several bands take while they are written, the larger of them."""
    sources = count if job.outputs.get("SOURCE_COSTS") else 0
    return 4 * max(sources, min(pairs, MOST_BANDS) if job.outputs.get("PAIR_CORRIDORS") else 0)


def _plan_memory(
    job: Job, headers: CorridorHeaders, sources: Sources, pairs: int, report: Report, *, surfaces: bool
) -> None:
    cells, count = headers.grid.cells, len(sources)
    threads = min(job.threads or available_processors(), count)
    limit = allowed_memory(job.memory_limit)
    held = _BYTES_OF_CORRIDORS if surfaces else _BYTES_OF_PATHS
    per_search = _BYTES_PER_SEARCH if surfaces else _BYTES_PER_SEARCH + _BYTES_OF_COSTS
    fixed = _WORKER_BYTES + cells * (held + threads * per_search)
    bands = _band_bytes(job, count, pairs)
    needed = fixed + cells * (surfaces * _BYTES_OF_COSTS * count + bands)
    if needed > limit:
        most = (limit - fixed - cells * bands) // (_BYTES_OF_COSTS * cells) if surfaces else 0
        raise MemoryPlanError(
            f"{count} sources on {headers.grid.rows} x {headers.grid.columns} cells need about "
            f"{human_bytes(needed)} of memory, {human_bytes(limit)} are allowed.",
            f"{most} sources would fit: give fewer, use a coarser raster or a smaller EXTENT, or raise the memory limit."
            if most > 1
            else ("Leave out the outputs with a band per source or pair, use" if bands else "Use")
            + " a coarser raster or a smaller EXTENT, or raise the memory limit.",
            "MOVEMENT",
        )
    seconds = cells * count * _SECONDS / max(1, threads)
    duration = f"{seconds / 60:.0f} min" if seconds > 90 else f"{max(1, round(seconds))} s"
    report.message(
        f"Plan: {count} sources on {headers.grid.rows} x {headers.grid.columns} cells, about {human_bytes(needed)} of "
        f"memory and {duration} on this machine."
    )


def _on_nodes(sources: Sources, headers: CorridorHeaders, report: Report) -> Sources:
    """Return the sources without the cells that are no nodes, and say which are left with none."""
    band = headers.band
    columns = headers.grid.columns
    kept: list[list[NDArray[np.int64]]] = [[] for _ in sources.names]
    nodes = 0
    if band.is_paletted:
        report.warning("MOVEMENT is paletted: its values are taken as they are, not as the colours stand for.")
    for first, rows in strips(headers.grid):
        report.raise_if_cancelled()
        values = headers.read(first, rows)
        node = _nodes(values, first, headers)
        nodes += int(node.sum())
        flat = node.ravel()
        for own, cells in zip(kept, sources.cells):
            here = cells[(cells >= first * columns) & (cells < (first + rows) * columns)]
            own.append(here[flat[here - first * columns]])
        report.progress((first + rows) / headers.grid.rows, "Looking at the raster")
    if nodes == 0:
        raise InputError(
            "MOVEMENT",
            "No valid cell: all are nodata or barriers.",
            "Check band, nodata value, MOVEMENT_KIND and EXTENT.",
        )
    found = Sources(sources.names, [np.concatenate(own) if own else np.zeros(0, np.int64) for own in kept])
    closed = [name for name, cells in zip(found.names, found.cells) if len(cells) == 0]
    if closed:
        report.warning(
            f"{counted(len(closed), 'source lies', 'sources lie')} on barriers or nodata: left out ({listed(closed)})."
        )
    return found.take([row for row, cells in enumerate(found.cells) if len(cells)])


def _nodes(values: NDArray[np.float64], first: int, headers: CorridorHeaders) -> NDArray[np.bool_]:
    """Return which cells can be crossed; raises `InputError` where a value cannot be used."""
    kind = headers.movement.kind
    wrong = (values < 0) | np.isinf(values) if kind == "permeability" else values <= 0
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        top, left = headers.corner
        rule = "permeability must be >= 0 and finite" if kind == "permeability" else "resistance must be > 0"
        raise InputError(
            "MOVEMENT",
            f"Cells that cannot be used: {int(wrong.sum())} (first at row {top + first + row + 1}, column {left + column + 1}), "
            f"value {values[row, column]:g}; {rule}.",
            "Reclassify them or set them to nodata.",
        )
    with np.errstate(over="ignore", divide="ignore"):
        resistance = headers.movement.resistance(values, np)
    node = np.isfinite(resistance) & (resistance > 0)
    if (np.isfinite(values) & (values > 0) & ~node).any():
        raise InputError(
            "EXPONENT",
            "The transformation turns valid cells into resistance 0 or infinity.",
            "Choose a smaller exponent.",
        )
    return node


def _pairs_of_table(table: tuple[VectorLayer, str, str], sources: Sources, report: Report) -> list[tuple[int, int]]:
    layer, one, other = table
    columns = layer.read([one, other]).columns
    place = {_key(name): row for row, name in enumerate(sources.names)}
    pairs, unknown = set(), []
    for ends in zip(columns[one].tolist(), columns[other].tolist()):
        missing = ["(empty)" if end in (None, "") else end for end in ends if _key(end) not in place]
        if missing:
            unknown.append(missing[0])
            continue
        start, end = sorted(place[_key(name)] for name in ends)
        if start != end:
            pairs.add((start, end))
    if not pairs:
        raise InputError(
            "PAIR_TABLE",
            f"None of its {counted(len(columns[one]), 'row')} names two different ones of the sources that are left"
            + (f" (unknown: {listed(unknown)})." if unknown else "."),
            f"The sources are {listed(sources.names)}.",
        )
    if unknown:
        report.warning(
            f"{counted(len(unknown), 'row of PAIR_TABLE names', 'rows of PAIR_TABLE name')} sources that are not there ({listed(unknown)})."
        )
    return sorted(pairs)


def _key(name: Any) -> str:
    """Return a name so that 3, 3.0 and "3" are the same."""
    return str(int(name)) if isinstance(name, float) and name.is_integer() else str(name)
