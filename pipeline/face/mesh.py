"""The fixed geometry of mediapipe's 478 face landmarks: a rigid shape, triangles, groups, mirror.

    canonical().points        (478, 3) mm, x to the image's right when facing the camera, y up,
                              z toward the viewer, origin between the eyes
    canonical().triangles     (852, 3), counter-clockwise seen from the front
    canonical().mirror        (478,) index of the landmark on the other side

mediapipe's wheel carries no such shape; this one is the mean of what the landmarker says of
rendered faces whose pose is known, made symmetric (`models/face/make_canonical.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

POINTS = 478
CANONICAL = Path(__file__).parents[2] / "models" / "face" / "canonical.npz"

LIPS_OUTER = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
]  # fmt: skip
LIPS_INNER = [
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324,
    308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
]  # fmt: skip
MOUTH = LIPS_OUTER + LIPS_INNER
EYE_RIGHT = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
EYE_LEFT = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]
EYES = EYE_RIGHT + EYE_LEFT
BROWS = [
    70, 63, 105, 66, 107, 46, 53, 52, 65, 55,
    300, 293, 334, 296, 336, 276, 283, 282, 295, 285,
]  # fmt: skip
CHEEK_RIGHT = [
    36, 50, 100, 101, 116, 117, 118, 123, 137, 142,
    147, 177, 187, 192, 205, 206, 207, 213, 215, 216,
]  # fmt: skip
CHEEK_LEFT = [
    266, 280, 329, 330, 345, 346, 347, 352, 366, 371,
    376, 401, 411, 416, 425, 426, 427, 433, 435, 436,
]  # fmt: skip
"""Between nose, eye, jaw and mouth; the infant's own left and right, as with the eyes."""
IRISES = list(range(468, 478))
OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip

RIGID = [
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278, 64, 294,
    10, 151, 9, 8, 67, 297, 54, 284, 127, 356, 162, 389, 234, 454, 116, 345, 117, 346,
]  # fmt: skip
"""Landmarks that neither jaw, lips, lids nor brows move."""


@dataclass(frozen=True)
class Canonical:
    """The rigid shape of the landmarks and how they hang together."""

    points: NDArray[np.float32]
    triangles: NDArray[np.int32]
    mirror: NDArray[np.int32]


@cache
def canonical() -> Canonical:
    """Load the shape that ships with Cradle."""
    with np.load(CANONICAL, allow_pickle=False) as file:
        return Canonical(
            points=file["points"].astype(np.float32),
            triangles=file["triangles"].astype(np.int32),
            mirror=file["mirror"].astype(np.int32),
        )
