r"""Landscape connectivity :math:`C = \sum_i q_i \sum_{j \ne i} k(d_{ij}) q_j` over every cell as a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from .cells import ArrayCells, Cells, Strip
from .distances import AbstractDistance
from .globe import nearest_around
from .grid import Neighbourhood
from .job import Report
from .journal import PassJournal
from .proximity import Proximity
from .window_pass import Finished, Found, WindowPass
from .window_plan import WindowPlan
from .window_shape import WindowShape
from .windows import Batch


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
    limit : scalar array
        Largest distance that counts, map units. Which pairs count is held in derivatives: that by the limit is 0.
    """

    distance: AbstractDistance
    proximity: Proximity
    neighbourhood: Neighbourhood = eqx.field(static=True)
    # An array, so that another reach is not another program to compile.
    limit: Float[Array, ""] = eqx.field(converter=lambda limit: jnp.asarray(limit, float))

    def distances(
        self,
        resistance: Float[Array, "windows height width"],
        window: WindowShape,
        movement_cost: Float[Array, "windows height width"] | None = None,
        latitude: Float[Array, "windows height"] | None = None,
    ) -> Float[Array, "windows height width lanes"]:
        """Return distances to every other cell; inf to the source itself, to what is out of reach or no node.

        Where the neighbourhood closes around the globe and a window is wider than that, the nearest of a cell's places in it counts.
        """
        limit = jax.lax.stop_gradient(self.limit)
        found = self.distance(resistance, self.neighbourhood, window, limit, movement_cost, latitude)
        found = jnp.where(_source_cells(window, self.neighbourhood.around), jnp.inf, found)
        return nearest_around(found, self.neighbourhood.around)


def _source_cells(window: WindowShape, around: int) -> NDArray[np.bool_]:
    """Return where each lane's source lies, at all its places around the globe."""
    mask = np.zeros((window.height, window.width, window.lanes), bool)
    for lane in range(window.lanes):
        row, column = window.source_cell(lane)
        places = np.arange(column % around, window.width, around) if around else column
        mask[row, places, lane] = True
    return mask


def _sum_over_cells(values: Float[Array, "windows height width lanes"]) -> Float[Array, "windows lanes"]:
    """Sum over a window: along rows in the working precision, over rows in float64."""
    return values.sum(axis=2).astype(float).sum(axis=1)


def _sources(quality: Float[Array, "windows height width"], window: WindowShape) -> Float[Array, "windows lanes"]:
    return window.block(quality).reshape(len(quality), window.lanes)


@eqx.filter_jit
def _reach(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
    lengths: bool,
) -> tuple[Float[Array, "windows lanes"], ...]:
    """Return, per source: sum of k q_j, and with `lengths` those of q_j and d q_j, over the pairs that count."""
    distance = model.distances(resistance, window, movement_cost, latitude)
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
    latitude: Float[Array, "windows height"] | None = None,
) -> Float[Array, ""]:
    """Return the part of C that the sources of these windows add, without self terms.

    Differentiable with respect to `resistance`, `quality`, `movement_cost` and the model's arrays, forwards and backwards.

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
        For distances that take one.
    latitude : (windows, height), optional
        Of the centres of the rows, radians, where the neighbourhood has a sphere.
    """
    distance = model.distances(resistance, window, movement_cost, latitude)
    return _connectivity_of_distances(model.proximity, distance, quality, window)


def source_connectivity(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
    movement_cost: Float[Array, "windows height width"] | None = None,
    latitude: Float[Array, "windows height"] | None = None,
) -> Float[Array, "windows lanes"]:
    """Return what each source adds to C, without self terms: see `window_connectivity`."""
    distance = model.distances(resistance, window, movement_cost, latitude)
    return _of_sources(model.proximity, distance, quality, window)


def _connectivity_of_distances(
    proximity: Proximity,
    distance: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
) -> Float[Array, ""]:
    return _of_sources(proximity, distance, quality, window).sum()


def _of_sources(
    proximity: Proximity,
    distance: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
) -> Float[Array, "windows lanes"]:
    """Return what each source adds to C."""
    accessible = _sum_over_cells(proximity(distance) * quality[..., None])
    return _sources(quality, window).astype(float) * accessible


class _WindowGradient(NamedTuple):
    """Of the part of C that the sources of windows add: by rasters, scale, and the numbers of the distance, such as theta."""

    resistance: Float[Array, "windows height width"]
    quality: Float[Array, "windows height width"]
    movement_cost: Float[Array, "windows height width"] | None
    scale: Float[Array, ""]
    of_distance: list[Float[Array, ""]]


def _gradient(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
) -> tuple[Float[Array, ""], _WindowGradient]:
    """Return `window_connectivity` and its gradient.

    In three compiled stages: as one, XLA fuses the sums into loops that take three times as long.
    """
    numbers = jax.tree.leaves(eqx.filter(model.distance, eqx.is_inexact_array))
    further = bool(numbers) or movement_cost is not None
    prepared = _distances_and_whole_pullback if further else _distances_and_pullback
    distance, pull = prepared(model, resistance, movement_cost, latitude, window)
    total, (by_distance, by_quality, by_scale) = _weighted(model.proximity, distance, quality, window)
    if not further:
        return total, _WindowGradient(_pulled(pull, by_distance), by_quality, None, by_scale, [])
    by_resistance, by_cost, of_distance = _all_pulled(pull, by_distance)
    return total, _WindowGradient(by_resistance, by_quality, by_cost, by_scale, of_distance)


@eqx.filter_jit
def _distances_and_pullback(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
) -> tuple[Float[Array, "windows height width lanes"], Callable[[Array], tuple[Array]]]:
    return jax.vjp(lambda resistance: model.distances(resistance, window, movement_cost, latitude), resistance)


@eqx.filter_jit
def _pulled(pull: Callable[[Array], tuple[Array]], cotangent: Array) -> Array:
    return pull(cotangent)[0]


@eqx.filter_jit
def _distances_and_whole_pullback(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
) -> tuple[Float[Array, "windows height width lanes"], Callable[[Array], tuple[Any, ...]]]:
    """Return distances, and their pullback to resistance, movement cost and the numbers of the distance."""
    numbers, fixed = eqx.partition(model.distance, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(numbers)

    def distances(resistance: Array, movement_cost: Array | None, leaves: list[Array]) -> Array:
        distance = eqx.combine(jax.tree.unflatten(tree, leaves), fixed)
        whole = eqx.tree_at(lambda m: m.distance, model, distance)
        return whole.distances(resistance, window, movement_cost, latitude)

    return jax.vjp(distances, resistance, movement_cost, leaves)


@eqx.filter_jit
def _all_pulled(pull: Callable[[Array], tuple[Any, ...]], cotangent: Array) -> tuple[Any, ...]:
    return pull(cotangent)


def _weighted(
    proximity: Proximity,
    distance: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
) -> tuple[Float[Array, ""], tuple[Array, Array, Array]]:
    """Return what the sources of windows add to C, and its derivatives with respect to distances, quality and scale."""
    return _weighted_sums(proximity, distance, _proximities(proximity, distance), quality, window)


# By itself, or XLA computes it anew for everything that is made of it.
@eqx.filter_jit
def _proximities(
    proximity: Proximity, distance: Float[Array, "windows height width lanes"]
) -> Float[Array, "windows height width lanes"]:
    return proximity(distance)


@eqx.filter_jit
def _weighted_sums(
    proximity: Proximity,
    distance: Float[Array, "windows height width lanes"],
    k: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    window: WindowShape,
) -> tuple[Float[Array, ""], tuple[Array, Array, Array]]:
    sources = _sources(quality, window)

    def over_cells(values: Array) -> Array:
        """Sum values times the quality of their cells: along rows in the working precision, over rows in float64."""
        return jnp.einsum("bhwl,bhw->bhl", values, quality).astype(float).sum(axis=1)

    slope = proximity.slope(distance, k)
    by_distance = slope * quality[..., None] * sources[:, None, None]
    accessible = over_cells(k)
    # k depends on d / scale alone.
    by_scale = -(over_cells(jnp.where(jnp.isfinite(distance), distance, 0) * slope) * sources).sum() / proximity.scale
    by_target = jnp.einsum("bhwl,bl->bhw", k, sources)
    halo = ((0, 0), (window.halo_rows, window.halo_rows), (window.halo_columns, window.halo_columns))
    blocks = accessible.astype(quality.dtype).reshape(-1, window.block_rows, window.block_columns)
    total = (sources.astype(float) * accessible).sum()
    return total, (by_distance, by_target + jnp.pad(blocks, halo), by_scale)


def source_sums(
    model: LandscapeModel, batch: Batch, window: WindowShape, *, lengths: bool
) -> tuple[Float[Array, "windows lanes"], ...]:
    """Return the sum of k q_j for every source of a batch, and with `lengths` those of q_j and d q_j, over the pairs that count."""
    return _reach(model, *batch.arrays(model.neighbourhood), window=window, lengths=lengths)


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


@dataclass(frozen=True)
class ConnectivityRows:
    """Some rows of what `connectivity_by_rows` finds.

    Parameters
    ----------
    first : int
        Number of the first row.
    node : array of bool, shape (rows, columns)
    quality, accessible : array, shape (rows, columns)
        0 where there is no node; see `Connectivity`.
    reached, length : array, shape (rows, columns), or None
        Sums of q_j and of d_ij q_j over the pairs that count; None without `mean_distance`.
    """

    first: int
    node: NDArray[np.bool_]
    quality: NDArray[np.float64]
    accessible: NDArray[np.float64]
    reached: NDArray[np.float64] | None = None
    length: NDArray[np.float64] | None = None


def isolation_and_closeness(
    rows: ConnectivityRows, total_quality: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return how far the habitat of each cell is, and how close.

    With :math:`W_i = \sum_j q_j` over the pairs that count, isolation is :math:`I_i = \sum_j q_j d_{ij} / W_i`, the inverse of
    Freeman's closeness, in the unit of the distance; NaN where :math:`W_i = 0`. Closeness is
    :math:`\frac{1}{I_i} \frac{W_i}{W - q_i}` with the quality W of the whole landscape, as Wasserman and Faust correct it for what cannot
    be reached; 0 where :math:`W_i = 0`, NaN where no distance is above 0. The pair i = j does not count.

    Parameters
    ----------
    rows : ConnectivityRows
        With `reached` and `length`.
    total_quality : float
        W.

    References
    ----------
    Freeman, L. C. (1978) Centrality in social networks: conceptual clarification. Social Networks 1, 215-239.
    doi:10.1016/0378-8733(78)90021-7.
    Wasserman, S. & Faust, K. (1994) Social Network Analysis, equation 5.22. doi:10.1017/CBO9780511815478.
    """
    if rows.reached is None or rows.length is None:
        raise ValueError("rows without distances; compute them with mean_distance.")
    with np.errstate(divide="ignore", invalid="ignore"):
        isolation = np.where(rows.reached > 0, rows.length / rows.reached, np.nan)
        closeness = rows.reached / isolation / (total_quality - rows.quality)
    closeness = np.where(rows.reached > 0, np.where(isolation > 0, closeness, np.nan), 0)
    return isolation, closeness


@dataclass(frozen=True)
class ConnectivityNumbers:
    """The numbers of `Connectivity`."""

    total: float
    self_total: float
    mean_distance: float


def connectivity_by_rows(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    take: Callable[[ConnectivityRows], None],
    report: Report,
    *,
    mean_distance: bool = True,
    beyond: Callable[[Strip], Sequence[NDArray[np.float64]]] | None = None,
    journal: PassJournal | None = None,
) -> ConnectivityNumbers:
    """Compute the connectivity of a landscape, every node a source, and give the maps away row by row.

    Parameters
    ----------
    model : LandscapeModel
    plan : WindowPlan
        Does not change the result beyond rounding.
    cells : Cells
        The landscape, from memory or from files.
    take : callable
        Is given rows as they are finished, in order.
    report : Report
        Hears of the progress; may cancel between batches.
    mean_distance : bool
        Whether to compute it; a pass without it is quicker.
    beyond : callable, optional
        Returns what pairs that are not in the windows add to the fields of `ConnectivityRows`: accessible, reached, length.
    journal : PassJournal, optional
        Keeps what is finished.
    """

    def compute(batch: Batch) -> Found:
        found = source_sums(model, batch, batch.window, lengths=mean_distance)
        return Found(of_sources=[np.asarray(values) for values in found])

    def finish(done: Finished) -> list[NDArray[np.float64]]:
        quality, fields = done.strip.quality, done.of_sources
        if beyond is not None:
            fields = [inside + outside for inside, outside in zip(fields, beyond(done.strip))]
        take(ConnectivityRows(done.strip.first, done.strip.node, quality, *fields))
        products = [quality * values for values in (*fields, quality)]
        return [product.sum(axis=1) for product in products]

    several = 3 if mean_distance else 1
    over_windows = WindowPass(compute, finish, sources=several, sums=several + 1)
    _, (total, *pairs_and_lengths, own) = over_windows.run(plan, cells, report, journal)
    pairs, length = pairs_and_lengths or (0.0, 0.0)
    return ConnectivityNumbers(total, own, length / pairs if pairs > 0 else float("nan"))


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
    """Compute the connectivity of a raster in memory, every node a source.

    Parameters
    ----------
    model, plan, report, mean_distance
        See `connectivity_by_rows`.
    resistance, quality : array, shape (rows, columns)
        Inf resistance is no node; NaN quality is 0.
    movement_cost : array, shape (rows, columns), optional
        For distances that take one.

    Returns
    -------
    Connectivity
    """
    accessible, functional = np.zeros(resistance.shape), np.zeros(resistance.shape)

    def take(rows: ConnectivityRows) -> None:
        place = slice(rows.first, rows.first + len(rows.accessible))
        accessible[place] = rows.accessible
        functional[place] = rows.quality * rows.accessible

    cells = ArrayCells(resistance, quality, movement_cost)
    found = connectivity_by_rows(model, plan, cells, take, report, mean_distance=mean_distance)
    return Connectivity(accessible, functional, found.total, found.self_total, found.mean_distance)


@dataclass(frozen=True)
class GradientNumbers:
    """The numbers of a gradient of C.

    Parameters
    ----------
    total : float
        C, without self terms.
    scale : float
        dC / d d0 for the pairs that count now.
    of_distance : tuple of float
        dC / d (number) of the distance's own trainable numbers: theta of the walks, none of the others.
    """

    total: float
    scale: float
    of_distance: tuple[float, ...] = ()


def gradient_by_rows(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    take: Callable[[Finished], None],
    report: Report,
    *,
    habitat_only: bool = False,
    by_movement_cost: bool = False,
    journal: PassJournal | None = None,
) -> GradientNumbers:
    """Compute the gradient of C and give it away row by row.

    `take` is given finished rows whose `of_cells` hold dC / dr, dC / dq and, with `by_movement_cost`, the derivative with respect to
    the raster of step costs (to be ignored where there is no node). For the other
    parameters see `connectivity_by_rows`. With `habitat_only`, blocks of sources of quality 0 are left out: C and its
    derivatives with respect to resistance and scale are the same, that with respect to quality is not complete.
    """

    def compute(batch: Batch) -> Found:
        rasters = batch.arrays(model.neighbourhood)
        total, found = _gradient(model, *rasters, window=batch.window)
        maps = [found.resistance, found.quality, found.movement_cost][: 3 if by_movement_cost else 2]
        numbers = [float(each) for each in (total, found.scale, *found.of_distance)]
        return Found(of_cells=[np.asarray(each) for each in maps], numbers=numbers)

    def finish(done: Finished) -> tuple[()]:
        take(done)
        return ()

    own = len(jax.tree.leaves(eqx.filter(model.distance, eqx.is_inexact_array)))
    over_windows = WindowPass(
        compute, finish, cells=3 if by_movement_cost else 2, numbers=2 + own, habitat_only=habitat_only
    )
    (total, scale, *of_distance), _ = over_windows.run(plan, cells, report, journal)
    return GradientNumbers(total, scale, tuple(of_distance))


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
    """Compute the gradient of C with respect to resistance, quality and the proximity's scale, of a raster in memory.

    Parameters are those of `connectivity` and `gradient_by_rows`.

    Returns
    -------
    ConnectivityGradient
    """
    by_resistance, by_quality = np.zeros(resistance.shape), np.zeros(resistance.shape)

    def take(done: Finished) -> None:
        place = slice(done.strip.first, done.strip.first + len(done.strip.quality))
        for whole, values in zip((by_resistance, by_quality), done.of_cells):
            whole[place] = np.where(done.strip.node, values, 0)

    cells = ArrayCells(resistance, quality, movement_cost)
    found = gradient_by_rows(model, plan, cells, take, report, habitat_only=habitat_only)
    return ConnectivityGradient(found.total, by_resistance, by_quality, found.scale)
