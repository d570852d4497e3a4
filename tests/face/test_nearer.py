"""Small faces in large pictures are found and measured; larger ones come first."""

import cv2
import numpy as np
import pytest

from pipeline.face import nearer
from pipeline.face.nearer import EVERY, PATIENCE, TIMES, View, around
from tests.face.conftest import WALL

HIGH, WIDE = 720, 1280
SMALL = 0.25
"""Of the studio's pictures, in which a face is then 35 px wide, of 1280."""


def room(picture=None, left=300, top=200, scale=SMALL):
    """A wide picture of a wall, and somebody before it."""
    whole = np.full((HIGH, WIDE, 3), WALL, np.uint8)
    if picture is not None:
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        high, wide = small.shape[:2]
        whole[top : top + high, left : left + wide] = small
    return whole


@pytest.fixture(scope="module")
def far_away(babbling):
    return [room(picture, left=300 + 6 * n) for n, picture in enumerate(babbling)]


@pytest.fixture(scope="module")
def seen_far_away(see, far_away):
    return see(far_away)


def test_without_looking_from_nearer_a_small_face_is_not_found(see, far_away, monkeypatch):
    monkeypatch.setattr(nearer.Nearer, "moves", lambda *_: False)
    assert not see(far_away).frames["found"].any()


def test_a_small_face_is_found_while_it_moves(seen_far_away):
    assert seen_far_away.frames["found"].all()
    assert len(seen_far_away.faces) == 1


def test_landmarks_of_a_small_face_lie_where_it_is(seen_far_away, seen_babbling):
    steps = np.arange(len(seen_babbling.points))[:, None]
    near = seen_babbling.points[..., :2] * SMALL
    there = near + np.stack([300 + 6 * steps, 200 + 0 * steps], axis=-1)
    apart = np.linalg.norm(seen_far_away.points[..., :2] - there, axis=-1)
    width = np.ptp(there[..., 0], axis=1)
    assert np.median(apart.mean(axis=1) / width) < 0.05


def test_it_is_found_whichever_way_up_it_is(see, babbling):
    pictures = [room(np.rot90(picture, 2)) for picture in babbling]
    assert see(pictures).frames["found"].mean() > 0.9


def test_a_nearer_face_that_comes_is_found_though_a_small_one_is_there(see, babbling):
    alone = [room(picture) for picture in babbling[:6]]
    comes = [_beside(*pair) for pair in zip(babbling, babbling[::-1], strict=True)]
    seen = see([*alone, *comes])
    assert seen.frames["found"].all()
    assert seen.faces["face_px"].max() > 3 * seen.faces["face_px"].min()


def _beside(small, large):
    whole = room(small)
    whole[200:520, 800:1120] = large
    return whole


def test_when_a_small_face_goes_the_whole_picture_is_looked_at_again(see, babbling):
    here = [room(picture) for picture in babbling[:6]]
    there = [room(picture, left=900, top=400) for picture in babbling]
    found = see([*here, *[room()] * (PATIENCE + 2), *there]).frames["found"].to_numpy()
    assert found[:6].all()
    assert found[-len(there) + EVERY :].all()


class Blind:
    """Sees no face, and notes how often small ones are looked for."""

    def __init__(self):
        self.looks = 0

    def far(self, faces):
        return self

    def boxes(self, picture):
        self.looks += 1
        return []


def test_where_there_is_no_face_small_ones_are_looked_for_now_and_then():
    landmarker = Blind()
    chooses = nearer.Nearer(landmarker, 1)
    moved = [chooses.moves(room(), [], 640) for _ in range(2 * EVERY)]
    assert not any(moved)
    assert landmarker.looks == 2 * 4, "each in four turns"


class Fooled(Blind):
    """Takes the same spot for a face, and notes which way up the pictures are that it is shown."""

    def __init__(self):
        self.turns = []

    def searcher(self, faces):
        return Blind()

    def boxes(self, picture):
        marks = [np.rot90(picture, -turn)[0, 0, 0] for turn in range(4)]
        self.turns.append(marks.index(MARK))
        return [(50, 50, 80, 80)]


MARK = 7


def test_what_turns_out_to_be_no_face_is_looked_at_another_way_up_the_next_time():
    landmarker, picture = Fooled(), np.full((360, 640, 3), WALL, np.uint8)
    picture[0, 0] = MARK
    chooses = nearer.Nearer(landmarker, 1)
    for _ in range(5 * (PATIENCE + 1)):
        chooses.moves(picture, [], 640)
    assert landmarker.turns == [0, 1, 2, 3, 0]


def test_a_view_is_a_square_within_the_picture():
    picture = room()
    corner = around([(0.0, 0.0, 60.0, 50.0)], picture)
    assert corner == View(0, 0, round(TIMES * 60))
    end = around([(1240.0, 700.0, 1280.0, 720.0)], picture)
    assert end.of(picture).shape[:2] == (end.side, end.side)
    assert end.suits((1200.0, 640.0, 1240.0, 680.0))


def test_faces_near_one_another_share_a_view():
    pair = [(200.0, 100.0, 250.0, 150.0), (330.0, 150.0, 370.0, 190.0)]
    view = around(pair, room())
    assert all(view.suits(box) for box in pair)


def test_of_faces_far_apart_the_surest_is_looked_at():
    pair = [(200.0, 100.0, 250.0, 150.0), (900.0, 500.0, 960.0, 560.0)]
    assert around(pair, room()) == around(pair[:1], room())


def test_an_infant_and_an_adult_beside_it_are_both_found_far_away(see, babbling):
    pictures = [room(picture) for picture in babbling]
    for picture, other in zip(pictures, babbling[::-1], strict=True):
        small = cv2.resize(other, None, fx=SMALL, fy=SMALL, interpolation=cv2.INTER_AREA)
        picture[200 : 200 + small.shape[0], 400 : 400 + small.shape[1]] = small
    assert (see(pictures).frames["faces"] == 2).mean() > 0.8


@pytest.mark.parametrize("size", [0.0, HIGH / TIMES, 2000.0])
def test_what_is_not_small_is_not_looked_at_from_nearer(size):
    assert around([(0.0, 0.0, size, size)], room()) is None


@pytest.mark.parametrize(
    "box", [(0, 0, 100, 100), (150, 150, 160, 160), (50, 50, 350, 350)], ids=["off", "small", "big"]
)
def test_a_view_suits_a_face_in_its_middle_of_its_size_alone(box):
    view = View(0, 0, 400)
    assert view.suits((150, 150, 250, 250))
    assert not view.suits(box)
