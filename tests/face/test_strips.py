"""Strips of faces with the cue that decided."""

import numpy as np

from pipeline.face.overlay import HIDDEN_RGB, SEEN_RGB
from pipeline.face.strips import TILE_PX, caption, strip


def test_a_strip_shows_every_face_as_it_was_judged(babbling, seen_babbling):
    points = np.stack([seen_babbling.points[0], seen_babbling.points[9], np.full((478, 3), np.nan)])
    visibility = np.stack([np.ones(478), np.zeros(478), np.zeros(478)])
    blank = np.zeros((40, 90, 3), np.uint8)
    words = ["kept", "mouth_hidden: hand", "no_face"]
    made = strip([babbling[0], babbling[9], blank], points, visibility, words)
    assert made.shape == (TILE_PX, 3 * TILE_PX, 3)
    tiles = np.split(made[: TILE_PX - 20], 3, axis=1)
    green, red = ((tile == SEEN_RGB).all(-1).sum() for tile in tiles[:2]), HIDDEN_RGB
    seen, hidden = green
    assert seen > 400 > 0 == hidden
    assert (tiles[1] == red).all(-1).sum() > 400
    assert not tiles[2].any(), "a picture without a face is shown whole and without a mesh"
    assert [tuple(made[-1, (2 * k + 1) * TILE_PX // 2]) for k in range(3)] == [
        SEEN_RGB,
        HIDDEN_RGB,
        HIDDEN_RGB,
    ]


def test_a_face_fills_its_tile_wherever_it_is(babbling, seen_babbling):
    points = seen_babbling.points[:1]
    visibility = np.ones((1, 478))
    near = strip(babbling[:1], points, visibility, ["kept"])
    wide = np.full((640, 900, 3), 90, np.uint8)
    wide[300:620, 500:820] = babbling[0]
    far = strip([wide], points + np.float32([500, 300, 0]), visibility, ["kept"])
    middle = slice(TILE_PX // 4, -TILE_PX // 4)
    assert np.abs(near[middle, middle].astype(int) - far[middle, middle]).mean() < 1


def test_a_caption_names_the_cue_only_where_something_hides():
    assert caption("mouth_hidden", "hand") == "mouth_hidden: hand"
    assert caption("kept", "turned") == "kept"
    assert caption("mouth_hidden", "") == "mouth_hidden"
