"""Events as rows, as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.core import tables
from pipeline.voice.events import Event

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


def rows(events: Sequence[Event]) -> pd.DataFrame:
    """One row an event, as `MEASURED` has it."""
    return pd.DataFrame([asdict(event) for event in events], columns=MEASURED.names)


def write(path: Path, events: Sequence[Event]) -> None:
    """Write the events of one sound."""
    # Without a frame: to make one takes ten times as long as to write so few rows.
    columns = [
        pa.array([getattr(event, field.name) for event in events], field.type, from_pandas=True)
        for field in MEASURED
    ]
    tables.write(path, pa.table(columns, schema=MEASURED))
