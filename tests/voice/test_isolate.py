"""The stage over a small project: tables, ledger, memory, and files given by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.__main__ import main
from pipeline.core import tables
from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.core.ledger import read_clips
from pipeline.core.store import Store
from pipeline.params import load
from pipeline.voice.files import events_of_file
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations import learn
from tests.voice.mixing import RATE, mixture
from tests.voice.world import downloaded, isolated


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project after `download`, with a cry, a laugh under talk, and a file that is no sound."""
    sounds = {"cry_1": mixture("cry", None, 60)[0], "talk_1": mixture("laugh", "adult", 61)[0]}
    return downloaded(tmp_path, {**sounds, "zz_broken": b"no sound at all"})


KINDS = load(PROJECT).vocalizations


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_clip_is_accounted_for_and_remembered(project: Path) -> None:
    first = isolated(project, KINDS)
    assert (first.seen, first.measured, first.kept) == (3, 3, 2)
    assert first.dropped == {"measure_failed": 1}
    before = files(project / "data/isolate")
    again = isolated(project, KINDS)
    # What failed by our own fault is tried again; what was measured is not.
    assert again.remembered >= 2
    assert before == files(project / "data/isolate")
    ledger = read_clips(project / "data/isolate/ledger.parquet").set_index("clip")
    assert ledger.loc["cry_1", "state"] == "kept"
    assert ledger.loc["zz_broken", "state"] == "errored"
    assert set(ledger["backend"]) == {"embedded+embedded"}
    assert ledger.loc["cry_1", "input_digest"] == "digest_cry_1"


def test_tables_hold_what_the_clips_sound_like(project: Path) -> None:
    isolated(project, KINDS)
    out = project / "data" / "isolate"
    clips = tables.read(out / "clips.parquet").set_index("clip")
    assert list(clips.index) == ["cry_1", "talk_1"]
    assert clips.loc["cry_1", "infant_s"] > 1.5
    assert clips.loc["cry_1", "snr_db"] > clips.loc["talk_1", "snr_db"]
    assert clips.loc["talk_1", "adult_overlap"] > clips.loc["cry_1", "adult_overlap"]
    frames = tables.read(out / "frames.parquet")
    assert frames.groupby("clip").size().to_dict() == {"cry_1": 120, "talk_1": 120}
    cry = frames[frames["clip"] == "cry_1"]
    assert np.corrcoef(cry["infant"], cry["stem_db"])[0, 1] > 0.6
    events = tables.read(out / "events.parquet")
    assert {"infant", "adult"} <= set(events["who"])
    assert (events["end_s"] > events["start_s"]).all()


def test_stem_and_tracks_are_in_the_store(project: Path) -> None:
    isolated(project, KINDS)
    clips = tables.read(project / "data/isolate/clips.parquet").set_index("clip")
    store = Store(project / "data" / ".store")
    stem_entry = store.entry("stem", clips.loc["cry_1", "stem_key"])
    stem, rate = media.read_sound(stem_entry.path / "stem_16k.flac")
    assert (len(stem), rate) == (4 * RATE, RATE)
    entry = store.entry("voice", clips.loc["cry_1", "voice_key"])
    with np.load(entry.path / "voice.npz") as voices:
        assert voices["infant"].shape == (201,)


def test_no_clips_give_empty_tables(project: Path) -> None:
    path = project / "data" / "download" / "clips.parquet"
    tables.write_parts(path, tables.read(path).iloc[:0])
    assert isolated(project, KINDS).seen == 0
    assert len(tables.read(project / "data/isolate/frames.parquet")) == 0


def test_a_file_given_by_hand(tmp_path: Path) -> None:
    sound, _, _ = mixture("cry", None, 62)
    path = tmp_path / "hand.wav"
    media.write_sound(path, np.stack([sound, sound], 1), RATE)
    outs = [tmp_path / "stem.wav", tmp_path / "rest.wav"]
    assert main(["isolate", str(path), "-o", str(outs[0]), "--residual", str(outs[1])]) == 0
    stem, rest = (media.read_sound(out)[0] for out in outs)
    assert np.allclose(stem + rest, sound - sound.mean(), atol=1e-4)
    heard = events_of_file(path, Isolate(), learn(KINDS, PROJECT))
    assert set(heard[0]) == {"start_s", "end_s", "who", "type", "score", "snr_db"}
    assert any(event["who"] == "infant" and event["type"] == "cry" for event in heard)


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("milk, nappies")
    with pytest.raises(CradleError, match=r"notes\.wav"):
        events_of_file(path, Isolate(), learn(KINDS, PROJECT))
