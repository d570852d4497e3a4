"""The face cut out upright, whatever its size and tilt, to read colour and blur."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Picture

SIZE_PX = 256
"""The most that is cut out."""
PX_PER_MM = 1.5
"""A face of the canonical size, 120 x 140 mm, is 180 x 210 px."""
MARGIN_PX = 8
"""Around the landmarks: what is read at them reaches no further."""
_STEP_PX = 4


@dataclass(frozen=True)
class Crop:
    """A face cut out upright, as wide and high as it is itself and a little more."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB, black outside the picture; both at most `SIZE_PX`, and multiples of 4."""
    grey: NDArray[np.uint8]
    """(H, W)."""
    inside: NDArray[np.bool_]
    """(H, W) where there was picture."""
    landmarks: NDArray[np.float32]
    """(478, 2) px of the crop."""


def cut(picture: Picture, points: NDArray[np.floating], roll_deg: float, px_per_mm: float) -> Crop:
    """Cut a face out of a picture, turned upright and scaled to `PX_PER_MM`.

    Args:
        picture: RGB, (H, W, 3).
        points: (478, 3) px.
        roll_deg: tilt of the head, clockwise.
        px_per_mm: scale of the head in the picture.
    """
    to_crop, size, landmarks = upright(points, roll_deg, PX_PER_MM / max(px_per_mm, 1e-6))
    shrunk, factor = _shrink(picture, px_per_mm)
    pixels = cv2.warpAffine(shrunk, _of_shrunk(to_crop, factor), size, flags=cv2.INTER_LINEAR)
    return Crop(
        np.asarray(pixels, dtype=np.uint8),
        np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8),
        _inside(to_crop, size, picture.shape),
        landmarks,
    )


def _inside(
    to_crop: NDArray[np.float64], size: tuple[int, int], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which pixels of a crop of that width and height show some of a picture of that shape."""
    width, height = size
    back = cv2.invertAffineTransform(to_crop)
    corners = back[:, :2] @ np.array([[0, 0, width, width], [0, height, 0, height]]) + back[:, 2:]
    if (corners >= 0).all() and (corners <= [[shape[1] - 1], [shape[0] - 1]]).all():
        return np.ones((height, width), bool)
    column, row = np.arange(width), np.arange(height)[:, None]
    x = back[0, 0] * column + back[0, 1] * row + back[0, 2]
    y = back[1, 0] * column + back[1, 1] * row + back[1, 2]
    return np.asarray((x >= 0) & (x <= shape[1] - 1) & (y >= 0) & (y <= shape[0] - 1))


def upright(
    points: NDArray[np.floating], roll_deg: float, scale: float
) -> tuple[NDArray[np.float64], tuple[int, int], NDArray[np.float32]]:
    """The similarity (2, 3) that puts a face upright into the middle of the crop, how wide and high
    that is, and where points lie in it, (478, 2)."""
    cos, sin = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
    turn = scale * np.array([[cos, sin], [-sin, cos]])
    placed = turn @ points[:, :2].T
    low, high = placed.min(axis=1), placed.max(axis=1)
    width, height = (
        min(max(_STEP_PX * math.ceil((span + 2 * MARGIN_PX) / _STEP_PX), _STEP_PX), SIZE_PX)
        for span in (high - low).tolist()
    )
    shift = np.array([[width], [height]]) / 2 - (low + high)[:, None] / 2
    return np.hstack([turn, shift]), (width, height), (placed + shift).T.astype(np.float32)


def _shrink(picture: Picture, px_per_mm: float) -> tuple[Picture, int]:
    """Average whole blocks of pixels of a large face, so that nothing aliases; and how wide those
    are."""
    factor = int(px_per_mm / PX_PER_MM)
    if factor < 2:
        return picture, 1
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    whole = picture[: height * factor, : width * factor]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), factor


def _of_shrunk(to_crop: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """The same similarity (2, 3), from px of the picture whose blocks were averaged."""
    # The middle of the first block is at (factor - 1) / 2 px.
    first = to_crop[:, :2].sum(axis=1) * (factor - 1) / 2 + to_crop[:, 2]
    return np.column_stack([factor * to_crop[:, :2], first])
