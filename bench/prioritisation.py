"""Connectivity after ten cells have changed: only the windows that the change reaches, and from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .contest import Arrays, Case, Contestant, Task, Work
from .gradient import Silent
from .landscapes import landscape
from .settings import model, start_engine, window_plan_of
from .targets import Target, times_own

_CUTOFF = 0.01
_CHANGED = 10


def cases(quick: bool) -> Sequence[Case]:
    """Return squares of the real landscape."""
    return [_case(side) for side in ([256] if quick else [256, 700])]


def _case(side: int) -> Case:
    return Case(
        f"Djelk, {side} x {side}, {_CHANGED} cells changed", f"{side} x {side} cells, all sources", {"side": side}
    )


def inputs(case: Case) -> Arrays:
    """Return a landscape before and after, with windows of radius 20."""
    chosen = landscape("Djelk").cut(case.options["side"])
    random = np.random.default_rng(0)
    after = chosen.resistance.copy()
    cells = random.choice(after.size, _CHANGED, replace=False)
    # No lower than the smallest, so that the windows hold.
    after.ravel()[cells] = np.maximum(chosen.resistance.min(), after.ravel()[cells] / 2)
    limit = 20 * chosen.resistance.min() * chosen.cell * (1 + 1e-4)
    return {
        "resistance": chosen.resistance,
        "after": after,
        "quality": chosen.quality,
        "radius": np.array(20),
        "cell": np.array(chosen.cell),
        "limit": np.array(limit),
        "scale": np.array(limit / -np.log(_CUTOFF)),
    }


def _incremental(arrays: Arrays) -> Work:
    """Go to and fro between the two landscapes, and return C of the second."""
    start_engine(1)
    from backend.incremental import IncrementalConnectivity
    from backend.landscape_blocks import Blocks

    blocks = Blocks(model(arrays), window_plan_of(arrays, "float64", False, compiled=False), True)
    kept = IncrementalConnectivity(blocks, arrays["resistance"], arrays["quality"], Silent())
    kept.value()

    def run() -> Arrays:
        kept.move(arrays["after"], arrays["quality"])
        found = kept.value()
        kept.move(arrays["resistance"], arrays["quality"])
        kept.value()
        return {"C": np.array(found)}

    # Two changes of ten cells each.
    return Work(run, lambda found: found, 2)


def _from_scratch(arrays: Arrays) -> Work:
    """Compute C of the second landscape."""
    start_engine(1)
    from backend.connectivity import connectivity

    def run() -> Arrays:
        found = connectivity(
            model(arrays),
            window_plan_of(arrays, "float64", False, compiled=False),
            arrays["after"],
            arrays["quality"],
            Silent(),
            mean_distance=False,
        )
        return {"C": np.array(found.total)}

    return Work(run, lambda found: found, 1)


def error(result: Arrays, reference: Arrays, inputs: Arrays) -> float:
    """Return the relative difference of C."""
    return float(abs(result["C"] / reference["C"] - 1))


TASKS = (
    Task(
        name="prioritisation",
        title="Connectivity after ten cells have changed",
        introduction="C of a landscape in which ten cells have become easier to cross, least cost, windows of radius 20, one core: by "
        "computing again the sources that the change reaches, and from scratch.",
        unit="ms per change",
        scale=1e3,
        contestants=(
            Contestant("Driftway, incremental", "float64", "engine", _incremental, ours=True, caches=True),
            Contestant("Driftway, from scratch", "float64", "engine", _from_scratch, reference=True, caches=True),
        ),
        cases=cases,
        inputs=inputs,
        error=error,
        tolerance={"float32": 1e-4, "float64": 1e-10},
        targets=(
            Target(
                "from scratch, 700 x 700",
                10,
                "x following the change",
                times_own("Driftway, from scratch", "700 x 700"),
                at_least=True,
            ),
        ),
    ),
)
