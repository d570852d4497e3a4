"""Faces on their side and upside down: found, the right way up, and never flipping."""

import cv2
import numpy as np
import pytest

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
