"""Where one shot ends and another begins: at a cut both colours and layout change at once.

A lamp that is switched on changes colours and leaves the layout; a camera that is swung round
changes the layout and leaves most colours. Fades are no cuts.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Picture

LOOK_PX = 48
"""About the sides of what is looked at."""
LEVELS = 6
"""Of each channel, in the histogram of colours."""
COLOURS_CHANGE = 0.3
"""Share of the pixels whose colour the picture before did not have."""
LAYOUT_STAYS = 0.5
"""Correlation with the picture before above which it shows the same."""
FLAT = 1.0
"""Contrast, in levels of 0..255, below which a picture has no layout."""
_LEVEL = (np.arange(256) * LEVELS) >> 8
_PLACES = (_LEVEL[None, :, None] * [LEVELS**2, LEVELS, 1]).astype(np.uint8)
"""Of each channel's value in the number of a colour, (1, 256, 3)."""


class CutDetector:
    """Tells of each picture of a clip whether it begins another shot."""

    def __init__(self) -> None:
        self._colours: NDArray[np.float64] | None = None
        self._small: Picture | None = None

    def look(self, picture: Picture) -> bool:
        """Whether an RGB picture (H, W, 3) begins another shot than the one before; the first does
        not."""
        down, across = (max(size // LOOK_PX, 1) for size in picture.shape[:2])
        small = np.ascontiguousarray(picture[down // 2 :: down, across // 2 :: across])
        colours = _colours(small)
        before, beneath = self._colours, self._small
        self._colours, self._small = colours, small
        if before is None or beneath is None:
            return False
        changed = 0.5 * float(np.abs(colours - before).sum())
        return changed > COLOURS_CHANGE and _alike(_layout(small), _layout(beneath)) < LAYOUT_STAYS


def _colours(small: Picture) -> NDArray[np.float64]:
    """How often each of LEVELS^3 colours is there, in shares."""
    red, green, blue = cv2.split(cv2.LUT(small, _PLACES))
    counts = cv2.calcHist([red + green + blue], [0], None, [LEVELS**3], [0, LEVELS**3])
    return counts[:, 0].astype(np.float64) / red.size


def _layout(small: Picture) -> NDArray[np.float64]:
    return small.astype(np.float64) @ np.full(3, 1 / 3)


def _alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of two pictures; 0 where either is flat or of another size."""
    if a.shape != b.shape or min(a.std(), b.std()) < FLAT:
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))
