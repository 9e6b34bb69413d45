"""Which cells a budget can be spent on, what they cost, and what is settled beforehand; light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .actions import Action
from .errors import InputError
from .job import Report
from .landscape_checks import LandscapeHeaders, read_whole

RASTERS = ("COST", "CANDIDATES", "LOCKED_IN", "LOCKED_OUT")


@dataclass(frozen=True)
class Candidates:
    """Cells, costs and budget.

    Parameters
    ----------
    candidate : array of bool, shape (rows, columns)
        Cells where the action is possible and changes something, locked-in ones among them.
    locked_in : array of bool, shape (rows, columns)
        Candidates that are selected first.
    cost : array, shape (rows, columns)
        Cost of a cell in the unit of the budget; meaningless where there is no candidate.
    budget : float
        What can be spent, > 0.
    unit : str
        ``"cells"``, ``"area"`` or ``"cost"``.
    """

    candidate: NDArray[np.bool_]
    locked_in: NDArray[np.bool_]
    cost: NDArray[np.float64]
    budget: float
    unit: str


def check_budget(values: dict[str, Any]) -> str:
    """Check the budget's size and return its unit.

    Raises
    ------
    InputError
        When it is not above 0, or is a cost without a cost raster.
    """
    if values["BUDGET"] <= 0:
        raise InputError("BUDGET", f"It is {values['BUDGET']:g}: nothing can be done.", "Give a budget above 0.")
    unit = values["BUDGET_UNIT"]
    if unit == "automatic":
        return "cost" if values["COST"] else "cells"
    if unit == "cost" and not values["COST"]:
        raise InputError("BUDGET_UNIT", "The budget is a cost, but there is no COST raster.", "Give COST.")
    return unit


def read_candidates(headers: LandscapeHeaders, values: dict[str, Any], action: Action, report: Report) -> Candidates:
    """Read and check the rasters that say where action is possible and what it costs.

    Raises
    ------
    InputError
        When no cell is left, a cost is not above 0, or the budget cannot pay what is locked in or any cell at all.
    """
    unit = check_budget(values)
    cost = _cost(headers, unit, report)
    candidate = _possible(headers, values, action, cost, report)
    locked_in = np.zeros_like(candidate)
    if "LOCKED_IN" in headers.bands:
        wanted = _mask(headers, "LOCKED_IN", report)
        locked_in = wanted & candidate
        if (wanted & ~locked_in).any():
            report.warning(
                f"LOCKED_IN: {int((wanted & ~locked_in).sum())} cells are no candidates (barrier, locked out, without "
                "cost, or nothing to change there) and are left out."
            )
    spent, cheapest = float(cost[locked_in].sum()), float(cost[candidate].min())
    if spent > values["BUDGET"] * (1 + 1e-9):
        raise InputError(
            "LOCKED_IN",
            f"Its {int(locked_in.sum())} cells take {spent:g} {unit}, the budget is {values['BUDGET']:g}.",
            "Raise BUDGET or lock fewer cells in.",
        )
    if cheapest > values["BUDGET"]:
        raise InputError(
            "BUDGET",
            f"{values['BUDGET']:g} does not pay for one cell: the cheapest takes {cheapest:g} {unit}.",
            "Raise it, or check BUDGET_UNIT.",
        )
    if float(cost[candidate].sum()) <= values["BUDGET"]:
        report.warning("The budget pays for all candidates: there is nothing to prioritise.")
    return Candidates(candidate, locked_in, cost, float(values["BUDGET"]), unit)


def _mask(headers: LandscapeHeaders, name: str, report: Report) -> NDArray[np.bool_]:
    values = read_whole(headers, name, report)
    return ~np.isnan(values) & (values != 0)


def _cost(headers: LandscapeHeaders, unit: str, report: Report) -> NDArray[np.float64]:
    grid = headers.grid
    even = np.full((grid.rows, grid.columns), grid.cell_width * grid.cell_height if unit == "area" else 1.0)
    if "COST" not in headers.bands:
        return even
    cost = read_whole(headers, "COST", report)
    wrong = (cost <= 0) | np.isinf(cost)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            "COST",
            f"{int(wrong.sum())} cells cost nothing, less or infinitely much (first at row "
            f"{headers.corner[0] + row + 1}, column {headers.corner[1] + column + 1}: {cost[row, column]:g}).",
            "Give every candidate a cost > 0; nodata means that it is no candidate.",
        )
    return cost if unit == "cost" else np.where(np.isnan(cost), np.nan, even)


def _possible(
    headers: LandscapeHeaders,
    values: dict[str, Any],
    action: Action,
    cost: NDArray[np.float64],
    report: Report,
) -> NDArray[np.bool_]:
    movement = read_whole(headers, "MOVEMENT", report)
    node = np.isfinite(headers.movement.resistance(movement, np))
    possible = node & ~np.isnan(cost)
    if "CANDIDATES" in headers.bands:
        mask = _mask(headers, "CANDIDATES", report)
        if not mask.any():
            raise InputError("CANDIDATES", "The mask is empty: no cell has a value other than 0.", "Mark cells with 1.")
        possible &= mask
    if "LOCKED_OUT" in headers.bands:
        possible &= ~_mask(headers, "LOCKED_OUT", report)
    value = movement if action.raster == "movement" else np.nan_to_num(read_whole(headers, "QUALITY", report))
    with np.errstate(divide="ignore"):
        changes = action.after(np.where(node, value, 1)) != action.before(np.where(node, value, 1), node)
    unchanged = int((possible & ~changes).sum())
    possible &= changes
    if not possible.any():
        raise InputError(
            "CANDIDATES" if not unchanged else "ACTION",
            "No cell is left to act in: candidates must be no barriers, not be locked out, and have a cost."
            if not unchanged
            else f"It changes nothing in any of the {unchanged} candidates.",
            "Check CANDIDATES, LOCKED_OUT, COST and AMOUNT.",
        )
    return possible
