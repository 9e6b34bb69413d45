"""The steps of a random walker on a raster: how likely and how costly each is."""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .grid import EdgeCosts, Neighbourhood, edge_costs, is_node, step_lengths
from .solvers.randomised_paths import Steps, existing_steps, log_survival
from .solvers.walk_system import over_there
from .window_shape import WindowShape

StepCost = Literal["minus_log", "inverse", "raster"]


def walk_steps(
    resistance: Float[Array, "windows height width"],
    neighbourhood: Neighbourhood,
    step_cost: StepCost,
    movement_cost: Float[Array, "windows height width"] | None = None,
    latitude: Float[Array, "windows height"] | None = None,
) -> tuple[Steps, EdgeCosts]:
    r"""Return affinity and cost of every step, and the graph of the steps.

    The affinity is :math:`A_{ij} = a_j / l`, with the permeability :math:`a_j` = 1 / resistance of the cell that the step leads to
    and its length :math:`l` in units of the shortest side of a cell. Its cost :math:`C_{ij}` is

    - ``minus_log``: :math:`-\log A_{ij}`, without a unit; >= 0 where no permeability is above 1;
    - ``inverse``: resistance of the cell that the step leads to, times the length in map units;
    - ``raster``: the same with a second raster instead of the resistance.

    Parameters
    ----------
    resistance : (windows, height, width)
        > 0; inf where there is no node.
    neighbourhood : Neighbourhood
        Its edge rule is not used.
    step_cost : {"minus_log", "inverse", "raster"}
    movement_cost : (windows, height, width)
        >= 0, with ``raster``.
    latitude : (windows, height), optional
        Of the centres of the rows, radians, where the neighbourhood has a sphere.
    """
    node = is_node(resistance)
    r = jnp.where(node, resistance, 1)
    edges = edge_costs(resistance, neighbourhood, latitude)
    lengths = step_lengths(neighbourhood, latitude).astype(r.dtype)
    relative = lengths / min(neighbourhood.cell_width, neighbourhood.cell_height)
    beyond = over_there(r, 1)
    if step_cost == "minus_log":
        cost = jnp.log(beyond * relative)
    elif step_cost == "inverse":
        cost = beyond * lengths
    elif movement_cost is None:
        raise ValueError("the cost of a step is that of a raster, but there is none; give movement_cost.")
    else:
        cost = over_there(jnp.where(node, movement_cost, 0), 0) * lengths
    return Steps(existing_steps(edges), 1 / (beyond * relative), cost), edges


def walk_log_survival(
    resistance: Float[Array, "windows height width"],
    neighbourhood: Neighbourhood,
    window: WindowShape,
    step_cost: StepCost,
    theta: Float[Array, ""],
    movement_cost: Float[Array, "windows height width"] | None = None,
    *,
    latitude: Float[Array, "windows height"] | None = None,
    by_theta: bool = False,
    forward_mode: bool = False,
) -> tuple[Float[Array, "windows height width lanes"], Bool[Array, "windows height width lanes"]]:
    """Return the log of the probability to survive the walk to each cell, and which cells are joined; see `log_survival`."""
    steps, edges = walk_steps(resistance, neighbourhood, step_cost, movement_cost, latitude)
    return log_survival(steps, edges, is_node(resistance), window, theta, by_theta=by_theta, forward_mode=forward_mode)
