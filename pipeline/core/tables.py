"""Parquet tables whose bytes depend on their content alone.

    frame = tables.read(path, ["clip", "reason"])            pandas, for what groups and joins
    table = tables.arrow(path, ["clip", "frame"], ["a_1"])   Arrow, for what must start in no time

pandas takes longer to import than a question about one clip takes to answer. A large table is a
folder of parts (`parts.py`), read like any other: whoever asks for one clip opens one part.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

CLIP = "clip"
PARTS = 64
"""How many parts a large table has, however many clips are in it."""
GROUP_ROWS = 1 << 16
"""Rows that are stored together: who asks for one clip of millions of frames reads few of them."""

_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""What Arrow calls them, and what numpy does."""


def numbers(names: Sequence[str], column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Place (N,) in `names` of every value of a column, -1 where it is not there.

    Of a column that `arrow` read each name is looked up once in thousands of rows.
    """
    place = {name: number for number, name in enumerate(names)}
    parts = [np.zeros(0, np.int64)]
    for chunk in column.chunks:
        coded = isinstance(chunk, pa.DictionaryArray)
        listed = (chunk.dictionary if coded else chunk).to_pylist()
        found = np.array([place.get(name, -1) for name in listed], np.int64)
        parts.append(found[_values(chunk.indices)] if coded else found)
    return np.concatenate(parts)


def floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column (N,), nan where nothing is known."""
    return values(table[name], np.float64)


def values(column: pa.ChunkedArray, kind: type[np.generic]) -> NDArray:
    """A column of numbers or of yes and no, (N,) of one type; Arrow's own way imports pandas."""
    parts = [np.zeros(0, kind), *map(_values, column.chunks)]
    return np.concatenate(parts, dtype=kind, casting="unsafe")


def lists(column: pa.ChunkedArray, kind: type[np.generic]) -> tuple[NDArray[np.int64], NDArray]:
    """Length (N,) of each list of a column, and their values one after the other."""
    edges = [_values(chunk.offsets) for chunk in column.chunks]
    # Not `flatten`: it loads all that Arrow can compute with.
    parts = [
        chunk.values.slice(int(edge[0]), int(edge[-1] - edge[0]))
        for chunk, edge in zip(column.chunks, edges, strict=True)
    ]
    inside = pa.chunked_array(parts, column.type.value_type)
    lengths = [np.zeros(0, np.int64), *map(np.diff, edges)]
    return np.concatenate(lengths), values(inside, kind)


def part(clip: str, count: int = PARTS) -> str:
    """Which of `count` parts of a large table, 256 at most, a clip's rows are in."""
    return f"{hashlib.sha256(clip.encode()).digest()[0] % count:02x}"


def write(path: Path, frame: pd.DataFrame, schema: pa.Schema | None = None) -> None:
    """Write a table, whole or not at all; `schema` fixes names, order and types of its columns."""
    if schema is not None:
        frame = frame.reindex(columns=schema.names)
    if schema is not None and frame.empty:
        # Columns without values have no type of their own, and lists cannot be made of them.
        table = schema.empty_table()
    else:
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    temporary = path.with_name(f".{path.name}.tmp")
    # The pandas metadata name versions; without them two environments write the same bytes.
    pq.write_table(
        table.replace_schema_metadata(None),
        temporary,
        compression="zstd",
        row_group_size=GROUP_ROWS,
    )
    temporary.replace(path)


def read(
    path: Path, columns: list[str] | None = None, clips: Collection[str] | None = None
) -> pd.DataFrame:
    """Read a table, or of its rows only those of some `clips`."""
    if clips is None and not path.is_dir():
        return pq.read_table(_there(path), columns=columns).to_pandas()
    found = arrow(path, columns, clips)
    if CLIP in found.column_names:
        place = found.column_names.index(CLIP)
        found = found.set_column(place, CLIP, found[CLIP].cast(pa.string()))
    return found.to_pandas()


def arrow(
    path: Path, columns: Sequence[str] | None = None, clips: Collection[str] | None = None
) -> pa.Table:
    """Read a table, or of its rows only those of some `clips`.

    The clips of a whole table come dictionary-coded, so that each name is there once in many rows.
    Of a table in parts they come in the order of their ids.
    """
    if not _there(path).is_dir():
        return _of_file(path, columns, clips)
    files = sorted(path.glob("*.parquet"))
    if clips is not None:
        wanted = {f"{part(clip)}.parquet" for clip in clips}
        files = [file for file in files if file.name in wanted] or files[:1]
    names = _names(files[0]) if columns is None else list(columns)
    found = [_of_file(file, list(dict.fromkeys([*names, CLIP])), clips) for file in files]
    return _in_order(found).select(names)


def _names(path: Path) -> list[str]:
    return pq.read_schema(path).names


def _of_file(path: Path, columns: Sequence[str] | None, clips: Collection[str] | None) -> pa.Table:
    with pq.ParquetFile(path, read_dictionary=[CLIP]) as file:
        names = file.schema_arrow.names if columns is None else list(columns)
        if clips is None:
            return file.read(names).select(names)
        # Groups of rows without these clips are left on disk.
        groups = list(_groups(file, clips))
        found = file.read_row_groups(groups, {*names, CLIP}, use_threads=False)
        # Few rows are left of what may be ten thousand names.
        return _decoded(only(found, clips)).select(names)


def _in_order(parts: Sequence[pa.Table]) -> pa.Table:
    """Parts as one table, clip after clip by their ids; each part has its own in that order."""
    if len(parts) == 1:
        return parts[0]
    stretches = sorted(
        (name, number, start, stop)
        for number, rows in enumerate(parts)
        for name, start, stop in _stretches(rows[CLIP])
    )
    slices = [parts[number].slice(start, stop - start) for _, number, start, stop in stretches]
    return pa.concat_tables(slices or parts[:1]).combine_chunks()


def _stretches(column: pa.ChunkedArray) -> Iterator[tuple[str, int, int]]:
    """Each run of rows of one clip: its id, where it starts and where it stops."""
    start = 0
    for chunk in column.chunks:
        if not len(chunk):
            continue
        coded = isinstance(chunk, pa.DictionaryArray)
        edges = [0, len(chunk)]
        if coded:
            places = _values(chunk.indices)
            edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(chunk)]
        else:
            said = chunk.to_pylist()
            edges = [0, *(n for n in range(1, len(said)) if said[n] != said[n - 1]), len(said)]
        for first, last in itertools.pairwise(edges):
            yield chunk[first].as_py(), start + first, start + last
        start += len(chunk)


def of_clip(path: Path) -> pa.Table:
    """Read the whole small table of one clip, which does not name it."""
    with pq.ParquetFile(_there(path)) as file:
        return file.read(use_threads=False)


def only(table: pa.Table, clips: Collection[str]) -> pa.Table:
    """The rows of some clips."""
    # Slices, since what filters in Arrow takes long to load.
    here = numbers(sorted(clips), table[CLIP]) >= 0
    edges = np.flatnonzero(np.diff(here, prepend=False, append=False))
    parts = [table.slice(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return pa.concat_tables(parts) if parts else table.slice(0, 0)


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """A table row by row, None where nothing is known."""
    return _decoded(table).to_pylist()


def _values(chunk: pa.Array) -> NDArray:
    if not len(chunk):
        return np.zeros(0, np.int64)
    if pa.types.is_null(chunk.type):
        return np.full(len(chunk), np.nan)
    known, content = chunk.buffers()
    if pa.types.is_boolean(chunk.type):
        found: NDArray = _bits(content, chunk)
    else:
        laid = np.frombuffer(content, np.dtype(_FLOATS.get(str(chunk.type), str(chunk.type))))
        found = laid[chunk.offset : chunk.offset + len(chunk)]
    return np.where(_bits(known, chunk), found, np.nan) if chunk.null_count else found


def _bits(packed: pa.Buffer, chunk: pa.Array) -> NDArray[np.bool_]:
    until = chunk.offset + len(chunk)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little", count=until)
    return bits[chunk.offset :].astype(bool)


def _there(path: Path) -> Path:
    # Arrow's own error does not say which file.
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return path


def _groups(file: pq.ParquetFile, clips: Collection[str]) -> Iterator[int]:
    """Groups of rows that may hold some of the clips, by what the file says of them."""
    leaf = file.schema.names.index(CLIP)
    for group in range(file.num_row_groups):
        said = file.metadata.row_group(group).column(leaf).statistics
        known = said is not None and said.has_min_max
        if not known or any(said.min <= clip <= said.max for clip in clips):
            yield group


def _decoded(table: pa.Table) -> pa.Table:
    """The table with its clips as plain text."""
    if CLIP not in table.column_names:
        return table
    place, column = table.column_names.index(CLIP), table[CLIP]
    if not pa.types.is_dictionary(column.type):
        return table
    plain = pa.chunked_array(list(map(_text, column.chunks)), pa.string())
    return table.set_column(place, CLIP, plain)


def _text(chunk: pa.DictionaryArray) -> pa.StringArray:
    """Names written out; Arrow's own ways load pandas, or all that Arrow can compute with."""
    places, dictionary = _values(chunk.indices).tolist(), chunk.dictionary
    names = {place: dictionary[place].as_py().encode() for place in set(places)}
    written = [names[place] for place in places]
    ends = np.cumsum([0, *map(len, written)], dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(written), pa.py_buffer(ends), pa.py_buffer(b"".join(written))
    )
