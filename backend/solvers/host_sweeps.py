"""The row sweeps seen from NumPy: many windows, spread over threads."""

import functools
from collections.abc import Iterator

import numpy as np

from ..window_shape import WindowShape
from . import adjoint_sweeps, row_sweeps, tangent_sweeps
from .threads import in_parts

#: What `EdgeCosts` holds, in its order, as NumPy arrays.
HostEdgeCosts = tuple[np.ndarray, ...]

# Enough independent work to hide the latency of a pass, little enough for the registers; the adjoint has more arrays to
# keep in the cache.
_FORWARD_BYTES = 128
_ADJOINT_LANES = 16


def distances(
    window: WindowShape, costs: HostEdgeCosts, limit: np.ndarray, is_source: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Return the distances (blocks, height, width, lanes) within ``limit``, in ``out`` if it is given.

    Raises
    ------
    RuntimeError
        If the distances of a window do not settle, which negative costs would cause.
    """
    arrays = _contiguous(costs)
    dtype = arrays[0].dtype
    most = dtype.type(limit)
    is_source = np.ascontiguousarray(is_source, bool) & (most >= 0)
    # No subnormal number: the threads of XLA take those for 0.
    beyond = max(np.nextafter(most, dtype.type(np.inf)), np.finfo(dtype).tiny)
    if out is None:
        out = np.empty((arrays[0].shape[0], window.height, window.width, window.lanes), dtype)
    halo = window.halo_rows, window.halo_columns
    for first_lane, width in _lane_groups(window.lanes, _FORWARD_BYTES // dtype.itemsize):
        outside = _outside(window, first_lane, len(width), dtype)
        sweep = functools.partial(
            row_sweeps.sweep_windows,
            arrays,
            is_source,
            halo,
            window.block_columns,
            beyond,
            outside,
            first_lane,
            width,
            out,
        )
        failed = in_parts(sweep, out.shape[0])
        if failed >= 0:
            raise RuntimeError(f"The shortest paths of window {failed} do not settle: edge costs must be > 0.")
    return out


def gradients(
    window: WindowShape,
    slack: float,
    costs: HostEdgeCosts,
    is_source: np.ndarray,
    distances: np.ndarray,
    cotangents: np.ndarray,
) -> HostEdgeCosts:
    """Return the gradient of every edge cost from the cotangents of the distances."""
    return gradients_and_arrived(window, slack, costs, is_source, distances, cotangents)[0]


def gradients_and_arrived(
    window: WindowShape,
    slack: float,
    costs: HostEdgeCosts,
    is_source: np.ndarray,
    distances: np.ndarray,
    cotangents: np.ndarray,
) -> tuple[HostEdgeCosts, np.ndarray]:
    """Return the gradients, and the mass that arrived at the source of each (block, lane): the sum of its cotangents."""
    arrays = _contiguous(costs)
    is_source = np.ascontiguousarray(is_source, bool)
    distances, cotangents = np.ascontiguousarray(distances), np.ascontiguousarray(cotangents)
    dtype = arrays[0].dtype
    result = tuple(np.zeros_like(each) for each in arrays)
    arrived = np.zeros(is_source.shape, dtype)
    halo = window.halo_rows, window.halo_columns
    for first_lane, width in _lane_groups(window.lanes, _ADJOINT_LANES):
        gather = functools.partial(
            adjoint_sweeps.gather_windows,
            *(arrays, is_source, halo, window.block_columns, dtype.type(slack), distances, cotangents),
            *(first_lane, width, result, arrived),
        )
        failed = in_parts(gather, arrays[0].shape[0])
        if failed >= 0:
            raise RuntimeError(f"The gradient of the shortest paths of window {failed} does not settle.")
    return result, arrived


def tangents(costs: HostEdgeCosts, changes: HostEdgeCosts, slack: float, distances: np.ndarray) -> np.ndarray:
    """Return the derivative of every distance along a change of the edge costs; 0 where it is infinite."""
    distances = np.ascontiguousarray(distances)
    result = np.empty_like(distances)
    push = functools.partial(
        tangent_sweeps.push_windows,
        *(_contiguous(costs), _contiguous(changes), distances.dtype.type(slack), distances, result),
    )
    in_parts(push, len(distances))
    return result


def _lane_groups(lanes: int, most: int) -> Iterator[tuple[int, tuple[tuple[()], ...]]]:
    """Yield the first lane of each group that the kernels take at once, and a tuple as long as the group.

    The length of the tuple is what the compiler knows; few lengths occur, as each is compiled once.
    """
    for first_lane in range(0, lanes, most):
        count = next((each for each in (1, 16) if each >= lanes - first_lane), most)
        yield first_lane, ((),) * min(count, most)


def _contiguous(costs: HostEdgeCosts) -> HostEdgeCosts:
    return tuple(np.ascontiguousarray(each) for each in costs)


def _outside(window: WindowShape, first_lane: int, count: int, dtype: np.dtype) -> np.ndarray | None:
    """Return ``inf`` where a framed cell is not in a lane's own window, flat; None if lanes share the window."""
    if not window.own_windows:
        return None
    lanes = np.arange(first_lane, first_lane + count)
    rows = window.halo_rows + 1 + lanes // window.block_columns
    columns = window.halo_columns + 1 + lanes % window.block_columns
    far_row = np.abs(np.arange(window.height + 2)[:, None, None] - rows) > window.halo_rows
    far_column = np.abs(np.arange(window.width + 2)[None, :, None] - columns) > window.halo_columns
    return np.where(far_row | far_column, dtype.type(np.inf), dtype.type(0)).ravel()
