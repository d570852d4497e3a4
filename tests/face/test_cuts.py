"""Shots: spliced videos are cut where they were spliced, and nothing else is a cut."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from pipeline import media
from pipeline.face.cuts import CutDetector
from tests.face.conftest import write_video


def cuts(pictures):
    detector = CutDetector()
    return [number for number, picture in enumerate(pictures) if detector.look(picture)]


@pytest.fixture(scope="module")
def other_room(babbling):
    """The same infant, mirrored, smaller, before a darker wall with a lamp."""
    room = np.full_like(babbling[0], (52, 60, 84))
    room[30:110, 20:90] = (240, 220, 170)
    pictures = []
    for picture in babbling:
        drawn = room.copy()
        small = cv2.resize(picture[:, ::-1], (180, 180), interpolation=cv2.INTER_AREA)
        drawn[120:300, 110:290] = small
        pictures.append(drawn)
    return pictures


def test_a_spliced_video_is_cut_where_it_was_spliced(tmp_path, see, babbling, other_room):
    spliced = [*babbling[:10], *other_room[:9], *babbling[10:20]]
    video = write_video(tmp_path / "video.mp4", spliced)
    seen = see(list(media.read_frames(video)))
    assert np.flatnonzero(seen.frames["cut"]).tolist() == [10, 19]
    assert [list(frames) for frames in seen.faces["frame"]] == [
        list(range(10)), list(range(10, 19)), list(range(19, 29)),
    ]  # fmt: skip
    assert seen.frames["found"].all()


def test_a_face_that_stays_where_it_was_across_a_cut_begins_another_track(see, babbling):
    night = [(255 - picture) for picture in np.roll(babbling, 90, axis=2)]
    seen = see([*babbling[:6], *night[:2], *babbling[6:12]])
    assert np.flatnonzero(seen.frames["cut"]).tolist() == [6, 8]
    assert all(np.ptp(frames) < 6 for frames in seen.faces["frame"])


def test_one_shot_has_no_cuts(babbling):
    assert cuts(babbling) == []
    swung = [np.roll(babbling[0], 25 * number, axis=1) for number in range(12)]
    assert cuts(swung) == [], "the camera swings round"
    lit = [babbling[0], babbling[1], *(np.minimum(p.astype(int) + 60, 255) for p in babbling[2:5])]
    assert cuts([np.asarray(p, np.uint8) for p in lit]) == [], "a lamp is switched on"
    faded = [np.asarray(babbling[0] * (1 - n / 30), np.uint8) for n in range(31)]
    assert cuts(faded) == [], "it fades to black"


@pytest.mark.parametrize("size", [(1, 1), (2, 400), (16, 16), (47, 48)])
def test_pictures_of_any_size_are_looked_at(size):
    flat, noise = np.zeros((*size, 3), np.uint8), np.full((*size, 3), 200, np.uint8)
    assert cuts([flat, flat, noise, noise]) == [2]


def test_looking_for_cuts_costs_next_to_nothing():
    picture = np.random.default_rng(3).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    detector = CutDetector()
    detector.look(picture)
    begun = time.process_time()
    for _ in range(50):
        detector.look(picture)
    assert (time.process_time() - begun) / 50 < 0.002
