"""Omniscape's ini files: what they say, with its defaults. Light."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .circuitscape_files import open_raster
from .errors import InputError
from .moving_window import MovingWindow
from .omnidirectional_checks import check_projected, check_window, read_table
from .omnidirectional_rows import Condition, RowSource, Strengths
from .raster_grid import Grid, grid_difference
from .raster_io import RasterBand

_TRUE = ("true", "True", "TRUE")
_SINGLE = ("single", "Single", "SINGLE")
_DEFAULTS = {
    "resistance_is_conductance": "false",
    "source_file": "",
    "block_size": "1",
    "buffer": "0",
    "source_threshold": "0",
    "source_from_resistance": "false",
    "r_cutoff": "Inf",
    "precision": "double",
    "connect_four_neighbors_only": "false",
    "calc_flow_potential": "false",
    "calc_normalized_current": "false",
    "correct_artifacts": "true",
    "write_raw_currmap": "true",
    "write_as_tif": "true",
    "mask_nodata": "true",
    "conditional": "false",
    "n_conditions": "1",
    "compare_to_future": "none",
    "condition1_file": "",
    "condition2_file": "",
    "condition1_future_file": "",
    "condition2_future_file": "",
    "comparison1": "within",
    "comparison2": "within",
    "condition1_lower": "0",
    "condition2_lower": "0",
    "condition1_upper": "0",
    "condition2_upper": "0",
    "reclassify_resistance": "false",
    "reclass_table": "",
    "write_reclassified_resistance": "false",
    "allow_different_projections": "false",
}
#: What Omniscape reads and Driftway has its own way for.
_OTHER = (
    "parallelize",
    "parallel_batch_size",
    "solver",
    "suppress_cs_messages",
    "resistance_file",
    "radius",
    "project_name",
)


@dataclass(frozen=True)
class OmniscapeSettings:
    """The values of an ini file.

    Parameters
    ----------
    path : Path
        The ini file.
    given : dict of str
        As they stand there.
    """

    path: Path
    given: dict[str, str]

    def value(self, name: str) -> str:
        """Return a value or its default."""
        return self.given.get(name) or _DEFAULTS.get(name, "")

    def flag(self, name: str) -> bool:
        """Return a yes or no; what is none of true, True and TRUE is no."""
        return self.value(name) in _TRUE

    def number(self, name: str) -> float:
        """Return a number.

        Raises
        ------
        InputError
            When it is none.
        """
        try:
            return float(self.value(name))
        except ValueError as error:
            raise InputError(
                "INI", f"{name} = {self.value(name) or '(nothing)'} is no number.", "Mend that line."
            ) from error

    def cells(self, name: str) -> int:
        """Return a number of cells, rounded like Omniscape does."""
        value = self.number(name)
        if not math.isfinite(value) or value < 0:
            raise InputError("INI", f"{name} = {self.value(name)} is no number of cells.", "Mend that line.")
        return round(value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of several words."""
        value = self.value(name)
        if value not in allowed:
            raise InputError("INI", f"{name} = {value} is not known.", f"Known: {', '.join(allowed)}.")
        return value

    def file(self, name: str) -> Path:
        """Return where a file lies: as it stands, from the ini's folder, from the folders above, or beside the ini.

        Raises
        ------
        InputError
            When it is nowhere.
        """
        text = self.value(name).strip("\"'")
        if not text:
            raise InputError("INI", f"'{self.path.name}' does not say {name}.", f"Add a line '{name} = ...'.")
        written = Path(text.removeprefix("/vsigzip/").replace("\\", "/"))
        folder = self.path.resolve().parent
        tried = [written] if written.is_absolute() else [above / written for above in (folder, *folder.parents)]
        for place in (*tried, folder / written.name):
            if place.is_file():
                return place
        raise InputError(
            "INI",
            f"{name}: '{text}' is found neither from '{folder}' nor from the folders above it.",
            "Mend the path, or put the file beside the ini.",
        )

    def warnings(self) -> list[str]:
        """Return what a user should know of lines that have no effect."""
        unknown = sorted(set(self.given) - set(_DEFAULTS) - set(_OTHER))
        found = (
            [f"The ini has lines that Omniscape does not know, which are ignored: {', '.join(unknown)}."]
            if unknown
            else []
        )
        if self.value("reclass_table") and not self.flag("reclassify_resistance"):
            found.append(
                "The ini gives a reclass_table, but reclassify_resistance is not true: nothing is reclassified."
            )
        if self.cells("block_size") % 2 == 0:
            found.append(f"block_size = {self.value('block_size')} is even: {self.block} is used, as Omniscape does.")
        return found

    @property
    def block(self) -> int:
        """Side of a block, made odd."""
        size = max(1, self.cells("block_size"))
        return size + 1 - size % 2


def read_settings(path: str | Path) -> OmniscapeSettings:
    """Read an ini file; lines in square brackets mean nothing.

    Raises
    ------
    InputError
        When it cannot be read or lacks what Omniscape needs.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("INI", f"'{path}' cannot be read: {error}.", "Give an ini file of Omniscape.") from error
    given: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.lstrip().startswith(("[", "#", ";")):
            given[name.strip()] = value.strip()
    settings = OmniscapeSettings(path, given)
    missing = [name for name in ("resistance_file", "radius", "project_name") if not given.get(name)]
    if missing:
        raise InputError("INI", f"'{path.name}' does not say {', '.join(missing)}.", "Is it an ini file of Omniscape?")
    return settings


def window_of(settings: OmniscapeSettings, grid: Grid, *, compatible: bool) -> MovingWindow:
    """Return the window that an ini describes, on a grid; Omniscape takes all cells for square."""
    return MovingWindow(
        radius=settings.cells("radius"),
        buffer=settings.cells("buffer"),
        block=settings.block,
        neighbours=4 if settings.flag("connect_four_neighbors_only") else 8,
        step_height=1.0 if compatible else grid.cell_height / grid.cell_width,
        compatible=compatible,
        correct_artefacts=settings.flag("correct_artifacts"),
    )


def source_of(settings: OmniscapeSettings, *, compatible: bool) -> RowSource:
    """Open the rasters that an ini names.

    Raises
    ------
    InputError
        Names the line of the ini, and what is wrong.
    """
    resistance = open_raster(settings.file("resistance_file"), "resistance_file")
    if not compatible:
        check_projected(resistance.grid, "INI")
    bands = {"RESISTANCE": resistance}

    def add(key: str, name: str) -> None:
        band = open_raster(settings.file(key), key)
        if (band.grid.rows, band.grid.columns) != (resistance.grid.rows, resistance.grid.columns):
            raise InputError(
                "INI",
                f"{key} has {band.grid.rows} rows and {band.grid.columns} columns, resistance_file has "
                f"{resistance.grid.rows} and {resistance.grid.columns}.",
                "Warp it to that grid.",
            )
        _check_place(settings, key, band, resistance)
        bands[name] = band

    from_resistance = settings.flag("source_from_resistance")
    if not from_resistance:
        add("source_file", "SOURCE")
    cutoff = settings.number("r_cutoff") if from_resistance else math.inf
    if from_resistance and not cutoff > 0:
        raise InputError("INI", f"r_cutoff = {settings.value('r_cutoff')} leaves no source.", "Give a resistance > 0.")
    table = None
    if settings.flag("reclassify_resistance"):
        table = read_table(settings.file("reclass_table"), "INI")
    conditions = _conditions(settings, add)
    return RowSource(
        bands,
        resistance.grid,
        (0, 0),
        settings.flag("resistance_is_conductance"),
        Strengths(from_resistance, cutoff, settings.number("source_threshold"), on_cells=not compatible),
        table,
        conditions,
        single=settings.value("precision") in _SINGLE,
    )


def _check_place(settings: OmniscapeSettings, key: str, band: RasterBand, resistance: RasterBand) -> None:
    difference = grid_difference(resistance.grid, band.grid).replace("QUALITY", "resistance_file")
    if difference and not settings.flag("allow_different_projections"):
        raise InputError(
            "INI",
            f"The grid of {key} is not that of resistance_file: {difference}.",
            "Warp it to that grid, or set allow_different_projections = true where rows and columns do match.",
        )


def _conditions(settings: OmniscapeSettings, add: Callable[[str, str], None]) -> tuple[Condition, ...]:
    """Return the conditions; `add` opens a raster of the ini under a name."""
    if not settings.flag("conditional"):
        for key in ("condition1_file", "condition2_file"):
            if settings.value(key):
                raise InputError("INI", f"{key} is given, but conditional is not true.", "Set conditional = true.")
        return ()
    count = int(settings.choice("n_conditions", ("1", "2")))
    future = settings.choice("compare_to_future", ("none", "1", "2", "both"))
    found = []
    for number in range(1, count + 1):
        present = f"CONDITION{number}"
        add(f"condition{number}_file", present)
        then = present
        if future in (str(number), "both"):
            then = f"{present}_FUTURE"
            add(f"condition{number}_future_file", then)
        comparison = settings.choice(f"comparison{number}", ("within", "equal"))
        lower, upper = settings.number(f"condition{number}_lower"), settings.number(f"condition{number}_upper")
        found.append(Condition(present, then, comparison, lower, upper))
    return tuple(found)


def check_settings(settings: OmniscapeSettings, *, compatible: bool) -> tuple[RowSource, MovingWindow]:
    """Return rasters and window of an ini, all headers checked."""
    for key in ("comparison1", "comparison2"):
        settings.choice(key, ("within", "equal"))
    source = source_of(settings, compatible=compatible)
    window = window_of(settings, source.grid, compatible=compatible)
    check_window(window, source.grid, "INI", "INI", "INI")
    return source, window
