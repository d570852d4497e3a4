"""What is decided of the fits of one part's clips, as the same part of the stage's tables.

clips.parquet    clip, fit_key, focal_px, age, residual_px, residual_mm, fitted_frames, kept_frames
frames.parquet   the ledger of frames
spans.parquet    what is left of select's spans
ledger.parquet   the ledger of clips
told.json        how many frames were fitted poorly
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, parts, tables
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.store import Failure
from pipeline.morph import fit_decide, fit_tables
from pipeline.morph.params import Fit

CLIPS_FILE, FRAMES_FILE, SPANS_FILE = "clips.parquet", "frames.parquet", "spans.parquet"
LEDGER_FILE, TOLD_FILE = "ledger.parquet", "told.json"
CLIPS = pa.schema(
    [
        ("clip", pa.string()),
        ("fit_key", pa.string()),
        ("focal_px", pa.float64()),
        ("age", pa.float64()),
        ("residual_px", pa.float64()),
        ("residual_mm", pa.float64()),
        ("fitted_frames", pa.int32()),
        ("kept_frames", pa.int32()),
    ]
)
TABLES = {
    CLIPS_FILE: CLIPS,
    FRAMES_FILE: ledger.FRAMES,
    SPANS_FILE: ledger.SPANS,
    LEDGER_FILE: ledger.CLIPS,
}


def of_part(selected: Path, part: str, clips: Mapping[str, Any], fitted: Path | None) -> parts.Of:
    """What one part is decided from.

    Args:
        selected: the folder of select's tables.
        part: its name.
        clips: by id, face_key, and either fit_key or what `failed` says of a fit that failed.
        fitted: the folder of what `fit_tables` made of this part; None where every fit failed.
    """
    spans, frames = (selected / name / f"{part}.parquet" for name in (SPANS_FILE, FRAMES_FILE))
    # The keys of the fits are the digest of what was made of them.
    digest = f"{parts.digest([spans, frames])} {json.dumps(clips)}"
    inputs = {"clips": dict(clips), "fitted": fitted, "spans": spans, "frames": frames}
    return parts.Of(inputs, digest, len(clips))


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Judge the fits of the clips in `inputs["clips"]`, and write the part of each table."""
    clips, params = inputs["clips"], Fit.model_validate(inputs["params"])
    fitted = [clip for clip, it in clips.items() if it["fit_key"]]
    poses = _made(inputs["fitted"], fit_tables.POSES_FILE, fit_tables.POSES)
    spans = tables.read(inputs["spans"])
    bridged = _bridged(inputs["frames"])
    decided = fit_decide.decide(
        poses,
        spans[spans["clip"].isin(fitted)],
        bridged[bridged["clip"].isin(fitted)],
        params,
    )
    about = _made(inputs["fitted"], fit_tables.ABOUT_FILE, fit_tables.ABOUT)
    tables.write(out / CLIPS_FILE, _about(about, clips, decided.spans), CLIPS)
    tables.write(out / SPANS_FILE, decided.spans, ledger.SPANS)
    ledger.write_frames(out / FRAMES_FILE, "fit", decided.frames)
    rows = _rows(clips, decided.clips, *inputs["backend"])
    ledger.write_clips(out / LEDGER_FILE, "fit", rows, clips, whole=True)
    poor = int((decided.frames["reason"] == str(Reason.FIT_POOR)).sum())
    (out / TOLD_FILE).write_text(json.dumps({"poor": poor}))


def _made(folder: Path | None, name: str, schema: pa.Schema) -> pd.DataFrame:
    return schema.empty_table().to_pandas() if folder is None else tables.read(folder / name)


def _bridged(path: Path) -> pd.DataFrame:
    """clip and frame of frames that select carried over."""
    rows = tables.arrow(path, ["clip", "frame", "reason"])
    where = np.flatnonzero(tables.numbers([str(Reason.BRIDGED)], rows["reason"]) == 0)
    return rows.take(pa.array(where)).select(["clip", "frame"]).to_pandas()


def _about(about: pd.DataFrame, clips: Mapping[str, Any], spans: pd.DataFrame) -> pd.DataFrame:
    length = (spans["end_frame"] - spans["start_frame"]).groupby(spans["clip"]).sum()
    return about.assign(
        fit_key=[clips[clip]["fit_key"] for clip in about["clip"]],
        kept_frames=about["clip"].map(length).fillna(0).astype(int),
    )


def _rows(
    clips: Mapping[str, Any], decided: list[ClipRow], backend: str, digest: str
) -> list[ClipRow]:
    failed = [
        ClipRow.of(clip, Failure.told(it["failed"])) for clip, it in clips.items() if it["failed"]
    ]
    return [
        replace(
            row,
            backend=backend,
            backend_digest=digest,
            input_digest=clips[row.clip]["face_key"],
        )
        for row in [*decided, *failed]
    ]
