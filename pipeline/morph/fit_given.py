"""What a fit is given: the landmarks of clips, where their frames start, and what is thought of
each infant and camera before anything is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch import Tensor

from pipeline.core.errors import CradleError
from pipeline.morph import age
from pipeline.morph.fit_solve import Weights
from pipeline.morph.fit_start import Pose, weak_perspective
from pipeline.morph.fit_state import Observed, State, observe
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit

# Frames posed at a time, which bounds memory.
_POSES = {"cpu": 1024, "cuda": 8192}


class FitError(CradleError):
    """Landmarks that no face can be fitted to, in any frame."""


@dataclass(frozen=True)
class Landmarks:
    """What was found in a clip, and is known of it."""

    points_px: np.ndarray
    """(F, L, 2) x right, y down; nan where nothing was found."""
    visibility: np.ndarray
    """(F, L) from 0 to 1; how far each landmark is to be believed."""
    size: tuple[int, int]
    """Height and width of the picture in px."""
    age_months: float | None = None
    """Of the infant, where it is known."""


@dataclass(frozen=True)
class Given:
    """The frames of a clip that have a face."""

    clip: Landmarks
    frames: Tensor
    """(F,) which of the clip's they are."""
    observed: Observed
    start: Pose
    """Of the mean face."""


def given(clips: Sequence[Landmarks], face: Face, params: Fit) -> list[Given | FitError]:
    """Look for each clip's frames with a face; why there are none, where there are none.

    An error is arrays of other shapes than the face wants, or that no frame has enough visible
    landmarks that spread over a face.
    """
    wrong = [_misshapen(clip, face) for clip in clips]
    good = [clip for clip, error in zip(clips, wrong, strict=True) if error is None]
    found = iter(_faces(good, face, params) if good else [])
    return [next(found) if error is None else error for error in wrong]


def _misshapen(clip: Landmarks, face: Face) -> FitError | None:
    points, seen, L = clip.points_px.shape, clip.visibility.shape, len(face.mean)
    if len(points) != 3 or points[1:] != (L, 2):
        return FitError(f"landmarks have shape {points}; the face wants (frames, {L}, 2)")
    if seen != points[:2]:
        return FitError(f"visibility has shape {seen}, wants {points[:2]}")
    return None


def _faces(clips: Sequence[Landmarks], face: Face, params: Fit) -> list[Given | FitError]:
    whole = Observed.joined([_observed(clip, face) for clip in clips])
    whose = torch.zeros_like(whole.log_scale, dtype=torch.long)
    start = _poses(whole, face.mean[None], whose, params)
    ends = accumulate((len(clip.points_px) for clip in clips), initial=0)
    spans = [slice(first, last) for first, last in pairwise(ends)]
    return [
        _face(clip, whole.take(span), start.take(span), params)
        for clip, span in zip(clips, spans, strict=True)
    ]


def _observed(clip: Landmarks, face: Face) -> Observed:
    unit = torch.ones(len(clip.points_px)).to(face.mean)
    return observe(clip.points_px, clip.visibility, clip.size, unit, face)


def _face(clip: Landmarks, observed: Observed, start: Pose, params: Fit) -> Given | FitError:
    frames = torch.nonzero(start.usable)[:, 0]
    if len(frames) == 0:
        return FitError(
            f"no frame has {params.min_landmarks} visible landmarks that spread over a face"
        )
    if len(frames) < len(start.usable):
        observed, start = observed.take(frames), start.take(frames)
    return Given(clip, frames, replace(observed, log_scale=torch.log(start.scale_mm)), start)


def first_state(clips: Sequence[Given], face: Face, weights: Weights) -> State:
    """Where a fit of all frames of C clips starts: from the usual infant and camera."""
    counts = torch.tensor([len(clip.frames) for clip in clips])
    whose = torch.repeat_interleave(torch.arange(len(clips)), counts).to(clips[0].frames)
    start = Pose.joined([clip.start for clip in clips])
    usual = torch.zeros(len(clips), face.surface.shared_count).to(face.mean) + weights.centre
    return _placed(start, usual, torch.as_tensor(weights.log_focal).to(usual), whose, face)


def restarted(face: Face, observed: Observed, found: State, params: Fit) -> State:
    """Every frame's start, now with its clip's own identity and camera.

    Args:
        face: the landmarks' rows of the model.
        observed: the landmarks of F frames.
        found: who the clips' infants are, and through which camera they are seen.
        params: of the fit.
    """
    still = torch.zeros(len(found.shared), face.surface.expression_count).to(face.mean)
    own = face.surface.at(found.shared, still)
    start = _poses(observed, own, found.clip, params)
    return _placed(start, found.shared, found.log_focal, found.clip, face)


def priors(clips: Sequence[Given], asked: Sequence[int], face: Face, params: Fit) -> Weights:
    """What is thought of C clips, of whose frames so many are asked who the infant is."""
    like = face.mean
    # Landmarks err alike in every frame of a clip, so frames are not as many witnesses.
    repeated = torch.tensor([n / min(n, params.independent_frames) for n in asked]).to(like)
    long_sides = torch.tensor([float(max(clip.clip.size)) for clip in clips]).to(like)
    ages = [_age(clip.clip, face, params) for clip in clips]
    return Weights(
        params.huber,
        params.expression_prior,
        shared=params.identity_prior * repeated,
        focal=1 / params.focal_spread**2 / params.identity_prior,
        log_focal=torch.log(params.focal_long_sides * long_sides),
        witnesses=repeated,
        centre=torch.stack([centre for centre, _ in ages]),
        tightness=torch.stack([tightness for _, tightness in ages]),
    )


def _age(clip: Landmarks, face: Face, params: Fit) -> tuple[Tensor, Tensor]:
    """Centre and tightness (S,), a known age in place of what all infants' ages say."""
    centre = torch.zeros(face.surface.shared_count).to(face.mean)
    tightness = torch.ones_like(centre)
    latent = age.latent(params.model, clip.age_months)
    if latent is not None:
        who = face.surface.identity_count
        centre[who:] = latent
        tightness[who:] = (age.STEP_MONTHS / params.age_spread_months) ** 2
    return centre, tightness


def _poses(observed: Observed, shapes: Tensor, whose: Tensor, params: Fit) -> Pose:
    """Scaled-orthographic poses of F frames, of shapes (C, L, 3) of clips; whose (F,)."""
    poses, step = [], _POSES[shapes.device.type]
    for first in range(0, len(whose), step):
        some = observed.take(slice(first, first + step))
        # One shape is the cheaper where there is but one.
        shape = shapes[0] if len(shapes) == 1 else shapes[whose[first : first + step]]
        poses.append(weak_perspective(some.points, some.weight, shape, params.min_landmarks))
    return Pose.joined(poses)


def _placed(pose: Pose, shared: Tensor, log_focal: Tensor, whose: Tensor, face: Face) -> State:
    sideways, log_scale = pose.placed(torch.exp(log_focal)[whose])
    still = torch.zeros(len(whose), face.surface.expression_count).to(shared)
    return State(shared, log_focal, whose, still, pose.R, sideways, log_scale)
