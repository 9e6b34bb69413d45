"""The whole of connectivity and of sensitivity, window by window, on one core and on two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .contest import Arrays, Case, Contestant, Task, Work, largest_error
from .gradient import Silent
from .landscapes import landscape
from .settings import model, start_engine, window_plan_of
from .targets import Target, times_tool


def cases(quick: bool) -> Sequence[Case]:
    """Return (C alone, C with both gradients) of a raster of several batches."""
    side = 96 if quick else 720
    return [
        Case(
            f"Djelk, window 41, {'C and both gradients' if gradients else 'C alone'}",
            f"{side} x {side} cells, all sources",
            {"side": side, "gradients": gradients},
        )
        for gradients in (False, True)
    ]


def inputs(case: Case) -> Arrays:
    """Return a square of the landscape."""
    chosen = landscape("Djelk").cut(case.options["side"])
    limit = 20 * chosen.resistance.min() * chosen.cell * (1 + 1e-4)
    return {
        "resistance": chosen.resistance,
        "quality": chosen.quality,
        "radius": np.array(20),
        "cell": np.array(chosen.cell),
        "limit": np.array(limit),
        "scale": np.array(limit / 5),
        "gradients": np.array(case.options["gradients"]),
    }


def _on(cores: int) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        start_engine(cores)
        from backend.connectivity import connectivity, connectivity_gradient

        plan, chosen = window_plan_of(inputs, "float64", bool(inputs["gradients"])), model(inputs)
        resistance, quality = inputs["resistance"], inputs["quality"]

        def run() -> Any:
            compute = connectivity_gradient if inputs["gradients"] else connectivity
            return compute(chosen, plan, resistance, quality, Silent())

        return Work(run, lambda found: {"C": np.array(found.total)}, 1.0)

    return prepare


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the relative error of C."""
    return largest_error(result, reference)


TASKS = (
    Task(
        name="scaling",
        title="Two cores beside one",
        introduction="The whole of connectivity, with all that the windows' batches take besides their kernels. Read the wall time.",
        unit="s",
        scale=1.0,
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float64": 1e-12},
        contestants=(
            Contestant("Driftway, one core", "float64", "engine", _on(1), ours=True, reference=True, caches=True),
            Contestant("Driftway, two cores", "float64", "engine", _on(2), caches=True, cores=2),
        ),
        targets=(
            Target("two cores", 1.7, "x as fast as one", times_tool("Driftway, one", "Driftway, two"), at_least=True),
        ),
        clock="wall",
    ),
)
