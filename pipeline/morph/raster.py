"""Triangles to pixels: a z-buffer in numba.

`visible` finds which triangle each pixel shows and where in it; attributes are read afterwards,
once a pixel, with perspective taken into account. Pixel centres lie at half integers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float32]


class Visible(NamedTuple):
    """What each pixel of an image (H,W) shows."""

    depth: Float
    """Distance along the optical axis, infinite where nothing is seen."""
    triangle: NDArray[np.int32]
    """Index of the triangle, -1 where nothing is seen."""
    weights: Float
    """(H,W,3) perspective-correct barycentric weights of its vertices."""


def visible(
    vertices_px: NDArray, triangles: NDArray, height: int, width: int, *, cull: bool = False
) -> Visible:
    """Nearest triangle at each pixel.

    `vertices_px` (V,3): x, y in px and depth > 0; triangles with a vertex at or behind the
    camera are left out. `cull` drops triangles that show their back (clockwise on the screen
    when y points down is the back of a counter-clockwise mesh seen from outside).
    """
    near = np.zeros((height, width), np.float32)
    triangle = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    _fill(
        np.ascontiguousarray(vertices_px, np.float64),
        np.ascontiguousarray(triangles, np.int32),
        cull,
        near,
        triangle,
        weights,
    )
    with np.errstate(divide="ignore"):
        depth = (1.0 / near).astype(np.float32)
    return Visible(depth, triangle, weights)


def rasterise(
    vertices_px: NDArray,
    triangles: NDArray,
    attributes: NDArray,
    height: int,
    width: int,
    *,
    cull: bool = False,
) -> tuple[Float, Float, NDArray[np.int32]]:
    """Attributes (V,C) drawn into an image: (H,W,C), depth (H,W), triangle index (H,W).

    Pixels that show nothing hold 0, infinite depth and -1.
    """
    seen = visible(vertices_px, triangles, height, width, cull=cull)
    values = interpolate(seen, triangles, attributes)
    return values, seen.depth, seen.triangle


def interpolate(seen: Visible, triangles: NDArray, attributes: NDArray) -> Float:
    """Attributes (V,C) at every pixel (H,W,C), 0 where nothing is seen."""
    values = np.ascontiguousarray(attributes, np.float32)
    if values.ndim == 1:
        values = values[:, None]
    out = np.zeros((*seen.triangle.shape, values.shape[1]), np.float32)
    _mix(seen.triangle, seen.weights, np.ascontiguousarray(triangles, np.int32), values, out)
    return out


@njit(cache=True)
def _fill(vertices, triangles, cull, near, triangle, weights):  # type: ignore[no-untyped-def]
    height, width = near.shape
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if vertices[i, 2] <= 0.0 or vertices[j, 2] <= 0.0 or vertices[k, 2] <= 0.0:
            continue
        ax, ay = vertices[i, 0], vertices[i, 1]
        bx, by = vertices[j, 0], vertices[j, 1]
        cx, cy = vertices[k, 0], vertices[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or (cull and area > 0.0):
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        top = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        inverse = 1.0 / area
        za, zb, zc = 1.0 / vertices[i, 2], 1.0 / vertices[j, 2], 1.0 / vertices[k, 2]
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                if u < 0.0:
                    continue
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                if v < 0.0:
                    continue
                w = 1.0 - u - v
                if w < 0.0:
                    continue
                z = u * za + v * zb + w * zc
                if z > near[row, column]:
                    near[row, column] = z
                    triangle[row, column] = t
                    weights[row, column, 0] = u * za / z
                    weights[row, column, 1] = v * zb / z
                    weights[row, column, 2] = w * zc / z


@njit(cache=True)
def _mix(triangle, weights, triangles, values, out):  # type: ignore[no-untyped-def]
    height, width = triangle.shape
    for row in range(height):
        for column in range(width):
            t = triangle[row, column]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v, w = weights[row, column, 0], weights[row, column, 1], weights[row, column, 2]
            for c in range(values.shape[1]):
                out[row, column, c] = u * values[i, c] + v * values[j, c] + w * values[k, c]


def normals(vertices: NDArray, triangles: NDArray) -> Float:
    """Unit vertex normals (V,3), weighted by triangle area."""
    out = np.zeros((len(vertices), 3), np.float32)
    _normals(
        np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32), out
    )
    return out


@njit(cache=True)
def _normals(vertices, triangles, out):  # type: ignore[no-untyped-def]
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax = vertices[j, 0] - vertices[i, 0]
        ay = vertices[j, 1] - vertices[i, 1]
        az = vertices[j, 2] - vertices[i, 2]
        bx = vertices[k, 0] - vertices[i, 0]
        by = vertices[k, 1] - vertices[i, 1]
        bz = vertices[k, 2] - vertices[i, 2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for vertex in (i, j, k):
            out[vertex, 0] += nx
            out[vertex, 1] += ny
            out[vertex, 2] += nz
    for vertex in range(out.shape[0]):
        size = np.sqrt(out[vertex, 0] ** 2 + out[vertex, 1] ** 2 + out[vertex, 2] ** 2)
        if size > 0.0:
            out[vertex, 0] /= size
            out[vertex, 1] /= size
            out[vertex, 2] /= size
