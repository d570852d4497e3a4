"""The truth is true: it agrees with the pictures, with the sound and with itself."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import media
from pipeline.nursery import CLIP
from pipeline.nursery.scenes import KINDS, scene_of
from pipeline.nursery.soundtrack import TRACK_HZ
from pipeline.nursery.truth import LANDMARKS, LIPS, Truth, read
from tests.nursery.conftest import SPAN_S, Make

NOSE_TIP = 1
# Beside the outer corner of the infant's left and right eye.
LEFT_CORNER, RIGHT_CORNER = 359, 130


@pytest.mark.parametrize("kind", ["cry", "vfr", "beside", "nobody"])
def test_arrays_have_a_row_for_each_frame(made: Make, kind: str) -> None:
    truth = read(made(kind))
    frames = len(media.probe(made(kind) / CLIP).picture.times_s)
    assert truth.expression.shape == (frames, 64)
    assert truth.rotation.shape == truth.translation.shape == (frames, 3)
    assert truth.landmark_visibility.shape == (frames, LANDMARKS)
    assert truth.landmarks_px.shape == (frames, LANDMARKS, 2)
    assert len(truth.why) == len(truth.good) == len(truth.time_s) == frames
    assert len(truth.infant_sounds) == round(SPAN_S * TRACK_HZ)


def test_good_frames_are_those_without_a_reason(made: Make) -> None:
    for kind in ("cry", "hand", "echo"):
        truth = read(made(kind))
        assert [not why for why in truth.why] == truth.good.tolist()


def test_good_kinds_are_good_and_bad_ones_say_why(made: Make) -> None:
    for kind, how in KINDS.items():
        truth = read(made(kind))
        if how.good and not how.occluder:
            assert truth.good.mean() > 0.9, kind
        elif not how.good:
            named = set(truth.why) - {""}
            assert truth.good.mean() < 0.4, kind
            assert named & set(how.expected), kind


def test_what_is_covered_is_not_visible(made: Make) -> None:
    for kind in ("pacifier", "blanket", "bottle", "hand"):
        truth = read(made(kind))
        assert not (truth.landmark_visibility & truth.landmark_covered).any()
        assert truth.landmark_covered[-1, LIPS].mean() > 0.6, kind


def test_nothing_covers_a_face_that_is_free(made: Make) -> None:
    truth = read(made("laugh"))
    assert not truth.landmark_covered[:, LIPS].any()
    front = np.abs(truth.yaw_deg) < 10
    if front.any():
        seen = truth.landmark_visibility[front][:, truth.landmark_known]
        assert seen.mean() > 0.9


def test_the_far_half_of_a_profile_is_hidden(made: Make) -> None:
    truth = read(made("profile"))
    near, far = (LEFT_CORNER, RIGHT_CORNER)
    if truth.yaw_deg.mean() > 0:  # turned to its own left, whose side is then away from us
        near, far = far, near
    assert truth.landmark_visibility[:, near].mean() > 0.9
    assert truth.landmark_visibility[:, far].mean() < 0.1


def test_yaw_turns_the_nose_to_the_side_it_says(made: Make) -> None:
    truth = read(made("profile"))
    eyes = truth.landmarks_px[:, [LEFT_CORNER, RIGHT_CORNER], 0].mean(1)
    nose = truth.landmarks_px[:, NOSE_TIP, 0] - eyes
    assert (np.sign(nose) == np.sign(truth.yaw_deg)).all()


def test_roll_is_clockwise(made: Make) -> None:
    truth = read(made("lying"))
    right, left = truth.landmarks_px[:, RIGHT_CORNER], truth.landmarks_px[:, LEFT_CORNER]
    # Upright, the infant's left eye is to the right of the picture; clockwise takes it down.
    angle = np.degrees(np.arctan2(*(left - right).T[::-1]))
    assert np.abs(angle - truth.roll_deg).max() < 12


def test_the_infant_sounds_where_its_stem_does(made: Make) -> None:
    truth = read(made("cry", span_s=1.5))
    stem, rate_hz = media.read_sound(made("cry", span_s=1.5) / "infant.flac")
    blocks = stem[: len(truth.infant_sounds) * rate_hz // TRACK_HZ].reshape(
        len(truth.infant_sounds), -1
    )
    loud = np.abs(blocks).max(1)
    assert np.median(loud[truth.infant_sounds]) > 10 * np.median(loud[~truth.infant_sounds])


def test_who_sounds_follows_the_scene(made: Make) -> None:
    assert not read(made("silent")).infant_sounds.any()
    assert read(made("talk")).adult_sounds.any()
    assert read(made("music")).other_sounds.any()
    quiet = read(made("cry"))
    assert not quiet.adult_sounds.any()
    assert not quiet.other_sounds.any()


def test_the_mouth_opens_with_the_sound(made: Make) -> None:
    truth = read(made("babble", span_s=1.5))
    upper, lower = truth.landmarks_px[:, 13], truth.landmarks_px[:, 14]
    open_px = np.linalg.norm(upper - lower, axis=1)
    frames = np.searchsorted(np.arange(len(truth.infant_sounds)) / TRACK_HZ, truth.time_s)
    sounding = truth.infant_sounds[np.minimum(frames, len(truth.infant_sounds) - 1)]
    assert open_px[sounding].mean() > 1.3 * open_px.min()


def test_frames_of_a_constant_copy_point_at_frames_of_the_original(made: Make) -> None:
    slow = read(made("fps25"))
    at = slow.frames_at(30.0)
    assert len(at) == round(SPAN_S * 30)
    assert at[0] == 0
    assert (np.diff(at) >= 0).all()
    assert np.abs(slow.time_s[at] - np.arange(len(at)) / 30).max() <= 1 / 25


def test_where_nobody_is_nothing_is_known(made: Make) -> None:
    truth = read(made("nobody"))
    assert np.isnan(truth.expression).all()
    assert np.isnan(truth.rotation).all()
    assert not truth.landmark_visibility.any()


def test_the_same_infant_keeps_its_face(made: Make) -> None:
    first = read(made("cry"))
    scene = first.scene
    again = _other_clip_of(scene["infant"], scene["clip"], made)
    assert np.array_equal(first.identity, again.identity)
    assert np.array_equal(first.age, again.age)


def _other_clip_of(infant: int, but: str, made: Make) -> Truth:
    for kind in KINDS:
        scene = scene_of(kind, 7, SPAN_S, 320)
        if scene.infant == infant and scene.clip != but and scene.how.infant:
            return read(made(kind))
    raise AssertionError("each infant has several clips")
