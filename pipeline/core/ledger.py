"""The ledger: for every stage one row a clip, and one a frame where frames were judged.

    clip       stage   state     reason        measured  threshold  op   backend    detail
    nursery_3  select  rejected  mouth_hidden  0.21      0.75       >=   mediapipe

Read `measured op threshold` as the rule; it is true of what was kept and false of what was not.
No clock, host or path stands in a ledger: the same run writes the same bytes anywhere.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline.core import tables
from pipeline.core.errors import LedgerError
from pipeline.core.reasons import Reason, State
from pipeline.core.store import Failure

if TYPE_CHECKING:
    import pandas as pd

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}

CLIPS = pa.schema(
    [
        ("clip", pa.string()),
        ("stage", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("measured", pa.float64()),
        ("threshold", pa.float64()),
        ("op", pa.string()),
        ("backend", pa.string()),
        ("backend_digest", pa.string()),
        ("input_digest", pa.string()),
        ("detail", pa.string()),
    ]
)
FRAMES = pa.schema(
    [
        ("clip", pa.string()),
        ("frame", pa.int32()),
        ("stage", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("measure", pa.string()),
        ("measured", pa.float64()),
        ("threshold", pa.float64()),
        ("op", pa.string()),
    ]
)


@dataclass(frozen=True)
class ClipRow:
    """What a stage says of one clip."""

    clip: str
    reason: Reason
    measured: float | None = None
    threshold: float | None = None
    op: str | None = None
    backend: str | None = None
    backend_digest: str | None = None
    input_digest: str | None = None
    detail: str = ""

    @property
    def state(self) -> State:
        """The state that the reason leads to."""
        return self.reason.state

    @classmethod
    def of(cls, clip: str, failure: Failure, **origin: str | None) -> ClipRow:
        """The row of a clip that could not be measured."""
        return cls(
            clip,
            failure.reason,
            failure.measured,
            failure.threshold,
            failure.op,
            detail=failure.detail,
            **origin,
        )


def write_clips(path: Path, stage: str, rows: Iterable[ClipRow], came_in: Iterable[str]) -> None:
    """Write a stage's clip ledger, sorted by clip.

    Raises:
        LedgerError: what came in is not what went out: a clip is missing, doubled or foreign, a
            reason does not belong to the stage, or a row's rule says the opposite of its state.
    """
    import pandas as pd

    ordered = sorted(rows, key=lambda row: row.clip)
    _same_clips(stage, [row.clip for row in ordered], list(came_in))
    for row in ordered:
        _check(stage, row)
    content = [{**vars(row), "stage": stage, "state": row.state.value} for row in ordered]
    frame = pd.DataFrame(content, columns=CLIPS.names)
    frame["reason"] = frame["reason"].map(str)
    tables.write(path, frame, CLIPS)


def write_frames(path: Path, stage: str, frames: pd.DataFrame) -> None:
    """Write a stage's frame ledger, sorted by clip and frame.

    Args:
        path: where to.
        stage: who judged.
        frames: columns clip, frame, reason and, where a measure decided, measure, measured,
            threshold, op.

    Raises:
        LedgerError: a frame is doubled, a reason does not belong to the stage, or a row's rule says
            the opposite of its state.
    """
    frames = frames.sort_values(["clip", "frame"], kind="stable").reset_index(drop=True)
    if frames.duplicated(["clip", "frame"]).any():
        raise LedgerError(f"{stage}: a frame is judged twice")
    reasons = {name: Reason.named(name) for name in frames["reason"].unique()}
    for reason in reasons.values():
        _belongs(stage, reason)
    state = frames["reason"].map({name: reason.state.value for name, reason in reasons.items()})
    frames = frames.assign(stage=stage, state=state).reindex(columns=FRAMES.names)
    _frames_keep_their_rules(stage, frames)
    tables.write(path, frames, FRAMES)


def read_clips(path: Path, clips: Collection[str] | None = None) -> pd.DataFrame:
    """Read a clip ledger, or of it only the rows of some `clips`."""
    return tables.read(path, clips=clips)


def kept(path: Path, clips: Collection[str] | None = None) -> list[str]:
    """Ids of the clips that a stage kept, sorted; of some `clips` only where they are given."""
    rows = tables.arrow(path, ["clip", "state"], clips)
    states = zip(rows["clip"].to_pylist(), rows["state"].to_pylist(), strict=True)
    return sorted(clip for clip, state in states if state == State.KEPT)


def dropped(rows: Iterable[ClipRow]) -> Counter[str]:
    """How many clips were not kept, by reason."""
    return Counter(str(row.reason) for row in rows if row.state is not State.KEPT)


def _same_clips(stage: str, out: list[str], came_in: list[str]) -> None:
    if Counter(out) == Counter(came_in):
        return
    missing = sorted(set(came_in) - set(out))[:5]
    foreign = sorted(set(out) - set(came_in))[:5]
    doubled = sorted(clip for clip, count in Counter(out).items() if count > 1)[:5]
    raise LedgerError(
        f"{stage}: {len(came_in)} clips came in and {len(out)} went out; "
        f"missing {missing}, foreign {foreign}, doubled {doubled}"
    )


def _check(stage: str, row: ClipRow) -> None:
    _belongs(stage, row.reason)
    if row.op is None or row.measured is None or row.threshold is None:
        return
    if row.op not in OPERATORS:
        raise LedgerError(f"{stage}: {row.clip}: operator {row.op!r} is not one of {[*OPERATORS]}")
    holds = OPERATORS[row.op](row.measured, row.threshold)
    if holds != (row.state is State.KEPT) and not np.isnan(row.measured):
        raise LedgerError(
            f"{stage}: {row.clip} is {row.state} for {row.reason}, but "
            f"{row.measured:g} {row.op} {row.threshold:g} is {holds}"
        )


def _belongs(stage: str, reason: Reason) -> None:
    if stage not in reason.stages:
        raise LedgerError(f"{stage}: may not say {reason}, which belongs to {reason.stages}")


def _frames_keep_their_rules(stage: str, frames: pd.DataFrame) -> None:
    for op, rows in frames.dropna(subset=["op", "measured", "threshold"]).groupby("op"):
        holds = OPERATORS[str(op)](rows["measured"], rows["threshold"])
        # A bridged frame failed its gate and is kept all the same, which its reason says.
        expected = (rows["state"] == State.KEPT) & (rows["reason"] != Reason.BRIDGED)
        wrong = rows[holds != expected]
        if len(wrong):
            raise LedgerError(f"{stage}: rule and state disagree:\n{wrong.head(3).to_string()}")
