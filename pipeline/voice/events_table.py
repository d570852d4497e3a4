"""Events as rows, as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.core import tables
from pipeline.voice.events import Event

if TYPE_CHECKING:
    import pandas as pd

_MEASURED = (
    "score",
    "snr_db",
    "f0_hz",
    "f0_range_octaves",
    "f0_slope_octaves_s",
    "adult_overlap",
    "clipped_share",
    "decay_s",
)
WHEN = (("start_s", pa.float64()), ("end_s", pa.float64()), ("who", pa.string()))
WHAT = (
    *((name, pa.float64()) for name in _MEASURED),
    ("numbers", pa.list_(pa.float32())),
    ("tags", pa.binary()),
)
MEASURED = pa.schema([*WHEN, *WHAT])


def table(events: Sequence[Event]) -> pa.Table:
    """One row an event, as `MEASURED` has it."""
    columns = [
        pa.array([getattr(event, field.name) for event in events], field.type, from_pandas=True)
        for field in MEASURED
    ]
    return pa.table(columns, schema=MEASURED)


def rows(events: Sequence[Event]) -> pd.DataFrame:
    """The same for what groups and joins."""
    return table(events).to_pandas()


def write(path: Path, events: Sequence[Event]) -> None:
    """Write the events of one sound."""
    tables.write(path, table(events))
