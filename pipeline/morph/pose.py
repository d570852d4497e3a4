"""Head pose and the pinhole camera.

    >>> turned = rotation_matrix(yaw_deg=30, pitch_deg=0, roll_deg=0)
    >>> px = project(vertices_mm, turned, np.array([0, 0, 600.0]), focal_px=900, size=(384, 384))

Head axes: x to the infant's left, y up, z out of the face. Camera axes: x right, y down, z away
from the camera. A head without rotation faces the camera. Angles in degrees: yaw > 0 turns the
nose to the right of the image (the infant's left), pitch > 0 looks up, roll > 0 tilts the head
clockwise in the image. R = Rz(-roll) Rx(-pitch) Ry(yaw), as in `pipeline.morph.camera`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

HEAD_TO_CAMERA = np.diag([1.0, -1.0, -1.0])


def rotation_matrix(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Array:
    """Rotation (3,3) of the head in head axes: `roll @ pitch @ yaw`."""
    y, p, r = np.radians([yaw_deg, pitch_deg, roll_deg])
    yaw = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    pitch = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    roll = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return roll @ pitch @ yaw


def rotation_angles(rotation: ArrayLike) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of a rotation (3,3); inverse of `rotation_matrix`."""
    m = np.asarray(rotation, float)
    pitch = np.arcsin(np.clip(-m[2, 1], -1.0, 1.0))
    yaw = np.arctan2(-m[2, 0], m[2, 2])
    roll = np.arctan2(m[0, 1], m[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def rotation_vector(rotation: ArrayLike) -> Array:
    """Rotation vectors (..., 3), radians, of one rotation matrix (3,3) or of many (N,3,3)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(np.asarray(rotation, float)).as_rotvec())


def from_vector(vector: ArrayLike) -> Array:
    """Rotation matrix (3,3) of a rotation vector (3,) in radians."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(np.asarray(vector, float)).as_matrix())


def to_camera(points: ArrayLike, rotation: ArrayLike, translation: ArrayLike) -> Array:
    """Head points (N,3) mm in camera axes (N,3) mm.

    `rotation` is a matrix (3,3) or a rotation vector (3,) in head axes; `translation` (3,) is
    where the head's origin lies in camera axes, mm.
    """
    turn = np.asarray(rotation, float)
    matrix = from_vector(turn) if turn.shape == (3,) else turn
    return np.asarray(points, float) @ (HEAD_TO_CAMERA @ matrix).T + np.asarray(translation, float)


def project(
    points: ArrayLike,
    rotation: ArrayLike,
    translation: ArrayLike,
    focal_px: float,
    size: tuple[int, int],
) -> Array:
    """Pinhole image of head points (N,3) mm: (N,3) of x px, y px (down) and depth mm.

    `size` is (height, width); the optical axis meets the image in its middle, and pixel (row,
    column) covers [column, column+1) x [row, row+1).
    """
    return to_pixels(to_camera(points, rotation, translation), focal_px, size)


def to_pixels(seen: Array, focal_px: float, size: tuple[int, int]) -> Array:
    """Image (N,3) of points in camera axes (N,3) mm: x px, y px (down) and depth mm."""
    height, width = size
    depth = seen[:, 2]
    return np.column_stack(
        [
            focal_px * seen[:, 0] / depth + 0.5 * width,
            focal_px * seen[:, 1] / depth + 0.5 * height,
            depth,
        ]
    )
