"""Everything that a Circuitscape ini names, read and checked. Light: the toolbox runs the same checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .circuit_focal import FocalNodes
from .circuit_pairs import PairRule, parse_pairs
from .circuitscape_files import is_list, open_raster, read_cells, read_points, read_text
from .circuitscape_settings import IGNORED, Settings
from .errors import InputError
from .job import Report
from .neighbourhood import Neighbourhood
from .raster_grid import Grid, grid_difference
from .wording import counted


@dataclass(frozen=True)
class CircuitscapeInputs:
    """What an ini is run on.

    Parameters
    ----------
    settings : Settings
    grid : Grid
        Of the habitat raster.
    conductance : array of float64, shape (rows, columns)
        0 where no node is.
    neighbourhood : Neighbourhood
        Steps are counted in cells, whatever their size.
    polygons : array of int32, shape (rows, columns), or None
        Short-circuit regions, 0 elsewhere.
    focal : FocalNodes or None
    pairs : PairRule or None
    strengths : dict of int to float or None
        Of focal nodes, by id.
    source, ground : array of float64, shape (rows, columns), or None
        Of the advanced mode: amperes, conductance to ground.
    """

    settings: Settings
    grid: Grid
    conductance: NDArray[np.float64]
    neighbourhood: Neighbourhood
    polygons: NDArray[np.int32] | None
    focal: FocalNodes | None
    pairs: PairRule | None
    strengths: dict[int, float] | None
    source: NDArray[np.float64] | None
    ground: NDArray[np.float64] | None


def check_scenario(settings: Settings) -> Grid:
    """Check what needs no values, and return the habitat's grid; raises `InputError`."""
    if settings.is_network:
        raise InputError(
            "INI",
            f"'{settings.path.name}' is about a network (data_type = {settings.values['data_type']}); rasters alone are run here.",
            "For networks of patches see the group 'Habitat networks', for example 'Network indices'.",
        )
    grid = open_raster(settings.file("habitat_file"), "habitat_file").grid
    for name in _files(settings):
        settings.file(name)
    return grid


def _files(settings: Settings) -> list[str]:
    """Return the keys of the files that the run reads, but the habitat's."""
    switches = {
        "use_polygons": "polygon_file",
        "use_mask": "mask_file",
        "use_included_pairs": "included_pairs_file",
        "use_variable_source_strengths": "variable_source_file",
    }
    if settings.scenario == "advanced":
        switches = {name: key for name, key in switches.items() if key in ("polygon_file", "mask_file")}
        own = ["source_file", "ground_file"]
    else:
        own = ["point_file"]
        if settings.scenario == "pairwise":
            del switches["use_variable_source_strengths"]
    return own + [key for name, key in switches.items() if settings.flag(name)]


def read_inputs(settings: Settings, report: Report) -> CircuitscapeInputs:
    """Read all that an ini names.

    Raises
    ------
    InputError
        With the line of the ini that names what is wrong.
    """
    grid = check_scenario(settings)
    if not settings.names_scenario:
        word = settings.values.get("scenario", "")
        report.warning(f"scenario = '{word}' is no mode of Circuitscape, which then runs pairwise.")
    for name, advice in IGNORED.items():
        if settings.flag(name):
            report.message(f"{name}: Circuitscape 5 does nothing with it, and so it is here. {advice}")
    files = _files(settings)
    conductance = _habitat(settings, grid)
    if "mask_file" in files:
        mask = _layer(settings, "mask_file", grid, report)
        conductance[~(mask > 0)] = 0
    if not (conductance > 0).any():
        raise InputError("INI", "No cell conducts: all are nodata, or the mask leaves none.", "Check habitat_file.")
    polygons = None
    if "polygon_file" in files:
        polygons = _whole_numbers(_layer(settings, "polygon_file", grid, report), "polygon_file").astype(np.int32)
    focal = _focal(settings, grid, report) if "point_file" in files else None
    rule = None
    if "included_pairs_file" in files:
        rule = parse_pairs(read_text(settings.file("included_pairs_file")), "INI")
    strengths = _strengths(settings) if "variable_source_file" in files else None
    source = ground = None
    if settings.scenario == "advanced":
        source, ground = _sources_and_grounds(settings, grid, report)
    four = settings.flag("connect_four_neighbors_only")
    average = "average_resistance" if settings.flag("connect_using_avg_resistances") else "average_conductance"
    neighbourhood = Neighbourhood(1.0, 1.0, 4 if four else 8, average, "open")
    return CircuitscapeInputs(
        settings, grid, conductance, neighbourhood, polygons, focal, rule, strengths, source, ground
    )


def _place(wrong: NDArray[np.bool_]) -> str:
    row, column = np.argwhere(wrong)[0]
    return f"{int(wrong.sum())} (first at row {row + 1}, column {column + 1})"


def _habitat(settings: Settings, grid: Grid) -> NDArray[np.float64]:
    values = read_cells(open_raster(settings.file("habitat_file"), "habitat_file"))
    if settings.flag("habitat_map_is_resistances", True):
        if (values == 0).any():
            raise InputError(
                "INI",
                f"habitat_file: cells of resistance 0: {_place(values == 0)}.",
                "Give them a small resistance, or make them a short-circuit region (polygon_file).",
            )
        with np.errstate(invalid="ignore"):
            values = 1 / values
    if np.isposinf(values).any():
        raise InputError(
            "INI", f"habitat_file: cells of infinite conductance: {_place(np.isposinf(values))}.", "Mend them."
        )
    return np.where(values > 0, values, 0.0)


def _layer(settings: Settings, key: str, grid: Grid, report: Report) -> NDArray[np.float64]:
    """Return a raster on the grid of the habitat, NaN where there is nodata."""
    band = open_raster(settings.file(key), key)
    if (band.grid.rows, band.grid.columns) != (grid.rows, grid.columns):
        raise InputError(
            "INI",
            f"{key}: {band.grid.rows} rows and {band.grid.columns} columns, the habitat raster has {grid.rows} and {grid.columns}.",
            "Warp it to the grid of the habitat raster.",
        )
    if difference := grid_difference(grid, band.grid).replace("QUALITY", "the habitat raster"):
        report.warning(
            f"{key}: {difference}; its cells are taken in the order in which they stand, as Circuitscape does."
        )
    return read_cells(band)


def _whole_numbers(values: NDArray[np.float64], key: str) -> NDArray[np.int64]:
    values = np.nan_to_num(values, nan=0.0)
    wrong = values != np.floor(values)
    if wrong.any():
        raise InputError("INI", f"{key}: values that are no whole numbers: {_place(wrong)}.", "Ids are whole numbers.")
    return values.astype(np.int64)


def _focal(settings: Settings, grid: Grid, report: Report) -> FocalNodes:
    key = "point_file"
    path = settings.file(key)
    if is_list(path):
        points = read_points(path, grid, key)
        wrong = points.value != np.floor(points.value)
        if wrong.any():
            raise InputError("INI", f"{key}: {points.value[wrong][0]:g} is no id.", "Ids are whole numbers > 0.")
        kept = points.value >= 0
        _check_inside(
            points.row[kept], points.column[kept], points.x[kept], points.y[kept], points.value[kept], grid, key
        )
        identity = points.value[kept].astype(np.int64)
        cells = points.row[kept] * grid.columns + points.column[kept]
    else:
        values = _whole_numbers(_layer(settings, key, grid, report), key)
        column, row = np.nonzero(values.T > 0)  # Circuitscape goes down the columns
        identity, cells = values[row, column], row * grid.columns + column
    focal = FocalNodes.of_cells(identity, cells)
    if len(focal) < 2:
        raise InputError(
            "INI", f"{key}: {len(focal)} focal node{'' if len(focal) == 1 else 's'}.", "Give two or more, with ids > 0."
        )
    return focal


def _check_inside(row, column, x, y, value, grid: Grid, key: str) -> None:
    outside = (row < 0) | (row >= grid.rows) | (column < 0) | (column >= grid.columns)
    if outside.any():
        first = int(np.argmax(outside))
        left, bottom, right, top = grid.bounds
        raise InputError(
            "INI",
            f"{key}: {counted(int(outside.sum()), 'point lies', 'points lie')} outside the habitat raster, the first, {value[first]:g}, at ({x[first]:.10g}, "
            f"{y[first]:.10g}); the raster spans x {left:.10g} to {right:.10g} and y {bottom:.10g} to {top:.10g}.",
            "Check coordinates and their order: value, x, y.",
        )


def _strengths(settings: Settings) -> dict[int, float]:
    key = "variable_source_file"
    found = {}
    for number, line in enumerate(read_text(settings.file(key)).splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            found[int(float(words[0]))] = float(words[1])
        except (ValueError, IndexError) as error:
            raise InputError("INI", f"{key}: line {number} is no id and strength.", "Mend it.") from error
    return found


def _sources_and_grounds(
    settings: Settings, grid: Grid, report: Report
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ground = _values_at(settings, "ground_file", grid, report)
    source = np.nan_to_num(_values_at(settings, "source_file", grid, report), nan=0.0)
    if settings.flag("ground_file_is_resistances", True):
        with np.errstate(divide="ignore"):
            ground = 1 / ground  # 0: tied to ground
    ground = np.nan_to_num(ground, nan=0.0, posinf=np.inf)
    if settings.flag("use_unit_currents"):
        source = np.where(source != 0, 1.0, 0.0)
    if settings.flag("use_direct_grounds"):
        ground = np.where(ground != 0, np.inf, 0.0)
    return source, ground


def _values_at(settings: Settings, key: str, grid: Grid, report: Report) -> NDArray[np.float64]:
    path: Path = settings.file(key)
    if not is_list(path):
        return _layer(settings, key, grid, report)
    points = read_points(path, grid, key)
    _check_inside(points.row, points.column, points.x, points.y, points.value, grid, key)
    values = np.full((grid.rows, grid.columns), np.nan)
    values[points.row, points.column] = points.value
    values[values == -9999] = np.nan
    return values
