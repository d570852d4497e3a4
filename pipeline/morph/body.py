"""Shoulders in a shirt under the head: part of the picture, not of the morphable model.

They stand under the neck and follow the head's turns half way, as a lying or held infant's do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.pose import rotation_angles, rotation_matrix
from pipeline.morph.procedural_parts import strip

_NECK_BASE = np.array([0.0, -84.0, -19.0])
_FOLLOW = (0.45, 0.2, 0.85)
_STEPS = 36

# How far below the neck's base, half width, half depth, and openness to light, mm.
_RINGS = np.array(
    [
        (-8.0, 33.5, 32.0, 0.35),
        (1.0, 35.0, 33.5, 0.60),
        (0.5, 37.0, 35.5, 0.80),
        (-6.0, 44.0, 36.0, 0.80),
        (-12.0, 60.0, 41.0, 0.90),
        (-21.0, 76.0, 46.0, 1.0),
        (-36.0, 88.0, 51.0, 1.0),
        (-60.0, 93.0, 56.0, 0.95),
        (-100.0, 92.0, 60.0, 0.90),
        (-170.0, 90.0, 60.0, 0.85),
        (-280.0, 90.0, 60.0, 0.80),
    ]
)


class Torso(NamedTuple):
    """Vertices (B,3) mm about the neck's base, triangles (T,3), openness to light (B,)."""

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    clear: NDArray[np.float32]


@lru_cache(maxsize=1)
def torso() -> Torso:
    """The shirt, from collar to below the picture."""
    turn = np.linspace(0, 2 * np.pi, _STEPS, endpoint=False)
    rows = []
    for low, width, depth, _ in _RINGS:
        square = np.abs(np.cos(turn)) ** 0.9 * np.sign(np.cos(turn))
        row = [width * square, np.full(_STEPS, low), depth * np.sin(turn) + 0.05 * low]
        rows.append(np.column_stack(row))
    vertices = np.concatenate(rows).astype(np.float32)
    triangles = strip(len(_RINGS), _STEPS, closed=True)[:, ::-1].astype(np.int32)
    return Torso(vertices, triangles, np.repeat(_RINGS[:, 3], _STEPS).astype(np.float32))


def placed(rotation: NDArray) -> tuple[NDArray, NDArray]:
    """Rotation (3,3) of the torso and the place (3,) of its top, in head axes at the head."""
    angles = rotation_angles(rotation)
    turned = rotation_matrix(*(share * a for share, a in zip(_FOLLOW, angles, strict=True)))
    return turned, rotation @ _NECK_BASE
