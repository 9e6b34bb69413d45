"""From polygons or a raster to patches, capacities and links."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .job import Job, Report
from .patch_checks import PatchHeaders, PatchPlan, check_count
from .patch_distances import centroid_links, edge_links
from .patch_links import Links
from .patch_memory import searches_at_once
from .patch_paths import all_paths, planar_paths
from .patch_polygons import Patches, field_capacity
from .patch_raster import patches_of_raster, patches_on_grid
from .raster_grid import strips
from .raster_io import RasterBand


def read_band(band: RasterBand, report: Report) -> NDArray[np.float64]:
    """Return all cells of a raster, NaN where there is no value."""
    values = np.empty((band.grid.rows, band.grid.columns))
    for first, rows in strips(band.grid):
        report.raise_if_cancelled()
        values[first : first + rows] = band.read(first, 0, rows, band.grid.columns)
    return values


def find_patches(job: Job, plan: PatchPlan, report: Report) -> Patches:
    """Return the patches of a plan, those of a raster found now."""
    if plan.patches is not None:
        return plan.patches
    given, band = job.parameters, plan.headers.bands["HABITAT"]
    report.progress(0.0, "Patches of the raster")
    habitat = np.empty((band.grid.rows, band.grid.columns), bool)
    for first, rows in strips(band.grid):
        report.raise_if_cancelled()
        habitat[first : first + rows] = plan.headers.is_habitat(band.read(first, 0, rows, band.grid.columns))
    found = patches_of_raster(habitat, band.grid, int(given["PATCH_NEIGHBOURS"]), given["MINIMUM_AREA"] or 0.0)
    check_count(len(found), given, plan.headers.limit, report)
    return found


def capacities(job: Job, headers: PatchHeaders, patches: Patches, report: Report) -> NDArray[np.float64]:
    """Return the capacity of each patch."""
    given = job.parameters
    if given["CAPACITY"] == "field" and headers.layer is not None:
        return field_capacity(patches, headers.layer.field(given["CAPACITY_FIELD"], "CAPACITY_FIELD", numeric=True))
    if given["CAPACITY"] == "area":
        return patches.area.copy()
    band = headers.bands["QUALITY"]
    zone, outside = patches_on_grid(patches, band.grid)
    quality = read_band(band, report)
    counts = (zone >= 0) & ~np.isnan(quality)
    number = np.bincount(zone[counts], minlength=len(patches))
    total = np.bincount(zone[counts], quality[counts], len(patches))
    none = number == 0
    if none.any():
        report.warning(
            f"Patches without any quality: {int(none.sum())} ({len(outside)} outside the raster). Their capacity is 0."
        )
    return patches.area * np.divide(total, number, out=np.zeros(len(patches)), where=~none)


def find_links(job: Job, headers: PatchHeaders, patches: Patches, report: Report) -> Links:
    """Return the links of the kind that the job asks for."""
    given, limit = job.parameters, headers.limit
    planar = given["LINKS"] != "all"
    if len(patches) < 2:
        none = np.zeros(0, np.int64)
        return Links(none, none, np.zeros(0), [])
    if given["DISTANCE"] == "centroid":
        found = centroid_links(patches, limit, planar=planar)
    elif given["DISTANCE"] == "edge":
        found = edge_links(patches, limit, report, planar=planar)
    else:
        found = _paths(job, headers, patches, report, planar=planar)
    return found.spanning_tree(len(patches)) if given["LINKS"] == "tree" else found


def _paths(job: Job, headers: PatchHeaders, patches: Patches, report: Report, *, planar: bool) -> Links:
    given, band = job.parameters, headers.bands["MOVEMENT"]
    zone, outside = patches_on_grid(patches, band.grid)
    resistance = _resistances(band, report, inverted=given["MOVEMENT_KIND"] == "permeability")
    if len(outside):
        raise InputError(
            "PATCHES" if given["PATCHES"] else "HABITAT",
            f"Patches without a cell of MOVEMENT: {len(outside)} (first: patch {outside[0] + 1}).",
            "Use a larger or finer MOVEMENT raster, check its CRS, or raise MINIMUM_AREA.",
        )
    open_cells = np.bincount(zone[(zone >= 0) & np.isfinite(resistance)], minlength=len(patches))
    if (open_cells == 0).any():
        report.warning(f"Patches wholly on barriers or nodata: {int((open_cells == 0).sum())}. No link reaches them.")
    neighbours = int(given["NEIGHBOURS"])
    if planar:
        return planar_paths(resistance, zone, band.grid, neighbours, report).within(headers.limit)
    searches = searches_at_once(job, zone.size, report)
    return all_paths(resistance, zone, band.grid, neighbours, headers.limit, len(patches), searches, report)


def _resistances(band: RasterBand, report: Report, *, inverted: bool) -> NDArray[np.float64]:
    """Return the resistance of every cell, strip by strip, inf where nothing passes."""
    resistance = read_band(band, report)
    for first, rows in strips(band.grid):
        strip = resistance[first : first + rows]
        if inverted:
            with np.errstate(divide="ignore"):
                np.divide(1, strip, out=strip)
        strip[~(strip > 0)] = math.inf
    return resistance


def link_columns(links: Links, index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the columns of the layer of links."""
    length = [
        sum(math.dist(one, other) for one, other in zip(line[:-1], line[1:], strict=True)) for line in links.lines
    ]
    return {
        "index": np.arange(1, len(links) + 1),
        "from": index[links.start],
        "to": index[links.end],
        "distance": links.distance,
        "length": np.array(length, float),
    }
