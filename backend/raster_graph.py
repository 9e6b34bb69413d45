"""The movement raster of corridors and paths as a graph in memory."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from .corridor_checks import CorridorHeaders
from .geographic import narrowest_cell
from .job import Job, Report
from .neighbourhood import Neighbourhood
from .raster_grid import strips


def read_raster_graph(job: Job, headers: CorridorHeaders, report: Report) -> tuple[NDArray[np.float64], Neighbourhood]:
    """Return the resistance of all cells, inf where there is no node, and how they are joined."""
    grid, given, sphere = headers.grid, job.parameters, headers.sphere
    resistance = np.empty((grid.rows, grid.columns))
    for first, rows in strips(grid):
        report.raise_if_cancelled()
        resistance[first : first + rows] = headers.movement.resistance(headers.read(first, rows), np)
    width, height = narrowest_cell(sphere, grid.rows) if sphere else (grid.cell_width, grid.cell_height)
    return resistance, Neighbourhood(
        cell_width=width,
        cell_height=height,
        # Which of them it is, Neighbourhood checks.
        neighbours=cast(Literal[4, 8], int(given["NEIGHBOURS"])),
        edge_rule=given["EDGE_RULE"],
        corners=given["CORNERS"],
        sphere=sphere,
    )
