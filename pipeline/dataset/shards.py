"""Shards: one row a span, labels and tensors together; any reader of Parquet opens them.

train-00000.parquet
    span_id       "kitchen_04__0"
    clip, source, split, vocalization
    start_frame   int32                 where the span begins in its clip
    frames        int32                 T, how long it is
    valid_frames  int32                 how many of them were measured
    synthetic     bool                  made rather than filmed
    expression    (T, 64) float32       standard deviations of the morphable model
    pose          (T, 6)  float32       rotation vector in radians, translation in mm
    valid         (T,)    bool          whether the frame was measured
    audio         (T, C)  float32       features of the infant's voice
    identity      (32,)   float32       standard deviations of the morphable model
    age           float32               a standard deviation of the morphable model

Every split has a shard, if an empty one, so that whoever opens it learns what its rows would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.core.errors import CradleError

EXPRESSION, POSE, IDENTITY = 64, 6, 32
GROUP_SPANS = 8
"""Rows that are stored together, which is what reading one of them costs: some 2 ms."""
LABELS = pa.schema(
    [
        ("span_id", pa.string()),
        ("clip", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("vocalization", pa.string()),
        ("start_frame", pa.int32()),
        ("frames", pa.int32()),
        ("valid_frames", pa.int32()),
        ("synthetic", pa.bool_()),
    ]
)
WORDS = [column.name for column in LABELS if column.type == pa.string()]
BY_FRAME = ("expression", "pose", "valid", "audio")

Row = dict[str, Any]
"""One span: its labels as plain values, its tensors as arrays."""


class PackError(CradleError):
    """A packed dataset is not what its readers can read."""


def schema(audio_width: int) -> pa.Schema:
    """Columns of a shard whose sound has `audio_width` numbers a frame."""
    tensors = {
        "expression": pa.list_(pa.list_(pa.float32(), EXPRESSION)),
        "pose": pa.list_(pa.list_(pa.float32(), POSE)),
        "valid": pa.list_(pa.bool_()),
        "audio": pa.list_(pa.list_(pa.float32(), audio_width)),
        "identity": pa.list_(pa.float32(), IDENTITY),
        "age": pa.float32(),
    }
    return pa.schema([*LABELS, *tensors.items()])


@dataclass
class Shards:
    """Writes the spans of one split, a new file whenever one is full."""

    folder: Path
    split: str
    audio_width: int
    limit_mb: float
    first: int = 0
    """Number of the first file."""
    _waiting: list[Row] = field(default_factory=list)
    _bytes: int = 0
    _files: int = 0
    _open: pq.ParquetWriter | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in one span, as the head of this file lists it."""
        self._waiting.append(dict(row))
        self._bytes += sum(value.nbytes for value in row.values() if hasattr(value, "nbytes"))
        full = self._bytes >= self.limit_mb * 1e6
        if full or len(self._waiting) == GROUP_SPANS:
            self._flush()
        if full:
            self._finish()

    def close(self) -> None:
        """Write what is still waiting; nothing at all becomes an empty shard."""
        if not self._files:
            self._flush()
        self.finish()

    def finish(self) -> None:
        """Write what is still waiting; nothing at all becomes no shard."""
        if self._waiting:
            self._flush()
        self._finish()

    def _flush(self) -> None:
        columns = schema(self.audio_width)
        if self._open is None:
            name = f"{self.split}-{self.first + self._files:05d}.parquet"
            # A dictionary serves words that recur; floats that do not would be stored twice.
            self._open = pq.ParquetWriter(
                self.folder / name,
                columns,
                compression="zstd",
                use_dictionary=WORDS,
                write_page_checksum=True,
            )
            self._files += 1
        if self._waiting:
            self._open.write_table(_table(self._waiting, columns))
        self._waiting = []

    def _finish(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open, self._bytes = None, 0


def paths(folder: Path, split: str = "*") -> list[Path]:
    """The shards of one split, or of all, in the order in which they were written."""
    return sorted(folder.glob(f"{split}-{'[0-9]' * 5}.parquet"))


def index(folder: Path) -> pd.DataFrame:
    """The labels of every span, sorted by clip and start, without reading a tensor.

    Raises:
        PackError: there is no shard, or one is damaged or lacks a column.
    """
    tables = []
    for path in some_paths(folder):
        with opened(path) as shard, _naming(path):
            tables.append(shard.read(LABELS.names).to_pandas())
    found = pd.concat(tables, ignore_index=True)
    return found.sort_values(["clip", "start_frame"], ignore_index=True)


def some_paths(folder: Path, split: str = "*") -> list[Path]:
    """`paths`, of which there is at least one.

    Raises:
        PackError: there is none.
    """
    found = paths(folder, split)
    if not found:
        what = "shard" if split == "*" else f"shard of the split {split!r}"
        raise PackError(f"{folder}: no packed dataset: no {what} there; run the pack stage first")
    return found


def opened(path: Path) -> pq.ParquetFile:
    """Open a shard, to be closed by the caller or by `with`.

    Raises:
        PackError: the file is missing, damaged, or lacks a column.
    """
    with _naming(path):
        shard = pq.ParquetFile(path, memory_map=True, page_checksum_verification=True)
    check(shard, path)
    return shard


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say of what Parquet cannot read which file it was."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise PackError(f"{path}: not a shard, or a damaged one: {error}") from None


def check(shard: pq.ParquetFile, path: Path) -> None:
    """Raise PackError where a column is missing or of another type than `schema` gives it."""
    found = shard.schema_arrow
    absent = [name for name in schema(1).names if name not in found.names]
    if absent:
        raise PackError(f"{path}: columns missing: {', '.join(absent)}")
    kind = found.field("audio").type
    width = getattr(getattr(kind, "value_type", None), "list_size", 1)
    for wanted in schema(width):
        if not found.field(wanted.name).type.equals(wanted.type):
            got = found.field(wanted.name).type
            raise PackError(f"{path}: column {wanted.name} holds {got}, should hold {wanted.type}")


def read(path: Path) -> Iterator[Row]:
    """Every span of a shard, a group at a time.

    Raises:
        PackError: as `opened`, or a group is damaged, or a tensor not as long as its span.
    """
    with opened(path) as shard:
        for number in range(shard.num_row_groups):
            yield from group(shard, number, path)


def group(shard: pq.ParquetFile, number: int, path: Path) -> list[Row]:
    """The spans of one group of rows; their arrays are views that cannot be written to.

    Raises:
        PackError: the group is damaged, or a tensor is not as long as its span.
    """
    with _naming(path):
        table = shard.read_row_group(number, use_threads=False)
    columns = {name: _values(table[name].combine_chunks()) for name in table.column_names}
    spans = zip(*columns.values(), strict=True)
    rows = [dict(zip(columns, values, strict=True)) for values in spans]
    for row in rows:
        for name in BY_FRAME:
            if len(row[name]) != row["frames"]:
                raise PackError(
                    f"{path}: {row['span_id']}: {name} has {len(row[name])} frames, "
                    f"should have {row['frames']}"
                )
    return rows


def _table(rows: Sequence[Row], columns: pa.Schema) -> pa.Table:
    return pa.table(
        [_array([row[column.name] for row in rows], column.type) for column in columns],
        schema=columns,
    )


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        ends = np.cumsum([0, *(len(value) for value in values)], dtype=np.int32)
        return pa.ListArray.from_arrays(ends, _flat(values, kind.value_type), type=kind)
    if pa.types.is_fixed_size_list(kind):
        return _flat(values, kind)
    return pa.array(values, kind)


def _flat(values: list[NDArray], kind: pa.DataType) -> pa.Array:
    """Arrays end to end: of numbers, or of rows of as many numbers as `kind` says."""
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(np.concatenate(values), kind)
    numbers = np.concatenate([np.asarray(value, np.float32).reshape(-1) for value in values])
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers), type=kind)


def _values(column: pa.Array) -> Sequence[Any]:
    if pa.types.is_list(column.type):
        ends, flat = column.offsets.to_numpy(), _numbers(column.values)
        return [flat[start:end] for start, end in pairwise(ends)]
    if pa.types.is_fixed_size_list(column.type):
        return list(_numbers(column))
    return column.to_pylist()


def _numbers(column: pa.Array) -> NDArray:
    if pa.types.is_fixed_size_list(column.type):
        return _numbers(column.flatten()).reshape(len(column), column.type.list_size)
    return column.to_numpy(zero_copy_only=False)
