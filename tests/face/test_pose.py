"""Which way a head looks: signs, exactness on its own shape, and on rendered heads."""

import numpy as np
import pytest

from pipeline.face.mesh import MOUTH, canonical
from pipeline.face.pose import TO_IMAGE, face_px, head_pose, head_poses, rotation_of

NOSE = 4


def seen(yaw, pitch, roll, px_per_mm=2.0):
    turned = canonical().points @ rotation_of(yaw, pitch, roll).T
    return (turned * px_per_mm * TO_IMAGE + [200.0, 180.0, 0.0]).astype(np.float32)


@pytest.mark.parametrize(
    "angles",
    [(0, 0, 0), (30, 0, 0), (0, 25, 0), (0, 0, 40), (-50, 20, 100), (15, -35, -170), (80, 5, 3)],
)
def test_a_known_rotation_comes_back(angles):
    pose = head_pose(seen(*angles))
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(angles, abs=1e-3)
    assert pose.px_per_mm == pytest.approx(2.0, rel=1e-4)


def test_signs_are_those_of_the_picture():
    still, middle = seen(0, 0, 0), canonical().points[:, :2].mean(axis=0)
    assert seen(20, 0, 0)[NOSE, 0] > still[NOSE, 0], "yaw > 0 moves the nose to the image's right"
    assert seen(0, 20, 0)[NOSE, 1] < still[NOSE, 1], "pitch > 0 looks up"
    crown = canonical().points[:, 1].argmax()
    assert seen(0, 0, 20)[crown, 0] > 200 + 2 * middle[0], "roll > 0 tilts the head clockwise"


def test_many_heads_are_each_measured_as_if_alone():
    # What is inside out, as a landmarker may make it up, is still given a rotation.
    inside_out = seen(20, 0, 0) * np.array([1, 1, -1], np.float32)
    heads = np.stack([seen(30, 0, 0), inside_out, seen(-50, 20, 100, px_per_mm=3.0)])
    poses = head_poses(heads)
    for points, pose in zip(heads, poses, strict=True):
        alone = head_pose(points)
        assert pose[:4] == pytest.approx(alone[:4])
        assert np.allclose(pose.rotation, alone.rotation)
        assert np.linalg.det(pose.rotation) == pytest.approx(1.0)
    assert poses[2].px_per_mm == pytest.approx(3.0, rel=1e-4)


def test_the_size_of_a_face_is_its_shorter_side_whichever_way_it_is_tilted():
    tilts = np.array([0.0, 40.0, 100.0])
    sizes = face_px(np.stack([seen(0, 0, tilt) for tilt in tilts]), tilts)
    upright = 2.0 * np.ptp(canonical().points[:, :2], axis=0).min()
    assert sizes == pytest.approx([upright] * 3, rel=1e-3)


def test_an_open_mouth_does_not_nod():
    points = seen(10, 5, -8)
    opened = points.copy()
    opened[MOUTH, 1] += 40
    assert head_pose(opened)[:3] == pytest.approx(head_pose(points)[:3])


@pytest.mark.parametrize(
    "angles",
    [(0, 0, 0), (25, 0, 0), (-25, 0, 0), (0, 18, 0), (0, -12, 0), (0, 0, 25), (20, 10, -30)],
)
def test_a_rendered_head_looks_where_it_was_turned(studio, landmarker, angles):
    faces = landmarker.searcher(1).detect(studio.picture(*angles))
    assert len(faces) == 1
    pose = head_pose(faces[0].points)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(angles, abs=8)
