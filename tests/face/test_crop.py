"""The face cut out."""

import numpy as np
import pytest

from pipeline.face import crop
from pipeline.face.mesh import canonical
from pipeline.face.pose import TO_IMAGE

SIDE_PX = 900


@pytest.mark.parametrize("px_per_mm", [0.4, 1.5, 2.9, 3.1, 5.0])
@pytest.mark.parametrize("roll_deg", [0.0, 30.0, -115.0])
def test_every_landmark_lies_where_the_picture_has_it(px_per_mm, roll_deg):
    points = _face(px_per_mm, roll_deg)
    cut = crop.cut(_slopes(), points, px_per_mm)
    column, row = np.round(cut.landmarks).astype(int).T
    seen = cut.pixels[row, column, :2].astype(float)
    assert np.abs(seen - points[:, :2] * 255 / SIDE_PX).max() < 2.0


@pytest.mark.parametrize("px_per_mm", [0.4, 1.5, 5.0])
def test_it_is_of_one_scale_and_no_larger_than_the_face(px_per_mm):
    cut = crop.cut(_slopes(), _face(px_per_mm, 0.0), px_per_mm)
    height, width = cut.grey.shape
    face = crop.PX_PER_MM * np.ptp(canonical().points[:, :2], axis=0)
    pixels_of_its_own = 3 * crop.PX_PER_MM / px_per_mm
    assert (np.array([width, height]) - face < 2 * crop.MARGIN_PX + 2 + pixels_of_its_own).all()
    assert height % 2 == width % 2 == 0


@pytest.mark.parametrize("roll_deg", [0.0, 45.0, 90.0])
def test_a_tilt_does_not_change_its_scale(roll_deg):
    points = _face(1.5, roll_deg)
    cut = crop.cut(_slopes(), points, 1.5)
    spans = [np.linalg.norm(it[33] - it[263]) for it in (points[:, :2], cut.landmarks)]
    assert spans[1] == pytest.approx(spans[0], rel=0.01)


def test_what_lies_outside_the_picture_is_left_out():
    whole = crop.cut(_slopes(), _face(1.5, 0.0), 1.5)
    points = _face(1.5, 0.0) - np.array([SIDE_PX / 2, 0, 0], np.float32)
    cut = crop.cut(_slopes(), points, 1.5)
    assert cut.grey.shape[1] < 0.6 * whole.grey.shape[1]
    assert 0.4 < (cut.landmarks[:, 0] < 0).mean() < 0.6


def test_of_a_face_beside_the_picture_there_is_hardly_anything():
    cut = crop.cut(_slopes(), _face(1.5, 0.0) + np.float32(2 * SIDE_PX), 1.5)
    assert max(cut.grey.shape) <= 8
    assert (cut.landmarks > 8).all()


def _face(px_per_mm, roll_deg):
    roll = np.radians(roll_deg)
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    points = px_per_mm * (canonical().points * TO_IMAGE) @ turn.T + [SIDE_PX / 2, SIDE_PX / 2, 0]
    return points.astype(np.float32)


def _slopes():
    """Red grows to the right and green downward."""
    ramp = np.arange(SIDE_PX) * 255 / SIDE_PX
    picture = np.full((SIDE_PX, SIDE_PX, 3), 200.0)
    picture[..., 0], picture[..., 1] = ramp, ramp[:, None]
    return np.round(picture).astype(np.uint8)
