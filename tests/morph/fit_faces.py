"""A small linear face and clips of it whose truth is known, for tests and benchmarks of the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.morph import camera
from pipeline.morph.fit_system import Face
from pipeline.morph.surface import LinearSurface

SIZE = (480, 640)
FOCAL_PX = 760.0
OPENINGS = 8


def linear_face(
    landmarks: int = 200, identity: int = 32, expression: int = 64, seed: int = 7
) -> Face:
    """Points on half an ellipsoid that smooth random fields move about; float64."""
    rng = np.random.default_rng(seed)
    turn = np.arange(landmarks) * np.pi * (3 - np.sqrt(5))
    rim = np.sqrt((np.arange(landmarks) + 0.5) / landmarks)
    flat = np.stack([rim * np.cos(turn), rim * np.sin(turn)], 1)
    depth = np.sqrt(np.clip(1 - 0.85 * rim**2, 0, 1))
    mean = np.concatenate([flat * [62, 78], 52 * depth[:, None]], 1)

    def fields(count: int, reach_mm: float, size_mm: np.ndarray) -> torch.Tensor:
        square = ((mean[:, None] - mean[None]) ** 2).sum(-1)
        root = np.linalg.cholesky(np.exp(-square / (2 * reach_mm**2)) + 1e-6 * np.eye(landmarks))
        moves = root @ rng.normal(size=(count, landmarks, 3))
        moves -= moves.mean(1, keepdims=True)
        return torch.from_numpy(moves * size_mm[:, None, None])

    near = np.argsort(((mean - [0, -30, 45]) ** 2).sum(1))[: 2 * OPENINGS]
    who = fields(identity, 35.0, 2.2 / np.sqrt(1 + np.arange(identity)))
    surface = LinearSurface(
        torch.from_numpy(mean),
        torch.cat([who, torch.from_numpy(0.05 * mean)[None]]),
        fields(expression, 14.0, 1.6 / np.sqrt(1 + 0.3 * np.arange(expression))),
        identity,
    )
    return Face(
        surface,
        torch.full((landmarks,), 0.6, dtype=torch.float64),
        torch.from_numpy(near.reshape(-1, 2)),
        0.6,
    )


@dataclass
class Truth:
    """What a synthetic clip was made from, float64."""

    shared: torch.Tensor
    expression: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor
    focal_px: float
    points_px: np.ndarray

    def heads(self, face: Face) -> torch.Tensor:
        """(F, L, 3) mm in head axes."""
        return heads(face, self.shared, self.expression)


def heads(face: Face, shared: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
    """(F, L, 3) mm of latents."""
    return face.surface.at(shared, expression)


def clip(
    face: Face,
    frames: int = 30,
    seed: int = 1,
    roll_deg: float = 0.0,
    focal_px: float = FOCAL_PX,
    noise_px: float = 0.0,
) -> Truth:
    """A head that looks about and moves its face smoothly, at about arm's length."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, frames)[:, None]

    def wander(count: int) -> np.ndarray:
        speed, phase = rng.uniform(1, 4, count), rng.uniform(0, 2 * np.pi, count)
        return np.sqrt(2) * np.sin(2 * np.pi * speed * time + phase) * rng.normal(size=count)

    yaw, pitch, roll = (wander(3) * [18, 10, 8]).clip(-40, 40).T
    rotation = camera.rotation_from_angles(
        *(torch.from_numpy(angle) for angle in (yaw, pitch, roll + roll_deg))
    )
    translation = torch.from_numpy(wander(3) * [15, 12, 20] + [0, 0, 420])
    shared = torch.from_numpy(rng.normal(size=face.surface.shared_count).clip(-2, 2))
    expression = torch.from_numpy(wander(face.surface.expression_count))
    points = camera.project(
        heads(face, shared, expression), rotation, translation, focal_px, SIZE
    ).numpy()
    points = points + noise_px * rng.normal(size=points.shape)
    return Truth(shared, expression, rotation, translation, focal_px, points)


def still(face: Face, frames: int, noise_px: float, step: float = 0.0, seed: int = 1) -> Truth:
    """A head that does not move, but for `step` in every latent of expression half way through."""
    truth = clip(face, 1, seed)
    expression = truth.expression.repeat(frames, 1)
    rng = np.random.default_rng(seed)
    towards = torch.from_numpy(np.sign(rng.normal(size=expression.shape[1])))
    expression[frames // 2 :] += step * towards / np.sqrt(len(towards)) * 3
    rotation, translation = truth.rotation.repeat(frames, 1), truth.translation.repeat(frames, 1)
    points = camera.project(
        heads(face, truth.shared, expression), rotation, translation, truth.focal_px, SIZE
    ).numpy()
    points = points + noise_px * rng.normal(size=points.shape)
    return Truth(truth.shared, expression, rotation, translation, truth.focal_px, points)


def aligned_error_mm(found: np.ndarray, truth: np.ndarray, with_scale: bool) -> np.ndarray:
    """Distances (F, N) left when each found head is laid onto its truth (Umeyama 1991)."""
    a, b = found - found.mean(1, keepdims=True), truth - truth.mean(1, keepdims=True)
    U, S, Vt = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    sign = np.sign(np.linalg.det(U @ Vt))
    D = np.stack([np.ones_like(sign), np.ones_like(sign), sign], 1)
    scale = (S * D).sum(1) / (a**2).sum((1, 2)) if with_scale else np.ones(len(a))
    laid = scale[:, None, None] * np.einsum("fij,fnj->fni", (U * D[:, None]) @ Vt, a)
    return np.linalg.norm(laid - b, axis=-1)
