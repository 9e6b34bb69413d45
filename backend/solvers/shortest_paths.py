"""Shortest paths from every source of a block of windows, differentiable with respect to the edge costs."""

import dataclasses
import functools
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from ..grid import EdgeCosts
from ..window_shape import WindowShape
from . import host_sweeps
from .both_modes import differentiable_in_both_modes
from .host_call import host_call
from .relaxation import gather_cotangents, push_tangents, relax_distances

Method = Literal["automatic", "row_sweeps", "relaxation"]


def tie_tolerance(dtype: Any) -> float:
    """Return the relative difference within which two path costs are equal: rounding along a path, no more."""
    return 1e-6 if jnp.finfo(dtype).bits == 32 else 1e-12


def shortest_paths(
    costs: EdgeCosts,
    window: WindowShape,
    limit: float | Float[Array, ""],
    is_source: Bool[Array, "blocks lanes"] | None = None,
    method: Method = "automatic",
) -> Float[Array, "blocks height width lanes"]:
    """Return the cost of the cheapest path from every source of each window to every cell.

    ``d[v] = min over edges u - v of d[u] + cost(u, v)``, 0 at the source. The derivative is that of the shortest paths,
    ``lambda[u] = g[u] + sum over tight u -> v of lambda[v] / (number of tight edges into v)``: where several paths tie, the
    edges into a cell share equally. An edge is tight where ``d[u] + cost <= d[v] (1 + tolerance)`` and ``d[u] < d[v]``.

    Parameters
    ----------
    costs : EdgeCosts
        Edge costs of each window, (blocks, height, width), > 0; ``inf`` where there is no edge. Edges that would leave the
        window are ignored.
    window : WindowShape
        Where the sources lie; static.
    limit : float
        Greatest distance that counts, inclusive up to rounding.
    is_source : (blocks, lanes), optional
        Lanes whose source is a node; the others stay ``inf``. By default all are.
    method : {"automatic", "row_sweeps", "relaxation"}
        ``row_sweeps`` runs in Numba on the CPU, ``relaxation`` in XLA on any device. ``automatic`` takes the first on CPUs
        and the second elsewhere. Static.

    Returns
    -------
    (blocks, height, width, lanes)
        ``inf`` where the source does not reach the cell within the limit. Cotangents there are ignored.
    """
    window.check(costs.east.shape)
    if is_source is None:
        is_source = jnp.ones((costs.east.shape[0], window.lanes), bool)
    dtype = costs.east.dtype
    inclusive = jnp.asarray(limit, dtype) * (1 + tie_tolerance(dtype))
    found = differentiable_in_both_modes(
        functools.partial(_shortest_paths, window, method), functools.partial(_with_tangents, window, method)
    )
    return found(costs, inclusive, is_source)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _shortest_paths(window: WindowShape, method: Method, costs: EdgeCosts, limit: Array, is_source: Array) -> Array:
    def sweep(costs: EdgeCosts, limit: Array, is_source: Array) -> Array:
        shape = (costs.east.shape[0], window.height, window.width, window.lanes)
        result = jax.ShapeDtypeStruct(shape, costs.east.dtype)
        return host_call("driftway_distances", _host_distances, [result], _encoded(window), limit, is_source, *costs)[0]

    def relax(costs: EdgeCosts, limit: Array, is_source: Array) -> Array:
        return relax_distances(costs, is_source, window, limit)

    return _on_platform(method, sweep, relax, costs, limit, is_source)


def _forward(
    window: WindowShape, method: Method, costs: EdgeCosts, limit: Array, is_source: Array
) -> tuple[Array, tuple[EdgeCosts, Array, Array]]:
    # `custom_vjp` loses what it returns where it is called through `partial`.
    distances = cast(Array, _shortest_paths(window, method, costs, limit, is_source))
    return distances, (costs, is_source, distances)


def _backward(
    window: WindowShape, method: Method, saved: tuple[EdgeCosts, Array, Array], cotangents: Array
) -> tuple[EdgeCosts, None, None]:
    costs, is_source, distances = saved
    slack = 1 + tie_tolerance(distances.dtype)

    def sweep(costs: EdgeCosts, is_source: Array, distances: Array, cotangents: Array) -> EdgeCosts:
        results = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in costs]
        operands = (_encoded(window), is_source, distances, cotangents, *costs)
        return EdgeCosts(*host_call("driftway_path_gradients", _host_gradients, results, *operands))

    def relax(costs: EdgeCosts, is_source: Array, distances: Array, cotangents: Array) -> EdgeCosts:
        return gather_cotangents(costs, distances, cotangents, slack)[0]

    return _on_platform(method, sweep, relax, costs, is_source, distances, cotangents), None, None


_shortest_paths.defvjp(_forward, _backward)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _with_tangents(window: WindowShape, method: Method, costs: EdgeCosts, limit: Array, is_source: Array) -> Array:
    return cast(Array, _shortest_paths(window, method, costs, limit, is_source))


@_with_tangents.defjvp
def _tangents(window: WindowShape, method: Method, primals: tuple, directions: tuple) -> tuple[Array, Array]:
    costs, changes = primals[0], directions[0]
    distances = _with_tangents(window, method, *primals)
    slack = 1 + tie_tolerance(distances.dtype)

    def sweep(costs: EdgeCosts, changes: EdgeCosts, distances: Array) -> Array:
        result = jax.ShapeDtypeStruct(distances.shape, distances.dtype)
        return host_call("driftway_path_tangents", _host_tangents, [result], distances, *costs, *changes)[0]

    def relax(costs: EdgeCosts, changes: EdgeCosts, distances: Array) -> Array:
        return push_tangents(costs, changes, distances, slack)

    return distances, _on_platform(method, sweep, relax, costs, changes, distances)


def _encoded(window: WindowShape) -> np.ndarray:
    return np.array(dataclasses.astuple(window), np.int64)


def _decoded(window: np.ndarray) -> WindowShape:
    *sizes, own_windows = (int(each) for each in window)
    return WindowShape(*sizes, own_windows=bool(own_windows))


def _host_distances(inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
    window, limit, is_source, *costs = inputs
    host_sweeps.distances(_decoded(window), tuple(costs), limit, is_source, out=outputs[0])


def _host_gradients(inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
    window, is_source, distances, cotangents, *costs = inputs
    slack = 1 + tie_tolerance(distances.dtype)
    found = host_sweeps.gradients(_decoded(window), slack, tuple(costs), is_source, distances, cotangents)
    for output, each in zip(outputs, found, strict=True):
        output[...] = each


def _host_tangents(inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
    distances, *edges = inputs
    slack = 1 + tie_tolerance(distances.dtype)
    outputs[0][...] = host_sweeps.tangents(tuple(edges[:4]), tuple(edges[4:]), slack, distances)


def _on_platform(method: Method, sweep: Any, relax: Any, *operands: Any) -> Any:
    if method == "automatic":
        return lax.platform_dependent(*operands, cpu=sweep, default=relax)
    return (sweep if method == "row_sweeps" else relax)(*operands)
