"""Randomised shortest paths inside windows: how likely a walker that is punished for costs gets from source to cell."""

from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..grid import EdgeCosts
from ..window_shape import WindowShape
from .block_elimination import Stencil, transposed, unit_sources
from .components import component_labels
from .selected_inverse import Selection, pull_back, select
from .walk_survival import Walks, survival_gradient, survival_of, walks_of
from .walk_system import Graph, System, scaling, system_of

#: Numbers below this have lost digits, or are about to.
_TINY = 1e-280


class Steps(NamedTuple):
    """A random walker's steps: stencils of shape (3, 3, windows, height, width), see `Stencil`.

    Parameters
    ----------
    exists : array of bool
        Whether there is a step; if there is, there is one back.
    affinity : array
        Likelihood of a step, > 0, up to a factor for each cell.
    cost : array
        Cost of a step, >= 0.
    """

    exists: Bool[Array, "3 3 windows height width"]
    affinity: Stencil
    cost: Stencil


def existing_steps(edges: EdgeCosts) -> Bool[Array, "3 3 windows height width"]:
    """Return the steps in both directions along the edges of a graph, whose cost is finite."""
    none = jnp.zeros(edges.east.shape, bool)
    east, south, southeast, southwest = (jnp.isfinite(cost) for cost in edges)
    forth = jnp.stack([jnp.stack([none] * 3), jnp.stack([none, none, east]), jnp.stack([southwest, south, southeast])])
    return forth | transposed(forth)


def log_survival(
    steps: Steps,
    edges: EdgeCosts,
    is_node: Bool[Array, "windows height width"],
    window: WindowShape,
    theta: Array,
    *,
    by_theta: bool = False,
    forward_mode: bool = False,
    lanes: Int[Array, " chosen"] | None = None,
) -> tuple[Float[Array, "windows height width lanes"], Bool[Array, "windows height width lanes"]]:
    r"""Return the logarithm of the probability to survive from each source to each cell, and which cells are joined.

    With :math:`P = D^{-1} A`, :math:`W = P \circ e^{-\theta C}` and :math:`Z = (I - W)^{-1}` it is
    :math:`\log(Z_{ij} / Z_{jj})`. Two things keep its digits, whatever theta:

    - Rows and columns are scaled by the least cost from the sources, so that only the excess over it is punished.
    - As theta falls to 0, I - W loses its inverse. So :math:`N = I - W + \sum_r e_r e_r^T` is inverted, with one source r in each
      component, and the difference undone with :math:`K = N^{-1} (1 - W 1)`, which needs no difference of large numbers.

    Parameters
    ----------
    steps : Steps
    edges : EdgeCosts
        The graph of the steps.
    is_node : (windows, height, width)
    window : WindowShape
        Where the sources lie; static.
    theta : scalar
        > 0, 1 / unit of the costs.
    by_theta : bool
        Whether the derivative of the logarithm by theta is wanted instead; static.
    forward_mode : bool
        Whether it will be differentiated forwards instead of backwards; static.
    lanes : (chosen,), optional
        Only from these sources, each named once; by default from all.
    """
    every = jnp.arange(window.lanes) if lanes is None else lanes
    labels = component_labels(edges)
    sources = window.block(labels).reshape(-1, window.lanes)[:, every]
    is_source = window.block(is_node).reshape(-1, window.lanes)[:, every]
    joined = is_node[..., None] & is_source[:, None, None] & (labels[..., None] == sources[:, None, None])
    graph = Graph(steps.exists, labels, joined, every)
    theta = jnp.asarray(theta).astype(float)
    if forward_mode:
        return _in_passes(window, by_theta, False, steps.affinity, steps.cost, theta, graph)[0], joined
    return _log_survival(window, by_theta, steps.affinity, steps.cost, theta, graph), joined


class _Kept(NamedTuple):
    """What the gradient of a pass needs: the graph, least costs, and parts of the inverse with, maybe, their change by theta."""

    graph: Graph
    least: Array
    selection: Selection
    by_theta: Selection | None


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _log_survival(
    window: WindowShape, by_theta: bool, affinity: Array, cost: Array, theta: Array, graph: Graph
) -> Array:
    return _in_passes(window, by_theta, False, affinity, cost, theta, graph)[0]


def _forward(
    window: WindowShape, by_theta: bool, affinity: Array, cost: Array, theta: Array, graph: Graph
) -> tuple[Array, tuple]:
    found, last, kept = _in_passes(window, by_theta, True, affinity, cost, theta, graph)
    return found, (affinity, cost, theta, graph, last, kept)


def _backward(window: WindowShape, by_theta: bool, saved: tuple, cotangents: Array) -> tuple:
    """Go through the passes from the last, whose parts of the inverse are kept; those of the others are computed again."""
    affinity, cost, theta, graph, last, kept = saved
    inputs = affinity, cost, theta
    if len(graph.lanes) == 1:
        return *_gradient_of_pass(window, by_theta, *inputs, kept, cotangents), None

    def step(state: tuple[Array, Any, tuple]) -> tuple[Array, Any, tuple]:
        place, kept, found = state
        weight = jnp.where(_among(graph, place), cotangents, 0)
        more = _gradient_of_pass(window, by_theta, *inputs, kept, weight)
        found = jax.tree.map(jnp.add, found, more)
        before = place - 1

        def again() -> _Kept:
            return cast(_Kept, _one_pass(window, by_theta, True, *inputs, _of_pass(graph, before))[2])

        return before, lax.cond(before > 0, again, lambda: kept), found

    # Where there is but one pass, its number is 0, else it is that of a lane, counted from 1.
    nothing = jax.tree.map(jnp.zeros_like, inputs)
    found = lax.while_loop(lambda state: state[0] >= jnp.minimum(last, 1), step, (last, kept, nothing))[2]
    return *found, None


_log_survival.defvjp(_forward, _backward)


def _in_passes(
    window: WindowShape, by_theta: bool, keep: bool, affinity: Array, cost: Array, theta: Array, graph: Graph
) -> tuple[Array, Array, _Kept | None]:
    """Return the log survival, the number of the last pass, and what it kept.

    All sources share a scaling in pass 0. If they lie too far apart for that in terms of costs, each one gets its own in a pass
    by itself, by the same compiled code.
    """
    if len(graph.lanes) == 1:
        found, _, kept = _one_pass(window, by_theta, keep, affinity, cost, theta, graph)
        return found, jnp.array(0), kept

    def step(state: tuple) -> tuple:
        place, last, found, _ = state
        more, smallest, kept = _one_pass(window, by_theta, keep, affinity, cost, theta, _of_pass(graph, place))
        apart = (place == 0) & (lax.stop_gradient(smallest) < _TINY)
        return (
            place + 1,
            jnp.where(apart, len(graph.lanes), last),
            jnp.where(_among(graph, place), more, found),
            kept,
        )

    shapes = jax.eval_shape(step, (jnp.array(0), jnp.array(0), jnp.zeros(graph.joined.shape), None))
    start = (jnp.array(0), jnp.array(0), *jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), shapes[2:]))
    _, last, found, kept = lax.while_loop(lambda state: state[0] <= state[1], step, start)
    return found, last, kept


def _among(graph: Graph, place: Array) -> Array:
    """Return which lanes a pass is for."""
    return (place == 0) | (jnp.arange(len(graph.lanes)) == place - 1)


def _of_pass(graph: Graph, place: Array) -> Graph:
    return graph._replace(joined=graph.joined & _among(graph, place))


def _one_pass(
    window: WindowShape, by_theta: bool, keep: bool, affinity: Array, cost: Array, theta: Array, graph: Graph
) -> tuple[Array, Array, _Kept | None]:
    """Return the log survival from some sources, the smallest number on the way to it, and what is to be kept."""
    least = scaling(cost, window, graph)

    def found(theta: Array) -> tuple[tuple[Array, Any], Array]:
        system = system_of(window, affinity, cost, theta, graph, least)
        units = unit_sources(window, len(least), least.dtype, graph.lanes)
        selected, selection = select(system.matrix, units, system.right, window, definite=False, keep=keep)
        survival, smallest = survival_of(walks_of(window, selected, theta, graph, least), graph.joined)
        return (survival, selection), smallest

    if not by_theta:
        (survival, selection), smallest = found(theta)
        return survival, smallest, _Kept(graph, least, selection, None) if keep else None
    (_, selection), (survival, change), smallest = jax.jvp(found, (theta,), (jnp.ones_like(theta),), has_aux=True)
    return survival, smallest, _Kept(graph, least, selection, change) if keep else None


def _gradient_of_pass(
    window: WindowShape, by_theta: bool, affinity: Array, cost: Array, theta: Array, kept: _Kept, weight: Array
) -> tuple[Array, Array, Array]:
    """Return the gradient with respect to affinity, cost and theta."""
    graph, least = kept.graph, kept.least

    def gradient(theta: Array, selection: Selection) -> tuple[Array, Array, Array]:
        def walks(selected: tuple, theta: Array) -> Walks:
            return walks_of(window, selected, theta, graph, least)

        def system(affinity: Array, cost: Array, theta: Array) -> System:
            return system_of(window, affinity, cost, theta, graph, least)

        found, pull = jax.vjp(walks, selection.selected(), theta)
        of_selected, of_theta = pull(survival_gradient(found, graph.joined, weight))
        of_system = System(*cast(tuple[Any, ...], pull_back(selection, of_selected, window, definite=False)))
        of_affinity, of_cost, more = jax.vjp(system, affinity, cost, theta)[1](of_system)
        return of_affinity, of_cost, of_theta + more

    if kept.by_theta is None:
        return gradient(theta, kept.selection)
    # By theta last: the gradient of the log survival is less work than that of its derivative.
    ways = (jnp.ones_like(theta), kept.by_theta)
    return jax.jvp(gradient, (theta, kept.selection), ways)[1]
