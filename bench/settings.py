"""How the engine is started and which graph is asked for, the same for all tasks; imported by the engine's contestants."""

from __future__ import annotations

from typing import Any

from .contest import Arrays


def start_engine(threads: int) -> None:
    """Start JAX as the worker does, on the CPU."""
    from backend.runtime import start

    start("cpu", threads)


def neighbourhood(cell: float) -> Any:
    """Return the graph of `graphs.edge_costs`."""
    from backend.grid import Neighbourhood

    return Neighbourhood(cell, cell, neighbours=8, edge_rule="average_resistance", corners="open")


def model(inputs: Arrays) -> Any:
    """Return least cost and an exponential proximity of the inputs' `scale`, `limit` and `cell`."""
    import jax.numpy as jnp

    from backend.connectivity import LandscapeModel
    from backend.dispersal import load_kernel
    from backend.distances import LeastCostDistance
    from backend.proximity import Proximity

    proximity = Proximity(load_kernel("exponential"), jnp.asarray(float(inputs["scale"])))
    return LandscapeModel(LeastCostDistance(), proximity, neighbourhood(float(inputs["cell"])), float(inputs["limit"]))


def window_plan_of(inputs: Arrays, precision: str, gradient: bool, *, compiled: bool = True) -> Any:
    """Return the plan that the engine makes for windows of the inputs' `radius`: `compiled` of a pass over all of them."""
    from backend.window_plan import window_plan

    rows, columns = inputs["resistance"].shape
    radius = int(inputs["radius"])
    return window_plan(
        rows,
        columns,
        radius,
        radius,
        own_windows=False,
        gradient=gradient,
        item_bytes=4 if precision == "float32" else 8,
        threads=1,
        memory_limit=0,
        largest="the radius",
        compiled=compiled,
    )
