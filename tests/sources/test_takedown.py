"""Taking back: gone everywhere, others untouched, and proof of it."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.core import ledger, tables
from pipeline.core.code import PROJECT
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.remote import Held, Remote, push
from pipeline.core.store import Store
from pipeline.sources import account, away
from pipeline.sources.catalogue import read_sources, read_takedowns

HEADER = "id,address,start_s,end_s,vocalization,age_months,source,licence,consent,note\n"
STAYS = "stays_01"
GOES = ("goes_01", "goes_again")
"""The second is the same file under another id and address."""


def key(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after a run over three clips, with an older measurement that no table names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    names = [*GOES, STAYS]
    digest_of = {name: key("other" if name == STAYS else "same") for name in names}
    lines = [f"{name},https://example.org/{name},,,cry,,,CC0,parental,\n" for name in names]
    (tmp_path / "data/sources.csv").write_text(HEADER + "".join(lines))
    clips = pd.DataFrame({"clip": names, "media_digest": [digest_of[name] for name in names]})
    clips["media_key"] = [key("media" + name) for name in names]
    _table(tmp_path / "data/download/clips.parquet", clips)
    faces = pd.DataFrame({"clip": names, "face_key": [key("face" + name) for name in names]})
    _table(tmp_path / "data/landmarks/clips.parquet", faces)
    index = pd.DataFrame({"clip": names, "split": ["train", "val", "test"]})
    _table(tmp_path / "data/pack/train-00000.parquet", index)
    _table(tmp_path / ".dvc/cache/files/md5/aa/old_version", index)
    rows = [ClipRow(name, Reason.KEPT) for name in names]
    digests = {name: digest_of[name] for name in names}
    ledger.write_clips(tmp_path / "data/download/ledger.parquet", "download", rows, digests)
    _store(tmp_path, digest_of)
    (tmp_path / "data/evaluate/videos").mkdir(parents=True)
    (tmp_path / f"data/evaluate/videos/{STAYS}__0.mp4").write_bytes(b"to whose sound?")
    (tmp_path / f"data/train/{GOES[1]}__0.csv").parent.mkdir()
    (tmp_path / f"data/train/{GOES[1]}__0.csv").write_text("a curve")
    (tmp_path / "data/audit").mkdir()
    (tmp_path / "data/audit/report.html").write_text(f"<td>{GOES[0]}</td>")
    (tmp_path / "data/overrides.csv").write_text(
        "clip,start_frame,end_frame,verdict,reason,reviewer,date,measured\n"
        f"{GOES[0]},,,drop,eyes shut,ab,2026-02-11,\n{STAYS},,,keep,fine,ab,2026-02-11,\n"
    )
    return tmp_path


def _table(path: Path, frame: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, frame)


def _store(root: Path, digest_of: dict[str, str]) -> None:
    store = Store(root / "data/.store")
    for name, digest in digest_of.items():
        with store.publish("media", key("media" + name)) as out:
            (out / "video.mp4").write_bytes(name.encode())
            (out / "media.json").write_text(json.dumps({"digest": digest}))
        with store.publish("face", key("face" + name)) as out:
            (out / "landmarks.npz").write_bytes(b"points")
    for step in ("face", "pictures", "meshes"):
        with store.publish(step, key("older")) as out:
            (out / "whose").write_bytes(b"nobody can tell")


def everything(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_what_is_taken_back_is_gone_and_what_stays_is_untouched(root: Path) -> None:
    assert main(["takedown", GOES[0], "--verify"]) == 1
    assert main(["takedown", GOES[0], "--reason", "the parents asked"]) == 0
    assert main(["takedown", GOES[0], "--verify"]) == 0
    left = set(everything(root / "data/.store"))
    assert left == {
        f"media/{key('media' + STAYS)[:2]}/{key('media' + STAYS)}/video.mp4",
        f"media/{key('media' + STAYS)[:2]}/{key('media' + STAYS)}/media.json",
        f"face/{key('face' + STAYS)[:2]}/{key('face' + STAYS)}/landmarks.npz",
    }
    assert not (root / ".dvc/cache/files/md5/aa/old_version").exists()
    assert not (root / "data/pack/train-00000.parquet").exists()
    assert not (root / "data/audit/report.html").exists()
    assert not list((root / "data/evaluate/videos").iterdir())
    assert not list((root / "data/train").iterdir())
    remarks = (root / "data/overrides.csv").read_text()
    assert "eyes shut" not in remarks
    assert "fine" in remarks


def test_it_can_never_be_fetched_again(root: Path) -> None:
    main(["takedown", GOES[0], "--reason", "the parents asked"])
    buried = read_takedowns(root)
    assert {row.id for row in buried} == set(GOES)
    covered = {row.id for row in read_sources(root, ["cry"]) if any(b.covers(row) for b in buried)}
    assert covered == set(GOES)


@pytest.mark.parametrize("name", [GOES[1], "http://www.example.org/goes_01/", key("same")])
def test_an_address_or_digest_names_every_clip_that_shows_the_same(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["takedown", name, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ids"] == list(GOES)
    assert told["models_learned_from"] == ["train", "val"]


def test_a_dry_run_changes_nothing(root: Path) -> None:
    before = everything(root)
    assert main(["takedown", GOES[0], "--dry-run"]) == 0
    assert everything(root) == before


def test_asked_twice_it_takes_nothing_more(root: Path) -> None:
    main(["takedown", GOES[0]])
    once = everything(root)
    assert main(["takedown", GOES[0]]) == 0
    twice = everything(root)
    assert {path for path in twice if path not in once} == {
        path for path in twice if path.endswith("_2.md")
    }, "only that it was asked again, and nothing found"
    assert {path: twice[path] for path in once} == once


def test_asked_again_it_still_names_what_was_taken_with_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["takedown", GOES[1]])
    for word in (*GOES, key("same")):
        capsys.readouterr()
        assert main(["takedown", word, "--verify", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["ids"] == list(GOES)
    main(["takedown", STAYS])
    alone = [row.taken_with for row in read_takedowns(root) if row.id == STAYS]
    assert alone == [None]


def test_broken_off_between_store_and_tables_it_takes_nothing_of_others(root: Path) -> None:
    (root / "data/download/clips.parquet").unlink()
    main(["takedown", GOES[0]])
    stays = key("media" + STAYS)
    assert (root / "data/.store/media" / stays[:2] / stays / "video.mp4").exists()


def test_a_row_that_says_withdrawn_is_no_trace(root: Path) -> None:
    main(["takedown", GOES[0]])
    rows = [ClipRow(name, Reason.WITHDRAWN) for name in GOES] + [ClipRow(STAYS, Reason.KEPT)]
    came_in = {row.clip: key(row.clip) for row in rows}
    ledger.write_clips(root / "data/download/ledger.parquet", "download", rows, came_in)
    (root / "data/audit").mkdir(exist_ok=True)
    (root / "data/audit/report.html").write_text(f"<td>{GOES[0]}</td><td>withdrawn</td>")
    assert main(["takedown", GOES[0], "--verify"]) == 0
    (root / "data/notes.txt").write_text(f"{GOES[0]} was lovely")
    assert main(["takedown", GOES[0], "--verify"]) == 1


def test_an_id_that_is_part_of_another_leaves_it_alone(root: Path) -> None:
    (root / "data/notes.txt").write_text("goes_011 and not_goes_01")
    main(["takedown", GOES[0]])
    assert (root / "data/notes.txt").exists()


def test_a_name_that_nothing_has_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(root)
    assert main(["takedown", "nobody"]) == 1
    assert "'nobody': no clip of data/sources.csv" in capsys.readouterr().err
    assert everything(root) == before


def test_its_content_stays_away_under_any_address(root: Path) -> None:
    main(["takedown", GOES[0]])
    assert {row.digest for row in read_takedowns(root)} == {(key("same"),)}


def test_what_looks_and_sounds_the_same_goes_as_well_unless_it_is_to_stay(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_of = {GOES[0]: 1, GOES[1]: 2, STAYS: 1}
    clips = tables.read(root / "data/download/clips.parquet")
    clips["fingerprint_key"] = [key(f"print{print_of[name]}") for name in clips["clip"]]
    tables.write(root / "data/download/clips.parquet", clips)
    for number in (1, 2):
        rng = np.random.default_rng(number)
        marks = np.sort(rng.integers(0, 1 << 24, 300, dtype=np.uint32))
        pictures = rng.integers(0, 1 << 62, (30, 31), dtype=np.uint64)
        with Store(root / "data/.store").publish("fingerprint", key(f"print{number}")) as out:
            np.savez(out / "print.npz", pictures=pictures, marks=marks, times=marks % 250)
    main(["takedown", GOES[0], "--dry-run", "--exact", "--json"])
    assert json.loads(capsys.readouterr().out)["ids"] == list(GOES)
    main(["takedown", GOES[0], "--dry-run"])
    assert f"{STAYS} looks and sounds the same: 300 marks" in capsys.readouterr().out


def test_remotes_that_are_folders_here_are_searched_and_others_are_listed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (root / ".dvc/near", root.parent / "far"):
        _table(place / "files/md5/ab/cd", pd.DataFrame({"clip": [GOES[0]]}))
        _table(place / "files/md5/ab/other", pd.DataFrame({"clip": [STAYS]}))
    (root / ".dvc/config").write_text(
        "[core]\n    analytics = false\n"
        "['remote \"near\"']\n    url = near\n"
        f"['remote \"far\"']\n    url = file://{root.parent}/far\n"
        "['remote \"cloud\"']\n    url = s3://bucket/path\n"
    )
    main(["takedown", GOES[0], "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["remotes"] == ["cloud"]
    assert told["removed"]["the remote far"] == 1
    for place in (root / ".dvc/near", root.parent / "far"):
        assert [path.name for path in place.rglob("*") if path.is_file()] == ["other"]
    assert main(["takedown", GOES[0], "--verify"]) == 0


def test_what_was_to_be_kept_until_a_past_day_goes_by_itself(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    days = {GOES[0]: "2020-01-01", GOES[1]: "2999-01-01", STAYS: ""}
    lines = [f"{name},https://example.org/v,cry,parental,{day}\n" for name, day in days.items()]
    header = "id,address,vocalization,consent,retention_until\n"
    (root / "data/sources.csv").write_text(header + "".join(lines))
    assert main(["takedown", "--expired", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ids"] == [GOES[0]]
    (buried,) = read_takedowns(root)
    assert (buried.id, buried.address, buried.digest) == (GOES[0], None, ())
    assert buried.reason == "it was not to be kept any longer"
    stored = {path.parent.name for path in (root / "data/.store/media").rglob("video.mp4")}
    assert stored == {key("media" + GOES[1]), key("media" + STAYS)}
    before = everything(root)
    assert main(["takedown", "--expired"]) == 0
    assert everything(root) == before


def test_what_was_found_and_removed_is_written_down_and_signed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = root / "models/generator/model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    main(["takedown", GOES[0], "--reason", "the parents asked", "--by", "A. B.", "--json"])
    path = root / json.loads(capsys.readouterr().out)["account"]
    text = path.read_text()
    words = (
        *(f"clips: {GOES[0]}, {GOES[1]}", "reason: the parents asked", "removed from the store: "),
        *("0 tell of it still", "Signed off by A. B.", hashlib.sha256(b"weights").hexdigest()),
    )
    assert [word for word in words if word not in text] == []
    body, last = text.rsplit("SHA-256 of the lines above: ", 1)
    assert hashlib.sha256(body.encode()).hexdigest() == last.strip()
    assert account.stale(root, model) is not None
    model.write_bytes(b"other weights")
    assert account.stale(root, model) is None
    assert main(["takedown", GOES[0], "--verify"]) == 0
    main(["takedown", GOES[0]])
    assert len(list(path.parent.glob("*.md"))) == 2, "an account is never written over"


def test_the_recording_itself_goes_wherever_it_lies_in_the_project(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "clips").mkdir()
    film, notes, other = (root / "clips" / name for name in ("a.mp4", "notes.txt", "b.mp4"))
    film.write_bytes(b"a film")
    other.write_bytes(b"another film")
    digest = hashlib.sha256(b"a film").hexdigest()
    notes.write_text(f"{GOES[0]} is {digest}")
    clips = tables.read(root / "data/download/clips.parquet")
    clips["source_digest"] = [digest, digest, key("another source")]
    tables.write(root / "data/download/clips.parquet", clips)
    half = root / "data/.store/.partial/some/1.media.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a film")
    main(["takedown", digest, "--json"])
    assert not film.exists()
    assert not half.exists()
    assert notes.exists(), "what somebody wrote is theirs to change"
    assert other.exists()
    (text,) = (path.read_text() for path in (root / "data/takedowns").glob("*.md"))
    assert "1 tell of it still\n  - clips/notes.txt" in text
    assert main(["takedown", digest, "--verify"]) == 1


def test_a_file_outside_the_project_is_named_and_left(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = root.parent / "own.mp4"
    film.write_bytes(b"a film")
    lines = f"{GOES[0]},{film},cry,parental\n"
    (root / "data/sources.csv").write_text("id,address,vocalization,consent\n" + lines)
    main(["takedown", GOES[0], "--exact"])
    assert film.exists()
    (text,) = (path.read_text() for path in (root / "data/takedowns").glob("*.md"))
    assert f"outside the project, yours to remove: {film}" in text


def test_what_lies_in_the_store_beside_measurements_goes_as_well(root: Path) -> None:
    store = root / "data/.store"
    for path in ("tracebacks/face-goes_01.txt", "logs/host-1.jsonl", "files.json"):
        (store / path).parent.mkdir(exist_ok=True)
    (store / "tracebacks/face-goes_01.txt").write_text("ValueError")
    (store / "logs/host-1.jsonl").write_text(f'{{"clip": "{GOES[0]}"}}\n')
    (store / "files.json").write_text(json.dumps({"place": [1, 2, 3, 4, key("same")]}))
    (store / "logs/host-2.jsonl").write_text(f'{{"clip": "{STAYS}"}}\n')
    for part, clip in (("00", GOES[0]), ("01", STAYS)):
        with Store(store).publish("face_tables", key(part)) as out:
            tables.write(out / "frames.parquet", pd.DataFrame({"clip": [clip], "frame": [0]}))
        _table(
            root / f"data/landmarks/frames.parquet/{part}.parquet", pd.DataFrame({"clip": [clip]})
        )
    assert main(["takedown", GOES[0], "--reason", "the parents asked"]) == 0
    assert main(["takedown", GOES[0], "--verify"]) == 0
    left = set(everything(store))
    assert f"face_tables/{key('01')[:2]}/{key('01')}/frames.parquet" in left
    assert "logs/host-2.jsonl" in left
    gone = ("tracebacks/face-goes_01.txt", "logs/host-1.jsonl", "files.json")
    assert not left & {*gone, f"face_tables/{key('00')[:2]}/{key('00')}/frames.parquet"}
    # What would be read as if it were whole goes whole.
    assert not (root / "data/landmarks/frames.parquet").exists()


@pytest.fixture
def elsewhere(root: Path) -> Remote:
    """A folder that the measurements of the project were pushed to."""
    remote = Remote(str(root.parent / f"{root.name}-elsewhere"))
    held = [
        Held(key("file" + name), key("other" if name == STAYS else "same"), step, key(step + name))
        for name in (*GOES, STAYS)
        for step in ("media", "face")
    ]
    away.note(root, remote.url, date(2026, 2, 11))
    push(Store(root / "data/.store"), remote, held, media=True)
    return remote


def test_it_goes_from_where_measurements_were_pushed_to_and_stays_away(
    root: Path, elsewhere: Remote
) -> None:
    gone, stays = key("same"), key("other")
    assert main(["takedown", GOES[0], "--dry-run"]) == 0
    assert len(elsewhere.of({gone})) == 10
    assert main(["takedown", GOES[0], "--reason", "the parents asked"]) == 0
    assert elsewhere.of({gone}) == []
    assert len(elsewhere.of({stays})) == 5
    assert gone in elsewhere.withdrawn()
    assert main(["takedown", GOES[0], "--verify"]) == 0
    told = next((root / account.FOLDER).glob("*.md")).read_text()
    assert f"removed from the store at {elsewhere.url}: 10" in told


def test_what_is_left_where_it_was_pushed_to_is_found(root: Path, elsewhere: Remote) -> None:
    main(["takedown", GOES[0]])
    elsewhere._put(f"clips/{key('file')}/{key('same')}/face/{key('late')}/a.npz", b"a late push")
    assert main(["takedown", GOES[0], "--verify"]) == 1


def test_a_place_that_cannot_be_reached_stops_nothing_and_is_told(
    root: Path, elsewhere: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(elsewhere.url.removeprefix("file://"))
    folder.rename(folder.with_suffix(".moved"))
    folder.write_text("no folder any more")
    assert main(["takedown", GOES[0]]) == 0
    assert f"`cradle store push {elsewhere.url}`" in capsys.readouterr().out
    assert main(["takedown", GOES[0], "--verify"]) == 1
    told = next((root / account.FOLDER).glob("*.md")).read_text()
    assert f"store that was not reached, `cradle store push` it: {elsewhere.url}" in told
    folder.unlink()
    folder.with_suffix(".moved").rename(folder)
    digests = {digest for row in read_takedowns(root) for digest in row.digest}
    assert push(Store(root / "data/.store"), elsewhere, [], digests).removed == 10
