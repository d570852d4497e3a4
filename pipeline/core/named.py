"""Which measurements tables name: columns `<step>_key` of the stages' clips.parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

CLIPS = "clips.parquet"
_KEY = "_key"


def named(opened: Iterable[Path | IO[bytes]]) -> dict[str, set[str]]:
    """Keys by step that clips tables name, given as paths or open files."""
    found: dict[str, set[str]] = {}
    for one in opened:
        file = pq.ParquetFile(one)
        columns = [name for name in file.schema_arrow.names if name.endswith(_KEY)]
        table: pa.Table = file.read(columns)
        for column in columns:
            keys = {key for key in table[column].to_pylist() if key}
            found.setdefault(column.removesuffix(_KEY), set()).update(keys)
    return found
