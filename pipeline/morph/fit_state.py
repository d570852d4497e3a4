"""Where a fit is in the space that it searches, and what it looks at: F frames of C clips.

    shared, one a clip   identity, age, log focal length                              33 + 1
    local, one a frame   expression, turn (3), sideways mm (2), log scale mm/px       64 + 6

Frames of a clip stand one after another. Depth is carried as mm on the face a pixel,
depth = scale * focal: then a change of focal length leaves the size of the face in the picture
alone and moves only its perspective, which is what makes the two separable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pipeline.morph import camera

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from pipeline.morph.fit_system import Face

T = TypeVar("T", "Observed", "State")
D = TypeVar("D", bound="DataclassInstance")


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
            expression=pick(better, other.expression, self.expression),
            R=pick(better, other.R, self.R),
            sideways=pick(better, other.sideways, self.sideways),
            log_scale=pick(better, other.log_scale, self.log_scale),
        )

    def choose_clips(self, better: Tensor, other: State) -> State:
        """Clips of `other` where `better` (C,), own clips elsewhere."""
        return replace(
            self.choose(better[self.clip], other),
            shared=pick(better, other.shared, self.shared),
            log_focal=pick(better, other.log_focal, self.log_focal),
        )


_SHARED = ("shared", "log_focal")


def pick(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Rows of `new` where `better`, of `old` elsewhere."""
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
