"""Randomised shortest paths between all cells of a whole raster at once, without windows.

The raster is one window that is eliminated again for every tile of sources: that is cheap beside the tile itself, and each
tile is scaled by its own least costs, so that nothing underflows. Memory grows with the tile, not with the square of the cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from .connectivity import LandscapeModel
from .distances import ExpectedCostDistance, SurvivalDistance
from .distances.abstract_walk import AbstractWalkDistance
from .grid import is_node
from .job import Report
from .journal import PassJournal, PassState
from .movement_flow import STEPS, MovementFlow, Weight, begun, pulled, survival_and_pull, walked, weigh
from .random_walk import walk_steps
from .solvers.randomised_paths import log_survival
from .window_shape import WindowShape

#: Sources of a tile lie within squares of this side.
_SQUARE = 16


@dataclass(frozen=True)
class WholeRaster:
    """A raster whose cells all reach each other by randomised shortest paths.

    Parameters
    ----------
    model : LandscapeModel
        With a distance of randomised shortest paths; pairs beyond its limit do not count.
    resistance, quality : array, shape (rows, columns)
        Inf resistance is no node; NaN quality is 0.
    movement_cost : array, shape (rows, columns), or None
        For distances that take one.
    tile : int
        Sources that are computed at once; changes nothing beyond rounding.
    """

    model: LandscapeModel
    resistance: NDArray[np.floating]
    quality: NDArray[np.floating]
    movement_cost: NDArray[np.floating] | None = None
    tile: int = 128

    def flow(self, report: Report, weight: Weight = "proximity", journal: PassJournal | None = None) -> MovementFlow:
        """Return the flow of movement between all pairs of cells; see `movement_flow`."""
        quality = self._habitat
        totals = np.zeros((len(STEPS) + 2, *quality.shape))
        *steps, starts, ends = [totals[number] for number in range(len(totals))]
        begin = begun(journal, totals, report)
        resistance, cost, latitude = self._rasters
        for number, (lanes, new, done) in enumerate(self._tiles(quality.ravel() > 0), start=1):
            if number <= begin:
                continue
            report.raise_if_cancelled()
            distance, chosen = self._distances(lanes), jnp.asarray(lanes)
            sources = jnp.asarray(np.where(new, quality.ravel()[lanes], 0))[None]
            weighed = weigh(self.model, distance, jnp.asarray(quality)[None], sources, self._window, chosen, weight)
            jax.block_until_ready(weighed)  # one elimination at a time, as `radius_plan` says
            del distance
            _, pull = survival_and_pull(self.model, resistance, cost, latitude, self._window, chosen)
            for total, values in zip(steps, walked(pulled(pull, weighed.movement), self.model)):
                total += np.asarray(values)[0]
            starts.ravel()[lanes] += np.asarray(weighed.starts)[0]
            ends += np.asarray(weighed.ends)[0]
            if journal is not None and journal.is_due():
                journal.commit(PassState(done, 0, number, [], totals))
            report.progress(done, "")
        return MovementFlow(dict(zip(STEPS, steps)), starts, ends)

    def distances(self, report: Report) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Yield flat numbers of source cells, and the distance from each to every cell, (rows, columns, sources).

        Inf where a cell cannot be reached within the limit, 0 from a source to itself. Every node is a source.
        """
        for lanes, new, done in self._tiles(np.isfinite(self.resistance).ravel()):
            report.raise_if_cancelled()
            yield lanes[new], np.asarray(self._distances(lanes))[0][..., new]
            report.progress(done, "")

    def _distances(self, lanes: NDArray[np.intp]) -> Float[Array, "1 height width chosen"]:
        resistance, cost, latitude = self._rasters
        return _distances(self.model, resistance, cost, latitude, self._window, jnp.asarray(lanes))

    @property
    def _window(self) -> WindowShape:
        rows, columns = self.resistance.shape
        return WindowShape(rows, columns, 0, 0)

    @property
    def _rasters(self) -> tuple[Array, Array | None, Array | None]:
        cost = None if self.movement_cost is None else jnp.asarray(np.nan_to_num(self.movement_cost), float)[None]
        sphere = self.model.neighbourhood.sphere
        latitude = None if sphere is None else jnp.asarray(sphere.latitudes(np.zeros(1, np.intp), len(self.resistance)))
        return jnp.asarray(self.resistance, float)[None], cost, latitude

    @property
    def _habitat(self) -> NDArray[np.float64]:
        return np.where(np.isfinite(self.resistance), np.nan_to_num(self.quality), 0).astype(float)

    def _tiles(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_], float]]:
        """Yield the cells of a tile, which of them were in no tile before, and the share of all that is done.

        All tiles are of one size: the last, and one that is too small, are filled up with cells that do not count.
        """
        rows, columns = np.divmod(np.arange(wanted.size), self.resistance.shape[1])
        # Squares in rows, to and fro, so that a tile does not jump from edge to edge.
        square = rows // _SQUARE, columns // _SQUARE
        across = np.where(square[0] % 2 == 0, square[1], -square[1])
        order = np.lexsort((columns, rows, across, square[0]))
        chosen = order[wanted[order]]
        size = min(self.tile, wanted.size)
        for first in range(0, len(chosen), size):
            lanes = chosen[first : first + size]
            new = np.arange(size) < len(lanes)
            if len(lanes) < size:
                taken = np.isin(order, lanes)
                lanes = np.concatenate([lanes, _nearest(order[~taken], lanes[0], rows, columns, size - len(lanes))])
            yield lanes, new, min(1.0, (first + size) / len(chosen))


def _nearest(
    cells: NDArray[np.intp], to: int, rows: NDArray[np.intp], columns: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    """Return the cells that lie nearest to one."""
    away = np.maximum(np.abs(rows[cells] - rows[to]), np.abs(columns[cells] - columns[to]))
    return cells[np.argsort(away, kind="stable")[:count]]


@eqx.filter_jit
def _distances(
    model: LandscapeModel,
    resistance: Float[Array, "1 height width"],
    movement_cost: Float[Array, "1 height width"] | None,
    latitude: Float[Array, "1 height"] | None,
    window: WindowShape,
    lanes: Int[Array, " chosen"],
) -> Float[Array, "1 height width chosen"]:
    """Return the distances from some cells, by the formulas of the distances' own classes."""
    distance: Any = model.distance
    if not isinstance(distance, AbstractWalkDistance):
        raise TypeError(f"{type(distance).__name__} is no distance of randomised shortest paths.")
    steps, edges = walk_steps(resistance, model.neighbourhood, distance.step_cost, movement_cost, latitude)
    expected = isinstance(distance, ExpectedCostDistance)
    theta = jnp.asarray(distance.theta, float)

    found, joined = log_survival(steps, edges, is_node(resistance), window, theta, by_theta=expected, lanes=lanes)
    found = -found if expected or isinstance(distance, SurvivalDistance) else -found / theta
    own = (jnp.arange(window.height * window.width)[:, None] == lanes).reshape(*resistance.shape[1:], -1)
    return jnp.where(joined & ((found <= model.limit * (1 + 1e-12)) | own), jnp.where(own, 0, found), jnp.inf)
