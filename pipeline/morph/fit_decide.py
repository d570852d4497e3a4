"""What of select's spans is left once frames whose fit is poor are cut out; pure, no files.

A frame that select carried over (bridged) was not good to begin with and is not judged again; as
many poor frames on end as select would bridge stay inside a span, marked as what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
Columns = Mapping[str, Any]


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
    residuals, carried = _by_clip(poses, "residual_mm"), _by_clip(bridged, "frame")
    left: list[Columns] = []
    said: list[Columns] = []
    records: list[dict[Any, Any]] = spans.sort_values(["clip", "start_frame"]).to_dict("records")
    for row in records:
        clip, frame = str(row["clip"]), np.arange(row["start_frame"], row["end_frame"])
        residual, free = residuals[clip][frame], np.isin(frame, carried.get(clip, []))
        good = (residual <= params.max_residual_mm) & ~free
        runs = joined(good, free, params.max_gap_frames)
        kept = runs[_length_s(runs) >= params.min_span_s - _TOLERANCE_S]
        weak = [int((~good[start:end]).sum()) for start, end in kept]
        edges = {"start_frame": kept[:, 0] + frame[0], "end_frame": kept[:, 1] + frame[0]}
        words = {"clip": clip, "vocalization": row["vocalization"]}
        left.append({**words, **edges, "bridged": weak})
        told = _said(residual, good, runs, params) | {"frame": frame}
        said.append({"clip": clip, **{name: values[~free] for name, values in told.items()}})
    table = _joined(left, _NO_SPANS)
    table["span"] = table.groupby("clip").cumcount()
    frames = _joined(said, _NO_FRAMES)
    return Decided(table, frames, _clip_rows(sorted(set(spans["clip"])), table, frames, params))


def _by_clip(table: pd.DataFrame, column: str) -> dict[str, NDArray]:
    return {str(clip): rows.to_numpy() for clip, rows in table.groupby("clip")[column]}


def _joined(found: Sequence[Columns], empty: pd.DataFrame) -> pd.DataFrame:
    """Columns of many spans, one span after the other; a word is that of all rows of its span."""
    if not found:
        return empty.copy()
    counts = [len(next(x for x in part.values() if not isinstance(x, str))) for part in found]
    whole = {}
    for name in (name for name in empty.columns if name in found[0]):
        parts = [part[name] for part in found]
        if isinstance(parts[0], str):
            values = np.repeat(np.array(parts, object), counts)
        else:
            kind = np.dtype(str(empty[name].dtype))
            values = np.concatenate([np.asarray(part, kind) for part in parts])
        whole[name] = values
    return pd.DataFrame(whole)


def _length_s(runs: NDArray[np.int64]) -> NDArray[np.float64]:
    return (runs[:, 1] - runs[:, 0]) / FPS


def _said(
    residual: NDArray[np.float64], good: Bools, runs: NDArray[np.int64], params: Fit
) -> dict[str, NDArray]:
    """What is said of each frame of one span."""
    length_s = np.full(len(good), np.inf)
    for (start, end), run_s in zip(runs, _length_s(runs), strict=True):
        length_s[start:end] = run_s
    short = good & (length_s < params.min_span_s - _TOLERANCE_S)
    fitted = np.where(good, str(Reason.KEPT), str(Reason.FIT_POOR))
    return {
        "reason": np.where(short, str(Reason.SPAN_TOO_SHORT), fitted).astype(object),
        "measure": np.where(short, "span_s", "residual_mm").astype(object),
        "measured": np.where(short, length_s, residual),
        "threshold": np.where(short, params.min_span_s, params.max_residual_mm),
        "op": np.where(short, ">=", "<=").astype(object),
    }


def joined(good: Bools, free: Bools, max_gap_frames: int) -> NDArray[np.int64]:
    """Runs (R, 2), start and end, of good frames, over gaps with few poor frames in them.

    Frames that are `free` of judgement do not count: what select bridged never splits a span.
    """
    at = np.flatnonzero(good)
    if not len(at):
        return np.zeros((0, 2), np.int64)
    judged = np.concatenate([[0], np.cumsum(~free)])
    between = judged[at[1:]] - judged[at[:-1] + 1]
    edges = np.flatnonzero(between > max_gap_frames)
    starts, ends = np.append(at[:1], at[edges + 1]), np.append(at[edges], at[-1:]) + 1
    return np.stack([starts, ends], 1)


def _clip_rows(
    clips: Sequence[str], spans: pd.DataFrame, frames: pd.DataFrame, params: Fit
) -> list[ClipRow]:
    longest = (spans["end_frame"] - spans["start_frame"]).groupby(spans["clip"]).max().to_dict()
    judged = frames.groupby("clip").size().to_dict()
    off = frames["reason"] == str(Reason.FIT_POOR)
    poor = frames.loc[off, "clip"].value_counts().to_dict()
    return [
        _clip_row(str(clip), longest.get(clip), poor.get(clip, 0), judged.get(clip, 0), params)
        for clip in clips
    ]


def _clip_row(clip: str, longest: int | None, poor: int, judged: int, params: Fit) -> ClipRow:
    words = f"longest span, s; {poor} of {judged} frames lie off too far"
    if longest is not None:
        # 30 frames at 30 fps are 1 s, whatever floats say.
        longest_s = max(longest / FPS, params.min_span_s)
        return ClipRow(clip, Reason.KEPT, longest_s, params.min_span_s, ">=", detail=words)
    return ClipRow(clip, Reason.FIT_POOR, 0.0, params.min_span_s, ">=", detail=words)
