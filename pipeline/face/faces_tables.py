"""What was measured of the faces of many clips, as tables: frames.parquet and tracks.parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core import parts, tables
from pipeline.face.measure import FACES, SCHEMA
from pipeline.face.measure import FRAMES as FRAMES_FILE
from pipeline.face.measure import TRACKS as TRACKS_FILE

FRAMES = pa.schema([("clip", pa.string()), *SCHEMA])
TRACKS = pa.schema([("clip", pa.string()), *FACES])


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Join the tables of the clips in `inputs["clips"]`, each `measured` in a folder."""
    for name, schema in ((FRAMES_FILE, FRAMES), (TRACKS_FILE, TRACKS)):
        found = (
            (clip, tables.of_clip(Path(piece["measured"]) / name))
            for clip, piece in inputs["clips"].items()
        )
        parts.join(out / name, schema, found)
