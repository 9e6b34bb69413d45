"""Parameters of omnidirectional current, and what they make of rasters and window; light."""

from __future__ import annotations

import math
from typing import Any

from .declarations import Band, Choice, Extent, File, Flag, Number, Parameter, Raster
from .errors import InputError
from .moving_window import MovingWindow
from .omnidirectional_rows import Condition, Strengths
from .raster_grid import Grid

MODE = Choice(
    "MODE",
    "Mode",
    "corrected: right at the edges and around nodata, sums that keep their total. compatible: reproduces Omniscape.jl 0.6 "
    "with its flaws, see the help.",
    options=(("corrected", "Corrected"), ("compatible", "Compatible with Omniscape")),
    default="corrected",
)


def _condition(number: int) -> tuple[Parameter, ...]:
    name = f"CONDITION{number}"
    return (
        Raster(
            name,
            f"Condition {number}: present",
            "Cells send current only to targets whose condition suits theirs, for example temperature. Empty: no condition.",
            grid_of="RESISTANCE",
            optional=True,
            advanced=True,
        ),
        Raster(
            f"{name}_FUTURE",
            f"Condition {number}: future",
            "Condition of the targets; empty: that of the present.",
            grid_of="RESISTANCE",
            optional=True,
            advanced=True,
        ),
        Choice(
            f"{name}_COMPARISON",
            f"Condition {number}: comparison",
            "within: source minus target (median of its block) lies between the bounds. equal: the source's value is the "
            "most frequent one of the target's block.",
            options=(("within", "Within bounds"), ("equal", "Equal")),
            default="within",
            advanced=True,
        ),
        Number(
            f"{name}_LOWER",
            f"Condition {number}: lower bound",
            "Least difference source minus target.",
            default=0.0,
            advanced=True,
        ),
        Number(
            f"{name}_UPPER",
            f"Condition {number}: upper bound",
            "Greatest difference source minus target.",
            default=0.0,
            advanced=True,
        ),
    )


PARAMETERS: tuple[Parameter, ...] = (
    Raster(
        "RESISTANCE", "Resistance", "Resistance (or conductance) of every cell, or classes that RECLASS_TABLE replaces."
    ),
    Band("RESISTANCE_BAND", "Resistance band", "Band of the resistance raster.", raster="RESISTANCE", advanced=True),
    Choice(
        "RESISTANCE_KIND",
        "The raster holds",
        "resistance: cost of crossing, > 0. conductance: ease of crossing, >= 0. Nodata, infinite resistance and "
        "conductance 0 are barriers.",
        options=(("resistance", "Resistance"), ("conductance", "Conductance")),
        default="resistance",
    ),
    File(
        "RECLASS_TABLE",
        "Reclassification table",
        "Text file with two columns: value in the raster, value to use. The word missing stands for nodata.",
        optional=True,
    ),
    Choice(
        "SOURCE_FROM",
        "Source strength from",
        "resistance: 1 / resistance where it is at most R_CUTOFF. raster: SOURCE.",
        options=(("resistance", "Resistance"), ("raster", "Raster")),
        default="resistance",
    ),
    Raster(
        "SOURCE",
        "Source strength",
        "Current that a cell can send, >= 0; nodata counts as 0.",
        grid_of="RESISTANCE",
        optional=True,
    ),
    Band("SOURCE_BAND", "Source band", "Band of the source raster.", raster="SOURCE", advanced=True),
    Raster(
        "TARGET",
        "Target strength",
        "Current that flows to a cell, >= 0. Empty: the source strength.",
        grid_of="RESISTANCE",
        optional=True,
        advanced=True,
    ),
    Number(
        "SOURCE_THRESHOLD",
        "Least source strength",
        "Values of SOURCE and TARGET below it count as 0.",
        default=0.0,
        minimum=0.0,
        advanced=True,
    ),
    Number(
        "R_CUTOFF",
        "Greatest resistance of sources",
        "Cells of more resistance send nothing, where strength comes from resistance. Empty: all cells.",
        minimum=0.0,
        optional=True,
    ),
    Number("RADIUS", "Radius", "How far sources lie from their target at most, in UNITS.", minimum=0.0),
    Choice(
        "UNITS",
        "Lengths are in",
        "Unit of RADIUS, BLOCK, BUFFER and DECAY_DISTANCE.",
        options=(("cells", "Cells"), ("map_units", "Map units")),
        default="cells",
    ),
    Number(
        "BLOCK",
        "Block size",
        "Side of a block of targets that share a window: an odd number of cells. Larger blocks are faster and coarser.",
        default=1.0,
        minimum=0.0,
    ),
    Number("BUFFER", "Buffer", "How much farther than the sources the current may run.", default=0.0, minimum=0.0),
    Choice(
        "NEIGHBOURS",
        "Neighbours",
        "Cells that a cell is joined to.",
        options=(("8", "8"), ("4", "4")),
        default="8",
        advanced=True,
    ),
    Flag(
        "CORRECT_ARTEFACTS",
        "Correct artefacts of blocks",
        "Weights the currents of blocks so that without resistance they are those of single cells.",
        default=True,
        advanced=True,
    ),
    Choice(
        "DECAY",
        "Decay of sources with distance",
        "Weight of a source at distance d from its target: exponential exp(-d/s), gaussian exp(-d^2/(2 s^2)), linear "
        "max(0, 1 - d/s), with s = DECAY_DISTANCE.",
        options=(("none", "None"), ("exponential", "Exponential"), ("gaussian", "Gaussian"), ("linear", "Linear")),
        default="none",
        advanced=True,
    ),
    Number(
        "DECAY_DISTANCE", "Decay distance", "Scale of the decay; empty: half the radius.", optional=True, advanced=True
    ),
    Number(
        "DIRECTION",
        "Direction of movement",
        "Degrees clockwise from north: only sources in a wedge on the opposite side of the target send. Empty: all.",
        minimum=-360.0,
        maximum=360.0,
        optional=True,
        advanced=True,
    ),
    Number(
        "WEDGE",
        "Opening of the wedge",
        "Angle within which sources lie.",
        default=90.0,
        minimum=1.0,
        maximum=360.0,
        unit="degrees",
        advanced=True,
    ),
    *_condition(1),
    *_condition(2),
    MODE,
    Flag(
        "MASK_NODATA", "Nodata stays nodata", "No: barriers get the value 0 in the maps.", default=True, advanced=True
    ),
    Choice(
        "SENSITIVITY_OF",
        "Sensitivity of",
        "cumulative: the sum of cumulative current. normalised: the mean of normalised current. Over the cells of "
        "SENSITIVITY_MASK; only for the output SENSITIVITY.",
        options=(("cumulative", "Cumulative current"), ("normalised", "Normalised current")),
        default="normalised",
        advanced=True,
    ),
    Raster(
        "SENSITIVITY_MASK",
        "Mask of the sensitivity",
        "Cells > 0 count. Empty: all.",
        grid_of="RESISTANCE",
        optional=True,
        advanced=True,
    ),
    Extent("EXTENT", "Extent", "The part of the rasters that is used; empty: all.", advanced=True),
)


def window_of(values: dict[str, Any], grid: Grid) -> tuple[MovingWindow, list[str]]:
    """Return the window that a job's parameters describe, and what the user has to be warned of."""
    warnings: list[str] = []
    in_cells = values["UNITS"] == "cells"
    height, width = (1.0, 1.0) if in_cells else (grid.cell_height, grid.cell_width)
    block = max(1, round(values["BLOCK"] / width))
    if in_cells and block != values["BLOCK"]:
        raise InputError("BLOCK", f"{values['BLOCK']:g} is no number of cells.", "Give 1, 3, 5, ...")
    if block % 2 == 0:
        block += 1
        warnings.append(f"BLOCK is an even number of cells, and a block has a cell at its centre: {block} is used.")
    if values["DECAY_DISTANCE"] is not None and values["DECAY_DISTANCE"] <= 0:
        raise InputError("DECAY_DISTANCE", f"It is {values['DECAY_DISTANCE']:g}.", "Give a length > 0.")
    direction = values["DIRECTION"]
    if direction is not None and grid.south_up:  # whose rows go north
        direction = (180 - direction) % 360
    window = MovingWindow(
        radius=float(values["RADIUS"]),
        buffer=float(values["BUFFER"]),
        block=block,
        cell_height=height,
        cell_width=width,
        neighbours=int(values["NEIGHBOURS"]),
        step_height=1.0 if values["MODE"] == "compatible" else grid.cell_height / grid.cell_width,
        compatible=values["MODE"] == "compatible",
        correct_artefacts=values["CORRECT_ARTEFACTS"],
        decay=values["DECAY"],
        decay_distance=values["DECAY_DISTANCE"] or max(values["RADIUS"] / 2, 1e-9),
        direction=direction,
        wedge=values["WEDGE"],
    )
    return window, warnings


def strengths_of(values: dict[str, Any]) -> Strengths:
    """Return where strengths come from."""
    cutoff = values["R_CUTOFF"]
    return Strengths(
        from_resistance=values["SOURCE_FROM"] == "resistance",
        largest_resistance=math.inf if cutoff is None else cutoff,
        threshold=values["SOURCE_THRESHOLD"],
        on_cells=values["MODE"] != "compatible",
    )


def conditions_of(values: dict[str, Any]) -> tuple[Condition, ...]:
    """Return the conditions that are given."""
    found = []
    for name in ("CONDITION1", "CONDITION2"):
        if values[f"{name}_FUTURE"] and not values[name]:
            raise InputError(name, f"{name}_FUTURE is given, {name} is not.", "Give the present condition as well.")
        if not values[name]:
            continue
        lower, upper = values[f"{name}_LOWER"], values[f"{name}_UPPER"]
        if values[f"{name}_COMPARISON"] == "within" and lower > upper:
            raise InputError(f"{name}_LOWER", f"{lower:g} is more than {name}_UPPER, {upper:g}.", "Exchange them.")
        future = f"{name}_FUTURE" if values[f"{name}_FUTURE"] else name
        found.append(Condition(name, future, values[f"{name}_COMPARISON"], lower, upper))
    return tuple(found)
