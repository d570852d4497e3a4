"""Files of every kind through `cradle faces`: a sensible measure or a named reason."""

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.__main__ import main
from tests.face.conftest import write_video
from tests.media.making import ffmpeg

TONE = ("-f", "lavfi", "-i", "sine=f=440:d=0.4", "-c:a", "aac")
HDR = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")


@pytest.fixture(scope="module")
def plain(tmp_path_factory, babbling):
    """Twelve frames of a face."""
    return write_video(tmp_path_factory.mktemp("inputs") / "plain.mp4", babbling[:12])


@pytest.fixture
def faces(tmp_path, plain):
    """Run the command on the plain clip as ffmpeg's words change it; returns its table."""

    def run(*words, source=plain, name="changed.mp4"):
        ffmpeg("-i", source, *TONE, *words, "-shortest", tmp_path / name)
        assert main(["faces", str(tmp_path / name), "-o", str(tmp_path / "frames.parquet")]) == 0
        return pd.read_parquet(tmp_path / "frames.parquet")

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("-vf", "format=gray", "-c:v", "libx264"),
        ("-vf", "format=yuv420p10le", "-c:v", "libx264", "-profile:v", "high10"),
        ("-vf", "format=yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none", *HDR),
    ],
    ids=["grey", "10 bit", "HDR"],
)
def test_a_face_in_other_colours_is_measured(faces, words):
    frames = faces(*words)
    assert len(frames) == 12
    assert frames["found"].all()
    assert frames["yaw_deg"].abs().max() < 15
    assert (frames["mouth_visible"].median() > 0.6) or "gray" in words[1]


def test_120_frames_a_second_become_30(faces):
    frames = faces("-vf", "setpts=N/120/TB", "-r", "120")
    assert len(frames) <= 4, "12 frames at 120 a second"
    assert frames["found"].all()


def test_one_frame_is_measured(faces):
    frames = faces("-frames:v", "1")
    assert frames["found"].tolist() == [True]
    assert frames["face_score"].iloc[0] > 0.5


def test_pictures_too_small_for_a_face_have_none(faces):
    frames = faces("-vf", "scale=16:16")
    assert not frames["found"].any()
    assert set(frames["reason"]) == {"no_face"}


def test_a_black_picture_has_no_face(faces):
    assert set(faces("-vf", "drawbox=t=fill:color=black")["reason"]) == {"no_face"}


def test_a_drawn_face_is_told_from_a_real_one_or_not_found(tmp_path, faces):
    drawn = np.full((320, 320, 3), 250, np.uint8)
    cv2.circle(drawn, (160, 160), 110, (255, 214, 64), -1)
    for x in (122, 198):
        cv2.circle(drawn, (x, 130), 14, (20, 20, 20), -1)
    cv2.ellipse(drawn, (160, 200), (50, 26), 0, 0, 180, (180, 30, 30), -1)
    frames = faces("-c:v", "copy", source=write_video(tmp_path / "cartoon.mp4", [drawn] * 6))
    assert "kept" not in set(frames["reason"])


def test_a_video_turned_by_its_metadata_is_seen_as_it_is_shown(tmp_path, faces, plain):
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", turned)
    frames = faces("-c:v", "copy", source=turned)
    assert frames["found"].all()
    assert (frames["roll_deg"].abs() - 90).abs().max() < 15


def test_of_two_infants_one_is_followed_and_both_are_counted(tmp_path, faces, babbling):
    both = [np.hstack([picture, picture[:, ::-1]]) for picture in babbling[:12]]
    frames = faces("-c:v", "copy", source=write_video(tmp_path / "two.mp4", both))
    assert frames["found"].all()
    assert (frames["faces"] == 2).mean() > 0.8
    assert frames["yaw_deg"].diff().abs().max() < 5, "no jumping from one to the other"


def test_a_photograph_on_the_wall_is_not_taken_for_who_is_larger(tmp_path, faces, babbling):
    photograph = cv2.resize(babbling[0], (150, 150), interpolation=cv2.INTER_AREA)
    room = [np.full((320, 480, 3), 150, np.uint8) for _ in babbling[:12]]
    for picture, shown in zip(room, babbling, strict=False):
        picture[:, :320] = shown
        picture[10:160, 325:475] = photograph
    frames = faces("-c:v", "copy", source=write_video(tmp_path / "wall.mp4", room))
    alone = faces("-c:v", "copy", source=write_video(tmp_path / "alone.mp4", babbling[:12]))
    assert frames["found"].all()
    assert np.allclose(frames["yaw_deg"], alone["yaw_deg"], atol=4)


def test_an_animal_is_no_infant(tmp_path, faces):
    fur = np.random.default_rng(5).integers(90, 150, (320, 320, 1), np.uint8)
    cat = np.repeat(cv2.GaussianBlur(fur, (0, 0), 1.5)[..., None], 3, axis=2)
    for side in (-1, 1):
        ear = np.array([[160 + 30 * side, 80], [160 + 80 * side, 20], [160 + 95 * side, 120]])
        cv2.fillConvexPoly(cat, ear, (60, 50, 45))
        cv2.ellipse(cat, (160 + 45 * side, 140), (24, 18), 0, 0, 360, (190, 200, 60), -1)
        cv2.ellipse(cat, (160 + 45 * side, 140), (4, 17), 0, 0, 360, (10, 10, 10), -1)
        cv2.line(cat, (160 + 20 * side, 215), (160 + 120 * side, 200), (230, 230, 230), 1)
    cv2.fillConvexPoly(cat, np.array([[145, 185], [175, 185], [160, 205]]), (210, 140, 140))
    frames = faces("-c:v", "copy", source=write_video(tmp_path / "cat.mp4", [cat] * 6))
    assert "kept" not in set(frames["reason"])


def test_8k_is_refused_for_its_size(tmp_path, capsys):
    source = ("-f", "lavfi", "-i", "color=c=gray:s=7680x4320:d=0.1:r=30")
    ffmpeg(
        *source, *TONE, "-preset", "ultrafast", "-threads", "1", "-shortest", tmp_path / "8k.mp4"
    )
    out = tmp_path / "frames.parquet"
    assert main(["faces", str(tmp_path / "8k.mp4"), "-o", str(out)]) != 0
    said = capsys.readouterr().err
    assert "8k.mp4: too_large" in said
    assert f"({7680 * 4320}; must be <=" in said
    assert "Traceback" not in said
    assert not out.exists()
