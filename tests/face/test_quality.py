"""What a picture is worth where the face is: out of focus, and smeared by what moved."""

import cv2
import numpy as np
import pytest

from pipeline.face import crop
from pipeline.face.pose import head_pose
from pipeline.face.quality import quality

SHARP_OR_DEFOCUSED = 0.2
DIAGONAL_DEG = 135.0


@pytest.fixture(scope="module")
def found(see, studio):
    picture = studio.picture(yaw_deg=8.0, jaw=0.3)
    points = see([picture]).points[0]
    return picture, points, head_pose(points)


def smeared(picture, length_px, turn_deg):
    """What a shutter sees that is open while the picture moves evenly."""
    way = length_px * np.array([np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))])
    total = np.zeros(picture.shape, np.float32)
    times = np.linspace(-0.5, 0.5, 4 * int(length_px) + 1)
    for t in times:
        shift = np.array([[1, 0, t * way[0]], [0, 1, t * way[1]]], np.float32)
        total += cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=1)
    return np.round(total / len(times)).astype(np.uint8)


def measured(picture, found):
    _, points, pose = found
    return quality(crop.cut(picture, points, pose.px_per_mm))


def test_a_sharp_face_and_one_out_of_focus_are_not_smeared(found):
    picture, _, pose = found
    assert measured(picture, found).motion_blur < SHARP_OR_DEFOCUSED
    defocused = cv2.GaussianBlur(picture, (0, 0), 2.0 * pose.px_per_mm)
    assert measured(defocused, found).motion_blur < SHARP_OR_DEFOCUSED
    assert measured(defocused, found).sharpness < 0.85 * measured(picture, found).sharpness


@pytest.mark.parametrize("turn_deg", [0.0, 25.0, 45.0, 90.0, DIAGONAL_DEG])
def test_motion_smears_whichever_way_it_goes(found, turn_deg):
    picture, _, pose = found
    still, moved = (measured(p, found).motion_blur for p in _pair(picture, pose, turn_deg))
    assert moved > max(still, SHARP_OR_DEFOCUSED) + 0.03


def _pair(picture, pose, turn_deg):
    return picture, smeared(picture, 8.0 * pose.px_per_mm, turn_deg)


def test_the_faster_the_more_smeared(found):
    picture, _, pose = found
    blurs = [
        measured(smeared(picture, mm * pose.px_per_mm, 0.0), found).motion_blur for mm in (1, 4, 8)
    ]
    assert blurs == sorted(blurs)
    assert blurs[-1] > 0.4


def test_light_and_contrast_do_not_smear(found):
    picture = found[0]
    dim = (40 + 0.4 * picture).astype(np.uint8)
    assert measured(dim, found).motion_blur == pytest.approx(
        measured(picture, found).motion_blur, abs=0.03
    )


def test_nothing_is_said_of_a_face_outside_the_picture(found):
    picture, points, pose = found
    outside = points + np.array([10.0 * picture.shape[1], 0, 0])
    away = crop.cut(picture, outside, pose.px_per_mm)
    assert np.isnan(quality(away)).all()


def test_a_face_without_any_detail_is_not_smeared(found):
    flat = np.full_like(found[0], 128)
    assert measured(flat, found).motion_blur == 0.0
    assert measured(flat, found).sharpness == 0.0
