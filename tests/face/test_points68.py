"""The 68 points of iBUG: where they lie on rendered faces, and a mesh made of them alone."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.face import lift, points68
from pipeline.face.mesh import BROWS, EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER, OVAL, canonical
from pipeline.face.pose import head_pose

GROUPS = [
    (points68.JAW, OVAL),
    (points68.BROW_RIGHT, BROWS[:10]),
    (points68.BROW_LEFT, BROWS[10:]),
    (points68.EYE_RIGHT, EYE_RIGHT),
    (points68.EYE_LEFT, EYE_LEFT),
    (points68.LIPS_OUTER, LIPS_OUTER),
    (points68.LIPS_INNER, LIPS_INNER),
]
MIRROR = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65,
]  # fmt: skip


@pytest.fixture(scope="module")
def face(see, studio):
    """Landmarks (478, 3) of an infant that looks at the camera with its mouth open, and (68, 2)."""
    points = see([studio.picture(jaw=0.6)]).points[0]
    return points, points68.to_68(points)[:, :2]


def test_every_group_is_where_its_name_says():
    assert len(set(points68.MEASURED)) == 68
    for part, group in GROUPS:
        assert set(points68.MEASURED[part]) <= set(group)


def test_sides_are_mirror_images_as_the_networks_own_flip_has_them():
    mirror = canonical().mirror
    assert (mirror[points68.MEASURED] == points68.MEASURED[MIRROR]).all()


def test_points_lie_at_the_places_of_a_rendered_face(face):
    _, at = face
    right, left = at[points68.MOUTH_CORNERS]
    lips = at[48:68]
    assert right[0] == lips[:, 0].min()
    assert left[0] == lips[:, 0].max()
    upper, lower = at[points68.LIPS_APART]
    assert lower[1] - upper[1] > 0.1 * (left[0] - right[0]), "the mouth is open"
    corners = at[points68.EYE_CORNERS]
    assert (np.diff(corners[:, 0]) > 0).all(), "outer, inner, inner, outer"
    assert corners[0, 0] == at[points68.EYE_RIGHT, 0].min()
    assert corners[3, 0] == at[points68.EYE_LEFT, 0].max()
    assert at[points68.CHIN, 1] == at[points68.JAW, 1].max() == at[:, 1].max()
    assert (np.diff(at[points68.JAW, 0])[2:-2] > 0).all(), "from ear to ear"
    assert (np.diff(at[points68.BRIDGE, 1]) > 0).all(), "down the nose"
    assert at[points68.TIP, 1] < at[points68.BELOW_NOSE, 1] < upper[1]
    assert (np.diff(at[points68.NOSE_BASE, 0]) > 0).all()
    for brow, eye in (
        (points68.BROW_RIGHT, points68.EYE_RIGHT),
        (points68.BROW_LEFT, points68.EYE_LEFT),
    ):
        assert at[brow, 1].max() < at[eye, 1].min()


def test_the_tip_of_the_nose_is_what_sticks_out(face):
    points, _ = face
    assert points[points68.MEASURED, 2].argmin() == points68.TIP


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (25, 0, 0), (-40, 0, 0), (0, 12, 15), (15, -12, -25)], ids=str
)
def test_a_mesh_of_68_points_is_nearly_that_of_478(see, studio, pose):
    points = see([studio.picture(*pose, jaw=0.4)]).points[0]
    at = points68.to_68(points)[:, :2]
    mesh = lift.onto_mesh(at)
    assert points68.to_68(mesh)[:, :2] == pytest.approx(at, abs=1e-2), "what is measured is kept"
    whole, lifted = head_pose(points), head_pose(mesh)
    away_mm = np.linalg.norm((mesh - points)[:, :2], axis=1) / whole.px_per_mm
    assert away_mm.mean() < 1.0
    assert lifted[:3] == pytest.approx(whole[:3], abs=5.0)
    assert lifted.px_per_mm == pytest.approx(whole.px_per_mm, rel=0.08)


def test_scores_count_around_their_points():
    scores = np.ones(68)
    scores[points68.LIPS_OUTER] = scores[points68.LIPS_INNER] = 0.2
    spread = lift.spread(scores)
    assert spread[LIPS_OUTER] == pytest.approx(0.2, abs=0.02)
    assert spread[EYE_LEFT] == pytest.approx(1.0, abs=0.02)
    assert lift.spread(np.full(68, 0.7)) == pytest.approx(0.7)
