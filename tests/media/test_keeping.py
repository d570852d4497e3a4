"""What came in the normal form is kept as it was encoded; anything else is encoded anew."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media import looks
from tests.media import making

LIMITS = media.Limits(wall_s=120, max_side_px=128)
BFRAMES = ("-preset", "medium", "-bf", "3", "-g", "20")


def parameters(path: Path) -> bytes:
    """What an H.264 stream says about itself before its first picture: another encoder's differ."""
    with av.open(str(path)) as container:
        return bytes(container.streams.video[0].codec_context.extradata)


def kept(path: Path, out: Path) -> bool:
    out.mkdir()
    media.normalise(path, out, LIMITS)
    return parameters(path) == parameters(out / media.VIDEO)


def pictures(path: Path) -> np.ndarray:
    return np.stack(list(media.read_frames(path)))


@pytest.mark.parametrize(
    "words",
    [
        pytest.param((), id="as most are"),
        pytest.param(BFRAMES, id="sent in another order"),
        pytest.param((*BFRAMES, "-movflags", "+frag_keyframe+empty_moov"), id="in fragments"),
        pytest.param(("-output_ts_offset", "7"), id="with a late clock"),
        pytest.param(("-video_track_timescale", "90000"), id="with a phone's clock"),
    ],
)
def test_a_picture_in_the_normal_form_is_not_encoded_again(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    path = making.clip(tmp_path / "a.mp4", *words)
    assert kept(path, tmp_path / "out")
    assert np.array_equal(pictures(path), pictures(tmp_path / "out" / media.VIDEO))
    made = media.probe(tmp_path / "out" / media.VIDEO, own=True).picture
    assert made is not None
    assert np.allclose(made.times_s, np.arange(45) / media.FPS, atol=1e-6)


def test_words_of_a_stranger_do_not_come_along(tmp_path: Path) -> None:
    path = making.clip(tmp_path / "a.mp4", "-metadata", "title=a stranger's words")
    assert b"x264" in path.read_bytes()
    assert kept(path, tmp_path / "out")
    made = (tmp_path / "out" / media.VIDEO).read_bytes()
    assert not any(word in made for word in (b"x264", b"stranger"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("a.mp4", ("-vf", "setsar=4/3"), id="stretched pixels"),
        pytest.param("a.mp4", ("-vf", "scale=256:144"), id="larger than wanted"),
        pytest.param("a.mp4", ("-r", "25"), id="another rate"),
        pytest.param("a.mp4", ("-pix_fmt", "yuvj420p"), id="full range"),
        pytest.param("a.mp4", ("-pix_fmt", "yuv420p10le"), id="ten bits"),
        pytest.param("a.mp4", ("-pix_fmt", "yuv444p", "-vf", "scale=95:63"), id="odd sides"),
        pytest.param("a.mp4", ("-colorspace", "bt2020nc"), id="other colours"),
        pytest.param("a.mp4", ("-flags", "+ildct+ilme"), id="in fields"),
        pytest.param("a.mp4", ("-c:v", "mpeg4"), id="another codec"),
        pytest.param("a.mkv", (), id="a clock of milliseconds"),
        pytest.param(
            "a.mp4", ("-vf", "select='gt(mod(n,9),2)'", "-fps_mode", "vfr"), id="a variable rate"
        ),
    ],
)
def test_any_other_picture_is_encoded(name: str, words: tuple[str, ...], tmp_path: Path) -> None:
    path = making.clip(tmp_path / name, *words)
    assert not kept(path, tmp_path / "out")
    made = media.probe(tmp_path / "out" / media.VIDEO, own=True).picture
    assert made is not None
    assert (made.codec, made.fps) == ("h264", media.FPS)
    assert max(made.width, made.height) <= LIMITS.max_side_px


@pytest.mark.parametrize("turned_deg", [90, 180])
def test_a_turned_picture_is_encoded_upright(turned_deg: int, tmp_path: Path) -> None:
    plain = making.clip(tmp_path / "plain.mp4")
    path = tmp_path / "a.mp4"
    making.ffmpeg("-display_rotation", str(turned_deg), "-i", plain, "-c", "copy", path)
    assert not kept(path, tmp_path / "out")
    before, after = (pictures(it)[0].astype(int) for it in (plain, tmp_path / "out" / media.VIDEO))
    assert np.abs(np.rot90(before, turned_deg // 90) - after).mean() < 4


def test_a_section_is_encoded(tmp_path: Path) -> None:
    path = making.clip(tmp_path / "a.mp4")
    (tmp_path / "out").mkdir()
    media.normalise(path, tmp_path / "out", LIMITS, media.Section(0.2, 1.0))
    assert parameters(path) != parameters(tmp_path / "out" / media.VIDEO)


def test_a_picture_that_changes_its_size_on_the_way_is_never_kept(tmp_path: Path) -> None:
    both = bytearray()
    for size in ("96x64", "64x96"):
        making.ffmpeg(
            *("-i", making.clip(tmp_path / f"{size}.mp4", size=size), "-an", "-c", "copy"),
            *("-f", "h264", tmp_path / f"{size}.h264"),
        )
        both += (tmp_path / f"{size}.h264").read_bytes()
    (tmp_path / "both.h264").write_bytes(both)
    path = tmp_path / "a.mp4"
    making.ffmpeg(
        *("-r", "30", "-i", tmp_path / "both.h264", "-f", "lavfi", "-i", "sine=d=3"),
        *("-map", "0", "-map", "1", "-c:v", "copy", path),
    )
    with av.open(str(path)) as container:
        assert len({frame.width for frame in container.decode(video=0)}) == 2
    with pytest.raises(ClipFailed) as failed:
        kept(path, tmp_path / "out")
    assert failed.value.reason is Reason.MEDIA_DAMAGED


@pytest.mark.parametrize("words", [(), ("-r", "25")], ids=["kept", "encoded"])
def test_what_a_picture_looks_like_is_told_of_what_was_made(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    path = making.clip(tmp_path / "a.mp4", *words)
    kept(path, tmp_path / "out")
    small = list(media.read_frames(tmp_path / "out" / media.VIDEO, (64, 64)))
    told = media.read_looks(tmp_path / "out")
    assert np.array_equal(told, looks.of_pictures(small[:: media.EVERY]))
    assert len(np.unique(told)) > 1
