"""The stage over a small project: tables, ledger, memory, and files given by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline import media
from pipeline.core import tables
from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.core.ledger import read_clips
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store
from pipeline.params import load
from pipeline.voice.files import events_of_file, isolate_file
from pipeline.voice.isolate import run
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations import learn
from pipeline.voice.vocalizations_params import Vocalization
from tests.voice.mixing import RATE, mixture


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project after `download`, with a cry, a laugh under talk, and a file that is no sound."""
    store = Store(tmp_path / "data" / ".store")
    rows = []
    sounds = {"cry_1": mixture("cry", None, 60)[0], "talk_1": mixture("laugh", "adult", 61)[0]}
    for clip in (*sounds, "zz_broken"):
        with store.publish("media", clip) as folder:
            if clip in sounds:
                media.write_sound(folder / "sound_16k.flac", sounds[clip], RATE)
            else:
                (folder / "sound_16k.flac").write_bytes(b"no sound at all")
        rows.append(
            {
                "clip": clip,
                "media_key": clip,
                "media_digest": f"digest_{clip}",
                "frames": 120,
                "duration_s": 4.0,
                "source": f"of {clip}",
                "vocalization": "cry",
            }
        )
    (tmp_path / "data" / "download").mkdir(parents=True)
    tables.write(tmp_path / "data" / "download" / "clips.parquet", pd.DataFrame(rows))
    return tmp_path


KINDS = load(PROJECT).vocalizations


def isolated(project: Path, kinds: tuple[Vocalization, ...] = KINDS) -> Summary:
    store = Store(project / "data" / ".store")
    runner = Runner(store, Run(executor="serial", device="cpu"))
    return run(
        Stage("isolate", Isolate(), SimpleNamespace(vocalizations=kinds), project, store, runner)
    )


def test_every_clip_is_accounted_for_and_remembered(project: Path) -> None:
    first = isolated(project)
    assert (first.seen, first.measured, first.kept) == (3, 3, 2)
    assert first.dropped == {"measure_failed": 1}
    before = {path.name: path.read_bytes() for path in (project / "data/isolate").iterdir()}
    again = isolated(project)
    # What failed by our own fault is tried again; what was measured is not.
    assert again.remembered >= 2
    after = {path.name: path.read_bytes() for path in (project / "data/isolate").iterdir()}
    assert before == after
    ledger = read_clips(project / "data/isolate/ledger.parquet").set_index("clip")
    assert ledger.loc["cry_1", "state"] == "kept"
    assert ledger.loc["zz_broken", "state"] == "errored"
    assert set(ledger["backend"]) == {"embedded+embedded"}
    assert ledger.loc["cry_1", "input_digest"] == "digest_cry_1"


def test_tables_hold_what_the_clips_sound_like(project: Path) -> None:
    isolated(project)
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
    isolated(project)
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
    tables.write(path, tables.read(path).iloc[:0])
    assert isolated(project).seen == 0
    assert len(tables.read(project / "data/isolate/frames.parquet")) == 0


def test_a_file_given_by_hand(tmp_path: Path) -> None:
    sound, _, _ = mixture("cry", None, 62)
    path = tmp_path / "hand.wav"
    media.write_sound(path, np.stack([sound, sound], 1), RATE)
    about = isolate_file(path, Isolate(), learn(KINDS, PROJECT), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "voice.json").read_text()) == about
    stem, _ = media.read_sound(tmp_path / "out" / "stem_16k.flac")
    rest, _ = media.read_sound(tmp_path / "out" / "residual_16k.flac")
    assert np.allclose(stem + rest, sound - sound.mean(), atol=1e-4)
    heard = events_of_file(path, Isolate(), learn(KINDS, PROJECT))
    assert heard == about["events"]
    assert set(heard[0]) == {"start_s", "end_s", "who", "type", "score", "snr_db"}
    assert any(event["who"] == "infant" and event["type"] == "cry" for event in heard)


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("milk, nappies")
    with pytest.raises(CradleError, match=r"notes\.wav"):
        events_of_file(path, Isolate(), learn(KINDS, PROJECT))
