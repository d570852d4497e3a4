"""Why a clip or a frame was kept or dropped, from the ledgers.

story = explain(read(data), "nursery_011")
print(in_words(story))

nursery_011 was rejected by select: mouth_hidden
  download   kept
  isolate    kept       embedded 3f9a01c2
  landmarks  kept       mediapipe 77b0d210
  select     rejected   mouth_hidden: mouth_visible 0.61 < 0.75, short of it by 0.14

frames 41-77 (1.37-2.60 s) mouth_hidden: mouth_visible 0.61 to 0.7 < 0.75; kept at
    select.min_mouth_visible <= 0.61
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.audit.read import FRAME_JUDGES, Account, Fate, Row
from pipeline.core.errors import CradleError
from pipeline.core.reasons import Reason, State
from pipeline.core.tables import floats, values
from pipeline.dataset.turning import DIGITS, Change, round_towards

FPS = 30.0
_BROKEN = {">=": "<", "<=": ">", ">": "<=", "<": ">="}
_SIGN = {">=": 1.0, ">": 1.0, "<=": -1.0, "<": -1.0}


@dataclass(frozen=True)
class Rule:
    """A comparison that decided: what is kept obeys `measure op threshold`."""

    measure: str
    measured: float | None
    threshold: float
    op: str

    @property
    def holds(self) -> bool:
        """Whether what was measured obeys."""
        if self.measured is None:
            return False
        small = self.op in ("<=", "<")
        return self.measured <= self.threshold if small else self.measured >= self.threshold

    @property
    def margin(self) -> float | None:
        """How far inside the rule the value lies, in its own unit; negative outside."""
        if self.measured is None:
            return None
        gap = self.measured - self.threshold
        return gap if self.op in (">=", ">") else -gap

    @property
    def turns_at(self) -> float | None:
        """The threshold, to a few digits, with which this value would just have obeyed."""
        if self.measured is None:
            return None
        return round_towards(self.measured, "<=" if self.op in (">=", ">") else ">=")

    def __str__(self) -> str:
        op = self.op if self.holds else _BROKEN[self.op]
        shown = "not measured" if self.measured is None else f"{self.measured:.{DIGITS}g}"
        return f"{self.measure} {shown} {op} {self.threshold:g}".strip()


@dataclass(frozen=True)
class Step:
    """What one stage said of the clip."""

    stage: str
    state: str
    reason: str
    rule: Rule | None
    backend: str
    backend_digest: str
    detail: str


@dataclass(frozen=True)
class FrameRun:
    """Frames one after the other that were judged alike."""

    stage: str
    start_frame: int
    end_frame: int
    """Exclusive."""
    reason: str
    rule: Rule | None
    """With the value furthest from being kept, or for kept frames the one closest to the limit."""
    best: float | None
    """The value at the other end."""
    changes: tuple[Change, ...] | None = None
    """What would have kept all of these frames, each change needed; None where it was not asked, or
    where no threshold could have."""

    @property
    def kept_at(self) -> float | None:
        """The threshold with which this rule would have let all of these frames pass."""
        if self.rule is None or Reason.named(self.reason).state is State.KEPT:
            return None
        return self.rule.turns_at


@dataclass(frozen=True)
class Story:
    """A clip's way through the stages."""

    clip: str
    stage: str
    state: str
    reason: str
    explanation: str
    vocalization: str
    frames: int
    steps: list[Step]
    runs: list[FrameRun]
    spans: list[tuple[int, int]]
    closest: list[Rule] = field(default_factory=list)
    """Of a kept clip: the rules with the least room left, the tightest first."""
    turning: list[str] = field(default_factory=list)
    """What would have turned it, when it was decided again with other thresholds."""
    together: list[str] = field(default_factory=list)
    """Where no one threshold could have: changes that would have kept it all together."""
    hopeless: bool = False
    """It was decided again with other thresholds, and kept with none."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        content = asdict(self)
        for run, told in zip(self.runs, content["runs"], strict=True):
            told["kept_at"] = run.kept_at
        return content


Mend = Callable[[FrameRun], Sequence[Change] | None]
"""Tells what would have kept a run of frames that were dropped."""


def explain(
    account: Account,
    clip: str,
    turning: Sequence[object] | None = None,
    mend: Mend | None = None,
    *,
    together: Sequence[object] = (),
    frames: bool = True,
) -> Story:
    """Tell a clip's way through the stages.

    Args:
        account: the run.
        clip: its id.
        turning: changes of thresholds that would have turned it, each saying so as text; none
            where it was not decided again.
        mend: what would have kept frames that were dropped.
        together: changes that would have turned it all together, each saying so as text.
        frames: whether to tell of its frames and spans as well, which takes reading them.

    Raises:
        CradleError: no stage has seen such a clip; similar names are suggested.
    """
    if clip not in account.fates:
        raise CradleError(f"no clip named {clip!r} in this run{_similar(clip, account)}")
    fate, about = account.fates[clip], account.about("download", clip)
    judges = FRAME_JUDGES if frames else ()
    runs = [mended(run, mend) for stage in judges for run in frame_runs(account, stage, clip)]
    return Story(
        clip,
        fate.stage,
        str(fate.row["state"]),
        str(fate.row["reason"]),
        Reason.named(str(fate.row["reason"])).explanation,
        str(about.get("vocalization", "")),
        int(about.get("frames", 0)),
        [_step(stage, row) for stage, row in account.said[clip].items()],
        runs,
        _spans(account, clip, fate) if frames else [],
        _closest(runs) if fate.kept else [],
        [str(point) for point in turning or ()],
        [str(change) for change in together],
        not (fate.kept or turning is None or turning or together),
    )


def frame_runs(account: Account, stage: str, clip: str) -> list[FrameRun]:
    """Frames of a clip as one stage judged them, joined where they were judged alike."""
    frames = account.frames(stage, clip)
    if not len(frames):
        return []
    pairs = zip(frames["reason"].to_pylist(), frames["measure"].to_pylist(), strict=True)
    # What is kept is one kind whichever rule came closest.
    kind = np.array([r if r == Reason.KEPT else f"{r} {m or ''}" for r, m in pairs])
    jumps = np.diff(values(frames["frame"], np.int64)) != 1
    edges = np.flatnonzero((kind[1:] != kind[:-1]) | jumps) + 1
    return [
        _run(stage, frames.slice(int(start), int(end - start)))
        for start, end in pairwise([0, *edges, len(kind)])
    ]


def mended(run: FrameRun, mend: Mend | None) -> FrameRun:
    """The run with what would have kept it, where that was asked and is known."""
    if mend is None or run.kept_at is None:
        return run
    changes = mend(run)
    return run if changes is None else replace(run, changes=tuple(changes))


def _run(stage: str, rows: pa.Table) -> FrameRun:
    measured, threshold = floats(rows, "measured"), floats(rows, "threshold")
    sign = np.array([_SIGN.get(op, np.nan) for op in rows["op"].to_pylist()])
    judged = np.flatnonzero(~np.isnan(sign) & ~np.isnan(threshold))
    rule, best = None, None
    if len(judged):
        room = (measured - threshold) * sign
        share = room / np.maximum(np.abs(threshold), 1e-6)
        ordered = judged[np.argsort(share[judged], kind="stable")]
        rule = rule_of(rows.slice(int(ordered[0]), 1).to_pylist()[0])
        best = _number(measured[ordered[-1]])
    frame = values(rows["frame"], np.int64)
    return FrameRun(
        stage, int(frame[0]), int(frame[-1]) + 1, str(rows["reason"][0].as_py()), rule, best
    )


def _step(stage: str, row: Row) -> Step:
    measure, rest = _measure(text_of(row["detail"]))
    rule = rule_of({**row, "measure": measure}) if text_of(row["op"]) else None
    return Step(
        stage,
        str(row["state"]),
        str(row["reason"]),
        rule,
        text_of(row["backend"]),
        text_of(row["backend_digest"]),
        rest if rule else text_of(row["detail"]),
    )


def in_short(stage: str, row: Row) -> str:
    """What a row of a ledger says decided, in a few words."""
    step = _step(stage, row)
    return "; ".join(part for part in (str(step.rule) if step.rule else "", step.detail) if part)


def _measure(detail: str) -> tuple[str, str]:
    """A ledger of clips has no column for the measure; its detail begins with it."""
    first, _, rest = detail.partition(",")
    return (first, rest.strip()) if re.fullmatch("[a-z0-9_]+", first) else ("", detail)


def _spans(account: Account, clip: str, fate: Fate) -> list[tuple[int, int]]:
    stage = "fit" if fate.stage in ("fit", "pack") else "select"
    spans = account.of_clip(stage, "spans", clip)
    if not len(spans):
        return []
    edges = (spans[name].to_pylist() for name in ("start_frame", "end_frame"))
    return list(zip(*edges, strict=True))


def _closest(runs: Sequence[FrameRun]) -> list[Rule]:
    tightest: dict[str, tuple[float, Rule]] = {}
    for run in runs:
        if run.reason != Reason.KEPT or run.rule is None or run.rule.margin is None:
            continue
        share = run.rule.margin / max(abs(run.rule.threshold), 1e-6)
        known = tightest.get(run.rule.measure)
        if known is None or share < known[0]:
            tightest[run.rule.measure] = (share, run.rule)
    ordered = sorted(tightest.values(), key=lambda pair: (pair[0], pair[1].measure))
    return [rule for _, rule in ordered[:3]]


def rule_of(row: Any) -> Rule | None:
    """The comparison that a row of a ledger states, if it states one."""
    threshold = _number(row["threshold"])
    if threshold is None:
        return None
    return Rule(text_of(row["measure"]), _number(row["measured"]), threshold, str(row["op"]))


def _similar(clip: str, account: Account) -> str:
    import difflib

    near = difflib.get_close_matches(clip, account.fates, 3)
    return f"; did you mean {', '.join(near)}?" if near else f", which has {len(account.fates)}"


def _number(value: Any) -> float | None:
    return None if _unknown(value) else float(value)


def text_of(value: Any) -> str:
    """A cell as text; nothing where nothing is known."""
    return "" if _unknown(value) else str(value)


def _unknown(value: Any) -> bool:
    # nan is the one value that differs from itself.
    return value is None or value != value
