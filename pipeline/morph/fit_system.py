"""The least squares behind a fit: what is unknown, how far off it is, and the normal equations.

    shared, one a clip   identity, age, log focal length                              33 + 1
    local, one a frame   expression, turn (3), sideways mm (2), log scale mm/px       64 + 6

F frames of C clips are worked on together; those of a clip stand one after another.

Depth is carried as mm on the face a pixel, depth = scale * focal: then a change of focal length
leaves the size of the face in the picture alone and moves only its perspective, which is what
makes the two separable. Residuals are in standard deviations of the landmarks' noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pipeline.morph import camera
from pipeline.morph.squares import Rows, gram
from pipeline.morph.surface import Surface

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

POSE = 6
# Standard deviations beyond which a landmark is somebody else's, and how many of a frame's must not
# be.
_INCREDIBLE, _MOST = 6.0, 0.6
T = TypeVar("T", "Observed", "State")
D = TypeVar("D", bound="DataclassInstance")


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
class Observed:
    """Landmarks of F frames as the solver wants them: no nan, weights, how large a pixel is."""

    points: Tensor
    """(F, L, 2) px from the middle of the picture."""
    weight: Tensor
    """(F, L) 0..1; 0 where nothing was seen."""
    log_scale: Tensor
    """(F,) of mm a pixel, as the mean face has it."""

    def take(self, frames: Any) -> Observed:
        """Some of the frames."""
        return _take(self, frames, ())

    def to(self, dtype: torch.dtype) -> Observed:
        """The same in a precision."""
        return in_precision(self, dtype)

    @staticmethod
    def joined(parts: Sequence[Observed]) -> Observed:
        """Frames of several, one after another."""
        return _joined(parts, ())


@dataclass(frozen=True)
class State:
    """A point in the space that is searched."""

    shared: Tensor
    """(C, I + 1) identity and age."""
    log_focal: Tensor
    """(C,) of px."""
    clip: Tensor
    """(F,) whose each frame is, in order."""
    expression: Tensor
    """(F, E)."""
    R: Tensor
    """(F, 3, 3)."""
    sideways: Tensor
    """(F, 2) mm, camera axes."""
    log_scale: Tensor
    """(F,) of mm a pixel at the head's origin."""

    @staticmethod
    def of_clip(
        shared: Tensor,
        log_focal: Tensor,
        expression: Tensor,
        R: Tensor,
        sideways: Tensor,
        log_scale: Tensor,
    ) -> State:
        """All frames of one clip; shared (I + 1,), log_focal ()."""
        clip = torch.zeros(len(R), dtype=torch.long, device=R.device)
        return State(shared[None], log_focal[None], clip, expression, R, sideways, log_scale)

    def take(self, frames: Any) -> State:
        """Some of the frames, under the same shared unknowns."""
        return _take(self, frames, _SHARED)

    def take_clips(self, chosen: Tensor) -> tuple[State, Tensor]:
        """Some of the clips (C,), and which frames (F,) are theirs."""
        theirs = chosen[self.clip]
        number = torch.cumsum(chosen, 0) - 1
        some = self.take(theirs)
        return replace(
            some,
            shared=self.shared[chosen],
            log_focal=self.log_focal[chosen],
            clip=number[some.clip],
        ), theirs

    def to(self, dtype: torch.dtype) -> State:
        """The same in a precision."""
        return in_precision(self, dtype)

    @staticmethod
    def joined(parts: Sequence[State]) -> State:
        """Frames of several states, one after another, under the first's shared unknowns."""
        return _joined(parts, _SHARED)

    @property
    def focal_px(self) -> Tensor:
        """(F,)."""
        return torch.exp(self.log_focal)[self.clip]

    @property
    def translation(self) -> Tensor:
        """(F, 3) mm, camera axes."""
        # Multiplied, not added as logarithms, which loses a digit of the depth.
        depth = torch.exp(self.log_scale) * self.focal_px
        return torch.cat([self.sideways, depth[:, None]], -1)

    @property
    def spans(self) -> list[slice]:
        """The frames of each clip."""
        ends = torch.bincount(self.clip, minlength=len(self.shared)).cumsum(0).tolist()
        return [slice(start, end) for start, end in pairwise([0, *ends])]

    def per_clip(self, values: Tensor) -> Tensor:
        """Sums (C, ...) of what is given for every frame (F, ...)."""
        if len(self.shared) == 1:
            return values.sum(0, keepdim=True)
        # Not index_add, whose order is any on a GPU.
        count = torch.bincount(self.clip, minlength=len(self.shared))
        return torch.segment_reduce(values.contiguous(), "sum", lengths=count)

    def tightened(self, face: Face) -> State:
        """Without the strays that a looser face has had."""
        return replace(self, expression=self.expression[:, : face.surface.expression_count])

    def moved(self, local: Tensor, shared: Tensor | None = None) -> State:
        """The state after steps: local (F, E + 6), shared (C, I + 2)."""
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
            shared=step.shared + shared[:, :-1],
            log_focal=step.log_focal + shared[:, -1].clamp(-0.7, 0.7),
        )

    def choose(self, better: Tensor, other: State) -> State:
        """Frames of `other` where `better` (F,), own frames elsewhere."""
        return replace(
            self,
            expression=_pick(better, other.expression, self.expression),
            R=_pick(better, other.R, self.R),
            sideways=_pick(better, other.sideways, self.sideways),
            log_scale=_pick(better, other.log_scale, self.log_scale),
        )

    def choose_clips(self, better: Tensor, other: State) -> State:
        """Clips of `other` where `better` (C,), own clips elsewhere."""
        return replace(
            self.choose(better[self.clip], other),
            shared=_pick(better, other.shared, self.shared),
            log_focal=_pick(better, other.log_focal, self.log_focal),
        )


_SHARED = ("shared", "log_focal")


def _pick(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(better.reshape(-1, *[1] * (old.ndim - 1)), new, old)


def in_precision(whole: D, dtype: torch.dtype) -> D:
    """A dataclass with its real numbers in a precision."""
    real = {
        field.name: getattr(whole, field.name).to(dtype)
        for field in fields(whole)
        if torch.is_tensor(getattr(whole, field.name))
        and getattr(whole, field.name).is_floating_point()
    }
    return replace(whole, **real)


def _take(whole: T, frames: Any, kept: tuple[str, ...]) -> T:
    names = [field.name for field in fields(whole) if field.name not in kept]
    return replace(whole, **{name: getattr(whole, name)[frames] for name in names})


def _joined(parts: Sequence[T], kept: tuple[str, ...]) -> T:
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(parts[0]) if field.name not in kept]
    whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    return replace(parts[0], **whole)


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
        return Normal(*(_pick(better, new, old) for new, old in own))


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
    scale = torch.nan_to_num(scale_mm, nan=1.0).clamp_min(1e-6)
    return Observed(
        torch.where(found[..., None], points, torch.zeros_like(points)),
        weight,
        torch.log(scale),
    )
