"""Which points of a mesh lie behind its triangles, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def behind(
    points: NDArray[np.float64], triangles: NDArray[np.int32], margin: float
) -> NDArray[np.bool_]:
    """Tell which points (N, 3) lie more than `margin` behind a triangle that they are no corner of.

    x and y span the picture, z points away from the camera; `triangles` is (T, 3).
    """
    hidden = np.zeros(len(points), dtype=np.bool_)
    # Points from left to right: a triangle looks only at those that are as far right as it is.
    order = np.argsort(points[:, 0])
    across = points[order, 0]
    for t in range(len(triangles)):
        i, j, k = triangles[t]
        a, b, c = points[i], points[j], points[k]
        left, right = min(a[0], b[0], c[0]), max(a[0], b[0], c[0])
        top, bottom = min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-9:
            continue
        first = np.searchsorted(across, left)
        for p in order[first : np.searchsorted(across, right, side="right")]:
            x, y = points[p, 0], points[p, 1]
            if hidden[p] or y < top or y > bottom:
                continue
            if p in (i, j, k):
                continue
            v = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
            w = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
            if v < 0 or w < 0 or v + w > 1:
                continue
            depth = a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2])
            hidden[p] = points[p, 2] - depth > margin
    return hidden
