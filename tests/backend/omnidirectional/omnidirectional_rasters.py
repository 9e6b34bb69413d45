"""Rasters in memory as the moving window reads them, and a run on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from omnidirectional_oracle import Question

from backend.moving_window import MovingWindow
from backend.omnidirectional import normalised, omnidirectional_current
from backend.omnidirectional_plan import OmnidirectionalPlan
from backend.omnidirectional_rows import Condition, RowSource, Strengths
from backend.raster_grid import Grid


class Band:
    """A band of a raster in memory."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def read(self, row: int, column: int, rows: int, columns: int) -> np.ndarray:
        return self.values[row : row + rows, column : column + columns].copy()


class Silence:
    """A report that nobody hears."""

    def message(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        pass

    def progress(self, fraction: float, step: str) -> None:
        pass

    def raise_if_cancelled(self) -> None:
        pass


def source_of(question: Question) -> RowSource:
    rows, columns = question.resistance.shape
    bands: Any = {"RESISTANCE": Band(question.resistance), "SOURCE": Band(question.strength)}
    conditions = []
    for number, (present, future, comparison, lower, upper) in enumerate(question.conditions):
        bands[f"P{number}"], bands[f"F{number}"] = Band(present), Band(future)
        conditions.append(Condition(f"P{number}", f"F{number}", comparison, lower, upper))
    if question.target is not None:
        bands["TARGET"] = Band(question.target)
    grid = Grid(rows, columns, 0.0, 0.0, 1.0, 1.0, False, "")
    strengths = Strengths(False, on_cells=not question.compatible)
    return RowSource(bands, grid, (0, 0), False, strengths, None, tuple(conditions))


def window_of(question: Question, **more) -> MovingWindow:
    return MovingWindow(
        question.radius,
        question.buffer,
        question.block,
        neighbours=question.neighbours,
        compatible=question.compatible,
        correct_artefacts=question.correct_artefacts,
        **more,
    )


def plan_of(lanes: int = 8, rows: int = 8) -> OmnidirectionalPlan:
    return OmnidirectionalPlan(1, lanes, rows, 10**8, 0, 0.0)


def currents_of(question: Question, lanes: int = 8, rows: int = 8, **more):
    shape = question.resistance.shape
    found = np.full((2, *shape), np.nan)

    def take(first, sums, cell):
        assert np.isnan(found[:, first : first + len(cell)]).all()  # each row comes once
        found[:, first : first + len(cell)] = sums

    omnidirectional_current(source_of(question), window_of(question, **more), plan_of(lanes, rows), take, Silence())
    return found[0], found[1], normalised(found[0], found[1])


def random_landscape(holes: bool = True, shape: tuple[int, int] = (23, 29), seed: int = 0):
    random = np.random.default_rng(seed)
    resistance = 10 ** random.uniform(0, 3, shape)
    if holes:
        resistance[random.random(shape) < 0.15] = np.nan
    strength = random.random(shape) * (random.random(shape) < 0.7)
    return resistance, strength
