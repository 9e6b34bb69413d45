"""What a budget pays for: in order, in fractions, and as the nearest affordable allocation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: What rounding may add to a sum of costs.
SLACK = 1 + 1e-12


def take(order: NDArray[np.intp], cost: NDArray[np.float64], budget: float) -> NDArray[np.intp]:
    """Return the candidates of `order` that a budget pays for, first come first served.

    One that is too expensive for what is left is passed over, not waited for.

    Parameters
    ----------
    order : int array
        Numbers of candidates, best first.
    cost : array, shape (candidates,)
        > 0.
    budget : float
        >= 0.
    """
    left = budget * SLACK
    costs = cost[order]
    cheapest = np.minimum.accumulate(costs[::-1])[::-1]
    taken = []
    for position, price in enumerate(costs):
        if cheapest[position] > left:
            break
        if price <= left:
            taken.append(order[position])
            left -= price
    return np.array(taken, np.intp)


def best_fractions(worth: NDArray[np.float64], cost: NDArray[np.float64], budget: float) -> float:
    """Return the largest total worth of shares in [0, 1] that a budget pays for; at least that of whole candidates.

    Parameters
    ----------
    worth, cost : array, shape (candidates,)
        Cost > 0; what is worth less than 0 is not taken.
    budget : float
        >= 0.

    References
    ----------
    Dantzig, G. B. (1957) Discrete-variable extremum problems. Operations Research 5, 266-288. doi:10.1287/opre.5.2.266.
    """
    useful = worth > 0
    worth, cost = worth[useful], cost[useful]
    order = np.argsort(-worth / cost, kind="stable")
    spent = np.cumsum(cost[order])
    whole = int(np.searchsorted(spent, budget * SLACK, side="right"))
    total = float(worth[order[:whole]].sum())
    if whole < len(order):
        left = budget * SLACK - (spent[whole - 1] if whole else 0.0)
        total += float(worth[order[whole]] * max(0.0, left) / cost[order[whole]])
    return total


def nearest_affordable(
    wanted: NDArray[np.float64],
    cost: NDArray[np.float64],
    budget: float,
    fixed: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the allocation in [0, 1] within the budget that is nearest to a wanted one.

    Projection onto the box cut by one half-space: clip(wanted - mu cost, 0, 1) with the smallest mu >= 0 that is affordable.

    Parameters
    ----------
    wanted : array, shape (candidates,)
        Any numbers.
    cost : array, shape (candidates,)
        > 0.
    budget : float
        Pays for all that is fixed.
    fixed : array of bool, shape (candidates,)
        Stay at 1.
    """

    def allocation(mu: float) -> NDArray[np.float64]:
        return np.where(fixed, 1.0, np.clip(wanted - mu * cost, 0, 1))

    def spent(mu: float) -> float:
        return float(allocation(mu) @ cost)

    if spent(0.0) <= budget * SLACK:
        return allocation(0.0)
    low, high = 0.0, float(np.max(np.maximum(wanted, 0) / cost)) + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if spent(middle) > budget:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * high:
            break
    return allocation(high)
