"""Whether taking every cell away once is affordable, said before it begins. Light: the toolbox asks the same."""

from __future__ import annotations

from .errors import InputError
from .job import Report
from .window_plan import WindowPlan

_MOST_HOURS = 24.0


def check_criticality(plan: WindowPlan, report: Report) -> None:
    """Say how long it takes to compute every window without each of its cells, and refuse what takes more than a day.

    Parameters
    ----------
    plan : WindowPlan
        With the time of one pass.
    report : Report
        Hears the estimate.

    Raises
    ------
    InputError
        With the largest extent and the reach that would do.
    """
    cells = plan.window.height * plan.window.width
    hours = plan.seconds * cells / 3600
    if hours > _MOST_HOURS:
        share = _MOST_HOURS / hours
        raise InputError(
            "CRITICALITY",
            f"Each of the {plan.blocks} windows would be computed again without each of its {cells} cells, which takes about "
            f"{hours:.0f} hours; up to {_MOST_HOURS:.0f} are allowed.",
            f"Set EXTENT to {int(plan.rows * plan.columns * share)} cells or fewer, lower DISPERSAL_DISTANCE (or RADIUS) to "
            f"{100 * share**0.25:.0f} % or less, or use coarser rasters. Sensitivity to quality is the quick approximation.",
        )
    time = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} min" if hours * 60 > 1.5 else "a minute or two"
    report.message(f"Criticality computes each window again without each of its {cells} cells: about {time}.")
