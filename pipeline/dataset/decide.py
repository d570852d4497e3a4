"""The decision in tables: a verdict for every frame, span and clip, with the value that gave it.

What is decided, and in which order rules are asked, stands in `weigh`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset import gates, overrides, spans
from pipeline.dataset.gates import FRAME_GATES, PASSED, VOICE_GATES, Floats
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.weigh import NO_RULE, NUMBER, REASONS, RULES, Weighed, weigh


@dataclass(frozen=True)
class Decisions:
    """What was decided of every span, frame and clip."""

    spans: pd.DataFrame
    """clip, span, start_frame, end_frame, vocalization, bridged"""
    frames: pd.DataFrame
    """clip, frame, reason, measure, measured, threshold, op: one row a frame."""
    clips: list[ClipRow]
    """One row a clip."""


@dataclass(frozen=True)
class Blame:
    """What dropped most frames of each clip.

    Short spans are blamed only where nothing else dropped a frame: what is too short has been cut
    short by something.
    """

    kinds: list[tuple[Reason, int]]
    """K reasons with the rule that gave them, or NO_RULE."""
    kind: NDArray[np.int64]
    """(C,) which of them, or -1 where no frame was dropped."""
    frames: NDArray[np.int64]
    """(C,) frames that were dropped for its reason."""


def decide(tables: Tables, thresholds: Select) -> Decisions:
    """Decide over a whole dataset at once."""
    weighed = weigh(tables, thresholds)
    frames = _frame_table(weighed)
    return Decisions(_span_table(weighed), frames, _clip_rows(weighed, frames))


def reasons(weighed: Weighed) -> list[Reason]:
    """(C,) what became of each clip."""
    blame = _blame(weighed)
    found = [
        Reason.SPAN_TOO_SHORT if kind < 0 else blame.kinds[kind][0] for kind in blame.kind.tolist()
    ]
    for number in np.flatnonzero(_by_voice(weighed)).tolist():
        found[number] = VOICE_GATES[weighed.voice[number]].reason
    for number in np.flatnonzero(_stays(weighed)).tolist():
        found[number] = Reason.KEPT
    return found


def _span_table(weighed: Weighed) -> pd.DataFrame:
    tables, kept = weighed.tables, weighed.kept
    clip = tables.clip_of_frame[kept.start]
    first = tables.first[clip]
    # Spans come clip after clip, so each is numbered from the first of its own.
    number = np.arange(len(clip)) - np.searchsorted(clip, clip)
    return pd.DataFrame(
        {
            "clip": tables.clips["clip"][clip],
            "span": number,
            "start_frame": kept.start - first,
            "end_frame": kept.end - first,
            "vocalization": tables.clips["vocalization"][clip],
            "bridged": spans.count(weighed.reason == NUMBER[Reason.BRIDGED], kept),
        }
    )


def _frame_table(weighed: Weighed) -> pd.DataFrame:
    measures = list(dict.fromkeys(measure for measure, _ in RULES))
    operators = list(dict.fromkeys(op for _, op in RULES))
    measure_of = np.array([measures.index(measure) for measure, _ in RULES] + [NO_RULE])
    operator_of = np.array([operators.index(op) for _, op in RULES] + [NO_RULE])
    rule = _decisive(weighed)
    measured, threshold = _compared(weighed, rule)
    # A dropped frame whose value could not be taken still names the measure and the limit.
    return pd.DataFrame(
        {
            "clip": _coded(weighed.tables.clip_of_frame, list(weighed.tables.clips["clip"])),
            "frame": weighed.tables.frame,
            "reason": _coded(weighed.reason, [str(r) for r in REASONS]),
            "measure": _coded(measure_of[rule], measures),
            "measured": measured,
            "threshold": threshold,
            "op": _coded(operator_of[rule], operators),
        }
    )


def _decisive(weighed: Weighed) -> NDArray[np.int8]:
    """(N,) the rule that a frame broke or, where it broke none, came closest to breaking."""
    nearest = gates.closest(FRAME_GATES, weighed.tables.frames, weighed.thresholds)
    broke = gates.judge(FRAME_GATES, weighed.tables.frames, weighed.thresholds) != PASSED
    broke |= np.repeat(weighed.voice != PASSED, weighed.tables.counts)
    # What is kept by a reviewer's word alone passed nothing.
    passed = (weighed.reason == NUMBER[Reason.KEPT]) & ~broke
    return np.where(passed, nearest, weighed.rule)


def _compared(weighed: Weighed, rule: NDArray[np.int8]) -> tuple[Floats, Floats]:
    """(N,) value and limit of each frame's rule."""
    measured, threshold = np.full(len(rule), np.nan), np.full(len(rule), np.nan)
    for number in range(len(RULES)):
        where = np.flatnonzero(rule == number)
        if len(where):
            measured[where], threshold[where] = weighed.compared(number, where)
    return measured, threshold


def _coded(codes: NDArray, names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(names, dtype=object))


def _clip_rows(weighed: Weighed, frames: pd.DataFrame) -> list[ClipRow]:
    """What became of every clip, with the value that decided it."""
    tables, thresholds = weighed.tables, weighed.thresholds
    stays, by_voice = _stays(weighed), _by_voice(weighed)
    by_frames = _blamed_rows(weighed, frames["measured"].to_numpy(), frames["threshold"].to_numpy())
    longest_s = _longest_s(weighed)
    said = {override.clip: override for override in tables.overrides}
    rows = []
    for number, (name, digest) in enumerate(
        zip(tables.clips["clip"].tolist(), tables.clips["input_digest"].tolist(), strict=True)
    ):
        if stays[number]:
            row = _kept_row(name, longest_s[number], thresholds.min_span_s)
        elif by_voice[number]:
            row = _voice_row(name, number, weighed)
        else:
            row = by_frames[number]
        words = [row.detail, _said(said[name], thresholds) if name in said else ""]
        detail = "; ".join(filter(None, words))[:200]
        rows.append(replace(row, input_digest=digest, detail=detail))
    return rows


def _stays(weighed: Weighed) -> NDArray[np.bool_]:
    """(C,) whether anything of a clip is kept."""
    tables = weighed.tables
    return np.bincount(tables.clip_of_frame[weighed.kept.start], minlength=len(tables)) > 0


def _by_voice(weighed: Weighed) -> NDArray[np.bool_]:
    """(C,) whether a clip is dropped for its voice, and not by a reviewer."""
    tables = weighed.tables
    dropped = np.flatnonzero(weighed.word == overrides.DROP)
    overruled = np.bincount(tables.clip_of_frame[dropped], minlength=len(tables)) == tables.counts
    return (weighed.voice != PASSED) & ~overruled & ~_stays(weighed)


def _said(override: overrides.Override, thresholds: Select) -> str:
    idle = override.stale and thresholds.stale_overrides == "ignore"
    return f"not applied: {override}" if idle else str(override)


def _kept_row(name: str, longest_s: float, min_span_s: float) -> ClipRow:
    measured = max(longest_s, min_span_s)  # 30 frames at 30 fps are 1 s whatever floats say
    return ClipRow(name, Reason.KEPT, measured, min_span_s, ">=", detail="span_s, the longest")


def _voice_row(name: str, number: int, weighed: Weighed) -> ClipRow:
    gate = VOICE_GATES[weighed.voice[number]]
    return ClipRow(
        name,
        gate.reason,
        _or_none(weighed.tables.voice[gate.measure][number]),
        float(getattr(weighed.thresholds, gate.threshold)),
        gate.op,
        detail=gate.measure,
    )


def _longest_s(weighed: Weighed) -> NDArray[np.float64]:
    longest, kept = np.zeros(len(weighed.tables)), weighed.kept
    clip = weighed.tables.clip_of_frame[kept.start]
    np.maximum.at(longest, clip, (kept.end - kept.start) / FPS)
    return longest


def _blame(weighed: Weighed) -> Blame:
    return _blamed(weighed, *_dropped(weighed))


def _dropped(weighed: Weighed) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    """Frames (D,) that were dropped, the kind (D,) that each is of, and what kinds there are.

    A kind is a reason with its rule, as one number.
    """
    where = np.flatnonzero(~weighed.stays)
    code = weighed.reason[where].astype(np.int64) * (len(RULES) + 1) + weighed.rule[where] + 1
    present = np.flatnonzero(np.bincount(code))
    kind_of_code = np.zeros(present.max(initial=0) + 1, np.int64)
    kind_of_code[present] = np.arange(len(present))
    return where, kind_of_code[code], present.tolist()


def _blamed(
    weighed: Weighed, where: NDArray[np.int64], kind: NDArray[np.int64], codes: list[int]
) -> Blame:
    kinds = [
        (REASONS[code // (len(RULES) + 1)], code % (len(RULES) + 1) + NO_RULE) for code in codes
    ]
    if not kinds:
        nothing = np.zeros(len(weighed.tables), np.int64)
        return Blame([], nothing - 1, nothing)
    clip = weighed.tables.clip_of_frame[where].astype(np.int64)
    counts = np.bincount(clip * len(kinds) + kind, minlength=len(weighed.tables) * len(kinds))
    counts = counts.reshape(-1, len(kinds))
    # One reason may stand in two rules, as being turned away does: sideways, and up or down.
    alike = np.array([[one[0] is other[0] for other in kinds] for one in kinds])
    in_all = counts @ alike.astype(np.int64)
    own = np.array([reason is not Reason.SPAN_TOO_SHORT for reason, _ in kinds])
    most = int(in_all.max()) + 1
    worth = np.where(counts > 0, (own * most + in_all) * most + counts, -1)
    worst = worth.argmax(axis=1)
    one = np.arange(len(worst))
    return Blame(kinds, np.where(worth[one, worst] < 0, -1, worst), in_all[one, worst])


def _blamed_rows(weighed: Weighed, measured: Floats, threshold: Floats) -> list[ClipRow]:
    """For every clip, the rule that dropped most of its frames, with the median of its values."""
    where, kind, codes = _dropped(weighed)
    blame = _blamed(weighed, where, kind, codes)
    clip = weighed.tables.clip_of_frame[where]
    decisive = where[kind == blame.kind[clip]]
    of_clip = weighed.tables.clip_of_frame[decisive]
    middle = _medians(of_clip, measured[decisive], len(weighed.tables))
    limit = np.full(len(weighed.tables), np.nan)
    limit[of_clip] = threshold[decisive]
    names, counts = weighed.tables.clips["clip"].tolist(), weighed.tables.counts.tolist()
    return [
        _blamed_row(name, f"{blame.frames[n]} of {counts[n]} frames", kind, middle[n], limit[n])
        for n, (name, kind) in enumerate(
            zip(names, (blame.kinds[k] if k >= 0 else None for k in blame.kind), strict=True)
        )
    ]


def _blamed_row(
    name: str, share: str, kind: tuple[Reason, int] | None, measured: float, threshold: float
) -> ClipRow:
    if kind is None:
        return ClipRow(name, Reason.SPAN_TOO_SHORT, detail="span_s, the clip has no frames")
    reason, rule = kind
    if rule == NO_RULE:
        return ClipRow(name, reason, detail=share)
    measure, op = RULES[rule]
    detail = f"{measure}, {share}"
    return ClipRow(name, reason, _or_none(measured), _or_none(threshold), op, detail=detail)


def _medians(group: NDArray, values: Floats, count: int) -> Floats:
    """(count,) median of the values (V,) of each group, nan where it has none."""
    known = ~np.isnan(values)
    group, values = group[known], values[known]
    order = np.lexsort((values, group))
    group, values = group[order], values[order]
    low, high = (np.searchsorted(group, np.arange(count), side) for side in ("left", "right"))
    size = high - low
    padded = np.append(values, np.nan)
    last = len(values)
    below = np.where(size > 0, low + (size - 1) // 2, last)
    above = np.where(size > 0, low + size // 2, last)
    return (padded[below] + padded[above]) / 2


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
