"""What can be seen of a face: what covers it, what it hides itself, what leaves the picture."""

import cv2
import numpy as np
import pytest

from pipeline.face import hands
from pipeline.face.mesh import CHEEK_LEFT, CHEEK_RIGHT, EYES, LIPS_OUTER, MOUTH, canonical
from pipeline.face.pose import TO_IMAGE, head_pose, rotation_of
from pipeline.face.self_occlusion import facing, seen
from pipeline.face.visibility import hidden_by, lasting, steady, sureness, visibility

SKIN_OF_ANOTHER = (196, 140, 110)
TOY = (70, 150, 210)
LEFT_CHEEK, RIGHT_CHEEK, NOSE = 352, 123, 4
CHEEKS = ["cheek_left_visible", "cheek_right_visible"]


def covered(picture, points, colour, scale=1.0):
    """A picture with a plain patch over its mouth."""
    outline = points[LIPS_OUTER, :2]
    middle = outline.mean(axis=0)
    size = scale * np.ptp(outline, axis=0) * [0.75, 1.0] + 12
    drawn = picture.copy()
    cv2.ellipse(drawn, (tuple(map(float, middle)), tuple(2 * half for half in size), 0), colour, -1)
    return drawn


@pytest.mark.parametrize("colour", [TOY, SKIN_OF_ANOTHER, (235, 235, 235), (30, 30, 34)])
def test_a_patch_hides_the_mouth_and_leaves_the_eyes(see, babbling, seen_babbling, colour):
    patched = [
        covered(picture, points, colour)
        for picture, points in zip(babbling, seen_babbling.points, strict=True)
    ]
    frames, before = see(patched).frames, seen_babbling.frames
    assert frames["found"].mean() > 0.9, "the landmarker goes on finding a face"
    assert before["mouth_visible"].min() > 0.7
    assert frames["mouth_visible"].median() < 0.3
    assert frames["eyes_visible"].median() > 0.7
    assert (frames["hidden_by"] == "covered").mean() > 0.9


def test_a_wide_open_mouth_is_seen(see, studio):
    frames = see([studio.picture(jaw=1.0)] * 4).frames
    assert frames["mouth_visible"].min() > 0.7


@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(0, -20), (30, 0), (25, -12)])
def test_a_bare_face_that_is_turned_is_turned_and_not_hidden(see, studio, yaw_deg, pitch_deg):
    frames = see([studio.picture(yaw_deg, pitch_deg)] * 4).frames
    assert frames["face_visible"].min() > 0.89
    assert frames["mouth_visible"].min() > 0.7


def test_cheeks_mirror_each_other_and_lie_apart_from_mouth_and_eyes():
    mirrored = {int(canonical().mirror[point]) for point in CHEEK_LEFT}
    assert mirrored == set(CHEEK_RIGHT)
    assert not {*CHEEK_LEFT, *CHEEK_RIGHT} & {*MOUTH, *EYES}
    # The infant's own left is to the right of a picture that shows it from the front.
    assert (canonical().points[CHEEK_LEFT, 0] > 15).all()


def test_each_cheek_is_told_by_itself(see, babbling, seen_babbling):
    bare = seen_babbling.frames
    assert bare[CHEEKS].to_numpy().min() > 0.8
    patched = []
    for picture, points in zip(babbling, seen_babbling.points, strict=True):
        cheek = points[CHEEK_LEFT, :2]
        outline = np.round(cheek + 0.3 * (cheek - cheek.mean(axis=0))).astype(np.int32)
        patched.append(cv2.fillConvexPoly(picture.copy(), cv2.convexHull(outline), TOY))
    frames = see(patched).frames
    assert frames["cheek_left_visible"].max() < bare["cheek_left_visible"].min() - 0.25
    assert frames["cheek_right_visible"].median() > 0.8
    assert frames["mouth_visible"].median() > 0.7


@pytest.mark.parametrize("yaw_deg", [-38, 38])
def test_a_cheek_that_is_turned_away_is_not_visible(see, studio, yaw_deg):
    frames = see([studio.picture(yaw_deg)] * 4).frames
    near, far = CHEEKS[:: 1 if yaw_deg < 0 else -1]
    assert frames[near].min() > 0.8
    assert frames[far].max() < frames[near].min() - 0.2


def test_a_mouth_outside_the_picture_is_not_seen(see, studio):
    whole = [studio.picture()] * 3
    mouth = see(whole).points[0, MOUTH, 1].mean()
    frames = see([picture[: int(mouth)] for picture in whole]).frames
    frames = frames[frames["found"]]
    assert (frames["mouth_inside"] < 0.8).all()
    assert (frames["mouth_visible"] <= frames["mouth_inside"] + 1e-6).all()


@pytest.mark.parametrize("yaw_deg", [-60, 60])
def test_a_turned_head_hides_its_far_side(yaw_deg):
    points = canonical().points @ rotation_of(yaw_deg, 0, 0).T * TO_IMAGE
    (seen,) = facing(points.astype(np.float32)[None], np.array([1.0]))
    near, far = (RIGHT_CHEEK, LEFT_CHEEK) if yaw_deg > 0 else (LEFT_CHEEK, RIGHT_CHEEK)
    assert seen[near] > 0.9
    assert seen[far] < 0.1


def test_a_face_seen_from_the_front_hides_little_of_itself():
    points = (canonical().points * TO_IMAGE).astype(np.float32)
    (toward,) = facing(points[None], np.array([head_pose(points).px_per_mm]))
    (left,) = seen(toward[None])
    assert min(left[part].mean() for part in ([NOSE], MOUTH, EYES)) > 0.9
    assert left[[NOSE, *MOUTH, *EYES]].min() > 0.7


def test_the_rims_of_lids_lie_in_folds_more_often_than_what_faces_the_camera_as_they_do():
    (left,) = seen(np.full((1, 478), 0.9))
    inner, lower = [173, 398], [145, 374]
    assert left[inner].max() < left[lower].min() - 0.05
    assert left[NOSE] > 0.98


def test_a_mesh_that_faces_away_is_seen_ever_less_on_both_sides_alike():
    sides = seen(np.repeat(np.linspace(1.0, -1.0, 9)[:, None], 478, axis=1))
    assert (np.diff(sides.mean(axis=1)) < 1e-3).all()
    assert np.array_equal(sides, sides[:, canonical().mirror])


def test_a_mesh_that_is_nowhere_says_nothing_of_those_beside_it():
    points = (canonical().points * TO_IMAGE).astype(np.float32)
    nowhere = np.full_like(points, np.nan)
    lost = np.where(np.arange(len(points))[:, None] == NOSE, np.inf, points)
    scale = np.ones(4)
    among = facing(np.stack([points, nowhere, lost, points]), scale)
    assert np.array_equal(among[[0, 3]], facing(np.stack([points] * 2), scale[:2]))


def test_a_hand_hides_what_lies_under_it_and_a_mouth_is_no_hand():
    points = (canonical().points * 2 * TO_IMAGE + [200, 200, 0]).astype(np.float32)
    hand = a_hand(wrist=(60.0, 330.0), tip=points[13, :2])
    hidden = hands.under([hand], points)
    assert hidden[13]
    assert not hidden[EYES].any()
    within = a_hand(wrist=points[152, :2] - [0, 20], tip=points[13, :2])
    assert not hands.under([within], points).any()
    assert not hands.under([], points).any()


def a_hand(wrist, tip):
    """Joints along a line, palm first, in mediapipe's order."""
    wrist, tip = np.asarray(wrist, float), np.asarray(tip, float)
    aside = np.array([-(tip - wrist)[1], (tip - wrist)[0]]) / np.linalg.norm(tip - wrist)
    joints = [wrist]
    for finger in range(5):
        for bone in range(4):
            along = 0.45 + 0.15 * (bone + 1)
            joints.append(wrist + along * (tip - wrist) + (finger - 2) * 10 * aside)
    return np.array(joints, dtype=np.float32)


def test_a_flicker_of_a_frame_hides_nothing():
    values = np.zeros((9, 2), np.float32)
    values[4, 0] = 1
    values[5:, 1] = 1
    assert steady(values)[:, 0].max() == 0
    assert steady(values)[6:, 1].min() == 1


def test_visibility_is_a_share(seen_babbling):
    visibility = seen_babbling.visibility
    assert visibility.dtype == np.float16
    assert visibility.shape == (24, 478)
    assert visibility.min() >= 0
    assert visibility.max() <= 1


def test_the_cue_that_takes_most_of_the_mouth_or_the_face_is_named():
    shares = {name: np.ones((4, 478), np.float32) for name in ("covered", "hand", "turned")}
    shares["hand"][1, MOUTH] = 0.1
    shares["covered"][1] = 0.8
    shares["turned"][2, :240] = 0.0
    shares["covered"][3, MOUTH[0]] = 0.0
    assert hidden_by(shares) == ["", "hand", "turned", ""]
    thin = np.array([1.0, 1.0, 1.0, 0.7], np.float32)
    assert hidden_by(shares, thin) == ["", "hand", "turned", "covered"]
    assert visibility(shares)[1, MOUTH] == pytest.approx(0.08)


def test_a_point_the_landmarker_believes_less_than_usual_is_seen_less():
    scores = np.full((9, 478), 0.6, np.float16)
    scores[3:7, MOUTH] = 0.15
    scores[:, EYES] = np.nan
    sure = sureness(scores)
    assert (sure[3:7, MOUTH] == 0).all()
    assert (sure[:3, MOUTH] == 1).all()
    assert (sure[:, EYES] == 1).all()
    assert (sureness(np.full((2, 478), np.nan, np.float16)) == 1).all()


def test_what_shows_for_a_moment_between_two_covers_is_not_seen():
    seen = np.ones(60, np.float32)
    seen[[*range(10, 15), *range(20, 25)]], seen[45:] = 0.2, 0.4
    lasts = lasting(seen, 7)
    assert (lasts[10:25] == 0.2).all(), "five frames between two covers"
    assert (np.delete(lasts, np.arange(15, 20)) == np.delete(seen, np.arange(15, 20))).all()
    assert (lasting(seen[8:12], 7) == seen[8:12]).all(), "nothing is known of what was before"
    assert lasting(seen[:1], 7) == [1]
