"""The pack stage on a project of real files: shards, index, card, and what is not in them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.core import ledger, tables
from pipeline.core.errors import CradleError
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset import pack, pack_tables, shards
from tests.dataset import fitted, packed
from tests.dataset.fitted import BAD, FRAMES, NAMES, Level, latents, stage


@pytest.fixture
def project(tmp_path):
    return fitted.make(tmp_path)


def everything(out):
    """Every packed span, by its id."""
    return {row["span_id"]: row for path in shards.paths(out) for row in shards.read(path)}


def test_spans_are_cut_with_their_sound(project):
    summary = pack.run(stage(project), Level())
    out = project / "data" / "pack"
    assert (summary.seen, summary.kept) == (5, 5)
    span = everything(out)["clip_1__0"]
    truth = latents(np.random.default_rng(1))
    assert span["expression"].dtype == np.float32
    np.testing.assert_array_equal(span["expression"][:10], truth["expression"][10:20])
    np.testing.assert_array_equal(span["pose"][:10, :3], truth["rotation"][10:20])
    np.testing.assert_array_equal(span["pose"][:10, 3:], truth["translation"][10:20])
    np.testing.assert_array_equal(span["identity"], truth["identity"])
    assert span["age"] == truth["age"][0]
    # The click was at frame 30 of the clip, which is frame 20 of the span.
    assert span["audio"][:, 0].argmax() == 20
    assert span["audio"][0, 1] == 10


def test_frames_that_were_not_measured_are_marked_and_finite(project):
    pack.run(stage(project), Level())
    spans = everything(project / "data" / "pack")
    for span in spans.values():
        assert all(np.isfinite(span[name]).all() for name in ("expression", "pose", "audio"))
    # Not fitted, bridged by select, poor after fit: clip frames 20, 15 and 30.
    assert np.flatnonzero(~spans[f"{BAD}__0"]["valid"]).tolist() == [5, 10, 20]
    expression = spans[f"{BAD}__0"]["expression"]
    np.testing.assert_allclose(expression[10], (expression[9] + expression[11]) / 2, atol=1e-6)


def test_no_source_is_in_two_splits(project):
    pack.run(stage(project), Level())
    out = project / "data" / "pack"
    index = shards.index(out)
    assert list(index["span_id"]) == [f"{clip}__0" for clip in NAMES[:5]]
    assert set(zip(index["start_frame"], index["frames"], strict=True)) == {(10, 40)}
    for path in shards.paths(out):
        for row in shards.read(path):
            assert path.name.startswith(row["split"])
            assert row["valid"].sum() == row["valid_frames"]
    assert (index.groupby("source")["split"].nunique() == 1).all()
    assert set(index.loc[index["vocalization"] == "cry", "split"]) == {"train", "val", "test"}
    assert index.set_index("clip")["synthetic"].to_dict()["clip_0"]


def test_meta_says_what_made_it(project):
    pack.run(stage(project), Level())
    meta = json.loads((project / "data" / "pack" / "meta.json").read_text())
    assert meta["feature"] == {"name": "level", "width": 2}
    assert meta["fps"] == 30
    assert meta["vocalizations"] == ["cry", "laugh"]
    assert meta["morphable_model"] == {"name": "procedural", "digest": "d" * 64}
    assert meta["backends"]["landmarks"] == [{"name": "mediapipe", "digest": "e" * 64}]
    assert meta["backends"]["pack"] == [{"name": "level", "digest": "f" * 64}]


def test_two_runs_write_the_same_bytes(project):
    out = project / "data" / "pack"
    pack.run(stage(project), Level())
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    pack.run(stage(project), Level())
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_shards_are_closed_when_they_are_full(project, monkeypatch):
    monkeypatch.setattr(pack, "PARTS", 1)
    pack.run(stage(project, shard_mb=0.001), Level())
    out = project / "data" / "pack"
    assert [len(list(shards.read(path))) for path in shards.paths(out)] == [1] * 5
    assert (out / "train-00001.parquet").exists()


def test_spans_are_stored_in_groups_so_that_one_of_them_costs_little(tmp_path):
    path = packed.write(tmp_path / "a", {"train": 20})[0]
    with shards.opened(path) as shard:
        assert [shard.metadata.row_group(n).num_rows for n in range(3)] == [8, 8, 4]
    again = packed.write(tmp_path / "b", {"train": 20})[0]
    assert path.read_bytes() == again.read_bytes()


def test_a_fit_of_another_length_than_the_clip_is_an_error(project):
    path = project / "data" / "download" / "clips.parquet"
    tables.write(path, tables.read(path).assign(frames=FRAMES + 1))
    with pytest.raises(CradleError, match="clip_0: the fit has 60 frames, the clip 61"):
        pack.run(stage(project), Level())


def test_a_dataset_of_nothing_is_written_all_the_same(project):
    data = project / "data"
    ledger.write_clips(
        data / "fit" / "ledger.parquet", "fit", [ClipRow("clip_0", Reason.FIT_POOR)], ["clip_0"]
    )
    assert pack.run(stage(project), Level()).seen == 0
    assert len(shards.index(data / "pack")) == 0
    names = [path.name for path in shards.paths(data / "pack")]
    assert names == ["test-00000.parquet", "train-00000.parquet", "val-00000.parquet"]


def test_filling_draws_a_line_and_holds_the_ends():
    values = np.array([[9.0], [1.0], [9.0], [3.0], [9.0]], np.float32)
    valid = np.array([False, True, False, True, False])
    assert pack_tables.fill(values, valid).ravel().tolist() == [1, 1, 2, 3, 3]
    assert pack_tables.fill(values, np.zeros(5, bool)).ravel().tolist() == [0] * 5


def test_one_clip_more_writes_one_shard_anew(project):
    out = project / "data" / "pack"
    path = project / "data" / "fit" / "ledger.parquet"
    rows = tables.read(path)
    tables.write_parts(path, rows[rows["clip"] != BAD])
    pack.run(stage(project), Level())
    first = {path.name: path.read_bytes() for path in shards.paths(out)}
    tables.write_parts(path, rows)
    summary = pack.run(stage(project), Level())
    assert (summary.measured, summary.remembered) == (1, 4)
    second = {path.name: path.read_bytes() for path in shards.paths(out)}
    assert sum(first.get(name) != content for name, content in second.items()) == 1
    assert set(first) <= set(second)
