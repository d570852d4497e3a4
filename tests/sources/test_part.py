"""Of a long recording only the part that is wanted crosses the network, and it is the same part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.sources import obtain, pieces
from pipeline.sources.fetch import Reach, fetch
from tests.media import making
from tests.sources.server import serving

REACH = Reach(wall_s=60, allow_hosts=("127.0.0.1",))
SPAN_S = 60
MOVING = f"testsrc2=s=160x120:r=25:d={SPAN_S}"
SOUND = f"aevalsrc='0.4*sin(2*PI*t*(200+10*t))':s=44100:d={SPAN_S}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    making.ffmpeg(
        *("-f", "lavfi", "-i", MOVING, "-f", "lavfi", "-i", SOUND, "-c:v", "libx264", "-g", "50"),
        *("-bf", "2", "-preset", "veryfast", "-crf", "10", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-movflags", "+faststart", folder / "long.mp4"),
    )
    _in_pieces(folder)
    return folder


def _in_pieces(folder: Path) -> None:
    """The same recording as large sites give it: as HLS, in two sorts of piece, and as DASH."""
    for name in ("ts", "fmp4", "dash"):
        (folder / name).mkdir()
    hls = ("-f", "hls", "-hls_list_size", "0", "-hls_time", "4", "-c", "copy")
    making.ffmpeg("-i", folder / "long.mp4", *hls, folder / "ts/list.m3u8")
    for name, words in (("picture", ("-map", "0:v")), ("sound", ("-map", "0:a"))):
        sort = ("-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", f"{name}.init.mp4")
        out = folder / f"fmp4/{name}.m3u8"
        making.ffmpeg("-i", folder / "long.mp4", *words, *hls, *sort, out)
    (folder / "fmp4/list.m3u8").write_text(
        "#EXTM3U\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="sound.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=90000,RESOLUTION=160x120,CODECS="avc1.64000a",AUDIO="a"\n'
        "picture.m3u8\n"
    )
    dash = ("-f", "dash", "-seg_duration", "4", "-use_timeline", "1", "-c", "copy")
    making.ffmpeg("-i", folder / "long.mp4", *dash, folder / "dash/list.mpd")


IN_PIECES = ("ts/list.m3u8", "fmp4/list.m3u8", "dash/list.mpd")


@pytest.fixture
def site(folder: Path) -> Iterator[tuple[str, list[str]]]:
    with serving(folder) as served:
        yield served


def lag_s(one: np.ndarray, other: np.ndarray) -> float:
    """How much later in the other a chirp is what it is in the one."""
    lags = range(-800, 801)
    inner = one[800:-800]
    agree = [float(inner @ other[800 + lag : len(other) - 800 + lag]) for lag in lags]
    best = int(np.argmax(agree))
    assert agree[best] > 0.98 * float(inner @ inner)
    return lags[best] / 16_000


@pytest.mark.parametrize("section", [(30.5, 33.0), (2.0, 4.0), (57.0, None)])
@pytest.mark.parametrize("name", ["ranged.mp4", *IN_PIECES])
def test_a_section_is_the_same_whether_the_rest_was_had_or_not(
    site: tuple[str, list[str]],
    tmp_path: Path,
    section: tuple[float, float | None],
    name: str,
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    for out in (whole, part):
        out.mkdir()
    wanted = media.Section(*section)
    had = fetch(f"{site[0]}/{name}", tmp_path, REACH)
    media.normalise(had.picture, whole, media.Limits(), wanted, had.sound)
    told = {"section": wanted, "limits": media.Limits(), "reach": REACH, "partial": None}
    obtain.measure(part, {**told, "address": f"{site[0]}/{name}"})
    infos = [media.MediaInfo.read(out) for out in (whole, part)]
    assert infos[0].frames == infos[1].frames
    pictures = [list(media.read_frames(out / media.VIDEO)) for out in (whole, part)]
    apart = [np.abs(a.astype(int) - b).mean() for a, b in zip(*pictures, strict=True)]
    assert max(apart) < 1
    sounds = [media.read_sound(out / media.SOUND_16K)[0] for out in (whole, part)]
    assert len(sounds[0]) == len(sounds[1])
    assert abs(lag_s(*sounds)) < 0.0015, "Matroska rounds picture and sound to 1 ms"


@pytest.mark.parametrize("name", ["ranged.mp4", *IN_PIECES])
def test_the_rest_does_not_cross_the_network(
    site: tuple[str, list[str]], folder: Path, tmp_path: Path, name: str
) -> None:
    had = fetch(f"{site[0]}/{name}", tmp_path, REACH, media.Section(30.5, 33.0))
    pieces = {path for path in site[1] if path.endswith((".ts", ".m4s"))}
    # The first of 15, and those from ten seconds before to two after, of one file or two.
    assert len(pieces) <= (1 + 5) * (1 if name.startswith("ts") else 2)
    assert 18 < had.begins_s < 30.5
    assert had.picture.stat().st_size < 0.4 * (folder / "long.mp4").stat().st_size


def test_a_site_that_gives_no_parts_gives_the_whole(
    site: tuple[str, list[str]], folder: Path, tmp_path: Path
) -> None:
    had = fetch(f"{site[0]}/long.mp4", tmp_path, REACH, media.Section(30.5, 33.0))
    assert had.begins_s == 0
    assert had.picture.read_bytes() == (folder / "long.mp4").read_bytes()


def test_what_was_broken_off_is_not_taken_for_the_whole(
    site: tuple[str, list[str]], folder: Path, tmp_path: Path
) -> None:
    for name in ("1.media.part", "1.cut"):
        (tmp_path / name).write_bytes(b"")
    had = fetch(f"{site[0]}/long.mp4", tmp_path, REACH, media.Section(30.5, 33.0))
    assert had.picture.read_bytes() == (folder / "long.mp4").read_bytes()


def test_bytes_are_bounded_for_a_part_as_well(site: tuple[str, list[str]], tmp_path: Path) -> None:
    with pytest.raises(ClipFailed) as failed:
        fetch(
            f"{site[0]}/ranged.mp4",
            tmp_path,
            replace(REACH, max_bytes=300_000),
            media.Section(30.5, 33.0),
        )
    assert failed.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "change",
    [
        ("#EXT-X-ENDLIST", ""),
        ("#EXTINF:4.000000,\nlist3.ts", "#EXT-X-DISCONTINUITY\n#EXTINF:4.000000,\nlist3.ts"),
        ("#EXT-X-MEDIA-SEQUENCE:0", '#EXT-X-KEY:METHOD=AES-128,URI="key"'),
        ("#EXTINF:4.000000", "#EXTINF:4.000000,\n#EXT-X-BYTERANGE:9@0"),
        ("#EXTINF:4.000000,\nlist2.ts", "list2.ts"),
        ("#EXTM3U", '#EXTM3U\n#EXT-X-MAP:URI="a"\n#EXT-X-MAP:URI="b"'),
        ("#EXTM3U", '#EXTM3U\n#EXT-X-MAP:URI="a",BYTERANGE="9@0"'),
    ],
)
def test_a_list_whose_times_do_not_tell_what_to_leave_out_is_had_whole(
    folder: Path, change: tuple[str, str]
) -> None:
    text = (folder / "ts/list.m3u8").read_text()
    assert len(pieces.of_playlist(text, "https://example.org/a/list.m3u8").all) == 15
    assert change[0] in text
    with pytest.raises(pieces.WholeOnlyError):
        pieces.of_playlist(text.replace(*change, 1), "https://example.org/a/list.m3u8")


def test_a_list_whose_clock_is_another_is_had_whole(
    site: tuple[str, list[str]], folder: Path, tmp_path: Path
) -> None:
    text = (folder / "ts/list.m3u8").read_text()
    (folder / "ts/slow.m3u8").write_text(text.replace("#EXTINF:4.", "#EXTINF:3."))
    had = fetch(f"{site[0]}/ts/slow.m3u8", tmp_path, REACH, media.Section(30.5, 33.0))
    assert had.begins_s == 0
    assert {f"/ts/list{number}.ts" for number in range(15)} <= set(site[1])
