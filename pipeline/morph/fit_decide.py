"""What of select's spans is left once frames whose fit is poor are cut out; pure, no files.

A frame that select carried over (bridged) was not good to begin with and is not judged again; as
many poor frames on end as select would bridge stay inside a span, marked as what they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.morph.params import Fit

FPS = 30.0
_TOLERANCE_S = 1e-6
# With types, so that a dataset of which nothing is left has the same columns.
_NO_SPANS = pd.DataFrame(
    {
        "clip": pd.Series(dtype=object),
        "span": pd.Series(dtype=int),
        "start_frame": pd.Series(dtype=int),
        "end_frame": pd.Series(dtype=int),
        "vocalization": pd.Series(dtype=object),
        "bridged": pd.Series(dtype=int),
    }
)
_NO_FRAMES = pd.DataFrame(
    {
        "clip": pd.Series(dtype=object),
        "frame": pd.Series(dtype=int),
        "reason": pd.Series(dtype=object),
        "measure": pd.Series(dtype=object),
        "measured": pd.Series(dtype=float),
        "threshold": pd.Series(dtype=float),
        "op": pd.Series(dtype=object),
    }
)

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Decided:
    """What became of spans, frames and clips."""

    spans: pd.DataFrame
    """clip, span, start_frame, end_frame, vocalization, bridged"""
    frames: pd.DataFrame
    """clip, frame, reason, measure, measured, threshold, op: frames that were judged."""
    clips: list[ClipRow]


def decide(poses: pd.DataFrame, spans: pd.DataFrame, bridged: pd.DataFrame, params: Fit) -> Decided:
    """Judge every frame of every span.

    Args:
        poses: clip, frame, residual_mm (nan where nothing could be fitted), all frames of a clip.
        spans: select's spans of the clips in `poses`.
        bridged: clip, frame of frames that select carried over.
        params: thresholds.
    """
    residuals = {str(clip): rows.to_numpy(float) for clip, rows in _by_clip(poses, "residual_mm")}
    carried = {str(clip): rows.to_numpy(int) for clip, rows in _by_clip(bridged, "frame")}
    left: list[pd.DataFrame] = []
    said: list[pd.DataFrame] = []
    records: list[dict[Any, Any]] = spans.sort_values(["clip", "start_frame"]).to_dict("records")
    for row in records:
        clip, frame = str(row["clip"]), np.arange(row["start_frame"], row["end_frame"])
        residual, free = residuals[clip][frame], np.isin(frame, carried.get(clip, []))
        good = (residual <= params.max_residual_mm) & ~free
        runs = joined(good, free, params.max_gap_frames)
        kept = runs[_length_s(runs) >= params.min_span_s - _TOLERANCE_S]
        weak = [int((~good[start:end]).sum()) for start, end in kept]
        table = pd.DataFrame(kept + frame[0], columns=["start_frame", "end_frame"])
        left.append(table.assign(clip=clip, vocalization=row["vocalization"], bridged=weak))
        said.append(_said(residual, good, runs, params).assign(clip=clip, frame=frame)[~free])
    table = pd.concat([_NO_SPANS, *left], ignore_index=True)
    table["span"] = table.groupby("clip").cumcount()
    frames = pd.concat([_NO_FRAMES, *said], ignore_index=True)
    rows = [_clip_row(str(clip), table, frames, params) for clip in sorted(set(spans["clip"]))]
    return Decided(table, frames, rows)


def _by_clip(table: pd.DataFrame, column: str) -> Iterable[tuple[Hashable, pd.Series]]:
    return table.groupby("clip")[column]


def _length_s(runs: NDArray[np.int64]) -> NDArray[np.float64]:
    return (runs[:, 1] - runs[:, 0]) / FPS


def _said(
    residual: NDArray[np.float64], good: Bools, runs: NDArray[np.int64], params: Fit
) -> pd.DataFrame:
    """What is said of each frame of one span."""
    length_s = np.full(len(good), np.inf)
    for (start, end), run_s in zip(runs, _length_s(runs), strict=True):
        length_s[start:end] = run_s
    short = good & (length_s < params.min_span_s - _TOLERANCE_S)
    fitted = np.where(good, str(Reason.KEPT), str(Reason.FIT_POOR))
    return pd.DataFrame(
        {
            "reason": np.where(short, str(Reason.SPAN_TOO_SHORT), fitted),
            "measure": np.where(short, "span_s", "residual_mm"),
            "measured": np.where(short, length_s, residual),
            "threshold": np.where(short, params.min_span_s, params.max_residual_mm),
            "op": np.where(short, ">=", "<="),
        }
    )


def joined(good: Bools, free: Bools, max_gap_frames: int) -> NDArray[np.int64]:
    """Runs (R, 2), start and end, of good frames, over gaps with few poor frames in them.

    Frames that are `free` of judgement do not count: what select bridged never splits a span.
    """
    runs: list[tuple[int, int]] = []
    for index in np.flatnonzero(good):
        if runs and int((~free[runs[-1][1] : index]).sum()) <= max_gap_frames:
            runs[-1] = (runs[-1][0], int(index) + 1)
        else:
            runs.append((int(index), int(index) + 1))
    return np.array(runs, np.int64).reshape(-1, 2)


def _clip_row(clip: str, spans: pd.DataFrame, frames: pd.DataFrame, params: Fit) -> ClipRow:
    mine, judged = spans[spans["clip"] == clip], frames[frames["clip"] == clip]
    lengths_s = (mine["end_frame"] - mine["start_frame"]) / FPS
    poor = int((judged["reason"] == str(Reason.FIT_POOR)).sum())
    words = f"longest span, s; {poor} of {len(judged)} frames lie off too far"
    if len(mine):
        # 30 frames at 30 fps are 1 s, whatever floats say.
        longest_s = max(float(lengths_s.max()), params.min_span_s)
        return ClipRow(clip, Reason.KEPT, longest_s, params.min_span_s, ">=", detail=words)
    return ClipRow(clip, Reason.FIT_POOR, 0.0, params.min_span_s, ">=", detail=words)
