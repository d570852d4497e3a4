"""Clips whose truth is known, fitted from the truth or from where every fit starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.morph import camera, fit_solve, model
from pipeline.morph.fit import Fitted
from pipeline.morph.fit_face import embedded
from pipeline.morph.fit_start import weak_perspective
from pipeline.morph.fit_state import State, observe
from pipeline.morph.fit_system import Face, offsets
from pipeline.morph.params import Fit
from tests.bench._figures import Figure
from tests.morph.fit_faces import SIZE, Truth, aligned_error_mm

Array = NDArray[np.float64]

# The landmarks' noise is known here and differs from frame to frame, which a detector's does not.
PARAMS = Fit(
    noise_mm=0.6,
    opening_noise_mm=0.8,
    identity_prior=1.0,
    independent_frames=1000.0,
    expression_prior=1.0,
    expression_spread=1.0,
    identity_spread=1.0,
)
NINE_TENTHS = 1.645


def known_face() -> Face:
    """The morphable model's landmarks, all as noisy as one another, and none with another."""
    face, _ = embedded(PARAMS.model, PARAMS)
    return replace(face, noise_mm=torch.full_like(face.noise_mm, PARAMS.noise_mm), loose=None)


def started(truth: Truth, face: Face, params: Fit, steps: int) -> Fitted:
    """A clip fitted from where every fit starts, identity and focal length given."""
    seen = np.ones(truth.points_px.shape[:2])
    unit = torch.ones(len(seen)).double()
    own = face.surface.at(truth.shared, torch.zeros(1, truth.expression.shape[1]).double())[0]
    plain = observe(truth.points_px, seen, SIZE, unit, face)
    pose = weak_perspective(plain.points, plain.weight, own, params.min_landmarks)
    focal = torch.tensor(truth.focal_px).double()
    sideways, log_scale = pose.placed(focal)
    state = State.of_clip(
        truth.shared, torch.log(focal), torch.zeros_like(truth.expression), pose.R, sideways,
        log_scale,
    )  # fmt: skip
    observed = observe(truth.points_px, seen, SIZE, pose.scale_mm, face)
    weights = fit_solve.Weights(params.huber, params.expression_prior, 1.0, 1.0, 0.0)
    state, _ = fit_solve.fit_frames(face, observed, state, weights, steps)
    return as_fitted(state)


def oracle(truth: Truth, face: Face, params: Fit, steps: int = 5) -> Fitted:
    """The same clip fitted from the truth, identity and focal length given."""
    scale = truth.translation[:, 2] / truth.focal_px
    seen = np.ones(truth.points_px.shape[:2])
    observed = observe(truth.points_px, seen, SIZE, scale, face)
    weights = fit_solve.Weights(params.huber, params.expression_prior, 1.0, 1.0, 0.0)
    state, _ = fit_solve.fit_frames(face, observed, true_state(truth), weights, steps)
    return as_fitted(state)


def offsets_px(fitted: Fitted, truth: Truth, face: Face) -> Array:
    """Distances (F, L) of the fitted face from the landmarks."""
    scale = torch.from_numpy(fitted.translation[:, 2].astype(float) / fitted.focal_px)
    state = State.of_clip(
        torch.from_numpy(np.r_[fitted.identity, fitted.age].astype(float)),
        torch.tensor(np.log(fitted.focal_px)),
        torch.from_numpy(fitted.expression.astype(float)),
        camera.exp_rotation(torch.from_numpy(fitted.rotation.astype(float))),
        torch.from_numpy(fitted.translation[:, :2].astype(float)),
        torch.log(scale),
    )
    seen = np.ones(truth.points_px.shape[:2])
    observed = observe(truth.points_px, seen, SIZE, scale, face)
    return torch.linalg.vector_norm(offsets(face, observed, state), dim=-1).numpy()


def true_state(truth: Truth) -> State:
    return State.of_clip(
        truth.shared,
        torch.tensor(np.log(truth.focal_px)),
        truth.expression,
        camera.exp_rotation(truth.rotation),
        truth.translation[:, :2],
        torch.log(truth.translation[:, 2] / truth.focal_px),
    )


def as_fitted(state: State) -> Fitted:
    F = len(state.R)
    return Fitted(
        state.shared[0, :-1].numpy(),
        state.shared[0, -1:].numpy(),
        float(torch.exp(state.log_focal)),
        state.expression.numpy(),
        camera.log_rotation(state.R).numpy(),
        state.translation.numpy(),
        np.zeros(F),
        np.zeros(F),
        np.ones(F, bool),
        np.zeros(0),
        np.zeros(0),
        np.zeros((F, 0)),
        np.ones(F, bool),
        0,
    )


def vertex_errors_mm(fitted: Fitted, truth: Truth, with_scale: bool) -> Array:
    good = fitted.valid
    found = face_vertices(fitted.identity, fitted.age, fitted.expression[good])
    true = face_vertices(truth.shared[:-1], truth.shared[-1:], truth.expression[good])
    return aligned_error_mm(found, true, with_scale)


def face_vertices(
    identity: object, age: object, expression: object, rows: NDArray | None = None
) -> Array:
    """Vertices (F, N, 3) mm of the face region, or of `rows`."""
    head = model.load()
    rows = head.regions["face"] if rows is None else rows
    parts = [torch.as_tensor(part).float() for part in (identity, expression, age)]
    whole = head.decode(parts[0][None], parts[1], parts[2].reshape(1, 1), rows)
    return whole.double().numpy()


def covered(found: Array, true: Array, std: Array) -> float:
    """Share of truths in their intervals of 90%."""
    return float(np.mean(np.abs(found - true) < NINE_TENTHS * std))


def coverage(name: str, expression: float, identity: float) -> list[Figure]:
    figures = []
    for what, share in (("expression", expression), ("identity", identity)):
        words = f"{name}: 90% intervals hold, {what}"
        figures += [Figure(words, share, 0.85, ">="), Figure(f"{words}, no more", share, 0.95)]
    return figures
