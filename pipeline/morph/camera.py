"""A pinhole camera looking at a head, torch, batched.

    head axes     x to the infant's left, y up, z toward the viewer, mm
    camera axes   x right, y down, z forward, mm
    seen = AXES * (R @ vertex) + translation
    pixel = focal_px * seen[:2] / seen[2] + (width, height) / 2       size is (height, width)

A head with rotation 0 faces the camera. Angles: yaw > 0 turns the infant to its own left (the nose
moves to image right), pitch > 0 looks up, roll > 0 tilts clockwise in the image;
R = Rz(-roll) Rx(-pitch) Ry(yaw), so that yaw stays defined in profile and roll is what is seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

AXES = (1.0, -1.0, -1.0)
_SMALL_RAD = 1e-4
NEAREST_MM = 1.0


def exp_rotation(rotation: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), by Rodrigues' formula."""
    angle = torch.linalg.vector_norm(rotation, dim=-1)[..., None, None]
    safe = angle.clamp_min(_SMALL_RAD)
    small = angle < _SMALL_RAD
    first = torch.where(small, 1 - angle**2 / 6, torch.sin(safe) / safe)
    second = torch.where(small, 0.5 - angle**2 / 24, (1 - torch.cos(safe)) / safe**2)
    K = cross_matrix(rotation)
    return torch.eye(3, dtype=K.dtype, device=K.device) + first * K + second * (K @ K)


def log_rotation(R: Tensor) -> Tensor:
    """Rotation vectors (..., 3), no longer than pi, of rotation matrices (..., 3, 3).

    Goes through the quaternion with the largest component (Shepperd 1978), so that heads that lie
    on the side or upside down lose no precision.
    """
    quaternion = _quaternion(R)
    quaternion = quaternion * torch.where(quaternion[..., :1] < 0, -1.0, 1.0)
    real, imaginary = quaternion[..., 0], quaternion[..., 1:]
    half_sine = torch.linalg.vector_norm(imaginary, dim=-1)
    angle = 2 * torch.atan2(half_sine, real)
    small = half_sine < _SMALL_RAD
    factor = torch.where(small, 2 / real.clamp_min(0.5), angle / half_sine.clamp_min(_SMALL_RAD))
    return imaginary * factor[..., None]


def _quaternion(R: Tensor) -> Tensor:
    """Unit quaternions (..., 4), real part first, of rotation matrices."""
    xx, yy, zz = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    x, y, z = R[..., 2, 1], R[..., 0, 2], R[..., 1, 0]
    x_, y_, z_ = R[..., 1, 2], R[..., 2, 0], R[..., 0, 1]
    # Row i of the outer product of the quaternion with itself, times four.
    rows = torch.stack(
        [
            torch.stack([1 + xx + yy + zz, x - x_, y - y_, z - z_], -1),
            torch.stack([x - x_, 1 + xx - yy - zz, z + z_, y + y_], -1),
            torch.stack([y - y_, z + z_, 1 - xx + yy - zz, x + x_], -1),
            torch.stack([z - z_, y + y_, x + x_, 1 - xx - yy + zz], -1),
        ],
        -2,
    )
    best = torch.diagonal(rows, dim1=-2, dim2=-1).argmax(-1)
    row = torch.gather(rows, -2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    return row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)


def cross_matrix(vector: Tensor) -> Tensor:
    """Matrices (..., 3, 3) that take w to `vector` x w."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, -1).reshape(*vector.shape[:-1], 3, 3)


def rotation_from_angles(yaw_deg: Tensor, pitch_deg: Tensor, roll_deg: Tensor) -> Tensor:
    """Rotation vectors (..., 3) of heads turned by the given angles (...)."""
    yaw, pitch, roll = (torch.deg2rad(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    zero = torch.zeros_like(yaw)
    turn = exp_rotation(torch.stack([zero, yaw, zero], -1))
    lift = exp_rotation(torch.stack([-pitch, zero, zero], -1))
    tilt = exp_rotation(torch.stack([zero, zero, -roll], -1))
    return log_rotation(tilt @ lift @ turn)


def angles_from_rotation(rotation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Yaw and roll (-180..180) and pitch (-90..90) in degrees of rotation vectors (..., 3)."""
    R = exp_rotation(rotation)
    yaw = torch.atan2(-R[..., 2, 0], R[..., 2, 2])
    pitch = torch.asin((-R[..., 2, 1]).clamp(-1, 1))
    roll = torch.atan2(R[..., 0, 1], R[..., 1, 1])
    return torch.rad2deg(yaw), torch.rad2deg(pitch), torch.rad2deg(roll)


def to_camera(points: Tensor, R: Tensor, translation: Tensor) -> Tensor:
    """Points (F, N, 3) of heads in camera axes, mm; R (F, 3, 3), translation (F, 3)."""
    axes = torch.tensor(AXES, dtype=R.dtype, device=R.device)
    return points @ (axes[:, None] * R).transpose(-1, -2) + translation[..., None, :]


def to_pixels(seen: Tensor, focal_px: Tensor | float, size: tuple[int, int]) -> Tensor:
    """Pixels (F, N, 2) of points (F, N, 3) in camera axes; size is (height, width)."""
    centre = torch.tensor(size[::-1], dtype=seen.dtype, device=seen.device) / 2
    return focal_px * seen[..., :2] / seen[..., 2:].clamp_min(NEAREST_MM) + centre


def project(
    points: Tensor,
    rotation: Tensor,
    translation: Tensor,
    focal_px: Tensor | float,
    size: tuple[int, int],
) -> Tensor:
    """Pixels (F, N, 2) of points (F, N, 3) of heads; rotation vectors and translations (F, 3)."""
    return to_pixels(to_camera(points, exp_rotation(rotation), translation), focal_px, size)
