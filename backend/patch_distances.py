"""Straight-line links between patches: from edge to edge, or between points in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from osgeo import ogr
from scipy.spatial import Delaunay, QhullError

from .network_indices import in_chunks
from .network_output import inner_point
from .network_search import OPTIONS
from .patch_links import Links
from .patch_polygons import Patches, near_pairs, spacing

_POINTS_PER_SPACING = 10


def centroid_links(patches: Patches, limit: float, *, planar: bool) -> Links:
    """Return links between the centroids of patches (a point on the patch where the centroid lies outside).

    Parameters
    ----------
    patches : Patches
        The patches.
    limit : float
        Longest link, map units; inf for all.
    planar : bool
        Only neighbours in the Delaunay triangulation of the points.
    """
    points = np.array([inner_point(shape) for shape in patches.shapes], float).reshape(-1, 2)
    pairs = _delaunay_pairs(points) if planar else _near(np.repeat(points, 2, axis=1), limit)
    gap = points[pairs[:, 0]] - points[pairs[:, 1]]
    lines = [[tuple(points[u]), tuple(points[v])] for u, v in pairs.tolist()]
    return Links(pairs[:, 0], pairs[:, 1], np.hypot(gap[:, 0], gap[:, 1]), lines).within(limit)


def edge_links(patches: Patches, limit: float, report: Any, *, planar: bool) -> Links:
    """Return the shortest straight links from edge to edge.

    Parameters
    ----------
    patches : Patches
        The patches; they do not overlap.
    limit : float
        Longest link, map units; inf for all.
    planar : bool
        Only patches that are neighbours: whose outlines meet in the Delaunay triangulation of points along them. That keeps
        every link of the minimum spanning tree.
    """
    segments, first = _segments(patches)
    pairs = _outline_pairs(patches, segments, first) if planar else _near(patches.boxes(), limit)
    result = np.empty((len(pairs), 5))
    boxes = patches.boxes()

    def part(low: int, high: int) -> int:
        return _closest(low, high, pairs, segments, first, boxes, result)

    in_chunks(part, len(pairs), report, "Distances from edge to edge")
    lines = [[(x0, y0), (x1, y1)] for _, x0, y0, x1, y1 in result.tolist()]
    return Links(pairs[:, 0], pairs[:, 1], result[:, 0].copy(), lines).within(limit)


def _near(boxes: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    found = [np.stack([np.full(len(others), row), others], axis=1) for row, others in near_pairs(boxes, limit)]
    return np.concatenate(found).astype(np.int64) if found else np.zeros((0, 2), np.int64)


def _delaunay_pairs(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the edges of the Delaunay triangulation; points in a row are joined one to the next."""
    if len(points) < 2:
        return np.zeros((0, 2), np.int64)
    spread = points - points.mean(axis=0)
    chain = np.argsort(spread @ np.linalg.svd(spread, full_matrices=False)[2][0], kind="stable")
    pairs = np.stack([chain[:-1], chain[1:]], axis=1)
    if len(points) > 2:
        try:
            found = Delaunay(points)
            corners = found.simplices
            pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
            if len(found.coplanar):  # points on top of another are in no triangle
                pairs = np.concatenate([pairs, found.coplanar[:, [0, 2]]])
        except QhullError:
            pass  # all points lie in a row: the chain it is
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)


def _segments(patches: Patches) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the segments of all outlines (x0, y0, x1, y1) and where those of each patch begin."""
    found, first = [], [0]
    for shape in patches.shapes:
        rings = [np.array(ring, float)[:, :2] for ring in _rings(ogr.CreateGeometryFromWkb(shape))]
        found += [np.concatenate([ring[:-1], ring[1:]], axis=1) for ring in rings]
        first.append(first[-1] + sum(len(ring) - 1 for ring in rings))
    return np.concatenate(found), np.array(first, np.int64)


def _rings(geometry: Any) -> list[Any]:
    if geometry.GetGeometryCount() == 0:
        return [geometry.GetPoints()]
    return [ring for k in range(geometry.GetGeometryCount()) for ring in _rings(geometry.GetGeometryRef(k))]


def _outline_pairs(patches: Patches, segments: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    owner = np.repeat(np.arange(len(patches)), np.diff(first))
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    parts = np.maximum(1, np.ceil(length / (spacing(patches) / _POINTS_PER_SPACING))).astype(np.int64)
    row = np.repeat(np.arange(len(segments)), parts)
    share = (np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)) / parts[row]
    points = segments[row, :2] + share[:, None] * (segments[row, 2:] - segments[row, :2])
    pairs = owner[row][_delaunay_pairs(points - points.mean(axis=0))]
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    return np.unique(pairs, axis=0).astype(np.int64)


@njit(**OPTIONS)
def _point_segment(px, py, x0, y0, x1, y1):
    """Return the squared distance of a point and a segment, and the closest point of the segment."""
    dx, dy = x1 - x0, y1 - y0
    size = dx * dx + dy * dy
    share = 0.0
    if size > 0:
        share = min(1.0, max(0.0, ((px - x0) * dx + (py - y0) * dy) / size))
    x, y = x0 + share * dx, y0 + share * dy
    return (px - x) ** 2 + (py - y) ** 2, x, y


@njit(**OPTIONS)
def _crossing(a, b):
    """Return whether two segments cross, and where."""
    dx, dy, ex, ey = a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]
    cross = dx * ey - dy * ex
    if cross == 0:
        return False, 0.0, 0.0
    t = ((b[0] - a[0]) * ey - (b[1] - a[1]) * ex) / cross
    u = ((b[0] - a[0]) * dy - (b[1] - a[1]) * dx) / cross
    return 0 <= t <= 1 and 0 <= u <= 1, a[0] + t * dx, a[1] + t * dy


@njit(**OPTIONS)
def _box_gap(a0, a1, b0, b1):
    return max(0.0, max(min(b0, b1) - max(a0, a1), min(a0, a1) - max(b0, b1)))


@njit(**OPTIONS)
def _closest(low, high, pairs, segments, first, boxes, result):
    """Fill distance and both ends of the shortest line between the outlines of each pair."""
    for at in range(low, high):
        one, other = pairs[at, 0], pairs[at, 1]
        best = np.inf
        box = boxes[other]
        for i in range(first[one], first[one + 1]):
            a = segments[i]
            gap = _box_gap(a[0], a[2], box[0], box[1]) ** 2 + _box_gap(a[1], a[3], box[2], box[3]) ** 2
            if gap >= best:
                continue
            for j in range(first[other], first[other + 1]):
                b = segments[j]
                if _box_gap(a[0], a[2], b[0], b[2]) ** 2 + _box_gap(a[1], a[3], b[1], b[3]) ** 2 >= best:
                    continue
                crosses, x, y = _crossing(a, b)
                if crosses:
                    best = 0.0
                    result[at, 1:] = np.array([x, y, x, y])
                    continue
                for side in range(2):
                    d, x, y = _point_segment(a[2 * side], a[2 * side + 1], b[0], b[1], b[2], b[3])
                    if d < best:
                        best = d
                        result[at, 1:] = np.array([a[2 * side], a[2 * side + 1], x, y])
                    d, x, y = _point_segment(b[2 * side], b[2 * side + 1], a[0], a[1], a[2], a[3])
                    if d < best:
                        best = d
                        result[at, 1:] = np.array([x, y, b[2 * side], b[2 * side + 1]])
        result[at, 0] = math.sqrt(best)
    return 0
