"""The packed dataset for PyTorch: spans as tensors, read when they are asked for.

from torch.utils.data import DataLoader
from pipeline.dataset.torch_dataset import Spans, collate

spans = Spans("data/pack", split="train")
spans[0]["expression"]        # (T, 64)
for batch in DataLoader(spans, batch_size=8, shuffle=True, num_workers=2, collate_fn=collate):
    batch["expression"]       # (8, longest T, 64), zero where batch["heard"] is False
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from pipeline.core.errors import CradleError
from pipeline.dataset import shards
from pipeline.dataset.shards import BY_FRAME, Row
from pipeline.dataset.splits import SPLITS

Item = dict[str, Any]


class Spans(Dataset[Item]):
    """The spans of one split.

    An item holds, for a span of T frames at 30 a second:

        expression  (T, 64) float32   standard deviations of the morphable model
        pose        (T, 6)  float32   rotation vector in radians, translation in mm
        valid       (T,)    bool      whether the frame was measured; expression and pose of the
                                      others lie on the line between their measured neighbours
        audio       (T, C)  float32   features of the infant's voice; column 0 is its energy in dB
        identity    (32,)   float32   standard deviations of the morphable model
        age         (1,)    float32   a standard deviation of the morphable model

    and `span_id`, `clip`, `source`, `split`, `vocalization` (str), `start_frame`, `frames`,
    `valid_frames` (int) and `synthetic` (bool). The tensors are the caller's own.

    Only the place of every span is held in memory, and the group of spans that was read last. Each
    worker of a DataLoader opens the files for itself.
    """

    def __init__(self, folder: str | Path, split: str = "train") -> None:
        """Look up where the spans of a split lie.

        Args:
            folder: what the stage `pack` wrote, such as data/pack.
            split: `train`, `val` or `test`.

        Raises:
            CradleError: there is no such split, or no packed dataset in the folder.
        """
        if split not in SPLITS:
            raise CradleError(f"{split!r} is no split; allowed are {', '.join(SPLITS)}")
        paths = shards.some_paths(Path(folder), split)
        self._places = [place for path in paths for place in _places(path)]
        self._open: dict[Path, pq.ParquetFile] = {}
        self._last: tuple[Path, int, list[Row]] | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Item:
        """One span, as the class says; IndexError beyond the last.

        Raises:
            PackError: its file is damaged or gone.
        """
        path, group, place = self._places[index]
        if self._last is None or self._last[:2] != (path, group):
            self._last = (path, group, shards.group(self._shard(path), group, path))
        return _item(self._last[2][place])

    def __getstate__(self) -> dict[str, Any]:
        """Without open files, which another process cannot take over."""
        return {**self.__dict__, "_open": {}, "_last": None}

    def _shard(self, path: Path) -> pq.ParquetFile:
        if path not in self._open:
            self._open[path] = shards.opened(path)
        return self._open[path]


def collate(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put spans of different lengths into one batch, padded at the end.

    Returns:
        The tensors of `Spans` with a batch axis in front, (B, T, ...) with T of the longest and
        zeros beyond each one's end; `heard` (B, T) bool, whether the frame lies inside its span;
        `frames`, `valid_frames` and `start_frame` as (B,) int64; the rest as lists.
    """
    batch: dict[str, Any] = {name: [item[name] for item in items] for name in items[0]}
    for name in BY_FRAME:
        batch[name] = pad_sequence(batch[name], batch_first=True)
    for name in ("identity", "age"):
        batch[name] = torch.stack(batch[name])
    for name in ("frames", "valid_frames", "start_frame"):
        batch[name] = torch.tensor(batch[name])
    longest = torch.arange(batch["valid"].shape[1])
    batch["heard"] = longest[None, :] < batch["frames"][:, None]
    return batch


def _places(path: Path) -> list[tuple[Path, int, int]]:
    with shards.opened(path) as shard:
        sizes = [shard.metadata.row_group(n).num_rows for n in range(shard.num_row_groups)]
    return [(path, group, place) for group, rows in enumerate(sizes) for place in range(rows)]


def _item(row: Row) -> Item:
    own = {name: torch.tensor(row[name]) for name in (*BY_FRAME, "identity")}
    return {**row, **own, "age": torch.tensor([row["age"]], dtype=torch.float32)}
