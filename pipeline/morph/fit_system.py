"""The least squares behind a fit: what is unknown, how far off it is, and the normal equations.

    shared, one a clip   identity, age, log focal length                              33 + 1
    local, one a frame   expression, turn (3), sideways mm (2), log scale mm/px       64 + 6

Depth is carried as mm on the face a pixel, depth = scale * focal: then a change of focal length
leaves the size of the face in the picture alone and moves only its perspective, which is what
makes the two separable. Residuals are in standard deviations of the landmarks' noise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pipeline.morph import camera
from pipeline.morph.surface import Surface

POSE = 6
T = TypeVar("T", "Observed", "State")


@dataclass(frozen=True)
class Face:
    """The points of a morphable model that landmarks lie on, and how far those stray.

    L landmarks; P pairs of landmarks whose distance (an opening) is observed by itself.
    """

    surface: Surface
    noise_mm: Tensor
    """(L,) how far each landmark strays."""
    pairs: Tensor
    """(P, 2) rows."""
    opening_noise_mm: float

    @property
    def mean(self) -> Tensor:
        """(L, 3) mm."""
        return self.surface.mean

    def to(self, device: str, dtype: torch.dtype) -> Face:
        """The same face on a device, in a precision."""
        return replace(
            self,
            surface=self.surface.to(device, dtype),
            noise_mm=self.noise_mm.to(device, dtype),
            pairs=self.pairs.to(device),
        )


@dataclass(frozen=True)
class Observed:
    """Landmarks of F frames as the solver wants them: no nan, weights, noise in pixels."""

    points: Tensor
    """(F, L, 2) px from the middle of the picture."""
    weight: Tensor
    """(F, L) 0..1; 0 where nothing was seen."""
    noise_px: Tensor
    """(F, L)."""
    opening_noise_px: Tensor
    """(F,)."""
    log_scale: Tensor
    """(F,) of mm a pixel, as the mean face has it."""

    def take(self, frames: Any) -> Observed:
        """Some of the frames."""
        return _take(self, frames, ())


@dataclass(frozen=True)
class State:
    """A point in the space that is searched."""

    shared: Tensor
    """(I + 1,) identity and age."""
    log_focal: Tensor
    """() of px."""
    expression: Tensor
    """(F, E)."""
    R: Tensor
    """(F, 3, 3)."""
    sideways: Tensor
    """(F, 2) mm, camera axes."""
    log_scale: Tensor
    """(F,) of mm a pixel at the head's origin."""

    def take(self, frames: Any) -> State:
        """Some of the frames, under the same shared unknowns."""
        return _take(self, frames, ("shared", "log_focal"))

    @property
    def translation(self) -> Tensor:
        """(F, 3) mm, camera axes."""
        depth = torch.exp(self.log_scale + self.log_focal)
        return torch.cat([self.sideways, depth[:, None]], -1)

    def moved(self, local: Tensor, shared: Tensor | None = None) -> State:
        """The state after steps: local (F, E + 6), shared (I + 2,)."""
        E = self.expression.shape[1]
        step = replace(
            self,
            expression=self.expression + local[:, :E],
            R=self.R @ camera.exp_rotation(local[:, E : E + 3]),
            sideways=self.sideways + local[:, E + 3 : E + 5],
            # Halving or doubling the distance is as far as a linearisation can be trusted.
            log_scale=self.log_scale + local[:, E + 5].clamp(-0.7, 0.7),
        )
        if shared is None:
            return step
        return replace(
            step,
            shared=step.shared + shared[:-1],
            log_focal=step.log_focal + shared[-1].clamp(-0.7, 0.7),
        )

    def choose(self, better: Tensor, other: State) -> State:
        """Frames of `other` where `better` (F,), own frames elsewhere."""

        def pick(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(better.reshape(-1, *[1] * (old.ndim - 1)), new, old)

        return replace(
            self,
            expression=pick(other.expression, self.expression),
            R=pick(other.R, self.R),
            sideways=pick(other.sideways, self.sideways),
            log_scale=pick(other.log_scale, self.log_scale),
        )


def _take(whole: T, frames: Any, kept: tuple[str, ...]) -> T:
    names = [field.name for field in fields(whole) if field.name not in kept]
    return replace(whole, **{name: getattr(whole, name)[frames] for name in names})


@dataclass(frozen=True)
class Normal:
    """Normal equations of F frames: H step = -g, split into local and shared unknowns."""

    cost: Tensor
    """(F,) of the data."""
    H: Tensor
    """(F, n, n), local unknowns first."""
    g: Tensor
    """(F, n)."""


def shape(face: Face, state: State) -> Tensor:
    """Landmarks (F, L, 3) on the heads of a state, mm."""
    return face.surface.at(state.shared, state.expression)


def offsets(face: Face, observed: Observed, state: State) -> Tensor:
    """How far the face lies from the landmarks, (F, L, 2) px."""
    seen = camera.to_camera(shape(face, state), state.R, state.translation)
    return camera.to_pixels(seen, torch.exp(state.log_focal), (0, 0)) - observed.points


def costs(face: Face, observed: Observed, state: State, huber: float) -> Tensor:
    """Robust cost (F,) of the data alone."""
    residual, weight = _whiten(face, observed, offsets(face, observed, state))
    return _robust_cost(residual, weight, huber)


def linearise(
    face: Face, observed: Observed, state: State, huber: float, with_shared: bool
) -> Normal:
    """Normal equations at a state, from analytic derivatives; Huber's weights (1964) by IRLS."""
    points = shape(face, state)
    seen = camera.to_camera(points, state.R, state.translation)
    off = camera.to_pixels(seen, torch.exp(state.log_focal), (0, 0)) - observed.points
    residual, weight = _whiten(face, observed, off)
    root = torch.sqrt(weight * _huber_weight(residual, huber))[..., None]
    scale = root / _noise(face, observed)
    J = jacobian(face, points, seen, state, with_shared, scale).flatten(1, 2)
    g = (residual * root).flatten(1)[:, None] @ J
    return Normal(_robust_cost(residual, weight, huber), J.mT @ J, g[:, 0])


def jacobian(
    face: Face,
    points: Tensor,
    seen: Tensor,
    state: State,
    with_shared: bool,
    scale: Tensor | None = None,
) -> Tensor:
    """Derivative (F, L + P, 2, n) of landmarks and openings in px; local unknowns first.

    Rows are multiplied by `scale` (F, L + P, 1) where it is given, which costs nothing when it is
    done to the small matrices that the large one is made of.
    """
    (F, L), E = points.shape[:2], face.surface.expression_count
    S = face.surface.shared_count if with_shared else 0
    n = E + POSE + (S + 1 if with_shared else 0)
    J = points.new_empty(F, L + len(face.pairs), 2, n)
    own, focal = J[:, :L], torch.exp(state.log_focal)
    if scale is None:
        scale = torch.ones_like(J[..., 0, :1])
    P = camera.pixel_jacobian(seen, focal) * scale[:, :L, :, None]
    A = P @ (torch.tensor(camera.AXES).to(P)[:, None] * state.R)[:, None]
    # Scaling the depth moves every point along the axis of the camera.
    along = P[..., 2] * state.translation[:, 2, None, None]
    moves = face.surface.through(A, state.shared, state.expression, with_shared)
    own[..., :E] = moves[..., :E]
    own[..., E : E + 3] = A @ camera.turn_jacobian(points)
    own[..., E + 3 : E + 5] = P[..., :2]
    own[..., E + 5] = along
    if with_shared:
        own[..., E + POSE : -1] = moves[..., E:]
        flat = focal * seen[..., :2] / seen[..., 2:].clamp_min(1.0)
        own[..., -1] = flat * scale[:, :L] + along
    upper, lower = (
        own[:, end] * (scale[:, L:] / scale[:, end].clamp_min(1e-12))[..., None]
        for end in face.pairs.unbind(-1)
    )
    torch.sub(upper, lower, out=J[:, L:])
    return J


def _whiten(face: Face, observed: Observed, off: Tensor) -> tuple[Tensor, Tensor]:
    """Offsets (F, L, 2) in units of noise with the openings appended, and their weights."""
    upper, lower = face.pairs.unbind(-1)
    both = torch.minimum(observed.weight[:, upper], observed.weight[:, lower])
    rows = torch.cat([off, off[:, upper] - off[:, lower]], 1)
    return rows / _noise(face, observed), torch.cat([observed.weight, both], 1)


def _noise(face: Face, observed: Observed) -> Tensor:
    """Standard deviations (F, L + P, 1) px of landmarks and openings."""
    openings = observed.opening_noise_px[:, None].expand(-1, len(face.pairs))
    return torch.cat([observed.noise_px, openings], 1)[..., None]


def _huber_weight(residual: Tensor, huber: float) -> Tensor:
    length = torch.linalg.vector_norm(residual, dim=-1)
    return torch.clamp(huber / length.clamp_min(1e-6), max=1.0)


def _robust_cost(residual: Tensor, weight: Tensor, huber: float) -> Tensor:
    length = torch.linalg.vector_norm(residual, dim=-1)
    far = huber * (2 * length - huber)
    return (weight * torch.where(length <= huber, length**2, far)).sum(1)


def observe(
    points_px: np.ndarray,
    visibility: np.ndarray,
    size: tuple[int, int],
    scale_mm: Tensor,
    face: Face,
) -> Observed:
    """Prepare landmarks (F, L, 2) with visibility (F, L); scale_mm (F,) is mm a pixel."""
    like = face.mean
    points = torch.as_tensor(points_px).to(like) - torch.tensor(size[::-1]).to(like) / 2
    found = torch.isfinite(points).all(-1)
    weight = torch.nan_to_num(torch.as_tensor(visibility).to(like)).clamp(0, 1) * found
    scale = torch.nan_to_num(scale_mm, nan=1.0).clamp_min(1e-6)[:, None]
    return Observed(
        torch.where(found[..., None], points, torch.zeros_like(points)),
        weight,
        face.noise_mm / scale,
        face.opening_noise_mm / scale[:, 0],
        torch.log(scale[:, 0]),
    )
