from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import media
from pipeline.core.code import PROJECT
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.sources import fetch as fetch_module
from pipeline.sources import grab
from pipeline.sources.fetch import Fetched, Reach, fetch
from tests.media import making

REACH = Reach(wall_s=120, allow_hosts=("127.0.0.1",))


def refused(address: str, folder: Path, reach: Reach = REACH) -> ClipFailed:
    with pytest.raises(ClipFailed) as failed:
        fetch(address, folder, reach)
    assert "\x1b" not in failed.value.detail
    assert "0x" not in failed.value.detail
    return failed.value


def same(had: Fetched, path: Path) -> bool:
    return had.sound is None and had.picture.read_bytes() == path.read_bytes()


def test_a_direct_file_is_had_over_http(site: str, site_folder: Path, tmp_path: Path) -> None:
    assert same(fetch(f"{site}/clip.mp4", tmp_path, REACH), site_folder / "clip.mp4")


def test_a_redirect_within_what_is_allowed_is_followed(
    site: str, site_folder: Path, tmp_path: Path
) -> None:
    assert same(fetch(f"{site}/to_clip", tmp_path, REACH), site_folder / "clip.mp4")


def test_picture_and_sound_may_be_kept_apart(site: str, tmp_path: Path) -> None:
    had, out = tmp_path / "had", tmp_path / "out"
    had.mkdir()
    out.mkdir()
    fetched = fetch(f"{site}/apart.m3u8", had, REACH)
    assert fetched.sound is not None
    assert media.probe(fetched.picture).sound is None
    assert media.probe(fetched.sound).picture is None
    info = media.normalise(fetched.picture, out, media.Limits(), sound=fetched.sound)
    assert info.frames == pytest.approx(48, abs=1)
    assert making.flash_s(out) == pytest.approx(making.FLASH_S, abs=0.04)
    assert making.beep_s(out) == pytest.approx(making.FLASH_S, abs=0.06)


def test_a_host_may_be_allowed_by_name(site: str, site_folder: Path, tmp_path: Path) -> None:
    reach = replace(REACH, allow_hosts=("localhost",))
    address = site.replace("127.0.0.1", "localhost")
    assert same(fetch(f"{address}/clip.mp4", tmp_path, reach), site_folder / "clip.mp4")


def test_a_local_file_is_had_without_a_network(
    site_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("a local file needs no network")

    monkeypatch.setattr("socket.socket.connect", no_network)
    for name in ("clip.mp4", "text.mp4"):
        (tmp_path / name).mkdir()
        had = fetch(str(site_folder / name), tmp_path / name, REACH)
        assert same(had, site_folder / name)


@pytest.mark.parametrize("name", ["-x.mp4", "a b#c?.mov", "%41.mp4", "page.html", "list.m3u8", "x"])
def test_the_name_of_a_local_file_means_nothing(
    name: str, site_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes((site_folder / "clip.mp4").read_bytes())
    (tmp_path / "had").mkdir()
    assert same(fetch(str(path), tmp_path / "had", REACH), path)


def test_a_local_playlist_or_page_is_a_file_and_is_not_followed(
    site: str, asked: list[str], tmp_path: Path
) -> None:
    (tmp_path / "had").mkdir()
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXTINF:1,\n{site}/clip.mp4\n#EXT-X-ENDLIST\n")
    assert same(fetch(str(path), tmp_path / "had", REACH), path)
    assert asked == []


@pytest.mark.parametrize(
    ("path", "reason", "words"),
    [
        ("/gone.mp4", Reason.GONE, "HTTP Error 404"),
        ("/broken.mp4", Reason.UNREACHABLE, "HTTP Error 503: Down for the night"),
        ("/page", Reason.GONE, "Unsupported URL"),
        ("/list", Reason.GONE, "a list of 2 recordings, not one"),
        ("/to_private", Reason.UNREACHABLE, "169.254.169.254 is not a public address"),
        ("/to_file", Reason.UNREACHABLE, "(its address)"),
        ("/thief", None, ""),
    ],
)
def test_what_a_site_says_is_kept(
    site: str, tmp_path: Path, path: str, reason: Reason | None, words: str
) -> None:
    error = refused(f"{site}{path}", tmp_path)
    assert error.reason is reason or reason is None
    assert words in error.detail
    assert not any(b"root:" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_host_that_is_not_listed_is_not_asked(
    site: str, asked: list[str], tmp_path: Path
) -> None:
    error = refused(f"{site}/clip.mp4", tmp_path, replace(REACH, allow_hosts=()))
    assert "its host is not in download.hosts" in error.detail
    assert asked == []


def test_a_list_is_told_without_fetching_what_it_names(site: str, asked: list[str]) -> None:
    found = fetch_module.listing(f"{site}/feed", REACH, 2)
    assert [it.address for it in found] == [f"{site}/clip.mp4", f"{site}/other.mp4"]
    assert set(asked) == {"/feed"}
    with pytest.raises(ClipFailed) as failed:
        fetch_module.listing(f"{site}/gone", REACH, 2)
    assert failed.value.reason is Reason.GONE


def test_private_addresses_are_refused_unless_listed(
    site: str, asked: list[str], tmp_path: Path
) -> None:
    reach = replace(REACH, allow_hosts=(), hosts=("127.0.0.1",))
    error = refused(f"{site}/clip.mp4", tmp_path, reach)
    assert error.reason is Reason.UNREACHABLE
    assert "127.0.0.1 is not a public address; see download.allow_hosts" in error.detail
    assert asked == []


@pytest.mark.parametrize(
    ("host", "public"),
    [
        *((host, False) for host in ("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1")),
        *((host, False) for host in ("169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1")),
        *((host, False) for host in ("::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::")),
        *((host, False) for host in ("64:ff9b::7f00:1", "2002:7f00:1::", "255.255.255.255")),
        *((host, True) for host in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")),
    ],
)
def test_which_addresses_are_public(host: str, public: bool) -> None:
    assert grab.is_public(host) is public


def test_connections_are_judged_where_they_are_made() -> None:
    for event in ("socket.connect", "socket.sendto"):
        with pytest.raises(grab.RefusedError):
            grab.refuse_private({"127.0.0.1"}, event, (None, ("fe80::1%eth0", 80, 0, 0)))
        grab.refuse_private({"127.0.0.1"}, event, (None, ("127.0.0.1", 80)))
        grab.refuse_private(set(), event, (None, ("8.8.8.8", 443)))
        grab.refuse_private(set(), event, (None, "/run/a.socket"))


def test_size_is_bounded_by_what_is_said_and_by_what_comes(site: str, tmp_path: Path) -> None:
    for number, path in enumerate(("/clip.mp4", "/endless.mp4")):
        folder = tmp_path / str(number)
        folder.mkdir()
        error = refused(f"{site}{path}", folder, replace(REACH, max_bytes=10_000))
        assert (error.reason, error.threshold, error.op) == (Reason.TOO_LARGE, 10_000, "<=")
        assert error.measured is not None
        assert error.measured > 10_000
        assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 1 << 21


def test_a_large_local_file_is_not_even_opened(site_folder: Path, tmp_path: Path) -> None:
    error = refused(str(site_folder / "clip.mp4"), tmp_path, replace(REACH, max_bytes=100))
    assert error.reason is Reason.TOO_LARGE
    assert list(tmp_path.iterdir()) == []


def test_a_slow_site_is_given_up(site: str, tmp_path: Path) -> None:
    began = time.monotonic()
    error = refused(f"{site}/slow.mp4", tmp_path, replace(REACH, wall_s=4))
    assert time.monotonic() - began < 30
    assert error.reason is Reason.UNREACHABLE
    assert "too slow" in error.detail


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/a.mp4", "https://nowhere.invalid/a.mp4"])
def test_a_dead_link_is_unreachable(address: str, tmp_path: Path) -> None:
    reach = replace(REACH, hosts=("nowhere.invalid",))
    assert refused(address, tmp_path, reach).reason is Reason.UNREACHABLE


def test_a_missing_local_file_is_unreachable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        error = refused(str(path), tmp_path)
        assert (error.reason, error.detail) == (Reason.UNREACHABLE, "no such file")


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"duration": 99}, None),
        ({"duration": 101}, "too_long"),
        ({"is_live": True}, "unreachable"),
        ({"n_entries": 2}, "gone"),
        ({"playlist_count": 1}, None),
        ({}, None),
    ],
)
def test_what_a_site_offers_is_judged_before_it_is_fetched(
    info: dict[str, object], reason: str | None
) -> None:
    gate = grab.Gate(100, 1000)
    if reason:
        with pytest.raises(grab.DownloadCancelled):
            gate.offered(info)
    else:
        gate.offered(info)
    assert (gate.refusal or {}).get("reason") == reason


def test_who_fetches_nothing_from_a_network_loads_neither_ytdlp_nor_pandas(
    site_folder: Path, tmp_path: Path
) -> None:
    """Either takes longer to load than a clip to measure."""
    film = next(path for path in site_folder.iterdir() if path.suffix == ".mp4")
    code = f"""
import pathlib, sys
import stages.download
from pipeline.sources.fetch import Reach, fetch
had = fetch({str(film)!r}, pathlib.Path({str(tmp_path)!r}), Reach())
assert had.picture.read_bytes() == pathlib.Path({str(film)!r}).read_bytes()
sys.exit(any(name in sys.modules for name in ("yt_dlp", "pandas")))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
