r"""Landscape connectivity :math:`C = \sum_i q_i \sum_{j \ne i} k(d_{ij}) q_j` over every cell as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from .distances import AbstractDistance
from .grid import Neighbourhood
from .job import Report
from .proximity import Proximity
from .window_plan import WindowPlan
from .window_shape import WindowShape
from .windows import Batch, Windows


class LandscapeModel(eqx.Module):
    """What connects two cells: a distance on a graph, and the proximity that it stands for.

    Parameters
    ----------
    distance : AbstractDistance
        Distance from the sources of a block to the cells of its window, map units.
    proximity : Proximity
        Proximity of a distance.
    neighbourhood : Neighbourhood
        How cells are joined.
    limit : float
        Largest distance that counts, map units.
    """

    distance: AbstractDistance
    proximity: Proximity
    neighbourhood: Neighbourhood = eqx.field(static=True)
    limit: float = eqx.field(static=True)

    def distances(
        self,
        resistance: Float[Array, "windows height width"],
        window: WindowShape,
        movement_cost: Float[Array, "windows height width"] | None = None,
    ) -> Float[Array, "windows height width lanes"]:
        """Return distances to every other cell; inf to the source itself, to what is out of reach or no node."""
        costs = () if movement_cost is None else (movement_cost,)
        found = self.distance(resistance, self.neighbourhood, window, self.limit, *costs)
        return jnp.where(_source_cells(window), jnp.inf, found)


def _source_cells(window: WindowShape) -> NDArray[np.bool_]:
    mask = np.zeros((window.height, window.width, window.lanes), bool)
    for lane in range(window.lanes):
        mask[(*window.source_cell(lane), lane)] = True
    return mask


def _sum_over_cells(values: Float[Array, "windows height width lanes"]) -> Float[Array, "windows lanes"]:
    """Sum over a window: along rows in the working precision, over rows in float64."""
    return values.sum(axis=2).astype(float).sum(axis=1)


def _sources(quality: Float[Array, "windows height width"], window: WindowShape) -> Float[Array, "windows lanes"]:
    rows = slice(window.halo_rows, window.halo_rows + window.block_rows)
    columns = slice(window.halo_columns, window.halo_columns + window.block_columns)
    return quality[:, rows, columns].reshape(len(quality), window.lanes)


@eqx.filter_jit
def _reach(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    window: WindowShape,
    lengths: bool,
) -> tuple[Float[Array, "windows lanes"], ...]:
    """Return, per source: sum of k q_j, and with `lengths` those of q_j and d q_j, over the pairs that count."""
    distance = model.distances(resistance, window, movement_cost)
    counts = jnp.isfinite(distance)
    targets = quality[..., None]
    accessible = _sum_over_cells(model.proximity(distance) * targets)
    if not lengths:
        return (accessible,)
    weight = _sum_over_cells(jnp.where(counts, targets, 0))
    length = _sum_over_cells(jnp.where(counts, distance, 0) * targets)
    return accessible, weight, length


def window_connectivity(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
    movement_cost: Float[Array, "windows height width"] | None = None,
) -> Float[Array, ""]:
    """Return the part of C that the sources of these windows add, without self terms.

    Differentiable with respect to `resistance`, `quality` and the model's arrays.

    Parameters
    ----------
    model : LandscapeModel
    resistance : (windows, height, width)
        Inf where there is no node.
    quality : (windows, height, width)
        >= 0, 0 where there is no node.
    window : WindowShape
        Block and halo.
    movement_cost : (windows, height, width), optional
        For distances that take one; C can be differentiated with respect to it as well.
    """
    distance = model.distances(resistance, window, movement_cost)
    return _connectivity_of_distances(model.proximity, distance, quality, window)


def _connectivity_of_distances(
    proximity: Proximity,
    distance: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
) -> Float[Array, ""]:
    accessible = _sum_over_cells(proximity(distance) * quality[..., None])
    return (_sources(quality, window).astype(float) * accessible).sum()


def _gradient(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    window: WindowShape,
) -> tuple[Float[Array, ""], tuple[Float[Array, ...], ...]]:
    """Return `window_connectivity` and its gradient with respect to resistance, quality and scale.

    In three compiled stages: as one, XLA fuses the sums into loops that take three times as long.
    """
    distance, pull = _distances_and_pullback(model, resistance, movement_cost, window)
    total, (by_distance, by_quality, by_scale) = _weighted(model.proximity, distance, quality, window)
    return total, (_pulled(pull, by_distance), by_quality, by_scale)


@eqx.filter_jit
def _distances_and_pullback(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    window: WindowShape,
) -> tuple[Float[Array, "windows height width lanes"], Callable[[Array], tuple[Array]]]:
    return jax.vjp(lambda resistance: model.distances(resistance, window, movement_cost), resistance)


@eqx.filter_jit
def _pulled(pull: Callable[[Array], tuple[Array]], cotangent: Array) -> Array:
    return pull(cotangent)[0]


@eqx.filter_jit
def _weighted(
    proximity: Proximity,
    distance: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
) -> tuple[Float[Array, ""], tuple[Array, Array, Array]]:
    def connectivity(distance: Array, quality: Array, scale: Array) -> Array:
        scaled = eqx.tree_at(lambda p: p.scale, proximity, scale)
        return _connectivity_of_distances(scaled, distance, quality, window)

    return jax.value_and_grad(connectivity, argnums=(0, 1, 2))(distance, quality, proximity.scale)


@dataclass(frozen=True)
class Connectivity:
    """Connectivity of a landscape, without self terms.

    Parameters
    ----------
    accessible : array, shape (rows, columns)
        Sum over j of k_ij q_j for every node i, 0 elsewhere.
    functional : array, shape (rows, columns)
        q_i times `accessible`; sums to `total`.
    total : float
        C.
    self_total : float
        Sum of q_i^2: what the pairs i = j add.
    mean_distance : float
        Mean distance over the pairs that count, weighted by q_i q_j, map units; NaN when there are none or it was not
        asked for.
    """

    accessible: NDArray[np.float64]
    functional: NDArray[np.float64]
    total: float
    self_total: float
    mean_distance: float


@dataclass(frozen=True)
class ConnectivityGradient:
    """Exact gradient of C (without self terms).

    Parameters
    ----------
    total : float
        C.
    resistance, quality : array, shape (rows, columns)
        dC / dr and dC / dq of every cell, 0 where there is no node.
    scale : float
        dC / d d0 for the pairs that count now.
    """

    total: float
    resistance: NDArray[np.float64]
    quality: NDArray[np.float64]
    scale: float


def connectivity(
    model: LandscapeModel,
    plan: WindowPlan,
    resistance: NDArray[np.floating],
    quality: NDArray[np.floating],
    report: Report,
    *,
    mean_distance: bool = True,
    movement_cost: NDArray[np.floating] | None = None,
) -> Connectivity:
    """Compute the connectivity of a raster, every node a source.

    Parameters
    ----------
    model : LandscapeModel
    plan : WindowPlan
        Does not change the result beyond rounding.
    resistance, quality : array, shape (rows, columns)
        Inf resistance is no node; NaN quality is 0.
    report : Report
        Hears of the progress; may cancel between batches.
    mean_distance : bool
        Whether to compute it; a pass without it is quicker.
    movement_cost : array, shape (rows, columns), optional
        For distances that take one.

    Returns
    -------
    Connectivity
    """
    windows = Windows(plan, resistance, quality, movement_cost=movement_cost)
    shape = plan.window
    accessible, weight, length = (np.zeros(windows.padded_shape) for _ in range(3))
    for batch, found in _computed(partial(_reach, lengths=mean_distance), model, windows, report):
        for total, values in zip((accessible, weight, length), found):
            blocks = np.asarray(values).reshape(-1, shape.block_rows, shape.block_columns)
            windows.put_blocks(total, batch, blocks)
    q = np.where(np.isfinite(resistance) & ~np.isnan(quality), quality, 0).astype(float)
    accessible, weight, length = (windows.unpad(a) for a in (accessible, weight, length))
    pairs = float((q * weight).sum())
    return Connectivity(
        accessible=accessible,
        functional=q * accessible,
        total=float((q * accessible).sum()),
        self_total=float((q * q).sum()),
        mean_distance=float((q * length).sum()) / pairs if pairs > 0 else float("nan"),
    )


def connectivity_gradient(
    model: LandscapeModel,
    plan: WindowPlan,
    resistance: NDArray[np.floating],
    quality: NDArray[np.floating],
    report: Report,
    *,
    habitat_only: bool = False,
    movement_cost: NDArray[np.floating] | None = None,
) -> ConnectivityGradient:
    """Compute the gradient of C with respect to resistance, quality and the proximity's scale.

    Parameters are those of `connectivity`. With `habitat_only`, blocks of sources of quality 0 are left out: C and its
    derivatives with respect to resistance and scale are the same, that with respect to quality is not complete.

    Returns
    -------
    ConnectivityGradient
    """
    windows = Windows(plan, resistance, quality, habitat_only=habitat_only, movement_cost=movement_cost)
    by_resistance, by_quality = np.zeros(windows.padded_shape), np.zeros(windows.padded_shape)
    total = scale = 0.0
    for batch, (value, (of_resistance, of_quality, of_scale)) in _computed(_gradient, model, windows, report):
        total += float(value)
        scale += float(of_scale)
        windows.add_windows(by_resistance, batch, np.asarray(of_resistance))
        windows.add_windows(by_quality, batch, np.asarray(of_quality))
    node = np.isfinite(resistance)
    return ConnectivityGradient(
        total=total,
        resistance=np.where(node, windows.unpad(by_resistance), 0),
        quality=np.where(node, windows.unpad(by_quality), 0),
        scale=scale,
    )


def _computed(
    function: object, model: LandscapeModel, windows: Windows, report: Report
) -> Iterator[tuple[Batch, tuple]]:
    """Run `function` over all batches, the next one under way while the last is taken in."""
    waiting: tuple[Batch, tuple] | None = None
    for batch in windows.batches():
        report.raise_if_cancelled()
        found = function(model, batch.resistance, batch.quality, batch.movement_cost, windows.plan.window)  # type: ignore[operator]
        if waiting is not None:
            yield waiting
            report.progress(waiting[0].done, "")
        waiting = (batch, found)
    if waiting is not None:
        yield waiting
        report.progress(1.0, "")
