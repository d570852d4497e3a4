"""Which measurements tables name: columns `<step>_key` of the stages' clips.parquet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core import tables

CLIPS = "clips.parquet"
_KEY = "_key"


def named_keys(
    opened: Iterable[Path | IO[bytes]], besides: Collection[str] = ()
) -> dict[str, set[str]]:
    """Keys by step that clips tables name, given as paths or open files, for all clips but some."""
    found: dict[str, set[str]] = {}
    for one in _files(opened):
        table = pq.read_table(one)
        table = table.filter(pc.invert(pc.is_in(table["clip"], value_set=_strings(besides))))
        for column in table.column_names:
            if column.endswith(_KEY):
                keys = set(table[column].drop_null().to_pylist())
                found.setdefault(column.removesuffix(_KEY), set()).update(keys)
    return found


def named_by(opened: Iterable[Path]) -> Iterator[tuple[str, str, str]]:
    """Step, key and clip of every measurement that clips tables name."""
    for one in _files(opened):
        table = pq.read_table(one)
        clips = table["clip"].to_pylist()
        for column in table.column_names:
            if column.endswith(_KEY):
                for clip, key in zip(clips, table[column].to_pylist(), strict=True):
                    if key is not None:
                        yield column.removesuffix(_KEY), key, clip


def _files(opened: Iterable[Path | IO[bytes]]) -> Iterator[Path | IO[bytes]]:
    for one in opened:
        yield from tables.parts_of(one) if isinstance(one, Path) else [one]


def _strings(words: Collection[str]) -> pa.Array:
    return pa.array(sorted(words), pa.string())
