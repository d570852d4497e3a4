"""Clips of a face whose truth is known: what the fit gets back, and what it bears."""

import numpy as np
import pytest
import torch

from pipeline.morph.fit import Fitted, diverse, fit_clip
from pipeline.morph.fit_given import FitError
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit
from tests.morph.fit_faces import (
    FOCAL_PX,
    SIZE,
    Truth,
    aligned_error_mm,
    clip,
    heads,
    linear_face,
)

FRAMES = 24
# Noise here is independent from landmark to landmark, as a detector's is not.
PARAMS = Fit(noise_mm=0.6, opening_noise_mm=0.6, identity_prior=0.25, expression_prior=1.0)


@pytest.fixture(scope="module")
def face() -> Face:
    return linear_face()


def fit(truth: Truth, face: Face, visibility: np.ndarray | None = None, **params) -> Fitted:
    seen = np.ones(truth.points_px.shape[:2]) if visibility is None else visibility
    return fit_clip(truth.points_px, seen, SIZE, face, PARAMS.model_copy(update=params))


def error_mm(fitted: Fitted, truth: Truth, face: Face, with_scale: bool = True) -> float:
    shared = torch.from_numpy(np.r_[fitted.identity, fitted.age]).double()
    found = heads(face, shared, torch.from_numpy(fitted.expression).double()).numpy()
    good = fitted.valid
    truth_mm = truth.heads(face).numpy()
    return float(np.median(aligned_error_mm(found[good], truth_mm[good], with_scale)))


def turned_deg(fitted: Fitted, truth: Truth) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    found = Rotation.from_rotvec(fitted.rotation[fitted.valid])
    true = Rotation.from_rotvec(truth.rotation.numpy()[fitted.valid])
    return np.degrees((found * true.inv()).magnitude())


@pytest.mark.parametrize("roll_deg", [0.0, 90.0, 180.0, -90.0])
def test_a_clip_without_noise_is_recovered(face: Face, roll_deg: float) -> None:
    truth = clip(face, FRAMES, roll_deg=roll_deg)
    fitted = fit(truth, face)
    assert fitted.valid.all()
    assert fitted.iterations <= 10
    assert np.median(fitted.residual_px) < 0.1
    assert error_mm(fitted, truth, face) < 0.15
    assert np.median(turned_deg(fitted, truth)) < 0.5
    assert fitted.focal_px == pytest.approx(FOCAL_PX, rel=0.06)


@pytest.mark.parametrize("seed", [2, 3])
def test_noise_costs_no_more_than_it_must(face: Face, seed: int) -> None:
    truth = clip(face, FRAMES, seed=seed, noise_px=1.0)
    fitted = fit(truth, face)
    # Mean length of a residual of unit noise, less what 70 unknowns of 2 x 200 numbers take up.
    floor = 1.2533 * np.sqrt(1 - 70 / 400)
    assert floor * 0.95 < np.mean(fitted.residual_px) < floor * 1.1
    assert error_mm(fitted, truth, face) < 0.5
    assert np.median(turned_deg(fitted, truth)) < 1.0


def test_mm_and_px_agree(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=1.0)
    fitted = fit(truth, face)
    mm_per_px = fitted.translation[:, 2] / fitted.focal_px
    assert np.allclose(fitted.residual_mm, fitted.residual_px * mm_per_px, rtol=1e-4)


def test_a_fifth_of_wild_landmarks_at_most_doubles_the_error(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=1.0)
    clean = error_mm(fit(truth, face), truth, face)
    rng = np.random.default_rng(0)
    wild = rng.random(truth.points_px.shape[:2]) < 0.2
    truth.points_px[wild] += rng.normal(0, 40, (wild.sum(), 2))
    assert error_mm(fit(truth, face), truth, face) < 2 * clean


def test_half_a_face_hidden_is_filled_in_from_the_rest(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=0.5)
    hidden = np.zeros(truth.points_px.shape[:2], bool)
    left = face.mean[:, 0].numpy() > 0
    hidden[: FRAMES // 2] = left
    truth.points_px[hidden] += 60.0
    fitted = fit(truth, face, (~hidden).astype(float))
    assert fitted.valid.all()
    assert error_mm(fitted, truth, face) < 0.8
    assert np.max(fitted.residual_px) < 3


def test_frames_without_a_face_stay_empty_and_change_nothing_else(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=0.5)
    whole = fit(truth, face)
    points = np.concatenate([np.full_like(truth.points_px[:3], np.nan), truth.points_px])
    visibility = np.concatenate([np.zeros((3, 200)), np.ones((FRAMES, 200))])
    fitted = fit_clip(points, visibility, SIZE, face, PARAMS)
    assert list(fitted.valid) == [False] * 3 + [True] * FRAMES
    assert np.isnan(fitted.expression[:3]).all()
    assert np.isnan(fitted.residual_px[:3]).all()
    assert np.allclose(fitted.expression[3:], whole.expression, atol=1e-4)


def test_one_frame_is_enough(face: Face) -> None:
    truth = clip(face, 1)
    fitted = fit(truth, face)
    assert fitted.valid.all()
    assert fitted.residual_px[0] < 0.5
    assert turned_deg(fitted, truth)[0] < 5


def test_an_opening_mouth_is_followed_through_noise(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=1.0)
    upper, lower = face.pairs[0]

    def opening(found: torch.Tensor) -> np.ndarray:
        return torch.linalg.vector_norm(found[:, upper] - found[:, lower], dim=-1).numpy()

    fitted = fit(truth, face)
    shared = torch.from_numpy(np.r_[fitted.identity, fitted.age]).double()
    found = opening(heads(face, shared, torch.from_numpy(fitted.expression).double()))
    assert np.corrcoef(found, opening(truth.heads(face)))[0, 1] > 0.9


@pytest.mark.parametrize("broken", ["line", "point", "few", "hidden", "nothing"])
def test_landmarks_that_are_no_face_are_refused(face: Face, broken: str) -> None:
    truth = clip(face, 3)
    visibility = np.ones(truth.points_px.shape[:2])
    if broken == "line":
        truth.points_px[..., 1] = 2 * truth.points_px[..., 0] + 3
    elif broken == "point":
        truth.points_px[:] = 100.0
    elif broken == "few":
        visibility[:, PARAMS.min_landmarks - 1 :] = 0
    elif broken == "hidden":
        visibility[:] = 0
    else:
        truth.points_px[:] = np.nan
    with pytest.raises(FitError, match="no frame has 40 visible landmarks"):
        fit(truth, face, visibility)


def test_one_broken_frame_does_not_spoil_the_others(face: Face) -> None:
    truth = clip(face, FRAMES)
    truth.points_px[5, :, 1] = 2 * truth.points_px[5, :, 0]
    truth.points_px[9] = np.random.default_rng(0).uniform(0, 480, (200, 2))
    fitted = fit(truth, face)
    assert not fitted.valid[5]
    others = np.setdiff1d(np.arange(FRAMES), [5, 9])
    assert np.median(fitted.residual_px[others]) < 0.2
    assert not fitted.valid[9] or fitted.residual_px[9] > 10


def test_shapes_that_do_not_match_are_named(face: Face) -> None:
    with pytest.raises(FitError, match=r"\(3, 7, 2\); the face wants \(frames, 200, 2\)"):
        fit_clip(np.zeros((3, 7, 2)), np.ones((3, 7)), SIZE, face)
    with pytest.raises(FitError, match="visibility has shape"):
        fit_clip(np.zeros((3, 200, 2)), np.ones((3, 7)), SIZE, face)


def test_the_same_landmarks_give_the_same_bytes(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=1.0)
    first, again = fit(truth, face), fit(truth, face)
    for name in ("identity", "expression", "rotation", "translation", "residual_px"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()


def test_single_precision_is_enough(face: Face) -> None:
    truth = clip(face, FRAMES, noise_px=1.0)
    single, double = fit(truth, face), fit(truth, face, precision="float64")
    assert np.allclose(single.expression, double.expression, atol=0.02)
    assert np.allclose(single.residual_px, double.residual_px, atol=1e-3)
    assert single.focal_px == pytest.approx(double.focal_px, rel=0.01)


def test_frames_of_all_poses_are_asked_for_the_identity(face: Face) -> None:
    truth = clip(face, 60)
    from pipeline.morph import camera

    R = camera.exp_rotation(truth.rotation)
    residual = torch.ones(60)
    residual[17] = 50.0
    chosen = diverse(R, residual, 12)
    assert len(chosen) == 12
    assert 17 not in chosen
    yaw = camera.angles_from_rotation(truth.rotation)[0]
    others = torch.cat([yaw[:17], yaw[18:]])
    assert yaw[chosen].max() - yaw[chosen].min() > 0.95 * (others.max() - others.min())
