"""Makes models/face/canonical.npz: the landmarks' rigid shape, from heads whose pose is known.

    PYTHONPATH=. python models/face/make_canonical.py

Infants of the procedural model are rendered at small known rotations; what the landmarker says of
them is turned back, averaged and made symmetric. No footage of anybody is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pipeline.face.backends import LANDMARKERS
from pipeline.morph import model as morph
from pipeline.morph import pose, render
from pipeline.morph.appearance import draw_appearance, draw_light

HEADS = 40
TURNS_DEG = [(yaw, pitch) for yaw in (-18.0, 0.0, 18.0) for pitch in (-12.0, 0.0, 12.0)]
SIZE = (384, 384)
DISTANCE_MM = 700.0
BIOCULAR_MM = 71.6
"""Between the outer corners of an infant's eyes (INFACE's template)."""
TO_HEAD = np.array([1.0, -1.0, -1.0])
LEFT = [33, 133, 61, 127, 234, 58, 78, 10, 152, 4, 168, 1, 164, 0, 17]
RIGHT = [263, 362, 291, 356, 454, 288, 308, 10, 152, 4, 168, 1, 164, 0, 17]
"""Landmarks of one side, and their partners on the other."""

Points = NDArray[np.float64]


def main() -> None:
    """Render, detect, average, make symmetric, write."""
    points = symmetric(np.mean(list(detected()), axis=0))
    triangles = oriented(faces(), points)
    np.savez(
        Path(__file__).with_name("canonical.npz"),
        points=points.astype(np.float32),
        triangles=triangles.astype(np.int16),
        mirror=partners(points).astype(np.int16),
    )


def detected() -> list[Points]:
    """Landmarks (478, 3) of many heads, turned back by what turned them; mm, head axes."""
    model = morph.load("procedural")
    searcher = LANDMARKERS.load("mediapipe").searcher(1)
    rng = np.random.default_rng(7)
    found = []
    for _ in range(HEADS):
        identity = rng.normal(0.0, 0.7, (1, 32))
        head = model.decode(identity, np.zeros((1, 64)), rng.normal(0.0, 0.7, (1, 1)))[0].numpy()
        looks = draw_appearance(rng)
        light = draw_light(rng)
        for yaw, pitch in TURNS_DEG:
            camera = render.Camera.facing(SIZE, (yaw, pitch, 0.0), DISTANCE_MM, filling=0.6)
            picture = render.shade(model, head, camera, looks, light).over((120, 125, 130))
            for face in searcher.detect(picture):
                turned = face.points.astype(float) * TO_HEAD
                back = turned @ pose.rotation_matrix(yaw, pitch, 0.0)
                back -= back.mean(axis=0)
                found.append(back * DISTANCE_MM / camera.focal_px)
    print(f"{len(found)} of {HEADS * len(TURNS_DEG)} heads found")
    return found


def symmetric(points: Points) -> Points:
    """The mean of a face and its mirror image, eyes at the origin, of the canonical size."""
    other = mirrored(points)
    both = (points + other[matched(points, other)]) / 2
    both[:, 0] -= both[[33, 263], 0].mean()
    both -= both[[33, 133, 362, 263]].mean(axis=0)
    return np.asarray(both * BIOCULAR_MM / np.linalg.norm(both[263] - both[33]))


def mirrored(points: Points) -> Points:
    """The mirror image, laid over the original by landmarks whose partners are known."""
    other = points * [-1.0, 1.0, 1.0]
    return np.asarray(other - other[RIGHT].mean(axis=0) + points[LEFT].mean(axis=0))


def matched(points: Points, other: Points) -> NDArray[np.int_]:
    """For each point, the nearest in `other`, one to one."""
    apart = ((points[:, None] - other[None]) ** 2).sum(axis=-1)
    return np.asarray(linear_sum_assignment(apart)[1])


def partners(points: Points) -> NDArray[np.int_]:
    """Index of each landmark's partner on the other side."""
    pair = matched(points, mirrored(points))
    assert np.array_equal(pair[pair], np.arange(len(points)))
    assert all(pair[left] == right for left, right in zip(LEFT, RIGHT, strict=True))
    return pair


def faces() -> list[frozenset[int]]:
    """Triangles of mediapipe's tesselation, which is given as edges."""
    edges = {frozenset(edge) for edge in FACEMESH_TESSELATION}
    near: dict[int, set[int]] = {}
    for a, b in map(tuple, edges):
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    closed = {frozenset((a, b, c)) for a, b in map(tuple, edges) for c in near[a] & near[b]}
    sides = [frozenset(t - {corner}) for t in closed for corner in t]
    # Three edges can close around a corner without being a face: each then has three triangles.
    return [t for t in closed if not all(sides.count(frozenset(t - {c})) > 2 for c in t)]


def oriented(triangles: list[frozenset[int]], points: Points) -> NDArray[np.int_]:
    """Triangles (T, 3) counter-clockwise from the front, sorted: neighbours agree."""
    ahead = sorted(tuple(sorted(t)) for t in triangles)
    first = next(t for t in ahead if 4 in t)
    corners = points[list(first)]
    front = np.cross(corners[1] - corners[0], corners[2] - corners[0])[2] > 0
    placed = [first if front else (first[0], first[2], first[1])]
    left = {t for t in ahead if t != first}
    for a, b, c in placed:
        for side in ((b, a), (c, b), (a, c)):
            for t in [t for t in left if set(side) <= set(t)]:
                third = (set(t) - set(side)).pop()
                left.remove(t)
                placed.append((*side, third))
    assert not left
    return np.array(sorted(tuple(np.roll(t, -int(np.argmin(t)))) for t in placed))


if __name__ == "__main__":
    main()
