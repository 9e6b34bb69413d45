r"""Metapopulation capacity: the leading eigenvalue of :math:`M_{ij} = q_i k_{ij} q_j`, without ever holding M."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .answers import Answers
from .cells import Cells, Strip
from .connectivity import ConnectivityRows, LandscapeModel, connectivity_by_rows
from .errors import DriftwayError
from .job import Report
from .journal import Journal
from .window_plan import WindowPlan

#: Largest residual of the eigenpair, relative to the eigenvalue.
TOLERANCE = 1e-7
#: Vectors kept at once, each of one number per habitat cell; then the search starts anew from the best one.
BASIS = 20
_MOST_PRODUCTS = 400
_STRIP_CELLS = 2**21
_NAME = "metapopulation"


@dataclass(frozen=True)
class MetapopulationCapacity:
    """The leading eigenpair.

    Parameters
    ----------
    capacity : float
        Eigenvalue; 0 where nothing is connected.
    contribution : array, shape (rows, columns)
        Eigenvector, >= 0, scaled to sum 1; 0 where there is no habitat.
    node : array of bool, shape (rows, columns)
    residual : float
        Norm of M v - capacity v, relative to the capacity, of the eigenvector v of norm 1.
    products : int
        Passes over all windows that it took.
    """

    capacity: float
    contribution: NDArray[np.float64]
    node: NDArray[np.bool_]
    residual: float
    products: int


class _Weighted:
    """A landscape whose qualities are multiplied by weights, for one pass over its windows."""

    def __init__(self, cells: Cells, weights: NDArray[np.float64]) -> None:
        self.rows, self.columns = cells.rows, cells.columns
        self._cells, self._weights = cells, weights

    def strip(self, first: int, last: int) -> Strip:
        """Return the rows from `first` up to `last`."""
        strip = self._cells.strip(first, last)
        return replace(strip, quality=strip.quality * self._weights[first:last])

    def sources(self, first: int, last: int, *, habitat_only: bool) -> NDArray[np.bool_]:
        """Return which cells of these rows are habitat: M is 0 elsewhere."""
        return self._cells.sources(first, last, habitat_only=True)


class _Passes:
    """Multiplies M with vectors, by one pass over all windows each.

    With a journal every product is kept, and how far the pass under way is.
    """

    def __init__(
        self, model: LandscapeModel, plan: WindowPlan, cells: Cells, report: Report, journal: Journal | None
    ) -> None:
        self._model, self._plan, self._cells, self._report, self._journal = model, plan, cells, report, journal
        self.habitat = cells.sources(0, cells.rows, habitat_only=True)
        step = max(1, _STRIP_CELLS // cells.columns)
        self._strips = [slice(first, min(first + step, cells.rows)) for first in range(0, cells.rows, step)]
        quality = [cells.strip(strip.start, strip.stop).quality[self.habitat[strip]] for strip in self._strips]
        self.quality = np.concatenate(quality)
        self._answers = None if journal is None else Answers(journal, (), report)
        self.done = 0

    def product(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what a cell of this vector reaches, for each cell of habitat."""
        self.done += 1
        if self._answers is None:
            return self._product(vector)
        return self._answers.ask("product", lambda: self._product(vector))

    def _product(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = np.zeros(self.habitat.shape)
        weights[self.habitat] = vector
        kept, found = None, np.zeros(0)
        if self._journal is not None:
            kept = self._journal.rows(_NAME, self._cells.rows, self._cells.columns, "float64")
        else:
            found = np.zeros(self.habitat.shape)

        def take(rows: ConnectivityRows) -> None:
            if kept is not None:
                kept.write(rows.first, rows.accessible)
            else:
                found[rows.first : rows.first + len(rows.accessible)] = rows.accessible

        connectivity_by_rows(
            self._model,
            self._plan,
            _Weighted(self._cells, weights),
            take,
            _Quiet(self._report, self.done),
            mean_distance=False,
            journal=None if self._journal is None else self._journal.pass_(_NAME, self.done),
        )
        rows = found if kept is None else kept
        return np.concatenate([rows[strip][self.habitat[strip]] for strip in self._strips])


def metapopulation_capacity(
    model: LandscapeModel,
    plan: WindowPlan,
    cells: Cells,
    report: Report,
    *,
    count_self: bool,
    journal: Journal | None = None,
) -> MetapopulationCapacity:
    r"""Compute the leading eigenvalue of :math:`M_{ij} = q_i k_{ij} q_j` and its eigenvector.

    By Arnoldi's iteration, each step of which is one pass over all windows; distances need not be symmetric. M is not
    negative, so that its eigenvalue of largest modulus is real and has an eigenvector without negative entries: that of the
    best connected component, 0 in the others.

    Parameters
    ----------
    model, plan, cells, report
        As of `connectivity_by_rows`.
    count_self : bool
        Whether the diagonal is :math:`q_i^2`; else it is 0, as of Hanski and Ovaskainen.
    journal : Journal, optional
        Where a run that was interrupted goes on, and leaves how far it is.

    Returns
    -------
    MetapopulationCapacity
        Of the same bits whatever batches and threads are, up to rounding.

    Raises
    ------
    DriftwayError
        When it does not converge: nothing is returned that did not.

    References
    ----------
    Hanski, I. & Ovaskainen, O. (2000) The metapopulation capacity of a fragmented landscape. Nature 404, 755-758.
    doi:10.1038/35008063.
    """
    passes = _Passes(model, plan, cells, report, journal)
    habitat, quality = passes.habitat, passes.quality

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        return quality * passes.product(vector) + count_self * quality**2 * vector

    contribution = np.zeros(habitat.shape)
    node = cells.sources(0, cells.rows, habitat_only=False)
    if not habitat.any():
        return MetapopulationCapacity(0.0, contribution, node, 0.0, 0)
    capacity, vector, residual = leading_eigenpair(product, quality, report)
    total = vector.sum()
    contribution[habitat] = vector / total if total > 0 and capacity > 0 else 0.0
    return MetapopulationCapacity(capacity, contribution, node, residual, passes.done)


@dataclass(frozen=True)
class _Quiet:
    """Passes questions on, and counts passes instead of their progress."""

    report: Report
    number: int

    def message(self, text: str) -> None:
        self.report.message(text)

    def warning(self, text: str) -> None:
        self.report.warning(text)

    def progress(self, fraction: float, step: str) -> None:
        self.report.progress(fraction, f"Metapopulation capacity, pass {self.number}")

    def raise_if_cancelled(self) -> None:
        self.report.raise_if_cancelled()


def leading_eigenpair(
    product: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: NDArray[np.float64], report: Report
) -> tuple[float, NDArray[np.float64], float]:
    """Return the leading eigenvalue of a matrix without negative entries, its eigenvector of norm 1, and their residual.

    Parameters
    ----------
    product : callable
        Multiplies the matrix with a vector.
    start : array
        > 0.
    report : Report
        Hears of the convergence.
    """
    vector, products, residual = start / np.linalg.norm(start), 0, np.inf
    while products < _MOST_PRODUCTS:
        value, vector, residual, steps = _arnoldi(product, vector)
        products += steps
        if residual <= TOLERANCE:
            report.message(f"Metapopulation capacity: {products} passes, relative residual {residual:.1e}.")
            return value, vector, residual
    raise DriftwayError(
        f"The metapopulation capacity did not converge in {products} passes (relative residual {residual:.1e}).",
        "Switch METAPOPULATION off, or use a larger DISPERSAL_DISTANCE.",
        "METAPOPULATION",
    )


def _arnoldi(
    product: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], float, int]:
    """Return the best eigenpair in the space of a vector and its products, its residual, and how many products it took."""
    basis, small = [start], np.zeros((BASIS + 1, BASIS))
    while True:
        step = len(basis) - 1
        following = product(basis[-1])
        # Twice, since once loses orthogonality to rounding.
        for _ in range(2):
            parts = np.array([each @ following for each in basis])
            small[: step + 1, step] += parts
            following = following - np.sum([part * each for part, each in zip(parts, basis)], axis=0)
        rest = float(np.linalg.norm(following))
        small[step + 1, step] = rest
        value, weights = _leading_of_small(small[: step + 1, : step + 1])
        residual = rest * abs(float(weights[-1])) / value if value > 0 else 0.0
        if residual <= TOLERANCE or len(basis) == BASIS:
            vector = np.sum([weight * each for weight, each in zip(weights, basis)], axis=0)
            # What is below 0 is rounding, or no end of the search.
            vector = np.maximum(vector if vector.sum() >= 0 else -vector, 0)
            return value, vector / np.linalg.norm(vector), residual, step + 1
        basis.append(following / rest)


def _leading_of_small(matrix: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    values, vectors = np.linalg.eig(matrix)
    best = int(np.argmax(np.real(values)))
    weights = np.real(vectors[:, best])
    return float(np.real(values[best])), weights / np.linalg.norm(weights)
