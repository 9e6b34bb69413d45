"""The moving window written out cell by cell over SciPy's SuperLU, one window after the other: slow and plain.

Arrays are NaN where there is no cell. Nothing of the backend is imported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu


@dataclass
class Question:
    """What is asked of the oracle; `strength` and `target` hold 0 where there is none."""

    resistance: np.ndarray
    strength: np.ndarray
    radius: float = 5
    block: int = 1
    buffer: float = 0
    target: np.ndarray | None = None
    neighbours: int = 8
    compatible: bool = False
    correct_artefacts: bool = True
    conditions: list[tuple] = field(default_factory=list)
    """(present, future, comparison, lower, upper)"""
    source_weight: object = None
    """Function of (rows down, columns right) from the target."""


def node_currents(conductance, source, ground, neighbours):
    """Return the current through every cell; 0 where it is not connected to the ground."""
    height, width = conductance.shape
    node = np.isfinite(conductance) & (conductance > 0)
    result = np.zeros(conductance.shape)
    if not node[ground]:
        return result
    number = np.full(conductance.shape, -1)
    number[node] = np.arange(node.sum())
    ends = []
    for down, right in ((0, 1), (1, 0)) + (((1, 1), (1, -1)) if neighbours == 8 else ()):
        for i in range(height):
            for j in range(width):
                k, m = i + down, j + right
                if 0 <= k < height and 0 <= m < width and node[i, j] and node[k, m]:
                    weight = (conductance[i, j] + conductance[k, m]) / 2 / math.hypot(down, right)
                    ends.append((number[i, j], number[k, m], weight))
    if not ends:
        return result
    a, b, g = (np.array(x) for x in zip(*ends, strict=True))
    a, b = a.astype(int), b.astype(int)
    count = int(node.sum())
    graph = coo_matrix((g, (a, b)), shape=(count, count)).tocsr()
    label = connected_components(graph, directed=False)[1]
    inside = label == label[number[ground]]
    current_in = np.where(inside, source[node], 0.0)
    current_in[number[ground]] = 0
    laplacian = coo_matrix(
        (np.concatenate([-g, -g, g, g]), (np.concatenate([a, b, a, b]), np.concatenate([b, a, a, b]))),
        shape=(count, count),
    ).tocsc()
    keep = np.flatnonzero(inside & (np.arange(count) != number[ground]))
    voltage = np.zeros(count)
    if len(keep):
        voltage[keep] = splu(laplacian[keep][:, keep].tocsc()).solve(current_in[keep])
    flow = g * (voltage[a] - voltage[b])
    grounded = (a == number[ground]) | (b == number[ground])
    flow[np.abs(flow) < 1e-9 * np.abs(flow[grounded]).sum()] = 0
    out, into = np.zeros(count), np.zeros(count)
    np.add.at(out, a, np.maximum(flow, 0))
    np.add.at(out, b, np.maximum(-flow, 0))
    np.add.at(into, b, np.maximum(flow, 0))
    np.add.at(into, a, np.maximum(-flow, 0))
    result[node] = np.maximum(out, into)
    return result


def first_mode(values):
    """Return the value that is the first to be found most often, column by column."""
    counts, best, most = {}, None, 0
    for value in values.T.ravel():
        if math.isnan(value):
            continue
        counts[value] = counts.get(value, 0) + 1
        if counts[value] > most:
            best, most = value, counts[value]
    return best


def artefact_factors(question, shape):
    """Return the factors of a whole window."""
    reach = int(question.radius + question.buffer)
    size = 2 * reach + 1
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away = np.hypot(down, right)
    conductance = np.where(away <= reach, 1.0, np.nan)
    weight = np.ones(away.shape) if question.source_weight is None else question.source_weight(down, right)
    within = np.where(away <= question.radius, weight, 0.0)
    half = question.block // 2

    def null(source, amount):
        source = source / source.sum() * amount
        current = node_currents(conductance, source, (reach, reach), question.neighbours)
        current[current < 1e-8 * current.max()] = 0
        return current

    one = null(np.where(away == 0, 0, within), 1)
    blocked = null(np.where((abs(down) <= half) & (abs(right) <= half), 0, within), question.block**2)
    total = np.zeros((size + 2 * half, size + 2 * half))
    for i in range(question.block):
        for j in range(question.block):
            total[i : i + size, j : j + size] += one
    total = total[half : half + size, half : half + size]
    factor = np.ones(total.shape)
    there = (blocked != 0) & (total != 0)
    factor[there] = total[there] / blocked[there]
    if question.compatible:
        odd = (blocked != 0) & (total == 0)
        factor[odd] = 1 / blocked[odd]
    return factor


def omnidirectional(question):
    """Return (cumulative current, flow potential, normalised current)."""
    q = question
    rows, columns = q.resistance.shape
    half, reach = q.block // 2, int(q.radius + q.buffer)
    strength = np.nan_to_num(q.strength)
    target = strength if q.target is None else np.nan_to_num(q.target)
    if not q.compatible:
        node = np.isfinite(q.resistance)
        strength, target = np.where(node, strength, 0), np.where(node, target, 0)
    factors = artefact_factors(q, None) if q.correct_artefacts and q.block > 1 else None
    cumulative, potential = np.zeros((rows, columns)), np.zeros((rows, columns))
    for y in range(half, rows - half, q.block):
        for x in range(half, columns - half, q.block):
            block = np.s_[y - half : y + half + 1, x - half : x + half + 1]
            amount = target[block].sum()
            if not amount > 0:
                continue
            top, left = max(0, y - reach), max(0, x - reach)
            window = np.s_[top : min(rows, y + reach + 1), left : min(columns, x + reach + 1)]
            down, right = np.mgrid[window]
            down, right = down - y, right - x
            away = np.hypot(down, right)
            source = np.where(away <= q.radius, strength[window], 0.0)
            if q.source_weight is not None:
                source = source * q.source_weight(down, right)
            if q.compatible:  # at the top and left edge this is not where the block lies
                source[reach - half : reach + half + 1, reach - half : reach + half + 1] = 0
            else:
                source[(abs(down) <= half) & (abs(right) <= half)] = 0
            allowed = np.ones(source.shape, bool)
            for present, future, comparison, lower, upper in q.conditions:
                there = present[window]
                if comparison == "within":
                    change = there - np.nanmedian(future[block])
                    allowed &= ~((change > upper) | (change < lower))
                else:
                    allowed &= np.isnan(there) | (there == first_mode(future[block]))
            if not q.compatible:
                source = np.where(allowed, source, 0)
            if source.sum() == 0:
                continue
            source = np.where(allowed, source / source.sum() * amount, 0)
            conductance = np.where(away <= reach, 1 / q.resistance[window], np.nan)
            centre = (y - top, x - left)
            null = np.ones(source.shape) if q.compatible else np.where(np.isfinite(conductance), 1.0, np.nan)
            factor = 1.0
            if factors is not None:
                factor = factors[reach + down, reach + right]
            cumulative[window] += node_currents(conductance, source, centre, q.neighbours) * factor
            potential[window] += node_currents(null, source, centre, q.neighbours) * factor
    with np.errstate(invalid="ignore", divide="ignore"):
        normalised = np.where(potential > 0, cumulative / potential, 0)
    return cumulative, potential, normalised
