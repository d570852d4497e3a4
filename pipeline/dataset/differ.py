"""What differs between two decisions about a dataset, and what made the difference.

A verdict hangs on three things: thresholds, what reviewers said, and what was measured. Each is put
back in turn; the first that brings the old verdict back made the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import pandas as pd

from pipeline.dataset.decide import decide
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select


class Cause(StrEnum):
    """What made a difference."""

    THRESHOLDS = "thresholds"
    OVERRIDES = "overrides"
    MEASUREMENTS = "measurements"
    TOGETHER = "several of these together"
    ARRIVED = "arrived"
    LEFT = "left"


@dataclass(frozen=True)
class State:
    """Everything that a decision hangs on."""

    tables: Tables
    thresholds: Select

    def verdicts(self) -> pd.DataFrame:
        """By clip: reason, measured, threshold, op, detail, kept_s."""
        decided = decide(self.tables, self.thresholds)
        columns = ("clip", "reason", "measured", "threshold", "op", "detail")
        rows = [[getattr(row, name) for name in columns] for row in decided.clips]
        table = pd.DataFrame(rows, columns=list(columns)).astype({"reason": str}).set_index("clip")
        spans = decided.spans
        length_s = (spans["end_frame"] - spans["start_frame"]) / FPS
        table["kept_s"] = length_s.groupby(spans["clip"].astype(str)).sum()
        return table.fillna({"kept_s": 0.0})


def flips(old: State, new: State) -> pd.DataFrame:
    """Clips whose reason, or length that is kept, is another: clip, before, after, seconds, cause.

    Returns:
        columns clip, before, after, before_s, after_s, cause, detail; by clip.
    """
    was, now = old.verdicts(), new.verdicts()
    back = {cause: state.verdicts() for cause, state in _put_back(old, new)}
    rows = []
    for clip in sorted({*was.index, *now.index}):
        if clip not in was.index or clip not in now.index:
            cause = Cause.ARRIVED if clip in now.index else Cause.LEFT
        elif _same(was.loc[clip], now.loc[clip]):
            continue
        else:
            mended = (c for c, there in back.items() if _same(was.loc[clip], there.loc[clip]))
            cause = next(mended, Cause.TOGETHER)
        rows.append([clip, *_sides(was, now, clip), str(cause), _detail(was, now, clip)])
    names = ["clip", "before", "after", "before_s", "after_s", "cause", "detail"]
    return pd.DataFrame(rows, columns=names)


def _put_back(old: State, new: State) -> Iterator[tuple[Cause, State]]:
    """The new state with one thing as it was; old measurements only of clips that both have."""
    yield Cause.THRESHOLDS, replace(new, thresholds=old.thresholds)
    said = tuple(o for o in old.tables.overrides if o.clip in new.tables.place)
    yield Cause.OVERRIDES, replace(new, tables=replace(new.tables, overrides=said))
    unmeasured = tuple(o for o in new.tables.overrides if o.clip in old.tables.place)
    measured = State(replace(old.tables, overrides=unmeasured), new.thresholds)
    yield Cause.MEASUREMENTS, measured


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(one["reason"] == other["reason"] and abs(one["kept_s"] - other["kept_s"]) < 1e-6)


def _sides(was: pd.DataFrame, now: pd.DataFrame, clip: str) -> tuple[str, str, float, float]:
    reasons = [str(side.loc[clip, "reason"]) if clip in side.index else "" for side in (was, now)]
    lengths = [
        float(side.loc[clip, "kept_s"]) if clip in side.index else 0.0  # type: ignore[arg-type]
        for side in (was, now)
    ]
    return reasons[0], reasons[1], lengths[0], lengths[1]


def _detail(was: pd.DataFrame, now: pd.DataFrame, clip: str) -> str:
    """The rule of the side that dropped it, in words."""
    for side in (was, now):
        if clip in side.index and side.loc[clip, "reason"] != "kept":
            row = side.loc[clip]
            if pd.isna(row["threshold"]):
                return str(row["detail"])
            measure = str(row["detail"]).split(",")[0]
            return f"{measure} {row['measured']:.3g}, asked {row['op']} {row['threshold']:.3g}"
    return ""
