"""Clips fitted together, held against each fitted alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.morph.fit import Fitted, fit_clip, fit_clips
from pipeline.morph.fit_given import FitError, Landmarks
from pipeline.morph.fit_system import Face
from pipeline.morph.fit_windows import together
from pipeline.morph.params import Fit
from tests.bench._fit_speed import network_face
from tests.morph.fit_faces import SIZE, clip, linear_face

PARAMS = Fit(
    noise_mm=0.6, opening_noise_mm=0.6, identity_prior=1.0, expression_prior=1.0, shared_frames=6
)  # fmt: skip


def seen(landmarks: np.ndarray, **known) -> Landmarks:
    return Landmarks(landmarks, np.ones(landmarks.shape[:2]), SIZE, **known)


def usual(face: Face, frames: int, seed: int, **how) -> Landmarks:
    return seen(clip(face, frames, seed, noise_px=1.0, **how).points_px)


def with_gaps(face: Face) -> Landmarks:
    points = clip(face, 12, 4, noise_px=1.0).points_px
    points[[0, 5, 6]] = np.nan
    return seen(points)


def half_hidden_and_wild(face: Face) -> Landmarks:
    plain, rng = usual(face, 9, 5), np.random.default_rng(0)
    plain.points_px[rng.random(plain.points_px.shape[:2]) < 0.1] += 60
    visibility = plain.visibility * (face.mean[:, 0].numpy() > 0)
    return replace(plain, visibility=visibility)


def turned_over(face: Face) -> Landmarks:
    """One frame whose landmarks are those of no face that is near: other starts are tried."""
    points = clip(face, 8, 6, noise_px=1.0).points_px
    points[3] = points[3, ::-1]
    return seen(points)


def smaller(face: Face) -> Landmarks:
    """The same picture at half its size."""
    plain = usual(face, 7, 7)
    return Landmarks(plain.points_px / 2, plain.visibility, (SIZE[0] // 2, SIZE[1] // 2))


def mixed(face: Face) -> list[Landmarks]:
    """Clips that go every way a fit can go."""
    return [
        usual(face, 10, 1),
        seen(np.full((4, len(face.mean), 2), np.nan)),
        with_gaps(face),
        usual(face, 1, 2),
        half_hidden_and_wild(face),
        seen(clip(face, 6, 3, noise_px=1.0).points_px, age_months=9.0),
        seen(np.zeros((3, 7, 2))),
        turned_over(face),
        usual(face, 8, 8, focal_px=6000.0),
        smaller(face),
    ]


def alone(landmarks: Landmarks, face: Face, params: Fit) -> Fitted | FitError:
    try:
        return fit_clip(
            landmarks.points_px, landmarks.visibility, landmarks.size, face, params,
            age_months=landmarks.age_months,
        )  # fmt: skip
    except FitError as error:
        return error


def heads(fitted: Fitted, face: Face) -> np.ndarray:
    latents = (
        torch.from_numpy(np.r_[fitted.identity, fitted.age]),
        torch.from_numpy(fitted.expression[fitted.valid]),
    )
    return face.surface.at(*(x.double() for x in latents)).numpy()


@pytest.fixture(scope="module", params=["linear", "network"])
def face(request: pytest.FixtureRequest) -> Face:
    return linear_face() if request.param == "linear" else network_face(64)


def test_together_every_clip_is_as_it_would_be_alone(face: Face) -> None:
    exactly = PARAMS.model_copy(update={"precision": "float64", "focal_long_sides": 0.6})
    clips = mixed(face)
    ours = fit_clips(clips, face, exactly)
    theirs = [alone(one, face, exactly) for one in clips]
    assert [isinstance(one, FitError) for one in ours] == [n in (1, 6) for n in range(len(clips))]
    for found, by_itself in zip(ours, theirs, strict=True):
        if isinstance(found, FitError):
            assert str(found) == str(by_itself)
            continue
        assert isinstance(by_itself, Fitted)
        for name in vars(found).keys() - {"iterations"}:
            own, other = (np.asarray(getattr(one, name)) for one in (found, by_itself))
            assert own.dtype == other.dtype
            assert np.allclose(own, other, rtol=1e-5, atol=1e-5, equal_nan=True), name


def test_in_single_precision_heads_differ_by_less_than_a_micrometre() -> None:
    face = linear_face()
    clips = [usual(face, frames, seed) for seed, frames in enumerate((40, 7, 23), 1)]
    for found, landmarks in zip(fit_clips(clips, face, PARAMS), clips, strict=True):
        by_itself = alone(landmarks, face, PARAMS)
        assert isinstance(found, Fitted)
        assert isinstance(by_itself, Fitted)
        assert np.abs(heads(found, face) - heads(by_itself, face)).max() < 1e-3


def test_no_clips_are_no_fits() -> None:
    assert fit_clips([], linear_face(), PARAMS) == []


@pytest.mark.parametrize("at_once", [1, 300, 10_000])
def test_windows_speak_for_every_frame_once_and_reach_into_no_other_clip(at_once: int) -> None:
    clips = [slice(0, 500), slice(500, 501), slice(501, 741), slice(741, 982)]
    spoken: list[int] = []
    for some in together(clips, at_once):
        assert len(some.rows) < at_once + 264
        spoken += some.rows[some.own].tolist()
        for window, span in zip(some.windows, some.spans, strict=True):
            own = clips[window.clip]
            assert own.start <= window.first <= window.start
            assert window.end <= window.last <= own.stop
            assert some.rows[span].tolist() == list(range(window.first, window.last))
            # Coupling comes from as far on either side as it reaches.
            assert window.start - window.first == min(12, window.start - own.start)
            assert window.last - window.end == min(12, own.stop - window.end)
    assert spoken == list(range(982))
