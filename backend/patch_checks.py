"""What a network of patches is built from, and everything that can be wrong with it.

Light: the toolbox runs the same checks before it starts the worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import osr

from .errors import InputError
from .job import Job, Report
from .output_checks import check_outputs
from .patch_memory import check_raster_memory
from .patch_polygons import Patches, field_capacity, read_patches
from .raster_grid import strips
from .raster_io import RasterBand
from .vector_io import VectorLayer, is_geographic_crs

MOST_PAIRS = 5_000_000
MANY_PATCHES = 20_000
_RASTERS = ("HABITAT", "MOVEMENT", "QUALITY")


@dataclass(frozen=True)
class PatchHeaders:
    """What is known before features and cells are read.

    Parameters
    ----------
    layer : VectorLayer or None
        Of polygons.
    bands : dict of str to RasterBand
        The rasters that are given.
    values : tuple of float
        Values of the habitat raster that are habitat; empty: those from `threshold` on.
    threshold : float
        See `values`.
    limit : float
        Longest link, inf for none.
    """

    layer: VectorLayer | None
    bands: dict[str, RasterBand]
    values: tuple[float, ...]
    threshold: float
    limit: float

    @property
    def crs(self) -> str:
        """WKT of the patches."""
        return self.layer.crs if self.layer is not None else self.bands["HABITAT"].grid.crs

    def is_habitat(self, cells: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which values of the habitat raster are habitat; nodata is none."""
        if self.values:
            return np.isin(cells, self.values)
        with np.errstate(invalid="ignore"):
            return cells >= self.threshold


@dataclass(frozen=True)
class PatchPlan:
    """What is to be built.

    Parameters
    ----------
    headers : PatchHeaders
        Where it comes from.
    patches : Patches or None
        The polygons; None where patches are yet to be found in a raster.
    """

    headers: PatchHeaders
    patches: Patches | None


def check_patch_headers(job: Job) -> PatchHeaders:
    """Check layers, fields, reference systems, numbers and outputs.

    Raises
    ------
    InputError
        Names the parameter and the remedy.
    """
    given = job.parameters
    if bool(given["PATCHES"]) == bool(given["HABITAT"]):
        what = (
            "Both a polygon layer and a habitat raster are given" if given["PATCHES"] else "Nothing holds the patches"
        )
        raise InputError("PATCHES", f"{what}.", "Give either PATCHES or HABITAT.")
    if given["DISTANCE"] == "least_cost" and not given["MOVEMENT"]:
        raise InputError("MOVEMENT", "Least-cost links need a raster of permeability or resistance.", "Give one.")
    layer = _polygon_layer(given) if given["PATCHES"] else None
    bands = {
        name: RasterBand(given[name], given.get(f"{name}_BAND") or 1, name)
        for name in _RASTERS
        if given[name] and (name != "MOVEMENT" or given["DISTANCE"] == "least_cost")
    }
    first = "PATCHES" if layer is not None else "HABITAT"
    crs = layer.crs if layer is not None else bands["HABITAT"].grid.crs
    if is_geographic_crs(crs):
        raise InputError(
            first,
            "Its coordinates are longitudes and latitudes, in which areas and distances have no meaning.",
            "Reproject it to a projected CRS, for example the UTM zone or an equal-area projection.",
        )
    for name, band in bands.items():
        if crs and band.grid.crs and not osr.SpatialReference(crs).IsSame(osr.SpatialReference(band.grid.crs)):
            theirs = [osr.SpatialReference(text).GetName() for text in (band.grid.crs, crs)]
            raise InputError(name, f"Its CRS is {theirs[0]}, that of {first} is {theirs[1]}.", "Reproject one of them.")
    values, threshold = _habitat(given)
    check_outputs(job, None)
    limit = given["MAXIMUM_DISTANCE"]
    return PatchHeaders(layer, bands, values, threshold, math.inf if limit is None else float(limit))


def _polygon_layer(given: dict[str, Any]) -> VectorLayer:
    layer = VectorLayer(given["PATCHES"], "PATCHES")
    if layer.family not in ("polygon", "any"):
        raise InputError("PATCHES", f"The layer holds {layer.family}s.", "Give a layer of polygons.")
    if given["CAPACITY"] == "field":
        if not given["CAPACITY_FIELD"]:
            raise InputError(
                "CAPACITY_FIELD", "The capacity is to come from a field, and none is named.", "Choose one."
            )
        layer.field(given["CAPACITY_FIELD"], "CAPACITY_FIELD", numeric=True)
    return layer


def _habitat(given: dict[str, Any]) -> tuple[tuple[float, ...], float]:
    if not given["HABITAT"]:
        return (), math.inf
    if given["CAPACITY"] == "field":
        raise InputError("CAPACITY", "Patches that come from a raster have no fields.", "Use area or area x quality.")
    words = (given["HABITAT_VALUES"] or "").replace(";", " ").split()
    if bool(words) == (given["HABITAT_THRESHOLD"] is not None):
        raise InputError(
            "HABITAT_VALUES",
            "It is not said which cells are habitat." if not words else "Values and a threshold are given.",
            "Give either HABITAT_VALUES, for example 41; 42, or HABITAT_THRESHOLD.",
        )
    try:
        values = tuple(float(word) for word in words)
    except ValueError as error:
        raise InputError(
            "HABITAT_VALUES",
            f"'{given['HABITAT_VALUES']}' are not all numbers.",
            "Write numbers apart by blanks or semicolons.",
        ) from error
    return values, math.inf if words else float(given["HABITAT_THRESHOLD"])


def check_patches(job: Job, report: Report) -> PatchPlan:
    """Check everything and state the memory.

    Raises
    ------
    InputError
        With count and place.
    MemoryPlanError
        When more is needed than may be used.
    """
    headers = check_patch_headers(job)
    given = job.parameters
    if given["CAPACITY"] == "area_quality" and "QUALITY" not in headers.bands:
        raise InputError("QUALITY", "Capacity by area x quality needs a raster of quality.", "Give one.")
    check_raster_memory(job, {name: band.grid.cells for name, band in headers.bands.items()}, report)
    for name, band in headers.bands.items():
        _check_cells(name, band, headers, given, report)
    patches = None
    if headers.layer is not None:
        repair, split = given["REPAIR"] == "repair", given["MULTIPART"] == "split"
        patches = read_patches(headers.layer, report, repair=repair, split=split)
        if given["CAPACITY"] == "field":
            field_capacity(patches, headers.layer.field(given["CAPACITY_FIELD"], "CAPACITY_FIELD", numeric=True))
        patches = patches.take(np.flatnonzero(patches.area >= (given["MINIMUM_AREA"] or 0)))
        _check_inside(patches, headers, report)
        check_count(len(patches), given, headers.limit, report)
    return PatchPlan(headers, patches)


def check_count(count: int, given: dict[str, Any], limit: float, report: Report) -> None:
    """Say when there is no patch, one alone, or more than can be linked."""
    if count == 0:
        raise InputError(
            "MINIMUM_AREA" if given["MINIMUM_AREA"] else "PATCHES" if given["PATCHES"] else "HABITAT",
            "No patch is left.",
            "Lower MINIMUM_AREA, or check which cells or polygons are habitat.",
        )
    if count == 1:
        report.warning("There is one patch alone: the network has no links.")
    if given["LINKS"] == "all" and math.isinf(limit) and count * (count - 1) // 2 > MOST_PAIRS:
        raise InputError(
            "LINKS",
            f"{count} patches make {count * (count - 1) // 2} links.",
            "Choose planar, set MAXIMUM_DISTANCE, or raise MINIMUM_AREA.",
        )
    if count > MANY_PATCHES:
        report.warning(f"{count} patches: this may take long. A larger MINIMUM_AREA leaves out small ones.")


def _check_cells(name: str, band: RasterBand, headers: PatchHeaders, given: dict[str, Any], report: Report) -> None:
    useful = 0
    for first, rows in strips(band.grid):
        report.raise_if_cancelled()
        cells = band.read(first, 0, rows, band.grid.columns)
        if name == "HABITAT":
            useful += int(headers.is_habitat(cells).sum())
            continue
        wrong = cells < 0
        if name == "MOVEMENT":
            wrong |= (cells == 0) if given["MOVEMENT_KIND"] == "resistance" else np.isinf(cells)
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            rule = (
                "resistance must be > 0"
                if name == "MOVEMENT" and given["MOVEMENT_KIND"] == "resistance"
                else "must be >= 0"
            )
            raise InputError(
                name,
                f"Cells that cannot be used: {int(wrong.sum())} (first at row {first + i + 1}, column {j + 1}), value "
                f"{cells[i, j]:g}; {rule}.",
                "Reclassify them or set them to nodata.",
            )
        useful += int((cells > 0).sum())
        report.progress((first + rows) / band.grid.rows, "Looking at the rasters")
    if useful == 0 and name == "HABITAT":
        what = f"the values {given['HABITAT_VALUES']}" if headers.values else f"a value >= {headers.threshold:g}"
        raise InputError("HABITAT", f"No cell has {what}.", "Check band, values and nodata.")
    if useful == 0:
        raise InputError(name, "No cell can be used: all are nodata or 0.", "Check band and nodata value.")


def _check_inside(patches: Patches, headers: PatchHeaders, report: Report) -> None:
    boxes = patches.boxes()
    for name, band in headers.bands.items():
        xmin, ymin, xmax, ymax = band.grid.bounds
        outside = (boxes[:, 0] >= xmax) | (boxes[:, 1] <= xmin) | (boxes[:, 2] >= ymax) | (boxes[:, 3] <= ymin)
        if outside.any():
            first = patches.columns["source_id"][outside][0]
            raise InputError(
                "PATCHES",
                f"Patches outside {name}: {int(outside.sum())} of {len(patches)} (first: feature id {first}).",
                "Use a larger raster, or leave out these patches.",
            )
        across = (boxes[:, 0] < xmin) | (boxes[:, 1] > xmax) | (boxes[:, 2] < ymin) | (boxes[:, 3] > ymax)
        if across.any():
            report.warning(f"Patches that reach beyond {name}: {int(across.sum())}. Only what lies on it counts there.")
