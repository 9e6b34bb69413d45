"""Straight-line distance."""

from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ..grid import Neighbourhood, Sphere, is_node
from ..solvers.shortest_paths import tie_tolerance
from ..window_shape import WindowShape
from .abstract import AbstractDistance

#: What a step costs at least: its "length", or its length times the smallest "resistance".
HALO_FOLLOWS = "length"


class EuclideanDistance(AbstractDistance):
    r"""Straight line between the centres of two cells, in map units.

    .. math:: d_{ij} = \sqrt{(\Delta x_{ij})^2 + (\Delta y_{ij})^2}

    On longitudes and latitudes the great circle, in metres: :math:`2 R \arcsin \sqrt{\sin^2 (\Delta \phi / 2) + \cos \phi_i
    \cos \phi_j \sin^2 (\Delta \lambda / 2)}`.

    Barriers do not stop it, and the resistance matters only in saying which cells are nodes: its derivative is 0.
    """

    unit: ClassVar[str] = "map units"

    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
        movement_cost: Float[Array, "blocks height width"] | None = None,
        latitude: Float[Array, "blocks height"] | None = None,
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the straight-line distances of each window."""
        lanes = jnp.arange(window.lanes)
        rows = window.halo_rows + lanes // window.block_columns
        columns = window.halo_columns + lanes % window.block_columns
        down = jnp.arange(window.height)[:, None, None] - rows
        right = jnp.arange(window.width)[None, :, None] - columns
        dtype = resistance.dtype
        if neighbourhood.sphere is not None and latitude is not None:
            length = _great_circle(neighbourhood.sphere, latitude, latitude[:, rows], right).astype(dtype)
        else:
            length = jnp.hypot(
                (down * neighbourhood.cell_height).astype(dtype), (right * neighbourhood.cell_width).astype(dtype)
            )
        near = length <= jnp.asarray(limit, dtype) * (1 + tie_tolerance(dtype))
        if window.own_windows:
            near = near & (jnp.abs(down) <= window.halo_rows) & (jnp.abs(right) <= window.halo_columns)
        node = is_node(resistance)
        source = window.block(node).reshape(-1, 1, 1, window.lanes)
        return jnp.where(node[..., None] & source & near, length, jnp.inf)


def _great_circle(
    sphere: Sphere,
    latitude: Float[Array, "blocks height"],
    of_sources: Float[Array, "blocks lanes"],
    columns: Int[Array, "one width lanes"],
) -> Float[Array, "blocks height width lanes"]:
    """Return the length of the great circle between cells and sources that many columns apart."""
    here, there = lax.stop_gradient((latitude[:, :, None, None], of_sources[:, None, None, :]))
    by_latitude = jnp.sin((here - there) / 2) ** 2
    by_longitude = jnp.sin(columns * (sphere.longitude_step / 2)) ** 2
    half_chord = jnp.sqrt(by_latitude + jnp.cos(here) * jnp.cos(there) * by_longitude)
    return 2 * sphere.radius * jnp.arcsin(jnp.minimum(half_chord, 1))
