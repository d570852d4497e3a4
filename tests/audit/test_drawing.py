"""Landmarks as dots: where they are, how far they are seen, and none where no face was found."""

import re

import numpy as np
import pytest

from pipeline.audit.drawing import LEVELS, LONG_SIDE, draw


def places(path):
    """The dots of a path, each (x, y)."""
    steps = [tuple(map(int, step)) for step in re.findall(r"[Mm](-?\d+) (-?\d+)h0", path)]
    return [tuple(place) for place in np.cumsum(steps, axis=0)]


def test_dots_lie_where_the_landmarks_do_sorted_by_what_is_seen():
    points = np.array([[0, 0, 5], [640, 360, 5], [320, 180, 5]], np.float32)
    drawing = draw(points, np.array([0.0, 1.0, 0.5]), 640, 360)
    assert (drawing.width, drawing.height) == (LONG_SIDE, LONG_SIDE * 360 / 640)
    assert {level: places(path) for level, path in drawing.paths} == {
        0: [(0, 0)],
        LEVELS - 1: [(drawing.width, drawing.height)],
        2: [(160, 90)],
    }


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (1, 1), (7, 4000)])
def test_no_dot_is_lost_and_none_drawn_twice(size):
    rng = np.random.default_rng(2)
    points = rng.uniform(-50, max(size) + 50, (478, 3))
    drawing = draw(points, rng.uniform(0, 1, 478).astype(np.float16), *size)
    dots = [(level, place) for level, path in drawing.paths for place in places(path)]
    assert len(dots) == len(set(dots))
    assert min(drawing.width, drawing.height) >= 1
    scaled = np.clip(np.round(points[:, :2] * LONG_SIDE / max(size)), -320, 640).astype(int)
    assert {place for _, place in dots} == set(map(tuple, scaled))


def test_a_frame_without_a_face_is_empty_and_half_a_face_is_half():
    points = np.full((478, 3), np.nan)
    assert draw(points, np.zeros(478), 64, 48).paths == []
    points[:239] = 10.0
    assert len(draw(points, np.full(478, np.nan), 64, 48).paths) == 1
    points[0] = np.inf
    points[1] = 1e30
    assert all(len(path) < 40 for _, path in draw(points, np.zeros(478), 64, 48).paths)
