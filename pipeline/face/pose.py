"""Which way a head looks, from its landmarks alone, whatever its mouth does.

Signs, as everywhere in Cradle: yaw_deg > 0 turns to the infant's own left (the nose moves to the
image's right); pitch_deg > 0 looks up; roll_deg > 0 tilts clockwise in the image. Roll is taken off
first, so that yaw and pitch of a child lying on its side are those of the same child sitting up:
R = Rz(-roll) Rx(-pitch) Ry(yaw) in axes x right, y up, z toward the viewer.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import RIGID, canonical

TO_IMAGE = np.array([1.0, -1.0, -1.0])
"""From head axes (y up, z toward the viewer) to the image's (y down, z away), and back."""


class Pose(NamedTuple):
    """Rotation of a head, and how many pixels a millimetre of the canonical face takes."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    px_per_mm: float
    rotation: NDArray[np.float64]
    """(3, 3), from canonical to head axes in the picture."""


def head_pose(points: NDArray[np.floating]) -> Pose:
    """Fit the rigid part of the canonical face onto landmarks.

    Args:
        points: (478, 3) px, x right, y down, z away from the camera, as mediapipe gives them.
    """
    [pose] = head_poses(points[None])
    return pose


def head_poses(points: NDArray[np.floating]) -> list[Pose]:
    """The same of many heads, (F, 478, 3) px: so many at a time cost little more than one."""
    found = []
    for rotation, scale in zip(*_onto(points[:, RIGID] * TO_IMAGE), strict=True):
        yaw, pitch, roll = (math.degrees(angle) for angle in angles(rotation))
        found.append(Pose(yaw, pitch, roll, float(scale), rotation))
    return found


def face_px(points: NDArray[np.floating], roll_deg: NDArray[np.floating]) -> NDArray[np.float64]:
    """The shorter side of faces (F,) turned upright, of landmarks (F, 478, 3) px."""
    roll = np.radians(roll_deg, dtype=np.float64)[:, None]
    x, y = points[..., 0], points[..., 1]
    sides = np.cos(roll) * x + np.sin(roll) * y, np.cos(roll) * y - np.sin(roll) * x
    return np.minimum(*(np.ptp(side, axis=1) for side in sides))


def _onto(target: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations (F, 3, 3) and scales (F,) that carry the rigid shape onto `target` (F, N, 3), least
    squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    1991.
    """
    shape, size = _shape()
    # What is not centred is cancelled by a shape that is.
    u, singular, vt = np.linalg.svd(target.swapaxes(1, 2) @ shape)
    rotation = u @ vt
    mirrored = np.linalg.det(rotation) < 0
    rotation[mirrored] = (u[mirrored] * [1.0, 1.0, -1.0]) @ vt[mirrored]
    singular[mirrored, 2] *= -1
    return rotation, singular.sum(axis=1) / size


@cache
def _shape() -> tuple[NDArray[np.float64], float]:
    """The rigid part (N, 3), its middle at 0, and the sum of its squares."""
    points = canonical().points[RIGID].astype(np.float64)
    centred = points - points.mean(axis=0)
    return centred, float((centred**2).sum())


def angles(rotation: NDArray[np.floating]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in radians of a rotation (3, 3) in head axes."""
    yaw = math.atan2(-rotation[2, 0], rotation[2, 2])
    pitch = math.asin(min(max(-rotation[2, 1], -1.0), 1.0))
    roll = math.atan2(rotation[0, 1], rotation[1, 1])
    return yaw, pitch, roll


def rotation_of(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """The rotation (3, 3) in head axes that `angles` takes apart."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    turn = np.array(
        [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]], dtype=float
    )
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]],
        dtype=float,
    )
    tilt = np.array(
        [[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]], dtype=float
    )
    return tilt @ nod @ turn
