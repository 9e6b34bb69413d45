"""Windows of omnidirectional current: currents and null model of circles around targets, beside direct solvers per window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contest import Arrays, Case, Contestant, Task, Work, largest_error
from .settings import start_engine
from .targets import Target, times_own

#: Windows that a peer solves; the first of all.
_SAMPLE = 3
_STEPS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, math.sqrt(2)), (1, -1, math.sqrt(2)))


def cases(quick: bool) -> Sequence[Case]:
    """Return radius x block."""
    wanted = [(20, 1), (20, 5)] if quick else [(r, b) for r in (20, 50, 100) for b in (1, 5, 11)]
    return [_case(*each) for each in wanted]


def _case(radius: int, block: int) -> Case:
    side = {20: 32, 50: 12, 100: 6}[radius]
    cells = 2 * _edge(radius, block) + side * block
    return Case(
        f"radius {radius}, block {block}",
        f"{side * side} windows of {2 * radius + 1} x {2 * radius + 1} cells",
        {"radius": radius, "block": block, "side": side, "cells": cells},
    )


def _edge(radius: int, block: int) -> int:
    """Return the cells around the targets: whole blocks, and as many as a window reaches."""
    return -(-radius // block) * block


def inputs(case: Case) -> Arrays:
    """Return resistances over four decades in patches, strengths, and targets whose windows lie whole in the raster."""
    options = case.options
    random = np.random.default_rng(3)
    cells = options["cells"]
    coarse = random.random((cells // 4 + 2, cells // 4 + 2)).repeat(4, 0).repeat(4, 1)[:cells, :cells]
    resistance = 10 ** (3.5 * coarse + 0.5 * random.random((cells, cells)))
    target = np.zeros((cells, cells))
    edge = _edge(options["radius"], options["block"])
    target[edge : edge + options["side"] * options["block"], edge : edge + options["side"] * options["block"]] = 1
    return {
        "resistance": resistance,
        "target": target,
        "radius": np.array(options["radius"]),
        "block": np.array(options["block"]),
        "windows": np.array(options["side"] ** 2),
    }


def _targets(inputs: Arrays) -> NDArray[np.int64]:
    """Return rows and columns of the targets that the peers compute: the first row's."""
    block, half = int(inputs["block"]), int(inputs["block"]) // 2
    row, column = np.argwhere(inputs["target"] > 0)[0]
    return np.array([(row + half, column + half + k * block) for k in range(_SAMPLE)])


# ---------------------------------------------------------------- ours


class _Band:
    """A band of a raster in memory."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._values = values

    def read(self, row: int, column: int, rows: int, columns: int) -> NDArray[np.float64]:
        return self._values[row : row + rows, column : column + columns].copy()


class _Quiet:
    """A report that nobody hears."""

    def message(self, text: str) -> None:
        """Say nothing."""

    warning = message

    def progress(self, fraction: float, step: str) -> None:
        """Say nothing."""

    def raise_if_cancelled(self) -> None:
        """Go on."""


def _ours(threads: int) -> Callable[[Arrays], Work]:
    def prepare(inputs: Arrays) -> Work:
        start_engine(threads)
        from backend.moving_window import MovingWindow
        from backend.omnidirectional import omnidirectional_current
        from backend.omnidirectional_plan import OmnidirectionalPlan
        from backend.omnidirectional_rows import RowSource, Strengths
        from backend.raster_grid import Grid
        from backend.solvers.threads import set_thread_count

        window = MovingWindow(float(inputs["radius"]), block=int(inputs["block"]), correct_artefacts=False)
        rows, columns = inputs["resistance"].shape
        grid = Grid(rows, columns, 0.0, 0.0, 1.0, 1.0, False, "")
        plan = OmnidirectionalPlan(int(inputs["windows"]), 8, 32, 256_000_000, 0, 0.0)

        def compute(target: NDArray[np.float64]) -> NDArray[np.float64]:
            bands: Any = {"RESISTANCE": _Band(inputs["resistance"]), "TARGET": _Band(target)}
            source = RowSource(bands, grid, (0, 0), False, Strengths(True))
            found = np.zeros((2, rows, columns))

            def take(first: int, sums: NDArray[np.float64], cell: NDArray[np.bool_]) -> None:
                found[:, first : first + len(cell)] = sums

            omnidirectional_current(source, window, plan, take, _Quiet())
            return found

        def result(_: Any) -> Arrays:
            few, half = np.zeros_like(inputs["target"]), int(inputs["block"]) // 2
            for row, column in _targets(inputs):
                few[row - half : row + half + 1, column - half : column + half + 1] = 1
            current, potential = compute(few)
            return {"current": current, "potential": potential}

        set_thread_count(threads)
        return Work(lambda: compute(inputs["target"]), result, float(inputs["windows"]) / 1000)

    return prepare


# ---------------------------------------------------------------- peers


def _circle(inputs: Arrays) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    radius, half = int(inputs["radius"]), int(inputs["block"]) // 2
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.hypot(down, right) <= radius, (abs(down) <= half) & (abs(right) <= half)


def _edges(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return both ends of all edges in a circle, as places in the square, and their lengths."""
    side = inside.shape[1]
    padded = np.pad(inside, 1)
    cells = np.flatnonzero(inside)
    row, column = np.divmod(cells, side)
    found = []
    for down, right, length in _STEPS:
        there = padded[row + 1 + down, column + 1 + right]
        one = cells[there]
        found.append((one, one + down * side + right, np.full(len(one), length)))
    one, other, length = (np.concatenate(part) for part in zip(*found, strict=True))
    return one, other, length


def _peer(solver: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Arrays], Work]:
    """Assemble, factorise and solve every window and its null model, as Omniscape does.

    `solver` gets a matrix of the windows' pattern and returns what factorises one.
    """

    def prepare(inputs: Arrays) -> Work:
        import scipy.sparse

        inside, block = _circle(inputs)
        one, other, length = _edges(inside)
        radius, size = int(inputs["radius"]), inside.size
        ground = size // 2
        keep = np.setdiff1d(np.flatnonzero(inside), [ground])
        ends = np.concatenate([one, other, one, other]), np.concatenate([other, one, one, other])

        def matrix_of(edge: NDArray[np.float64]) -> Any:
            values = np.concatenate([-edge, -edge, edge, edge])
            return scipy.sparse.csc_matrix((values, ends), shape=(size, size))[keep][:, keep].tocsc()

        factorised = solver(matrix_of(1 / length))

        def currents(conductance: NDArray[np.float64], source: NDArray[np.float64]) -> NDArray[np.float64]:
            edge = (conductance[one] + conductance[other]) / 2 / length
            voltage = np.zeros(size)
            voltage[keep] = factorised(matrix_of(edge))(source[keep])
            flow = np.abs(edge * (voltage[one] - voltage[other]))
            total = np.bincount(one, flow, size) + np.bincount(other, flow, size)
            result = (total + source) / 2
            result[ground] = total[ground]
            return result

        def run() -> NDArray[np.float64]:
            found = np.zeros((2, *inputs["resistance"].shape))
            for row, column in _targets(inputs):
                window = np.s_[row - radius : row + radius + 1, column - radius : column + radius + 1]
                conductance = np.where(inside, 1 / inputs["resistance"][window], 0).ravel()
                source = np.where(block.ravel(), 0, conductance)
                source *= float(inputs["block"]) ** 2 / source.sum()
                for which, values in enumerate((conductance, inside.ravel().astype(float))):
                    found[which][window] += currents(values, source).reshape(inside.shape)
            return found

        return Work(run, lambda found: {"current": found[0], "potential": found[1]}, _SAMPLE / 1000)

    return prepare


def _superlu(_: Any) -> Callable[[Any], Any]:
    from scipy.sparse.linalg import splu

    options = {"SymmetricMode": True}
    return lambda matrix: splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).solve


def _cholmod(_: Any) -> Callable[[Any], Any]:
    from .cholmod import Cholesky

    return lambda matrix: Cholesky(matrix).factorised(matrix)


def _cholmod_reused(pattern: Any) -> Callable[[Any], Any]:
    from .cholmod import Cholesky

    return Cholesky(pattern).factorised


TASKS = [
    Task(
        name="omnidirectional",
        title="Windows of omnidirectional current",
        introduction=(
            "Currents and flow potential of windows that lie whole in the raster, resistances over four decades in patches. Ours "
            "computes all windows of the case, from arrays to summed maps; the peers assemble, factorise and solve each window "
            "and its null model, as Omniscape does, and are timed on the first windows."
        ),
        unit="s per 1000 windows",
        scale=1.0,
        contestants=[
            Contestant("Driftway", "float64", "engine", _ours(1), ours=True, caches=True),
            Contestant("SciPy SuperLU", "float64", "peers", _peer(_superlu), reference=True),
            Contestant(
                "CHOLMOD",
                "float64",
                "peers",
                _peer(_cholmod),
                note="as CVXOPT brings it, ordered by minimum degree",
            ),
            Contestant(
                "CHOLMOD, one analysis",
                "float64",
                "peers",
                _peer(_cholmod_reused),
                note="the analysis of the windows' pattern is made once and not timed, which Omniscape does not do",
            ),
        ],
        cases=cases,
        inputs=inputs,
        error=lambda result, reference, inputs: largest_error(result, reference),
        targets=(
            Target("SciPy SuperLU", 10, "x ours", times_own("SciPy"), at_least=True),
            Target("CHOLMOD", 10, "x ours", times_own("CHOLMOD"), at_least=True),
        ),
        headline="radius 50, block 5",
    )
]
