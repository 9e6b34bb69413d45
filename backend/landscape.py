"""A landscape in memory, with the model that connects its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .connectivity import LandscapeModel
from .dispersal import load_kernel
from .distances import DISTANCES
from .grid import Neighbourhood
from .job import Job, Report
from .landscape_checks import LandscapeHeaders, distance_constant, read_whole
from .landscape_plan import LandscapePlan
from .movement import Movement
from .proximity import Proximity
from .radius_effect import say_what_radius_changes


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
        node = self.node
        values = jnp.where(node, self.movement, 1)
        _, pull = jax.vjp(lambda x: self.reading.resistance(x, jnp), values)
        (by_movement,) = pull(jnp.where(node, by_resistance, 0))
        return np.where(node, np.asarray(by_movement), 0)


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
    if distance_constant(job.parameters["DISTANCE"], "HALO_FOLLOWS") == "radius":
        say_what_radius_changes(
            landscape.model,
            plan.windows,
            landscape.resistance,
            landscape.quality,
            landscape.movement_cost,
            job.memory_limit,
            report,
        )
    return landscape


def landscape_model(job: Job, headers: LandscapeHeaders) -> LandscapeModel:
    """Return the model that a job's parameters describe."""
    values, dispersal = job.parameters, headers.dispersal
    return LandscapeModel(
        distance=DISTANCES[values["DISTANCE"]].from_parameters(values),
        proximity=Proximity(load_kernel(dispersal.kernel), jnp.asarray(dispersal.scale, dtype=float)),
        neighbourhood=Neighbourhood(
            cell_width=headers.grid.cell_width,
            cell_height=headers.grid.cell_height,
            # Which of them it is, Neighbourhood checks.
            neighbours=cast(Literal[4, 8], int(values["NEIGHBOURS"])),
            edge_rule=values["EDGE_RULE"],
            corners=values["CORNERS"],
        ),
        limit=dispersal.reach,
    )
