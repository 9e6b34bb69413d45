r"""Connectivity with far cells aggregated: :math:`C = \sum_{near} q_i k(d_{ij}) q_j + \sum_{far} Q_I k(D_{IJ}) Q_J`.

Near are the pairs whose coarse cells lie at most `coarse_plan.NEAR` rows and columns apart; their distances are those within that
neighbourhood. All other pairs are those of their coarse cells, on the raster of coarse cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .cells import Cells, Strip
from .coarse_cells import CoarseCells, DistanceOfSomePairs, of_coarse, sum_of_coarse
from .coarse_plan import NEAR, CoarsePlan, sample_window
from .connectivity import (
    ConnectivityNumbers,
    ConnectivityRows,
    LandscapeModel,
    connectivity_by_rows,
    gradient_by_rows,
    source_sums,
)
from .job import Report
from .journal import Journal
from .row_file import RowFile
from .window_pass import Finished
from .window_plan import WindowPlan
from .window_sample import sampled_blocks, sampled_windows

_SAMPLE = 8


@dataclass(frozen=True)
class CoarseError:
    """What coarsening changes, on a sample of blocks of sources.

    Parameters
    ----------
    blocks : int
        Size of the sample.
    total : float
        Change of what these sources add to C, relative.
    cells : float
        Mean change of a source's accessible habitat, relative, whatever its sign.
    """

    blocks: int
    total: float
    cells: float

    def say(self, report: Report) -> None:
        """Say it."""
        report.message(
            f"Coarsening, against the exact answer on a sample of {self.blocks} blocks of sources: connectivity changes by "
            f"{100 * self.total:+.2g} %, the accessible habitat of a cell by {100 * self.cells:.2g} % on average."
        )


@dataclass(frozen=True)
class _Part:
    """A report that hears of one of two passes."""

    report: Report
    first: float
    last: float

    def message(self, text: str) -> None:
        self.report.message(text)

    def warning(self, text: str) -> None:
        self.report.warning(text)

    def progress(self, fraction: float, step: str) -> None:
        self.report.progress(self.first + (self.last - self.first) * fraction, step)

    def raise_if_cancelled(self) -> None:
        self.report.raise_if_cancelled()


class _Coarse:
    """A landscape with its coarse cells, and the rows of what was found on these."""

    def __init__(self, model: LandscapeModel, plan: CoarsePlan, cells: Cells, journal: Journal, report: Report) -> None:
        self.model, self.plan, self.cells, self.journal = model, plan, cells, journal
        self.coarse = CoarseCells(cells, plan.side)
        side = plan.side
        self.near_model = replace(model, distance=DistanceOfSomePairs(model.distance, side, NEAR, near=True))
        wide = replace(
            model.neighbourhood,
            cell_width=side * model.neighbourhood.cell_width,
            cell_height=side * model.neighbourhood.cell_height,
            sphere=None if model.neighbourhood.sphere is None else model.neighbourhood.sphere.coarser(side),
            around=model.neighbourhood.around // side,
        )
        others = DistanceOfSomePairs(model.distance, 1, NEAR, near=False)
        self.far_model = replace(model, distance=others, neighbourhood=wide)
        share = plan.far.seconds / (plan.near.seconds + plan.far.seconds)
        self.far_report, self.near_report = _Part(report, 0, share), _Part(report, share, 1)

    def file(self, name: str) -> RowFile:
        return self.journal.rows(f"far.{name}", self.coarse.rows, self.coarse.columns, "float64")

    def fine(self, file: RowFile, strip: Strip) -> NDArray[np.float64]:
        """Return what a coarse cell has, for each of its nodes in some rows that begin with a coarse one; 0 elsewhere."""
        side, (rows, columns) = self.plan.side, strip.quality.shape
        values = file[strip.first // side : -(-(strip.first + rows) // side)]
        return np.where(strip.node, of_coarse(values, side, rows, columns), 0)

    def error(self, accessible: Callable[[Strip], NDArray[np.float64]]) -> CoarseError:
        """Compare with the exact answer on a sample, given the far part of accessible habitat."""
        near = self.plan.near
        blocks = sampled_blocks(near, self.cells, _SAMPLE)
        exact = replace(near, window=sample_window(self.plan))
        whole, part, change, count = 0.0, 0.0, 0.0, 0
        for (top, left), of_exact, of_near in zip(
            blocks, self._sampled(self.model, exact, blocks), self._sampled(self.near_model, near, blocks), strict=True
        ):
            strip = self.cells.strip(top, min(top + near.window.block_rows, near.rows))
            columns = slice(left, left + near.window.block_columns)
            quality, far = strip.quality[:, columns], accessible(strip)[:, columns]
            inside = np.s_[: quality.shape[0], : quality.shape[1]]
            one, other = of_exact[inside], of_near[inside] + far
            whole, part = whole + float((quality * one).sum()), part + float((quality * other).sum())
            change += float(np.abs(other[one > 0] / one[one > 0] - 1).sum())
            count += int((one > 0).sum())
        return CoarseError(len(blocks), part / whole - 1 if whole > 0 else 0.0, change / max(1, count))

    def _sampled(
        self, model: LandscapeModel, plan: WindowPlan, blocks: list[tuple[int, int]]
    ) -> list[NDArray[np.float64]]:
        """Return the accessible habitat of the sources of some blocks."""
        shape = plan.window
        return [
            np.asarray(source_sums(model, batch, shape, lengths=False)[0]).reshape(
                shape.block_rows, shape.block_columns
            )
            for batch in sampled_windows(plan, self.cells, blocks)
        ]


def coarse_connectivity_by_rows(
    model: LandscapeModel,
    plan: CoarsePlan,
    cells: Cells,
    take: Callable[[ConnectivityRows], None],
    report: Report,
    journal: Journal,
) -> tuple[ConnectivityNumbers, CoarseError]:
    """Compute connectivity with far cells aggregated; see `connectivity_by_rows`, of which it is the coarse kind."""
    coarse = _Coarse(model, plan, cells, journal, report)
    files = [coarse.file(name) for name in ("accessible", "reached", "length")]

    def keep(rows: ConnectivityRows) -> None:
        for file, values in zip(files, (rows.accessible, rows.reached, rows.length)):
            if values is not None:
                file.write(rows.first, values)

    far = journal.pass_("connectivity far")
    connectivity_by_rows(coarse.far_model, plan.far, coarse.coarse, keep, coarse.far_report, journal=far)
    error = coarse.error(lambda strip: coarse.fine(files[0], strip))
    error.say(report)
    numbers = connectivity_by_rows(
        coarse.near_model,
        plan.near,
        cells,
        take,
        coarse.near_report,
        beyond=lambda strip: [coarse.fine(file, strip) for file in files],
        journal=journal.pass_("connectivity near"),
    )
    return numbers, error


def coarse_gradient_by_rows(
    model: LandscapeModel,
    plan: CoarsePlan,
    cells: Cells,
    take: Callable[[Finished], None],
    report: Report,
    journal: Journal,
    *,
    habitat_only: bool = False,
) -> tuple[float, float, CoarseError]:
    """Compute the exact gradient of C with far cells aggregated; see `gradient_by_rows`, of which it is the coarse kind."""
    coarse = _Coarse(model, plan, cells, journal, report)
    by_resistance, by_quality = coarse.file("by resistance"), coarse.file("by quality")
    slope = coarse.file("slope")

    def keep(done: Finished) -> None:
        node = done.strip.node
        for file, values in zip((by_resistance, by_quality), done.of_cells, strict=True):
            file.write(done.strip.first, np.where(node, values, 0))
        # dR / dr = R^2 / (n r^2), with n nodes in the coarse cell.
        resistance = np.where(node, done.strip.resistance, 0).astype(float)
        slope.write(done.strip.first, resistance**2)

    def add(done: Finished) -> None:
        strip = done.strip
        count = np.maximum(1, of_coarse(sum_of_coarse(strip.node, plan.side), plan.side, *strip.node.shape))
        fine = np.where(strip.node, strip.resistance, 1).astype(float)
        by_r = done.of_cells[0] + coarse.fine(by_resistance, strip) * coarse.fine(slope, strip) / (count * fine**2)
        take(replace(done, of_cells=[by_r, done.of_cells[1] + coarse.fine(by_quality, strip)]))

    far = journal.pass_("gradient far")
    far_found = gradient_by_rows(
        coarse.far_model, plan.far, coarse.coarse, keep, coarse.far_report, habitat_only=habitat_only, journal=far
    )
    # Least cost and straight lines are the same both ways: each source is a target as well.
    error = coarse.error(lambda strip: coarse.fine(by_quality, strip) / 2)
    error.say(report)
    near = journal.pass_("gradient near")
    found = gradient_by_rows(
        coarse.near_model, plan.near, cells, add, coarse.near_report, habitat_only=habitat_only, journal=near
    )
    return far_found.total + found.total, far_found.scale + found.scale, error
