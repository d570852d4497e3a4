"""What select decides of the clips of one part, as the same part of its tables.

spans.parquet    clip, span, start_frame, end_frame, vocalization, bridged
frames.parquet   the ledger of frames
faces.parquet    clip, moves_with_sound, rival_likeness, rival_moves
ledger.parquet   the ledger of clips
told.json        how many overrides are stale
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, parts, tables
from pipeline.dataset import measures
from pipeline.dataset.company import COLUMNS
from pipeline.dataset.decide import Decisions, decide
from pipeline.dataset.overrides import Override
from pipeline.dataset.params import Select

SPANS_FILE, FRAMES_FILE, FACES_FILE = "spans.parquet", "frames.parquet", "faces.parquet"
LEDGER_FILE, TOLD_FILE = "ledger.parquet", "told.json"
FACES = pa.schema(
    [("clip", pa.string()), *((name, pa.float64()) for name in COLUMNS if name != "clip")]
)


def of_part(data: Path, part: str, said: tuple[Override, ...]) -> parts.Of:
    """What one part is decided from: tables in `data`, and what reviewers `said` of its clips."""
    mine = [asdict(override) for override in said if tables.part(override.clip) == part]
    digest = f"{parts.digest(measures.files(data, part))} {json.dumps(mine)}"
    clips = tables.count_rows(data / "download" / "ledger.parquet" / f"{part}.parquet")
    return parts.Of({"data": data, "said": mine}, digest, clips)


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Decide over the clips of the part `inputs["part"]`."""
    said = tuple(Override(**line) for line in inputs["said"])
    measured = measures.read(inputs["data"], inputs["minimum_s"], said, part=inputs["part"])
    decisions = decide(measured, Select.model_validate(inputs["thresholds"]))
    write(out, decisions, list(measured.clips["clip"]))
    tables.write(out / FACES_FILE, pd.DataFrame(measured.company), FACES)
    stale = sum(override.stale for override in measured.overrides)
    (out / TOLD_FILE).write_text(json.dumps({"stale": stale}))


def write(out: Path, decisions: Decisions, came_in: list[str]) -> None:
    """Write what was decided as three tables, a file each, into the folder `out`."""
    tables.write(out / SPANS_FILE, decisions.spans, ledger.SPANS)
    ledger.write_frames(out / FRAMES_FILE, "select", decisions.frames)
    ledger.write_clips(out / LEDGER_FILE, "select", decisions.clips, came_in, whole=True)
