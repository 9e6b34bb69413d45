"""Sites between which current flows: the features of a vector layer on the cells of a raster; light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from osgeo import ogr

from .errors import InputError
from .job import Job, Report
from .landscape_headers import LandscapeHeaders, read_whole
from .parcels import burn, polygon_layer
from .raster_grid import Grid
from .vector_io import VectorLayer
from .wording import counted

MOST_SITES = 200


@dataclass(frozen=True)
class Sites:
    """Sites.

    Parameters
    ----------
    cells : list of int array
        Flat numbers of the cells of each site that are nodes; current enters a site through all of them in equal parts.
    fid : list of int
        Their features.
    """

    cells: list[NDArray[np.intp]]
    fid: list[int]


def site_layer(job: Job, grid: Grid) -> VectorLayer:
    """Open the layer of sites.

    Raises
    ------
    InputError
        When it is missing or cannot be used.
    """
    if not job.parameters["SITES"]:
        raise InputError(
            "SITES", "This TARGET is between chosen sites, and there are none.", "Give a layer of points or polygons."
        )
    return polygon_layer(job.parameters["SITES"], grid, "SITES", ("point", "polygon"))


def read_sites(job: Job, headers: LandscapeHeaders, report: Report) -> Sites:
    """Read the sites of a job.

    Raises
    ------
    InputError
        When fewer than two lie on cells that can be crossed, or there are too many.
    """
    layer = site_layer(job, headers.grid)
    table = layer.read([], geometry=True)
    movement = read_whole(headers, "MOVEMENT", report)
    node = np.isfinite(headers.movement.resistance(movement, np)).ravel()
    cells, fid = [], []
    for number, shape in zip(table.fid, table.geometry or []):
        if shape is None:
            continue
        geometry = ogr.CreateGeometryFromWkb(shape)
        here = np.flatnonzero((burn([(geometry, 1)], headers.grid) == 1).ravel() & node)
        if len(here):
            cells.append(here)
            fid.append(int(number))
        if len(cells) > MOST_SITES:
            raise InputError("SITES", f"There are more than {MOST_SITES} sites.", "Choose fewer.")
    if len(cells) < len(table.fid):
        report.warning(
            f"SITES: {counted(len(table.fid) - len(cells), 'feature lies', 'features lie')} on no cell that can be crossed: left out."
        )
    if len(cells) < 2:
        raise InputError(
            "SITES",
            f"{counted(len(cells), 'of its features lies', 'of its features lie')} on cells that can be crossed.",
            "Give two sites or more.",
        )
    return Sites(cells, fid)
