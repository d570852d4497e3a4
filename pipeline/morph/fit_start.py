"""Where a fit starts: scaled orthography, in closed form, for every frame at once.

The affine camera that best maps a shape onto landmarks is linear least squares; the nearest scaled
rotation to it is one singular value decomposition. A few reweighted rounds bear outliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from pipeline.morph import camera

_ROUNDS = 6
# Of the affine camera's two singular values: a head's are about equal, those of points on a line
# are not.
_MIN_ROUNDNESS = 0.2


@dataclass(frozen=True)
class Pose:
    """Scaled-orthographic poses of F frames."""

    R: Tensor
    """(F, 3, 3)."""
    scale_mm: Tensor
    """(F,) mm on the face a pixel."""
    centroid_mm: Tensor
    """(F, 3) middle of the landmarks on the turned head, camera axes."""
    centroid_px: Tensor
    """(F, 2) where it is seen, from the middle of the picture."""
    residual_mm: Tensor
    """(F,) median distance left."""
    usable: Tensor
    """(F,) whether enough landmarks are seen, and not all on a line."""

    def take(self, frames: Any) -> Pose:
        """Those of some of the frames."""
        return Pose(*(getattr(self, field.name)[frames] for field in fields(Pose)))

    @staticmethod
    def joined(parts: Sequence[Pose]) -> Pose:
        """Frames of several, one after another."""
        if len(parts) == 1:
            return parts[0]
        rows = [[getattr(part, field.name) for part in parts] for field in fields(Pose)]
        return Pose(*map(torch.cat, rows))

    def placed(self, focal_px: Tensor) -> tuple[Tensor, Tensor]:
        """Sideways shift (F, 2) mm and log scale (F,) of head origins before a real camera."""
        depth = self.scale_mm * focal_px - self.centroid_mm[:, 2]
        sideways = self.centroid_px * self.scale_mm[:, None] - self.centroid_mm[:, :2]
        # A face nearer than its own size is no start, whatever the landmarks say.
        depth = torch.maximum(depth, 2 * self.centroid_mm[:, 2].abs()).clamp_min(1.0)
        return sideways, torch.log(depth / focal_px)


def weak_perspective(points: Tensor, weight: Tensor, shape: Tensor, min_landmarks: int) -> Pose:
    """Pose of a shape (L, 3), or of each frame's (F, L, 3); points (F, L, 2) px, y down, weight
    (F, L) 0..1."""
    up = (points * torch.tensor([1.0, -1.0]).to(points)).mT.contiguous()
    # About its own middle, since squares of what lies far off drown what differs.
    middle = shape.mean(-2)
    solid = shape - middle[..., None, :]
    powers = torch.cat([torch.ones_like(solid[..., :1]), solid, _outer(solid)], -1)
    robust, counted = torch.ones_like(weight), weight > 0
    for _ in range(_ROUNDS):
        M, mean_px, mean_mm = _affine(up, weight * robust, powers)
        shift = mean_px - (M @ mean_mm[..., None])[..., 0]
        off = up - torch.baddbmm(shift[..., None], M, solid.mT.expand(len(M), -1, -1))
        distance = torch.sqrt(off[:, 0].square() + off[:, 1].square())
        spread = _median(distance, counted)
        robust = 1 / (1 + (distance / (3 * spread[:, None]).clamp_min(1e-9)) ** 2) ** 2
    enough = (weight > 0.1).sum(1) >= min_landmarks
    return _nearest(M, mean_px, mean_mm + middle, spread, enough)


def _outer(shape: Tensor) -> Tensor:
    """Products (..., L, 9) of each point's coordinates with one another."""
    return (shape[..., :, None] * shape[..., None, :]).flatten(-2)


def _affine(points: Tensor, weight: Tensor, powers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Affine cameras (F, 2, 3) and the middles (F, 2) px and (F, 3) mm that they turn about.

    Of points (F, 2, L) px and powers (L, 13) or (F, L, 13): 1, the shape's coordinates, and their
    products.
    """
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-9)
    moments = (share[:, None] @ powers)[:, 0]
    pixels = (share[:, None] * points) @ powers[..., :4]
    mean_mm, mean_px = moments[:, 1:4], pixels[..., 0]
    cross = pixels[..., 1:] - mean_px[..., None] * mean_mm[:, None]
    square = moments[:, 4:].unflatten(1, (3, 3)) - mean_mm[..., None] * mean_mm[:, None]
    ridge = 1e-3 * torch.diagonal(square, dim1=1, dim2=2).mean(1).clamp_min(1e-6)
    square = square + ridge[:, None, None] * torch.eye(3).to(square)
    return torch.linalg.solve(square, cross.mT).mT, mean_px, mean_mm


def _nearest(M: Tensor, mean_px: Tensor, mean_mm: Tensor, spread: Tensor, enough: Tensor) -> Pose:
    U, S, Vh = torch.linalg.svd(M, full_matrices=False)
    rows = U @ Vh
    R = torch.stack([rows[:, 0], rows[:, 1], torch.linalg.cross(rows[:, 0], rows[:, 1])], 1)
    scale_mm = 1 / S.mean(1).clamp_min(1e-9)
    down = torch.tensor([1.0, -1.0]).to(M)
    axes = torch.tensor(camera.AXES).to(M)
    return Pose(
        R,
        scale_mm,
        axes * (R @ mean_mm[..., None])[..., 0],
        mean_px * down,
        spread * scale_mm,
        enough & (S[:, 1] > _MIN_ROUNDNESS * S[:, 0]) & (S[:, 0] > 1e-6),
    )


def _median(values: Tensor, counted: Tensor) -> Tensor:
    """Median (F,) of the counted values of each row; 0 where none is."""
    masked = torch.where(counted, values, torch.nan)
    return torch.nan_to_num(masked.nanmedian(1).values)
