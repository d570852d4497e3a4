"""Fit a morphable model to the landmarks of a clip: one identity, age and camera, F expressions.

    face = embedded("procedural")
    fitted = fit_clip(points_px, visibility, (height, width), face, Fit(), device="cpu")
    fitted.expression[fitted.valid]

About ten Levenberg-Marquardt steps with analytic derivatives, frames batched; see fit_start.py,
fit_system.py and fit_solve.py for the three parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.core.errors import CradleError
from pipeline.morph import age, camera
from pipeline.morph.fit_coarse import frames_coarse_first
from pipeline.morph.fit_retry import residuals_px, retried, shared_retried
from pipeline.morph.fit_smooth import Coupling, Smoothed, jitter_of, smooth
from pipeline.morph.fit_solve import Weights, shared_covariance
from pipeline.morph.fit_start import Pose, weak_perspective
from pipeline.morph.fit_system import Face, Observed, State, credible, observe
from pipeline.morph.params import Fit

Array = NDArray[np.float32]

# Standard deviations a latent; a Newton step from there ends far nearer still.
_AT_REST = 0.3
# Frames posed at a time, which bounds memory.
_POSES = 1024


class FitError(CradleError):
    """Landmarks that no face can be fitted to, in any frame."""


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
    """Fit one clip.

    Args:
        points_px: (F, L, 2) landmarks, x right, y down; nan where nothing was found.
        visibility: (F, L) from 0 to 1; how far each landmark is to be believed.
        size: height and width of the picture in px.
        face: the rows of the model that the landmarks lie on.
        params: weights and steps.
        device: where to compute.
        age_months: of the infant, where it is known.

    Raises:
        FitError: no frame has enough visible landmarks that spread over a face.
    """
    params = params or Fit()
    face = face.to(device, torch.float64 if params.precision == "float64" else torch.float32)
    _check(points_px, visibility, face)
    weights = _aged(_weights(params, size), face, params, age_months)
    focal = torch.exp(torch.tensor(weights.log_focal)).to(face.mean)
    start = _pose(points_px, visibility, size, face, face.mean, params)
    frames = torch.nonzero(start.usable)[:, 0]
    if len(frames) == 0:
        raise FitError(
            f"no frame has {params.min_landmarks} visible landmarks that spread over a face"
        )
    observed = observe(points_px, visibility, size, start.scale_mm, face)
    if len(frames) < len(points_px):
        observed = observed.take(frames)
    state = _first_state(face, start, focal, weights).take(frames)
    chosen = diverse(state.R, start.residual_mm[frames], params.shared_frames)
    weights = _for_frames(weights, params, len(chosen))
    some = observed.take(chosen)
    shared, steps = shared_retried(
        face, some, state.take(chosen), weights, params.shared_iterations, params.retry_residual_mm
    )
    surety = shared_covariance(face, credible(face, some, shared), shared, weights)
    loose = face.loose or face
    state = _restart(points_px, visibility, size, loose, shared, params, weights).take(frames)
    state, more = frames_coarse_first(loose, observed, state, weights, params.frame_iterations)
    state, _ = retried(
        loose, observed, state, weights, 2 * params.frame_iterations, params.retry_residual_mm
    )
    believed = credible(loose, observed, state)
    jitter = jitter_of(loose, believed, state, frames)
    coupling = Coupling(params.coupling, jitter, params.onset)
    smoothed = smooth(loose, believed, state, weights, surety, coupling, frames)
    solved = _Solved(smoothed, surety.diagonal().sqrt(), steps + more)
    return _fitted(face, observed, solved, params, frames, len(points_px))


def _check(points_px: np.ndarray, visibility: np.ndarray, face: Face) -> None:
    L = len(face.mean)
    if points_px.ndim != 3 or points_px.shape[1:] != (L, 2):
        raise FitError(f"landmarks have shape {points_px.shape}; the face wants (frames, {L}, 2)")
    if visibility.shape != points_px.shape[:2]:
        raise FitError(f"visibility has shape {visibility.shape}, wants {points_px.shape[:2]}")


def _weights(params: Fit, size: tuple[int, int]) -> Weights:
    log_focal = float(np.log(params.focal_long_sides * max(size)))
    variance = params.focal_spread**2
    return Weights(params.huber, params.expression_prior, 1.0, 1 / variance, log_focal)


def _aged(weights: Weights, face: Face, params: Fit, age_months: float | None) -> Weights:
    """With a known age in place of what all infants' ages say."""
    latent = age.latent(params.model, age_months)
    if latent is None:
        return weights
    centre = torch.zeros(face.surface.shared_count).to(face.mean)
    tightness = torch.ones_like(centre)
    who = face.surface.identity_count
    centre[who:] = latent
    tightness[who:] = (age.STEP_MONTHS / params.age_spread_months) ** 2
    return replace(weights, centre=centre, tightness=tightness)


def _for_frames(weights: Weights, params: Fit, frames: int) -> Weights:
    # Landmarks err alike in every frame of a clip, so frames are not as many witnesses.
    repeated = frames / min(frames, params.independent_frames)
    return replace(
        weights,
        shared=params.identity_prior * repeated,
        witnesses=repeated,
        focal=weights.focal / params.identity_prior,
    )


def _pose(
    points_px: np.ndarray,
    visibility: np.ndarray,
    size: tuple[int, int],
    face: Face,
    own: Tensor,
    params: Fit,
) -> Pose:
    """Scaled-orthographic pose of a shape (L, 3) in every frame."""
    poses = []
    for start in range(0, len(points_px), _POSES):
        some = points_px[start : start + _POSES], visibility[start : start + _POSES]
        plain = observe(*some, size, torch.ones(len(some[0])).to(face.mean), face)
        poses.append(weak_perspective(plain.points, plain.weight, own, params.min_landmarks))
    return Pose.joined(poses)


def _first_state(face: Face, pose: Pose, focal: Tensor, weights: Weights) -> State:
    F, like = len(pose.R), face.mean
    sideways, log_scale = pose.placed(focal)
    return State(
        torch.zeros(face.surface.shared_count).to(like) + weights.centre,
        torch.log(focal),
        torch.zeros(F, face.surface.expression_count).to(like),
        pose.R,
        sideways,
        log_scale,
    )


def _restart(
    points_px: np.ndarray,
    visibility: np.ndarray,
    size: tuple[int, int],
    face: Face,
    found: State,
    params: Fit,
    weights: Weights,
) -> State:
    """Every frame's start, now with the clip's own identity and camera."""
    still = torch.zeros(1, face.surface.expression_count).to(face.mean)
    own = face.surface.at(found.shared, still)[0]
    pose = _pose(points_px, visibility, size, face, own, params)
    state = _first_state(face, pose, torch.exp(found.log_focal), weights)
    return replace(state, shared=found.shared)


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
class _Solved:
    smoothed: Smoothed
    shared_std: Tensor
    steps: int


def _fitted(
    face: Face, observed: Observed, solved: _Solved, params: Fit, frames: Tensor, F: int
) -> Fitted:
    state = solved.smoothed.state.tightened(face)
    residual_px = residuals_px(face, observed, state)
    rows = frames.cpu().numpy()

    def spread(values: Tensor) -> Array:
        full = np.full((F, *values.shape[1:]), np.nan, np.float32)
        full[rows] = values.cpu().numpy()
        return full

    def plain(values: Tensor) -> Array:
        return values.cpu().numpy().astype(np.float32)

    residual, who = spread(residual_px), face.surface.identity_count
    return Fitted(
        identity=plain(state.shared[:who]),
        age=plain(state.shared[who:]),
        focal_px=float(torch.exp(state.log_focal)),
        expression=spread(state.expression),
        rotation=spread(camera.log_rotation(state.R)),
        translation=spread(state.translation),
        residual_px=residual,
        residual_mm=spread(residual_px * torch.exp(state.log_scale)),
        valid=np.isfinite(residual),
        identity_std=plain(solved.shared_std[:who] * params.identity_spread),
        age_std=plain(solved.shared_std[who:-1]),
        expression_std=spread(
            solved.smoothed.variance[:, : state.expression.shape[1]].sqrt()
            * params.expression_spread
        ),
        converged=spread(solved.smoothed.unrest) < _AT_REST,
        iterations=solved.steps,
    )
