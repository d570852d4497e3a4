"""The least squares behind a fit: how far off it is, and the normal equations.

What is unknown, and what is seen, is in fit_state.py. Residuals are in standard deviations of the
landmarks' noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from pipeline.morph import camera
from pipeline.morph.fit_state import Observed, State, pick
from pipeline.morph.squares import Rows, gram
from pipeline.morph.surface import Surface

POSE = 6
# Standard deviations beyond which a landmark is somebody else's, and how many of a frame's must not
# be.
_INCREDIBLE, _MOST = 6.0, 0.6


@dataclass(frozen=True, eq=False)
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
    loose: Face | None = None
    """The same with ways in which landmarks stray together as further expressions, its last ones;
    frames are fitted with it where it is given."""

    @property
    def mean(self) -> Tensor:
        """(L, 3) mm."""
        return self.surface.mean

    def to(self, device: str, dtype: torch.dtype) -> Face:
        """The same face on a device, in a precision."""
        return _placed(self, device, dtype)


# Every clip asks for the same one, with which goes what the solver has computed of its surface.
@lru_cache(maxsize=4)
def _placed(face: Face, device: str, dtype: torch.dtype) -> Face:
    return replace(
        face,
        surface=face.surface.to(device, dtype),
        noise_mm=face.noise_mm.to(device, dtype),
        pairs=face.pairs.to(device),
        loose=face.loose.to(device, dtype) if face.loose else None,
    )


@dataclass(frozen=True)
class Normal:
    """Normal equations of F frames: H step = -g, split into local and shared unknowns."""

    cost: Tensor
    """(F,) of the data."""
    H: Tensor
    """(F, n, n), local unknowns first."""
    g: Tensor
    """(F, n)."""

    def take(self, frames: Any) -> Normal:
        """Those of some of the frames."""
        return Normal(self.cost[frames], self.H[frames], self.g[frames])

    def choose(self, better: Tensor, other: Normal) -> Normal:
        """Frames of `other` where `better` (F,), own frames elsewhere."""
        if bool(better.all()):
            return other
        own = ((other.cost, self.cost), (other.H, self.H), (other.g, self.g))
        return Normal(*(pick(better, new, old) for new, old in own))


def shape(face: Face, state: State) -> Tensor:
    """Landmarks (F, L, 3) on the heads of a state, mm."""
    return face.surface.at(state.shared[state.clip], state.expression)


def offsets(face: Face, observed: Observed, state: State) -> Tensor:
    """How far the face lies from the landmarks, (F, L, 2) px."""
    seen = camera.to_camera(shape(face, state), state.R, state.translation)
    return camera.to_pixels(seen, state.focal_px[:, None, None], (0, 0)) - observed.points


def credible(face: Face, observed: Observed, state: State) -> Observed:
    """Without the landmarks that no noise explains, which pull at a fit and tell it nothing.

    A frame of which they would be most is left as it is, since it is the face that lies wrong.
    """
    off = torch.linalg.vector_norm(offsets(face, observed, state), dim=-1)
    noise_px = face.noise_mm * torch.exp(-observed.log_scale)[:, None]
    kept = torch.where(off < _INCREDIBLE * noise_px, observed.weight, 0.0)
    most = kept.sum(1) > _MOST * observed.weight.sum(1)
    return replace(observed, weight=torch.where(most[:, None], kept, observed.weight))


def costs(face: Face, observed: Observed, state: State, huber: float) -> Tensor:
    """Robust cost (F,) of the data alone."""
    off = offsets(face, observed, state).mT
    return _robust_cost(_lengths(face, observed, off), _weights(face, observed), huber)


def linearise(
    face: Face, observed: Observed, state: State, huber: float, with_shared: bool
) -> Normal:
    """Normal equations at a state, from analytic derivatives; Huber's weights (1964) by IRLS."""
    sight = _sight(face, observed, state, with_shared)
    length, weight = _lengths(face, observed, sight.rest[:, -1]), _weights(face, observed)
    root = torch.sqrt(weight * _huber_weight(length, huber)) / _noise(face, observed)
    moves = face.surface.moves(state.shared[state.clip], state.expression, with_shared)
    whole = gram(moves, _weighted(face, sight, root[:, None, None]))
    H, g = _assembled(whole, state.expression.shape[1], with_shared)
    return Normal(_robust_cost(length, weight, huber), H, g)


@dataclass(frozen=True)
class _Sight:
    """How landmarks are seen: derivatives of their pixels, and how far off they are."""

    own: Tensor
    """(F, 2, 3, L) px by moves in head axes."""
    rest: Tensor
    """(F, 7 or 8, 2, L): turn (3), sideways (2), log scale, [log focal,] offset."""


def _sight(face: Face, observed: Observed, state: State, with_shared: bool) -> _Sight:
    points, t = shape(face, state).mT.contiguous(), state.translation[..., None]
    M = torch.tensor(camera.AXES).to(t)[:, None] * state.R
    x, y, z = torch.baddbmm(t, M, points).unbind(1)
    z = z.clamp_min(camera.NEAREST_MM)
    focal = state.focal_px[:, None]
    scale, flat = focal / z, torch.stack([x, y], 1) / z[:, None]
    own = torch.addcmul(M[:, :2, :, None], flat[:, :, None], M[:, 2:, :, None], value=-1)
    own *= scale[:, None, None]
    rest = points.new_empty(len(t), POSE + 1 + with_shared, 2, points.shape[-1])
    # R @ exp(d) turns points about the head's own axes.
    for axis, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
        turned = points[:, None, a] * own[:, :, b]
        torch.addcmul(turned, points[:, None, b], own[:, :, a], value=-1, out=rest[:, axis])
    rest[:, 3:5] = 0
    rest[:, 3, 0] = rest[:, 4, 1] = scale
    # Scaling the depth moves every point along the axis of the camera.
    torch.mul(flat, (scale * -t[:, 2])[:, None], out=rest[:, 5])
    pixels = focal[:, None] * flat
    if with_shared:
        torch.add(pixels, rest[:, 5], out=rest[:, 6])
    torch.sub(pixels, observed.points.mT, out=rest[:, -1])
    return _Sight(own, rest)


def _weighted(face: Face, sight: _Sight, root: Tensor) -> Rows:
    """Rows of landmarks and openings, times `root` (F, 1, 1, L + P)."""
    L = sight.own.shape[-1]
    upper, lower = face.pairs.unbind(-1)
    # Selected, not indexed, which takes ten times as long.
    first, second = (sight.own.index_select(-1, end) for end in (upper, lower))
    openings = _openings(face, sight.rest)
    return Rows(
        sight.own * root[..., :L],
        first * root[..., L:],
        second * -root[..., L:],
        face.pairs,
        torch.cat([sight.rest * root[..., :L], openings * root[..., L:]], -1),
    )


def _openings(face: Face, of_landmarks: Tensor) -> Tensor:
    """Differences (..., P) of pairs of landmarks, of (..., L)."""
    upper, lower = face.pairs.unbind(-1)
    return of_landmarks.index_select(-1, upper) - of_landmarks.index_select(-1, lower)


def _assembled(whole: Tensor, E: int, with_shared: bool) -> tuple[Tensor, Tensor]:
    """H and g, from products of rows by latents, pose, [focal length,] and offsets."""
    last = whole.shape[1] - 1
    if with_shared:
        # Where expression, pose, identity with age, and focal length come to stand.
        m = last - POSE - 1
        order = [*range(E), *range(m, m + POSE), *range(E, m), m + POSE, last]
        places = torch.tensor(order, device=whole.device)
        whole = whole.index_select(1, places).index_select(2, places)
    return whole[:, :last, :last], whole[:, :last, last]


def _weights(face: Face, observed: Observed) -> Tensor:
    """Of landmarks and openings, (F, L + P)."""
    upper, lower = (observed.weight.index_select(1, end) for end in face.pairs.unbind(-1))
    return torch.cat([observed.weight, torch.minimum(upper, lower)], 1)


def _noise(face: Face, observed: Observed) -> Tensor:
    """Standard deviations (F, L + P) px of landmarks and openings."""
    openings = face.noise_mm.new_full((len(face.pairs),), face.opening_noise_mm)
    noise_mm = torch.cat([face.noise_mm, openings])
    return noise_mm * torch.exp(-observed.log_scale)[:, None]


def _lengths(face: Face, observed: Observed, off: Tensor) -> Tensor:
    """How long (F, L + P) offsets (F, 2, L) px and those of openings are, in units of noise."""
    rows = torch.cat([off, _openings(face, off)], -1)
    return torch.sqrt(rows[:, 0].square() + rows[:, 1].square()) / _noise(face, observed)


def _huber_weight(length: Tensor, huber: float) -> Tensor:
    return torch.clamp(huber / length.clamp_min(1e-6), max=1.0)


def _robust_cost(length: Tensor, weight: Tensor, huber: float) -> Tensor:
    far = huber * (2 * length - huber)
    return (weight * torch.where(length <= huber, length**2, far)).sum(1)


@dataclass(frozen=True)
class Evidence:
    """What a frame's landmarks say beside what they weigh, (F,) each.

    Far ones pull with all that Huber lets them, and tell nothing in return. In the plane, and as
    shares of the reweighted normal equations, which have both at 1.
    """

    told: Tensor
    """E psi': how fast the pull grows with an offset."""
    noise: Tensor
    """E psi^2: how much of it is noise. Landmarks that stray less than they are thought to are
    believed no more for it, since they err alike."""

    @property
    def doubt(self) -> Tensor:
        """How many times less is told than least squares would make of it (Huber 1964), >= 1."""
        return self.noise / self.told.square()


def evidence(face: Face, observed: Observed, state: State, huber: float) -> Evidence:
    """Of each frame's landmarks where they lie."""
    length = _lengths(face, observed, offsets(face, observed, state).mT)
    weight = _weights(face, observed)
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-9)
    pull = _huber_weight(length, huber)
    curvature = torch.where(length <= huber, 1.0, pull / 2)
    unknowns = state.expression.shape[1] + POSE
    # A fit follows as much of the noise as it has unknowns.
    unfitted = (1 - unknowns / (2 * weight.sum(1)).clamp_min(1e-9)).clamp_min(0.1)
    weighed = (share * pull).sum(1).clamp_min(1e-6)
    told = (share * curvature).sum(1).clamp_min(1e-6) / weighed
    noise = (share * (length * pull).square()).sum(1) / (2 * unfitted * weighed)
    return Evidence(told, torch.maximum(noise, told.square()))
