"""What other thresholds would keep: decided anew from what was measured, and written nowhere.

after = thresholds(before, ["select.min_mouth_visible=0.6"])
change = compare(tables, before, after)
change.flips            clip, vocalization, source, before, after, entering_s, leaving_s
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from pipeline.core.errors import ParamsError
from pipeline.core.params import fit
from pipeline.core.reasons import Reason
from pipeline.dataset.decide import reasons
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.weigh import Scales

SECTION = "select"
MOST_STEPS = 1000


@dataclass(frozen=True)
class Outcome:
    """What one set of thresholds keeps."""

    inside: NDArray[np.bool_]
    """(N,) whether a frame is in a span that is kept."""
    reasons: list[str]
    """(C,) of each clip."""
    spans: int

    @property
    def clips(self) -> int:
        """How many clips are kept."""
        return sum(reason == Reason.KEPT for reason in self.reasons)

    @property
    def kept_s(self) -> float:
        """How much is kept, in seconds."""
        return float(self.inside.sum()) / FPS


@dataclass(frozen=True)
class Change:
    """What differs between two sets of thresholds."""

    before: Outcome
    after: Outcome
    flips: pd.DataFrame
    """A row for every clip of which anything enters or leaves, or whose reason changes."""

    def by(self, column: str) -> pd.DataFrame:
        """Clips that differ, and seconds that enter and leave, by a column of `flips`."""
        groups = self.flips.groupby(column, sort=True)
        summed = groups.agg(
            clips=("clip", "size"), entering_s=("entering_s", "sum"), leaving_s=("leaving_s", "sum")
        )
        return summed.reset_index()


def thresholds(before: Select, words: Sequence[str]) -> Select:
    """Thresholds with changes such as `select.min_mouth_visible=0.6`.

    Raises:
        ParamsError: a word is no such change; all that are wrong are named.
    """
    changed = before.model_dump()
    for word in words:
        key, value = _split(word)
        changed[key] = yaml.safe_load(value)
    return fit(changed, Select, "what-if: " + SECTION)


def steps(word: str) -> tuple[str, list[float]]:
    """A sweep such as `select.max_yaw_deg=20:60:5` as its key and values, both ends included.

    Raises:
        ParamsError: it does not say first:last:step, or more steps than anybody would read.
    """
    key, values = _split(word)
    try:
        first, last, step = (float(part) for part in values.split(":"))
        count = int(np.floor((last - first) / step + 1e-9)) + 1
    except (ValueError, ZeroDivisionError):
        raise ParamsError(f"{word}: should be select.NAME=FIRST:LAST:STEP") from None
    if not 1 <= count <= MOST_STEPS:
        raise ParamsError(f"{word}: {count} steps; 1 to {MOST_STEPS} are allowed")
    return key, [round(first + step * number, 10) for number in range(count)]


def outcome(scales: Scales, chosen: Select) -> Outcome:
    """What `chosen` keeps."""
    weighed = scales.weigh(chosen)
    return Outcome(weighed.stays, [str(reason) for reason in reasons(weighed)], len(weighed.kept))


def compare(tables: Tables, sources: pd.Series, before: Select, after: Select) -> Change:
    """Decide with both; `sources` names each clip's source, by clip."""
    scales = Scales(tables)
    was, would = outcome(scales, before), outcome(scales, after)
    entering = _seconds(tables, would.inside & ~was.inside)
    leaving = _seconds(tables, was.inside & ~would.inside)
    names = pd.Series(tables.clips["clip"])
    table = pd.DataFrame(
        {
            "clip": names,
            "vocalization": tables.clips["vocalization"],
            "source": names.map(sources),
            "before": was.reasons,
            "after": would.reasons,
            "entering_s": entering,
            "leaving_s": leaving,
        }
    )
    moved = (entering > 0) | (leaving > 0) | (table["before"] != table["after"])
    return Change(was, would, table[moved].reset_index(drop=True))


def _seconds(tables: Tables, frames: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(C,) how much of each clip some frames (N,) are."""
    clip = tables.clip_of_frame[np.flatnonzero(frames)]
    return np.bincount(clip, minlength=len(tables)) / FPS


def _split(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    section, dot, key = name.partition(".")
    if not (equals and dot) or section != SECTION or key not in Select.model_fields:
        allowed = ", ".join(f"{SECTION}.{field}" for field in Select.model_fields)
        raise ParamsError(f"{word}: should be NAME=VALUE, with NAME one of: {allowed}")
    return key, value
