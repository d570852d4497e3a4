"""Whole clips through the measurement: real pictures, black ones, tiny ones, two faces, none."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from pipeline.core import tables
from pipeline.face import covering, landmarks, likeness, measure
from pipeline.face.backends import LANDMARKERS, Face
from pipeline.face.infant import the_infants
from pipeline.face.likeness import PROPORTIONS
from pipeline.face.params import Landmarks
from pipeline.face.tracks import Tracks
from tests.face.conftest import write_video


def test_a_good_clip(seen_babbling):
    frames = seen_babbling.frames
    assert frames["found"].all()
    assert list(frames["frame"]) == list(range(24))
    assert (frames["faces"] == 1).all()
    assert (frames["mouth_inside"] == 1).all()
    assert (frames["face_score"] > 0.7).all()
    assert frames["infant_likeness"].nunique() == 1
    assert frames["infant_likeness"].iloc[0] > 0.8
    assert np.isfinite(seen_babbling.points).all()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((240, 320, 3), np.uint8),
        np.full((180, 180, 3), 128, np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.full((2, 400, 3), 90, np.uint8),
        np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8),
    ],
    ids=["black", "grey", "16 px", "a line", "noise"],
)
def test_pictures_without_a_face(see, picture):
    seen = see([picture] * 3)
    assert not seen.frames["found"].any()
    assert (seen.frames["face_score"] == 0).all()
    assert np.isnan(seen.points).all()
    assert (seen.visibility == 0).all()


def test_a_clip_without_a_face_leaves_every_table(tmp_path):
    video = write_video(tmp_path / "video.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 4)
    inputs = {"video": video, "backend": "mediapipe", "device": "cpu", "params": {}}
    measure.measure(tmp_path, inputs)
    assert tables.read(tmp_path / measure.FRAMES)["found"].tolist() == [False] * 4
    tracks = tables.read(tmp_path / measure.TRACKS)
    assert len(tracks) == 0
    assert {"track", "frame", "aperture_mm"} <= set(tracks.columns)


def test_one_frame_and_none(see, studio):
    assert see([studio.picture()]).frames["found"].tolist() == [True]
    nothing = see([])
    assert len(nothing.frames) == 0
    assert nothing.points.shape == (0, 478, 3)


def test_a_worker_does_not_grow_with_the_clips_it_has_seen(see, studio):
    picture = studio.picture()
    for _ in range(3):
        see([picture])
    before = psutil.Process().memory_info().rss
    for _ in range(10):
        see([picture])
    assert psutil.Process().memory_info().rss - before < 150e6


def test_twice_the_same_to_the_last_bit(see, babbling, seen_babbling):
    again = see(babbling)
    assert np.array_equal(again.points, seen_babbling.points)
    assert np.array_equal(again.visibility, seen_babbling.visibility)
    pd.testing.assert_frame_equal(again.frames, seen_babbling.frames)


def test_size_light_and_blur_are_told_apart(see, studio):
    import cv2

    good = studio.picture()
    dark = (good * 0.12).astype(np.uint8)
    blurred = cv2.GaussianBlur(good, (0, 0), 6)
    frames = {
        name: see([p] * 2).frames.iloc[0]
        for name, p in {"good": good, "dark": dark, "blurred": blurred}.items()
    }
    assert frames["dark"]["brightness"] < 0.3 * frames["good"]["brightness"]
    assert frames["blurred"]["sharpness"] < 0.42 < frames["good"]["sharpness"]
    assert frames["dark"]["sharpness"] == pytest.approx(frames["good"]["sharpness"], rel=0.35)
    small = see([studio.picture(filling=0.45)]).frames.iloc[0]
    assert small["face_px"] == pytest.approx(0.75 * frames["good"]["face_px"], rel=0.1)


def test_points_are_in_the_clips_own_pixels(studio, landmarker):
    import cv2

    picture = studio.picture()
    large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    params = Landmarks(detect_px=320)
    small, big = (measure.follow([p], landmarker, params) for p in (picture, large))
    assert big.points[0] / 3 == pytest.approx(small.points[0], abs=3.0)


def test_what_is_left_in_the_store(tmp_path, babbling):
    video = write_video(tmp_path / "video.mp4", babbling[:6])
    out = tmp_path / "out"
    out.mkdir()
    inputs = {"video": video, "backend": "mediapipe", "device": "cpu", "params": {}}
    measure.measure(out, inputs)
    left = ["frames.parquet", "landmarks.npz", "tracks.parquet"]
    assert sorted(path.name for path in out.iterdir()) == left
    (track,) = tables.read(out / measure.TRACKS).to_dict("records")
    assert list(track["frame"]) == list(range(6))
    with np.load(out / measure.LANDMARKS) as file:
        assert file["points"].shape == (6, 478, 3)
        assert file["points"].dtype == np.float32
        assert file["visibility"].dtype == np.float16
    assert tables.read(out / measure.FRAMES)["found"].all()


@pytest.mark.parametrize(("asked", "used"), [("cpu:0", "cpu:0"), ("cuda", "cpu")])
def test_covers_are_seen_on_the_device_that_was_asked_for_where_it_is_at_hand(
    tmp_path, babbling, asked, used, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    video, devices = write_video(tmp_path / "video.mp4", babbling[:6]), set()
    plain = covering._cells
    monkeypatch.setattr(
        covering, "_cells", lambda shown, device: devices.add(device) or plain(shown, device)
    )
    inputs = {"video": video, "backend": "mediapipe", "device": asked, "params": {}}
    measure.measure(tmp_path, inputs)
    assert devices == {used}


def test_a_face_finds_room_on_a_gpu_by_what_its_landmarker_does_there():
    mediapipe, fan = (
        landmarks.step(Landmarks(), replace(LANDMARKERS.info("mediapipe"), name=name)).needs
        for name in ("mediapipe", "fan")
    )
    assert (mediapipe.on_a_gpu, mediapipe.spare) == (33, True)
    assert (fan.on_a_gpu, fan.spare) == (5, False)


def test_a_backend_says_what_it_is():
    info = LANDMARKERS.info("mediapipe")
    assert (info.task, info.name, info.licence) == ("landmarks", "mediapipe", "Apache-2.0")
    assert info.embedded
    assert len(info.digest) == 64


# Proportions of the landmarker's own meshes.
INFANT = [0.90, 0.36, 0.21, 0.59, 0.37, 0.66]
ADULT = [1.22, 0.50, 0.37, 0.77, 0.43, 0.52]


def test_proportions_tell_infants_from_adults():
    rng = np.random.default_rng(5)
    trust = np.ones(40)

    def track(typical):
        return typical * rng.normal(1, 0.05, (40, len(PROPORTIONS)))

    assert likeness.likeness(track(INFANT), trust) > 0.9
    assert likeness.likeness(track(ADULT), trust) < 0.1
    assert np.isnan(likeness.likeness(track(ADULT), 0.01 * trust))


def test_the_infant_is_the_same_person_throughout():
    early, late, beside = np.arange(0, 50), np.arange(60, 100), np.arange(0, 100)
    assert the_infants([beside, early, late], [0.1, 0.9, 0.9], [9, 9, 9]) == [1, 2]
    assert the_infants([beside, early], [0.1, 0.3], [9, 9]) == [1]
    twins = [np.arange(0, 100), np.arange(0, 90)]
    assert the_infants(twins, [0.9, 0.95], [80, 80]) == [1], "one identity a clip"
    assert the_infants(twins, [0.9, 0.95], [160, 80]) == [0], "the one that is filmed"
    assert the_infants([beside, early], [0.1, 0.9], [300, 80]) == [1], "however large an adult is"


def test_a_glimpse_of_which_nothing_is_told_turns_nobody_out():
    everywhere, glimpse, before = np.arange(0, 60), np.arange(34, 41), np.arange(0, 30)
    assert the_infants([everywhere, glimpse], [0.01, np.nan], [90, 90]) == [0]
    assert the_infants([before, glimpse], [0.01, np.nan], [90, 90]) == [0, 1]
    assert the_infants([before, glimpse], [0.9, np.nan], [90, 90]) == [0, 1]
    turned_away = np.arange(0, 40)
    assert the_infants([everywhere, turned_away], [0.01, np.nan], [90, 90]) == [1], "not the adult"


def test_faces_keep_their_tracks():
    def face(x):
        points = np.zeros((478, 3), np.float32)
        points[0], points[1] = [x, 0, 0], [x + 100, 100, 0]
        return Face(points, 0.9)

    tracks = Tracks()
    first = tracks.assign([face(0), face(300)], 0)
    second = tracks.assign([face(310), face(10)], 1)
    assert second == first[::-1]
    assert tracks.assign([face(320)], 10) == [first[1]]
    assert tracks.assign([face(320)], 100)[0] not in first
    tracks.close()


def test_no_track_goes_on_beyond_a_cut():
    def face(x):
        points = np.zeros((478, 3), np.float32)
        points[0], points[1] = [x, 0, 0], [x + 100, 100, 0]
        return Face(points, 0.9)

    tracks = Tracks()
    (before,) = tracks.assign([face(0)], 3)
    assert tracks.assign([face(0)], 4) == [before]
    tracks.cut(5)
    (after,) = tracks.assign([face(0)], 5)
    assert after is not before
    assert tracks.assign([face(0)], 6) == [after]
    tracks.close()


def test_every_face_is_described_with_its_mouth(seen_babbling):
    face = seen_babbling.faces.iloc[0]
    assert len(seen_babbling.faces) == 1
    assert face["chosen"]
    assert (face["share"], list(face["frame"])) == (1.0, list(range(24)))
    assert face["face_px"] == pytest.approx(seen_babbling.frames["face_px"].median())
    # Three times open and closed in 24 frames, by the fixture.
    opening = 1 - np.cos(3 * np.linspace(0, 2 * np.pi, 24, endpoint=False))
    assert np.corrcoef(face["aperture_mm"], opening)[0, 1] > 0.9
    assert np.nanmax(face["aperture_mm"]) > 5


def test_processes_are_forked_with_what_there_is():
    """A name that is none would be passed over in silence, and cost each process its imports."""
    imports = landmarks.step(Landmarks(), LANDMARKERS.info("mediapipe")).needs.imports
    assert imports
    assert all(find_spec(name) for name in imports)
