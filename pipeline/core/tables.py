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
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Put = Callable[[str, "pd.DataFrame | pa.Table"], None]
CLIP = "clip"
PARTS = 64
"""How many parts a large table has, however many clips are in it."""
GROUP_ROWS = 1 << 16
"""Rows that are stored together: who asks for one clip of millions of frames reads few of them."""

_PART = "part of the table"
_FEW_ROWS = 8
"""Rows a clip below which rows are put in order one by one, not clip by clip."""
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


def write(path: Path, frame: pd.DataFrame | pa.Table, schema: pa.Schema | None = None) -> None:
    """Write a table, whole or not at all; `schema` fixes names, order and types of its columns."""
    temporary = path.with_name(f".{path.name}.tmp")
    _put(temporary, frame if isinstance(frame, pa.Table) else of_frame(frame, schema))
    temporary.replace(path)


def of_frame(frame: pd.DataFrame, schema: pa.Schema | None) -> pa.Table:
    """A frame as an Arrow table, with a schema's columns alone where one is given."""
    if schema is None:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        # The pandas metadata name versions; without them two environments write the same bytes.
        return table.replace_schema_metadata(None)
    if frame.empty:
        # Columns without values have no type of their own, and lists cannot be made of them.
        return schema.empty_table()
    columns = [
        pa.array(frame[field.name], field.type, from_pandas=True)
        if field.name in frame
        else pa.nulls(len(frame), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _put(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd", row_group_size=GROUP_ROWS)


def write_parts(path: Path, frame: pd.DataFrame, schema: pa.Schema | None = None) -> None:
    """Write a table of many clips as a folder of its parts, whole or not at all.

    Of each clip, rows keep their order.
    """
    parts = {clip: part(clip) for clip in frame[CLIP].unique().tolist()}
    ordered = frame.assign(**{_PART: frame[CLIP].map(parts)})
    ordered = ordered.sort_values([_PART, CLIP], kind="stable")
    belongs = ordered[_PART].tolist()
    whole = of_frame(ordered.drop(columns=_PART), schema)
    starts = [n for n in range(len(belongs)) if n == 0 or belongs[n] != belongs[n - 1]]
    with in_parts(path, whole.schema) as put:
        for start, stop in itertools.pairwise([*starts, len(belongs)]):
            put(belongs[start], whole.slice(start, stop - start))


@contextmanager
def in_parts(path: Path, schema: pa.Schema) -> Iterator[Put]:
    """Write a table of many clips part by part, whole or not at all.

    What the block is given takes the name of a part, and its rows sorted by clip; where it is
    given none at all, there is one part without rows.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    _remove(temporary)
    temporary.mkdir()

    def put(name: str, rows: pd.DataFrame | pa.Table) -> None:
        table = rows if isinstance(rows, pa.Table) else of_frame(rows, schema)
        _put(temporary / f"{name}.parquet", table)

    yield put
    if not any(temporary.iterdir()):
        _put(temporary / "00.parquet", schema.empty_table())
    _remove(path)
    temporary.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


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
    path: Path,
    columns: Sequence[str] | None = None,
    clips: Collection[str] | None = None,
    only_part: str | None = None,
) -> pa.Table:
    """Read a table, or of its rows only those of some `clips`, or of one part of those in parts.

    The clips of a whole table come dictionary-coded, so that each name is there once in many rows.
    Of a table in parts they come in the order of their ids.
    """
    if not _there(path).is_dir():
        return _of_file(path, columns, clips)
    wanted = None if only_part is None else {only_part}
    if clips is not None:
        wanted = {part(clip) for clip in clips}
    here = parts_of(path) if wanted is None else _some(path, wanted)
    asked = columns_of(here[0] if here else path) if columns is None else list(columns)
    read = list(dict.fromkeys([*asked, CLIP]))
    if not here:
        # What is not there has its columns all the same.
        return _of_file(parts_of(path)[0], read, clips).slice(0, 0).select(asked)
    return _in_order([_of_file(file, read, clips) for file in here]).select(asked)


def _some(path: Path, wanted: Collection[str]) -> list[Path]:
    found = (path / f"{name}.parquet" for name in sorted(wanted))
    return [file for file in found if file.exists()]


def each(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """A large table part after part, in no order of clips; no more than one is in memory.

    Columns of words come dictionary-coded.
    """
    for file in parts_of(path):
        words = [it.name for it in pq.read_schema(file) if pa.types.is_string(it.type)]
        with pq.ParquetFile(file, read_dictionary=words) as opened:
            yield opened.read(columns, use_threads=False).select(columns)


def count_rows(path: Path) -> int:
    """How many rows a table has, without reading them."""
    return sum(int(pq.read_metadata(file).num_rows) for file in parts_of(path))


def columns_of(path: Path) -> list[str]:
    """Names of a table's columns."""
    one = next(_there(path).glob("*.parquet")) if path.is_dir() else path
    return list(pq.read_schema(one).names)


def parts_of(path: Path) -> list[Path]:
    """The files that a table consists of: its parts, or itself."""
    return sorted(path.glob("*.parquet")) if _there(path).is_dir() else [path]


def together(path: Path, rows: int) -> Iterator[list[Path]]:
    """The files that a table consists of, as many at a time as have so many rows, one at least.

    Whoever groups and joins the rows of a few clips takes as long as for those of many.
    """
    found: list[Path] = []
    here = 0
    for file in parts_of(path):
        count = int(pq.read_metadata(file).num_rows)
        if found and here + count > rows:
            yield found
            found, here = [], 0
        found.append(file)
        here += count
    if found:
        yield found


def _is_part(path: Path) -> bool:
    """Whether it is one file of a table in parts, which is too small for threads."""
    return path.parent.suffix == path.suffix


def _of_file(path: Path, columns: Sequence[str] | None, clips: Collection[str] | None) -> pa.Table:
    with pq.ParquetFile(path, read_dictionary=[CLIP]) as file:
        names = file.schema_arrow.names if columns is None else list(columns)
        if clips is None:
            return file.read(names, use_threads=not _is_part(path)).select(names)
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
    if len(stretches) * _FEW_ROWS > sum(map(len, parts)) > _FEW_ROWS * len(parts):
        return _taken(parts, stretches)
    slices = [parts[number].slice(start, stop - start) for _, number, start, stop in stretches]
    return pa.concat_tables(slices or parts[:1]).combine_chunks()


def _taken(parts: Sequence[pa.Table], stretches: Sequence[tuple[str, int, int, int]]) -> pa.Table:
    """The same of parts with few rows a clip, of which there would be too many slices."""
    before = np.cumsum([0, *map(len, parts)])
    places = [np.arange(start, stop) + before[n] for _, n, start, stop in stretches]
    whole = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    return whole.take(pa.array(np.concatenate(places)))


def _stretches(column: pa.ChunkedArray) -> Iterator[tuple[str, int, int]]:
    """Each run of rows of one clip: its id, where it starts and where it stops."""
    start = 0
    for chunk in column.chunks:
        coded = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        names, places = coded.dictionary.to_pylist(), _values(coded.indices)
        edges = np.flatnonzero(np.diff(places, prepend=-1)).tolist()
        for first, last in itertools.pairwise([*edges, len(chunk)]):
            yield names[places[first]], start + first, start + last
        start += len(chunk)


def of_clip(path: Path) -> pa.Table:
    """Read the whole small table of one clip, which does not name it."""
    # At once, and not by Arrow's threads, for which so small a file would wait longest.
    content = pa.BufferReader(_there(path).read_bytes())
    with pq.ParquetFile(content, pre_buffer=False) as file:
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
