"""Parquet tables whose bytes depend on their content alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

GROUP_ROWS = 1 << 16
"""Rows that are stored together: who asks for one clip of millions of frames reads few of them."""


def numbers(names: pd.Index, column: pd.Series) -> NDArray[np.int64]:
    """Place (N,) in `names` of every value of a column, -1 where it is not there.

    Of a column of millions of rows each name is looked up once.
    """
    codes, different = pd.factorize(column)
    return names.get_indexer(different)[codes]


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
    if clips is None:
        return pq.read_table(path, columns=columns).to_pandas()
    # The filter skips whole groups of rows, so a question about one clip reads little of many.
    wanted = [("clip", "in", sorted(clips))]
    return pq.read_table(path, columns=columns, filters=wanted).to_pandas()
