"""When hands are looked for."""

import numpy as np

from pipeline.face.backends import Face
from pipeline.face.changes import parts
from pipeline.face.hand_watch import AT_LEAST_EVERY, HandWatch
from pipeline.face.mesh import canonical
from pipeline.face.pose import TO_IMAGE
from pipeline.face.swatches import CHANNELS, SWATCHES, layout

PICTURE = np.zeros((400, 400, 3), np.uint8)
FACE = Face((canonical().points * TO_IMAGE + [200, 200, 0]).astype(np.float32), 0.9)
HAND = np.full((21, 2), 5.0, np.float32)
EVERY = 3


class Detector:
    """Counts how often it is asked, and finds what it is told to."""

    def __init__(self):
        self.looks, self.found = 0, []

    def detect(self, picture):
        self.looks += 1
        return self.found

    def reset(self):
        self.found = []


def skin(covered_share=0.0, light=70):
    """Swatches of a face of which so much, from below, is covered."""
    swatches = np.empty((SWATCHES, CHANNELS), np.uint8)
    swatches[:] = (200, 150, 120, 8)
    low = np.argsort(layout().middle[:, 1])[: round(covered_share * SWATCHES)]
    swatches[low] = (light, 120, 200, 8)
    return swatches


def watched(skins, found=()):
    detector = Detector()
    watch = HandWatch(detector, EVERY)
    detector.found = list(found)
    seen = [watch.look(PICTURE, [FACE], [colours]) for colours in parts(np.stack(skins))]
    return detector.looks, seen


def test_a_face_that_stays_as_it_was_is_seldom_looked_at():
    frames = EVERY * AT_LEAST_EVERY * 4
    looks, seen = watched([skin()] * frames)
    assert looks == 4
    assert seen == [[]] * frames


def test_what_comes_before_a_face_is_looked_at_once_a_look_is_due():
    looks, _ = watched([skin()] * 4 + [skin(0.3)] * 3)
    assert looks == 2


def test_what_a_face_does_to_single_patches_is_no_hand():
    moved = skin()
    moved[::7] = (175, 150, 120, 8)
    looks, _ = watched([skin()] * EVERY + [moved] * EVERY)
    assert looks == 1


def test_what_goes_on_changing_and_is_no_hand_is_looked_at_less_and_less():
    restless = [skin(0.4, light=15 * 1.17**n) for n in range(16) for _ in range(EVERY)]
    # The first picture, the first change, then after two, and from then on after four.
    assert watched(restless)[0] == 3 + 12 // 4
    assert watched(restless, [HAND])[0] == 16


def test_a_hand_that_is_there_is_watched():
    looks, seen = watched([skin()] * (4 * EVERY), [HAND])
    assert looks == 4
    assert all(len(hands) == 1 for hands in seen)


def test_without_a_face_hands_are_forgotten():
    detector = Detector()
    watch = HandWatch(detector, EVERY)
    detector.found = [HAND]
    assert len(watch.look(PICTURE, [FACE], parts(skin()[None]))) == 1
    assert watch.look(PICTURE, [], []) == []
    detector.found = []
    assert watch.look(PICTURE, [FACE], parts(skin()[None])) == []
    assert detector.looks == 2
