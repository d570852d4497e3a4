"""Which points of a mesh lie behind its triangles, and which way it faces at them, compiled."""

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
    ordered = points[order]
    across = ordered[:, 0].copy()
    for t in range(len(triangles)):
        i, j, k = triangles[t]
        a, b, c = points[i], points[j], points[k]
        left, right = min(a[0], b[0], c[0]), max(a[0], b[0], c[0])
        top, bottom = min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
        near = min(a[2], b[2], c[2]) + margin
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-9:
            continue
        for at in range(np.searchsorted(across, left), len(across)):
            x, y, z = ordered[at]
            if x > right:
                break
            if y < top or y > bottom or z <= near:
                continue
            p = order[at]
            if hidden[p] or p in (i, j, k):
                continue
            v = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
            w = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
            if v < 0 or w < 0 or v + w > 1:
                continue
            depth = a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2])
            hidden[p] = z - depth > margin
    return hidden


@njit(cache=True)
def spanned(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Sum at each point (N, 3) of the normals of the triangles (T, 3) around it, by their areas."""
    total = np.zeros(points.shape)
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        u, v = b - a, c - a
        x = u[1] * v[2] - u[2] * v[1]
        y = u[2] * v[0] - u[0] * v[2]
        z = u[0] * v[1] - u[1] * v[0]
        for corner in triangles[t]:
            total[corner, 0] += x
            total[corner, 1] += y
            total[corner, 2] += z
    return total
