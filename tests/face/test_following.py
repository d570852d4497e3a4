"""One face is followed by itself; another that comes, or one that goes, is noticed all the same."""

import numpy as np
import pytest

from pipeline.face.backends import Face
from pipeline.face.mediapipe_boxes import BoxDetector
from pipeline.face.mediapipe_following import ALONE_FRAMES, LOOK_EVERY, STAYS, MeshFollower, _stays
from pipeline.face.mediapipe_mesh import MeshDetector
from pipeline.face.mesh import canonical
from pipeline.face.pose import TO_IMAGE
from pipeline.face.rotation import tilt_deg
from tests.face.conftest import WALL


@pytest.fixture
def follower():
    boxes = BoxDetector(3)
    made = MeshFollower(3, boxes)
    yield made
    made.close()
    boxes.close()


@pytest.fixture(scope="module")
def alone(studio):
    """30 pictures of an infant in the left half of a room."""
    faces = [studio.picture(yaw_deg=0.4 * n, jaw=0.02 * n) for n in range(30)]
    return [np.hstack([face, empty_half()]) for face in faces]


@pytest.fixture(scope="module")
def together(studio):
    """The same room with somebody else in the right half."""
    return np.hstack([studio.picture(), studio.picture(yaw_deg=10)])


def empty_half():
    return np.full((320, 320, 3), WALL, np.uint8)


def test_a_face_alone_has_the_landmarks_that_mediapipe_gives_it(follower, alone):
    plain = MeshDetector(3, still=False)
    for picture in alone:
        (face,), (same,) = follower.detect(picture), plain.detect(picture)
        width_px = face.box[2] - face.box[0]
        assert np.abs(face.points - same.points).max() < 0.01 * width_px
    plain.close()


def test_a_face_alone_is_scored_only_when_somebody_looks(follower, alone):
    scores = [follower.detect(picture)[0].score for picture in alone]
    later = scores[ALONE_FRAMES:]
    looked = [n for n, score in enumerate(later, start=1) if not np.isnan(score)]
    assert looked == list(range(LOOK_EVERY, len(later) + 1, LOOK_EVERY))
    assert min(later[n - 1] for n in looked) > 0.5


def test_another_face_that_comes_is_seen_within_a_few_pictures(follower, alone, together):
    for picture in alone:
        assert len(follower.detect(picture)) == 1
    counts = [len(follower.detect(together)) for _ in range(LOOK_EVERY)]
    assert counts[-1] == 2


def test_who_is_joined_by_others_is_watched_for_twice_as_long(follower, alone, together):
    for picture in [*alone, *[together] * LOOK_EVERY]:
        follower.detect(picture)
    scores = [follower.detect(picture)[0].score for picture in alone]
    assert not np.isnan(scores[: 2 * ALONE_FRAMES]).any()
    assert np.isnan(scores[2 * ALONE_FRAMES])


def test_a_face_that_goes_is_gone_at_once(follower, alone):
    for picture in alone:
        follower.detect(picture)
    assert follower.detect(np.hstack([empty_half(), empty_half()])) == []


def test_a_face_elsewhere_is_found_at_once(follower, alone):
    for picture in alone:
        follower.detect(picture)
    (face,) = follower.detect(alone[-1][:, ::-1].copy())
    assert face.box[0] > 320


@pytest.mark.parametrize("roll_deg", [120, -130])
def test_a_face_that_rolls_over_stays_the_way_up_that_it_was(follower, studio, roll_deg):
    """Looked at afresh it would be the other way up: the detector expects people to sit."""
    rolls_deg = np.append(np.linspace(roll_deg / 2, roll_deg, 6), np.full(12, roll_deg))
    for number, now_deg in enumerate(rolls_deg):
        picture = studio.picture(roll_deg=now_deg, jaw=0.02 * number)
        (face,) = follower.detect(picture)
    assert abs(tilt_deg(face.points) - abs(roll_deg)) < 15


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_how_far_a_face_may_go_from_one_picture_to_the_next_is_a_share_of_its_size(share):
    face = Face((canonical().points * TO_IMAGE).astype(np.float32), 0.9)
    left, top, right, bottom = face.box
    step_px = share * STAYS * max(right - left, bottom - top)
    step = np.array([0.6 * step_px, -0.8 * step_px, 50.0], np.float32)
    moved = Face(face.points + step, 0.9)
    assert _stays(moved, face) is (share < 1)
