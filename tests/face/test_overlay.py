"""Pictures of what was measured."""

import numpy as np

from pipeline import media
from pipeline.face.mesh import MOUTH
from pipeline.face.overlay import HIDDEN_RGB, SEEN_RGB, draw, overlay
from tests.face.conftest import write_video


def test_hidden_landmarks_are_red_and_seen_ones_green(babbling, seen_babbling):
    points = seen_babbling.points[0]
    visibility = np.ones(478)
    visibility[MOUTH] = 0
    drawn = draw(babbling[0], points, visibility)
    column, row = np.round(points[17, :2]).astype(int)
    assert np.abs(drawn[row, column] - np.array(HIDDEN_RGB)).max() < 40
    column, row = np.round(points[9, :2]).astype(int)
    assert np.abs(drawn[row, column] - np.array(SEEN_RGB)).max() < 40


def test_a_frame_without_a_face_stays_as_it_is(babbling):
    nothing = np.full((478, 3), np.nan)
    assert np.array_equal(draw(babbling[0], nothing, np.zeros(478)), babbling[0])


def test_a_video_of_it(tmp_path, babbling, seen_babbling):
    video = write_video(tmp_path / "in.mp4", babbling[:4])
    out = tmp_path / "out.mp4"
    overlay(video, seen_babbling.points, seen_babbling.visibility, ["kept"] * 4, out)
    frames = list(media.read_frames(out))
    assert len(frames) == 4
    foot = frames[0][-6, -20].astype(int)
    assert foot[1] > foot[0], "the foot of a kept frame is green"
