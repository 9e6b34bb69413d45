"""What distances in windows have in common once a solver has found them."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..window_shape import WindowShape
from .shortest_paths import tie_tolerance


def within_limit(
    distances: Float[Array, "windows height width lanes"],
    joined: Bool[Array, "windows height width lanes"],
    window: WindowShape,
    limit: float | Float[Array, ""],
) -> Float[Array, "windows height width lanes"]:
    """Return distances with inf where cells are not joined or lie beyond the limit, and 0 from a source to itself.

    Parameters
    ----------
    distances : (windows, height, width, lanes)
        Finite everywhere, so that the derivative is 0, and not nan, where the result is inf.
    joined : (windows, height, width, lanes)
    window : WindowShape
    limit : float
        Inclusive up to rounding.
    """
    lanes = jnp.arange(window.lanes)
    rows = window.halo_rows + lanes // window.block_columns
    columns = window.halo_columns + lanes % window.block_columns
    here = (jnp.arange(window.height)[:, None, None] == rows) & (jnp.arange(window.width)[:, None] == columns)
    found = jnp.where(here, 0, distances)
    inclusive = jnp.asarray(limit, found.dtype) * (1 + tie_tolerance(found.dtype))
    return jnp.where(joined & (found <= inclusive), found, jnp.inf)


def with_own_windows(
    distance: Callable[..., Float[Array, "windows height width lanes"]],
    window: WindowShape,
    *rasters: Float[Array, "windows height ..."] | None,
) -> Float[Array, "windows height width lanes"]:
    """Compute distances when each source keeps to its own window, one window per source.

    Parameters
    ----------
    distance : callable
        Takes the window and the rasters of all sources.
    window : WindowShape
        With ``own_windows``; static.
    *rasters : (windows, height, width) or (windows, height) or None

    Returns
    -------
    (windows, height, width, lanes)
        inf beyond each source's own window.
    """
    one = WindowShape(1, 1, window.halo_rows, window.halo_columns)
    corners = [(a, b) for a in range(window.block_rows) for b in range(window.block_columns)]

    def cut(raster: Array | None) -> Array | None:
        if raster is None:
            return None
        rows = [raster[:, a : a + one.height] for a, _ in corners]
        if raster.ndim == 3:
            rows = [row[:, :, b : b + one.width] for row, (_, b) in zip(rows, corners, strict=True)]
        return jnp.concatenate(rows)

    found = distance(one, *map(cut, rasters))[..., 0].reshape(window.lanes, -1, one.height, one.width)
    placed = [
        jnp.pad(
            found[lane],
            ((0, 0), (a, window.block_rows - 1 - a), (b, window.block_columns - 1 - b)),
            constant_values=jnp.inf,
        )
        for lane, (a, b) in enumerate(corners)
    ]
    return jnp.stack(placed, axis=-1)
