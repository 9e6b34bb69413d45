r"""The differentiable model: a landscape's distance and proximity, and what the sources of windows add to C."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from .distances import AbstractDistance
from .globe import nearest_around
from .grid import Neighbourhood
from .proximity import Proximity
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


def sources_quality(
    quality: Float[Array, "windows height width"], window: WindowShape
) -> Float[Array, "windows lanes"]:
    """Return the quality of each source."""
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
    return sources_quality(quality, window).astype(float) * accessible


def source_sums(
    model: LandscapeModel, batch: Batch, window: WindowShape, *, lengths: bool
) -> tuple[Float[Array, "windows lanes"], ...]:
    """Return the sum of k q_j for every source of a batch, and with `lengths` those of q_j and d q_j, over the pairs that count."""
    return _reach(model, *batch.arrays(model.neighbourhood), window=window, lengths=lengths)
