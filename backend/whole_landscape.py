r"""Connectivity of a whole raster as one function of arrays, to be differentiated, compiled and composed."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import registry
from .connectivity import LandscapeModel, window_connectivity
from .window_plan import halo
from .window_shape import WindowShape

_BLOCK = 4


def landscape_window(model: LandscapeModel, permeability: Float[Array, "height width"]) -> WindowShape:
    """Return windows in which connectivity is that of the whole raster.

    Parameters
    ----------
    model : LandscapeModel
        With a least-cost or Euclidean distance, which end at a limit, on cells of one size.
    permeability : (height, width)
        Of values that are known: a traced array has none. A higher permeability needs a wider window.

    Raises
    ------
    ValueError
        For other distances, whose window is part of their definition, and on a sphere: say a `WindowShape`.
    """
    name = type(model.distance).__module__.rpartition(".")[2]
    follows = registry.constant("distances", name, "HALO_FOLLOWS")
    if follows == "radius" or model.neighbourhood.sphere is not None:
        raise ValueError("no halo makes these windows exact, or it depends on the latitude; give a WindowShape.")
    values = np.asarray(permeability)
    nodes = np.isfinite(values) & (values > 0)
    smallest = 1 / float(values[nodes].max()) if follows == "resistance" and nodes.any() else 1.0
    rows, columns = values.shape
    limit, cells = float(model.limit), model.neighbourhood
    halos = halo(limit, smallest, cells.cell_height, rows), halo(limit, smallest, cells.cell_width, columns)
    return WindowShape(min(_BLOCK, rows), min(_BLOCK, columns), *halos)


def landscape_connectivity(
    model: LandscapeModel,
    permeability: Float[Array, "height width"],
    quality: Float[Array, "height width"],
    window: WindowShape,
    *,
    movement_cost: Float[Array, "height width"] | None = None,
    count_self: bool = False,
) -> Float[Array, ""]:
    r"""Return the connectivity :math:`C = \sum_i q_i \sum_{j \ne i} k(d_{ij}) q_j` of a raster.

    Differentiable with respect to all arrays, those of the model too, forwards (`jax.jvp`, `jax.jacfwd`: for a few numbers) and
    backwards (`jax.grad`, `eqx.filter_grad`: for rasters). Windows are computed row of blocks by row of blocks, and again
    for the gradient, so that memory is that of one row of blocks.

    Parameters
    ----------
    model : LandscapeModel
    permeability : (height, width)
        Of each cell; resistance is 1 / permeability. No node where it is not finite or not above 0. (Where it is computed from
        something that is differentiated, take 0 and not NaN: NaN times a derivative of 0 is NaN.)
    quality : (height, width)
        >= 0; NaN counts as 0.
    window : WindowShape
        See `landscape_window`; static. Cells beyond the raster are no nodes; columns close around the globe where the
        neighbourhood says so.
    movement_cost : (height, width), optional
        For distances that take one.
    count_self : bool
        Whether the pairs i = j count, with proximity 1; static.

    Raises
    ------
    ValueError
        When columns close around the globe and the block's do not divide them.
    """
    rows, columns = permeability.shape
    around = model.neighbourhood.around
    if around and (around != columns or columns % window.block_columns):
        raise ValueError(
            f"{columns} columns around the globe in blocks of {window.block_columns} columns; they must fit."
        )
    node = jnp.isfinite(permeability) & (permeability > 0)
    resistance = jnp.where(node, 1 / jnp.where(node, permeability, 1), jnp.inf)
    counted = jnp.where(node & jnp.isfinite(quality), quality, 0)
    own = (counted.astype(float) ** 2).sum() if count_self else 0.0
    rasters = [_padded(resistance, window, around, jnp.inf), _padded(counted, window, around, 0)]
    if movement_cost is not None:
        rasters.append(_padded(jnp.where(node, movement_cost, 0), window, around, 0))
    lefts = np.arange(0, columns, window.block_columns)
    across = lefts[:, None] + np.arange(window.width)

    @jax.checkpoint
    def of_blocks(model: LandscapeModel, rasters: list[Array], top: Array) -> Array:
        strips = [jax.lax.dynamic_slice_in_dim(raster, top, window.height, 0) for raster in rasters]
        windows = [jnp.moveaxis(strip[:, across], 1, 0) for strip in strips]
        cost = windows[2] if movement_cost is not None else None
        return window_connectivity(
            model, windows[0], windows[1], window, cost, _latitude(model, top, window, len(lefts))
        )

    def step(total: Array, top: Array) -> tuple[Array, None]:
        return total + of_blocks(model, rasters, top), None

    tops = jnp.arange(0, rows, window.block_rows)
    return jax.lax.scan(step, jnp.zeros((), float), tops)[0] + own


def _padded(raster: Array, window: WindowShape, around: int, beyond: float) -> Array:
    rows, columns = raster.shape
    right = window.halo_columns + (0 if around else -columns % window.block_columns)
    if around:
        raster = jnp.pad(raster, ((0, 0), (window.halo_columns, right)), mode="wrap")
    sides = (0, 0) if around else (window.halo_columns, right)
    return jnp.pad(
        raster, ((window.halo_rows, window.halo_rows + -rows % window.block_rows), sides), constant_values=beyond
    )


def _latitude(model: LandscapeModel, top: Array, window: WindowShape, count: int) -> Array | None:
    sphere = model.neighbourhood.sphere
    if sphere is None:
        return None
    rows = top - window.halo_rows + jnp.arange(window.height)
    # Rows beyond a pole hold no nodes; their width must only be > 0.
    latitudes = jnp.clip(sphere.first_latitude + sphere.latitude_step * rows, -1.569, 1.569)
    return jnp.broadcast_to(latitudes, (count, window.height))


class LandscapeConnectivity(eqx.Module):
    """The last step of a landscape model: from permeability to connectivity; see `landscape_connectivity`.

    Parameters
    ----------
    model : LandscapeModel
    quality : (height, width)
    window : WindowShape
    movement_cost : (height, width), optional
    count_self : bool
    """

    model: LandscapeModel
    quality: Float[Array, "height width"]
    window: WindowShape = eqx.field(static=True)
    movement_cost: Float[Array, "height width"] | None = None
    count_self: bool = eqx.field(static=True, default=False)

    def __call__(self, permeability: Float[Array, "height width"]) -> Float[Array, ""]:
        """Return C."""
        return landscape_connectivity(
            self.model,
            permeability,
            self.quality,
            self.window,
            movement_cost=self.movement_cost,
            count_self=self.count_self,
        )
