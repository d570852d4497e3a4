"""Whether a face has an infant's proportions or an adult's.

An infant's face is short below the eyes, its nose and jaw are small and its brow is high: eye line
to chin is 0.95 of the width between the outer corners of the eyes against 1.27 in adults, nose base
0.34 against 0.51, lip to chin 0.26 against 0.37 (InfAnFace against 300-W, frontal faces). The
landmarker draws every face toward an adult's, so the middles and spreads below are those of its own
landmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.pose import TO_IMAGE

EYE_CORNERS = [33, 133, 362, 263]

# Name: value between infants and adults, how far either lies from it, and how much it tells.
PROPORTIONS: dict[str, tuple[float, float]] = {
    "eyes_to_chin": (1.10, -0.08),
    "eyes_to_nose": (0.45, -0.05),
    "lip_to_chin": (0.30, -0.05),
    "eyes_to_chin_by_width": (0.71, -0.05),
    "nose_width": (0.40, -0.03),
    "brow_by_eyes_to_chin": (0.585, 0.05),
}
"""Value half way between infants and adults, and the step toward infants, in each proportion."""
SURENESS = 3.0
UNTOLD = 0.6
"""What stands for it where it cannot be told: such a face is not called an adult's."""
TELLING_DEG = 30.0
"""Proportions of a head turned further are not believed."""
ENOUGH_FRAMES = 15


def proportions(
    points: NDArray[np.floating], rotation: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Measure `PROPORTIONS` (F, 6) on landmarks (F, 478, 3) px; an open mouth is closed first.

    `rotation` (F, 3, 3) is that of each frame's `Pose`.
    """
    facing = (points * TO_IMAGE) @ rotation
    x, y = facing[..., 0], facing[..., 1]
    eyes = y[:, EYE_CORNERS].mean(axis=1)
    width = np.linalg.norm(facing[:, 263] - facing[:, 33], axis=1)
    gap = np.maximum(y[:, 13] - y[:, 14], 0.0)
    chin = eyes - y[:, 152] - gap
    measured = [
        chin / width,
        (eyes - y[:, 2]) / width,
        (y[:, 17] - y[:, 152]) / width,
        chin / np.abs(x[:, 454] - x[:, 234]),
        np.linalg.norm(facing[:, 278] - facing[:, 48], axis=1) / width,
        (y[:, 10] - eyes) / np.maximum(chin, 1e-6),
    ]
    return np.stack(measured, axis=1).astype(np.float32)


def likeness(measured: NDArray[np.floating], trust: NDArray[np.floating]) -> float:
    """How much an infant's the proportions of one track are, in [0, 1].

    Args:
        measured: (F, 6) proportions in the frames of the track.
        trust: (F,) in [0, 1], how much the landmarks of each frame can be believed.

    Returns:
        nan where there is too little to tell by.
    """
    if trust.sum() < ENOUGH_FRAMES:
        return float("nan")
    middle = np.array([value for value, _ in PROPORTIONS.values()])
    step = np.array([step for _, step in PROPORTIONS.values()])
    typical = np.array([_weighted_median(column, trust) for column in measured.T])
    evidence = float(np.clip((typical - middle) / step, -2.0, 2.0).mean())
    return float(1.0 / (1.0 + np.exp(-SURENESS * evidence)))


def telling(yaw_deg: NDArray, pitch_deg: NDArray) -> NDArray[np.float64]:
    """How much of its proportions a head shows in each frame, (F,) in [0, 1]."""
    turned = np.hypot(yaw_deg, pitch_deg)
    return np.asarray(np.clip(1.5 - turned / TELLING_DEG, 0.0, 1.0))


def _weighted_median(values: NDArray[np.floating], weights: NDArray[np.floating]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
