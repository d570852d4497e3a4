"""Faces on their side and upside down: found, the right way up, and never flipping."""

import cv2
import numpy as np
import pytest

from pipeline.face import rotation
from pipeline.face.backends import SAME_PLACE, Face, overlap
from pipeline.face.mesh import canonical
from pipeline.face.pose import TO_IMAGE
from pipeline.face.rotation import (
    DOUBTFUL_SCORE,
    SEARCH_EVERY,
    SEARCH_WHEN_LOST,
    SURELY_UPRIGHT,
    SURER,
    TURNED_SCORE,
    Follower,
    Turned,
    boxes,
    surest,
)
from tests.face.conftest import SIZE, WALL
from tests.face.test_visibility import TOY, covered

TURNS = {90: 3, 180: 2, 270: 1}
"""Degrees clockwise, in quarter turns anticlockwise."""


def degrees_apart(a, b):
    return np.abs((np.asarray(a) - b + 180) % 360 - 180)


@pytest.fixture(scope="module", params=TURNS, ids=lambda deg: f"{deg} deg")
def turned(request, see, babbling):
    """A clip turned as a whole, by how much, and what is said of it."""
    pictures = [np.rot90(picture, TURNS[request.param]).copy() for picture in babbling]
    return request.param, see(pictures)


def test_a_turned_face_is_found_in_every_frame(turned):
    _, seen = turned
    assert seen.frames["found"].all()


def test_a_turned_face_is_the_right_way_up_throughout(turned):
    roll_deg, seen = turned
    assert degrees_apart(seen.frames["roll_deg"], roll_deg).max() < 12


def test_landmarks_of_a_turned_face_lie_where_they_should(turned, seen_babbling, babbling):
    roll_deg, seen = turned
    upright = seen_babbling.points[..., :2]
    side = babbling[0].shape[0]
    x, y = upright[..., 0], upright[..., 1]
    places = {90: (side - y, x), 180: (side - x, side - y), 270: (y, side - x)}[roll_deg]
    apart = np.linalg.norm(seen.points[..., :2] - np.stack(places, axis=-1), axis=-1)
    width = np.ptp(x, axis=1)[:, None]
    assert np.median(apart / width) < 0.03
    assert (apart / width).mean(axis=1).max() < 0.08


def test_a_turned_face_looks_where_the_upright_one_does(turned, seen_babbling):
    _, seen = turned
    for name in ("yaw_deg", "pitch_deg"):
        apart = np.abs(seen.frames[name] - seen_babbling.frames[name])
        assert apart.median() < 4, name


@pytest.mark.parametrize("roll_deg", [60, 105, 120, 150, 180, -135])
def test_faces_tilted_in_between_do_not_flip(see, studio, roll_deg):
    pictures = [studio.picture(roll_deg=roll_deg, jaw=jaw) for jaw in np.linspace(0, 0.8, 12)]
    frames = see(pictures).frames
    assert frames["found"].all()
    assert degrees_apart(frames["roll_deg"], roll_deg).max() < 15


@pytest.mark.parametrize("roll_deg", [-45, -20, 0, 15, 45])
def test_an_upright_face_whose_mouth_is_covered_from_the_start_does_not_flip(
    see, seen_babbling, babbling, roll_deg
):
    patched = covered(babbling[3], seen_babbling.points[3], TOY, scale=1.3)
    turn = cv2.getRotationMatrix2D((160, 160), -roll_deg, 0.8)
    frames = see([cv2.warpAffine(patched, turn, SIZE, borderValue=WALL)] * 3).frames
    assert frames["found"].all()
    assert degrees_apart(frames["roll_deg"], roll_deg).max() < 20


class Doubtful:
    """A landmarker that sees the same faces in every picture, or none, as long as it is upright,
    and boxes whichever way up it is; it counts its searches."""

    def __init__(self, faces, boxes=()):
        self.faces, self.boxes, self.searches = faces, boxes, 0

    def follower(self, faces):
        return Eyes(lambda: self.faces)

    def searcher(self, faces):
        return Eyes(self._search, self.boxes)

    def _search(self):
        self.searches += 1
        return []


class Eyes:
    def __init__(self, look, boxes=()):
        self._look, self._boxes = look, boxes

    def detect(self, picture):
        return self._look()

    def boxes(self, picture):
        return list(self._boxes)

    def reset(self):
        pass

    def close(self):
        pass


def searched(faces, frames, boxes=()):
    """Frames in which all four turns are looked at."""
    landmarker = Doubtful(faces, boxes)
    follower, found = Follower(landmarker, 1), []
    follower._turns = (0,)
    for frame in range(frames):
        before = landmarker.searches
        follower.step(np.zeros((64, 64, 3), np.uint8))
        if landmarker.searches > before:
            found.append(frame)
    return found


def face(score):
    """Of 140 px, around (32, 32)."""
    return Face((canonical().points * TO_IMAGE + 32).astype(np.float32), score)


def test_where_no_other_way_up_fits_better_it_is_looked_for_ever_less_often():
    waits = np.diff(searched([face(DOUBTFUL_SCORE - 0.1)], 60))
    assert (np.diff(waits) > 0).all()
    assert waits[0] == SEARCH_WHEN_LOST


def test_a_lying_face_is_followed_at_the_turn_at_which_it_is_seen_surely():
    lies = face(0.69).points[:, [1, 0, 2]]
    without, with_turn = Turned(Face(lies, 0.69), 0), Turned(Face(lies, 0.92), 1)
    upright = Turned(face(0.95), 3)
    assert surest(without, [without, with_turn, upright]) is with_turn
    hardly = Turned(Face(lies, 0.69 + 0.9 * SURER), 1)
    assert surest(without, [without, hardly, upright]) is without
    assert surest(with_turn, [without, with_turn]) is with_turn


def test_without_a_face_all_turns_are_looked_at_as_often_as_ever():
    assert set(np.diff(searched([], 60))) == {SEARCH_WHEN_LOST}


def test_beside_a_face_that_is_sure_nothing_is_looked_for_where_no_other_box_is():
    sure = face(TURNED_SCORE)
    left, top, right, bottom = sure.box
    # Turned by any quarter turn in a picture of 64 x 64 px, it covers the place where it was.
    assert searched([sure], 3 * SEARCH_EVERY, [(left, top, right, bottom)]) == []
    # A box in the corner lies in four corners, one for each turn.
    assert len(searched([sure], 3 * SEARCH_EVERY, [(0, 0, 20, 20)])) == 3


class Upright:
    """A landmarker that sees one face wherever it looks, and counts its looks."""

    def __init__(self, face, box):
        self.face, self.box, self.looks = face, box, 0

    def follower(self, faces):
        return Eyes(lambda: [])

    def searcher(self, faces):
        return Eyes(self._look, [self.box])

    def _look(self):
        self.looks += 1
        return [self.face]


@pytest.mark.parametrize(
    ("score", "beside", "looks"),
    [(SURELY_UPRIGHT, False, 1), (SURELY_UPRIGHT, True, 4), (SURELY_UPRIGHT - 0.01, False, 4)],
)
def test_what_is_surely_upright_is_not_looked_at_another_way_up(score, beside, looks):
    upright = face(score)
    landmarker = Upright(upright, (0, 0, 20, 20) if beside else upright.box)
    (found,) = Follower(landmarker, 1).step(np.zeros((64, 64, 3), np.uint8))
    assert landmarker.looks == looks
    assert found.score == score


def test_a_face_that_might_be_the_wrong_way_up_is_looked_at_in_all_turns_now_and_then():
    unsure = face(TURNED_SCORE - 0.01)
    assert len(searched([unsure], 3 * SEARCH_EVERY, [unsure.box])) == 3


@pytest.mark.parametrize("turn", TURNS.values())
def test_boxes_in_a_turned_picture_lie_where_they_are_in_the_picture(turn):
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[20:30, 70:95] = 255

    class White:
        def boxes(self, picture):
            down, across = np.nonzero(picture[..., 0])
            return [(across.min(), down.min(), across.max() + 1, down.max() + 1)]

    assert boxes(White(), picture, turn) == [(70, 20, 95, 30)]


def test_a_searcher_tells_the_box_of_a_face_without_its_landmarks(landmarker, studio):
    searcher, picture = landmarker.searcher(2), studio.picture()
    (face,), (box,) = searcher.detect(picture), searcher.boxes(picture)
    assert overlap(box, face.box) > SAME_PLACE


@pytest.mark.parametrize("deg", TURNS)
def test_a_face_that_lies_beside_one_that_is_followed_is_found_in_time(
    see, babbling, monkeypatch, deg
):
    monkeypatch.setattr(rotation, "SEARCH_EVERY", 8)
    beside = [np.rot90(picture, TURNS[deg]) for picture in babbling[:20]]
    empty = np.full_like(babbling[0], WALL)
    pictures = [
        np.hstack([upright, empty if number < 4 else other])
        for number, (upright, other) in enumerate(zip(babbling[:20], beside, strict=True))
    ]
    faces = see(pictures).frames["faces"]
    assert (faces[:4] == 1).all()
    assert (faces[10:] == 2).all()
