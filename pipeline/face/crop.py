"""The face cut out upright, 256 px wide, whatever its size and tilt, to read colour and blur."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Picture

SIZE_PX = 256
PX_PER_MM = 1.5
"""A face of the canonical size, 120 x 140 mm, fills seven tenths of the crop's width."""


_EVERYWHERE = np.ones((SIZE_PX, SIZE_PX), bool)
_EVERYWHERE.flags.writeable = False


@dataclass(frozen=True)
class Crop:
    """A face cut out upright."""

    pixels: NDArray[np.uint8]
    """(256, 256, 3) RGB, black outside the picture."""
    inside: NDArray[np.bool_]
    """(256, 256) where there was picture."""
    to_crop: NDArray[np.float64]
    """(2, 3), from px of the picture to px of the crop."""

    def place(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points (N, 2 or 3) of the picture in px of the crop, (N, 2)."""
        return (points[:, :2] @ self.to_crop[:, :2].T + self.to_crop[:, 2]).astype(np.float32)


def cut(picture: Picture, points: NDArray[np.floating], roll_deg: float, px_per_mm: float) -> Crop:
    """Cut a face out of a picture, turned upright and scaled to `PX_PER_MM`.

    Args:
        picture: RGB, (H, W, 3).
        points: (478, 3) px.
        roll_deg: tilt of the head, clockwise.
        px_per_mm: scale of the head in the picture.
    """
    to_crop = upright(points, roll_deg, PX_PER_MM / max(px_per_mm, 1e-6))
    shrunk, to_shrunk = _shrink(picture, px_per_mm)
    warp = _after(to_crop, np.linalg.inv(to_shrunk))
    size = (SIZE_PX, SIZE_PX)
    pixels = cv2.warpAffine(shrunk, warp, size, flags=cv2.INTER_LINEAR)
    return Crop(np.asarray(pixels, dtype=np.uint8), _inside(to_crop, picture.shape), to_crop)


def _inside(to_crop: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of the crop show some of a picture of that shape."""
    back = cv2.invertAffineTransform(to_crop)
    corners = back[:, :2] @ (SIZE_PX * np.array([[0, 0, 1, 1], [0, 1, 0, 1]])) + back[:, 2:]
    if (corners >= 0).all() and (corners <= [[shape[1] - 1], [shape[0] - 1]]).all():
        return _EVERYWHERE
    place = np.arange(SIZE_PX)
    x = back[0, 0] * place + back[0, 1] * place[:, None] + back[0, 2]
    y = back[1, 0] * place + back[1, 1] * place[:, None] + back[1, 2]
    return np.asarray((x >= 0) & (x <= shape[1] - 1) & (y >= 0) & (y <= shape[0] - 1))


def upright(points: NDArray[np.floating], roll_deg: float, scale: float) -> NDArray[np.float64]:
    """The similarity (2, 3) that puts a face upright into the middle of the crop."""
    roll = np.radians(roll_deg)
    turn = scale * np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    placed = points[:, :2] @ turn.T
    middle = (placed.min(axis=0) + placed.max(axis=0)) / 2
    return np.column_stack([turn, SIZE_PX / 2 - middle])


def _shrink(picture: Picture, px_per_mm: float) -> tuple[Picture, NDArray[np.float64]]:
    """Average whole blocks of pixels of a large face, so that nothing aliases."""
    factor = int(px_per_mm / PX_PER_MM)
    if factor < 2:
        return picture, np.eye(3)
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    whole = picture[: height * factor, : width * factor]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    # The middle of the first block is at (factor - 1) / 2 px.
    shift = (1 - factor) / (2 * factor)
    return np.asarray(small, dtype=np.uint8), np.array(
        [[1 / factor, 0, shift], [0, 1 / factor, shift], [0, 0, 1.0]]
    )


def _after(affine: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    return affine @ first
