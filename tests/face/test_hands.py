"""Hands that mediapipe follows, one by one where there is one."""

import cv2
import numpy as np
import pytest

from pipeline.face import mediapipe_hands
from pipeline.face.mediapipe_hands import OTHER_EVERY, MediapipeHands
from pipeline.media import read_frames
from pipeline.nursery import CLIP, measure
from pipeline.nursery.scenes import scene_of

PICTURE = np.zeros((64, 64, 3), np.uint8)


class Graph:
    """Finds so many hands as it may and as there are, and counts how often it is asked."""

    there, made = 1, []

    def __init__(self, hands):
        self.hands, self.looks, self.forgot = hands, 0, 0
        Graph.made.append(self)

    def forget(self):
        self.forgot += 1

    def close(self):
        self.looks = None


@pytest.fixture
def graphs(monkeypatch):
    def hands(graph, picture):
        graph.looks += 1
        return [
            np.full((21, 2), float(n), np.float32) for n in range(min(graph.hands, Graph.there))
        ]

    monkeypatch.setattr(mediapipe_hands, "_graph", Graph)
    monkeypatch.setattr(mediapipe_hands, "_hands", hands)
    Graph.there, Graph.made = 1, []
    return Graph


def looked(detector, pictures):
    return [len(detector.detect(PICTURE)) for _ in range(pictures)]


def test_another_hand_is_looked_for_now_and_then_while_one_is_followed(graphs):
    detector = MediapipeHands()
    assert looked(detector, 3 * OTHER_EVERY) == [1] * (3 * OTHER_EVERY)
    both, one = graphs.made
    assert both.looks == 3
    # Its first look is at the picture in which the hand was found.
    assert one.looks == 3 * OTHER_EVERY - both.looks + 1


def test_a_second_hand_is_seen_within_so_many_pictures_and_both_are_followed(graphs):
    detector = MediapipeHands()
    looked(detector, 2)
    graphs.there = 2
    seen = looked(detector, 2 * OTHER_EVERY)
    assert 2 in seen[:OTHER_EVERY]
    assert seen[OTHER_EVERY:] == [2] * OTHER_EVERY


def test_a_hand_that_went_is_looked_for_by_both_at_once(graphs):
    detector = MediapipeHands()
    looked(detector, 2)
    graphs.there = 0
    before = graphs.made[0].looks
    assert looked(detector, 3) == [0, 0, 0]
    assert graphs.made[0].looks == before + 3


def test_of_another_clip_nothing_is_followed(graphs):
    detector = MediapipeHands()
    looked(detector, 2)
    detector.reset()
    assert graphs.made[0].forgot == 1
    before = graphs.made[0].looks
    looked(detector, 1)
    assert graphs.made[0].looks == before + 1
    assert graphs.made[1].forgot == 1
    detector.close()
    assert [graph.looks for graph in graphs.made] == [None, None]


def test_in_a_picture_without_hands_mediapipe_finds_none():
    detector = MediapipeHands()
    noise = np.random.default_rng(0).integers(90, 110, (192, 192, 3), np.uint8)
    assert looked(detector, 1) == [0]
    assert detector.detect(cv2.blur(noise, (9, 9))) == []
    detector.close()


def test_a_hand_followed_by_itself_is_where_both_would_see_it(tmp_path):
    scene = scene_of("hand", 3, 1.0, 384)
    measure(tmp_path, {"seed": scene.seed, "index": scene.index, "span_s": 1.0, "size_px": 384})
    pictures = list(read_frames(tmp_path / CLIP))[::3]
    detector, both = MediapipeHands(), mediapipe_hands._graph(2)
    found = [detector.detect(picture) for picture in pictures]
    wanted = [mediapipe_hands._hands(both, picture) for picture in pictures]
    assert [len(hands) for hands in found] == [len(hands) for hands in wanted]
    seen = [(one[0], other[0]) for one, other in zip(found, wanted, strict=True) if other]
    assert len(seen) >= 2 * OTHER_EVERY
    apart_px = [np.linalg.norm(one - other, axis=1).mean() for one, other in seen]
    assert max(apart_px) < 6
    detector.close()
    both.close()
