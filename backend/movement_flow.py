r"""Movement flow: how much movement between all cells passes through each cell and each step.

Movement :math:`m_{ij} = q_i q_j k(d_{ij})` (or :math:`q_i q_j`) goes from cell i to cell j. By the least-cost path or as randomised
shortest paths, what passes over a step is what the pair's distance gains when the step's cost does,
:math:`\sum_{ij} m_{ij} \, \partial d_{ij} / \partial c_{uv}`, with d the least cost or the free energy. So one reverse pass per window gives
the flow over all steps, and what passes through cells follows from it: nothing gets lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from .connectivity import LandscapeModel
from .distances import LeastCostDistance
from .distances.abstract_walk import AbstractWalkDistance
from .globe import nearest_around
from .grid import EdgeCosts, edge_costs, is_node
from .job import Report
from .journal import PassJournal, PassState
from .random_walk import walk_steps
from .solvers.block_elimination import transposed
from .solvers.randomised_paths import log_survival
from .solvers.shortest_paths import shortest_paths
from .window_plan import WindowPlan
from .window_shape import WindowShape
from .windows import Batch, Windows

#: Steps as the bands of a map: the neighbour that each leads to and comes from.
STEPS = ("east", "south", "southeast", "southwest")
Ends = Literal["start", "both", "neither"]
Weight = Literal["quality", "proximity"]


@dataclass(frozen=True)
class MovementFlow:
    """Flow of movement, in units of quality x quality.

    Parameters
    ----------
    steps : dict of array, shape (rows, columns)
        What passes over the step from each cell to its neighbour in the direction of ``STEPS``, and back; 0 where there is none.
    starts, ends : array, shape (rows, columns)
        Movement that starts and ends in each cell, the sum of m_ij over j and over i.
    closes : bool
        Whether the last column lies beside the first.
    """

    steps: dict[str, NDArray[np.float64]]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    closes: bool = False

    @property
    def total(self) -> float:
        """All movement: the sum of m_ij."""
        return float(self.starts.sum())

    def through(self, ends: Ends = "start") -> NDArray[np.float64]:
        """Return what passes through each cell, by what is counted of movement that starts or ends there.

        ``start``: movement counts where it starts and not where it ends, so that the flow over the steps out of a cell sums up to
        it. ``both``: it counts at either end. ``neither``: it counts in between only. Visits of a random walker count each time.
        """
        touching = np.zeros_like(self.starts)
        for name, (down, right) in zip(STEPS, ((0, 1), (1, 0), (1, 1), (1, -1))):
            flow = self.steps[name]
            touching += flow + moved(flow, down, right, closes=self.closes)
        # What enters and what starts is what leaves and what ends.
        leaving = (touching + self.starts - self.ends) / 2
        if ends == "both":
            return leaving + self.ends
        # Rounding must not leave a flow below 0 where nothing passes.
        return leaving if ends == "start" else np.maximum(leaving - self.starts, 0)


def moved(values: NDArray[np.float64], down: int, right: int, *, closes: bool) -> NDArray[np.float64]:
    """Return a raster moved by up to one row and column, 0 where nothing comes from; with `closes` around the globe."""
    found = np.roll(values, (down, right), axis=(0, 1))
    if down:
        found[0 if down > 0 else -1] = 0
    if right and not closes:
        found[:, 0 if right > 0 else -1] = 0
    return found


class _Weighed(NamedTuple):
    """Movement of a batch: m by window, cell and lane, and its sums by source and by cell."""

    movement: Float[Array, "windows height width lanes"]
    starts: Float[Array, "windows lanes"]
    ends: Float[Array, "windows height width"]


def movement_flow(
    model: LandscapeModel,
    plan: WindowPlan,
    resistance: NDArray[np.floating],
    quality: NDArray[np.floating],
    report: Report,
    *,
    weight: Weight = "proximity",
    movement_cost: NDArray[np.floating] | None = None,
    journal: PassJournal | None = None,
) -> MovementFlow:
    """Compute the flow of movement between all pairs of cells within reach.

    Parameters
    ----------
    model : LandscapeModel
        Its distance is least cost, or one of randomised shortest paths: then movement goes as these.
    plan : WindowPlan
        With least cost it does not change the result beyond rounding.
    resistance, quality : array, shape (rows, columns)
        Inf resistance is no node; NaN quality is 0.
    report : Report
        Hears of the progress; may cancel between batches.
    weight : {"proximity", "quality"}
        Whether m_ij is q_i q_j k_ij or q_i q_j; 0 for i = j and beyond the model's limit.
    movement_cost : array, shape (rows, columns), optional
        For distances that take one.
    journal : PassJournal, optional
        Where a run that was interrupted goes on, and leaves how far it is.

    Raises
    ------
    TypeError
        When the model's distance is not that of paths.
    """
    windows = Windows(plan, resistance, quality, habitat_only=True, movement_cost=movement_cost)
    shape = plan.window
    totals = np.zeros((len(STEPS) + 2, *windows.padded_shape))
    *steps, starts, ends = list(totals)
    begin = begun(journal, totals, report)
    for number, (batch, weighed, flows) in enumerate(_computed(model, windows, weight, report, begin), start=begin + 1):
        for total, values in zip(steps, flows):
            windows.add_windows(total, batch, np.asarray(values, float))
        windows.add_windows(ends, batch, np.asarray(weighed.ends))
        blocks = np.asarray(weighed.starts).reshape(-1, shape.block_rows, shape.block_columns)
        windows.put_blocks(starts, batch, blocks)
        if journal is not None and journal.is_due():
            journal.commit(PassState(batch.done, 0, number, [], totals))
    found = {name: windows.unpad(total) for name, total in zip(STEPS, steps)}
    return MovementFlow(found, windows.unpad(starts), windows.unpad(ends), closes=plan.around > 0)


def begun(journal: PassJournal | None, totals: NDArray[np.float64], report: Report) -> int:
    """Fill sums with those of a run that was interrupted, and return how many batches it had done."""
    state = journal.state() if journal is not None else None
    if journal is None or state is None or state.totals is None:
        return 0
    totals[:] = state.totals
    journal.say_continued(report, f"{state.share:.0%} was done")
    return state.batches


def _computed(
    model: LandscapeModel, windows: Windows, weight: Weight, report: Report, begin: int
) -> Iterator[tuple[Batch, _Weighed, EdgeCosts]]:
    """Compute all batches, the next one under way while the last is taken in if the plan allows two."""
    waiting: tuple[Batch, _Weighed, EdgeCosts] | None = None
    for batch in windows.batches(skip=begin):
        report.raise_if_cancelled()
        found = _of_batch(model, batch, windows.plan.window, weight)
        if windows.plan.under_way == 1:
            jax.block_until_ready(found)
        if waiting is not None:
            yield waiting
            report.progress(waiting[0].done, "")
        waiting = (batch, *found)
    if waiting is not None:
        yield waiting
    report.progress(1.0, "")


def _of_batch(model: LandscapeModel, batch: Batch, window: WindowShape, weight: Weight) -> tuple[_Weighed, EdgeCosts]:
    """Return the movement of some windows and its flow over their steps.

    In compiled stages: as one, XLA fuses sums into the loops and computes them again and again.
    """
    resistance, quality = jnp.asarray(batch.resistance), jnp.asarray(batch.quality)
    cost, latitude = (None if each is None else jnp.asarray(each) for each in batch.arrays(model.neighbourhood)[2:])
    sources = window.block(quality).reshape(-1, window.lanes)
    if isinstance(model.distance, LeastCostDistance):
        distance, pull = least_costs_and_pull(model, resistance, latitude, window)
        weighed = weigh(model, distance, quality, sources, window, None, weight)
        return weighed, pulled(pull, weighed.movement.astype(distance.dtype))
    if not isinstance(model.distance, AbstractWalkDistance):
        raise TypeError(f"{type(model.distance).__name__} is no distance along paths.")
    distance = _distances(model, resistance, cost, latitude, window)
    # One at a time, as `radius_plan` says.
    weighed = jax.block_until_ready(weigh(model, distance, quality, sources, window, None, weight))
    _, pull = survival_and_pull(model, resistance, cost, latitude, window, None)
    return weighed, walked(pulled(pull, weighed.movement.astype(float)), model)


@eqx.filter_jit
def _distances(
    model: LandscapeModel, resistance: Array, movement_cost: Array | None, latitude: Array | None, window: WindowShape
) -> Float[Array, "windows height width lanes"]:
    return model.distances(resistance, window, movement_cost, latitude)


@eqx.filter_jit
def least_costs_and_pull(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
) -> tuple[Float[Array, "windows height width lanes"], Callable[[Array], tuple[EdgeCosts]]]:
    """Return least costs, and what turns movement into its flow over steps."""
    costs = edge_costs(resistance, model.neighbourhood, latitude)
    sources = is_node(window.block(resistance)).reshape(len(resistance), window.lanes)
    return jax.vjp(lambda costs: shortest_paths(costs, window, model.limit, sources), costs)


@eqx.filter_jit
def survival_and_pull(
    model: LandscapeModel,
    resistance: Float[Array, "windows height width"],
    movement_cost: Float[Array, "windows height width"] | None,
    latitude: Float[Array, "windows height"] | None,
    window: WindowShape,
    lanes: Int[Array, " chosen"] | None,
) -> tuple[Float[Array, "windows height width lanes"], Callable[[Array], tuple[Array]]]:
    """Return log survivals, and what turns movement into -theta x its flow over directed steps."""
    distance: Any = model.distance
    theta = jnp.asarray(distance.theta, float)
    steps, edges = walk_steps(resistance, model.neighbourhood, distance.step_cost, movement_cost, latitude)

    def survival(cost: Array) -> Array:
        each = steps._replace(cost=cost)
        return log_survival(each, edges, is_node(resistance), window, theta, lanes=lanes)[0]

    return jax.vjp(survival, steps.cost.astype(float))


@eqx.filter_jit
def pulled(pull: Callable[[Array], tuple[Any]], movement: Array) -> Any:
    """Return the flow that movement makes."""
    return pull(movement)[0]


@eqx.filter_jit
def walked(gradient: Float[Array, "3 3 windows height width"], model: LandscapeModel) -> EdgeCosts:
    """Return the flow both ways over each step from the gradient of the log survival."""
    distance: Any = model.distance
    flow = -gradient / distance.theta
    both = flow + transposed(flow)
    return EdgeCosts(both[1, 2], both[2, 1], both[2, 2], both[2, 0])


@eqx.filter_jit
def weigh(
    model: LandscapeModel,
    distance: Float[Array, "windows height width lanes"],
    quality: Float[Array, "windows height width"],
    sources: Float[Array, "windows lanes"],
    window: WindowShape,
    lanes: Int[Array, " chosen"] | None,
    weight: Weight,
) -> _Weighed:
    """Return the movement between the sources of these lanes and all cells."""
    lanes = jnp.arange(window.lanes) if lanes is None else lanes
    row, column = window.halo_rows + lanes // window.block_columns, window.halo_columns + lanes % window.block_columns
    around = model.neighbourhood.around
    apart = jnp.arange(window.width)[:, None] - column
    own = (jnp.arange(window.height)[:, None, None] == row) & ((apart % around if around else apart) == 0)
    distance = nearest_around(jnp.where(own, jnp.inf, distance), around)
    k = model.proximity(distance) if weight == "proximity" else jnp.isfinite(distance).astype(distance.dtype)
    movement = k * quality[..., None] * sources[:, None, None]
    # Along rows in the working precision, over rows in float64.
    starts = movement.sum(axis=2).astype(float).sum(axis=1)
    return _Weighed(movement, starts, movement.astype(float).sum(axis=-1))
