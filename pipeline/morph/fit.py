"""Fit a morphable model to landmarks: of each clip one identity, age and camera, F expressions.

    face = embedded("procedural")
    fitted = fit_clip(points_px, visibility, (height, width), face, Fit(), device="cpu")
    fitted.expression[fitted.valid]

About ten Levenberg-Marquardt steps with analytic derivatives, all frames of all clips batched; see
fit_given.py, fit_state.py, fit_system.py and fit_solve.py for its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.morph import camera
from pipeline.morph.fit_coarse import frames_coarse_first
from pipeline.morph.fit_given import (
    FitError,
    Given,
    Landmarks,
    first_state,
    given,
    priors,
    restarted,
)
from pipeline.morph.fit_retry import residuals_px, retried, shared_retried
from pipeline.morph.fit_smooth import Coupling, Smoothed, jitter_of, smooth
from pipeline.morph.fit_solve import Weights, shared_covariance
from pipeline.morph.fit_start import Pose
from pipeline.morph.fit_state import Observed, State
from pipeline.morph.fit_system import Face, credible
from pipeline.morph.params import Fit

Array = NDArray[np.float32]

# Standard deviations a latent; a Newton step from there ends far nearer still.
_AT_REST = 0.3


@dataclass(frozen=True)
class Fitted:
    """A fitted clip; rows of frames that could not be fitted are nan."""

    identity: Array
    """(I,) in standard deviations."""
    age: Array
    """(1,) in standard deviations."""
    focal_px: float
    expression: Array
    """(F, E) in standard deviations."""
    rotation: Array
    """(F, 3) rotation vectors; see camera.py."""
    translation: Array
    """(F, 3) mm, camera axes."""
    residual_px: Array
    """(F,) mean distance of the visible landmarks from the face."""
    residual_mm: Array
    """(F,) the same on the face."""
    valid: NDArray[np.bool_]
    """(F,)."""
    identity_std: Array
    """(I,) how sure each latent is: standard deviation of its posterior."""
    age_std: Array
    """(1,)."""
    expression_std: Array
    """(F, E)."""
    converged: NDArray[np.bool_]
    """(F,) whether the last step, which couples frames, began next to each frame's own best."""
    iterations: int = 0
    """Steps taken in all; a file does not say."""

    def save(self, path: Path) -> None:
        """Write fit.npz."""
        arrays = {name: np.asarray(value) for name, value in vars(self).items()}
        arrays["focal_px"] = np.asarray(self.focal_px, np.float32)
        del arrays["iterations"]
        with path.open("wb") as file:
            np.savez(file, **arrays)

    @staticmethod
    def read(path: Path) -> Fitted:
        """What `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        return Fitted(**arrays | {"focal_px": float(arrays["focal_px"])})


def fit_clip(
    points_px: np.ndarray,
    visibility: np.ndarray,
    size: tuple[int, int],
    face: Face,
    params: Fit | None = None,
    device: str = "cpu",
    age_months: float | None = None,
) -> Fitted:
    """Fit one clip; see `Landmarks` for what is given, and `fit_clips`.

    Raises:
        FitError: no frame has enough visible landmarks that spread over a face.
    """
    clip = Landmarks(points_px, visibility, size, age_months)
    [found] = fit_clips([clip], face, params, device)
    if isinstance(found, FitError):
        raise found
    return found


def fit_clips(
    clips: Sequence[Landmarks], face: Face, params: Fit | None = None, device: str = "cpu"
) -> list[Fitted | FitError]:
    """Fit clips, all frames of all of them at once; each as it would be alone, but for rounding.

    Args:
        clips: what each is given, the same landmarks of all.
        face: the rows of the model that the landmarks lie on.
        params: weights and steps.
        device: where to compute.

    Returns:
        In the same order, each clip's fit or why it has none.
    """
    params = params or Fit()
    face = face.to(device, torch.float64 if params.precision == "float64" else torch.float32)
    seen = given(clips, face, params)
    good = [one for one in seen if isinstance(one, Given)]
    fitted = iter(_fit(good, face, params) if good else [])
    return [one if isinstance(one, FitError) else next(fitted) for one in seen]


def _fit(clips: Sequence[Given], face: Face, params: Fit) -> list[Fitted]:
    observed = Observed.joined([clip.observed for clip in clips])
    shared = _shared(face, observed, clips, params)
    frames = torch.cat([clip.frames for clip in clips])
    smoothed, steps = _frames(face.loose or face, observed, shared, frames, params)
    found = _found(face, observed, smoothed, shared.surety, params)
    who = face.surface.identity_count
    return [
        _fitted(found, number, span, clip, params, who, shared.steps + steps)
        for number, (span, clip) in enumerate(zip(smoothed.state.spans, clips, strict=True))
    ]


@dataclass(frozen=True)
class _Shared:
    """Who the infants of C clips are, and through which cameras they are seen."""

    state: State
    """Of all frames, which are where they start."""
    weights: Weights
    surety: Tensor
    """(C, S + 1, S + 1) covariance."""
    steps: int


def _shared(face: Face, observed: Observed, clips: Sequence[Given], params: Fit) -> _Shared:
    chosen = _asked(clips, params)
    weights = priors(clips, [len(rows) for rows in chosen], face, params)
    start = first_state(clips, face, weights)
    rows = [rows + span.start for rows, span in zip(chosen, start.spans, strict=True)]
    asked = torch.cat(rows).to(start.clip)
    some = observed.take(asked)
    state, steps = shared_retried(
        face, some, start.take(asked), weights, params.shared_iterations, params.retry_residual_mm
    )
    surety = shared_covariance(face, credible(face, some, state), state, weights)
    known = replace(start, shared=state.shared, log_focal=state.log_focal)
    return _Shared(known, weights, surety, steps)


def _frames(
    face: Face, observed: Observed, shared: _Shared, frames: Tensor, params: Fit
) -> tuple[Smoothed, int]:
    """Expressions and poses of all frames, and the steps; frames (F,) are their numbers."""
    state, weights = restarted(face, observed, shared.state, params), shared.weights
    state, steps = frames_coarse_first(face, observed, state, weights, params.frame_iterations)
    state, _ = retried(
        face, observed, state, weights, 2 * params.frame_iterations, params.retry_residual_mm
    )
    believed = credible(face, observed, state)
    coupling = Coupling(params.coupling, jitter_of(face, believed, state, frames), params.onset)
    return smooth(face, believed, state, weights, shared.surety, coupling, frames), steps


def _asked(clips: Sequence[Given], params: Fit) -> list[Tensor]:
    """Which frames of each clip are asked who the infant is."""
    start = Pose.joined([clip.start for clip in clips])
    # A choice after the other, of a few numbers: nothing for a GPU.
    R, residual_mm = start.R.cpu(), start.residual_mm.cpu()
    counts = [len(clip.frames) for clip in clips]
    return [
        diverse(*of_clip, params.shared_frames)
        for of_clip in zip(R.split(counts), residual_mm.split(counts), strict=True)
    ]


def diverse(R: Tensor, residual_mm: Tensor, count: int) -> Tensor:
    """Rows of at most `count` frames that differ most in where the head looks, in order.

    Farthest points first, from the frame nearest to the clip's usual direction; frames that already
    start far worse than the clip's median are not asked.
    """
    good = torch.nonzero(residual_mm <= 2 * residual_mm.median())[:, 0]
    if len(good) <= count:
        return good
    look = R[good][:, :, 2]
    chosen = [int(torch.linalg.vector_norm(look - look.median(0).values, dim=1).argmin())]
    distance = torch.full((len(good),), torch.inf).to(look)
    for _ in range(count - 1):
        distance = torch.minimum(distance, (look - look[chosen[-1]]).square().sum(1))
        distance[chosen[-1]] = -1
        chosen.append(int(distance.argmax()))
    return good[sorted(chosen)]


@dataclass(frozen=True)
class _Found:
    """What was found of all frames and clips; see `Fitted` for what it is."""

    of_clip: Mapping[str, Array]
    """By name, (C, ...); identity and age together as `shared`."""
    of_frame: Mapping[str, Array]
    """By name, (F, ...)."""


def _found(
    face: Face, observed: Observed, smoothed: Smoothed, surety: Tensor, params: Fit
) -> _Found:
    state = smoothed.state.tightened(face)
    residual_px = residuals_px(face, observed, state)
    variance = smoothed.variance[:, : state.expression.shape[1]]
    of_clip = {
        "shared": state.shared,
        "focal_px": torch.exp(state.log_focal),
        "shared_std": surety.diagonal(dim1=1, dim2=2).sqrt(),
    }
    of_frame = {
        "expression": state.expression,
        "rotation": camera.log_rotation(state.R),
        "translation": state.translation,
        "residual_px": residual_px,
        "residual_mm": residual_px * torch.exp(state.log_scale),
        "expression_std": variance.sqrt() * params.expression_spread,
        "unrest": smoothed.unrest,
    }
    return _Found(
        *({name: x.cpu().numpy() for name, x in part.items()} for part in (of_clip, of_frame))
    )


def _fitted(
    found: _Found, number: int, span: slice, clip: Given, params: Fit, who: int, steps: int
) -> Fitted:
    """What was found of one clip, over all its frames; `who` latents are identity."""
    F, rows = len(clip.clip.points_px), clip.frames.cpu().numpy()

    def spread(values: Array) -> Array:
        full = np.full((F, *values.shape[1:]), np.nan, np.float32)
        full[rows] = values[span]
        return full

    own = {name: values[number].astype(np.float32) for name, values in found.of_clip.items()}
    of_frame = {name: spread(values) for name, values in found.of_frame.items()}
    converged = of_frame.pop("unrest") < _AT_REST
    return Fitted(
        identity=own["shared"][:who],
        age=own["shared"][who:],
        focal_px=float(own["focal_px"]),
        valid=np.isfinite(of_frame["residual_px"]),
        identity_std=own["shared_std"][:who] * np.float32(params.identity_spread),
        age_std=own["shared_std"][who:-1],
        converged=converged,
        iterations=steps,
        **of_frame,
    )
