"""How compact a selection is: the length of its outline, and patches that are large enough."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from .candidates import Candidates

_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


class Compactness:
    """What the outline of a selection costs, in the unit of the objective.

    The outline of an allocation a is a quarter of the sum of (a_i - a_j)^2 over all pairs of cells that share a side, cells
    that are no candidates counting as 0: for a selection, its perimeter in sides of cells / 4, 1 for a single cell.

    Parameters
    ----------
    candidates : Candidates
    weight : float
        What an outline of 1 costs, in shares of `gain`.
    """

    def __init__(self, candidates: Candidates, weight: float) -> None:
        self._candidates, self.weight = candidates, weight
        #: Mean gain per cell that the budget promises; set once it is known.
        self.gain = 0.0

    def outline(self, allocation: NDArray[np.float64]) -> float:
        """Return the outline of an allocation, in perimeters of single cells."""
        shares = np.pad(self._candidates.spread(allocation, 0.0), 1)
        return 0.25 * float((np.diff(shares, axis=0) ** 2).sum() + (np.diff(shares, axis=1) ** 2).sum())

    def cost(self, allocation: NDArray[np.float64]) -> float:
        """Return what the outline costs."""
        return self.weight * self.gain * self.outline(allocation) if self.weight else 0.0

    def slopes(self, allocation: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the derivative of the cost by each candidate's share."""
        if not self.weight:
            return np.zeros(len(self._candidates))
        shares = np.pad(self._candidates.spread(allocation, 0.0), 1)
        middle = shares[1:-1, 1:-1]
        around = [shares[1 + i : shares.shape[0] - 1 + i, 1 + j : shares.shape[1] - 1 + j] for i, j in _STEPS]
        return self.weight * self.gain * self._candidates.sums(0.5 * np.sum([middle - each for each in around], axis=0))

    def additions(self, selected: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what each candidate would add to the cost if it joined a selection."""
        if not self.weight:
            return np.zeros(len(self._candidates))
        number = np.pad(self._candidates.number, 1, constant_values=-1)
        shares = np.pad(self._candidates.spread(selected.astype(float), 0.0), 1)
        middle = number[1:-1, 1:-1]
        total = np.zeros(middle.shape)
        for i, j in _STEPS:
            rows, columns = slice(1 + i, number.shape[0] - 1 + i), slice(1 + j, number.shape[1] - 1 + j)
            total += np.where(number[rows, columns] == middle, 0.0, 1 - 2 * shares[rows, columns])
        return 0.25 * self.weight * self.gain * self._candidates.sums(total)


def neighbours(candidates: Candidates) -> sparse.csr_matrix:
    """Return which candidates share a side, or a corner, of their cells; symmetric."""
    number = candidates.number
    pairs = []
    for one, other in (
        (number[:, :-1], number[:, 1:]),
        (number[:-1], number[1:]),
        (number[:-1, :-1], number[1:, 1:]),
        (number[:-1, 1:], number[1:, :-1]),
    ):
        joined = (one >= 0) & (other >= 0) & (one != other)
        pairs.append(np.stack([one[joined], other[joined]]))
    ends = np.concatenate(pairs, axis=1)
    ones = np.ones(ends.shape[1], bool)
    half = sparse.coo_matrix((ones, (ends[0], ends[1])), shape=(len(candidates),) * 2)
    return (half + half.T).astype(bool).tocsr()


def large_enough(
    candidates: Candidates,
    selected: NDArray[np.bool_],
    scores: NDArray[np.float64],
    smallest: float,
) -> NDArray[np.bool_]:
    """Return a selection within the budget, all of whose patches have a smallest size, near to a wanted one.

    Patches that are large enough stay. Smaller ones are grown by the neighbours of the highest score per cost, best patch first, or
    given up; what is left of the budget lets patches grow further and new ones begin. Locked-in candidates always stay, also
    where they cannot be grown.

    Parameters
    ----------
    candidates : Candidates
    selected : array of bool, shape (candidates,)
        Wanted.
    scores : array, shape (candidates,)
        What each promises.
    smallest : float
        Cells.
    """
    joined = neighbours(candidates)
    size = np.diff(candidates.first).astype(float)
    density = scores / candidates.cost
    kept = candidates.locked_in.copy()

    def patches(cells: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
        here = np.flatnonzero(cells)
        count, label = connected_components(joined[here][:, here], directed=False)
        return [here[label == number] for number in range(count)]

    def left() -> float:
        return candidates.budget * (1 + 1e-12) - float(candidates.cost[kept].sum())

    def grown(seed: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """Return a seed with the best neighbours, or None where it stays too small or is not affordable."""
        patch = set(seed.tolist())
        waiting: list[tuple[float, int]] = []
        known = set(patch)

        def look(around: int) -> None:
            for other in joined.indices[joined.indptr[around] : joined.indptr[around + 1]].tolist():
                if other not in known:
                    known.add(other)
                    heapq.heappush(waiting, (-float(density[other]), other))

        for one in patch.copy():
            look(one)
        room = left()
        spent = sum(candidates.cost[one] for one in patch if not kept[one])
        area = sum(size[one] for one in patch)
        while area < smallest and waiting and spent <= room:
            _, one = heapq.heappop(waiting)
            patch.add(one)
            spent += 0.0 if kept[one] else candidates.cost[one]
            area += size[one]
            look(one)
        return np.array(sorted(patch)) if area >= smallest and spent <= room else None

    wanted = selected | candidates.locked_in
    ordered = sorted(
        patches(wanted), key=lambda p: (not candidates.locked_in[p].any(), -scores[p].sum() / candidates.cost[p].sum())
    )
    for patch in sorted(ordered, key=lambda p: size[p].sum() < smallest):
        whole = patch if size[patch].sum() >= smallest else grown(patch)
        if whole is not None and candidates.cost[whole[~kept[whole]]].sum() <= left():
            kept[whole] = True
    seeds = np.flatnonzero(~kept & (scores > 0))
    for seed in seeds[np.argsort(-density[seeds], kind="stable")]:
        if left() < candidates.cost.min():
            break
        if kept[seed] or candidates.cost[seed] > left():
            continue
        whole = grown(np.array([seed]))
        beside = kept[joined.indices[joined.indptr[seed] : joined.indptr[seed + 1]]].any()
        if beside:
            kept[seed] = True
        elif whole is not None:
            kept[whole] = True
    return kept
