"""The select stage on files: who comes in, what is written, what it says at the end."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline.core import ledger, tables
from pipeline.core.errors import CradleError
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from pipeline.dataset import measures, select
from pipeline.dataset.overrides import OverridesError
from pipeline.dataset.params import Select
from tests.dataset import world

NAMES = ["crashed", "good", "lost", "turned"]
HEAD = "clip,start_frame,end_frame,verdict,reason,reviewer,date\n"


@pytest.fixture
def project(tmp_path):
    """Four clips, of which one crashed in isolate and another in landmarks."""
    data = tmp_path / "data"
    failed = {"isolate": "crashed", "landmarks": "lost"}
    for stage in ("download", "isolate", "landmarks"):
        (data / stage).mkdir(parents=True)
        rows = [
            ClipRow(n, Reason.TIMED_OUT if failed.get(stage) == n else Reason.KEPT) for n in NAMES
        ]
        ledger.write_clips(data / stage / "ledger.parquet", stage, rows, NAMES)
    clips = world.clips(NAMES)
    seen = world.faces(clips)
    seen.loc[seen["clip"] == "turned", "yaw_deg"] = 70.0
    tables.write_parts(data / "download" / "clips.parquet", clips)
    tables.write_parts(data / "isolate" / "clips.parquet", world.voice(clips))
    tables.write_parts(data / "isolate" / "events.parquet", world.events(clips))
    tables.write_parts(data / "landmarks" / "frames.parquet", seen)
    tables.write_parts(data / "landmarks" / "tracks.parquet", world.tracks(clips))
    tables.write_parts(data / "isolate" / "frames.parquet", world.levels(clips))
    (data / "overrides.csv").write_text(HEAD)
    return tmp_path


def stage(root, **limits):
    store = Store(root / "data" / ".store")
    kinds = tuple(SimpleNamespace(name=n, min_s=s) for n, s in world.MINIMUM_S.items())
    return Stage(
        "select",
        Select(**limits),
        SimpleNamespace(vocalizations=kinds),
        root,
        store,
        Runner(store, Run(executor="serial")),
    )


def reasons(root):
    rows = ledger.read_clips(root / "data" / "select" / "ledger.parquet")
    return dict(zip(rows["clip"], rows["reason"], strict=True))


def test_only_clips_that_every_stage_before_kept_come_in(project):
    summary = select.run(stage(project))
    assert reasons(project) == {"good": "kept", "turned": "turned_away"}
    line = summary.line("select", 0.0)
    assert "2 clips, 0 remembered, 0 measured, 1 kept, 1 dropped (turned_away 1)" in line
    assert "1 spans, 90 of 180 frames" in line


def test_frames_and_spans_are_written_with_what_decided(project):
    select.run(stage(project))
    out = project / "data" / "select"
    assert len(tables.read(out / "frames.parquet")) == 180
    turned = tables.read(out / "frames.parquet").query("clip == 'turned'").iloc[0]
    assert (turned["measure"], turned["measured"], turned["threshold"]) == ("yaw_abs_deg", 70, 40)
    assert tables.read(out / "spans.parquet")["clip"].tolist() == ["good"]


def test_a_second_infant_that_may_be_the_one_that_cries_drops_the_clip(project):
    data = project / "data"
    both = tables.read(data / "landmarks" / "tracks.parquet")
    rival = both[both["clip"] == "good"].assign(track=1, chosen=False)
    tables.write_parts(data / "landmarks" / "tracks.parquet", pd.concat([both, rival]))
    select.run(stage(project))
    assert reasons(project)["good"] == "two_infants"
    row = tables.read(data / "select" / "faces.parquet").set_index("clip").loc["good"]
    assert row["rival_likeness"] == pytest.approx(0.9)
    assert row["moves_with_sound"] == row["rival_moves"] > 0.9


def test_overrides_are_read_and_idle_ones_are_counted(project):
    lines = "turned,,,keep,looked,mk,2026-11-02\nelsewhere,,,drop,looked,mk,2026-11-02\n"
    (project / "data" / "overrides.csv").write_text(HEAD + lines)
    summary = select.run(stage(project))
    assert reasons(project)["turned"] == "kept"
    assert "1 overrides of clips that are not here" in summary.extra


def stamped(project, clip):
    """The digest of what is measured of a clip now."""
    measured = measures.read(project / "data", world.MINIMUM_S, ())
    return measures.digest(measured, clip)


@pytest.mark.parametrize(
    ("rule", "reason", "said"),
    [("apply", "kept", "1 stale overrides applied"), ("ignore", "turned_away", "not applied")],
)
def test_a_stale_override_is_told_and_applied_or_not(project, rule, reason, said):
    line = f"turned,,,keep,looked,mk,2026-11-02,{stamped(project, 'turned')}\n"
    (project / "data" / "overrides.csv").write_text(HEAD.replace("\n", ",measured\n") + line)
    assert "stale" not in select.run(stage(project, stale_overrides=rule)).extra
    assert reasons(project)["turned"] == "kept"
    path = project / "data" / "landmarks" / "frames.parquet"
    faces = tables.read(path)
    faces.loc[faces["clip"] == "turned", "mouth_visible"] = 0.9
    tables.write_parts(path, faces)
    assert said in select.run(stage(project, stale_overrides=rule)).extra
    assert reasons(project)["turned"] == reason
    row = ledger.read_clips(project / "data" / "select" / "ledger.parquet").set_index("clip")
    assert "stale, measured anew since" in row.loc["turned", "detail"]


def test_an_override_never_brings_back_what_was_withdrawn(project):
    path = project / "data" / "download" / "ledger.parquet"
    rows = [ClipRow(n, Reason.WITHDRAWN if n == "good" else Reason.KEPT) for n in NAMES]
    ledger.write_clips(path, "download", rows, NAMES)
    (project / "data" / "overrides.csv").write_text(HEAD + "good,,,keep,please,mk,2026-11-02\n")
    summary = select.run(stage(project))
    assert "good" not in reasons(project)
    assert "1 overrides of clips that are not here" in summary.extra


def test_a_digest_is_of_one_clip_alone_and_of_all_that_was_measured(project):
    good, turned = stamped(project, "good"), stamped(project, "turned")
    assert good != turned
    path = project / "data" / "isolate" / "clips.parquet"
    voices = tables.read(path)
    voices.loc[voices["clip"] == "turned", "snr_db"] += 1
    tables.write_parts(path, voices)
    assert stamped(project, "good") == good
    assert stamped(project, "turned") != turned


def test_a_bad_override_stops_before_anything_is_written(project):
    (project / "data" / "overrides.csv").write_text(HEAD + "good,,,maybe,x,mk,2026-11-02\n")
    with pytest.raises(OverridesError, match=r"overrides.csv:2: verdict 'maybe'"):
        select.run(stage(project))
    assert not (project / "data" / "select").exists()


def test_two_runs_write_the_same_bytes(project):
    out = project / "data" / "select"
    select.run(stage(project))
    first = content(out)
    select.run(stage(project))
    assert content(out) == first
    shutil.rmtree(project / "data" / ".store")
    select.run(stage(project))
    assert content(out) == first


def content(out):
    return {str(it.relative_to(out)): it.read_bytes() for it in out.rglob("*.parquet/*")}


def test_what_is_measured_anew_of_one_clip_decides_its_part_alone(project):
    out, store = project / "data" / "select", project / "data" / ".store" / select.STEP
    select.run(stage(project))
    before, decided = content(out), len(list(store.glob("??/*")))
    path = project / "data" / "landmarks" / "frames.parquet"
    faces = tables.read(path)
    faces.loc[faces["clip"] == "good", "mouth_visible"] = 0.1
    tables.write_parts(path, faces)
    select.run(stage(project))
    changed = {name for name, it in content(out).items() if before[name] != it}
    part = f"{tables.part('good')}.parquet"
    assert changed == {f"{name}.parquet/{part}" for name in ("ledger", "frames", "spans")}
    assert len(list(store.glob("??/*"))) == decided + 1


def test_a_table_that_is_not_in_parts_is_said(project):
    path = project / "data" / "isolate" / "events.parquet"
    whole = tables.read(path)
    shutil.rmtree(path)
    tables.write(path, whole)
    with pytest.raises(CradleError, match=r"events.parquet: not a table in parts"):
        select.run(stage(project))


def test_memory_holds_one_part_at_a_time(project, monkeypatch):
    """However many clips there are: what is read is read part by part."""
    asked = []
    real = tables.arrow

    def arrow(path, columns=None, clips=None, only_part=None):
        if path.parent.name != "select":
            asked.append(only_part)
        return real(path, columns, clips, only_part)

    monkeypatch.setattr(tables, "arrow", arrow)
    select.run(stage(project))
    assert None not in asked
    assert set(asked) == {tables.part(name) for name in NAMES}
