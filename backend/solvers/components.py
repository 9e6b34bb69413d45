"""Which cells of a window hang together, by labels that are hooked and shortened until nothing changes; any device."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..grid import EdgeCosts
from ..window_shape import WindowShape


def component_labels(costs: EdgeCosts) -> Int[Array, "windows height width"]:
    """Return the smallest flat index of a cell that each cell is joined with by edges.

    Parameters
    ----------
    costs : EdgeCosts
        (windows, height, width); inf where there is no edge. A cell without edges is its own component.
    """
    windows, height, width = costs.east.shape
    # The steps to half of the neighbours; those to the other half are the same edges.
    edges = ((costs.east, 0, 1), (costs.south, 1, 0), (costs.southeast, 1, 1), (costs.southwest, 1, -1))
    joined = [(jnp.isfinite(cost), down, right) for cost, down, right in edges]
    window = jnp.arange(windows)[:, None]

    def lowest(labels: Array) -> Array:
        """Return the lowest label among a cell and its neighbours."""
        none = height * width
        beside = jnp.pad(labels, ((0, 0), (1, 1), (1, 1)), constant_values=none)
        found = labels
        for edge, down, right in joined:
            over_there = beside[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
            found = jnp.minimum(found, jnp.where(edge, over_there, none))
            back = jnp.pad(jnp.where(edge, labels, none), ((0, 0), (1, 1), (1, 1)), constant_values=none)
            found = jnp.minimum(found, back[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width])
        return found

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        labels, _ = state
        found = lowest(labels).reshape(windows, -1)
        # Whoever a cell is labelled with learns of the lower label as well, and labels are followed to theirs.
        found = found.at[window, labels.reshape(windows, -1)].min(found)
        found = jnp.take_along_axis(found, found, axis=1).reshape(labels.shape)
        return found, (found != labels).any()

    cells = jnp.arange(height * width).reshape(height, width)
    start = jnp.broadcast_to(cells, (windows, height, width))
    return lax.while_loop(lambda state: state[1], step, (start, jnp.array(True)))[0]


def source_components(
    costs: EdgeCosts, is_node: Bool[Array, "windows height width"], window: WindowShape
) -> tuple[Bool[Array, "windows height width lanes"], Bool[Array, "windows lanes"]]:
    """Return which cells each source is joined with, and which lanes are the first of their component.

    Parameters
    ----------
    costs : EdgeCosts
    is_node : (windows, height, width)
    window : WindowShape
        Where the sources lie; static.
    """
    labels = component_labels(costs)
    sources = window.block(labels).reshape(-1, window.lanes)
    is_source = window.block(is_node).reshape(-1, window.lanes)
    joined = is_node[..., None] & is_source[:, None, None] & (labels[..., None] == sources[:, None, None])
    same = (sources[:, :, None] == sources[:, None, :]) & is_source[:, :, None] & is_source[:, None, :]
    earlier = jnp.tril(jnp.ones((window.lanes, window.lanes), bool), -1)
    return joined, is_source & ~(same & earlier).any(axis=2)


def at_sources(values: Float[Array, "windows lanes"], window: WindowShape) -> Float[Array, "windows height width"]:
    """Return values of lanes at the cells of their sources, 0 elsewhere."""
    block = values.reshape(-1, window.block_rows, window.block_columns)
    halo = ((0, 0), (window.halo_rows, window.halo_rows), (window.halo_columns, window.halo_columns))
    return jnp.pad(block, halo)
