"""Connectivity by least cost and its gradient on the CPU: compiled passes over windows that store nothing per pair.

The same numbers as `landscape_model`'s differentiable functions give, to rounding.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from .distances import LeastCostDistance
from .grid import EdgeCosts, Neighbourhood, edge_cost_slopes, edge_costs
from .solvers import window_connectivity, window_connectivity_gradient
from .solvers.shortest_paths import tie_tolerance
from .solvers.threads import in_parts
from .window_pass import Found
from .window_shape import WindowShape
from .windows import Batch, Windows

if TYPE_CHECKING:
    from .landscape_model import LandscapeModel

#: Rows and columns of sources that a window's kernels take at once: they lie together, or they would reach more cells.
_GROUP = 4

#: Resistance, quality, movement cost and latitude of windows: arrays (windows, height, width), the last (windows, height).
Cut = tuple[Any, Any, Any, Any]


@dataclass(frozen=True)
class _Ground:
    """What windows are made of: a raster that they lie in, with its edge costs and their slopes."""

    quality: NDArray[np.floating]
    node: NDArray[np.bool_]
    costs: tuple[NDArray[np.float64], ...]
    slopes: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class _Places:
    """First row and column of windows of one shape."""

    tops: NDArray[np.intp]
    lefts: NDArray[np.intp]
    window: WindowShape


class LeastCostPass:
    """Compute batches of windows of one landscape, or windows that are cut already.

    Parameters
    ----------
    model : LandscapeModel
        One that `serves` accepts.
    slopes : bool
        Whether gradients will be asked for.
    """

    def __init__(self, model: LandscapeModel, *, slopes: bool) -> None:
        self._model, self._with_slopes = model, slopes
        self._lock = threading.Lock()
        self._windows: Windows | None = None
        self._ground: _Ground | None = None

    @staticmethod
    def serves(model: LandscapeModel) -> bool:
        """Return whether the landscape's distance is least cost and it is computed on the CPU."""
        return type(model.distance) is LeastCostDistance and jax.default_backend() == "cpu"

    def sums(self, batch: Batch, *, lengths: bool) -> list[NDArray[np.float64]]:
        """Return the sum of k q_j for every source of a batch, and with `lengths` those of q_j and d q_j.

        Returns
        -------
        list of array, shape (windows, lanes)
        """
        places = _Places(batch.tops, batch.lefts, batch.window)
        return list(self._sums(self._prepared(batch.windows), places, 3 if lengths else 1))

    def gradient(self, batch: Batch) -> Found:
        """Return the derivatives by resistance and quality, of the windows' cells; C and its derivative by the scale."""
        places = _Places(batch.tops, batch.lefts, batch.window)
        by_resistance, by_quality, numbers = self._gradient(self._prepared(batch.windows), places)
        return Found(of_cells=(by_resistance, by_quality), numbers=tuple(numbers.T))

    def connectivity_of(self, cut: Cut, count: int, window: WindowShape) -> NDArray[np.float64]:
        """Return what the sources of each of the first `count` windows add to C, without self terms.

        Parameters
        ----------
        cut : (resistance, quality, movement cost, latitude)
            Of windows, arrays of shape (windows, height, width) and (windows, height); the third is ignored.
        """
        (accessible,) = self._sums(*self._beneath_each_other(cut, count, window), 1)
        sources = window.block(cut[1][:count]).reshape(count, window.lanes)
        return (sources.astype(float) * accessible).sum(axis=1)

    def gradient_of(
        self, cut: Cut, count: int, window: WindowShape
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return `connectivity_of` windows, and the derivatives of their sum by their cells' resistance and quality."""
        by_resistance, by_quality, numbers = self._gradient(*self._beneath_each_other(cut, count, window))
        return numbers[:, 0], by_resistance, by_quality

    def _sums(self, ground: _Ground, places: _Places, several: int) -> NDArray[np.float64]:
        """Return sums of shape (several, windows, lanes)."""
        of_window = self._of_window(places.window, ground.quality.dtype)
        lanes = of_window["groups"]
        out = np.zeros((several, len(places.tops), *lanes.shape[:2]))
        self._run(
            functools.partial(
                window_connectivity.sums_of_windows,
                ground.costs,
                ground.node,
                ground.quality,
                places.tops,
                places.lefts,
                *of_window.values(),
                () if several > 1 else None,
                ((),) * lanes.shape[1],
                out,
            ),
            len(places.tops),
        )
        return _by_lane(out, lanes, places.window)

    def _gradient(
        self, ground: _Ground, places: _Places
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return derivatives by resistance and quality, (windows, height, width); C and that by the scale, (windows, 2)."""
        of_window = self._of_window(places.window, ground.quality.dtype)
        shape = (len(places.tops), places.window.height, places.window.width)
        by_resistance, by_quality, numbers = np.empty(shape), np.zeros(shape), np.zeros((shape[0], 2))
        self._run(
            functools.partial(
                window_connectivity_gradient.gradients_of_windows,
                ground.costs,
                ground.slopes,
                ground.node,
                ground.quality,
                places.tops,
                places.lefts,
                *of_window.values(),
                1 + tie_tolerance(np.float64),
                ((),) * of_window["groups"].shape[1],
                by_resistance,
                by_quality,
                numbers,
            ),
            shape[0],
        )
        return by_resistance, by_quality, numbers

    def _run(self, kernel: Any, windows: int) -> None:
        failed = in_parts(kernel, windows)
        if failed >= 0:
            raise RuntimeError(f"The shortest paths of window {failed} do not settle: edge costs must be > 0.")

    def _prepared(self, windows: Windows) -> _Ground:
        """Return what the windows of a band are made of, made once."""
        with self._lock:
            if self._ground is None or self._windows is not windows:
                self._ground = None
                latitude = windows.latitude(self._model.neighbourhood)
                self._ground, self._windows = self._made(windows.resistance, windows.quality, latitude), windows
            return self._ground

    def _made(
        self,
        resistance: NDArray[np.floating],
        quality: NDArray[np.floating],
        latitude: NDArray[np.float64] | None,
    ) -> _Ground:
        found = _edges(resistance.astype(np.float64), latitude, self._model.neighbourhood, self._with_slopes)
        costs, slopes = (tuple(np.asarray(each) for each in part) for part in found)
        return _Ground(quality, np.isfinite(resistance), costs, slopes)

    def _beneath_each_other(self, cut: Cut, count: int, window: WindowShape) -> tuple[_Ground, _Places]:
        """Return windows as one raster, whose edges from one to the next no window takes."""
        resistance, quality, _, latitude = cut
        resistance, quality = (each.reshape(-1, window.width) for each in (resistance, quality))
        places = _Places(np.arange(count) * window.height, np.zeros(count, np.intp), window)
        return self._made(resistance, quality, None if latitude is None else latitude.ravel()), places

    def _of_window(self, window: WindowShape, precision: np.dtype) -> dict[str, Any]:
        """Return what the kernels are told of windows and of what counts in them, in their order."""
        around = self._model.neighbourhood.around
        limit = float(self._model.limit) * (1 + tie_tolerance(precision))
        return {
            "size": (window.height, window.width),
            "groups": lane_groups(window),
            "outside": _outside(window) if window.own_windows else None,
            "around": around if 0 < around < window.width else None,
            "kernel": self._model.proximity.kernel,
            "scale": precision.type(self._model.proximity.scale),
            # No subnormal number.
            "beyond": max(np.nextafter(limit, np.inf), np.finfo(np.float64).tiny),
        }


@functools.partial(jax.jit, static_argnums=(2, 3))
def _edges(
    resistance: Float[Array, "height width"],
    latitude: Float[Array, " height"] | None,
    neighbourhood: Neighbourhood,
    slopes: bool,
) -> tuple[EdgeCosts, tuple[Float[Array, "height width"], ...]]:
    """Return the edge costs, and their slopes by the first and by the other end."""
    costs = edge_costs(resistance, neighbourhood, latitude)
    if not slopes:
        return costs, ()
    first, other = edge_cost_slopes(resistance, neighbourhood, latitude)
    return costs, (*first, *other)


@functools.lru_cache(maxsize=8)
def lane_groups(window: WindowShape) -> NDArray[np.int64]:
    """Return row and column in the window of each source, by groups of neighbours; -1 where a group has none.

    Returns
    -------
    array, shape (groups, lanes, 2)
        With 1, 4 or 16 lanes in each group.
    """
    side = min(_GROUP, 1 << (max(window.block_rows, window.block_columns) - 1).bit_length())
    groups = []
    for top in range(0, window.block_rows, side):
        for left in range(0, window.block_columns, side):
            rows, columns = (each.ravel() for each in np.mgrid[top : top + side, left : left + side])
            inside = (rows < window.block_rows) & (columns < window.block_columns)
            places = np.stack([window.halo_rows + rows, window.halo_columns + columns], 1)
            groups.append(np.where(inside[:, None], places, -1))
    return np.array(groups, np.int64)


def _by_lane(values: NDArray[np.float64], groups: NDArray[np.int64], window: WindowShape) -> NDArray[np.float64]:
    """Return values (sums, windows, groups, lanes of groups) as (sums, windows, lanes)."""
    row, column = groups[..., 0] - window.halo_rows, groups[..., 1] - window.halo_columns
    inside = groups[..., 0] >= 0
    found = np.zeros((*values.shape[:2], window.lanes))
    found[..., (row * window.block_columns + column)[inside]] = values[..., inside]
    return found


@functools.lru_cache(maxsize=2)
def _outside(window: WindowShape) -> NDArray[np.float64]:
    """Return inf where a framed cell is not in a lane's own window, else 0; flat for each group."""
    groups = lane_groups(window)
    rows, columns = np.arange(-1, window.height + 1), np.arange(-1, window.width + 1)
    far_row = np.abs(rows[:, None] - groups[:, None, :, 0]) > window.halo_rows
    far_column = np.abs(columns[:, None] - groups[:, None, :, 1]) > window.halo_columns
    outside = far_row[:, :, None] | far_column[:, None]
    return np.where(outside, np.inf, 0.0).reshape(len(groups), -1)
