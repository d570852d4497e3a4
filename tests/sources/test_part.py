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
from pipeline.sources import obtain
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
    return folder


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
def test_a_section_is_the_same_whether_the_rest_was_had_or_not(
    site: tuple[str, list[str]], folder: Path, tmp_path: Path, section: tuple[float, float | None]
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    told = {"section": media.Section(*section), "limits": media.Limits(), "reach": REACH}
    for out, address in ((whole, str(folder / "long.mp4")), (part, f"{site[0]}/ranged.mp4")):
        out.mkdir()
        obtain.measure(out, {**told, "address": address, "partial": None})
    infos = [media.MediaInfo.read(out) for out in (whole, part)]
    assert infos[0].frames == infos[1].frames
    pictures = [list(media.read_frames(out / media.VIDEO)) for out in (whole, part)]
    apart = [np.abs(a.astype(int) - b).mean() for a, b in zip(*pictures, strict=True)]
    assert max(apart) < 1
    sounds = [media.read_sound(out / media.SOUND_16K)[0] for out in (whole, part)]
    assert len(sounds[0]) == len(sounds[1])
    assert abs(lag_s(*sounds)) < 0.001, "what Matroska's times are rounded to"


def test_the_rest_does_not_cross_the_network(
    site: tuple[str, list[str]], folder: Path, tmp_path: Path
) -> None:
    had = fetch(f"{site[0]}/ranged.mp4", tmp_path, REACH, media.Section(30.5, 33.0))
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
