"""What hands hide, as far as the landmarker sees hands: palm and fingers drawn over the face.

The hand model sometimes takes an open mouth for a hand. A hand comes from somewhere: one with its
wrist within the outline of the face is not believed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import HandDetector, Picture
from pipeline.face.crop import smaller
from pipeline.face.mesh import OVAL

WRIST = 0
PALM = [0, 1, 5, 9, 13, 17]
FINGERS = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20]]
FINGER_WIDTH = 0.28
"""Of a finger, in widths of the palm."""
AROUND = 0.6
"""How far around the face hands are looked for, in its sizes."""
LOOK_PX = 256
MASK_PX = 192


def near(
    detector: HandDetector, picture: Picture, box: tuple[float, float, float, float]
) -> list[NDArray[np.float32]]:
    """Hands (21, 2) px around a face whose box is left, top, right, bottom px."""
    height, width = picture.shape[:2]
    reach = AROUND * max(box[2] - box[0], box[3] - box[1])
    left, top = max(int(box[0] - reach), 0), max(int(box[1] - reach), 0)
    right, bottom = min(int(box[2] + reach), width), min(int(box[3] + reach), height)
    if right - left < 16 or bottom - top < 16:
        return []
    region = picture[top:bottom, left:right]
    scale = min(LOOK_PX / max(region.shape[:2]), 1.0)
    if scale < 1.0:
        region = smaller(region, scale)
    corner = np.array([left, top], dtype=np.float32)
    return [hand / np.float32(scale) + corner for hand in detector.detect(region)]


def under(hands: list[NDArray[np.float32]], points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which landmarks (478,) lie under hands.

    Args:
        hands: each (21, 2) px.
        points: (478, 2 or 3) px.
    """
    if not hands:
        return np.zeros(len(points), bool)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    scale = MASK_PX / max(float((high - low).max()), 1e-6)
    mask = np.zeros((MASK_PX + 1, MASK_PX + 1), dtype=np.uint8)
    for hand in hands:
        if not _within(points, hand[WRIST]):
            _draw(mask, (hand - low) * scale)
    place = np.clip(np.round((points[:, :2] - low) * scale), 0, MASK_PX).astype(int)
    return np.asarray(mask[place[:, 1], place[:, 0]] > 0)


def _within(points: NDArray[np.floating], place: NDArray[np.floating]) -> bool:
    outline = points[OVAL, :2].astype(np.float32)[:, None]
    return cv2.pointPolygonTest(outline, (float(place[0]), float(place[1])), False) >= 0


def _draw(mask: NDArray[np.uint8], hand: NDArray[np.floating]) -> None:
    # Far joints would overflow the drawing's fixed-point coordinates.
    joints = np.round(np.clip(hand, -8 * MASK_PX, 8 * MASK_PX)).astype(np.int32)
    cv2.fillConvexPoly(mask, cv2.convexHull(joints[PALM]), (1,))
    width = float(
        np.linalg.norm(joints[5] - joints[17]) + np.linalg.norm(joints[0] - joints[9]) / 2
    )
    thick = int(np.clip(FINGER_WIDTH * width, 2, 255))
    for finger in FINGERS:
        cv2.polylines(mask, [joints[finger]], False, (1,), thick)
    cv2.polylines(mask, [joints[PALM]], True, (1,), thick)
