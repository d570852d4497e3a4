"""Landmarks drawn over the picture, coloured by how well each can be seen.

Green is seen, red is hidden; a bar at the foot of each frame says what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.face.backends import Picture
from pipeline.face.mesh import canonical

SEEN_RGB = (60, 220, 90)
HIDDEN_RGB = (235, 60, 50)
KEPT = "kept"
_BAR_PX = 18
_FADED = 0.35
_SUBPIXEL_BITS = 4


def overlay(
    path: Path,
    points: NDArray[np.floating],
    visibility: NDArray[np.floating],
    verdicts: Sequence[str],
    out: Path,
) -> None:
    """Write a video of `path` with its landmarks drawn over it.

    Args:
        path: the clip's video.
        points: (F, 478, 3) px, nan where no face was found.
        visibility: (F, 478) in [0, 1].
        verdicts: F words, such as "kept" or "mouth_hidden", written at the foot; may be empty.
        out: an mp4 file to write.
    """

    def drawn(picture: Picture, frame: int) -> Picture:
        verdict = verdicts[frame] if frame < len(verdicts) else ""
        return draw(picture, points[frame], visibility[frame], verdict)

    media.redraw(path, out, drawn)


def draw(
    picture: Picture,
    points: NDArray[np.floating],
    visibility: NDArray[np.floating],
    verdict: str = "",
) -> Picture:
    """Draw one frame: the mesh faintly, its landmarks coloured, the verdict at the foot.

    Args:
        picture: (H, W, 3) RGB.
        points: (478, 3) px, or nan.
        visibility: (478,) in [0, 1].
        verdict: a word, or nothing.
    """
    drawn = picture.copy()
    if not np.isnan(points[:, :2]).any():
        _mesh(drawn, points)
        _dots(drawn, points, np.asarray(visibility, dtype=np.float32))
    if verdict:
        _foot(drawn, verdict)
    return drawn


def _mesh(drawn: Picture, points: NDArray[np.floating]) -> None:
    lines = drawn.copy()
    corners = _fixed(points)[canonical().triangles]
    cv2.polylines(lines, list(corners), True, (255, 255, 255), 1, cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    cv2.addWeighted(lines, _FADED, drawn, 1.0 - _FADED, 0.0, dst=drawn)


def _dots(drawn: Picture, points: NDArray[np.floating], visibility: NDArray[np.float32]) -> None:
    radius = max(1.0, np.ptp(points[:, 0]) / 160.0)
    share = np.clip(visibility, 0.0, 1.0)[:, None]
    colours = share * np.array(SEEN_RGB) + (1.0 - share) * np.array(HIDDEN_RGB)
    for place, colour in zip(_fixed(points).tolist(), colours.tolist(), strict=True):
        size = round(radius * 2**_SUBPIXEL_BITS)
        cv2.circle(drawn, place, size, colour, -1, cv2.LINE_AA, shift=_SUBPIXEL_BITS)


def _foot(drawn: Picture, verdict: str) -> None:
    height, width = drawn.shape[:2]
    top = max(height - _BAR_PX, 0)
    colour = SEEN_RGB if verdict == KEPT else HIDDEN_RGB
    cv2.rectangle(drawn, (0, top), (width, height), colour, -1)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(drawn, verdict, (4, height - 5), font, 0.45, (0, 0, 0), 1, cv2.LINE_AA)


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """Points as the drawing's fixed-point numbers, kept from overflowing far outside."""
    inside = np.clip(points[:, :2], -10_000, 20_000)
    return np.round(inside * 2**_SUBPIXEL_BITS).astype(np.int32)
