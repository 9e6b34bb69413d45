"""Maps that are computed row by row: kept on disk until they are whole, then written and shown."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .html_report import HtmlReport
from .job import Job
from .landscape_plan import LandscapePlan
from .map_output import write_stored_map
from .outputs import Outputs
from .raster_io import NODATA

#: A report is drawn from no more cells than these.
_DRAWN_CELLS = 4_000_000


class StoredMaps:
    """The bands of output rasters, as rows on disk.

    Parameters
    ----------
    outputs : Outputs
        Of the run, whose journal holds the rows.
    plan : LandscapePlan
        The grid, and what the inputs hold.
    bands : dict of dict
        Label of each band by a name of its own, by output; only outputs that are wanted.
    """

    def __init__(self, outputs: Outputs, plan: LandscapePlan, bands: dict[str, dict[str, str]]) -> None:
        self._grid, self._bands = plan.headers.grid, bands
        grid = self._grid
        needed = grid.cells * 4 * sum(len(names) for names in bands.values())
        self.journal = outputs.journal({"landscape": plan.survey.content}, needed)
        self._files = {
            (output, name): self.journal.rows(f"{output}.{name}", grid.rows, grid.columns)
            for output, names in bands.items()
            for name in names
        }

    def put(self, output: str, name: str, first: int, values: NDArray[np.float64], valid: NDArray[np.bool_]) -> None:
        """Store rows of a band, nodata where they are not valid; nothing if the band is not wanted."""
        file = self._files.get((output, name))
        if file is not None:
            file.write(first, np.where(valid, values, NODATA))

    def write(self, outputs: Outputs, job: Job) -> None:
        """Write the output rasters that the job asks for."""
        for output, names in self._bands.items():
            files = {label: self._files[output, name] for name, label in names.items()}
            write_stored_map(outputs, output, job, self._grid, files)

    def show(self, page: HtmlReport) -> None:
        """Add all maps to a report, drawn from every so many cells where there are very many."""
        step = max(1, math.ceil(math.sqrt(self._grid.cells / _DRAWN_CELLS)))
        for output, names in self._bands.items():
            for name, label in names.items():
                rows = self._files[output, name]
                drawn = np.concatenate([rows[row : row + 1][:, ::step] for row in range(0, self._grid.rows, step)])
                page.add_map(output, drawn, drawn != np.float32(NODATA), label, step=step)
