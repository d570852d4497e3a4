"""The ledger: for every stage one row a clip, and one a frame where frames were judged.

    clip       stage   state     reason        measured  threshold  op   backend    detail
    nursery_3  select  rejected  mouth_hidden  0.21      0.75       >=   mediapipe

Read `measured op threshold` as the rule; it is true of what was kept and false of what was not.
No clock, host or path stands in a ledger: the same run writes the same bytes anywhere.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
FATE = ["clip", "state"]
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
"""Frames start_frame to end_frame (exclusive) that are kept together; so many of them bridged."""

_OWN = [name for name in CLIPS.names if name not in ("stage", "state", "reason")]
_SAID = ["clip", "reason", "measure", "op"]
_COMPARED = {"frame": np.int64, "measured": np.float64, "threshold": np.float64}


@dataclass(frozen=True, slots=True)
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


def write_clips(
    path: Path, stage: str, rows: Iterable[ClipRow], came_in: Iterable[str], whole: bool = False
) -> None:
    """Write a stage's clip ledger, sorted by clip, in parts unless it should be one file.

    Raises:
        LedgerError: see `of_clips`.
    """
    table = of_clips(stage, rows, came_in)
    if whole:
        tables.write(path, table)
    else:
        tables.write_parts(path, table.to_pandas(), CLIPS)


def of_clips(stage: str, rows: Iterable[ClipRow], came_in: Iterable[str]) -> pa.Table:
    """A stage's clip ledger, or that of the clips of one part, sorted by clip.

    Raises:
        LedgerError: what came in is not what went out: a clip is missing, doubled or foreign, a
            reason does not belong to the stage, or a row's rule says the opposite of its state.
    """
    ordered = sorted(rows, key=lambda row: row.clip)
    _same_clips(stage, [row.clip for row in ordered], list(came_in))
    for row in ordered:
        _check(stage, row)
    known = {name: [getattr(row, name) for row in ordered] for name in _OWN}
    for name in ("measured", "threshold"):
        known[name] = [None if x is None or x != x else x for x in known[name]]
    known["stage"] = [stage] * len(ordered)
    known["state"] = [row.state.value for row in ordered]
    known["reason"] = [str(row.reason) for row in ordered]
    return pa.table(known, schema=CLIPS)


def write_frames(path: Path, stage: str, frames: pd.DataFrame) -> None:
    """Write a stage's frame ledger, or a part of it, as one file, sorted by clip and frame.

    Args:
        path: where to.
        stage: who judged.
        frames: columns clip, frame, reason and, where a measure decided, measure, measured,
            threshold, op; words may be coded.

    Raises:
        LedgerError: a frame is doubled, a reason does not belong to the stage, or a row's rule says
            the opposite of its state.
    """
    words = {name: _coded(frames, name) for name in _SAID}
    numbers = {
        name: frames[name].to_numpy(kind) if name in frames else np.full(len(frames), np.nan)
        for name, kind in _COMPARED.items()
    }
    order = _order(stage, words["clip"], numbers["frame"])
    if order is not None:
        words = {name: _Words(it.codes[order], it.names) for name, it in words.items()}
        numbers = {name: it[order] for name, it in numbers.items()}
    reasons = [Reason.named(name) for name in words["reason"].names]
    for number in np.flatnonzero(np.bincount(words["reason"].codes, minlength=1)).tolist():
        _belongs(stage, reasons[number])
    _frames_keep_their_rules(stage, words, numbers, reasons)
    words["state"] = _Words(words["reason"].codes, [it.state.value for it in reasons])
    words["stage"] = _Words(np.zeros(len(frames), np.int8), [stage])
    columns = [
        words[it.name].column
        if it.name in words
        else pa.array(numbers[it.name], it.type, from_pandas=True)
        for it in FRAMES
    ]
    tables.write(path, pa.table(columns, schema=FRAMES))


def read_clips(path: Path, clips: Collection[str] | None = None) -> pd.DataFrame:
    """Read a clip ledger, or of it only the rows of some `clips`."""
    return tables.read(path, clips=clips)


def kept(path: Path, clips: Collection[str] | None = None) -> list[str]:
    """Ids of the clips that a stage kept, sorted; of some `clips` only where they are given."""
    return sorted(kept_of(tables.arrow(path, FATE, clips)))


def kept_of(rows: pa.Table) -> set[str]:
    """Ids of the clips that a ledger's rows, by the columns FATE, keep."""
    states = zip(rows["clip"].to_pylist(), rows["state"].to_pylist(), strict=True)
    return {clip for clip, state in states if state == State.KEPT}


def tally(path: Path) -> tuple[int, Counter[str]]:
    """How many clips a stage kept, and for which reasons it dropped the others."""
    rows = tables.arrow(path, ["clip", "state", "reason"])
    states = Counter(zip(rows["state"].to_pylist(), rows["reason"].to_pylist(), strict=True))
    reasons: Counter[str] = Counter()
    for (state, reason), count in states.items():
        reasons[reason] += count * (state != State.KEPT)
    return states.total() - reasons.total(), +reasons


def extent(path: Path) -> tuple[int, int]:
    """How many spans a table of them holds, and how many frames they hold together."""
    spans = tables.arrow(path, ["start_frame", "end_frame"])
    start, end = (tables.values(spans[name], np.int64) for name in ("start_frame", "end_frame"))
    return len(spans), int((end - start).sum())


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


@dataclass(frozen=True)
class _Words:
    """A column of few different words: the place of each in `names`, or -1 where there is none."""

    codes: NDArray
    names: list[str]

    @property
    def column(self) -> pa.Array:
        """The words themselves."""
        none = self.codes < 0
        known = pa.array(self.codes, pa.int32(), mask=none if none.any() else None)
        names = pa.array(self.names, pa.string())
        return pa.DictionaryArray.from_arrays(known, names).dictionary_decode()


def _coded(frames: pd.DataFrame, name: str) -> _Words:
    if name not in frames:
        return _Words(np.full(len(frames), -1), [])
    coded = frames[name].astype("category").cat
    return _Words(coded.codes.to_numpy(), [str(it) for it in coded.categories])


def _order(stage: str, clips: _Words, frame: NDArray) -> NDArray[np.int64] | None:
    """The order of frames by clip, or None where they have it already."""
    by_name = np.argsort(np.argsort(np.array(clips.names, object)))
    place = (by_name[clips.codes] if len(by_name) else clips.codes).astype(np.int64)
    number = place * (int(frame.max(initial=0)) + 1) + frame
    if (np.diff(number) > 0).all():
        return None
    order = np.argsort(number, kind="stable")
    if not np.diff(number[order]).all():
        raise LedgerError(f"{stage}: a frame is judged twice")
    return order


def _frames_keep_their_rules(
    stage: str, words: Mapping[str, _Words], numbers: Mapping[str, NDArray], reasons: list[Reason]
) -> None:
    # A bridged frame failed its gate and is kept all the same, which its reason says.
    kept = np.array([it.state is State.KEPT and it is not Reason.BRIDGED for it in reasons], bool)
    expected = kept[words["reason"].codes] if reasons else np.zeros(0, bool)
    measured, threshold = numbers["measured"], numbers["threshold"]
    known = ~(np.isnan(measured) | np.isnan(threshold))
    for number, op in enumerate(words["op"].names):
        holds = OPERATORS[op](measured, threshold)
        wrong = np.flatnonzero(known & (words["op"].codes == number) & (holds != expected))
        if len(wrong):
            n, clips = wrong[0], words["clip"]
            raise LedgerError(
                f"{stage}: rule and state disagree in {len(wrong)} frames, first in frame "
                f"{numbers['frame'][n]} of {clips.names[clips.codes[n]]}: "
                f"{reasons[words['reason'].codes[n]]}, {measured[n]:g} {op} {threshold[n]:g}"
            )
