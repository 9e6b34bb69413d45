"""A landscape in memory, with the model that connects its cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .cells import ArrayCells, Cells
from .coarse_plan import CoarsePlan
from .connectivity import LandscapeModel
from .dispersal import load_kernel
from .distance_constants import distance_constant
from .distances import DISTANCES
from .grid import Neighbourhood
from .job import Job, Report
from .journal import Journal
from .landscape_headers import LandscapeHeaders, read_whole
from .landscape_plan import LandscapePlan
from .movement import Movement
from .proximity import Proximity
from .radius_effect import say_what_radius_changes
from .raster_cells import RasterCells
from .window_plan import WindowPlan, settled


@dataclass(frozen=True)
class Landscape:
    """What the array mathematics takes.

    Parameters
    ----------
    quality, movement : array, shape (rows, columns)
        Values as given, NaN where there are none.
    reading : Movement
        How the movement raster becomes resistance.
    model : LandscapeModel
    dtype : type
        Working precision of the windows.
    movement_cost : array, shape (rows, columns), or None
        Cost of each cell per map unit, for distances that take it.
    """

    quality: NDArray[np.float64]
    movement: NDArray[np.float64]
    reading: Movement
    model: LandscapeModel
    dtype: Any
    movement_cost: NDArray[np.float64] | None = None

    @property
    def resistance(self) -> NDArray[np.floating]:
        """Resistance of each cell in the working precision, inf where there is no node."""
        return self.reading.resistance(self.movement, np).astype(self.dtype)

    @property
    def node(self) -> NDArray[np.bool_]:
        """Which cells are nodes."""
        return np.isfinite(self.reading.resistance(self.movement, np))

    def by_movement(self, by_resistance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn a gradient with respect to resistance into one with respect to the movement raster as given."""
        return np.where(self.node, by_resistance, 0) * self.reading.derivative(self.movement, np)


def read_landscape(job: Job, plan: LandscapePlan, report: Report) -> Landscape:
    """Read the rasters of a job whole and build its model.

    Parameters
    ----------
    job : Job
        Checked.
    plan : LandscapePlan
        Its plan.
    report : Report
        May cancel.
    """
    headers = plan.headers
    landscape = Landscape(
        quality=read_whole(headers, "QUALITY", report),
        movement=read_whole(headers, "MOVEMENT", report),
        reading=headers.movement,
        model=landscape_model(job, headers),
        dtype=np.float64 if job.parameters["PRECISION"] == "double" else np.float32,
        movement_cost=read_whole(headers, "MOVEMENT_COST", report) if "MOVEMENT_COST" in headers.bands else None,
    )
    cells = ArrayCells(landscape.resistance, landscape.quality, landscape.movement_cost)
    _say_what_radius_changes(job, plan, landscape.model, cells, report)
    return landscape


@dataclass(frozen=True)
class OpenLandscape:
    """A landscape whose rasters stay on disk.

    Parameters
    ----------
    cells : RasterCells
        Its cells, strip by strip.
    reading : Movement
        How the movement raster becomes resistance.
    model : LandscapeModel
    windows : WindowPlan
        As the journal's earlier run has planned them, where there was one.
    coarse : CoarsePlan or None
        Where far cells are aggregated.
    """

    cells: RasterCells
    reading: Movement
    model: LandscapeModel
    windows: WindowPlan
    coarse: CoarsePlan | None = None


def open_landscape(job: Job, plan: LandscapePlan, journal: Journal, report: Report) -> OpenLandscape:
    """Return the landscape of a job, to be read as the windows go over it.

    Parameters
    ----------
    job : Job
        Checked.
    plan : LandscapePlan
        Its plan.
    journal : Journal
        Holds the blocks and batches of an earlier run: only the same ones give the same bits.
    report : Report
        May cancel.
    """
    headers = plan.headers
    dtype = np.float64 if job.parameters["PRECISION"] == "double" else np.float32
    cells = RasterCells(headers, plan.survey, dtype)
    model = landscape_model(job, headers)
    if not journal.holds_work:
        _say_what_radius_changes(job, plan, model, cells, report)
    windows, coarse = settled(plan.windows, journal, job.memory_limit), plan.coarse
    if coarse is not None:
        near = settled(coarse.near, journal, job.memory_limit, "plan near")
        far = settled(coarse.far, journal, job.memory_limit, "plan far")
        coarse = replace(coarse, near=near, far=far)
    return OpenLandscape(cells, headers.movement, model, windows, coarse)


def _say_what_radius_changes(
    job: Job, plan: LandscapePlan, model: LandscapeModel, cells: Cells, report: Report
) -> None:
    if distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS") == "radius":
        say_what_radius_changes(model, plan.windows, cells, job.memory_limit, report)


def landscape_model(job: Job, headers: LandscapeHeaders) -> LandscapeModel:
    """Return the model that a job's parameters describe."""
    values, dispersal = job.parameters, headers.dispersal
    return LandscapeModel(
        distance=DISTANCES[values["DISTANCE"]].from_parameters(values),
        proximity=Proximity(load_kernel(dispersal.kernel), jnp.asarray(dispersal.scale, dtype=float)),
        neighbourhood=Neighbourhood(
            cell_width=headers.cell_size[0],
            cell_height=headers.cell_size[1],
            # Which of them it is, Neighbourhood checks.
            neighbours=cast(Literal[4, 8], int(values["NEIGHBOURS"])),
            edge_rule=values["EDGE_RULE"],
            corners=values["CORNERS"],
            sphere=headers.sphere,
            around=headers.around,
        ),
        limit=dispersal.reach,
    )
