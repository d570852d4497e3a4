from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.media import child, command
from tests.media import making

SIZE = (64, 48)


def ramp(count: int) -> list[np.ndarray]:
    """Frames that tell their number by their brightness, with a red left half."""
    frames = []
    for number in range(count):
        frame = np.full((48, 64, 3), 8 * number % 200, np.uint8)
        frame[:, :32, 0] = 230
        frames.append(frame)
    return frames


def written(path: Path, count: int = 12, **options: object) -> Path:
    with media.VideoWriter(path, *SIZE, **options) as video:  # type: ignore[arg-type]
        for frame in ramp(count):
            video.write(frame)
    return path


def test_frames_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", crf=4)
    back = list(media.read_frames(path))
    assert [frame.shape for frame in back] == [(48, 64, 3)] * 12
    for wrote, read in zip(ramp(12), back, strict=True):
        assert np.abs(wrote.astype(int) - read.astype(int))[:, 40:].mean() < 2
        assert np.abs(wrote.astype(int) - read.astype(int))[:, :24].mean() < 4


def test_pixels_are_those_that_ffmpeg_gives_without_a_way_round(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4")
    straight = command.source(path).output(
        "pipe:1", vf="scale=flags=bicubic+accurate_rnd+full_chroma_int", pix_fmt="rgb24",
        f="rawvideo",
    )  # fmt: skip
    told = command.ffmpeg(straight, child.Bounds())
    assert told.out == np.stack(list(media.read_frames(path))).tobytes()


def test_the_same_frames_and_sound_give_the_same_bytes(tmp_path: Path) -> None:
    media.write_sound(tmp_path / "s.flac", np.sin(np.arange(17_640) / 9), 44_100)
    tags = {"synthetic": "true", "model": "abc"}
    paths = [
        written(tmp_path / name, sound=tmp_path / "s.flac", tags=tags)
        for name in ("a.mp4", "b.mp4")
    ]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert len(digests) == 1


def test_a_video_carries_its_sound_and_tags(tmp_path: Path) -> None:
    import av

    media.write_sound(tmp_path / "s.flac", np.sin(np.arange(44_100) / 9), 44_100)
    path = written(tmp_path / "a.mp4", 30, sound=tmp_path / "s.flac", tags={"synthetic": "true"})
    probe = media.probe(path)
    assert probe.sound is not None
    assert (probe.sound.codec, probe.sound.rate_hz) == ("aac", 44_100)
    assert abs((probe.sound.sounding_s or 0) - 1.0) < 0.05
    with av.open(str(path)) as container:
        assert container.metadata["synthetic"] == "true"
        assert "encoder" not in container.metadata


def test_frames_can_be_scaled_and_reading_can_stop_early(tmp_path: Path) -> None:
    frames = media.read_frames(written(tmp_path / "a.mp4", 60), size=(32, 20))
    assert next(frames).shape == (20, 32, 3)
    frames.close()  # type: ignore[attr-defined]


def test_a_rotated_video_is_read_upright(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", rotation_deg=90)
    probe = media.probe(path)
    assert probe.picture is not None
    assert (probe.picture.width, probe.picture.height) == SIZE
    frame = next(iter(media.read_frames(path)))
    assert frame.shape == (64, 48, 3)
    # Turned counter-clockwise, what was on the left is at the bottom.
    assert frame[50:, :, 0].mean() > 200 > 60 > frame[:14, :, 0].mean()


def test_dropped_frames_leave_their_time_empty(tmp_path: Path) -> None:
    picture = media.probe(written(tmp_path / "a.mp4", 12, filters="select='mod(n,3)'")).picture
    assert picture is not None
    assert picture.times_s == pytest.approx([n / 30 for n in range(12) if n % 3], abs=1e-3)


def test_a_video_that_could_not_be_finished_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(ZeroDivisionError), media.VideoWriter(path, *SIZE) as video:
        video.write(ramp(1)[0])
        raise ZeroDivisionError
    with pytest.raises(CradleError, match="not uint8"), media.VideoWriter(path, *SIZE) as video:
        video.write(np.zeros((48, 64), np.uint8))
    with (
        pytest.raises(CradleError, match="could not be written"),
        media.VideoWriter(path, *SIZE, sound=tmp_path / "none.flac") as video,
    ):
        for frame in ramp(200):
            video.write(frame)
    assert list(tmp_path.iterdir()) == []


def test_a_phones_portrait_video_can_be_written(tmp_path: Path) -> None:
    picture = np.full((3840, 2160, 3), 90, np.uint8)
    path = tmp_path / "portrait.mp4"
    with media.VideoWriter(path, 2160, 3840) as video:
        for _ in range(30):
            video.write(picture)
    assert media.probe(path).picture.height == 3840


def test_odd_sides_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CradleError, match="even sides"):
        media.VideoWriter(tmp_path / "a.mp4", 63, 48)


def test_damage_ends_reading_with_a_reason(tmp_path: Path) -> None:
    path = making.clip(tmp_path / "a.mp4", "-movflags", "+faststart")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6)])
    with pytest.raises(ClipFailed) as failed:
        list(media.read_frames(path))
    assert failed.value.reason is Reason.MEDIA_DAMAGED
    assert "0x" not in failed.value.detail


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_back_as_it_was_written(tmp_path: Path, suffix: str, channels: int) -> None:
    rng = np.random.default_rng(5)
    samples = rng.uniform(-0.9, 0.9, (4410, channels)).squeeze()
    media.write_sound(tmp_path / f"s{suffix}", samples, 44_100)
    back, rate_hz = media.read_sound(tmp_path / f"s{suffix}")
    assert rate_hz == 44_100
    assert back.dtype == np.float32
    assert back.shape == samples.shape
    assert np.abs(back - samples).max() < 1 / 32_000


def test_sound_beyond_full_scale_is_cut_and_never_wraps(tmp_path: Path) -> None:
    media.write_sound(tmp_path / "s.wav", np.array([3.0, -3.0, np.nan]), 16_000)
    assert media.read_sound(tmp_path / "s.wav")[0] == pytest.approx([1, -1, 0], abs=1e-4)


def test_what_is_no_sound_says_so(tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(b"no sound at all")
    with pytest.raises(CradleError, match=r"s\.wav"):
        media.read_sound(tmp_path / "s.wav")


def test_the_binary_is_the_packages_own() -> None:
    assert "imageio_ffmpeg" in media.ffmpeg_path()
    assert re.search(r"\d+\.\d+", media.ffmpeg_version())


def test_no_byte_comes_from_what_the_memory_held_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x264 with AVX-512 reads past its rows of macroblocks where their number is odd."""
    drawn = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    scene = np.kron(drawn, np.ones((8, 8, 1), np.uint8))
    digests = set()
    for fill in ("1", "85"):
        monkeypatch.setitem(child._ENVIRONMENT, "MALLOC_PERTURB_", fill)
        path = tmp_path / f"{fill}.mp4"
        with media.VideoWriter(path, 682, 384) as video:
            for step in range(30):
                video.write(np.ascontiguousarray(scene[step % 9 :, 3 * step % 31 :][:384, :682]))
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_video_is_drawn_over_frame_by_frame(tmp_path: Path) -> None:
    media.redraw(written(tmp_path / "a.mp4"), tmp_path / "b.mp4", lambda frame, n: frame + n)
    before = np.array(list(media.read_frames(tmp_path / "a.mp4")), int)
    after = np.array(list(media.read_frames(tmp_path / "b.mp4")), int)
    assert after.shape == before.shape
    assert abs((after - before)[10, 8:40, 40:60].mean() - 10) < 3


def test_a_video_that_could_not_be_drawn_to_its_end_is_not_left_behind(tmp_path: Path) -> None:
    def draw(frame: np.ndarray, number: int) -> np.ndarray:
        return frame if number < 6 else frame[:7]

    path = written(tmp_path / "a.mp4")
    with pytest.raises(CradleError, match="not uint8"):
        media.redraw(path, tmp_path / "b.mp4", draw)
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]
