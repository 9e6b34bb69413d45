"""Straight-line distance."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..grid import Neighbourhood, is_node
from ..solvers.shortest_paths import tie_tolerance
from ..window_shape import WindowShape
from .abstract import AbstractDistance

#: What a step costs at least: its "length", or its length times the smallest "resistance".
HALO_FOLLOWS = "length"


class EuclideanDistance(AbstractDistance):
    r"""Straight line between the centres of two cells, in map units.

    .. math:: d_{ij} = \sqrt{(\Delta x_{ij})^2 + (\Delta y_{ij})^2}

    Barriers do not stop it, and the resistance matters only in saying which cells are nodes: its derivative is 0.
    """

    unit: ClassVar[str] = "map units"

    def __call__(
        self,
        resistance: Float[Array, "blocks height width"],
        neighbourhood: Neighbourhood,
        window: WindowShape,
        limit: float | Float[Array, ""],
    ) -> Float[Array, "blocks height width lanes"]:
        """Return the straight-line distances of each window."""
        lanes = jnp.arange(window.lanes)
        rows = window.halo_rows + lanes // window.block_columns
        columns = window.halo_columns + lanes % window.block_columns
        down = jnp.arange(window.height)[:, None, None] - rows
        right = jnp.arange(window.width)[None, :, None] - columns
        dtype = resistance.dtype
        length = jnp.hypot(
            (down * neighbourhood.cell_height).astype(dtype), (right * neighbourhood.cell_width).astype(dtype)
        )
        near = length <= jnp.asarray(limit, dtype) * (1 + tie_tolerance(dtype))
        if window.own_windows:
            near = near & (jnp.abs(down) <= window.halo_rows) & (jnp.abs(right) <= window.halo_columns)
        node = is_node(resistance)
        source = window.block(node).reshape(-1, 1, 1, window.lanes)
        return jnp.where(node[..., None] & source & near, length, jnp.inf)
