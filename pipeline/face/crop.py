"""The face cut out of the picture at one scale, whatever its size, to read colour and blur.

It is not turned upright: what is read does not depend on that, and to turn it takes three times as
long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Picture

SIZE_PX = 320
"""The most that is cut out, which a face of the canonical shape does not reach at any tilt."""
PX_PER_MM = 1.5
"""A face of the canonical size, 120 x 140 mm, is 180 x 210 px when it is upright."""
MARGIN_PX = 8
"""Around the landmarks: what is read at them reaches no further."""
LARGER = 1.5
"""How many times the side that is asked for a picture must have: to shrink one that is hardly too
large takes longer than it saves."""
_LEAST_PX = 4


@dataclass(frozen=True)
class Crop:
    """A face cut out, as wide and high as it is itself and a little more, as far as it lies in the
    picture."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB; both are even and at most `SIZE_PX`."""
    grey: NDArray[np.uint8]
    """(H, W)."""
    landmarks: NDArray[np.float32]
    """(478, 2) px of the crop; those outside the picture lie outside of it."""


def cut(picture: Picture, points: NDArray[np.float32], px_per_mm: float) -> Crop:
    """Cut a face out of a picture, scaled to `PX_PER_MM`.

    Args:
        picture: RGB, (H, W, 3).
        points: (478, 3) px.
        px_per_mm: scale of the head in the picture.
    """
    from pipeline.face.meshes import bounds

    scale = PX_PER_MM / max(px_per_mm, 1e-6)
    x, y, beyond_x, beyond_y = bounds(points)
    margin = MARGIN_PX / scale
    left, right = _within(x - margin, beyond_x + margin, picture.shape[1])
    top, bottom = _within(y - margin, beyond_y + margin, picture.shape[0])
    part = _shrunk(picture[top:bottom, left:right], scale)
    wide, high = right - left, bottom - top
    scale = min(scale, SIZE_PX / max(wide, high))
    size = _even(wide * scale), _even(high * scale)
    pixels = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
    # The middle of a pixel is half a pixel from its edge.
    steps = np.array([size[0] / wide, size[1] / high], np.float32)
    landmarks = (points[:, :2] - np.array([left, top], np.float32) + 0.5) * steps - 0.5
    return Crop(
        np.asarray(pixels, dtype=np.uint8),
        np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8),
        np.asarray(landmarks, np.float32),
    )


def within(picture: Picture, side_px: int) -> Picture:
    """A picture (H, W, 3) whose long side is about so long at the most."""
    scale = side_px / max(picture.shape[:2])
    return picture if scale * LARGER > 1.0 else smaller(picture, scale)


def smaller(picture: Picture, scale: float) -> Picture:
    """A picture (H, W, 3) scaled by less than 1."""
    # Down to half as large nothing is lost between pixels, in a sixth of the time.
    how = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    return np.asarray(small, dtype=np.uint8)


def bordered(picture: NDArray[Any], px: int) -> NDArray[Any]:
    """A picture (H, W) or (H, W, 3) with so many pixels more on each side: its own mirror image."""
    return np.asarray(cv2.copyMakeBorder(picture, px, px, px, px, cv2.BORDER_REFLECT_101))


def _within(low: float, high: float, end: int) -> tuple[int, int]:
    """From which pixel to which a span goes along a side of a picture, a few of them at least."""
    first = min(max(int(low), 0), max(end - _LEAST_PX, 0))
    return first, min(max(int(high) + 2, first + _LEAST_PX), end)


def _shrunk(part: Picture, scale: float) -> Picture:
    """Average whole blocks of pixels of a large face, so that nothing aliases."""
    factor = int(1 / scale)
    if factor < 2 or min(part.shape[:2]) < factor:
        return part
    size = round(part.shape[1] / factor), round(part.shape[0] / factor)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _even(px: float) -> int:
    return max(2 * round(px / 2), 2)
