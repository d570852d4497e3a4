"""The decision: measurements and thresholds in, a verdict for every frame, span and clip out.

Nothing is read, written or measured here, so the same function serves the stage, a sweep over
thresholds, and the question what would have been if.

A frame is judged in this order: a reviewer's word; the gates of its own picture; the gates of its
clip's voice; the rules of spans. A frame that fails is kept all the same, as `bridged`, where the
gap that it lies in is short.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset import gates, overrides, spans
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Judged
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.spans import Runs

Bools = NDArray[np.bool_]

RULES: tuple[tuple[str, str], ...] = (
    *((gate.measure, gate.op) for gate in (*FRAME_GATES, *VOICE_GATES)),
    ("span_s", ">="),
    ("voice_in_span_s", ">="),
)
"""Every (measure, op) that a frame can be judged by."""
VOICE_RULE = len(FRAME_GATES)
SPAN_RULE = VOICE_RULE + len(VOICE_GATES)
SPAN_VOICE_RULE = SPAN_RULE + 1
NO_RULE = -1

REASONS = tuple(Reason)
NUMBER = {reason: number for number, reason in enumerate(REASONS)}
STAYS = (NUMBER[Reason.KEPT], NUMBER[Reason.BRIDGED])


@dataclass(frozen=True)
class Decisions:
    """What was decided of every span, frame and clip."""

    spans: pd.DataFrame
    """clip, span, start_frame, end_frame, vocalization, bridged"""
    frames: pd.DataFrame
    """clip, frame, reason, measure, measured, threshold, op: one row a frame."""
    clips: list[ClipRow]
    """One row a clip."""


@dataclass
class Verdicts:
    """One verdict a frame of the grid, (N,) each."""

    reason: NDArray[np.int8]
    """Place in REASONS."""
    rule: NDArray[np.int8]
    """Place in RULES, or NO_RULE."""
    measured: NDArray[np.float64]
    threshold: NDArray[np.float64]

    def put(
        self,
        where: Bools,
        reason: Reason,
        rule: int = NO_RULE,
        measured: NDArray[np.float64] | float = np.nan,
        threshold: NDArray[np.float64] | float = np.nan,
    ) -> None:
        """Give the frames `where` one reason; values are scalars or (N,)."""
        self.reason[where] = NUMBER[reason]
        self.rule[where] = rule
        self.measured[where] = np.broadcast_to(measured, where.shape)[where]
        self.threshold[where] = np.broadcast_to(threshold, where.shape)[where]


@dataclass(frozen=True)
class Weighed:
    """What a decision comes to, before it is put into tables."""

    verdicts: Verdicts
    voice: Judged
    word: NDArray[np.int8]
    """(N,) what a reviewer said of each frame."""
    kept: Runs
    """Spans that are kept."""

    @property
    def stays(self) -> Bools:
        """(N,) whether a frame is kept."""
        return np.isin(self.verdicts.reason, STAYS)


def decide(tables: Tables, thresholds: Select) -> Decisions:
    """Decide over a whole dataset at once."""
    weighed = weigh(tables, thresholds)
    return Decisions(
        _span_table(tables, weighed.kept, weighed.verdicts),
        _frame_table(tables, weighed.verdicts),
        clip_rows(tables, thresholds, weighed),
    )


def weigh(tables: Tables, thresholds: Select) -> Weighed:
    """Decide without writing anything out: what questions of what if are asked with."""
    face = gates.judge(FRAME_GATES, tables.frames, thresholds)
    voice = gates.judge(VOICE_GATES, tables.voice, thresholds)
    word = overrides.paint(
        in_force(tables, thresholds),
        dict(zip(tables.clips["clip"], range(len(tables.clips)), strict=True)),
        tables.first,
    )
    passed = face.passed & voice.passed[tables.clip_of_frame]
    good = (passed | (word == overrides.KEEP)) & (word != overrides.DROP)
    verdicts = _gates_say(tables, face, voice, word, good)
    return Weighed(verdicts, voice, word, _spans_say(tables, thresholds, verdicts, word, good))


def in_force(tables: Tables, thresholds: Select) -> list[overrides.Override]:
    """What reviewers said that still holds."""
    every = thresholds.stale_overrides == "apply"
    return [override for override in tables.overrides if every or not override.stale]


def _gates_say(
    tables: Tables, face: Judged, voice: Judged, word: NDArray[np.int8], good: Bools
) -> Verdicts:
    clip = tables.clip_of_frame
    verdicts = Verdicts(
        np.full(len(good), NUMBER[Reason.KEPT], np.int8),
        face.closest.copy(),
        face.measured.copy(),
        face.threshold.copy(),
    )
    for number, gate in enumerate(FRAME_GATES):
        verdicts.reason[face.gate == number] = NUMBER[gate.reason]
    for number, gate in enumerate(VOICE_GATES):
        where = face.passed & (voice.gate[clip] == number)
        measured, threshold = voice.measured[clip], voice.threshold[clip]
        verdicts.put(where, gate.reason, VOICE_RULE + number, measured, threshold)
    verdicts.put(good & (verdicts.reason != NUMBER[Reason.KEPT]), Reason.KEPT)
    verdicts.put(word == overrides.DROP, Reason.OVERRULED)
    return verdicts


def _spans_say(
    tables: Tables, thresholds: Select, verdicts: Verdicts, word: NDArray[np.int8], good: Bools
) -> Runs:
    clip_of_frame, first = tables.clip_of_frame, tables.first
    shot_of_frame = tables.shot_of_frame
    found = spans.bridge(
        spans.runs(good, shot_of_frame),
        shot_of_frame,
        # What a reviewer dropped is never carried over.
        word == overrides.DROP,
        thresholds.max_gap_frames,
    )
    clip = clip_of_frame[found.start]
    length_s = (found.end - found.start) / FPS
    needed_s = tables.clips["min_event_s"].to_numpy(float)[clip]
    voice_s = spans.voice_inside_s(found, clip, first, tables.events, FPS)
    # A reviewer who keeps enough frames for a span answers for the voice in it as well.
    vouched_s = _count(word == overrides.KEEP, found) / FPS
    vouched = vouched_s >= thresholds.min_span_s - spans.TOLERANCE_S
    long = length_s >= thresholds.min_span_s - spans.TOLERANCE_S
    heard = (voice_s >= needed_s - spans.TOLERANCE_S) | vouched

    of_frame = found.number_of_frame(len(good))
    inside = np.flatnonzero(of_frame != NO_RULE)

    def spread(values: NDArray) -> NDArray:
        laid = np.full(len(good), np.nan)
        laid[inside] = values[of_frame[inside]]
        return laid

    verdicts.put(
        good & (spread(long) == 0),
        Reason.SPAN_TOO_SHORT,
        SPAN_RULE,
        spread(length_s),
        thresholds.min_span_s,
    )
    for reason, why in (
        (Reason.NO_INFANT_VOICE, voice_s <= spans.TOLERANCE_S),
        (Reason.TOO_SHORT, voice_s > spans.TOLERANCE_S),
    ):
        verdicts.put(
            good & (spread(long & ~heard & why) == 1),
            reason,
            SPAN_VOICE_RULE,
            spread(voice_s),
            spread(needed_s),
        )
    kept = long & heard
    verdicts.reason[~good & (spread(kept) == 1)] = NUMBER[Reason.BRIDGED]
    return found.where(kept)


def _count(mask: Bools, found: Runs) -> NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(mask)])
    return total[found.end] - total[found.start]


def _span_table(tables: Tables, kept: Runs, verdicts: Verdicts) -> pd.DataFrame:
    clip = tables.clip_of_frame[kept.start]
    first = tables.first[clip]
    table = pd.DataFrame(
        {
            "clip": tables.clips["clip"].to_numpy(object)[clip],
            "start_frame": kept.start - first,
            "end_frame": kept.end - first,
            "vocalization": tables.clips["vocalization"].to_numpy(object)[clip],
            "bridged": _count(verdicts.reason == NUMBER[Reason.BRIDGED], kept),
        }
    )
    table.insert(1, "span", table.groupby("clip").cumcount())
    return table


def _frame_table(tables: Tables, verdicts: Verdicts) -> pd.DataFrame:
    measures = list(dict.fromkeys(measure for measure, _ in RULES))
    operators = list(dict.fromkeys(op for _, op in RULES))
    measure_of = np.array([measures.index(measure) for measure, _ in RULES] + [NO_RULE])
    operator_of = np.array([operators.index(op) for _, op in RULES] + [NO_RULE])
    # A dropped frame whose value could not be taken still names the measure and the limit.
    return pd.DataFrame(
        {
            "clip": _coded(tables.clip_of_frame, list(tables.clips["clip"])),
            "frame": tables.frame,
            "reason": _coded(verdicts.reason, [str(r) for r in REASONS]),
            "measure": _coded(measure_of[verdicts.rule], measures),
            "measured": verdicts.measured,
            "threshold": verdicts.threshold,
            "op": _coded(operator_of[verdicts.rule], operators),
        }
    )


def _coded(codes: NDArray, names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(names, dtype=object))


def clip_rows(tables: Tables, thresholds: Select, weighed: Weighed) -> list[ClipRow]:
    """What became of every clip, with the value that decided it."""
    voice, word, kept = weighed.voice, weighed.word, weighed.kept
    clip, counts = tables.clip_of_frame, tables.counts
    stays = np.bincount(clip[kept.start], minlength=len(counts)) > 0
    overruled = np.bincount(clip[word == overrides.DROP], minlength=len(counts)) == counts
    by_voice = ~voice.passed & ~overruled & ~stays
    by_frames = _dominating(tables, weighed.verdicts)
    longest = _longest_s(kept, clip, len(counts))
    said = {override.clip: override for override in tables.overrides}
    rows = []
    for number, (name, digest) in enumerate(
        zip(tables.clips["clip"].tolist(), tables.clips["input_digest"].tolist(), strict=True)
    ):
        if stays[number]:
            row = _kept_row(name, longest[number], thresholds.min_span_s)
        elif by_voice[number]:
            row = _voice_row(name, number, voice)
        else:
            row = by_frames[number]
        words = [row.detail, _said(said[name], thresholds) if name in said else ""]
        detail = "; ".join(filter(None, words))[:200]
        rows.append(replace(row, input_digest=digest, detail=detail))
    return rows


def _said(override: overrides.Override, thresholds: Select) -> str:
    idle = override.stale and thresholds.stale_overrides == "ignore"
    return f"not applied: {override}" if idle else str(override)


def _kept_row(name: str, longest_s: float, min_span_s: float) -> ClipRow:
    measured = max(longest_s, min_span_s)  # 30 frames at 30 fps are 1 s whatever floats say
    return ClipRow(name, Reason.KEPT, measured, min_span_s, ">=", detail="span_s, the longest")


def _voice_row(name: str, number: int, voice: Judged) -> ClipRow:
    gate = VOICE_GATES[voice.gate[number]]
    return ClipRow(
        name,
        gate.reason,
        _or_none(voice.measured[number]),
        float(voice.threshold[number]),
        gate.op,
        detail=gate.measure,
    )


def _longest_s(kept: Runs, clip: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    longest = np.zeros(count)
    np.maximum.at(longest, clip[kept.start], (kept.end - kept.start) / FPS)
    return longest


def _dominating(tables: Tables, verdicts: Verdicts) -> list[ClipRow]:
    """For every clip, the rule that dropped most of its frames, with the median of its values.

    Short spans are blamed only where nothing else dropped a frame: what is too short has been cut
    short by something.
    """
    table = pd.DataFrame(
        {
            "number": tables.clip_of_frame,
            "reason": verdicts.reason,
            "rule": verdicts.rule,
            "measured": verdicts.measured,
            "threshold": verdicts.threshold,
        }
    )
    table = table[~np.isin(verdicts.reason, STAYS)]
    groups = table.groupby(["number", "reason", "rule"], sort=True)
    blamed = groups.agg(
        frames=("reason", "size"), measured=("measured", "median"), threshold=("threshold", "first")
    ).reset_index()
    blamed["own"] = blamed["reason"] != NUMBER[Reason.SPAN_TOO_SHORT]
    # One reason may stand in two rules, as being turned away does: sideways, and up or down.
    blamed["in_all"] = blamed.groupby(["number", "reason"])["frames"].transform("sum")
    order = ["number", "own", "in_all", "frames"]
    blamed = blamed.sort_values(order, ascending=[True, False, False, False], kind="stable")
    worst = {int(row["number"]): row for row in blamed.drop_duplicates("number").to_dict("records")}
    return [
        _blamed_row(str(name), int(count), worst.get(number))
        for number, (name, count) in enumerate(
            zip(tables.clips["clip"].tolist(), tables.counts, strict=True)
        )
    ]


def _blamed_row(name: str, frames: int, worst: dict[Hashable, Any] | None) -> ClipRow:
    if worst is None:
        return ClipRow(name, Reason.SPAN_TOO_SHORT, detail="span_s, the clip has no frames")
    reason = REASONS[int(worst["reason"])]
    share = f"{worst['in_all']} of {frames} frames"
    if worst["rule"] == NO_RULE:
        return ClipRow(name, reason, detail=share)
    measure, op = RULES[int(worst["rule"])]
    measured, threshold = _or_none(worst["measured"]), _or_none(worst["threshold"])
    return ClipRow(name, reason, measured, threshold, op, detail=f"{measure}, {share}")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def reviewed_in_vain(
    said: Sequence[overrides.Override], tables: Tables
) -> list[overrides.Override]:
    """Overrides of clips that never came this far: unknown, withdrawn or rejected before."""
    known = set(tables.clips["clip"])
    return [override for override in said if override.clip not in known]
