"""A strip of faces, side by side: what was seen of each, what became of it, and which cue decided.

strip(pictures, points, visibility, ["kept", "mouth_hidden: hand"])     # (TILE, 2 TILE, 3)
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Picture
from pipeline.face.overlay import draw

TILE_PX = 192
AROUND = 0.35
"""How much of its surroundings a face is shown with on each side, in its sizes."""


def caption(reason: str, hidden_by: str) -> str:
    """What stands below a face: the reason, and the cue that decided where something hides it.

    Args:
        reason: a frame's verdict, such as "mouth_hidden".
        hidden_by: as in frames.parquet.
    """
    return f"{reason}: {hidden_by}" if hidden_by and reason.endswith("_hidden") else reason


def strip(
    pictures: Sequence[Picture],
    points: NDArray[np.floating],
    visibility: NDArray[np.floating],
    captions: Sequence[str],
) -> Picture:
    """Lay the faces of N pictures side by side, (TILE_PX, N TILE_PX, 3).

    Args:
        pictures: N times RGB (H, W, 3).
        points: (N, 478, 3) px, nan where no face was found: the whole picture is shown then.
        visibility: (N, 478) in [0, 1].
        captions: N times what is written below.
    """
    every = zip(pictures, points, visibility, captions, strict=True)
    return np.concatenate([_tile(*one) for one in every], axis=1)


def _tile(
    picture: Picture, points: NDArray[np.floating], visibility: NDArray[np.floating], words: str
) -> Picture:
    left, top, side = _square(picture, points)
    scale = TILE_PX / side
    warp = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    tile = cv2.warpAffine(picture, warp, (TILE_PX, TILE_PX), flags=how)
    placed = (points - np.array([left, top, 0.0])) * scale
    return draw(np.asarray(tile, np.uint8), placed, visibility, words)


def _square(picture: Picture, points: NDArray[np.floating]) -> tuple[float, float, float]:
    """Left, top and side of what is shown, px."""
    height, width = picture.shape[:2]
    if np.isnan(points[:, :2]).any():
        side = float(max(height, width))
        return (width - side) / 2, (height - side) / 2, side
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    side = float((high - low).max()) * (1 + 2 * AROUND)
    middle = (low + high) / 2
    return float(middle[0] - side / 2), float(middle[1] - side / 2), side
