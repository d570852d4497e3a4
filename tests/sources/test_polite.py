"""A site is asked seldom, again where it is busy, and only for what is not here yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.sources import partial, progress, turns
from pipeline.sources.fetch import Reach, fetch
from tests.sources.project import PARAMS, Project
from tests.sources.server import serving

REACH = Reach(wall_s=60, allow_hosts=("127.0.0.1",))
COOKIES = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tpass\tsesame\n"


@pytest.fixture
def heads() -> list[dict[str, str]]:
    return []


@pytest.fixture
def site(site_folder: Path, heads: list[dict[str, str]]) -> Iterator[tuple[str, list[str]]]:
    with serving(site_folder, heads=heads) as served:
        yield served


def test_a_busy_site_is_asked_again_later(
    site: tuple[str, list[str]], site_folder: Path, tmp_path: Path
) -> None:
    address, asked = site
    once, thrice = tmp_path / "once", tmp_path / "thrice"
    once.mkdir()
    thrice.mkdir()
    with pytest.raises(ClipFailed) as failed:
        fetch(f"{address}/busy.mp4", once, REACH)
    assert failed.value.reason is Reason.UNREACHABLE
    assert asked == ["/busy.mp4"]
    began = time.monotonic()
    had = fetch(f"{address}/busy.mp4", thrice, replace(REACH, attempts=3, backoff_s=0.5))
    assert had.picture.read_bytes() == (site_folder / "clip.mp4").read_bytes()
    assert time.monotonic() - began > 0.5


def test_what_cannot_pass_is_asked_for_once(site: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = site
    with pytest.raises(ClipFailed) as failed:
        fetch(f"{address}/gone.mp4", tmp_path, replace(REACH, attempts=5))
    assert failed.value.reason is Reason.GONE
    assert asked == ["/gone.mp4"]


def test_a_run_that_was_broken_off_goes_on_with_the_rest(
    site: tuple[str, list[str]], site_folder: Path, tmp_path: Path, heads: list[dict[str, str]]
) -> None:
    address, _ = site
    content = (site_folder / "clip.mp4").read_bytes()
    with pytest.raises(ClipFailed):
        fetch(f"{address}/always_breaks.mp4", tmp_path, REACH)
    (part,) = tmp_path.glob("*.part")
    assert content.startswith(part.read_bytes())
    assert part.stat().st_size > 0
    heads.clear()
    had = fetch(f"{address}/breaks.mp4", tmp_path, REACH)
    assert had.picture.read_bytes() == content
    assert any("Range" in head for head in heads)


def test_what_is_whole_is_not_asked_for_again(site: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = site
    first = fetch(f"{address}/clip.mp4", tmp_path, REACH)
    asked.clear()
    assert fetch(f"{address}/clip.mp4", tmp_path, REACH) == first
    assert asked == []
    first.picture.unlink()
    fetch(f"{address}/clip.mp4", tmp_path, REACH)
    assert asked


def test_halves_of_two_recordings_are_not_taken_for_one(
    site: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, _ = site
    project = Project(tmp_path / "project")
    project.catalogue(f"a,{address}/breaks.mp4,,,cry,,,,platform_cc,\n")
    project.run()
    assert project.ledger().loc["a", "reason"] == "unreachable"
    (part,) = project.root.glob("data/.store/.partial/*/*.part")
    part.write_bytes(b"x" * part.stat().st_size)
    project.run(PARAMS.model_copy(update={"retry": 1}))
    assert project.ledger().loc["a", "reason"] == "kept"
    assert not list(project.root.glob("data/.store/.partial/*"))


def test_what_nobody_asks_for_any_more_does_not_stay(
    site: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, _ = site
    project = Project(tmp_path / "project")
    project.catalogue(f"a,{address}/always_breaks.mp4,,,cry,,,,platform_cc,\n")
    project.run()
    assert list(project.root.glob("data/.store/.partial/*/*.part"))
    project.catalogue("")
    project.run()
    assert not list(project.root.glob("data/.store/.partial/*"))


def test_cookies_are_shown_where_they_are_named_and_only_read(
    site: tuple[str, list[str]], tmp_path: Path, heads: list[dict[str, str]]
) -> None:
    address, _ = site
    file, plain, shown = tmp_path / "cookies.txt", tmp_path / "plain", tmp_path / "shown"
    file.write_text(COOKIES)
    file.chmod(0o600)
    plain.mkdir()
    shown.mkdir()
    fetch(f"{address}/clip.mp4", plain, REACH)
    assert not any("Cookie" in head for head in heads)
    fetch(f"{address}/clip.mp4", shown, replace(REACH, cookies=str(file)))
    assert heads[-1]["Cookie"] == "pass=sesame"
    assert file.read_text() == COOKIES
    assert b"sesame" not in b"".join(p.read_bytes() for p in shown.rglob("*") if p.is_file())


def test_cookies_that_are_missing_or_open_to_others_stop_a_run_before_any_work(
    site: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = site
    project = Project(tmp_path / "project")
    project.catalogue(f"a,{address}/clip.mp4,,,cry,,,,platform_cc,\n")
    file = tmp_path / "cookies.txt"
    with pytest.raises(CradleError, match="no such file"):
        project.run(PARAMS.model_copy(update={"cookies": str(file)}))
    file.write_text(COOKIES)
    file.chmod(0o644)
    with pytest.raises(CradleError, match="chmod 600"):
        project.run(PARAMS.model_copy(update={"cookies": str(file)}))
    assert asked == []


def test_a_host_is_left_alone_between_two_fetches_and_others_are_not(tmp_path: Path) -> None:
    began = time.monotonic()
    turns.wait("http://one.example/a", 0.4, tmp_path)
    turns.wait("http://two.example/a", 0.4, tmp_path)
    assert time.monotonic() - began < 0.3
    turns.wait("http://one.example/b", 0.4, tmp_path)
    assert time.monotonic() - began >= 0.4
    assert not any("example" in path.name for path in tmp_path.iterdir())


def test_a_clock_that_was_set_back_or_a_broken_note_holds_nobody_up(tmp_path: Path) -> None:
    turns.wait("http://one.example/a", 0.2, tmp_path)
    (note,) = tmp_path.iterdir()
    for text in (f"{time.monotonic() + 1e6}", "no number"):
        note.write_text(text)
        began = time.monotonic()
        turns.wait("http://one.example/a", 0.2, tmp_path)
        assert time.monotonic() - began < 1


def test_whoever_watches_sees_how_much_has_come_of_each(tmp_path: Path) -> None:
    for name, size in (("x", 3_200_000), ("y", 100_000), ("unknown", 5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.media.part").write_bytes(bytes(size))
    assert progress.coming(tmp_path, {"x": "anna", "y": "bert"}) == "anna 3.2 MB, bert 0.1 MB"


def test_two_at_once_do_not_write_into_one_file(tmp_path: Path) -> None:
    folder, instead = tmp_path / "own", tmp_path / "instead"
    with partial.kept(folder, instead) as first, partial.kept(folder, instead) as second:
        assert (first, second) == (folder, instead)
