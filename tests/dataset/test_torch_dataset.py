"""Spans for PyTorch: what an item and a batch hold, and that workers read what one process does."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from pipeline.core.errors import CradleError
from pipeline.dataset import shards
from pipeline.dataset.torch_dataset import Spans, collate
from tests.dataset import packed

COUNT = 21
SHAPES = {"expression": (64,), "pose": (6,), "valid": (), "audio": (packed.AUDIO,)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty-one spans to train on in several shards, two to validate on, none to test on."""
    folder = tmp_path_factory.mktemp("world") / "pack"
    packed.write(folder, {"train": COUNT, "val": 2}, limit_mb=0.05)
    assert len(shards.paths(folder, "train")) > 1
    return folder


def test_an_item_holds_one_span_whole(folder):
    spans = Spans(folder, split="train")
    assert len(spans) == COUNT
    for number in (13, 2, 20):
        item, truth = spans[number], packed.span("train", number)
        assert item.keys() == truth.keys()
        for name, shape in SHAPES.items():
            assert item[name].shape == (5 + number, *shape)
            torch.testing.assert_close(item[name], torch.tensor(truth[name]), rtol=0, atol=0)
        assert item["identity"].tolist() == [number] * 32
        assert item["age"].tolist() == [number / 2]
        assert (item["span_id"], item["vocalization"]) == (truth["span_id"], truth["vocalization"])


def test_types_are_what_a_network_takes(folder):
    item = Spans(str(folder), split="val")[1]
    kinds = {name: value.dtype for name, value in item.items() if isinstance(value, torch.Tensor)}
    assert kinds.pop("valid") == torch.bool
    assert set(kinds.values()) == {torch.float32}


def test_what_the_caller_writes_stays_with_the_caller(folder):
    spans = Spans(folder)
    spans[0]["expression"].zero_()
    assert spans[0]["expression"][1, 0] != 0


def test_a_split_without_spans_is_empty_and_one_that_is_none_is_refused(folder):
    assert len(Spans(folder, split="test")) == 0
    with pytest.raises(CradleError, match="'dev' is no split; allowed are train, val, test"):
        Spans(folder, split="dev")
    with pytest.raises(IndexError):
        Spans(folder, split="val")[2]


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(CradleError, match="no shard of the split 'train' there"):
        Spans(tmp_path)


def test_damage_is_told_with_the_name_of_the_file(tmp_path):
    path = packed.write(tmp_path / "pack", {"train": 3})[0]
    spans = Spans(tmp_path / "pack")
    content = bytearray(path.read_bytes())
    content[300:800] = bytes(500)
    path.write_bytes(content)
    with pytest.raises(CradleError, match="train-00000"):
        spans[0]


def test_collating_pads_and_masks(folder):
    spans = Spans(folder)
    batch = collate([spans[4], spans[0]])
    assert batch["expression"].shape == (2, 9, 64)
    assert batch["audio"].shape == (2, 9, packed.AUDIO)
    assert batch["heard"].tolist() == [[True] * 9, [True] * 5 + [False] * 4]
    assert batch["valid"][1].tolist() == [False] + [True] * 4 + [False] * 4
    for name in ("expression", "pose", "audio"):
        assert (batch[name][1, 5:] == 0).all()
        assert (batch[name][1, 4] != 0).all()
    assert batch["frames"].tolist() == [9, 5]
    assert batch["age"].shape == (2, 1)
    assert batch["span_id"] == ["train_04__0", "train_00__0"]


@pytest.mark.parametrize(("start", "workers"), [("fork", 2), ("spawn", 1)])
def test_workers_read_what_one_process_reads(folder, start, workers):
    spans = Spans(folder)
    # Files that are open already must not trouble the workers.
    alone = [spans[number] for number in range(COUNT)]
    loader = DataLoader(
        spans, batch_size=4, num_workers=workers, collate_fn=collate, multiprocessing_context=start
    )
    seen = list(loader)
    assert [name for batch in seen for name in batch["span_id"]] == [i["span_id"] for i in alone]
    for name in SHAPES:
        found = torch.cat([batch[name][batch["heard"]] for batch in seen])
        assert torch.equal(found, torch.cat([item[name] for item in alone]))


def test_a_copy_by_pickle_reads_the_same(folder):
    spans = Spans(folder)
    before = spans[9]["audio"]
    assert torch.equal(pickle.loads(pickle.dumps(spans))[9]["audio"], before)
