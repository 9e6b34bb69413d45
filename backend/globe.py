"""Windows that reach around the globe: each cell counts once, where it is nearest."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def nearest_around(
    distances: Float[Array, "windows height width lanes"], around: int
) -> Float[Array, "windows height width lanes"]:
    """Return distances with inf at all places of a cell in a window but the nearest one.

    A window that is wider than the globe holds cells at several places, one for each way around. Where two ways are equally
    long, that to the east counts.

    Parameters
    ----------
    distances : (windows, height, width, lanes)
    around : int
        Columns around the globe; 0 where the raster does not close.
    """
    width = distances.shape[2]
    if not around or width <= around:
        return distances
    turns = -(-width // around)
    beyond = ((0, 0), (0, 0), (0, turns * around - width), (0, 0))
    places = jnp.pad(distances, beyond, constant_values=jnp.inf)
    places = places.reshape(*distances.shape[:2], turns, around, -1)
    nearest = turns - 1 - jnp.argmin(places[:, :, ::-1], axis=2, keepdims=True)
    here = jnp.arange(turns)[:, None, None] == nearest
    return jnp.where(here, places, jnp.inf).reshape(*distances.shape[:2], -1, distances.shape[3])[:, :, :width]
