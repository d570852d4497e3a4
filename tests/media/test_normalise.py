from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from tests.media import making

LIMITS = media.Limits(wall_s=120)
FRAME_S = 1 / 30


@pytest.fixture(scope="module")
def clapper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.clapper(tmp_path_factory.mktemp("clapper") / "clapper.mp4")


def normalised(path: Path, out: Path, **given: object) -> media.MediaInfo:
    out.mkdir()
    return media.normalise(path, out, LIMITS, **given)  # type: ignore[arg-type]


def copied(*words: str, suffix: str = ".mp4", before: tuple[str, ...] = ()) -> Callable:
    def copy(clapper: Path, folder: Path) -> Path:
        path = folder / f"copy{suffix}"
        making.ffmpeg(*before, "-i", clapper, "-c", "copy", *words, path)
        return path

    return copy


def apart(late_s: float) -> Callable:
    """The sound moved against the picture, as a file with a late start has it."""

    def move(clapper: Path, folder: Path) -> Path:
        path = folder / "apart.mkv"
        inputs = ("-i", clapper, "-itsoffset", str(late_s), "-i", clapper)
        making.ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", path)
        return path

    return move


@pytest.mark.parametrize(
    ("change", "moved_s"),
    [
        pytest.param(copied(), 0.0, id="mp4"),
        pytest.param(copied(suffix=".mkv"), 0.0, id="mkv"),
        pytest.param(copied("-c:v", "mpeg4", "-c:a", "pcm_s16le", suffix=".avi"), 0.0, id="avi"),
        pytest.param(copied(suffix=".ts"), 0.0, id="ts"),
        pytest.param(copied("-output_ts_offset", "5000", suffix=".ts"), 0.0, id="late clock"),
        pytest.param(copied("-c:a", "pcm_s16le", suffix=".mkv"), 0.0, id="pcm"),
        pytest.param(copied("-c:a", "libmp3lame"), 0.0, id="mp3"),
        pytest.param(copied("-movflags", "+frag_keyframe+empty_moov"), 0.0, id="fragments"),
        pytest.param(apart(0.25), 0.25, id="late sound"),
        pytest.param(apart(-0.25), -0.25, id="early sound"),
    ],
)
def test_sound_stays_in_step_with_the_picture(
    clapper: Path, tmp_path: Path, change: Callable, moved_s: float
) -> None:
    out = tmp_path / "out"
    info = normalised(change(clapper, tmp_path), out)
    assert abs(info.frames - 48) <= 1
    assert making.flash_s(out) == pytest.approx(making.FLASH_S, abs=FRAME_S)
    assert making.beep_s(out) - making.flash_s(out) == pytest.approx(moved_s, abs=0.03)


@pytest.mark.parametrize("fps", [25, 24, 50, 12.5])
def test_other_rates_keep_their_time(fps: float, tmp_path: Path) -> None:
    path = making.clapper(tmp_path / "clapper.mp4", fps)
    info = normalised(path, tmp_path / "out")
    assert info.frames == pytest.approx(48, abs=1)
    assert info.source_fps == pytest.approx(fps, abs=0.5)
    assert making.flash_s(tmp_path / "out") == pytest.approx(making.FLASH_S, abs=1 / fps)
    assert making.beep_s(tmp_path / "out") == pytest.approx(making.FLASH_S, abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("start_s", [0.3, 12.3])
def test_a_section_is_cut_to_the_frame(suffix: str, start_s: float, tmp_path: Path) -> None:
    lead_s = start_s - 0.3
    path = tmp_path / f"long{suffix}"
    plain = making.clapper(tmp_path / "clapper.mp4")
    if lead_s:
        making.clip(tmp_path / "lead.mp4", "-b:a", "128k", span_s=lead_s, size="64x48")
        both = "[0:v][0:a][1:v][1:a]concat=a=1"
        words = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3", "-g", "100")
        making.ffmpeg(
            *("-i", tmp_path / "lead.mp4", "-i", plain, "-filter_complex", both, *words, path)
        )
    else:
        making.ffmpeg("-i", plain, "-c", "copy", path)
    section = media.Section(start_s, start_s + 1.0)
    assert normalised(path, tmp_path / "out", section=section).frames == 30
    flash_s = making.flash_s(tmp_path / "out")
    assert flash_s == pytest.approx(making.FLASH_S - 0.3, abs=1.5 * FRAME_S)
    assert making.beep_s(tmp_path / "out") == pytest.approx(flash_s, abs=0.05)
    sound, _ = media.read_sound(tmp_path / "out" / media.SOUND_44K)
    assert len(sound) == 30 * 1470


def test_a_section_ends_where_the_source_does(clapper: Path, tmp_path: Path) -> None:
    assert normalised(clapper, tmp_path / "a", section=media.Section(1.0, 99.0)).frames == 18
    assert normalised(clapper, tmp_path / "b", section=media.Section(None, 0.5)).frames == 15
    with pytest.raises(ClipFailed) as failed:
        normalised(clapper, tmp_path / "c", section=media.Section(5.0, 6.0))
    assert failed.value.reason is Reason.TOO_SHORT


def test_sound_may_come_from_a_file_of_its_own(clapper: Path, tmp_path: Path) -> None:
    making.ffmpeg("-i", clapper, "-an", "-c", "copy", tmp_path / "picture.mp4")
    making.ffmpeg("-i", clapper, "-vn", "-c", "copy", tmp_path / "sound.m4a")
    given = {"sound": tmp_path / "sound.m4a"}
    normalised(tmp_path / "picture.mp4", tmp_path / "out", **given)
    assert making.beep_s(tmp_path / "out") == pytest.approx(making.FLASH_S, abs=0.03)


def test_the_same_file_gives_the_same_bytes(clapper: Path, tmp_path: Path) -> None:
    infos = [normalised(clapper, tmp_path / name) for name in ("a", "b")]
    assert infos[0] == infos[1] == media.MediaInfo.read(tmp_path / "a")
    for name in (media.VIDEO, media.SOUND_44K, media.SOUND_16K, media.INFO):
        digests = {
            hashlib.sha256((tmp_path / out / name).read_bytes()).hexdigest() for out in ("a", "b")
        }
        assert len(digests) == 1, name


def test_pictures_survive(tmp_path: Path) -> None:
    path = making.clip(tmp_path / "a.mp4", size="160x120")
    normalised(path, tmp_path / "out")
    before = np.stack(list(media.read_frames(path))).astype(int)
    after = np.stack(list(media.read_frames(tmp_path / "out" / media.VIDEO))).astype(int)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 4


def test_a_bright_picture_is_brought_down_to_an_ordinary_one(tmp_path: Path) -> None:
    """PQ code 0.58 is white paper, 203 cd/m2; taken as it stands it would look dull grey."""
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    paper, path = "geq=lum=64+0.58*876:cb=512:cr=512", tmp_path / "a.mp4"
    look = f"format=yuv420p10le,{paper},{tags}"
    making.clip(path, "-pix_fmt", "yuv420p10le", "-vf", look)
    assert media.probe(path).picture.bright  # type: ignore[union-attr]
    normalised(path, tmp_path / "out")
    first = next(iter(media.read_frames(tmp_path / "out" / media.VIDEO)))
    assert first.mean() > 180
    assert np.ptp(first.mean(axis=(0, 1))) < 6


def test_fields_of_two_moments_do_not_stay_in_one_picture(tmp_path: Path) -> None:
    moving = "testsrc=s=96x64:r=60:d=1.5,geq=lum='255*gt(mod(X-4*N,32),15)':cb=128:cr=128"
    woven = f"{moving},interlace=lowpass=off"
    sound = ("-f", "lavfi", "-i", "sine=d=1.5")
    flags = ("-flags", "+ilme+ildct", "-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2")
    making.ffmpeg("-f", "lavfi", "-i", woven, *sound, *flags, tmp_path / "a.mpg")
    assert media.probe(tmp_path / "a.mpg").picture.interlaced  # type: ignore[union-attr]
    normalised(tmp_path / "a.mpg", tmp_path / "out")
    frames = np.stack(list(media.read_frames(tmp_path / "out" / media.VIDEO))).astype(float)[5:-5]
    before = np.stack(list(media.read_frames(tmp_path / "a.mpg"))).astype(float)[5:-5]
    combs = [np.abs(np.diff(it[..., 0], axis=1)).mean() for it in (before, frames)]
    assert combs[1] < combs[0] / 3


def test_a_rotated_clip_stands_upright(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :32] = 255
    media.write_sound(tmp_path / "s.wav", np.zeros(44_100), 44_100)
    path = tmp_path / "a.mp4"
    with media.VideoWriter(path, 64, 48, sound=tmp_path / "s.wav", rotation_deg=90) as video:
        for _ in range(30):
            video.write(frame)
    info = normalised(path, tmp_path / "out")
    assert (info.width, info.height) == (48, 64)
    first = next(iter(media.read_frames(tmp_path / "out" / media.VIDEO)))
    assert first[50:].mean() > 240 > 15 > first[:14].mean()


@pytest.mark.parametrize(
    ("limit", "reason", "measured", "threshold", "op"),
    [
        ({"max_bytes": 1000}, Reason.TOO_LARGE, None, 1000, "<="),
        ({"max_pixels": 3071}, Reason.TOO_LARGE, 3072, 3071, "<="),
        ({"max_frames": 47}, Reason.TOO_LARGE, 48, 47, "<="),
        ({"max_s": 1.5}, Reason.TOO_LONG, 1.6, 1.5, "<="),
        ({"min_s": 2.0}, Reason.TOO_SHORT, 1.6, 2.0, ">="),
        ({"wall_s": 0.01}, Reason.TIMED_OUT, None, None, None),
    ],
)
def test_every_limit_names_both_numbers(
    clapper: Path,
    tmp_path: Path,
    limit: dict[str, float],
    reason: Reason,
    measured: float | None,
    threshold: float | None,
    op: str | None,
) -> None:
    with pytest.raises(ClipFailed) as failed:
        media.normalise(clapper, tmp_path, replace(LIMITS, **limit))  # type: ignore[arg-type]
    error = failed.value
    assert (error.reason, error.threshold, error.op) == (reason, threshold, op)
    assert measured is None or error.measured == pytest.approx(measured, abs=0.01)


def test_damage_names_both_numbers(tmp_path: Path) -> None:
    path = making.clip(tmp_path / "a.mp4", "-movflags", "+faststart")
    path.write_bytes(path.read_bytes()[:-6000])
    with pytest.raises(ClipFailed) as failed:
        media.normalise(path, tmp_path, LIMITS)
    error = failed.value
    assert error.reason is Reason.MEDIA_DAMAGED
    assert error.measured is not None
    assert error.threshold is not None
    assert error.measured < error.threshold
    assert error.op == ">="


def test_samples_are_as_long_as_frames() -> None:
    assert [media.sound_samples(n, 44_100) for n in (0, 1, 150)] == [0, 1470, 220_500]
    assert [media.sound_samples(n, 16_000) for n in (1, 2, 3, 150)] == [533, 1067, 1600, 80_000]
