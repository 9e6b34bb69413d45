"""What a budget can be spent on - cells, blocks of cells or parcels - what they cost, and what is settled beforehand; light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .actions import Action
from .errors import InputError
from .geographic import row_areas
from .job import Report
from .landscape_headers import LandscapeHeaders, read_whole
from .parcels import Parcels, field_of_costs, polygon_layer, read_parcels
from .vector_io import VectorLayer
from .wording import counted

RASTERS = ("COST", "CANDIDATES", "LOCKED_IN", "LOCKED_OUT")
TARGETS = {"movement": "TARGET_MOVEMENT", "quality": "TARGET_QUALITY"}


@dataclass(frozen=True)
class Candidates:
    """Candidates, costs and budget.

    Parameters
    ----------
    number : int32 array, shape (rows, columns)
        Which candidate each cell belongs to, -1 for none. Only cells where the action is possible and changes something.
    cost : array, shape (candidates,)
        In the unit of the budget, > 0.
    locked_in : array of bool, shape (candidates,)
        Selected first.
    budget : float
        What can be spent, > 0.
    unit : str
        ``"cells"``, ``"candidates"``, ``"area"`` or ``"cost"``.
    parcels : Parcels or None
        Where the candidates are polygons.
    feature : int array, shape (candidates,), or None
        Place of each candidate in the parcels' table.
    """

    number: NDArray[np.int32]
    cost: NDArray[np.float64]
    locked_in: NDArray[np.bool_]
    budget: float
    unit: str
    parcels: Parcels | None = None
    feature: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.cost)

    @property
    def candidate(self) -> NDArray[np.bool_]:
        """Cells that belong to a candidate, shape (rows, columns)."""
        return self.number >= 0

    @cached_property
    def cells(self) -> NDArray[np.intp]:
        """Flat numbers of all cells of candidates, in the order of the candidates."""
        flat = self.number.ravel()
        there = np.flatnonzero(flat >= 0)
        return there[np.argsort(flat[there], kind="stable")]

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """Where the cells of each candidate begin in `cells`; one more entry than candidates."""
        return np.searchsorted(self.number.ravel()[self.cells], np.arange(len(self) + 1))

    def cells_of(self, candidate: int) -> NDArray[np.intp]:
        """Return the flat numbers of a candidate's cells."""
        return self.cells[self.first[candidate] : self.first[candidate + 1]]

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of a raster over the cells of each candidate."""
        here = self.candidate
        return np.bincount(self.number[here], values[here], len(self)).astype(float)

    def spread(self, values: NDArray[Any], elsewhere: Any = 0) -> NDArray[Any]:
        """Return a raster of one value per candidate."""
        found = np.full(self.number.shape, elsewhere, np.asarray(values).dtype)
        here = self.candidate
        found[here] = np.asarray(values)[self.number[here]]
        return found


def budget_unit(values: dict[str, Any]) -> str:
    """Check the budget's size and return its unit.

    Raises
    ------
    InputError
        When it is not above 0, or is a cost and there is none.
    """
    if values["BUDGET"] <= 0:
        raise InputError("BUDGET", f"It is {values['BUDGET']:g}: nothing can be done.", "Give a budget above 0.")
    unit = values["BUDGET_UNIT"]
    by_field = values.get("PARCELS") and values.get("COST_FIELD")
    if values.get("COST_FIELD") and not values.get("PARCELS"):
        raise InputError("COST_FIELD", "It is a field of the parcels, and there are none.", "Give PARCELS.")
    if values["COST"] and by_field:
        raise InputError("COST_FIELD", "Costs are given by COST as well.", "Give either COST or COST_FIELD.")
    if unit == "automatic":
        if values["COST"] or by_field:
            return "cost"
        return "candidates" if values.get("PARCELS") or values.get("BLOCK_SIDE", 1) > 1 else "cells"
    if unit == "cost" and not values["COST"] and not by_field:
        raise InputError("BUDGET_UNIT", "The budget is a cost, but there is no COST raster.", "Give COST.")
    return unit


def candidate_layer(headers: LandscapeHeaders, values: dict[str, Any]) -> VectorLayer | None:
    """Open the layer of parcels, or return None.

    Raises
    ------
    InputError
        When it cannot be used, its cost field is missing, or blocks are asked for as well.
    """
    if not values.get("PARCELS"):
        return None
    if values["BLOCK_SIDE"] > 1:
        raise InputError("BLOCK_SIDE", "The candidates are parcels already.", "Set it to 1, or leave PARCELS empty.")
    layer = polygon_layer(values["PARCELS"], headers.grid, "PARCELS")
    if values["COST_FIELD"]:
        layer.field(values["COST_FIELD"], "COST_FIELD", numeric=True)
    return layer


def read_candidates(headers: LandscapeHeaders, values: dict[str, Any], action: Action, report: Report) -> Candidates:
    """Read and check what says where action is possible and what it costs.

    Raises
    ------
    InputError
        When nothing is left to choose, a cost is not above 0, or the budget cannot pay what is locked in or anything at all.
    """
    unit = budget_unit(values)
    layer = candidate_layer(headers, values)
    cell_cost = _cell_cost(headers, unit, report)
    possible = _possible(headers, values, action, cell_cost, report)
    _check_costs(headers, possible, report)
    parcels = read_parcels(layer, headers.grid, report) if layer is not None else None
    number, feature = _numbered(possible, parcels, int(values["BLOCK_SIDE"]))
    cost: NDArray[np.float64] = np.bincount(number[number >= 0], cell_cost[number >= 0]).astype(float)
    if unit == "candidates":
        cost = np.ones(len(cost))
    if layer is not None and parcels is not None and feature is not None and values["COST_FIELD"]:
        of_field = field_of_costs(parcels, layer.field(values["COST_FIELD"], "COST_FIELD", numeric=True))[feature]
        if unit == "cost":
            cost = of_field
        number, feature, cost = _without(number, feature, cost, np.isnan(of_field))
    locked_in, number, cost, feature = _locked(headers, number, cost, feature, report)
    found = Candidates(number, cost, locked_in, float(values["BUDGET"]), unit, parcels, feature)
    _check_affordable(found, "parcel" if parcels else "block" if values["BLOCK_SIDE"] > 1 else "cell", report)
    return found


def mask(headers: LandscapeHeaders, name: str, report: Report) -> NDArray[np.bool_]:
    """Return where a raster has a valid value other than 0."""
    values = read_whole(headers, name, report)
    return ~np.isnan(values) & (values != 0)


def _amount(value: float, unit: str) -> str:
    return "1 cell" if value == 1 and unit == "cells" else f"{value:g} {unit}"


def _cell_cost(headers: LandscapeHeaders, unit: str, report: Report) -> NDArray[np.float64]:
    grid = headers.grid
    even = np.ones((grid.rows, grid.columns))
    if unit == "area":
        even *= row_areas(headers.sphere, grid.rows)[:, None] if headers.sphere else grid.cell_width * grid.cell_height
    if "COST" not in headers.bands:
        return even
    cost = read_whole(headers, "COST", report)
    return cost if unit == "cost" else np.where(np.isnan(cost), np.nan, even)


def _check_costs(headers: LandscapeHeaders, possible: NDArray[np.bool_], report: Report) -> None:
    """Raise `InputError` where a cell that could be acted in has no cost > 0; what the others hold, such as 0 in water, is no matter."""
    if "COST" not in headers.bands:
        return
    cost = read_whole(headers, "COST", report)
    wrong = possible & ((cost <= 0) | np.isinf(cost))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            "COST",
            f"{counted(int(wrong.sum()), 'cell costs', 'cells cost')} nothing, less or infinitely much (first at row "
            f"{headers.corner[0] + row + 1}, column {headers.corner[1] + column + 1}: {cost[row, column]:g}).",
            "Give every candidate a cost > 0; nodata means that it is no candidate.",
        )


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
        wanted = mask(headers, "CANDIDATES", report)
        if not wanted.any():
            raise InputError("CANDIDATES", "The mask is empty: no cell has a value other than 0.", "Mark cells with 1.")
        possible &= wanted
    if "LOCKED_OUT" in headers.bands and values["BLOCK_SIDE"] == 1 and not values["PARCELS"]:
        possible &= ~mask(headers, "LOCKED_OUT", report)
    given = {"movement": movement, "quality": np.nan_to_num(read_whole(headers, "QUALITY", report))}
    changes = np.zeros_like(node)
    with np.errstate(divide="ignore", invalid="ignore"):
        for raster in action.rasters:
            value = np.where(node, given[raster], 1)
            changes |= action.after(raster, value) != action.before(raster, value, node)
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


def _numbered(
    possible: NDArray[np.bool_], parcels: Parcels | None, side: int
) -> tuple[NDArray[np.int32], NDArray[np.intp] | None]:
    rows, columns = possible.shape
    if parcels is not None:
        label = parcels.number
        if not (possible & (label >= 0)).any():
            raise InputError(
                "PARCELS", "In none of them is a cell left to act in.", "Check CANDIDATES, LOCKED_OUT, COST and AMOUNT."
            )
    else:
        row, column = np.indices(possible.shape)
        label = row // side * math.ceil(columns / side) + column // side
    here = possible & (label >= 0)
    names, numbers = np.unique(label[here], return_inverse=True)
    number = np.full((rows, columns), -1, np.int32)
    number[here] = numbers
    return number, names.astype(np.intp) if parcels is not None else None


def _without(
    number: NDArray[np.int32], feature: NDArray[np.intp] | None, cost: NDArray[np.float64], gone: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.intp] | None, NDArray[np.float64]]:
    if gone.all():
        raise InputError(
            "CANDIDATES",
            "No candidate is left: all are locked out or without a cost.",
            "Check LOCKED_OUT and the costs.",
        )
    new = np.where(gone, -1, np.cumsum(~gone) - 1).astype(np.int32)
    number = np.where(number >= 0, new[number], -1).astype(np.int32)
    return number, None if feature is None else feature[~gone], cost[~gone]


def _locked(
    headers: LandscapeHeaders,
    number: NDArray[np.int32],
    cost: NDArray[np.float64],
    feature: NDArray[np.intp] | None,
    report: Report,
) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.float64], NDArray[np.intp] | None]:
    """Return which candidates are locked in, and the candidates without those locked out: what more than half of their cells are."""
    if "LOCKED_OUT" in headers.bands:
        out = _mostly(mask(headers, "LOCKED_OUT", report), number, len(cost))
        number, feature, cost = _without(number, feature, cost, out)
    locked_in = np.zeros(len(cost), bool)
    if "LOCKED_IN" in headers.bands:
        wanted = mask(headers, "LOCKED_IN", report)
        locked_in = _mostly(wanted, number, len(cost))
        lost = wanted & (number < 0)
        if lost.any():
            report.warning(
                f"LOCKED_IN: {counted(int(lost.sum()), 'cell is no candidate', 'cells are no candidates')} (barrier, locked out, without cost, or nothing to change "
                "there): left out."
            )
    return locked_in, number, cost, feature


def _mostly(marked: NDArray[np.bool_], number: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    here = number >= 0
    return np.bincount(number[here], marked[here], count) > 0.5 * np.bincount(number[here], minlength=count)


def _check_affordable(found: Candidates, word: str, report: Report) -> None:
    spent, cheapest = float(found.cost[found.locked_in].sum()), float(found.cost.min())
    if spent > found.budget * (1 + 1e-9):
        raise InputError(
            "LOCKED_IN",
            f"Its {counted(int(found.locked_in.sum()), f'{word} takes', f'{word}s take')} {_amount(spent, found.unit)}, the budget is {found.budget:g}.",
            "Raise BUDGET or lock fewer cells in.",
        )
    if cheapest > found.budget * (1 + 1e-12):
        raise InputError(
            "BUDGET",
            f"{found.budget:g} does not pay for one {word}: the cheapest takes {_amount(cheapest, found.unit)}.",
            "Raise it, or check BUDGET_UNIT.",
        )
    if float(found.cost.sum()) <= found.budget:
        report.warning("The budget pays for all candidates: there is nothing to prioritise.")
    if found.locked_in.all():
        report.warning("LOCKED_IN holds all candidates: there is nothing to choose.")
