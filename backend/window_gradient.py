"""The gradient of what the sources of windows add to C, for every distance and on every device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .landscape_model import LandscapeModel, sources_quality
from .proximity import Proximity
from .window_shape import WindowShape


class WindowGradient(NamedTuple):
    """Of the part of C that the sources of windows add: by rasters, scale, and the numbers of the distance, such as theta."""

    resistance: Float[Array, "windows height width"]
    quality: Float[Array, "windows height width"]
    movement_cost: Float[Array, "windows height width"] | None
    scale: Float[Array, ""]
    of_distance: list[Float[Array, ""]]


def window_gradient(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    quality: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
) -> tuple[Float[Array, ""], WindowGradient]:
    """Return `window_connectivity` and its gradient.

    In three compiled stages: as one, XLA fuses the sums into loops that take three times as long.
    """
    numbers = jax.tree.leaves(eqx.filter(model.distance, eqx.is_inexact_array))
    further = bool(numbers) or movement_cost is not None
    prepared = _distances_and_whole_pullback if further else _distances_and_pullback
    distance, pull = prepared(model, resistance, movement_cost, latitude, window)
    total, (by_distance, by_quality, by_scale) = _weighted(model.proximity, distance, quality, window)
    if not further:
        return total, WindowGradient(_pulled(pull, by_distance), by_quality, None, by_scale, [])
    by_resistance, by_cost, of_distance = _all_pulled(pull, by_distance)
    return total, WindowGradient(by_resistance, by_quality, by_cost, by_scale, of_distance)


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
    sources = sources_quality(quality, window)

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
