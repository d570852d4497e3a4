"""Frames that start in the wrong valley, made so, and what other starts do for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.morph import camera
from pipeline.morph.fit import fit_clip
from pipeline.morph.fit_retry import residuals_mm, retried
from pipeline.morph.fit_solve import Weights, fit_frames
from pipeline.morph.fit_state import Observed, State, observe
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit
from tests.morph.fit_faces import FOCAL_PX, SIZE, Truth, clip, linear_face

FRAMES, LOST = 6, [1, 2, 5]
WEIGHTS = Weights(2.0, 1.0, 1.0, 1.0, float(np.log(FOCAL_PX)))
STEPS, OVER_MM = 8, 2.5


@pytest.fixture(scope="module")
def face() -> Face:
    return linear_face(100, 8, 12)


@pytest.fixture(scope="module")
def truth(face: Face) -> Truth:
    """Heads turned well to a side."""
    made = clip(face, FRAMES)
    yaw, pitch, roll = (torch.full((FRAMES,), angle).double() for angle in (48.0, 12.0, 0.0))
    rotation = camera.rotation_from_angles(yaw, pitch, roll)
    points = camera.project(made.heads(face), rotation, made.translation, FOCAL_PX, SIZE).numpy()
    return replace(made, rotation=rotation, points_px=points)


@pytest.fixture(scope="module")
def observed(face: Face, truth: Truth) -> Observed:
    scale = truth.translation[:, 2] / FOCAL_PX
    return observe(truth.points_px, np.ones((FRAMES, 100)), SIZE, scale, face)


@pytest.fixture(scope="module")
def wrong(face: Face, truth: Truth, observed: Observed) -> State:
    """Where frames come to rest that started turned the other way; the others started well."""
    R = camera.exp_rotation(truth.rotation)
    R[LOST] = R[LOST] * torch.tensor([[1.0, 1, -1], [1, 1, -1], [-1, -1, 1]]).double()
    start = State.of_clip(
        truth.shared,
        torch.tensor(np.log(FOCAL_PX)),
        torch.zeros_like(truth.expression),
        R,
        truth.translation[:, :2],
        torch.log(truth.translation[:, 2] / FOCAL_PX),
    )
    return fit_frames(face, observed, start, WEIGHTS, STEPS)[0]


def turned_deg(state: State, truth: Truth) -> torch.Tensor:
    off = state.R.mT @ camera.exp_rotation(truth.rotation)
    return torch.linalg.vector_norm(camera.log_rotation(off), dim=-1).rad2deg()


def test_frames_turned_the_wrong_way_are_turned_back(
    face: Face, truth: Truth, observed: Observed, wrong: State
) -> None:
    before = residuals_mm(face, observed, wrong)
    assert (before > OVER_MM).nonzero()[:, 0].tolist() == LOST
    assert (turned_deg(wrong, truth)[LOST] > 20).all()
    found, improved = retried(face, observed, wrong, WEIGHTS, STEPS, OVER_MM)
    assert improved.nonzero()[:, 0].tolist() == LOST
    assert (residuals_mm(face, observed, found) < 0.5).all()
    assert (turned_deg(found, truth) < 3).all()


def test_all_frames_of_a_clip_may_be_lost(
    face: Face, truth: Truth, observed: Observed, wrong: State
) -> None:
    some, gone = observed.take(LOST), wrong.take(LOST)
    found, improved = retried(face, some, gone, WEIGHTS, STEPS, OVER_MM)
    assert improved.all()
    assert (residuals_mm(face, some, found) < 0.5).all()


def test_other_frames_keep_every_bit(face: Face, observed: Observed, wrong: State) -> None:
    found, _ = retried(face, observed, wrong, WEIGHTS, STEPS, OVER_MM)
    good = [frame for frame in range(FRAMES) if frame not in LOST]
    for name in ("expression", "R", "sideways", "log_scale"):
        assert torch.equal(getattr(found, name)[good], getattr(wrong, name)[good])
    same, improved = retried(face, observed, wrong, WEIGHTS, STEPS, 1e6)
    assert same is wrong
    assert not improved.any()


def test_a_worse_start_is_never_taken(face: Face, observed: Observed, wrong: State) -> None:
    found, _ = retried(face, observed, wrong, WEIGHTS, STEPS, OVER_MM)
    again, improved = retried(face, observed, found, WEIGHTS, STEPS, 1e-9)
    worse = residuals_mm(face, observed, again) - residuals_mm(face, observed, found)
    assert worse.max() < 0.05
    assert (improved | (worse == 0)).all()


def test_a_clip_from_quite_another_lens_is_tried_with_other_cameras() -> None:
    face = linear_face()
    truth = clip(face, 12, seed=3, focal_px=6000.0, noise_px=1.0)
    thought_wide = Fit(noise_mm=0.6, opening_noise_mm=0.6, focal_long_sides=0.4)
    seen = np.ones(truth.points_px.shape[:2])
    fitted = fit_clip(truth.points_px, seen, SIZE, face, thought_wide)
    assert np.median(fitted.residual_mm) < 1.0
    assert fitted.focal_px > 3000


def test_wild_landmarks_are_no_reason_for_another_camera() -> None:
    face, rng = linear_face(), np.random.default_rng(0)
    truth = clip(face, 12, noise_px=1.0)
    wild = rng.random(truth.points_px.shape[:2]) < 0.2
    truth.points_px[wild] += rng.normal(0, 40, (int(wild.sum()), 2))
    fitted = fit_clip(truth.points_px, np.ones(wild.shape), SIZE, face, Fit())
    assert np.median(fitted.residual_mm) > 2.5
    assert fitted.iterations <= 10
