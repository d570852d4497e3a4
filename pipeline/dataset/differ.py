"""What differs between two decisions about a dataset, and what made the difference.

    difference = Difference(old, new)
    difference.clips()     a row a clip of which the reason or the kept length is another
    difference.frames()    a row for each run of frames that were kept and are not, or that are now

A verdict hangs on three things: thresholds, what reviewers said, and what was measured. Each is put
back in turn; the first that brings the old verdict back made the difference. Each threshold is put
back by itself as well, so that the very one can be named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.dataset.decide import decide, reasons
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.weigh import REASONS, STAYS, Weighed, weigh

CLIPS = ["clip", "before", "after", "before_s", "after_s", "cause", "by", "detail"]
FRAMES = ["clip", "start_frame", "end_frame", "before", "after", "cause", "by"]


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

    @cached_property
    def weighed(self) -> Weighed:
        """What it comes to."""
        return weigh(self.tables, self.thresholds)

    @cached_property
    def verdicts(self) -> dict[str, tuple[str, float]]:
        """By clip: reason, and seconds that are kept."""
        kept, tables = self.weighed.kept, self.tables
        frames = kept.end - kept.start
        seconds = np.bincount(tables.clip_of_frame[kept.start], frames, len(tables)) / FPS
        said = zip(map(str, reasons(self.weighed)), seconds.round(6).tolist(), strict=True)
        return dict(zip(tables.place, said, strict=True))


Back = Callable[[State], bool]
"""Whether a verdict is again what it was."""


class Difference:
    """Two states of one project, side by side."""

    def __init__(self, old: State, new: State) -> None:
        self.old, self.new = old, new
        self.common = [clip for clip in new.tables.place if clip in old.tables.place]

    def clips(self) -> pd.DataFrame:
        """Clips whose reason, or length that is kept, is another; columns `CLIPS`, by clip."""
        rows = []
        for clip in sorted({*self.old.verdicts, *self.new.verdicts}):
            was, now = self.old.verdicts.get(clip), self.new.verdicts.get(clip)
            if was == now:
                continue
            if was is None or now is None:
                cause, by = (Cause.LEFT if now is None else Cause.ARRIVED), ""
            else:
                cause, by = self._blame(_same_verdict(clip, was), clip)
            (before, before_s), (after, after_s) = was or ("", 0.0), now or ("", 0.0)
            rows.append([clip, before, after, before_s, after_s, str(cause), by, self._rule(clip)])
        return pd.DataFrame(rows, columns=CLIPS)

    def frames(self) -> pd.DataFrame:
        """Runs of frames that were kept and are not, or the other way; columns `FRAMES`.

        Of clips that are in both, as far as both have frames.
        """
        rows = []
        for clip in self.common:
            was, now = _of_clip(self.old, clip), _of_clip(self.new, clip)
            until = min(len(was), len(now))
            was, now = was[:until], now[:until]
            flipped = np.isin(was, STAYS) != np.isin(now, STAYS)
            kind = np.where(flipped, was.astype(np.int64) * len(REASONS) + now, -1)
            edges = [0, *(np.flatnonzero(np.diff(kind)) + 1).tolist(), until]
            for start, end in pairwise(edges):
                if until and flipped[start]:
                    cause, by = self._blame(_same_frames(clip, start, was[start:end]), clip)
                    named = (str(REASONS[side[start]]) for side in (was, now))
                    rows.append([clip, start, end, *named, str(cause), by])
        return pd.DataFrame(rows, columns=FRAMES)

    def _blame(self, back: Back, clip: str) -> tuple[Cause, str]:
        """What made a difference, and which threshold or override, where one alone did."""
        for cause, there in self._put_back:
            if back(there):
                return cause, self._named(cause, back, clip)
        return Cause.TOGETHER, ""

    def _named(self, cause: Cause, back: Back, clip: str) -> str:
        if cause is Cause.THRESHOLDS:
            alone = [words for words, there in self._thresholds if back(there)]
            return alone[0] if alone else " with ".join(words for words, _ in self._thresholds)
        if cause is Cause.OVERRIDES:
            was, now = (
                [o for o in state.tables.overrides if o.clip == clip]
                for state in (self.old, self.new)
            )
            given = [f"override by {o}" for o in now if o not in was]
            taken = [f"no longer overruled by {o}" for o in was if o not in now]
            return "; ".join([*given, *taken])
        return ""

    @cached_property
    def _put_back(self) -> list[tuple[Cause, State]]:
        """The new state with one thing as it was; old measurements only of clips that both have."""
        old, new = self.old, self.new
        said = tuple(o for o in old.tables.overrides if o.clip in new.tables.place)
        unmeasured = tuple(o for o in new.tables.overrides if o.clip in old.tables.place)
        return [
            (Cause.THRESHOLDS, replace(new, thresholds=old.thresholds)),
            (Cause.OVERRIDES, replace(new, tables=replace(new.tables, overrides=said))),
            (
                Cause.MEASUREMENTS,
                State(replace(old.tables, overrides=unmeasured), new.thresholds),
            ),
        ]

    @cached_property
    def _thresholds(self) -> list[tuple[str, State]]:
        """Each threshold that is another, in words, and the new state with it alone put back."""
        was, now = self.old.thresholds, self.new.thresholds
        return [
            (
                f"select.{name} {getattr(was, name)} -> {getattr(now, name)}",
                replace(self.new, thresholds=now.model_copy(update={name: getattr(was, name)})),
            )
            for name in type(now).model_fields
            if getattr(was, name) != getattr(now, name)
        ]

    def _rule(self, clip: str) -> str:
        """The rule of the side that dropped it, in words."""
        for state in (self.old, self.new):
            if clip not in state.tables.place or state.verdicts[clip][0] == "kept":
                continue
            (row,) = decide(state.tables.alone(clip), state.thresholds).clips
            if row.threshold is None or row.measured is None:
                return row.detail
            measure = row.detail.split(",")[0]
            return f"{measure} {row.measured:.3g}, asked {row.op} {row.threshold:.3g}"
        return ""


def flips(old: State, new: State) -> pd.DataFrame:
    """Clips whose reason, or length that is kept, is another; columns `CLIPS`, by clip."""
    return Difference(old, new).clips()


def _same_verdict(clip: str, was: tuple[str, float]) -> Back:
    return lambda there: there.verdicts.get(clip) == was


def _same_frames(clip: str, start: int, was: NDArray[np.int8]) -> Back:
    """Whether frames from `start` on are kept or not as they were, for the same reasons."""
    return lambda there: np.array_equal(_of_clip(there, clip)[start : start + len(was)], was)


def _of_clip(state: State, clip: str) -> NDArray[np.int8]:
    """Reason of each frame of one clip."""
    first, end = state.tables.first[state.tables.place[clip] :][:2]
    return state.weighed.reason[first:end]
