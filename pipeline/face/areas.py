"""How much of the picture of a mouth or of a face each landmark stands for.

    areas(points, mouth())      # (F, 478) px²

Landmarks crowd around eyes and along the rims of lips: a mean over them is no share of what can be
seen. What is as thin as a bottle's teat hides more of a mouth than of its landmarks.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import LIPS_INNER, LIPS_OUTER, POINTS, canonical

Triangles = NDArray[np.int32]
LEAST_PX2 = np.float32(1e-6)
BLOCK = 256
"""Frames worked on at once, so that memory does not grow with the track."""


def areas(points: NDArray[np.floating], triangles: Triangles) -> NDArray[np.float32]:
    """Share of the area of these triangles (T, 3) that belongs to each landmark, (F, 478) px².

    Args:
        points: (F, 478, 2 or 3) px. A third of each triangle belongs to each of its corners.
        triangles: indices of landmarks.
    """
    from pipeline.face.meshes import shared

    found = np.zeros((len(points), POINTS), np.float32)
    for start in range(0, len(points), BLOCK):
        block = slice(start, start + BLOCK)
        found[block] = shared(points[block].astype(np.float64), triangles)
    # Seen exactly from its side a mouth has no area, and still a share that is seen.
    corners = np.unique(triangles)
    found[:, corners] = np.maximum(found[:, corners], LEAST_PX2)
    return found


def least(
    values: NDArray[np.floating], weights: NDArray[np.floating], share: float
) -> NDArray[np.float32]:
    """Mean of values (F, N) over that share of each frame's weights (F, N) where they are least."""
    order = np.argsort(values, axis=1)
    values, weights = (np.take_along_axis(it, order, axis=1) for it in (values, weights))
    part = weights / np.maximum(weights.sum(axis=1, keepdims=True), LEAST_PX2)
    taken = np.clip(share - (np.cumsum(part, axis=1) - part), 0, part)
    total = np.maximum(taken.sum(axis=1), LEAST_PX2)
    return np.asarray((taken * values).sum(axis=1) / total, np.float32)


def face() -> Triangles:
    """The triangles of a face, (852, 3)."""
    return canonical().triangles


@cache
def mouth() -> Triangles:
    """The triangles of lips, and those of what an open mouth shows between them, (T, 3)."""
    outline = canonical().points[LIPS_OUTER, :2]
    middles = canonical().points[face(), :2].mean(axis=1)
    within = [cv2.pointPolygonTest(outline, tuple(map(float, at)), False) > 0 for at in middles]
    corner = len(LIPS_INNER) // 2
    lower, upper = LIPS_INNER[1:corner], LIPS_INNER[:corner:-1]
    between = [
        triangle
        for a, b, c, d in zip(upper, upper[1:], lower, lower[1:], strict=False)
        for triangle in ((a, b, d), (a, c, d))
    ]
    ends = [(LIPS_INNER[0], upper[0], lower[0]), (LIPS_INNER[corner], upper[-1], lower[-1])]
    return np.concatenate([face()[within], np.array(between + ends, np.int32)])


@cache
def lips() -> list[int]:
    """The landmarks of a mouth's triangles: those of its rims, and those between."""
    return np.unique(mouth()).tolist()
