"""Maps on the grid of the inputs, with their unit, nodata and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .declarations import RasterOutput
from .job import Job
from .outputs import Outputs
from .raster_grid import Grid
from .raster_io import NODATA, Rows, write_raster

_NODATA = {"float32": NODATA, "int32": 0, "uint8": 255}


def write_map(
    outputs: Outputs,
    name: str,
    job: Job,
    grid: Grid,
    bands: dict[str, NDArray[Any]],
    valid: NDArray[np.bool_],
) -> None:
    """Write an output raster, if the job asks for it.

    Parameters
    ----------
    outputs : Outputs
        Where it goes.
    name : str
        Name of the declared output.
    job : Job
        Provenance.
    grid : Grid
        Its cells.
    bands : dict
        Values by description; floats are written as float32, other types as int32 (nodata 0) or uint8 (nodata 255).
    valid : array of bool, shape (rows, columns)
        False cells become nodata.
    """
    if not outputs.wants(name):
        return
    arrays = []
    for values in bands.values():
        kind = values.dtype.name if values.dtype.name in ("int32", "uint8") else "float32"
        arrays.append(np.where(valid, values, _NODATA[kind]).astype(kind))
    write_stored_map(outputs, name, job, grid, dict(zip(bands, arrays)))


def write_stored_map(outputs: Outputs, name: str, job: Job, grid: Grid, bands: Mapping[str, Rows]) -> None:
    """Write an output raster, if the job asks for it, from bands that hold nodata already, all of one type."""
    if not outputs.wants(name):
        return
    declared = next(o for o in job.declaration.outputs if o.name == name)
    unit = declared.unit if isinstance(declared, RasterOutput) else ""
    nodata = _NODATA[next(iter(bands.values())).dtype.name]
    outputs.write(
        name,
        lambda path: write_raster(
            path,
            list(bands.values()),
            grid,
            nodata=nodata,
            descriptions=list(bands),
            unit=unit,
            metadata=job.provenance(),
            parameter=name,
        ),
    )
