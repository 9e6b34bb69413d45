"""Sensitivity and elasticity of connectivity to the rasters as they were given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .coarsening import coarse_gradient_by_rows
from .connectivity import GradientNumbers, connectivity_gradient, gradient_by_rows
from .job import Report
from .journal import Journal
from .landscape import Landscape, OpenLandscape
from .window_pass import Finished
from .window_plan import WindowPlan


@dataclass(frozen=True)
class Sensitivity:
    """Gradient of connectivity.

    Parameters
    ----------
    total : float
        C.
    sensitivity, elasticity : dict of array, shape (rows, columns)
        dC / dx and x dC / dx by ``"movement"``, ``"quality"`` and ``"movement_cost"``; 0 where there is no node.
    scale : float
        dC / d d0.
    """

    total: float
    sensitivity: dict[str, NDArray[np.float64]]
    elasticity: dict[str, NDArray[np.float64]]
    scale: float


@dataclass(frozen=True)
class SensitivityRows:
    """Some rows of what `sensitivity_by_rows` finds: as in `Sensitivity`, from row `first` on."""

    first: int
    node: NDArray[np.bool_]
    sensitivity: dict[str, NDArray[np.float64]]
    elasticity: dict[str, NDArray[np.float64]]


def sensitivity_by_rows(
    landscape: OpenLandscape,
    with_respect_to: Sequence[str],
    take: Callable[[SensitivityRows], None],
    report: Report,
    *,
    count_self: bool = False,
    journal: Journal,
) -> tuple[GradientNumbers, float]:
    """Compute the exact gradient of C, give it away row by row, and return its numbers.

    Where the landscape is coarse, C is that of the coarse definition; what it changes is returned second, relative; else 0.

    Parameters
    ----------
    landscape : OpenLandscape
    with_respect_to : sequence of str
        Some of ``"movement"``, ``"quality"`` and, where steps have a cost of their own, ``"movement_cost"``.
    take : callable
        Is given rows as they are finished, in order.
    report : Report
        Hears of the progress; may cancel.
    count_self : bool
        Whether C counts the pairs i = j, which adds 2 q to its derivative with respect to quality.
    journal : Journal
        Keeps what is finished.
    """

    def finish(done: Finished) -> None:
        strip, (by_resistance, by_quality, *by_cost) = done.strip, done.of_cells
        node, movement, cost = strip.node, strip.movement, strip.movement_cost
        gradients, values = {}, {}
        if "movement" in with_respect_to and movement is not None:
            gradients["movement"] = np.where(node, by_resistance, 0) * landscape.reading.derivative(movement, np)
            values["movement"] = np.where(node, movement, 0)
        if "quality" in with_respect_to:
            gradients["quality"] = np.where(node, by_quality, 0) + 2 * strip.quality * count_self
            values["quality"] = strip.quality
        if by_cost and cost is not None:
            gradients["movement_cost"] = np.where(node, by_cost[0], 0)
            values["movement_cost"] = np.where(node, cost, 0)
        elasticity = {to: values[to] * gradient for to, gradient in gradients.items()}
        take(SensitivityRows(strip.first, node, gradients, elasticity))

    habitat_only = "quality" not in with_respect_to
    model, cells = landscape.model, landscape.cells
    if landscape.coarse is not None:
        total, scale, error = coarse_gradient_by_rows(
            model, landscape.coarse, cells, finish, report, journal, habitat_only=habitat_only
        )
        return GradientNumbers(total, scale), error.total
    found = gradient_by_rows(
        model,
        landscape.windows,
        cells,
        finish,
        report,
        habitat_only=habitat_only,
        by_movement_cost="movement_cost" in with_respect_to,
        journal=journal.pass_("gradient"),
    )
    return found, 0.0


def sensitivity(
    landscape: Landscape,
    plan: WindowPlan,
    with_respect_to: Sequence[str],
    report: Report,
    *,
    count_self: bool = False,
) -> Sensitivity:
    """Compute the exact gradient of C.

    Parameters
    ----------
    landscape : Landscape
    plan : WindowPlan
    with_respect_to : sequence of str
        ``"movement"``, ``"quality"`` or both.
    report : Report
        Hears of the progress; may cancel.
    count_self : bool
        Whether C counts the pairs i = j, which adds 2 q to its derivative with respect to quality.

    Returns
    -------
    Sensitivity
    """
    quality = np.nan_to_num(landscape.quality)
    found = connectivity_gradient(
        landscape.model,
        plan,
        landscape.resistance,
        quality.astype(landscape.dtype),
        report,
        habitat_only="quality" not in with_respect_to,
        movement_cost=landscape.movement_cost,
    )
    node = landscape.node
    values = {"movement": landscape.movement, "quality": quality}
    gradients: dict[str, NDArray[np.float64]] = {}
    if "movement" in with_respect_to:
        gradients["movement"] = landscape.by_movement(found.resistance)
    if "quality" in with_respect_to:
        gradients["quality"] = found.quality + np.where(node, 2 * quality, 0) * count_self
    own = float((quality[node] ** 2).sum()) if count_self else 0.0
    return Sensitivity(
        total=found.total + own,
        sensitivity=gradients,
        elasticity={to: np.where(node, values[to], 0) * gradient for to, gradient in gradients.items()},
        scale=found.scale,
    )
