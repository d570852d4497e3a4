from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import making
from tests.sources.server import serving


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the site serves; read it and write nothing into it."""
    folder = tmp_path_factory.mktemp("site")
    making.clip(folder / "clip.mp4")
    making.clip(folder / "other.mp4", size="64x64")
    making.ffmpeg("-i", folder / "clip.mp4", "-an", "-c", "copy", folder / "mute.mp4")
    (folder / "text.mp4").write_text("no media")
    _keep_apart(folder)
    return folder


def _keep_apart(folder: Path) -> None:
    """A recording whose picture and sound a site keeps apart, as large sites do."""
    clapper = making.clapper(folder / "clapper.mp4")
    for name, words in (("picture", ("-an", "-c:v", "copy")), ("sound", ("-vn", "-c:a", "copy"))):
        pieces = ("-f", "hls", "-hls_list_size", "0", "-hls_time", "1")
        making.ffmpeg("-i", clapper, *words, *pieces, folder / f"{name}.m3u8")
    (folder / "apart.m3u8").write_text(
        "#EXTM3U\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES,URI="sound.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=90000,RESOLUTION=64x48,CODECS="avc1.64000a",AUDIO="a"\n'
        "picture.m3u8\n"
    )


@pytest.fixture(scope="session")
def _site(site_folder: Path) -> Iterator[tuple[str, list[str]]]:
    with serving(site_folder) as site:
        yield site


@pytest.fixture
def site(_site: tuple[str, list[str]]) -> str:
    """The address of the site."""
    _site[1].clear()
    return _site[0]


@pytest.fixture
def asked(_site: tuple[str, list[str]]) -> list[str]:
    """What the site was asked for in this test."""
    return _site[1]
