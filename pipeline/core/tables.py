"""Parquet tables whose bytes depend on their content alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


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
    pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")
    temporary.replace(path)


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table."""
    return pq.read_table(path, columns=columns).to_pandas()
