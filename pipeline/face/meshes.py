"""What is told of meshes triangle by triangle, compiled: what lies behind one, how large it is and
which way it faces.

Once for all, when it is imported: processes that are forked afterwards have it. As that takes a
while, it is imported where it is used, and a stage starts without it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS = 24
"""Across and down, that points are sorted into: a triangle looks only at those in its own."""


@njit(cache=True)
def behind(points: Floats, triangles: NDArray[np.int32], margins: Floats) -> NDArray[np.bool_]:
    """Tell which points (F, N, 3) lie further behind a triangle that they are no corner of than
    each frame's margin (F,).

    x and y span the picture, z points away from the camera; `triangles` is (T, 3).
    """
    hidden = np.zeros(points.shape[:2], dtype=np.bool_)
    for frame in range(len(points)):
        _behind(points[frame], triangles, margins[frame], hidden[frame])
    return hidden


@njit(cache=True)
def _behind(
    points: Floats, triangles: NDArray[np.int32], margin: float, hidden: NDArray[np.bool_]
) -> None:
    # What is nowhere is in no cell, and compiled code would write where it likes.
    if not np.isfinite(points).all():
        return
    rows, columns = _cells(points, 1), _cells(points, 0)
    first, order = _sorted(rows, columns)
    # Depth tells most of them apart, and is read one after another.
    depth = points[order, 2]
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[i, 0], points[i, 1], points[i, 2]
        bx, by, bz = points[j, 0], points[j, 1], points[j, 2]
        cx, cy, cz = points[k, 0], points[k, 1], points[k, 2]
        left, right = min(ax, bx, cx), max(ax, bx, cx)
        top, bottom = min(ay, by, cy), max(ay, by, cy)
        near = min(az, bz, cz) + margin
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        column, last = (
            min(columns[i], columns[j], columns[k]),
            max(columns[i], columns[j], columns[k]),
        )
        for row in range(min(rows[i], rows[j], rows[k]), max(rows[i], rows[j], rows[k]) + 1):
            for at in range(first[row * CELLS + column], first[row * CELLS + last + 1]):
                z = depth[at]
                if z <= near:
                    continue
                p = order[at]
                x, y = points[p, 0], points[p, 1]
                if x < left or x > right or y < top or y > bottom:
                    continue
                if hidden[p] or p in (i, j, k):
                    continue
                v = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
                w = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
                if v >= 0 and w >= 0 and v + w <= 1:
                    hidden[p] = z - (az + v * (bz - az) + w * (cz - az)) > margin


@njit(cache=True)
def _cells(points: Floats, axis: int) -> Ints:
    """In which of the `CELLS` along an axis each point lies."""
    low = high = points[0, axis]
    for p in range(len(points)):
        low, high = min(low, points[p, axis]), max(high, points[p, axis])
    a_cell = max(high - low, 1e-9) * (1 + 1e-9) / CELLS
    cells = np.empty(len(points), np.int64)
    for p in range(len(points)):
        cells[p] = int((points[p, axis] - low) / a_cell)
    return cells


@njit(cache=True)
def _sorted(rows: Ints, columns: Ints) -> tuple[Ints, Ints]:
    """Numbers of points by their cell, row after row, and where each cell begins among them."""
    first = np.zeros(CELLS * CELLS + 2, np.int64)
    for p in range(len(rows)):
        first[rows[p] * CELLS + columns[p] + 2] += 1
    for c in range(1, len(first)):
        first[c] += first[c - 1]
    order = np.empty(len(rows), np.int64)
    for p in range(len(rows)):
        cell = rows[p] * CELLS + columns[p]
        # Where the next cell begins moves up to where it will.
        order[first[cell + 1]] = p
        first[cell + 1] += 1
    return first, order


@njit(cache=True)
def spanned(points: Floats, triangles: NDArray[np.int32]) -> Floats:
    """Sum at each point (F, N, 3) of the normals of the triangles (T, 3) there, by their areas."""
    total = np.zeros(points.shape)
    for frame in range(len(points)):
        mesh = points[frame]
        for t in range(len(triangles)):
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy, uz = mesh[j, 0] - mesh[i, 0], mesh[j, 1] - mesh[i, 1], mesh[j, 2] - mesh[i, 2]
            vx, vy, vz = mesh[k, 0] - mesh[i, 0], mesh[k, 1] - mesh[i, 1], mesh[k, 2] - mesh[i, 2]
            for corner in (i, j, k):
                total[frame, corner, 0] += uy * vz - uz * vy
                total[frame, corner, 1] += uz * vx - ux * vz
                total[frame, corner, 2] += ux * vy - uy * vx
    return total


@njit(cache=True)
def shared(points: Floats, triangles: NDArray[np.int32]) -> Floats:
    """The areas of the triangles (T, 3) in the plane, a third of each at each of its corners.

    `points` are (F, N, 2 or 3); returns (F, N).
    """
    total = np.zeros(points.shape[:2])
    for frame in range(len(points)):
        mesh = points[frame]
        for t in range(len(triangles)):
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy = mesh[j, 0] - mesh[i, 0], mesh[j, 1] - mesh[i, 1]
            vx, vy = mesh[k, 0] - mesh[i, 0], mesh[k, 1] - mesh[i, 1]
            third = abs(ux * vy - uy * vx) / 6
            for corner in (i, j, k):
                total[frame, corner] += third
    return total


@njit(cache=True)
def bounds(points: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of points (N, 2 or more), one at least."""
    left = right = points[0, 0]
    top = bottom = points[0, 1]
    for p in range(len(points)):
        x, y = points[p, 0], points[p, 1]
        left, right = min(left, x), max(right, x)
        top, bottom = min(top, y), max(bottom, y)
    return left, top, right, bottom


@njit(cache=True)
def apart(points: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """How far points (N, 2 or more) lie from as many others in the plane, on average."""
    total = 0.0
    for p in range(len(points)):
        total += np.hypot(points[p, 0] - others[p, 0], points[p, 1] - others[p, 1])
    return total / len(points)


@njit(cache=True)
def drawn_through(
    values: NDArray[np.float32], places: NDArray[np.float32], levels: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What lies at each value (F, N) on the lines from one of the rising places (K,) to the next,
    at which each column is at its levels (K, N); before the first and after the last, as there."""
    found = np.empty_like(values)
    for row in range(values.shape[0]):
        for n in range(values.shape[1]):
            value = min(max(values[row, n], places[0]), places[-1])
            k = 1
            while places[k] < value:
                k += 1
            share = (value - places[k - 1]) / (places[k] - places[k - 1])
            found[row, n] = levels[k - 1, n] + share * (levels[k, n] - levels[k - 1, n])
    return found


behind.compile("b1[:, ::1](f8[:, :, ::1], i4[:, ::1], f8[::1])")
spanned.compile("f8[:, :, ::1](f8[:, :, ::1], i4[:, ::1])")
shared.compile("f8[:, ::1](f8[:, :, ::1], i4[:, ::1])")
bounds.compile("UniTuple(f8, 4)(f4[:, ::1])")
apart.compile("f8(f4[:, ::1], f4[:, ::1])")
drawn_through.compile("f4[:, ::1](f4[:, ::1], f4[::1], f4[:, ::1])")
