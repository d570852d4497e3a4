"""`cradle sources add`: from anywhere, each thing once, and nothing that was taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.__main__ import main
from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.sources import candidates
from pipeline.sources.candidates import Candidate
from pipeline.sources.catalogue import Source, read_sources
from tests.media import making
from tests.sources import films

GIVEN = ("--vocalization", "cry", "--consent", "platform_cc")
AUDIOSET = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=4
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00002"
--ZhevVpy1s, 50.000, 60.000, "/m/012xff"
-1q7jA3DXQM, 0.500, 10.000, "/t/dd00002"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty catalogue, in which loopback may be asked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("sources.csv", "takedowns.csv"):
        shutil.copy(PROJECT / "data" / name, tmp_path / "data" / name)
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    content["download"]["allow_hosts"] = ["127.0.0.1"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def rows(root: Path) -> list[Source]:
    return read_sources(root, ["cry", "laugh"])


def added(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, str]]:
    main(["sources", "add", *words, *GIVEN, "--json"])
    return json.loads(capsys.readouterr().out)


def test_segments_of_audioset_are_chosen_by_the_labels_in_params(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "segments.csv").write_text(AUDIOSET)
    added(capsys, "segments.csv", "--added-by", "ab")
    found = [(row.address[-11:], row.start_s, row.end_s, row.vocalization) for row in rows(root)]
    assert found == [("--PJHxphWEs", 30.0, 40.0, "cry"), ("-1q7jA3DXQM", 0.5, 10.0, "cry")]
    assert {(row.added_by, row.consent) for row in rows(root)} == {("ab", "platform_cc")}
    assert all(row.retrieved_on for row in rows(root))
    again = added(capsys, "segments.csv")
    assert all("the same address as" in it["known"] for it in again)
    assert len(rows(root)) == 2


@pytest.mark.parametrize(
    "line",
    [
        '../../etc/passwd, 0, 10, "/t/dd00002"',
        'abcdefghijk, x, 10, "/t/dd00002"',
        "a, b",
    ],
)
def test_what_is_no_segment_is_told_with_its_line(root: Path, line: str) -> None:
    (root / "segments.csv").write_text(AUDIOSET + line + "\n")
    with pytest.raises(CradleError, match=r"segments\.csv: line 7"):
        candidates.of_audioset(root / "segments.csv", ["/t/dd00002"], 50)


def test_a_list_of_a_site_becomes_rows(
    root: Path, site: str, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    added(capsys, f"{site}/feed", "--limit", "2")
    assert [row.address for row in rows(root)] == [f"{site}/clip.mp4", f"{site}/other.mp4"]
    assert "baby" not in (root / "data/sources.csv").read_text()
    assert "/clip.mp4" not in asked


def test_a_search_asks_youtube_for_every_term_of_the_kind(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terms: list[tuple[str, int]] = []

    def search(term: str, reach: object, most: int) -> list[Candidate]:
        terms.append((term, most))
        return [Candidate(f"https://example.org/{len(terms)}")]

    monkeypatch.setattr(candidates, "of_search", search)
    assert len(added(capsys, "search", "--limit", "3", "--dry-run")) == len(terms) == 3
    assert terms[0] == ("baby crying", 3)
    added(capsys, "search:my own words", "--dry-run")
    assert terms[-1][0] == "my own words"
    assert rows(root) == []


def test_a_folder_gives_each_film_once_whatever_was_done_to_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root / "clips"
    folder.mkdir()
    first = films.film(folder / "a.mp4", 3)
    films.film(folder / "c.mp4", 4)
    shutil.copy(first, folder / "b.mp4")
    making.ffmpeg("-i", first, "-vf", "crop=iw*0.9:ih*0.9", "-b:a", "64k", folder / "d.mp4")
    (folder / "e.mp4").write_text("no media")
    (folder / "notes.txt").write_text("of no interest")
    (folder / "link.mp4").symlink_to("/etc/passwd")
    told = {Path(it["address"]).name: it["known"] for it in added(capsys, "clips")}
    ids = {row.address: row.id for row in rows(root)}
    assert set(ids) == {"clips/a.mp4", "clips/c.mp4"}
    assert told["b.mp4"] == f"the same file as {ids['clips/a.mp4']}"
    assert told["d.mp4"] == f"looks and sounds like {ids['clips/a.mp4']}"
    assert told["e.mp4"].startswith("not_media")
    assert "notes.txt" not in told


def test_what_was_taken_back_is_not_added(
    root: Path, capsys: pytest.CaptureFixture[str], site_folder: Path
) -> None:
    (root / "segments.csv").write_text(AUDIOSET)
    digest = candidates.of_file(site_folder / "clip.mp4", root).digest
    (root / "data/takedowns.csv").write_text(
        "id,address,digest,date,reason\n"
        ",https://youtu.be/--PJHxphWEs,,2026-02-11,asked\n"
        f",,{digest},2026-02-12,asked\n"
    )
    told = added(capsys, "segments.csv", str(site_folder / "clip.mp4"))
    known = [it["known"] for it in told]
    assert known == ["taken back on 2026-02-11", "", "taken back on 2026-02-12"]


def test_a_dry_run_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "segments.csv").write_text(AUDIOSET)
    before = (root / "data/sources.csv").read_bytes()
    assert main(["sources", "add", "segments.csv", *GIVEN, "--dry-run"]) == 0
    assert "2 would be added" in capsys.readouterr().out
    assert (root / "data/sources.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", *GIVEN), "there is no such file or folder"),
        (("a.csv", "--vocalization", "howl", "--consent", "none"), "params.yaml has: cry"),
        (("segments.csv", *GIVEN, "--age-months", "many"), "column age_months"),
    ],
)
def test_mistakes_are_explained_and_change_nothing(
    root: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "segments.csv").write_text(AUDIOSET)
    before = (root / "data/sources.csv").read_bytes()
    assert main(["sources", "add", *words]) == 1
    assert said in capsys.readouterr().err
    assert (root / "data/sources.csv").read_bytes() == before


def test_sections_of_one_recording_are_the_same_only_where_they_overlap() -> None:
    one = Candidate("https://youtu.be/abcdefghijk", 5.0, 10.0)
    other = "https://www.youtube.com/watch?v=abcdefghijk"
    assert one.overlaps(other, None, None)
    assert one.overlaps(other, 9.0, None)
    assert not one.overlaps(other, 10.0, 12.0)
    assert not one.overlaps("https://youtu.be/bbbbbbbbbbb", None, None)
