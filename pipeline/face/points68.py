"""The 68 points of iBUG (300-W), which FAN and most of the field speak, among mediapipe's 478.

    to_68(points)[TIP]                  the tip of the nose, of mediapipe's points
    MEASURED[MOUTH_CORNERS]             [61, 291]

Rows run from the image's left in a face that looks at the camera, so from the child's right. Where
the sets have no point in common, the nearest stands in: along the jaw and the bridge of the nose
those at iBUG's distances, on the lips those at its shares of the mouth's width. iBUG's jaw is the
outline in the picture, mediapipe's is a line on the skin: they part where a head is turned.

Sagonas et al., "300 Faces in-the-Wild Challenge", ICCVW 2013.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JAW = slice(0, 17)
"""From ear to ear along the chin."""
BROW_RIGHT, BROW_LEFT = slice(17, 22), slice(22, 27)
BRIDGE = slice(27, 31)
"""Down the nose to its tip."""
NOSE_BASE = slice(31, 36)
"""Under the nostrils."""
EYE_RIGHT, EYE_LEFT = slice(36, 42), slice(42, 48)
LIPS_OUTER, LIPS_INNER = slice(48, 60), slice(60, 68)

CHIN, TIP, BELOW_NOSE = 8, 30, 33
EYE_CORNERS = [36, 39, 42, 45]
MOUTH_CORNERS = [48, 54]
LIPS_APART = [62, 66]
"""Middle of the upper and of the lower lip, inside."""

MEASURED = np.array(
    [
        *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
        *(70, 63, 105, 66, 107),
        *(336, 296, 334, 293, 300),
        *(168, 6, 195, 4),
        *(98, 97, 2, 326, 327),
        *(33, 160, 158, 133, 153, 144),
        *(362, 385, 387, 263, 373, 380),
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
        *(78, 82, 13, 312, 308, 317, 14, 87),
    ]
)
"""(68,) mediapipe's index of each."""


def to_68(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Those of mediapipe's points (..., 478, D) that are iBUG's (..., 68, D)."""
    return points[..., MEASURED, :]
