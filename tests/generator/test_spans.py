import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.generator import spans
from pipeline.generator.spans import PackError
from tests.generator.world import VOCALIZATIONS, make_pack


@pytest.fixture
def folder(tmp_path):
    return make_pack(tmp_path / "pack", {"train": 3, "val": 1, "test": 0}, frames=40)


def test_spans_come_back_by_split_with_what_was_not_measured_zeroed(folder):
    pack = spans.read(folder)
    assert [len(pack.spans[split]) for split in spans.SPLITS] == [3, 1, 0]
    span = pack.spans["train"][1]
    assert (span.span_id, span.clip, span.vocalization) == ("train_01__0", "train_01", "cry")
    assert span.frames == 33
    assert span.valid.sum() == 30
    assert np.isfinite(span.expression).all()
    assert (span.expression[~span.valid] == 0).all()
    assert pack.audio_width == span.audio.shape[1]


def test_the_digest_follows_the_content(folder, tmp_path):
    assert spans.read(folder).digest == spans.read(folder).digest
    same = make_pack(tmp_path / "same", {"train": 3, "val": 1, "test": 0}, frames=40)
    assert spans.read(same).digest == spans.read(folder).digest
    other = make_pack(tmp_path / "other", {"train": 3, "val": 1, "test": 0}, frames=40, seed=1)
    assert spans.read(other).digest != spans.read(folder).digest


def test_a_short_span_is_padded_and_masked(folder):
    span = spans.read(folder).spans["train"][0]
    batch = spans.collate([span], [30], 25, VOCALIZATIONS)
    assert batch.expression.shape == (1, 25, 64)
    assert batch.heard[0].tolist() == [True] * 10 + [False] * 15
    assert (batch.audio[0, 10:] == 0).all()
    np.testing.assert_array_equal(batch.audio[0, :10].numpy(), span.audio[30:])
    assert not batch.valid[0, 10:].any()


def test_a_window_hears_what_is_around_it_as_far_as_the_span_goes(folder):
    span = spans.read(folder).spans["train"][0]
    batch = spans.collate([span] * 2, [5, 20], 18, VOCALIZATIONS, around=(8, 4))
    assert (batch.before, batch.audio.shape[:2], batch.valid.shape) == (8, (2, 30), (2, 18))
    np.testing.assert_array_equal(batch.expression[0].numpy(), span.expression[5:23])
    np.testing.assert_array_equal(batch.audio[0, 3:].numpy(), span.audio[:27])
    assert batch.heard[0].tolist() == [False] * 3 + [True] * 27
    np.testing.assert_array_equal(batch.audio[1, :28].numpy(), span.audio[12:])
    assert batch.heard[1].tolist() == [True] * 28 + [False] * 2
    assert not batch.audio[0, :3].any()
    assert not batch.audio[1, 28:].any()


def test_vocalizations_are_numbered_by_name_and_unknown_ones_say_so(folder):
    span = spans.read(folder).spans["train"][2]
    assert span.vocalization == "laugh"
    assert spans.whole(span, VOCALIZATIONS).vocalization.tolist() == [2]
    assert spans.whole(span, ["babble", "cry"]).vocalization.tolist() == [-1]


def test_numbers_do_not_follow_the_order_in_which_params_list_them(folder):
    meta = json.loads((folder / "meta.json").read_text())
    meta["vocalizations"].reverse()
    (folder / "meta.json").write_text(json.dumps(meta))
    assert spans.read(folder).vocalizations == ["babble", "cry", "laugh"]


def test_windows_are_drawn_the_same_for_the_same_seed(folder):
    learned = spans.read(folder).spans["train"]
    first, same, other = (
        spans.draw(learned, 4, 16, VOCALIZATIONS, np.random.default_rng(seed)).audio
        for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert (first != other).any()


def test_tiles_cover_every_frame_once(folder):
    learned = spans.read(folder).spans["train"]
    batches = list(spans.tiles(learned, 4, 16, VOCALIZATIONS))
    assert [len(batch.valid) for batch in batches] == [4, 4]
    heard = sum(int(batch.heard.sum()) for batch in batches)
    assert heard == sum(span.frames for span in learned)


def test_no_packed_dataset(tmp_path):
    with pytest.raises(PackError, match="run the pack stage"):
        spans.read(tmp_path)


def changed(folder, change):
    """Rewrite the first shard of the split train as `change` makes it of its table."""
    path = folder / "train-00000.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def test_a_missing_column_is_named(folder):
    changed(folder, lambda table: table.drop_columns(["vocalization", "audio"]))
    with pytest.raises(PackError, match=r"train-00000\.parquet: columns missing: vocal.*, audio"):
        spans.read(folder)


def test_a_column_of_another_type_is_named(folder):
    changed(
        folder, lambda t: t.set_column(t.column_names.index("expression"), "expression", t["valid"])
    )
    with pytest.raises(PackError, match=r"column expression holds list<.*bool"):
        spans.read(folder)


def test_frames_that_differ_from_the_labels_are_refused(folder):
    def longer(table):
        frames = pc.add(table["frames"], pa.scalar(1, pa.int32()))
        return table.set_column(table.column_names.index("frames"), "frames", frames)

    changed(folder, longer)
    with pytest.raises(PackError, match="train_00__0: expression has 40 frames, should have 41"):
        spans.read(folder)


def test_a_shard_that_is_no_parquet_is_refused(folder):
    (folder / "train-00000.parquet").write_bytes(b"\x80\x04not really")
    with pytest.raises(PackError, match="train-00000"):
        spans.read(folder)


def test_a_shard_that_is_damaged_inside_is_refused(folder):
    path = folder / "train-00000.parquet"
    content = bytearray(path.read_bytes())
    content[2000:6000] = bytes(4000)
    path.write_bytes(content)
    with pytest.raises(PackError, match="train-00000"):
        spans.read(folder)
