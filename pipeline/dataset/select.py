"""The select stage: thresholds to kept spans.

data/select/spans.parquet    clip, span, start_frame, end_frame, vocalization, bridged
data/select/frames.parquet   the ledger of frames: which gate decided, value, threshold
data/select/faces.parquet    clip, moves_with_sound, rival_likeness, rival_moves
data/select/ledger.parquet   the ledger of clips
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, tables
from pipeline.core.reasons import State
from pipeline.core.stage import Stage, Summary
from pipeline.dataset import measures, overrides
from pipeline.dataset.company import COLUMNS
from pipeline.dataset.decide import Decisions, decide, reviewed_in_vain
from pipeline.dataset.params import Select

OVERRIDES = Path("data") / "overrides.csv"
SPANS = pa.schema(
    [
        ("clip", pa.string()),
        ("span", pa.int32()),
        ("start_frame", pa.int32()),
        ("end_frame", pa.int32()),
        ("vocalization", pa.string()),
        ("bridged", pa.int32()),
    ]
)
FACES = pa.schema(
    [("clip", pa.string()), *((name, pa.float64()) for name in COLUMNS if name != "clip")]
)


def run(stage: Stage[Select]) -> Summary:
    """Decide over everything that was measured, and write what was decided."""
    said = overrides.read(stage.root / OVERRIDES)
    minimum_s = {kind.name: kind.min_s for kind in stage.everything.vocalizations}
    measured = measures.read(stage.root / "data", minimum_s, said)
    decisions = decide(measured, stage.params)
    out = stage.fresh_out()
    write(out, decisions, list(measured.clips["clip"]))
    tables.write(out / "faces.parquet", pd.DataFrame(measured.company), FACES)
    return Summary(
        seen=len(decisions.clips),
        kept=sum(row.state is State.KEPT for row in decisions.clips),
        dropped=ledger.dropped(decisions.clips),
        extra=", ".join(
            [
                _spans_in_words(decisions.spans, len(decisions.frames)),
                *_overrides_in_words(said, measured, stage.params),
            ]
        ),
    )


def write(out: Path, decisions: Decisions, came_in: list[str]) -> None:
    """Write the three tables of the stage into the folder `out`."""
    tables.write(out / "spans.parquet", decisions.spans, SPANS)
    ledger.write_frames(out / "frames.parquet", "select", decisions.frames)
    ledger.write_clips(out / "ledger.parquet", "select", decisions.clips, came_in)


def _spans_in_words(spans: pd.DataFrame, frames: int) -> str:
    inside = int((spans["end_frame"] - spans["start_frame"]).sum())
    return f"{len(spans):,} spans, {inside:,} of {frames:,} frames"


def _overrides_in_words(
    said: tuple[overrides.Override, ...], measured: measures.Tables, thresholds: Select
) -> Iterator[str]:
    if stale := sum(override.stale for override in measured.overrides):
        done = "applied" if thresholds.stale_overrides == "apply" else "not applied"
        yield f"{stale} stale overrides {done}"
    if idle := reviewed_in_vain(said, measured):
        yield f"{len(idle)} overrides of clips that are not here"
